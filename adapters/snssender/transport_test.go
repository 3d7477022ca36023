package snssender

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sms "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"
	"github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/servertest"
)

// hijack has the connection for the test.
func hijack(do func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		do(conn)
	}
}

// Cut, garbled and endless answers: the request had gone out.
func TestNoAnswer(t *testing.T) {
	t.Parallel()
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n"
	endless := func(first, piece string) http.HandlerFunc {
		return hijack(func(c net.Conn) {
			fmt.Fprint(c, first)
			for range 64 << 20 / len(piece) {
				if _, err := fmt.Fprint(c, piece); err != nil {
					return
				}
			}
		})
	}
	for name, do := range map[string]http.HandlerFunc{
		"cut":                    hijack(func(net.Conn) {}),
		"cut in the head":        hijack(func(c net.Conn) { fmt.Fprint(c, "HTTP/1.1 200 O") }),
		"cut in the body":        hijack(func(c net.Conn) { fmt.Fprint(c, head+"Content-Length: 100\r\n\r\n{\"MessageId\"") }),
		"cut in a chunk":         hijack(func(c net.Conn) { fmt.Fprint(c, head+"Transfer-Encoding: chunked\r\n\r\nff\r\n{\"Mes") }),
		"not HTTP":               hijack(func(c net.Conn) { fmt.Fprintf(c, "550 5.7.1 %s %s\r\n", testTo, testCode) }),
		"endless head":           endless("HTTP/1.1 200 OK\r\nX: ", strings.Repeat("x", 4096)),
		"endless body":           endless(head+"\r\n", strings.Repeat(" ", 4096)),
		"endless string":         endless(head+"\r\n{\"MessageId\":\"", strings.Repeat("x", 4096)),
		"endless chunks":         endless(head+"Transfer-Encoding: chunked\r\n\r\n", "8\r\n        \r\n"),
		"deep":                   endless(head+"\r\n", strings.Repeat("[", 4096)),
		"informational for ever": endless("", strings.Repeat("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 100)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			c.do = do
			_, err := newSender(t, c.program(), Config{}).Send(t.Context(), testMessage())
			if kindOfError(err) != string(delivery.Ambiguous) || len(err.Error()) > 300 || c.count() != 1 {
				t.Errorf("Send = %.400v after %d calls", err, c.count())
			}
		})
	}
}

// An endless refusal is cut short, and is a refusal.
func TestEndlessRefusal(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	c.do = hijack(func(conn net.Conn) {
		fmt.Fprint(conn, "HTTP/1.1 403 Forbidden\r\n\r\n")
		for range 64 << 10 {
			if _, err := fmt.Fprint(conn, strings.Repeat("x", 1024)); err != nil {
				return
			}
		}
	})
	_, err := newSender(t, c.program(), Config{}).Send(t.Context(), testMessage())
	if kindOfError(err) != string(delivery.Configuration) {
		t.Errorf("Send = %v", err)
	}
}

// AWS that does not answer holds a Send no longer than its ctx, or Timeout.
func TestHang(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"cancel", "deadline", "timeout"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			// On a busy machine the time may be up before AWS is reached.
			for limit := 200 * time.Millisecond; !hangs(t, how, limit); limit *= 2 {
				if limit > 10*time.Second {
					t.Fatal("AWS is never reached")
				}
			}
		})
	}
}

// hangs reports whether AWS was reached, and checks what then became of the
// message.
func hangs(t *testing.T, how string, limit time.Duration) bool {
	c := newCloud(t)
	reached, end := make(chan struct{}, 1), make(chan struct{})
	defer close(end)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.do = func(http.ResponseWriter, *http.Request) {
		reached <- struct{}{}
		if how == "cancel" {
			cancel()
		}
		<-end
	}
	cfg := Config{}
	switch how {
	case "deadline":
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, limit)
		defer stop()
	case "timeout":
		cfg.Timeout = limit
	}
	began := time.Now()
	_, err := newSender(t, c.program(), cfg).Send(ctx, testMessage())
	took := time.Since(began)
	if len(reached) == 0 {
		return false
	}
	if kindOfError(err) != string(delivery.Ambiguous) || !strings.Contains(err.Error(), "no answer: context ") {
		t.Errorf("Send = %v", err)
	}
	if took > limit+10*time.Second {
		t.Errorf("it took %v", took)
	}
	return true
}

// Nothing went out: another provider may be asked at once.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	free := servertest.FreePort(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections and says nothing
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	expired := newCloud(t)
	other := httptest.NewUnstartedServer(expired)
	other.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(t, time.Now().Add(-time.Hour))}}
	other.Config.ErrorLog = expired.Config.ErrorLog
	other.StartTLS()
	t.Cleanup(other.Close)
	plain := httptest.NewServer(expired)
	t.Cleanup(plain.Close)
	for name, tt := range map[string]struct {
		change func(*aws.Config)
		want   delivery.Kind
		reason string
	}{
		"refused": {func(p *aws.Config) { p.BaseEndpoint = aws.String(fmt.Sprintf("https://127.0.0.1:%d", free)) }, delivery.Temporary, "no connection: dial tcp"},
		"no such host": {func(p *aws.Config) {
			p.HTTPClient = failing(&net.DNSError{Err: "no such host", Name: "x", IsNotFound: true})
		}, delivery.Temporary, "no connection: lookup"},
		"silent":              {func(p *aws.Config) { p.BaseEndpoint = aws.String("https://" + silent.Addr().String()) }, delivery.Temporary, "no connection: context deadline"},
		"expired certificate": {func(p *aws.Config) { p.BaseEndpoint = aws.String(other.URL) }, delivery.Configuration, "certificate has expired"},
		"unknown authority":   {func(p *aws.Config) { p.HTTPClient = nil }, delivery.Configuration, "certificate"},
		"no TLS there":        {func(p *aws.Config) { p.BaseEndpoint = aws.String(strings.Replace(plain.URL, "http", "https", 1)) }, delivery.Configuration, "does not speak TLS"},
		"a transport that does not tell": {func(p *aws.Config) {
			p.HTTPClient = clientDo(func(*http.Request) (*http.Response, error) { return nil, errors.New("failed") })
		}, delivery.Ambiguous, "no answer"},
		"endpoint in clear": {func(p *aws.Config) { p.BaseEndpoint = aws.String(plain.URL) }, delivery.Configuration, "the endpoint is without TLS"},
		"no credentials": {func(p *aws.Config) {
			p.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{}, &smithy.OperationError{ServiceID: "STS", OperationName: "AssumeRole", Err: fmt.Errorf("of %s: %w", testSession, &smithy.GenericAPIError{Code: "AccessDenied", Message: testSecret})}
			})
		}, delivery.Configuration, "no request can be made: STS AssumeRole: AccessDenied"},
		"slow credentials": {func(p *aws.Config) {
			p.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
				<-ctx.Done()
				return aws.Credentials{}, ctx.Err()
			})
		}, delivery.Temporary, "context deadline exceeded"},
		"bad endpoint": {func(p *aws.Config) { p.BaseEndpoint = aws.String("https://bad host\n") }, delivery.Configuration, "no request can be made"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := expired.program()
			tt.change(&program)
			timeout := 10 * time.Second
			if strings.Contains(tt.reason, "deadline") {
				timeout = 200 * time.Millisecond
			}
			_, err := newSender(t, program, Config{Timeout: timeout}).Send(t.Context(), testMessage())
			if kindOfError(err) != string(tt.want) || !strings.Contains(err.Error(), tt.reason) {
				t.Errorf("Send = %v, want %s: %s", err, tt.want, tt.reason)
			}
			if err != nil && (strings.Contains(err.Error(), testSecret) || strings.Contains(err.Error(), testSession)) {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
	t.Run("in clear by name", func(t *testing.T) {
		program := expired.program()
		program.BaseEndpoint = aws.String(plain.URL)
		_, err := newSender(t, program, Config{UnsafePlaintext: true}).Send(t.Context(), testMessage())
		if n := expired.count(); n != 1 || kindOfError(err) == string(delivery.Configuration) && strings.Contains(err.Error(), "TLS") {
			t.Errorf("Send = %v; AWS was asked %d times", err, n)
		}
	})
}

type clientDo func(*http.Request) (*http.Response, error)

func (f clientDo) Do(r *http.Request) (*http.Response, error) { return f(r) }

// failing is a transport that cannot connect.
func failing(err error) aws.HTTPClient {
	return &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return nil, err }}}
}

// certificate signs one for 127.0.0.1 by itself.
func certificate(t testing.TB, ends time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: ends.Add(-time.Hour), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// A redirect is not followed: neither the message nor the keys go elsewhere.
func TestRedirect(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, client := range []string{"http.Client", "BuildableClient"} {
			t.Run(fmt.Sprint(status, client), func(t *testing.T) {
				t.Parallel()
				var elsewhere atomic.Int32
				other := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
				t.Cleanup(other.Close)
				c := newCloud(t)
				c.do = reply(status, html, "", "Location", other.URL+"/login")
				program := c.program()
				trust := &tls.Config{RootCAs: c.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
				trust.RootCAs.AddCert(other.Certificate())
				program.HTTPClient = &http.Client{Transport: &http.Transport{TLSClientConfig: trust}}
				if client == "BuildableClient" {
					program.HTTPClient = c.buildable()
				}
				_, err := newSender(t, program, Config{}).Send(t.Context(), testMessage())
				if kindOfError(err) != string(delivery.Configuration) || !strings.Contains(err.Error(), fmt.Sprint(status)) {
					t.Errorf("Send = %v", err)
				}
				if n := elsewhere.Load(); n != 0 || c.count() != 1 {
					t.Errorf("%d requests went elsewhere, %d to AWS", n, c.count())
				}
			})
		}
	}
}

// Whatever the program has set for its other calls, this one is not logged; of
// a client that the program made, but for its signature.
func TestNoLogging(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		mode   aws.ClientLogMode
		sender func(aws.Config) (*Sender, error)
	}{
		"of an aws.Config": {^aws.ClientLogMode(0), func(program aws.Config) (*Sender, error) { return NewFromConfig(program, Config{}) }},
		"of a client":      {^aws.LogSigning, func(program aws.Config) (*Sender, error) { return New(Config{Client: sms.NewFromConfig(program)}) }},
	} {
		c := newCloud(t)
		var mu sync.Mutex
		var logged bytes.Buffer
		program := c.program()
		program.HTTPClient = c.buildable()
		program.ClientLogMode = tt.mode
		program.Logger = logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintf(&logged, format, v...)
		})
		s, err := tt.sender(program)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Send(t.Context(), testMessage()); err != nil {
			t.Fatal(err)
		}
		for _, secret := range []string{testCode, testTo[1:], testSession, "Signature="} {
			if strings.Contains(logged.String(), secret) {
				t.Errorf("%s: the log shows %q", name, secret)
			}
		}
	}
}

// A ctx that is done reaches nobody, whoever the client is.
func TestDoneBefore(t *testing.T) {
	t.Parallel()
	s, err := New(Config{Client: clientFunc(func(context.Context, *sms.SendTextMessageInput, ...func(*sms.Options)) (*sms.SendTextMessageOutput, error) {
		t.Error("the client is called")
		return &sms.SendTextMessageOutput{MessageId: aws.String("1")}, nil
	})})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Send(ctx, testMessage()); err == nil || err.Error() != "delivery: temporary: aws: context canceled" {
		t.Errorf("Send = %v", err)
	}
}

// A client that is not the SDK's, or stands before it.
func TestOtherClient(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	real := sms.NewFromConfig(c.program())
	for name, tt := range map[string]struct {
		client clientFunc
		want   string
	}{
		"passes on": {func(ctx context.Context, in *sms.SendTextMessageInput, o ...func(*sms.Options)) (*sms.SendTextMessageOutput, error) {
			return real.SendTextMessage(ctx, in, o...)
		}, "sent"},
		"takes": {func(context.Context, *sms.SendTextMessageInput, ...func(*sms.Options)) (*sms.SendTextMessageOutput, error) {
			return &sms.SendTextMessageOutput{MessageId: aws.String("1")}, nil
		}, "sent"},
		"nothing": {func(context.Context, *sms.SendTextMessageInput, ...func(*sms.Options)) (*sms.SendTextMessageOutput, error) {
			return nil, nil
		}, "ambiguous"},
		"refuses": {func(context.Context, *sms.SendTextMessageInput, ...func(*sms.Options)) (*sms.SendTextMessageOutput, error) {
			return nil, &types.ConflictException{Reason: types.ConflictExceptionReasonDestinationPhoneNumberOptedOut}
		}, "rejected"},
		"fails": {func(context.Context, *sms.SendTextMessageInput, ...func(*sms.Options)) (*sms.SendTextMessageOutput, error) {
			return nil, errors.New("something about " + testCode)
		}, "ambiguous"},
		"times out": {func(context.Context, *sms.SendTextMessageInput, ...func(*sms.Options)) (*sms.SendTextMessageOutput, error) {
			return nil, context.DeadlineExceeded
		}, "ambiguous"},
	} {
		s, err := New(Config{Client: tt.client})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Send(t.Context(), testMessage()); kindOfError(err) != tt.want || err != nil && strings.Contains(err.Error(), testCode) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
}

type clientFunc func(context.Context, *sms.SendTextMessageInput, ...func(*sms.Options)) (*sms.SendTextMessageOutput, error)

func (f clientFunc) SendTextMessage(ctx context.Context, in *sms.SendTextMessageInput, o ...func(*sms.Options)) (*sms.SendTextMessageOutput, error) {
	return f(ctx, in, o...)
}
