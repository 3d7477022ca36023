package snssender

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/passcode-go/passcode/delivery"
)

// What the tests send, and as whom.
const (
	testCode    = "917364"
	testTo      = "+12025550162"
	testKeyID   = "AKIATESTSTESTSTESTST"
	testSecret  = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYTESTSKEY"
	testSession = "IQoJb3JpZ2luX2VjEXAMPLETOKENoftheTESTS//////////wEaCXVzLWVhc3QtMSJH"
	testRegion  = "eu-west-1"
	testID      = "862a8790-60c0-4430-9b2b-658bdexample"
)

func testMessage() delivery.Message {
	_, body, err := delivery.Texts{App: "Acme"}.Render(delivery.SMS, "en", testCode, 5*time.Minute)
	if err != nil {
		panic(err)
	}
	return delivery.Message{
		ID:      rand.Text(),
		Channel: delivery.SMS,
		To:      delivery.NewAddress(testTo),
		Code:    delivery.NewSecret(testCode),
		Body:    delivery.NewSecret(body),
		Locale:  "en",
		Purpose: "login",
		Expires: 5 * time.Minute,
	}
}

// A cloud stands in for AWS: it checks the protocol, the signature and the
// parameters of SendTextMessage, and then answers as the test says.
type cloud struct {
	*httptest.Server
	do http.HandlerFunc // nil: it takes the message

	mu    sync.Mutex
	taken []request
	calls int
}

// A request is what SendTextMessage has in its body.
type request struct {
	DestinationPhoneNumber       string
	MessageBody                  string
	MessageType                  string
	OriginationIdentity          string
	ConfigurationSetName         string
	ProtectConfigurationId       string
	MaxPrice                     string
	TimeToLive                   *int
	Context                      map[string]string
	DestinationCountryParameters map[string]string
	DryRun                       bool
}

func newCloud(t testing.TB) *cloud {
	c := &cloud{}
	c.Server = httptest.NewUnstartedServer(c)
	c.Config.ErrorLog = log.New(io.Discard, "", 0)
	c.StartTLS()
	t.Cleanup(c.Close)
	return c
}

func (c *cloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	c.mu.Lock()
	c.calls++
	do := c.do
	c.mu.Unlock()
	if err != nil {
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if fault := protocolFault(r, body); fault != "" {
		refuse(400, "ValidationException", `"Reason":"INVALID_REQUEST"`, "the stand-in says: "+fault)(w, r)
		return
	}
	if do != nil {
		do(w, r)
		return
	}
	var req request
	json.Unmarshal(body, &req)
	c.mu.Lock()
	c.taken = append(c.taken, req)
	c.mu.Unlock()
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	fmt.Fprintf(w, `{"MessageId":%q}`, testID)
}

func (c *cloud) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

func (c *cloud) bodies() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []string
	for _, r := range c.taken {
		out = append(out, r.MessageBody)
	}
	return out
}

// The patterns and ranges are those of the API's reference.
var (
	phonePattern  = regexp.MustCompile(`^\+?[1-9][0-9]{1,18}$`)
	originPattern = regexp.MustCompile(`^[A-Za-z0-9_:/+-]{1,256}$`)
	namePattern   = regexp.MustCompile(`^[A-Za-z0-9_:/-]{1,256}$`)
	pricePattern  = regexp.MustCompile(`^[0-9]{0,2}\.[0-9]{1,5}$`)
	keyPattern    = regexp.MustCompile(`^\S{1,100}$`)
)

// protocolFault says what AWS would not take of a request, "" if nothing.
func protocolFault(r *http.Request, body []byte) string {
	var req request
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&req); {
	case r.Method != "POST" || r.URL.Path != "/":
		return r.Method + " " + r.URL.Path
	case r.Header.Get("X-Amz-Target") != "PinpointSMSVoiceV2.SendTextMessage":
		return "X-Amz-Target"
	case r.Header.Get("Content-Type") != "application/x-amz-json-1.0":
		return "Content-Type"
	case err != nil:
		return "the body is no JSON"
	case !phonePattern.MatchString(req.DestinationPhoneNumber):
		return "DestinationPhoneNumber"
	case req.MessageBody == "" || len([]rune(req.MessageBody)) > 1600:
		return "MessageBody"
	case req.MessageType != "TRANSACTIONAL":
		return "MessageType"
	case req.OriginationIdentity != "" && !originPattern.MatchString(req.OriginationIdentity),
		req.ConfigurationSetName != "" && !namePattern.MatchString(req.ConfigurationSetName),
		req.ProtectConfigurationId != "" && !namePattern.MatchString(req.ProtectConfigurationId):
		return "a name"
	case req.MaxPrice != "" && !pricePattern.MatchString(req.MaxPrice):
		return "MaxPrice"
	case req.TimeToLive != nil && (*req.TimeToLive < 5 || *req.TimeToLive > 259200):
		return "TimeToLive"
	}
	for key, value := range req.Context {
		if !keyPattern.MatchString(key) || value != strings.TrimSpace(value) || value == "" || len(value) > 800 {
			return "Context"
		}
	}
	return signatureFault(r, body)
}

// signatureFault checks the signature by signing the request again.
func signatureFault(r *http.Request, body []byte) string {
	given := r.Header.Get("Authorization")
	_, rest, _ := strings.Cut(given, "SignedHeaders=")
	names, _, _ := strings.Cut(rest, ",")
	again, err := http.NewRequest(r.Method, "https://"+r.Host+r.URL.Path, nil)
	if err != nil {
		return err.Error()
	}
	for _, name := range strings.Split(names, ";") {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	again.ContentLength = int64(len(body))
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return "X-Amz-Date"
	}
	sum := sha256.Sum256(body)
	keys := aws.Credentials{AccessKeyID: testKeyID, SecretAccessKey: testSecret, SessionToken: r.Header.Get("X-Amz-Security-Token")}
	if err := v4.NewSigner().SignHTTP(context.Background(), keys, again, hex.EncodeToString(sum[:]), "sms-voice", testRegion, at); err != nil {
		return err.Error()
	}
	if again.Header.Get("Authorization") != given {
		return "the signature does not fit"
	}
	return ""
}

// refuse answers with an error of AWS, as awsJson1_0 has it.
func refuse(status int, code, fields, message string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.Header().Set("X-Amzn-Requestid", "f5b4e1f3-1c1b-4b8b-9d52-example")
		w.WriteHeader(status)
		if fields != "" {
			fields = "," + strings.TrimPrefix(fields, ",")
		}
		fmt.Fprintf(w, `{"__type":%q,"Message":%q%s}`, "com.amazonaws.pinpointsmsvoicev2#"+code, message, fields)
	}
}

// reply answers with anything.
func reply(status int, kind, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", kind)
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// program is the aws.Config of a program that runs in the cloud.
func (c *cloud) program() aws.Config {
	return aws.Config{
		Region:       testRegion,
		BaseEndpoint: aws.String(c.URL),
		Credentials:  Keys(testKeyID, delivery.NewSecret(testSecret), delivery.NewSecret(testSession)),
		HTTPClient:   c.Client(),
	}
}

// buildable is the SDK's own client, with trust in the cloud.
func (c *cloud) buildable() aws.HTTPClient {
	trusting := c.Client().Transport.(*http.Transport).TLSClientConfig
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.TLSClientConfig = trusting.Clone() })
}

func newSender(t testing.TB, program aws.Config, cfg Config) *Sender {
	t.Helper()
	s, err := NewFromConfig(program, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// kindOfError returns the kind of a sender's error, or what else it is.
func kindOfError(err error) string {
	var e *delivery.Error
	switch {
	case err == nil:
		return "sent"
	case !errors.As(err, &e):
		return "untyped: " + err.Error()
	}
	return string(e.Kind)
}
