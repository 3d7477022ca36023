package smtpsender

import (
	"fmt"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/passcode-go/passcode/delivery"
)

// A reply is an answer of the server that is not the one hoped for.
type reply struct {
	code            int
	subject, detail int // of the enhanced status code, -1 if there is none
	text            string
}

func parseReply(e *textproto.Error) reply {
	r := reply{code: e.Code, text: e.Msg}
	r.subject, r.detail = enhanced(e.Code, e.Msg)
	return r
}

// enhanced returns subject and detail of the enhanced status code that a text
// begins with (RFC 2034 §4), -1 if there is none of the class of code.
func enhanced(code int, text string) (subject, detail int) {
	status, _, _ := strings.Cut(text, " ")
	parts := strings.Split(status, ".")
	if len(parts) != 3 || parts[0] != strconv.Itoa(code/100) {
		return -1, -1
	}
	var out [2]int
	for i, digits := range parts[1:] {
		n, err := strconv.ParseUint(digits, 10, 16)
		if err != nil || n > 999 {
			return -1, -1
		}
		out[i] = int(n)
	}
	return out[0], out[1]
}

// kind returns what the reply to a step means.
func (r reply) kind(at step) delivery.Kind {
	if class := r.code / 100; class != 4 && class != 5 {
		if at == dot {
			return delivery.Ambiguous
		}
		return delivery.Temporary
	}
	for i := range rules {
		if rules[i].fits(r, at) {
			return rules[i].kind
		}
	}
	return delivery.Configuration
}

// repeats reports whether the text holds one of the secrets, however it is
// spaced and capitalised.
func (r reply) repeats(secrets []string) bool {
	text := squeeze(r.text)
	return slices.ContainsFunc(secrets, func(s string) bool { return strings.Contains(text, squeeze(s)) })
}

// squeeze leaves letters and digits, in small letters.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

// mute leaves only the enhanced status code of the text.
func (r *reply) mute() {
	r.text = ""
	if r.subject >= 0 {
		r.text = fmt.Sprintf("%d.%d.%d", r.code/100, r.subject, r.detail)
	}
}

// A rule is a line of the table in the package comment. What is empty fits
// everything.
type rule struct {
	at       []step
	class    int // first digit of the code
	codes    []int
	subjects []int
	details  []int
	kind     delivery.Kind
}

func (u *rule) fits(r reply, at step) bool {
	return (u.at == nil || slices.Contains(u.at, at)) &&
		(u.class == 0 || u.class == r.code/100) &&
		(u.codes == nil || slices.Contains(u.codes, r.code)) &&
		(u.subjects == nil || slices.Contains(u.subjects, r.subject)) &&
		(u.details == nil || slices.Contains(u.details, r.detail))
}

// recipients are the steps at which the recipient is known.
var recipients = []step{rcpt, data, dot}

// sendersFault are the Y of 5.7.Y that are about the login, the sender or the
// domain that it sends for: of RFC 3463, 4954, 7372 and 7505, of Gmail (29, 30,
// 32), and from 54 on of Exchange.
var sendersFault = slices.Concat(
	through(3, 11), []int{14}, through(20, 27), []int{29, 30, 32},
	[]int{54, 57, 60, 64}, through(501, 503), []int{506, 509, 511, 512, 515}, through(606, 649), through(700, 750))

// restricted are the Y of 5.7.Y that are about a recipient who takes no
// messages from strangers: of RFC 3463 (2), else of Exchange.
var restricted = []int{2, 12, 13, 124, 133, 134, 135, 136, 504, 505, 507, 510, 513}

// through returns the numbers from first to last.
func through(first, last int) (all []int) {
	for n := first; n <= last; n++ {
		all = append(all, n)
	}
	return all
}

// rules say what a 4yz or 5yz reply means; the first that fits does. Nothing
// here is ever written to.
var rules = [...]rule{
	{at: []step{login}, codes: []int{432}, kind: delivery.Configuration},
	{at: []step{login, starttls}, class: 4, kind: delivery.Temporary},

	{subjects: []int{4}, details: []int{5}, kind: delivery.Throttled},
	{subjects: []int{7}, details: []int{28, 508}, kind: delivery.Throttled},
	{subjects: []int{1}, details: []int{90}, kind: delivery.Throttled},

	{at: []step{rcpt, data}, class: 4, kind: delivery.Temporary},
	{codes: []int{432, 454}, kind: delivery.Throttled},
	{at: []step{dot}, class: 4, kind: delivery.Temporary},
	{class: 4, subjects: []int{2}, details: []int{1}, kind: delivery.Throttled},
	{class: 4, subjects: []int{5}, details: []int{3}, kind: delivery.Throttled},
	{class: 4, subjects: []int{7}, kind: delivery.Throttled},
	{class: 4, kind: delivery.Temporary},

	{codes: []int{500, 502, 503, 504, 521, 530, 534, 535, 538}, kind: delivery.Configuration},
	{subjects: []int{1}, details: []int{7, 8}, kind: delivery.Configuration},
	{subjects: []int{2}, details: []int{252}, kind: delivery.Configuration},
	{subjects: []int{7}, details: sendersFault, kind: delivery.Configuration},
	{codes: []int{553}, subjects: []int{7}, details: []int{1}, kind: delivery.Configuration},
	{at: recipients, subjects: []int{7}, details: []int{0, 1}, kind: delivery.Temporary},
	{at: recipients, subjects: []int{7}, details: restricted, kind: delivery.Rejected},
	{at: recipients, subjects: []int{1, 4}, kind: delivery.Rejected},
	{at: recipients, subjects: []int{2}, details: []int{1, 2, 3, 4}, kind: delivery.Rejected},
	{at: []step{rcpt}, kind: delivery.Rejected},
	{at: []step{data, dot}, subjects: []int{2, 7}, kind: delivery.Temporary},
	{at: []step{dot}, codes: []int{552}, subjects: []int{-1, 0}, kind: delivery.Rejected},
	{at: []step{dot}, codes: []int{550}, subjects: []int{-1, 0}, kind: delivery.Temporary},
}
