package smtpsender

import (
	"errors"
	"net"
)

// maxReply bounds what the server may say before it is asked again: a reply of
// many lines, or a TLS handshake, of which certificates are the largest part.
const maxReply = 64 << 10

var errReply = errors.New("the server's answer is longer than 64 KiB")

// A conn bounds what the server says. It lies under TLS. SMTP is turn by turn,
// so a write begins a turn. It is not for concurrent use, save SetDeadline.
type conn struct {
	net.Conn
	left int // of maxReply, in this turn
}

func (c *conn) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errReply
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

func (c *conn) Write(p []byte) (int, error) {
	c.left = maxReply
	return c.Conn.Write(p)
}
