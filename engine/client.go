package engine

import (
	"crypto/subtle"
	"encoding/binary"
)

// A clientMAC is what a record keeps of the client that asked for a code. A
// part that was not known is zero.
type clientMAC struct {
	ip    [8]byte
	agent [8]byte
}

// clientTag separates this use of the index key from any other.
const clientTag = "passcode client 1"

// clientMAC digests a client. The nonce sets the digests of one code apart from
// those of any other, so that nobody can follow a client through the store.
func (s *keySet) clientMAC(subject string, n *nonce, c Client) (sum clientMAC) {
	m := s.index.Get().(*mac)
	defer s.index.Put(m)
	for _, part := range []struct {
		kind  byte
		value string
		out   []byte
	}{{1, c.IP, sum.ip[:]}, {2, c.UserAgent, sum.agent[:]}} {
		if part.value == "" {
			continue
		}
		m.in = append(m.in[:0], clientTag...)
		m.in = append(m.in, part.kind)
		m.in = append(m.in, subject...)
		m.in = append(m.in, n[:]...)
		m.in = binary.BigEndian.AppendUint32(m.in, uint32(len(part.value)))
		m.in = append(m.in, part.value...)
		m.sum()
		copy(part.out, m.out)
		clear(m.in)
	}
	return sum
}

// A clientCheck is what a guess asks of the client that asked for the code.
type clientCheck struct {
	client    Client
	ip, agent bool
}

func (c *clientCheck) match(keys *keySet, subject string, live *code) bool {
	now := keys.clientMAC(subject, &live.nonce, c.client)
	same := func(a, b [8]byte) bool {
		return a != [8]byte{} && subtle.ConstantTimeCompare(a[:], b[:]) == 1
	}
	return (!c.ip || same(now.ip, live.client.ip)) && (!c.agent || same(now.agent, live.client.agent))
}
