package snssender

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sms "github.com/aws/aws-sdk-go-v2/service/pinpointsmsvoicev2"

	"github.com/passcode-go/passcode/delivery"
)

func TestNew(t *testing.T) {
	t.Parallel()
	client := sms.New(sms.Options{Region: testRegion})
	long := strings.Repeat("a", 257)
	for name, tt := range map[string]struct {
		cfg  Config
		want string // of the error; empty: none
	}{
		"least":               {Config{Client: client}, ""},
		"no client":           {Config{}, "Client"},
		"name with a line":    {Config{Client: client, Name: "a\nb"}, "Name"},
		"long name":           {Config{Client: client, Name: strings.Repeat("a", 33)}, "Name"},
		"name with a space":   {Config{Client: client, Name: "aws eu"}, ""},
		"origination":         {Config{Client: client, Origination: "a b"}, "Origination"},
		"long origination":    {Config{Client: client, Origination: long}, "Origination"},
		"set":                 {Config{Client: client, ConfigurationSet: "a\x00"}, "ConfigurationSet"},
		"protect":             {Config{Client: client, ProtectConfiguration: "\xff"}, "ProtectConfiguration"},
		"negative price":      {Config{Client: client, MaxPrice: -1}, "MaxPrice"},
		"tiny price":          {Config{Client: client, MaxPrice: 0.000001}, "MaxPrice"},
		"high price":          {Config{Client: client, MaxPrice: 100}, "MaxPrice"},
		"price that is none":  {Config{Client: client, MaxPrice: math.NaN()}, "MaxPrice"},
		"price":               {Config{Client: client, MaxPrice: 0.05}, ""},
		"empty parameter":     {Config{Client: client, CountryParameters: map[string]string{"IN_ENTITY_ID": ""}}, "CountryParameters"},
		"parameter of a line": {Config{Client: client, CountryParameters: map[string]string{"IN_ENTITY_ID": "a\n"}}, "CountryParameters"},
		"parameter":           {Config{Client: client, CountryParameters: map[string]string{"IN_ENTITY_ID": "1"}}, ""},
		"negative timeout":    {Config{Client: client, Timeout: -1}, "Timeout"},
		"long timeout":        {Config{Client: client, Timeout: time.Hour}, "Timeout"},
	} {
		s, err := New(tt.cfg)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case tt.want == "":
		case s != nil || !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), tt.want) || strings.ContainsAny(err.Error(), "\n\x00"):
			t.Errorf("%s: %q, want %q", name, err, tt.want)
		}
	}
}

func TestNewFromConfig(t *testing.T) {
	t.Parallel()
	keys := Keys("id", delivery.NewSecret("secret"), delivery.Secret{})
	for want, program := range map[string]aws.Config{
		"Region":      {Credentials: keys},
		"Credentials": {Region: testRegion},
	} {
		if s, err := NewFromConfig(program, Config{}); s != nil || !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", want, err)
		}
	}
	if _, err := NewFromConfig(aws.Config{Region: testRegion, Credentials: keys}, Config{Timeout: -1}); !errors.Is(err, ErrConfig) {
		t.Errorf("a bad Config: %v", err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	got, err := Keys("id", delivery.NewSecret("secret"), delivery.NewSecret("session")).Retrieve(t.Context())
	if err != nil || got.AccessKeyID != "id" || got.SecretAccessKey != "secret" || got.SessionToken != "session" || got.CanExpire {
		t.Errorf("Keys = %+v, %v", got, err)
	}
}

// A caller's map may change after New.
func TestNewCopies(t *testing.T) {
	t.Parallel()
	c := newCloud(t)
	parameters := map[string]string{"IN_ENTITY_ID": "1"}
	s := newSender(t, c.program(), Config{CountryParameters: parameters})
	parameters["IN_ENTITY_ID"] = "2"
	if _, err := s.Send(t.Context(), testMessage()); err != nil || c.taken[0].DestinationCountryParameters["IN_ENTITY_ID"] != "1" {
		t.Errorf("Send = %v; AWS got %+v", err, c.taken)
	}
}

// However a sender is printed, no credentials are seen, not even of a program
// that holds them in the open.
func TestPrinting(t *testing.T) {
	t.Parallel()
	program := newCloud(t).program()
	program.Credentials = open{aws.Credentials{AccessKeyID: testKeyID, SecretAccessKey: testSecret, SessionToken: testSession}}
	s := newSender(t, program, Config{})
	keyed := newSender(t, newCloud(t).program(), Config{})
	for _, v := range []any{s, *s, struct{ S *Sender }{s}, []Sender{*s}, keyed, *keyed, s.cfg, Keys(testKeyID, delivery.NewSecret(testSecret), delivery.Secret{})} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, testSecret) || strings.Contains(out, testSession) {
				t.Errorf("%T with %s shows credentials", v, verb)
			}
		}
	}
}
