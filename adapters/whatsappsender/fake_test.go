package whatsappsender

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

const (
	numberID  = "106540352242922"
	token     = "EAAJB0ZC7w4TtoBO9aZBx2uVjzZCq1kXo"
	appSecret = "5f4dcc3b5aa765d61d8327deb882cf99"
	to        = "+12025550162"
	code      = "914207"
)

// A meta answers as the messages endpoint of the Cloud API does, for the phone
// number above, whose templates are "login" in en_US and fr, and "other" in
// pt_BR.
type meta struct {
	*httptest.Server
	mu     sync.Mutex
	bodies []string // of messages that were made
	count  int      // of requests
	refuse func(http.ResponseWriter, string)
}

func newMeta(t *testing.T) *meta {
	f := &meta{}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *meta) config() Config {
	return Config{PhoneNumberID: numberID, Token: delivery.NewSecret(token), AppSecret: delivery.NewSecret(appSecret), BaseURL: f.URL,
		Templates: map[string]Template{"": {Name: "login", Language: "en_US"}, "fr": {Name: "login"}, "pt-BR": {Name: "other"}}}
}

func (f *meta) sender(t *testing.T) *Sender {
	t.Helper()
	s, err := New(f.config())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (f *meta) sent() []string { return f.bodies }

// answer makes the next requests be answered so.
func (f *meta) answer(status int, body string, header ...string) {
	f.refuse = func(w http.ResponseWriter, _ string) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

// problem is an error body of the Cloud API.
func problem(code int, title, details string) string {
	return fmt.Sprintf(`{"error": {"message": "(#%d) %s", "type": "OAuthException", "code": %d, "error_data": {"messaging_product": "whatsapp", "details": %q}, "fbtrace_id": "Az8or2yhqkZfEZ-_4Qn_Bam"}}`,
		code, title, code, details)
}

// oauthProblem is one of the Graph API, without error_data.
func oauthProblem(code, subcode int, message string) string {
	return fmt.Sprintf(`{"error": {"message": %q, "type": "OAuthException", "code": %d, "error_subcode": %d, "fbtrace_id": "A1"}}`, message, code, subcode)
}

func proof() string {
	mac := hmac.New(sha256.New, []byte(appSecret))
	mac.Write([]byte(token))
	return hex.EncodeToString(mac.Sum(nil))
}

func (f *meta) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	if f.refuse != nil {
		f.refuse(w, string(body))
		return
	}
	status, answer := f.take(r, body)
	w.WriteHeader(status)
	io.WriteString(w, answer)
}

var number = regexp.MustCompile(`^\+[1-9]\d{6,14}$`)

// take makes a message of a request, or says what Meta finds wrong with it.
func (f *meta) take(r *http.Request, body []byte) (status int, answer string) {
	shown, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	switch {
	case shown != token:
		return 401, oauthProblem(190, 0, "Malformed access token "+shown)
	case r.URL.RawQuery != "" && r.URL.Query().Get("appsecret_proof") != proof():
		return 400, oauthProblem(100, 0, "Invalid appsecret_proof provided in the API argument")
	case r.URL.Path != "/v25.0/"+numberID+"/messages":
		return 400, oauthProblem(100, 33, "Unsupported post request. Object with ID '"+r.URL.Path+"' does not exist, cannot be loaded due to missing permissions, or does not support this operation.")
	case r.Method != "POST" || r.Header.Get("Content-Type") != "application/json":
		return 400, oauthProblem(100, 0, "(#100) The parameter messaging_product is required.")
	}
	var m struct {
		Product   string `json:"messaging_product"`
		Recipient string `json:"recipient_type"`
		To        string `json:"to"`
		Type      string `json:"type"`
		Opaque    string `json:"biz_opaque_callback_data"`
		Template  *struct {
			Name       string `json:"name"`
			Language   struct{ Code string }
			Components []struct {
				Type       string
				SubType    string `json:"sub_type"`
				Index      string
				Parameters []struct{ Type, Text string }
			}
		} `json:"template"`
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return 400, oauthProblem(100, 0, "(#100) Invalid JSON")
	}
	var have struct{ body, button string }
	if m.Template != nil {
		for _, c := range m.Template.Components {
			if len(c.Parameters) != 1 || c.Parameters[0].Type != "text" {
				return 400, problem(132000, "Number of parameters does not match the expected number of params", "body: number of localizable_params does not match")
			}
			switch {
			case c.Type == "body":
				have.body = c.Parameters[0].Text
			case c.Type == "button" && c.SubType == "url" && c.Index == "0":
				have.button = c.Parameters[0].Text
			}
		}
	}
	switch {
	case m.Product != "whatsapp":
		return 400, oauthProblem(100, 0, "(#100) The parameter messaging_product is required.")
	case !number.MatchString(m.To):
		return 400, problem(131009, "Parameter value is not valid", "Invalid phone number "+m.To)
	case m.Type != "template" || m.Template == nil || m.Recipient != "individual":
		return 400, problem(131047, "Re-engagement message", "Message failed to send because more than 24 hours have passed since the customer last replied to this number")
	case len(m.Opaque) > 512:
		return 400, oauthProblem(100, 0, "(#100) Param biz_opaque_callback_data must be at most 512 characters long.")
	case !strings.Contains(" login/en_US login/fr other/pt_BR ", " "+m.Template.Name+"/"+m.Template.Language.Code+" "):
		return 404, problem(132001, "Template name does not exist in the translation", "template name ("+m.Template.Name+") does not exist in "+m.Template.Language.Code)
	case have.body == "" || have.button == "":
		return 400, problem(131008, "Required parameter is missing", "buttons: Button at index 0 of type Url requires a parameter")
	case have.body != have.button || len(have.body) > 15:
		return 400, problem(132012, "Parameter format does not match format in the created template", "buttons")
	}
	f.bodies = append(f.bodies, string(body))
	out, _ := json.Marshal(map[string]any{
		"messaging_product": "whatsapp",
		"contacts":          []any{map[string]string{"input": m.To, "wa_id": m.To[1:]}},
		"messages":          []any{map[string]string{"id": wamid(m.To, len(f.bodies)), "message_status": "accepted"}},
	})
	return 200, string(out)
}

func message() delivery.Message {
	return delivery.Message{
		ID:      "Zm9vYmFyLWJheg_1",
		Channel: delivery.WhatsApp,
		To:      delivery.NewAddress(to),
		Code:    delivery.NewSecret(code),
		Body:    delivery.NewSecret("Your Acme code is " + code + "."),
		Locale:  "en",
		Purpose: "login",
		Expires: 2 * time.Minute,
	}
}

// wamid is a name as Meta makes them, with the number inside.
func wamid(to string, n int) string {
	raw := fmt.Sprintf("\x1c\x18\x0b%s\x15\x02\x00\x12\x18\x14%020X\x00", to[1:], n)
	return "wamid." + base64.StdEncoding.EncodeToString([]byte(raw))
}

// secrets are what nothing may show, the number inside of a wamid included.
func secrets() []string {
	return []string{code, to[1:], to[2:], token, appSecret, proof(), wamid(to, 1), wamid(to, 1)[6:24]}
}

func noSecrets(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range secrets() {
		if strings.Contains(text, s) {
			t.Errorf("%s shows %q: %s", where, s, text)
		}
	}
}
