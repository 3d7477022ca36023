package deliverytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/passcode-go/passcode/delivery"
)

// A verdict is a testing.TB that takes note of failures.
type verdict struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

// stopped is what Fatal panics with: the test ends, ours goes on.
type stopped struct{}

func (v *verdict) Helper() {}
func (v *verdict) Errorf(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.failures = append(v.failures, fmt.Sprintf(format, args...))
}
func (v *verdict) Error(args ...any)                 { v.Errorf("%s", fmt.Sprint(args...)) }
func (v *verdict) Fatalf(format string, args ...any) { v.Errorf(format, args...); panic(stopped{}) }
func (v *verdict) Fatal(args ...any)                 { v.Fatalf("%s", fmt.Sprint(args...)) }
func (v *verdict) Skip(...any)                       { panic(stopped{}) }

// A flawed sender does what a good one does but for its flaw.
type flawed struct {
	flaw   string
	mu     sync.Mutex
	sent   []string
	logs   strings.Builder
	broken bool
	calls  int
}

func (f *flawed) Send(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if f.flaw == "logs the address" {
		fmt.Fprintf(&f.logs, "sending to %s\n", m.To.Reveal())
	}
	switch err := ctx.Err(); {
	case err != nil && f.flaw == "ignores ctx":
	case err != nil && f.flaw == "sends although ctx is done":
		f.sent = append(f.sent, m.Body.Reveal())
		return delivery.Receipt{}, err
	case err != nil && f.flaw == "ctx error shows the address":
		return delivery.Receipt{}, fmt.Errorf("to %s: %w", m.To.Reveal(), err)
	case err != nil:
		return delivery.Receipt{}, err
	}
	receipt := delivery.Receipt{Provider: "flawed", ID: m.ID}
	switch f.flaw {
	case "no provider":
		receipt.Provider = ""
	case "code as ID":
		receipt.ID = m.Code.Reveal()
	}
	if f.broken {
		e := &delivery.Error{Kind: delivery.Rejected}
		switch f.flaw {
		case "swallows errors":
			return receipt, nil
		case "receipt with error":
			return receipt, e
		case "plain error":
			return delivery.Receipt{}, errors.New("no")
		case "echoes the code":
			e.Reason = m.Body.Reveal()
		case "echoes below":
			return delivery.Receipt{}, errors.Join(e, errors.New("to "+m.To.Reveal()[1:]))
		}
		return delivery.Receipt{}, e
	}
	switch f.flaw {
	case "always fails":
		return delivery.Receipt{}, &delivery.Error{Kind: delivery.Configuration}
	case "sends nothing":
		return receipt, nil
	case "sends twice":
		f.sent = append(f.sent, m.Body.Reveal())
	case "loses the tenth":
		if f.calls == 10 {
			return receipt, nil
		}
	case "mixes messages up":
		if len(f.sent) >= 10 {
			f.sent = append(f.sent, f.sent[0])
			return receipt, nil
		}
	case "sends no code":
		f.sent = append(f.sent, m.Body.String())
		return receipt, nil
	}
	f.sent = append(f.sent, m.Body.Reveal())
	return receipt, nil
}

// Every flaw is found, by the test that is there for it, and a sender without
// one passes.
func TestConformanceFindsFlaws(t *testing.T) {
	t.Parallel()
	for flaw, finder := range map[string]string{
		"":                            "",
		"always fails":                "SendsOnce",
		"sends nothing":               "SendsOnce",
		"sends twice":                 "SendsOnce",
		"sends no code":               "SendsOnce",
		"no provider":                 "SendsOnce",
		"code as ID":                  "SendsOnce",
		"logs the address":            "SendsOnce",
		"ignores ctx":                 "Done",
		"sends although ctx is done":  "Done",
		"ctx error shows the address": "Done",
		"loses the tenth":             "Concurrent",
		"mixes messages up":           "Concurrent",
		"swallows errors":             "Refused",
		"receipt with error":          "Refused",
		"plain error":                 "Refused",
		"echoes the code":             "Refused",
		"echoes below":                "Refused",
	} {
		for name, test := range tests {
			v := &verdict{TB: t}
			f := &flawed{flaw: flaw}
			func() {
				defer func() {
					if r := recover(); r != nil && r != (stopped{}) {
						panic(r)
					}
				}()
				test(v, Fixture{
					Sender: f,
					Sent:   func() []string { return f.sent },
					Break:  func() { f.broken = true },
					Logs:   f.logs.String,
				}, delivery.SMS)
			}()
			if name == finder && len(v.failures) == 0 {
				t.Errorf("%s passes a sender that %s", name, flaw)
			}
			if flaw == "" && len(v.failures) > 0 {
				t.Errorf("%s fails a good sender: %q", name, v.failures)
			}
		}
	}
}
