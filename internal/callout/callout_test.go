package callout

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

func post(t *testing.T, c *Client, url string) (Answer, *delivery.Error) {
	t.Helper()
	return c.Post(t.Context(), url, http.Header{"X-Test": {"1"}}, []byte("code=123456"))
}

func wantKind(t *testing.T, e *delivery.Error, want delivery.Kind) {
	t.Helper()
	if e == nil || e.Kind != want || e.Reason == "" {
		t.Errorf("the error is %v, want %s with a reason", e, want)
	}
}

// What the provider may have read is Ambiguous, and sent once, on a new
// connection as on a used one.
func TestCutAfterReading(t *testing.T) {
	t.Parallel()
	for _, script := range []string{"x", "ax"} {
		p := newPeer(t, script+"aaaa")
		c := New(Config{})
		for range len(script) - 1 {
			if a, e := post(t, c, p.url()); e != nil || !a.OK() {
				t.Fatalf("%s: %+v, %v", script, a, e)
			}
		}
		_, e := post(t, c, p.url())
		wantKind(t, e, delivery.Ambiguous)
		if n := p.requests.Load(); int(n) != len(script) {
			t.Errorf("%s: the provider read %d requests", script, n)
		}
	}
}

// A connection that the provider closed while it was idle is no failure.
func TestClosedWhileIdle(t *testing.T) {
	t.Parallel()
	p := newPeer(t, "AAAA")
	c, conns := watch()
	for n := range 4 {
		if a, e := post(t, c, p.url()); e != nil || string(a.Body) != "ok" || !a.Whole {
			t.Fatalf("call %d: %+v, %v", n, a, e)
		}
		<-(<-conns).closed
	}
	if n := p.requests.Load(); n != 4 {
		t.Errorf("the provider read %d requests", n)
	}
}

// Nor is one to which nothing can be written any more: net/http takes another.
func TestNothingWritten(t *testing.T) {
	t.Parallel()
	p := newPeer(t, "aaaa")
	c, conns := watch()
	for n := range 2 {
		if a, e := post(t, c, p.url()); e != nil || !a.OK() {
			t.Fatalf("call %d: %+v, %v", n, a, e)
		}
		(<-conns).broken.Store(true)
	}
	if n := p.requests.Load(); n != 2 {
		t.Errorf("the provider read %d requests", n)
	}

	// If there is no other, it is known that nothing went out.
	p.Close()
	_, e := post(t, c, p.url())
	wantKind(t, e, delivery.Temporary)
}

// A connection serves many calls, one after the other.
func TestReuse(t *testing.T) {
	t.Parallel()
	p := newPeer(t, "aaa")
	c, conns := watch()
	for range 3 {
		if _, e := post(t, c, p.url()); e != nil {
			t.Fatal(e)
		}
	}
	if len(conns) != 1 {
		t.Errorf("3 calls made %d connections", len(conns))
	}
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	p := newPeer(t, "")
	p.Close()
	_, e := post(t, New(Config{}), p.url())
	wantKind(t, e, delivery.Temporary)
	if strings.Contains(e.Reason, "http://") {
		t.Errorf("the reason has the URL: %s", e.Reason)
	}
	_, e = post(t, New(Config{}), "http://host.invalid/")
	wantKind(t, e, delivery.Temporary)
	_, e = post(t, New(Config{}), "http://[::1")
	wantKind(t, e, delivery.Configuration)
}

func TestTimeIsUp(t *testing.T) {
	t.Parallel()
	p := newPeer(t, "h")
	c := New(Config{})

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, e := c.Post(ctx, p.url(), nil, nil)
	wantKind(t, e, delivery.Temporary)
	if n := p.requests.Load(); n != 0 {
		t.Errorf("%d requests went out after the time was up", n)
	}

	ctx, cancel = context.WithCancel(t.Context())
	go func() { <-p.read; cancel() }()
	_, e = c.Post(ctx, p.url(), http.Header{}, []byte("x"))
	wantKind(t, e, delivery.Ambiguous)

	// The client's own bound. On a busy machine the time may be up before the
	// request is out.
	for name, bounded := range map[string]func(time.Duration) Config{
		"Timeout":      func(d time.Duration) Config { return Config{Timeout: d} },
		"HTTP.Timeout": func(d time.Duration) Config { return Config{HTTP: &http.Client{Timeout: d}} },
	} {
		for limit := 50 * time.Millisecond; ; limit *= 2 {
			p := newPeer(t, "h")
			_, e := post(t, New(bounded(limit)), p.url())
			if p.requests.Load() > 0 {
				wantKind(t, e, delivery.Ambiguous)
				break
			}
			if limit > 10*time.Second {
				t.Fatalf("%s: the request never gets out", name)
			}
		}
	}

	// Nothing is sent before there is a connection.
	ctx, cancel = context.WithCancel(t.Context())
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		cancel()
		<-ctx.Done()
		return nil, ctx.Err()
	}
	c = New(Config{HTTP: &http.Client{Transport: &http.Transport{DialContext: dial}}})
	_, e = c.Post(ctx, p.url(), http.Header{}, []byte("x"))
	wantKind(t, e, delivery.Temporary)
}

// What can have gone out, by how far the request had come.
func TestWay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		steps string // g: asks for a connection, c: has one, w: has written to it
		late  bool   // the caller's time is up
		want  delivery.Kind
	}{
		"unknown":                 {"", false, delivery.Ambiguous},
		"waits":                   {"g", false, delivery.Temporary},
		"waits too long":          {"g", true, delivery.Temporary},
		"connected":               {"gc", false, delivery.Temporary},
		"about to write":          {"gc", true, delivery.Ambiguous},
		"written":                 {"gcw", false, delivery.Ambiguous},
		"tries again by itself":   {"gcwg", false, delivery.Ambiguous},
		"and is connected":        {"gcwgc", false, delivery.Ambiguous},
		"tries again, waits long": {"gcg", true, delivery.Ambiguous},
	} {
		ctx, cancel := context.WithCancel(t.Context())
		c := New(Config{HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			hooks := httptrace.ContextClientTrace(r.Context())
			for _, step := range tt.steps {
				switch step {
				case 'g':
					hooks.GetConn("")
				case 'c':
					hooks.GotConn(httptrace.GotConnInfo{})
				case 'w':
					hooks.WroteHeaders()
				}
			}
			if tt.late {
				cancel()
			}
			return nil, errors.New("no")
		})}})
		if _, e := c.Post(ctx, "https://example.com", http.Header{}, nil); e == nil || e.Kind != tt.want {
			t.Errorf("%s: %v, want %s", name, e, tt.want)
		}
		cancel()
	}
}

// Of a transport that tells nothing, nothing is known.
func TestUnknownTransport(t *testing.T) {
	t.Parallel()
	c := New(Config{HTTP: &http.Client{Transport: roundTripper(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("connection refused, or so it says")
	})}})
	_, e := post(t, c, "https://example.com")
	wantKind(t, e, delivery.Ambiguous)

	// One that tries again by itself: the second try says nothing about the first.
	p := newPeer(t, "x")
	tries := 0
	c = New(Config{HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := http.DefaultTransport.RoundTrip(r)
		for err != nil && tries == 0 {
			tries++
			p.Close()
			again := r.Clone(r.Context())
			again.Body, _ = r.GetBody()
			resp, err = http.DefaultTransport.RoundTrip(again)
		}
		return resp, err
	})}})
	_, e = post(t, c, p.url())
	if wantKind(t, e, delivery.Ambiguous); tries != 1 || p.requests.Load() != 1 {
		t.Errorf("%d tries, %d requests", tries, p.requests.Load())
	}
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("a redirect was followed")
	}))
	defer elsewhere.Close()
	status := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", elsewhere.URL)
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(status)
		if r.Header.Get("Cookie") != "" {
			t.Error("a cookie was kept")
		}
	}))
	defer s.Close()
	jar := roundJar{}
	for _, c := range []*Client{New(Config{}), New(Config{HTTP: &http.Client{Jar: jar}})} {
		for _, status = range []int{301, 302, 303, 307, 308} {
			if a, e := post(t, c, s.URL); e != nil || a.Status != status || KindOf(a.Status) != delivery.Configuration {
				t.Errorf("%d: %+v, %v", status, a, e)
			}
		}
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	z.Write(make([]byte, 10<<20))
	z.Close()
	for name, tt := range map[string]struct {
		handler http.HandlerFunc
		length  int
		whole   bool
	}{
		"none":    {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 0, true},
		"largest": {func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, MaxBody)) }, MaxBody, true},
		"1 MB":    {func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) }, MaxBody, false},
		"endless": {func(w http.ResponseWriter, _ *http.Request) {
			for {
				if _, err := w.Write(make([]byte, 1<<10)); err != nil {
					return
				}
			}
		}, MaxBody, false},
		"cut": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			io.WriteString(w, "12345")
		}, 5, false},
		"zipped": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(bomb.Bytes())
		}, MaxBody, false},
	} {
		s := httptest.NewServer(tt.handler)
		a, e := post(t, New(Config{}), s.URL)
		if e != nil || len(a.Body) != tt.length || a.Whole != tt.whole || !a.OK() {
			t.Errorf("%s: status %d, %d bytes, whole: %t, error %v", name, a.Status, len(a.Body), a.Whole, e)
		}
		s.Close()
	}
}

// Of a body that is too long no more is read than what shows that it is.
func TestReadsNoMore(t *testing.T) {
	t.Parallel()
	read := 0
	c := New(Config{HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		endless := readerFunc(func(b []byte) (int, error) {
			if read += len(b); read > 4*MaxBody {
				return 0, errors.New("enough")
			}
			return len(b), nil
		})
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(endless), Request: r}, nil
	})}})
	a, e := post(t, c, "https://example.com")
	if e != nil || len(a.Body) != MaxBody || a.Whole || read > MaxBody+1 {
		t.Errorf("%d of %d bytes, whole: %t, %v", len(a.Body), read, a.Whole, e)
	}
}

// A body that does not end is given up with the caller's time, but what came
// before is known.
func TestUnendingBody(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := New(Config{HTTP: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		wait := readerFunc(func([]byte) (int, error) {
			cancel()
			<-r.Context().Done()
			return 0, r.Context().Err()
		})
		body := io.NopCloser(io.MultiReader(strings.NewReader("12345"), wait))
		return &http.Response{StatusCode: 201, Header: http.Header{}, Body: body, Request: r}, nil
	})}})
	a, e := c.Post(ctx, "https://example.com", http.Header{}, []byte("x"))
	if e != nil || a.Status != 201 || string(a.Body) != "12345" || a.Whole {
		t.Errorf("%+v, %v", a, e)
	}
}

func TestEndlessHeader(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Long", strings.Repeat("x", 2*MaxBody))
	}))
	defer s.Close()
	_, e := post(t, New(Config{}), s.URL)
	wantKind(t, e, delivery.Ambiguous)
}

func TestScrub(t *testing.T) {
	t.Parallel()
	m := delivery.Message{Code: delivery.NewSecret("123456"), To: delivery.NewAddress("+12025550162"), Body: delivery.NewSecret("Your code is 123456.")}
	token := "EAAG/ab+c" + strings.Repeat("z", 600)
	c := New(Config{Provider: "acme", Secrets: []string{token, "", "hunter2"}})
	reason := "190: Malformed access token " + token + " or EAAG%2Fab%2Bc" + strings.Repeat("z", 600) + "\n to +1 (202) 555-0162: 123 456; hunter2"
	err := c.Scrub(&delivery.Error{Kind: delivery.Configuration, Reason: reason, RetryAfter: time.Second}, m)
	want := delivery.Error{Kind: delivery.Configuration, Provider: "acme", RetryAfter: time.Second,
		Reason: "190: Malformed access token [redacted] or [redacted]  to +[redacted]: [redacted]; [redacted]"}
	if e := (*delivery.Error)(nil); !errors.As(err, &e) || fmt.Sprint(*e) != fmt.Sprint(want) {
		t.Errorf("Scrub = %v\nwant %v", err, &want)
	}
}
