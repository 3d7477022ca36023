package servertest

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"testing"
)

// A port is one of the loopback interface on which nobody listens, kept from
// the other tests of the machine until it is given back.
//
// It is not one of those that systems give to outgoing connections, 32768 and
// up: a server that is down for a moment would find its place taken. And its UDP
// twin, which no server here wants, is bound as a sign to the other processes.
type port struct {
	number int
	sign   net.PacketConn
}

func reservePort() (port, error) {
	const first, count = 15000, 1 << 14
	var errs []error
	for range 100 {
		var pick [2]byte
		rand.Read(pick[:])
		p, err := tryPort(first + int(binary.BigEndian.Uint16(pick[:]))%count)
		if err == nil {
			return p, nil
		}
		errs = append(errs, err)
	}
	return port{}, fmt.Errorf("servertest: no free port: %w", errors.Join(errs...))
}

func tryPort(number int) (port, error) {
	addr := fmt.Sprintf("127.0.0.1:%d", number)
	sign, err := net.ListenPacket("udp", addr)
	if err != nil {
		return port{}, err
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		sign.Close()
		return port{}, err
	}
	return port{number, sign}, l.Close()
}

// giveBack lets others have the port. It does nothing the second time.
func (p *port) giveBack() {
	if p.sign != nil {
		p.sign.Close()
		p.sign = nil
	}
}

// FreePort returns a port of the loopback interface on which nobody listens. It
// is the test's until its end.
func FreePort(t testing.TB) int {
	t.Helper()
	p, err := reservePort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.giveBack)
	return p.number
}
