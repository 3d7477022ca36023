package whatsappsender

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/internal/callout"
)

// maxCode is the longest code that an authentication template takes.
const maxCode = 15

// ID returns what receipts and reports call the message whose name is wamid:
// 32 hexadecimal digits, the first half of its SHA-256. A wamid is told by
// Meta's own tools, and would tell the number of the phone.
func ID(wamid string) string {
	sum := sha256.Sum256([]byte(wamid))
	return hex.EncodeToString(sum[:16])
}

// Send hands m to Meta, once: its code in the template of its locale. The
// receipt's ID is that of [ID].
//
// An error is a [*delivery.Error], of the kind that the package comment says.
func (s *Sender) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	id, failure := s.send(ctx, m)
	if failure != nil {
		return delivery.Receipt{}, s.client.Scrub(failure, m)
	}
	return delivery.Receipt{Provider: s.name, ID: id}, nil
}

func (s *Sender) send(ctx context.Context, m delivery.Message) (id string, failure *delivery.Error) {
	code := m.Code.Reveal()
	switch {
	case m.Channel != delivery.WhatsApp:
		return "", &delivery.Error{Kind: delivery.Configuration, Reason: "this sender is for WhatsApp, not for the channel " + string(m.Channel)}
	case !callout.IsNumber(m.To.Reveal()):
		return "", &delivery.Error{Kind: delivery.Rejected, Reason: "the address is not a phone number in E.164 form"}
	case code == "" || len(code) > maxCode:
		return "", &delivery.Error{Kind: delivery.Configuration, Reason: fmt.Sprintf("a template takes a code of 1 to %d characters", maxCode)}
	}
	header := http.Header{
		"Authorization": {"Bearer " + s.token.Reveal()},
		"Content-Type":  {"application/json"},
		"Accept":        {"application/json"},
	}
	answer, failure := s.client.Post(ctx, s.url.Reveal(), header, s.request(m))
	if failure != nil {
		return "", failure
	}
	return parse(answer)
}

type (
	request struct {
		Product   string      `json:"messaging_product"`
		Recipient string      `json:"recipient_type"`
		To        string      `json:"to"` // with the plus sign: without it Meta may take it for a national number
		Type      string      `json:"type"`
		Template  templateRef `json:"template"`
		Opaque    string      `json:"biz_opaque_callback_data,omitempty"` // returned in webhooks
	}
	templateRef struct {
		Name       string            `json:"name"`
		Language   map[string]string `json:"language"`
		Components []component       `json:"components"`
	}
	component struct {
		Type       string      `json:"type"`
		SubType    string      `json:"sub_type,omitempty"`
		Index      string      `json:"index,omitempty"`
		Parameters []parameter `json:"parameters"`
	}
	parameter struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
)

// request is the body of the request for one message.
func (s *Sender) request(m delivery.Message) []byte {
	locale, _ := delivery.MatchLocale(delivery.WhatsApp, m.Locale)
	t, ok := s.templates[locale]
	if !ok {
		t = s.templates[""]
	}
	code := []parameter{{Type: "text", Text: m.Code.Reveal()}}
	r := request{
		Product:   "whatsapp",
		Recipient: "individual",
		To:        m.To.Reveal(),
		Type:      "template",
		Template: templateRef{
			Name:     t.Name,
			Language: map[string]string{"code": t.Language},
			Components: []component{
				{Type: "body", Parameters: code},
				{Type: "button", SubType: "url", Index: "0", Parameters: code},
			},
		},
	}
	if callout.IsID(m.ID) {
		r.Opaque = m.ID
	}
	body, _ := json.Marshal(r) // strings cannot fail
	return body
}

// parse reads Meta's answer: a message, or an error.
func parse(answer callout.Answer) (id string, failure *delivery.Error) {
	var body struct {
		Messages []struct {
			ID string `json:"id"`
		} `json:"messages"`
		Error *graphError `json:"error"`
	}
	failure = &delivery.Error{Kind: callout.KindOf(answer.Status), RetryAfter: answer.RetryAfter}
	switch {
	case !answer.JSON(&body):
		failure.Reason = fmt.Sprintf("HTTP status %d with a body that is not Meta's", answer.Status)
	case body.Error != nil:
		failure.Reason = strings.Join(body.Error.words(body.Error.Message), ": ")
		if kind, known := body.Error.kind(); known {
			failure.Kind = kind
		} else if answer.Status == http.StatusInternalServerError {
			failure.Kind = delivery.Temporary
		}
	case answer.OK() && len(body.Messages) == 1 && body.Messages[0].ID != "":
		return ID(body.Messages[0].ID), nil
	default:
		failure.Reason = fmt.Sprintf("HTTP status %d without a message or an error", answer.Status)
	}
	return "", failure
}

// A graphError is an error of the Graph API.
type graphError struct {
	Code    *int      `json:"code"`
	Subcode int       `json:"error_subcode"`
	Title   string    `json:"title"` // in webhooks
	Message string    `json:"message"`
	Data    errorData `json:"error_data"`
}

// kind is the kind of the error, and whether it is known; it is Temporary if
// it is not.
func (e *graphError) kind() (kind delivery.Kind, known bool) {
	if e.Code == nil {
		return delivery.Temporary, false
	}
	return kindOf(*e.Code, e.Subcode)
}

// words are the code, if there is one, the title and the details.
func (e *graphError) words(title string) []string {
	words := []string{"no code", title}
	if e.Code != nil {
		words[0] = strconv.Itoa(*e.Code)
	}
	if e.Data.Details != "" {
		words = append(words, e.Data.Details)
	}
	return words
}

// errorData is an object with details in errors of the Cloud API, and anything
// else in those of other parts of the Graph API.
type errorData struct{ Details string }

func (d *errorData) UnmarshalJSON(text []byte) error {
	var object struct {
		Details string `json:"details"`
	}
	if json.Unmarshal(text, &object) == nil {
		d.Details = object.Details
	}
	return nil
}
