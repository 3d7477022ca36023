package smtpsender

import (
	"fmt"
	"strings"
	"testing"

	gosmtp "github.com/emersion/go-smtp"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/deliverytest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	for name, implicit := range map[string]bool{"STARTTLS": false, "ImplicitTLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			deliverytest.Run(t, delivery.Email, func(t *testing.T) deliverytest.Fixture {
				b := newMailbox(t, implicit)
				cfg := config(b.addr)
				cfg.ImplicitTLS = implicit
				return deliverytest.Fixture{
					Sender: newSender(t, cfg),
					Sent: func() []string {
						var out []string
						for _, letter := range b.all() {
							p, err := parse(letter)
							if err != nil {
								t.Fatal(err)
							}
							out = append(out, p.text+"\n"+p.html)
						}
						return out
					},
					Break: func() {
						b.mu.Lock()
						defer b.mu.Unlock()
						b.refusal = func(letter string) error {
							p, err := parse(letter)
							return &gosmtp.SMTPError{Code: 554, EnhancedCode: gosmtp.EnhancedCode{5, 6, 0},
								Message: fmt.Sprintf("will not take %q for %s %v", strings.ReplaceAll(p.text, "\n", " "), p.header.Get("To"), err)}
						}
					},
				}
			})
		})
	}
}
