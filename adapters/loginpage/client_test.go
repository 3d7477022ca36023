package loginpage

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
	"time"
)

func TestClientAddr(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for _, c := range []struct {
		peer, forwarded string
		trusted         []netip.Prefix
		want            string
	}{
		{"203.0.113.7:1234", "", nil, "203.0.113.7"},
		{"203.0.113.7:1234", "1.2.3.4", nil, "203.0.113.7"},                 // nobody is trusted
		{"203.0.113.7:1234", "1.2.3.4", trusted, "203.0.113.7"},             // not a proxy
		{"10.0.0.1:1234", "", trusted, "10.0.0.1"},                          // a proxy that says nothing
		{"10.0.0.1:1234", "1.2.3.4", trusted, "1.2.3.4"},                    //
		{"10.0.0.1:1234", "6.6.6.6, 1.2.3.4", trusted, "1.2.3.4"},           // the client wrote 6.6.6.6
		{"10.0.0.1:1234", "10.9.9.9, 1.2.3.4", trusted, "1.2.3.4"},          // and pretends to be a proxy
		{"10.0.0.1:1234", "6.6.6.6,1.2.3.4 , 10.0.0.2", trusted, "1.2.3.4"}, // two proxies
		{"10.0.0.1:1234", "1.2.3.4:555", trusted, "1.2.3.4"},                //
		{"10.0.0.1:1234", "[2001:db8::1]:555", trusted, "2001:db8::1"},      //
		{"10.0.0.1:1234", "2001:db8::1", trusted, "2001:db8::1"},            //
		{"10.0.0.1:1234", "unknown", trusted, "10.0.0.1"},                   //
		{"10.0.0.1:1234", "6.6.6.6, unknown", trusted, "10.0.0.1"},          // what comes before is nobody's word
		{"10.0.0.1:1234", "1.2.3.4, , 10.0.0.2", trusted, "10.0.0.2"},       //
		{"[::ffff:203.0.113.7]:1", "", nil, "203.0.113.7"},                  // the same client in another form
		{"[fe80::1%eth0]:1", "", nil, "fe80::1"},                            //
		{"[fd00::1]:1", "10.0.0.3, 10.0.0.4", trusted, "10.0.0.3"},          // all of them proxies
		{"@", "1.2.3.4", trusted, "invalid IP"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{}}
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := clientAddr(r, c.trusted).String(); got != c.want {
			t.Errorf("%s, forwarded for %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
	// Two headers are one list.
	r := &http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"6.6.6.6", "1.2.3.4"}}}
	if got := clientAddr(r, trusted).String(); got != "1.2.3.4" {
		t.Errorf("two headers: %s", got)
	}
}

func TestMemory(t *testing.T) {
	t.Parallel()
	now := time.Unix(1e9, 0)
	m := newMemory(func() time.Time { return now })
	m.max = 100
	add := func(key string) int64 {
		sum, err := m.Add(t.Context(), key, 1, now.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return sum
	}
	if a, b, c := add("a"), add("a"), add("b"); a != 1 || b != 2 || c != 1 {
		t.Errorf("sums %d, %d, %d", a, b, c)
	}
	now = now.Add(time.Minute)
	if sum := add("a"); sum != 1 {
		t.Errorf("after its time: %d", sum)
	}
	for i := range 1000 {
		add(fmt.Sprint(i))
		if len(m.counts) > m.max {
			t.Fatalf("%d counters", len(m.counts))
		}
	}
	if len(m.counts) < m.max/2 {
		t.Errorf("%d counters are kept of %d", len(m.counts), m.max)
	}
	now = now.Add(time.Minute)
	for i := range 100 {
		add(fmt.Sprint("new", i%2))
	}
	if len(m.counts) > 4 {
		t.Errorf("%d counters are left", len(m.counts))
	}
}
