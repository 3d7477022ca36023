package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/engine/receipts"
)

const (
	snsHost  = "sns.us-east-1.amazonaws.com"
	snsTopic = "arn:aws:sns:us-east-1:123456789012:codes"
	snsFile  = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
)

// A topic stands in for SNS. The program reaches it as it would the real one:
// by name, over TLS, through a proxy.
type topic struct {
	key   *rsa.PrivateKey // that signs
	env   []string        // of a program that trusts and reaches it
	asked chan string     // gets the URLs, without their host
}

func newTopic(t *testing.T) *topic {
	t.Helper()
	authority, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	sign := func(public any) (der []byte, text string) {
		c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{snsHost}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
		if der, err = x509.CreateCertificate(rand.Reader, c, c, public, authority); err != nil {
			t.Fatal(err)
		}
		return der, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	}
	own, trusted := sign(authority.Public())
	_, signing := sign(key.Public())
	s := &topic{key: key, asked: make(chan string, 10)}

	service := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked <- r.Host + r.URL.String()
		if r.URL.Path == snsFile {
			io.WriteString(w, signing)
		}
	}))
	service.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{own}, PrivateKey: authority}}}
	service.StartTLS()
	t.Cleanup(service.Close)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != snsHost+":443" {
			t.Errorf("the proxy is asked for %s %s", r.Method, r.Host)
			return
		}
		there, err := net.Dial("tcp", service.Listener.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		defer there.Close()
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer here.Close()
		io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { io.Copy(there, here); there.Close() }()
		io.Copy(here, there)
	}))
	t.Cleanup(proxy.Close)
	roots := filepath.Join(t.TempDir(), "roots.pem")
	write(t, roots, []byte(trusted), 0o600)
	s.env = []string{"HTTPS_PROXY=" + proxy.URL, "SSL_CERT_FILE=" + roots, "SSL_CERT_DIR=" + t.TempDir()}
	return s
}

// post sends a message to the program, signed as SNS does.
func (s *topic) post(t *testing.T, p *program, version string, m map[string]string) (status int, answer string) {
	t.Helper()
	m = maps.Clone(m)
	m["MessageId"], m["TopicArn"], m["Timestamp"] = "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324", snsTopic, time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	text := ""
	for _, name := range slices.Sorted(maps.Keys(m)) {
		text += name + "\n" + m[name] + "\n"
	}
	hash, sum := crypto.SHA256, sha256.New()
	if version == "1" {
		hash, sum = crypto.SHA1, sha1.New()
	}
	io.WriteString(sum, text)
	signature, err := rsa.SignPKCS1v15(nil, s.key, hash, sum.Sum(nil))
	if err != nil {
		t.Fatal(err)
	}
	m["SignatureVersion"], m["Signature"], m["SigningCertURL"] = version, base64.StdEncoding.EncodeToString(signature), "https://"+snsHost+snsFile
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/callbacks/aws", strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	req.Header.Set("X-Amz-Sns-Topic-Arn", snsTopic)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(said)
}

// TestSNS has AWS's receipts come by nothing but the configuration file: the
// program confirms the subscription and hears what became of its message.
func TestSNS(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		t.Skip("here a process cannot be told whom to trust by SSL_CERT_FILE")
	}
	s := newTopic(t)
	stranger := &topic{}
	var err error
	if stranger.key, err = rsa.GenerateKey(rand.Reader, 2048); err != nil {
		t.Fatal(err)
	}
	sms, sent := answering(t, "application/x-amz-json-1.0", `{"MessageId": "aws-1"}`, 200)
	for _, more := range []string{"", "unsafe_sha1 = true\n"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "passcoded.toml")
		write(t, path, fmt.Appendf(nil, `
[providers.aws.sns]
region = "us-east-1"
access_key_id = "AKIAIOSFODNN7EXAMPLE"
secret_key = "env:SECRET"
endpoint = %q
unsafe_plaintext = true
configuration_set = "codes"
topics = [%q]
%s
[channels.sms]
providers = ["aws"]
`, sms, snsTopic, more), 0o600)
		p := spawnWith(t, append(s.env, "SECRET=correct-horse"), dir, "-config", path)
		confirm := map[string]string{"Type": "SubscriptionConfirmation", "Message": "You have chosen to subscribe.", "Token": "0123abcd",
			"SubscribeURL": "https://" + snsHost + "/?Action=ConfirmSubscription&TopicArn=" + snsTopic + "&Token=0123abcd"}
		if status, answer := s.post(t, p, "2", confirm); status != 200 {
			t.Fatalf("to confirm: %d %s", status, answer)
		}
		if file, confirmed := <-s.asked, <-s.asked; file != snsHost+snsFile || "https://"+confirmed != confirm["SubscribeURL"] {
			t.Errorf("SNS is asked for %s and %s", file, confirmed)
		}

		p.post(t, 200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
		var request struct {
			MessageBody string
			Context     map[string]string
		}
		if err := json.Unmarshal([]byte(sent()), &request); err != nil {
			t.Fatal(err)
		}
		id := request.Context["passcode-message"]
		notice := map[string]string{"Type": "Notification", "Message": `{"eventType": "TEXT_UNREACHABLE", "eventTimestamp": 1686975103470, "messageId": "aws-1",
			"destinationPhoneNumber": "+12025550162", "messageStatusDescription": "+12025550162 is off", "context": {"passcode-message": "` + id + `"}}`}
		var record receipts.Record
		if status, answer := stranger.post(t, p, "2", notice); status != 403 || p.look(t, "/messages/"+id, &record) != 200 || record.State != receipts.Taken {
			t.Errorf("forged: %d %s, %+v", status, answer, record)
		}
		version, refused := "2", 403
		if more != "" {
			version, refused = "1", 200
		}
		if status, answer := s.post(t, p, "1", notice); status != refused || status == 403 && !strings.Contains(answer, "SignatureVersion=2") {
			t.Errorf("of version 1: %d %s", status, answer)
		}
		if status, answer := s.post(t, p, version, notice); status != 200 || p.look(t, "/messages/"+id, &record) != 200 || record.State != receipts.Failed || strings.Contains(record.Reason, "2025550162") {
			t.Errorf("%d %s, %+v", status, answer, record)
		}
		code := regexp.MustCompile(`\b[0-9]{6}\b`).FindString(request.MessageBody)
		// Without what is random and so may look like a code.
		logged := regexp.MustCompile(`(time|took|until|duration|request_id|subject|message)=\S+`).ReplaceAllString(p.stderr.String(), "")
		for _, secret := range []string{code, "correct-horse", "0123abcd", "2025550162"} {
			if code == "" || strings.Contains(logged, secret) {
				t.Errorf("%q is logged", secret)
			}
		}
	}
}
