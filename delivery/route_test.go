package delivery_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
)

// named returns a sender that gives its name as the receipt's provider.
func named(name string) delivery.Sender {
	return delivery.SenderFunc(func(context.Context, delivery.Message) (delivery.Receipt, error) {
		return delivery.Receipt{Provider: name}, nil
	})
}

func TestRouteFirstFit(t *testing.T) {
	t.Parallel()
	r := route(t,
		delivery.Rule{Channels: []delivery.Channel{delivery.Email}, Sender: named("mail")},
		delivery.Rule{Regions: []string{"US", "CA"}, Purposes: []string{"payment"}, Sender: named("careful")},
		delivery.Rule{Regions: []string{"US"}, Sender: named("us")},
		delivery.Rule{Locales: []string{"PT", "zh-hans"}, Sender: named("languages")},
		delivery.Rule{Channels: []delivery.Channel{delivery.SMS, delivery.WhatsApp}, Sender: named("rest")},
	)
	for _, tt := range []struct {
		channel                       delivery.Channel
		region, locale, purpose, want string
	}{
		{delivery.Email, "", "pt-br", "payment", "mail"},
		{delivery.SMS, "US", "en", "payment", "careful"},
		{delivery.WhatsApp, "CA", "pt-br", "payment", "careful"},
		{delivery.SMS, "US", "pt-br", "login", "us"},
		{delivery.SMS, "CA", "en", "login", "rest"},
		{delivery.SMS, "", "en", "payment", "rest"},
		{delivery.SMS, "PT", "pt-br", "payment", "languages"},
		{delivery.SMS, "PT", "pt", "", "languages"},
		{delivery.SMS, "CN", "zh-Hans", "", "languages"},
		{delivery.SMS, "TW", "zh", "", "rest"},
		{delivery.SMS, "PT", "ptx", "", "rest"},
		{delivery.SMS, "us", "en", "", "rest"},
	} {
		m := note(0)
		m.Channel, m.Region, m.Locale, m.Purpose = tt.channel, tt.region, tt.locale, tt.purpose
		if receipt, err := r.Send(t.Context(), m); err != nil || receipt.Provider != tt.want {
			t.Errorf("%+v went to %q, %v", tt, receipt.Provider, err)
		}
	}
}

// A message that nobody thought of is an error that wakes somebody, and it
// says what there is no rule for.
func TestRouteNoRule(t *testing.T) {
	t.Parallel()
	var events []delivery.Event
	r, err := delivery.NewRoute(delivery.RouteConfig{
		Name:    "phones",
		Rules:   []delivery.Rule{{Regions: []string{"SE"}, Sender: named("se")}},
		Observe: func(e delivery.Event) { events = append(events, e) },
		Now:     newFake().Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	m := note(0)
	m.Purpose = "to " + m.To.Reveal()
	receipt, err := r.Send(t.Context(), m)
	if !errors.Is(err, delivery.ErrConfiguration) || receipt != (delivery.Receipt{}) {
		t.Fatalf("%+v, %v", receipt, err)
	}
	if want := `delivery: configuration: phones: no rule fits channel "sms", region "US", locale "en", purpose "to +[redacted]"`; err.Error() != want {
		t.Errorf("%v", err)
	}
	if len(events) != 1 || events[0].Kind != delivery.EventMisconfigured || events[0].Provider != "phones" || events[0].Message != "m0" ||
		events[0].Err != err || !events[0].Time.Equal(start) {
		t.Errorf("%+v", events)
	}
	if _, err := route(t, delivery.Rule{Regions: []string{"SE"}, Sender: named("se")}).Send(t.Context(), m); !strings.Contains(err.Error(), ": route: ") {
		t.Error(err)
	}
}

// Weights share messages out, one message always the same way, and a split in
// a split is independent of it.
func TestRouteSplit(t *testing.T) {
	t.Parallel()
	inner := route(t, delivery.Rule{Split: []delivery.Share{{named("b"), 1}, {named("c"), 1}}})
	r := route(t, delivery.Rule{Split: []delivery.Share{{named("a"), 2}, {inner, 2}, {named("d"), 1}}})
	const n = 20_000
	got := make(map[string]int)
	for i := range n {
		first, err := r.Send(t.Context(), note(i))
		if err != nil {
			t.Fatal(err)
		}
		second, _ := r.Send(t.Context(), note(i))
		if first != second {
			t.Fatalf("message %d went to %q, then to %q", i, first.Provider, second.Provider)
		}
		got[first.Provider]++
	}
	for name, share := range map[string]float64{"a": 0.4, "b": 0.2, "c": 0.2, "d": 0.2} {
		// Seven standard deviations are less than 0.025.
		if part := float64(got[name]) / n; part < share-0.025 || part > share+0.025 {
			t.Errorf("%s has %.3f of the messages, want %.3f", name, part, share)
		}
	}
}

func TestNewRouteRefuses(t *testing.T) {
	t.Parallel()
	s := named("s")
	fits := delivery.Rule{Sender: s}
	for want, rules := range map[string][]delivery.Rule{
		"Rules is empty":                           nil,
		"Rules[0].Sender is missing":               {{}},
		"Rules[1].Sender is missing":               {{Regions: []string{"US"}, Sender: s}, {Sender: (*delivery.Failover)(nil)}},
		"Rules[0].Sender and Split exclude":        {{Sender: s, Split: []delivery.Share{{s, 1}}}},
		"Rules[0].Split[1].Sender is missing":      {{Split: []delivery.Share{{s, 1}, {nil, 1}}}},
		"Rules[0].Split[0].Weight 0 is outside":    {{Split: []delivery.Share{{s, 0}}}},
		"Rules[0].Split[1].Weight -1 is outside":   {{Split: []delivery.Share{{s, 1}, {s, -1}}}},
		"Split[0].Weight 1000001 is outside":       {{Split: []delivery.Share{{s, 1_000_001}}}},
		`Rules[0].Channels[1] "pigeon" is`:         {{Channels: []delivery.Channel{delivery.SMS, "pigeon"}, Sender: s}},
		`Rules[0].Channels[0] "" is unknown`:       {{Channels: []delivery.Channel{""}, Sender: s}},
		`Rules[0].Regions[0] "us" is no region`:    {{Regions: []string{"us"}, Sender: s}},
		`Rules[0].Regions[1] "USA" is no region`:   {{Regions: []string{"US", "USA"}, Sender: s}},
		"Rules[0].Locales[0] is empty":             {{Locales: []string{""}, Sender: s}},
		"Rules[0] fits every message, so Rules[1]": {fits, {Regions: []string{"US"}, Sender: s}},
	} {
		r, err := delivery.NewRoute(delivery.RouteConfig{Rules: rules})
		if r != nil || err == nil || !strings.Contains(err.Error(), "delivery: RouteConfig.") || !strings.Contains(err.Error(), want) {
			t.Errorf("NewRoute = %v, %v; want %q", r, err, want)
		}
	}
}

func TestNewRouteCopies(t *testing.T) {
	t.Parallel()
	rules := []delivery.Rule{
		{Regions: []string{"US"}, Split: []delivery.Share{{named("us"), 1}}},
		{Sender: named("rest")},
	}
	r := route(t, rules...)
	rules[0].Regions[0], rules[0].Split[0], rules[1] = "SE", delivery.Share{}, delivery.Rule{}
	if receipt, err := r.Send(t.Context(), note(0)); err != nil || receipt.Provider != "us" {
		t.Errorf("%+v, %v", receipt, err)
	}
}

// A tour of what a program writes: each provider guarded once, two of them in
// turn for SMS, and a way for every message.
func ExampleRoute() {
	provider := func(name string, down bool) *delivery.Breaker {
		b, err := delivery.NewBreaker(delivery.BreakerConfig{
			Name: name,
			Sender: delivery.SenderFunc(func(_ context.Context, m delivery.Message) (delivery.Receipt, error) {
				if down {
					return delivery.Receipt{}, &delivery.Error{Kind: delivery.Temporary, Reason: "503 Service Unavailable"}
				}
				return delivery.Receipt{Provider: name, ID: m.ID}, nil
			}),
			Observe: func(e delivery.Event) {
				fmt.Printf("%s: %s", e.Provider, e.Kind)
				if e.Err != nil {
					fmt.Printf(" (%v)", e.Err)
				}
				fmt.Println()
			},
		})
		if err != nil {
			panic(err)
		}
		return b
	}
	cheap, good, mail := provider("cheap", true), provider("good", false), provider("mail", false)
	phones, err := delivery.NewFailover(delivery.FailoverConfig{Providers: []*delivery.Breaker{cheap, good}})
	if err != nil {
		panic(err)
	}
	route, err := delivery.NewRoute(delivery.RouteConfig{Rules: []delivery.Rule{
		{Channels: []delivery.Channel{delivery.Email}, Sender: mail},
		{Regions: []string{"US", "CA"}, Sender: phones},
		{Sender: good},
	}})
	if err != nil {
		panic(err)
	}
	_, err = route.Send(context.Background(), delivery.Message{ID: "1", Channel: delivery.SMS, Region: "US", Code: delivery.NewSecret("123456")})
	fmt.Println(err, cheap.Health().Failures)
	// Output:
	// cheap: failed (delivery: temporary: cheap: 503 Service Unavailable)
	// good: taken
	// <nil> 1
}
