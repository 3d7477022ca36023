package twiliosender

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

const (
	account   = "AC00112233445566778899aabbccddeeff"
	keyID     = "SK00112233445566778899aabbccddeeff"
	service   = "MG00112233445566778899aabbccddeeff"
	template  = "HX00112233445566778899aabbccddeeff"
	template2 = "HX99112233445566778899aabbccddeeff"
	secret    = "q8Zk+/fS9w1Hh3VtRr5mPpLl0cYyBb7N"
	from      = "+15005550006"
	to        = "+12025550162"
	code      = "914207"
)

// A twilio answers as Twilio's Messages resource does, of an account that has
// the number from, the Messaging Service and the templates above.
type twilio struct {
	*httptest.Server
	mu     sync.Mutex
	forms  []url.Values                      // of messages that were made
	count  int                               // of requests
	refuse func(http.ResponseWriter, string) // answers in its place, told the body of the request
}

func newTwilio(t *testing.T) *twilio {
	f := &twilio{}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// config is the one that the fake is made for.
func (f *twilio) config() Config {
	return Config{AccountSID: account, KeyID: keyID, Secret: delivery.NewSecret(secret), BaseURL: f.URL,
		SMS:         Line{From: from},
		WhatsApp:    Line{From: from, Templates: map[string]string{"": template, "fr": template2}},
		CallbackURL: "https://example.com/twilio"}
}

func (f *twilio) sender(t *testing.T) *Sender {
	t.Helper()
	s, err := New(f.config())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sent is what the messages held.
func (f *twilio) sent() (all []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, form := range f.forms {
		all = append(all, form.Get("Body")+form.Get("ContentVariables"))
	}
	return all
}

// answer makes the next requests be answered so.
func (f *twilio) answer(status int, contentType, body string, header ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refuse = func(w http.ResponseWriter, _ string) {
		w.Header().Set("Content-Type", contentType)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// problem is an error body of the 2010 API.
func problem(status, code int, message string) string {
	return fmt.Sprintf(`{"code": %d, "message": %q, "more_info": "https://www.twilio.com/docs/errors/%d", "status": %d}`, code, message, code, status)
}

func (f *twilio) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	if f.refuse != nil {
		f.refuse(w, string(body))
		return
	}
	fail := func(status, code int, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		io.WriteString(w, problem(status, code, message))
	}
	if user, password, ok := r.BasicAuth(); !ok || user != keyID && user != account || password != secret {
		w.Header().Set("WWW-Authenticate", `Basic realm="Twilio API"`)
		fail(401, 20003, "Authenticate")
		return
	}
	switch {
	case r.URL.Path != "/2010-04-01/Accounts/"+account+"/Messages.json":
		fail(404, 20404, "The requested resource "+r.URL.Path+" was not found")
		return
	case r.Method != "POST":
		fail(405, 20004, "Method not allowed")
		return
	}
	var form url.Values
	if r.Header.Get("Content-Type") == "application/x-www-form-urlencoded" {
		form, _ = url.ParseQuery(string(body))
	}
	if code, message := refusal(form); code != 0 {
		fail(400, code, message)
		return
	}
	f.forms = append(f.forms, form)
	sid := fmt.Sprintf("SM%032x", len(f.forms))
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(201)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC).Format(time.RFC1123Z)
	json.NewEncoder(w).Encode(map[string]any{
		"account_sid": account, "api_version": "2010-04-01", "body": form.Get("Body"), "date_created": now, "date_sent": nil,
		"date_updated": now, "direction": "outbound-api", "error_code": nil, "error_message": nil, "from": form.Get("From"),
		"messaging_service_sid": form.Get("MessagingServiceSid"), "num_media": "0", "num_segments": "1", "price": nil, "price_unit": nil,
		"sid": sid, "status": "queued", "subresource_uris": map[string]string{}, "to": form.Get("To"),
		"uri": "/2010-04-01/Accounts/" + account + "/Messages/" + sid + ".json",
	})
}

var number = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)

// refusal is what Twilio finds wrong with a request, in its order.
func refusal(form url.Values) (code int, message string) {
	for name := range form {
		known := []string{"To", "From", "MessagingServiceSid", "Body", "ContentSid", "ContentVariables", "ValidityPeriod", "StatusCallback"}
		if !slices.Contains(known, name) || len(form[name]) != 1 {
			return 20001, "Unknown parameters"
		}
	}
	recipient, whatsapp := strings.CutPrefix(form.Get("To"), "whatsapp:")
	sender, same := form.Get("From"), true
	if sender != "" && whatsapp != strings.HasPrefix(sender, "whatsapp:") {
		same = false
	}
	validity, err := strconv.Atoi(form.Get("ValidityPeriod"))
	switch {
	case !form.Has("To"):
		return 21604, "A 'To' phone number is required."
	case !number.MatchString(recipient):
		return 21211, "Invalid 'To' Phone Number: " + recipient
	case sender == "" && !form.Has("MessagingServiceSid"):
		return 21603, "A 'From' or 'MessagingServiceSid' parameter is required."
	case form.Has("MessagingServiceSid") && form.Get("MessagingServiceSid") != service:
		return 21701, "The messaging service " + form.Get("MessagingServiceSid") + " does not exist"
	case !same:
		return 21910, "Invalid From and To pair. From and To should be of the same channel"
	case sender != "" && strings.TrimPrefix(sender, "whatsapp:") != from:
		return 21606, "The 'From' phone number " + sender + " is not a valid, message-capable Twilio phone number."
	case form.Get("Body") == "" && form.Get("ContentSid") == "":
		return 21619, "A text message body or media urls must be specified."
	case len(form.Get("Body")) > 1600:
		return 21617, "The concatenated message body exceeds the 1600 character limit"
	case whatsapp && !form.Has("ContentSid"):
		return 63016, "Failed to send freeform message because you are outside the allowed window."
	case whatsapp && form.Has("ValidityPeriod"):
		return 63030, "Unsupported parameter for type of channels message"
	case form.Has("ValidityPeriod") && (err != nil || validity < 1 || validity > 36000):
		return 21624, "Validity period is invalid"
	}
	if form.Has("ContentSid") {
		var variables map[string]string
		switch err := json.Unmarshal([]byte(form.Get("ContentVariables")), &variables); {
		case form.Get("ContentSid") != template && form.Get("ContentSid") != template2:
			return 21655, "The ContentSid is Invalid"
		case err != nil || len(variables) != 1 || variables["1"] == "":
			return 21656, "The ContentVariables Parameter is invalid"
		}
	}
	if form.Has("StatusCallback") {
		if u, err := url.Parse(form.Get("StatusCallback")); err != nil || u.Host == "" || strings.Contains(u.Host, "_") {
			return 21609, "The 'StatusCallback' URL is not a valid URL."
		}
	}
	return 0, ""
}

func message(ch delivery.Channel) delivery.Message {
	return delivery.Message{
		ID:      "Zm9vYmFyLWJheg_1",
		Channel: ch,
		To:      delivery.NewAddress(to),
		Code:    delivery.NewSecret(code),
		Body:    delivery.NewSecret("Your Acme code is " + code + ".\n@example.com #" + code),
		Locale:  "en",
		Purpose: "login",
		Expires: 2 * time.Minute,
	}
}

// secrets are what nothing may show.
func secrets() []string {
	return []string{code, to[1:], to[2:], secret, url.QueryEscape(secret), base64.StdEncoding.EncodeToString([]byte(keyID + ":" + secret))}
}

func noSecrets(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range secrets() {
		if strings.Contains(text, s) {
			t.Errorf("%s shows %q: %s", where, s, text)
		}
	}
}
