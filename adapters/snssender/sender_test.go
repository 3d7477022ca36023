package snssender

import (
	"io"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	deliverytest.Run(t, delivery.SMS, func(t *testing.T) deliverytest.Fixture {
		c := newCloud(t)
		return deliverytest.Fixture{
			Sender: newSender(t, c.program(), Config{}),
			Sent:   c.bodies,
			Break: func() {
				c.mu.Lock()
				defer c.mu.Unlock()
				c.do = func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					refuse(400, "ConflictException", `"Reason":"DESTINATION_PHONE_NUMBER_OPTED_OUT"`, "will not take "+string(body))(w, r)
				}
			},
		}
	})
}

func intp(n int) *int { return &n }

// What goes to AWS, and what does not if it is not configured.
func TestRequest(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		cfg    Config
		change func(*delivery.Message)
		want   func(*request)
	}{
		"as it is": {},
		"all": {cfg: Config{
			Origination: "+12025550100", ConfigurationSet: "codes", ProtectConfiguration: "protect-1", MaxPrice: 0.1,
			CountryParameters: map[string]string{"IN_ENTITY_ID": "e", "IN_TEMPLATE_ID": "t"},
		}, want: func(r *request) {
			r.OriginationIdentity, r.ConfigurationSetName, r.ProtectConfigurationId, r.MaxPrice = "+12025550100", "codes", "protect-1", "0.10000"
			r.DestinationCountryParameters = map[string]string{"IN_ENTITY_ID": "e", "IN_TEMPLATE_ID": "t"}
		}},
		"ARNs": {cfg: Config{Origination: "arn:aws:sms-voice:eu-west-1:123456789012:sender-id/ACME/GB", ConfigurationSet: "arn:aws:sms-voice:eu-west-1:123456789012:configuration-set/codes"},
			want: func(r *request) {
				r.OriginationIdentity = "arn:aws:sms-voice:eu-west-1:123456789012:sender-id/ACME/GB"
				r.ConfigurationSetName = "arn:aws:sms-voice:eu-west-1:123456789012:configuration-set/codes"
			}},
		"dearest":         {cfg: Config{MaxPrice: 99.99999}, want: func(r *request) { r.MaxPrice = "99.99999" }},
		"cheapest":        {cfg: Config{MaxPrice: 0.00001}, want: func(r *request) { r.MaxPrice = "0.00001" }},
		"short life":      {change: func(m *delivery.Message) { m.Expires = time.Millisecond }, want: func(r *request) { r.TimeToLive = intp(5) }},
		"parts of second": {change: func(m *delivery.Message) { m.Expires = 90*time.Second + 1 }, want: func(r *request) { r.TimeToLive = intp(91) }},
		"long life":       {change: func(m *delivery.Message) { m.Expires = 100 * time.Hour }, want: func(r *request) { r.TimeToLive = intp(259200) }},
		"no life told":    {change: func(m *delivery.Message) { m.Expires = 0 }, want: func(r *request) { r.TimeToLive = nil }},
		"no id":           {change: func(m *delivery.Message) { m.ID = "" }, want: func(r *request) { r.Context = nil }},
		"odd id":          {change: func(m *delivery.Message) { m.ID = "a b\n" }, want: func(r *request) { r.Context = nil }},
		"own channel":     {change: func(m *delivery.Message) { m.Channel = "sms-backup" }},
		"another script":  {change: func(m *delivery.Message) { m.Body = delivery.NewSecret("コード: 917364\n@a.example #917364") }},
		"longest":         {change: func(m *delivery.Message) { m.Body = delivery.NewSecret(strings.Repeat("é", 1600)) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCloud(t)
			m := testMessage()
			if tt.change != nil {
				tt.change(&m)
			}
			receipt, err := newSender(t, c.program(), tt.cfg).Send(t.Context(), m)
			if want := (delivery.Receipt{Provider: "aws", ID: testID}); err != nil || receipt != want {
				t.Fatalf("Send = %+v, %v", receipt, err)
			}
			want := request{DestinationPhoneNumber: testTo, MessageBody: m.Body.Reveal(), MessageType: "TRANSACTIONAL", TimeToLive: intp(300),
				Context: map[string]string{"passcode-message": m.ID}}
			if tt.want != nil {
				tt.want(&want)
			}
			if got := c.taken[0]; !reflect.DeepEqual(got, want) {
				t.Errorf("AWS got %+v, want %+v", got, want)
			}
		})
	}
}

// What cannot be sent is not, and AWS hears nothing of it.
func TestUnsendable(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	s := newSender(t, c.program(), Config{})
	for name, tt := range map[string]struct {
		change func(*delivery.Message)
		want   delivery.Kind
	}{
		"e-mail":       {func(m *delivery.Message) { m.Channel, m.To = delivery.Email, delivery.NewAddress("a@b.example") }, delivery.Configuration},
		"WhatsApp":     {func(m *delivery.Message) { m.Channel = delivery.WhatsApp }, delivery.Configuration},
		"no address":   {func(m *delivery.Message) { m.To = delivery.Address{} }, delivery.Rejected},
		"no plus":      {func(m *delivery.Message) { m.To = delivery.NewAddress("12025550162") }, delivery.Rejected},
		"with spaces":  {func(m *delivery.Message) { m.To = delivery.NewAddress("+1 202 555 0162") }, delivery.Rejected},
		"with a line":  {func(m *delivery.Message) { m.To = delivery.NewAddress("+12025550162\n") }, delivery.Rejected},
		"too long":     {func(m *delivery.Message) { m.To = delivery.NewAddress("+1234567890123456") }, delivery.Rejected},
		"other digits": {func(m *delivery.Message) { m.To = delivery.NewAddress("+١٢٠٢٥٥٥٠١٦٢") }, delivery.Rejected},
		"a topic":      {func(m *delivery.Message) { m.To = delivery.NewAddress("arn:aws:sns:eu-west-1:1:t") }, delivery.Rejected},
		"no text":      {func(m *delivery.Message) { m.Body = delivery.Secret{} }, delivery.Configuration},
		"long text":    {func(m *delivery.Message) { m.Body = delivery.NewSecret(strings.Repeat("a", 1601)) }, delivery.Configuration},
		"broken text":  {func(m *delivery.Message) { m.Body = delivery.NewSecret("917364 \xff") }, delivery.Configuration},
	} {
		m := testMessage()
		tt.change(&m)
		if _, err := s.Send(t.Context(), m); kindOfError(err) != string(tt.want) {
			t.Errorf("%s: %v, want %s", name, err, tt.want)
		}
	}
	if n := c.count(); n != 0 {
		t.Errorf("AWS was called %d times", n)
	}
}
