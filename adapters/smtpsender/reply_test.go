package smtpsender

import (
	"errors"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/delivery"
)

// answers are what servers say at each step, and what it means. Those with a
// name are from the published lists of Gmail (answer 3726730), Amazon SES
// ("SMTP response codes"), Exchange Online (NDR codes) or from Postfix.
var answers = []struct {
	at    string
	reply string
	want  delivery.Kind
}{
	// RFC 5321 §3.1, §4.2.3: before anything else.
	{"greeting", "421 mail.example closing", delivery.Temporary},
	{"greeting", "421 4.7.0 Error: too many connections from 192.0.2.1", delivery.Throttled}, // Postfix anvil
	{"greeting", "421 4.4.5 Server busy, try again later", delivery.Throttled},               // Gmail
	{"greeting", "554 no SMTP service here", delivery.Configuration},
	{"greeting", "521 mail.example does not accept mail", delivery.Configuration}, // RFC 7504
	{"greeting", "250 hello", delivery.Temporary},
	{"EHLO", "421 4.3.2 shutting down", delivery.Temporary},
	{"EHLO", "550 5.7.1 your name is not welcome", delivery.Configuration},
	{"EHLO", "504 5.5.2 need fully-qualified hostname", delivery.Configuration}, // Postfix

	// RFC 3207 §4.
	{"STARTTLS", "454 4.7.0 TLS not available due to temporary reason", delivery.Temporary},
	{"STARTTLS", "501 5.5.4 no parameters allowed", delivery.Configuration},
	{"STARTTLS", "502 5.5.1 not implemented", delivery.Configuration},

	// RFC 4954 §4, §6.
	{"AUTH", "432 4.7.12 A password transition is needed", delivery.Configuration},
	{"AUTH", "454 4.7.0 Temporary authentication failure", delivery.Temporary},
	{"AUTH", "454 4.7.0 Too many login attempts, please try again later", delivery.Temporary}, // Gmail
	{"AUTH", "421 4.7.0 closing", delivery.Temporary},
	{"AUTH", "500 5.5.6 Authentication Exchange line is too long", delivery.Configuration},
	{"AUTH", "504 5.5.4 Unrecognized authentication type", delivery.Configuration},
	{"AUTH", "530 5.7.0 Must issue a STARTTLS command first", delivery.Configuration},
	{"AUTH", "534 5.7.9 Application-specific password required", delivery.Configuration}, // Gmail
	{"AUTH", "535 5.7.8 Authentication credentials invalid", delivery.Configuration},
	{"AUTH", "535 Authentication Credentials Invalid", delivery.Configuration}, // SES
	{"AUTH", "538 5.7.11 Encryption required", delivery.Configuration},
	{"AUTH", "525 5.7.13 User account disabled", delivery.Configuration}, // RFC 5248
	{"AUTH", "250 2.0.0 ok?", delivery.Temporary},

	// MAIL: the sender.
	{"MAIL", "421 too many messages in this connection", delivery.Temporary},
	{"MAIL", "450 4.7.1 Error: too much mail from 192.0.2.1", delivery.Throttled}, // Postfix anvil
	{"MAIL", "451 local error in processing", delivery.Temporary},
	{"MAIL", "452 4.3.1 Insufficient system storage", delivery.Temporary},
	{"MAIL", "452 4.5.3 Too many messages in this session", delivery.Throttled},
	{"MAIL", "454 Throttling failure: Maximum sending rate exceeded", delivery.Throttled}, // SES
	{"MAIL", "432 4.3.2 Concurrent connections limit exceeded", delivery.Throttled},       // Exchange
	{"MAIL", "503 5.5.1 send hello first", delivery.Configuration},
	{"MAIL", "530 5.7.0 Authentication required", delivery.Configuration},                   // RFC 4954
	{"MAIL", "550 5.1.8 Access denied, bad outbound sender", delivery.Configuration},        // Exchange
	{"MAIL", "550 5.7.60 client does not have permissions to send", delivery.Configuration}, // Exchange
	{"MAIL", "550 5.4.5 Daily SMTP relay sending limit exceeded", delivery.Throttled},       // Gmail
	{"MAIL", "501 5.1.7 Bad sender address syntax", delivery.Configuration},                 // Postfix
	{"MAIL", "553 sender refused", delivery.Configuration},
	{"MAIL", "550 sender refused", delivery.Configuration},
	{"MAIL", "555 5.5.4 Unsupported option", delivery.Configuration},
	{"MAIL", "552 5.3.4 Message size exceeds fixed limit", delivery.Configuration},
	{"MAIL", "550 5.7.1 you may not send", delivery.Configuration},
	{"MAIL", "450 4.2.1 Peak SMTP relay limit exceeded", delivery.Throttled}, // Gmail
	{"MAIL", "550 5.7.28 mail flood", delivery.Throttled},                    // RFC 7372's registry
	{"MAIL", "550 5.1.1 what this is about is not clear here", delivery.Configuration},
	{"MAIL", "354 what?", delivery.Temporary},
	{"MAIL", "299 odd", delivery.Temporary},
	{"RCPT", "550 5.1.1 <x>: Recipient address rejected: User unknown", delivery.Rejected}, // Postfix
	{"RCPT", "550 No such user", delivery.Rejected},                                        // RFC 5321 §4.3.2
	{"RCPT", "551 5.1.6 User has moved", delivery.Rejected},
	{"RCPT", "552 mailbox full", delivery.Rejected},
	{"RCPT", "552 5.2.2 Mailbox full", delivery.Rejected},
	{"RCPT", "553 5.1.3 Bad recipient address syntax", delivery.Rejected},
	{"RCPT", "501 5.1.3 Bad recipient address syntax", delivery.Rejected}, // Postfix
	{"RCPT", "501 syntax error in parameters", delivery.Rejected},
	{"RCPT", "550 5.1.2 Domain not found", delivery.Rejected},
	{"RCPT", "550 5.1.0 Address rejected", delivery.Rejected},
	{"RCPT", "556 5.1.10 Recipient address has null MX", delivery.Rejected}, // RFC 7505
	{"RCPT", "550 5.2.1 The account is disabled", delivery.Rejected},        // Gmail
	{"RCPT", "550 5.2.0 something with the mailbox", delivery.Rejected},
	{"RCPT", "550 5.4.1 Recipient address rejected: Access denied", delivery.Rejected}, // Exchange
	{"RCPT", "550 5.4.5 Daily sending quota exceeded", delivery.Throttled},             // Gmail
	{"RCPT", "554 Transaction failed", delivery.Rejected},
	{"RCPT", "554 5.7.1 <x>: Relay access denied", delivery.Temporary},                                     // Postfix
	{"RCPT", "554 5.7.1 <x>: Recipient address rejected: Access denied", delivery.Temporary},               // Postfix, an access table
	{"RCPT", "550 5.7.1 <x>... Relaying denied", delivery.Temporary},                                       // Sendmail
	{"RCPT", "550 5.7.0 Mail relay denied", delivery.Temporary},                                            // Gmail
	{"RCPT", "454 4.7.1 <x>: Relay access denied", delivery.Temporary},                                     // Postfix
	{"RCPT", "550 5.7.54 Unable to relay recipient in non-accepted domain", delivery.Configuration},        // Exchange
	{"RCPT", "550 5.7.64 TenantAttribution; Relay Access Denied", delivery.Configuration},                  // Exchange
	{"RCPT", "550 5.7.60 Client does not have permissions to send as this sender", delivery.Configuration}, // Exchange
	{"RCPT", "550 5.7.12 Sender was not authenticated by organization", delivery.Rejected},                 // Exchange
	{"RCPT", "550 5.7.133 Sender not authenticated for group", delivery.Rejected},                          // Exchange
	{"RCPT", "550 5.7.504 <x>: Recipient address rejected: Access denied", delivery.Rejected},              // Exchange
	{"RCPT", "550 5.7.2 expansion of this list is prohibited", delivery.Rejected},                          // RFC 3463
	{"RCPT", "550 5.7.999 a rule of the recipient's", delivery.Rejected},
	{"RCPT", "550 5.7.23 SPF validation failed", delivery.Configuration},                     // RFC 7372
	{"RCPT", "550 5.5.0 Requested action not taken: mailbox unavailable", delivery.Rejected}, // Outlook.com
	{"RCPT", "555 5.5.2 Syntax error, goodbye", delivery.Rejected},                           // Gmail
	{"RCPT", "550 5.3.0 not here", delivery.Rejected},
	{"RCPT", "550 5.1.8 Sender address rejected: Domain not found", delivery.Configuration}, // Postfix
	{"RCPT", "553 5.7.1 <a>: Sender address rejected: not owned", delivery.Configuration},   // Postfix
	{"RCPT", "530 5.7.0 Authentication required", delivery.Configuration},
	{"RCPT", "530 authentication required", delivery.Configuration},
	{"RCPT", "503 bad sequence", delivery.Configuration},
	{"RCPT", "450 mailbox unavailable", delivery.Temporary},
	{"RCPT", "450 4.1.1 unverified address", delivery.Temporary},                          // Postfix
	{"RCPT", "450 4.2.0 <x>: Recipient address rejected: Greylisted", delivery.Temporary}, // Postgrey
	{"RCPT", "451 4.7.1 Greylisting in action, please come back later", delivery.Temporary},
	{"RCPT", "450 4.2.1 The user is receiving mail too quickly", delivery.Temporary},          // Gmail
	{"RCPT", "452 4.5.3 Domain policy size per transaction exceeded", delivery.Temporary},     // Gmail
	{"RCPT", "432 4.3.2 recipient thread limit exceeded", delivery.Temporary},                 // Exchange
	{"RCPT", "452 4.2.2 The email account is over quota", delivery.Temporary},                 // Gmail
	{"RCPT", "421 4.7.0 TLS required for RCPT domain", delivery.Temporary},                    // Gmail
	{"RCPT", "421 4.7.28 unusual rate of mail", delivery.Throttled},                           // Gmail
	{"RCPT", "550 5.1.90 you've reached your daily limit for recipients", delivery.Throttled}, // Exchange
	{"RCPT", "451 4.3.0 Temporary lookup failure", delivery.Temporary},                        // Postfix
	{"RCPT", "550 4.7.1 the class is another one", delivery.Rejected},
	{"RCPT", "554 7.1.1 that is no status", delivery.Rejected},
	{"RCPT", "554 5.7 that is no status", delivery.Rejected},
	{"RCPT", "554 5.7.1000 that is no status", delivery.Rejected},
	{"RCPT", "599 what is this", delivery.Rejected},
	{"RCPT", "354 go on", delivery.Temporary},
	{"DATA", "451 4.3.0 queue file write error", delivery.Temporary}, // Postfix
	{"DATA", "503 5.5.1 need RCPT command", delivery.Configuration},
	{"DATA", "554 5.5.1 no valid recipients", delivery.Configuration}, // Postfix
	{"DATA", "550 5.1.1 user unknown", delivery.Rejected},
	{"DATA", "554 5.7.1 <x>: Recipient address rejected: Access denied", delivery.Temporary}, // Postfix
	{"DATA", "450 4.7.1 try again later", delivery.Temporary},
	{"DATA", "250 ok?", delivery.Temporary},
	{"dot", "451 4.3.0 queue file write error", delivery.Temporary}, // Postfix
	{"dot", "452 4.3.1 insufficient storage", delivery.Temporary},
	{"dot", "421 4.3.2 shutting down", delivery.Temporary},
	{"dot", "454 Throttling failure: Daily message quota exceeded", delivery.Throttled}, // SES
	{"dot", "421 4.7.28 unusual rate of mail", delivery.Throttled},                      // Gmail
	{"dot", "550 5.1.1 user unknown", delivery.Rejected},
	{"dot", "552 5.2.2 mailbox full", delivery.Rejected},          // Dovecot
	{"dot", "552 exceeded storage allocation", delivery.Rejected}, // RFC 5321 §4.2.3
	{"dot", "552 5.3.4 message size exceeds fixed limit", delivery.Configuration},
	{"dot", "552 5.7.0 content presents a potential security issue", delivery.Temporary}, // Gmail
	{"dot", "554 5.2.252 SendAsDenied", delivery.Configuration},                          // Exchange
	{"dot", "554 5.2.0 STOREDRV.Deliver.Exception", delivery.Temporary},                  // Exchange
	{"dot", "550 5.7.1 message rejected as spam", delivery.Temporary},
	{"dot", "554 5.7.0 Reject, spam", delivery.Temporary},                                                         // amavis
	{"dot", "550 5.7.133 Sender not authenticated for group", delivery.Rejected},                                  // Exchange
	{"dot", "550 5.7.900 a rule of the organization's", delivery.Temporary},                                       // Exchange
	{"dot", "550 5.7.25 no PTR record", delivery.Configuration},                                                   // RFC 7372
	{"dot", "550 5.7.27 senders have to authenticate with SPF", delivery.Configuration},                           // Gmail
	{"dot", "550 5.7.28 unusual rate of unsolicited mail", delivery.Throttled},                                    // Gmail
	{"dot", "550 5.7.30 DKIM does not pass", delivery.Configuration},                                              // Gmail
	{"dot", "550 5.7.509 sending domain does not pass DMARC verification", delivery.Configuration},                // Exchange
	{"dot", "550 5.7.515 sending domain does not meet the required authentication level", delivery.Configuration}, // Outlook.com
	{"dot", "550 5.7.606 banned sending IP", delivery.Configuration},                                              // Exchange
	{"dot", "550 5.7.649 banned sending IP", delivery.Configuration},                                              // Exchange
	{"dot", "550 5.7.708 traffic not accepted from this IP", delivery.Configuration},                              // Exchange
	{"dot", "451 4.7.1 greylisted", delivery.Temporary},                                                           // Rspamd
	{"dot", "450 4.2.1 The user is receiving mail too quickly", delivery.Temporary},                               // Gmail
	{"dot", "432 4.3.2 sender thread limit exceeded", delivery.Throttled},                                         // Exchange
	{"dot", "550 5.7.26 unauthenticated email is not accepted", delivery.Configuration},                           // Gmail
	{"dot", "554 Message rejected: Email address is not verified.", delivery.Configuration},                       // SES
	{"dot", "554 5.6.0 message cannot be parsed", delivery.Configuration},
	{"dot", "550 5.4.5 Daily user sending limit exceeded", delivery.Throttled}, // Gmail
	{"dot", "550 5.4.4 unable to route", delivery.Rejected},
	{"dot", "550 policy", delivery.Temporary},
	{"dot", "550 5.0.0 policy", delivery.Temporary},
	{"dot", "554 5.0.0 transaction failed", delivery.Configuration},
	{"dot", "354 more?", delivery.Ambiguous},
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for _, tt := range answers {
		t.Run(tt.at+" "+tt.reply[:3], func(t *testing.T) {
			t.Parallel()
			p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{tt.at: say(tt.reply)}}
			s := newSender(t, config(p.start(t).addr))
			receipt, err := s.Send(t.Context(), testMessage())
			if got := kindOfError(err); got != string(tt.want) || receipt != (delivery.Receipt{}) {
				t.Fatalf("%s to %q: %s %+v, want %s", tt.reply, tt.at, got, receipt, tt.want)
			}
			var e *delivery.Error
			errors.As(err, &e)
			if e.Provider != "smtp" || e.RetryAfter != 0 || !strings.Contains(e.Reason, tt.reply[:3]) {
				t.Errorf("%s to %q: %+v", tt.reply, tt.at, *e)
			}
			if tt.at != "AUTH" && !strings.HasSuffix(e.Reason, strings.ReplaceAll(tt.reply, "  ", " ")) {
				t.Errorf("the reason is %q, want the words of %q", e.Reason, tt.reply)
			}
			if _, letters := p.count(); letters > 0 != (tt.at == "dot") {
				t.Errorf("%d letters went out", letters)
			}
		})
	}
}

// What a server says of one address leaves its circuit closed for the others.
func TestOneAddress(t *testing.T) {
	t.Parallel()
	for at, replies := range map[string][]string{
		"RCPT": {
			"450 4.2.1 The user is receiving mail too quickly",
			"451 4.7.1 Greylisting in action",
			"550 5.7.1 <x>: Recipient address rejected: Access denied",
			"550 5.7.133 Sender not authenticated for group",
		},
		"dot": {"550 5.7.1 looks like spam", "550 policy"},
	} {
		for _, reply := range replies {
			p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{at: say(reply)}}
			b, err := delivery.NewBreaker(delivery.BreakerConfig{Name: "mail", Sender: newSender(t, config(p.start(t).addr))})
			if err != nil {
				t.Fatal(err)
			}
			_, err = b.Send(t.Context(), testMessage())
			if h := b.Health(); err == nil || h.Circuit != delivery.CircuitClosed {
				t.Errorf("%s to %s: %v, and the circuit is %s", reply, at, err, h.Circuit)
			}
		}
	}
}

// A refusal of many lines is read to its end, and its first line decides.
func TestLongAnswer(t *testing.T) {
	t.Parallel()
	p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{
		"RCPT": say("550-5.1.1 The email account that you tried to reach", "550-5.1.1 does not exist.", "550 5.1.1 See our help."),
	}}
	s := newSender(t, config(p.start(t).addr))
	for range 2 { // the second on the same connection, so that the whole was read
		_, err := s.Send(t.Context(), testMessage())
		want := "delivery: rejected: smtp: RCPT: 550 5.1.1 The email account that you tried to reach 5.1.1 does not exist. 5.1.1 See our help."
		if err == nil || err.Error() != want {
			t.Errorf("Send = %v", err)
		}
	}
	if conns, _ := p.count(); conns != 1 {
		t.Errorf("%d connections", conns)
	}
}

// Any 2yz takes the message.
func TestTaken(t *testing.T) {
	t.Parallel()
	for _, reply := range []string{"250 2.0.0 Ok: queued as 4711", "250 ok", "250", "251 2.6.0 ok", "299 odd"} {
		p := &puppet{tls: serverTLS(), auth: "PLAIN", do: map[string]action{"dot": say(reply + " ")}}
		s := newSender(t, config(p.start(t).addr))
		m := testMessage()
		receipt, err := s.Send(t.Context(), m)
		if want := (delivery.Receipt{Provider: "smtp", ID: m.ID + "@passcode.example"}); err != nil || receipt != want {
			t.Errorf("%s: %+v, %v; want %+v", reply, receipt, err, want)
		}
	}
}
