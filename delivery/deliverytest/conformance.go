package deliverytest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
)

// A Fixture is a sender with a stand-in for its provider.
type Fixture struct {
	Sender delivery.Sender

	// Sent returns what has gone out to the provider so far, one item per
	// message, as it went: the code must be found in it. It is called while
	// no Send runs.
	Sent func() []string

	// Break makes the provider refuse what comes next, and echo the message
	// in its answer if it can. Nil leaves out the test of what then happens.
	Break func()

	// Logs returns what the sender has logged. Nil if it does not log.
	Logs func() string
}

// Run checks a sender against the contract of [delivery.Sender], with messages
// for the channel: it sends once per call, sends nothing for a ctx that is
// done, may be used from many goroutines (run it with the race detector), and
// shows neither code nor address in an error or a log. Every test calls start
// for a fresh Fixture; clean up with t.Cleanup.
func Run(t *testing.T, ch delivery.Channel, start func(t *testing.T) Fixture) {
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, start(t), ch)
		})
	}
}

var tests = map[string]func(testing.TB, Fixture, delivery.Channel){
	"SendsOnce":  testSendsOnce,
	"Done":       testDone,
	"Concurrent": testConcurrent,
	"Refused":    testRefused,
}

func testSendsOnce(t testing.TB, f Fixture, ch delivery.Channel) {
	for n := range 3 {
		m := message(ch, n)
		receipt, err := f.Sender.Send(t.Context(), m)
		if err != nil {
			t.Fatalf("Send: %v", err)
		}
		if receipt.Provider == "" {
			t.Error("the receipt does not name the provider")
		}
		noSecrets(t, "the receipt", fmt.Sprintf("%+v", receipt), m)
		sent := f.Sent()
		if len(sent) != n+1 {
			t.Fatalf("%d messages went out after %d calls of Send", len(sent), n+1)
		}
		if !strings.Contains(sent[n], m.Code.Reveal()) {
			t.Errorf("what went out does not hold the code: %q", sent[n])
		}
		f.checkLogs(t, m)
	}
}

func testDone(t testing.TB, f Fixture, ch delivery.Channel) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	for n, ctx := range []context.Context{canceled, late} {
		m := message(ch, n)
		_, err := f.Sender.Send(ctx, m)
		if err == nil {
			t.Errorf("Send succeeds although its ctx is done: %v", ctx.Err())
			continue
		}
		checkError(t, err, m)
		f.checkLogs(t, m)
	}
	if sent := f.Sent(); len(sent) != 0 {
		t.Errorf("%d messages went out although ctx was done", len(sent))
	}
}

func testConcurrent(t testing.TB, f Fixture, ch delivery.Channel) {
	const senders, each = 8, 4
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for i := range each {
				if _, err := f.Sender.Send(t.Context(), message(ch, s*each+i)); err != nil {
					t.Errorf("Send: %v", err)
				}
			}
		})
	}
	wg.Wait()
	sent := f.Sent()
	if len(sent) != senders*each {
		t.Errorf("%d messages went out after %d calls of Send", len(sent), senders*each)
	}
	for n := range senders * each {
		times := 0
		for _, s := range sent {
			if strings.Contains(s, message(ch, n).Code.Reveal()) {
				times++
			}
		}
		if times != 1 {
			t.Errorf("message %d went out %d times", n, times)
		}
	}
}

func testRefused(t testing.TB, f Fixture, ch delivery.Channel) {
	if f.Break == nil {
		t.Skip("the fixture has no Break")
	}
	f.Break()
	m := message(ch, 0)
	receipt, err := f.Sender.Send(t.Context(), m)
	if err == nil {
		t.Fatal("Send succeeds although the provider refuses")
	}
	if receipt != (delivery.Receipt{}) {
		t.Errorf("there is a receipt, %+v, for a message that was refused", receipt)
	}
	if e := (*delivery.Error)(nil); !errors.As(err, &e) {
		t.Errorf("the error is a %T, not a *delivery.Error", err)
	}
	checkError(t, err, m)
	f.checkLogs(t, m)
}

func checkError(t testing.TB, err error, m delivery.Message) {
	t.Helper()
	for ; err != nil; err = errors.Unwrap(err) {
		noSecrets(t, "the error", fmt.Sprintf("%v %+v %#v", err, err, err), m)
	}
}

func (f Fixture) checkLogs(t testing.TB, m delivery.Message) {
	t.Helper()
	if f.Logs != nil {
		noSecrets(t, "the log", f.Logs(), m)
	}
}

func noSecrets(t testing.TB, where, text string, m delivery.Message) {
	t.Helper()
	for _, secret := range []string{m.Code.Reveal(), strings.TrimPrefix(m.To.Reveal(), "+")} {
		if strings.Contains(text, secret) {
			t.Errorf("%s shows %q: %s", where, secret, text)
		}
	}
}

// message returns the nth message of a test. No code is part of another
// message's code, address or id.
func message(ch delivery.Channel, n int) delivery.Message {
	to := fmt.Sprintf("+120255501%02d", n)
	if ch.Class() == delivery.ClassEmail {
		to = fmt.Sprintf("person%02d@example.com", n)
	}
	code := fmt.Sprintf("9%05d", 36417+n)
	subject, body, err := delivery.Texts{}.Render(ch, "en", code, time.Minute)
	if err != nil { // a channel without texts
		body = "Your code is " + code
	}
	return delivery.Message{
		ID:      fmt.Sprintf("conformance-%d", n),
		Channel: ch,
		To:      delivery.NewAddress(to),
		Code:    delivery.NewSecret(code),
		Subject: subject,
		Body:    delivery.NewSecret(body),
		Locale:  "en",
		Purpose: "login",
		Expires: time.Minute,
	}
}
