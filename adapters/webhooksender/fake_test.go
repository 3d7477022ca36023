package webhooksender

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

const (
	key    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	newKey = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
	to     = "+12025550162"
	code   = "914207"
	path   = "/hooks/T0ps3cr3tPath" // as many services have them
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

func keys(t testing.TB, all ...string) Keys {
	t.Helper()
	secrets := make([]delivery.Secret, len(all))
	for i, k := range all {
		secrets[i] = delivery.NewSecret(k)
	}
	k, err := ParseKeys(secrets...)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// A service is one that somebody wrote who read the specification of Standard
// Webhooks and the package comment, and nothing else of this package.
type service struct {
	*httptest.Server
	mu      sync.Mutex
	bodies  []string
	ids     []string
	headers []http.Header
	refuse  func(http.ResponseWriter, *http.Request, string)
}

func newService(t testing.TB) *service {
	f := &service{}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *service) sender(t testing.TB) *Sender {
	t.Helper()
	s, err := New(Config{URL: f.URL + path, Keys: keys(t, key), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *service) sent() []string { return f.bodies }

func (f *service) answer(status int, body string, header ...string) {
	f.refuse = func(w http.ResponseWriter, _ *http.Request, _ string) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func (f *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.headers = append(f.headers, r.Header)
	id, timestamp := r.Header.Get("webhook-id"), r.Header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	secret, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, "whsec_"))
	mac := hmac.New(sha256.New, secret)
	io.WriteString(mac, id+"."+timestamp+"."+string(body))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	switch {
	case err != nil || noon.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute:
		http.Error(w, "too old", http.StatusUnauthorized)
	case !slices.Contains(strings.Split(r.Header.Get("webhook-signature"), " "), want):
		http.Error(w, "bad signature", http.StatusUnauthorized)
	case r.Method != "POST" || r.URL.Path != path || r.Header.Get("Content-Type") != "application/json":
		http.NotFound(w, r)
	case f.refuse != nil:
		f.refuse(w, r, string(body))
	default:
		f.bodies, f.ids = append(f.bodies, string(body)), append(f.ids, id)
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"provider": "acme", "id": "42"}`)
	}
}

func message() delivery.Message {
	return delivery.Message{
		ID:      "Zm9vYmFyLWJheg_1",
		Channel: delivery.SMS,
		To:      delivery.NewAddress(to),
		Region:  "US",
		Code:    delivery.NewSecret(code),
		Body:    delivery.NewSecret("Your Acme code is " + code + ".\n<@example.com> #" + code),
		Locale:  "en",
		Purpose: "login",
		Expires: 2 * time.Minute,
	}
}

// secrets are what nothing may show.
func secrets() []string {
	return []string{code, to[1:], to[2:], strings.TrimPrefix(key, "whsec_"), strings.TrimPrefix(newKey, "whsec_"), path}
}

func noSecrets(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range secrets() {
		if strings.Contains(text, s) {
			t.Errorf("%s shows %q: %s", where, s, text)
		}
	}
}
