package loginpage

import (
	"context"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/passcode-go/passcode/internal/seal"
)

// clientAddr returns the address of the client, or the zero Addr if the
// connection has none.
//
// What X-Forwarded-For says is read from its end, where the nearest proxy wrote,
// and only as far as trusted proxies wrote it: everything before that comes from
// the client, who can write there what it likes.
func clientAddr(r *http.Request, trusted []netip.Prefix) netip.Addr {
	addr := parseAddr(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && trusts(trusted, addr); i-- {
		hop := parseAddr(strings.TrimSpace(hops[i]))
		if !hop.IsValid() {
			break
		}
		addr = hop
	}
	return addr
}

// parseAddr reads an address with or without a port.
func parseAddr(s string) netip.Addr {
	if pair, err := netip.ParseAddrPort(s); err == nil {
		return pair.Addr().Unmap().WithZone("")
	}
	addr, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func trusts(trusted []netip.Prefix, addr netip.Addr) bool {
	for _, p := range trusted {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// limitWindow is how long requests of a client are counted together. Windows
// stand still: around the end of one, twice the limit gets through.
const limitWindow = 10 * time.Minute

// What is limited.
const (
	limitSends   = "sends"
	limitGuesses = "guesses"
)

// limited counts a request of a client, and returns for how long it has to wait
// if that was one too many. An error means that nobody knows.
func (p *Pages) limited(ctx context.Context, what string, limit int, client netip.Addr) (time.Duration, error) {
	if limit < 0 {
		return 0, nil
	}
	if client.Is6() {
		prefix, err := client.Prefix(64) // what one household has
		if err != nil {
			return 0, err
		}
		client = prefix.Addr()
	}
	now := p.now()
	window := now.UnixNano() / int64(limitWindow)
	end := time.Unix(0, (window+1)*int64(limitWindow))
	key := "login." + seal.Text(p.ring.Name(what, client.String())) + "." + strconv.FormatInt(window, 36)
	sum, err := p.options.Counters.Add(ctx, key, 1, end)
	if err != nil || sum <= int64(limit) {
		return 0, err
	}
	return end.Sub(now), nil
}

// maxCounters bounds the memory of the counters, at some 100 bytes each.
const maxCounters = 1 << 16

// memory is Counters in memory.
type memory struct {
	now    func() time.Time
	max    int
	mu     sync.Mutex
	counts map[string]count
}

type count struct {
	sum     int64
	expires time.Time
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, max: maxCounters, counts: make(map[string]count)}
}

// Add drops a few counters whose time is over. Where there are too many all the
// same, it drops a few others, whichever they are: who has so many addresses is
// not held up by this limit in any case.
func (m *memory) Add(_ context.Context, key string, delta int64, expires time.Time) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	looked := 0
	for k, c := range m.counts {
		if !c.expires.After(now) || len(m.counts) >= m.max {
			delete(m.counts, k)
		}
		if looked++; looked == 4 {
			break
		}
	}
	c := m.counts[key]
	if !c.expires.After(now) {
		c = count{}
	}
	c.sum += delta
	c.expires = expires
	m.counts[key] = c
	return c.sum, nil
}
