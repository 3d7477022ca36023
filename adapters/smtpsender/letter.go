package smtpsender

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/mail"
	"strings"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"github.com/passcode-go/passcode/delivery"
)

// maxSubject keeps the header within the lines of RFC 5322, §2.1.1.
const maxSubject = 200

// A letter is a message as it goes over the wire.
type letter struct {
	id   string // Message-ID, without angle brackets
	to   string
	text []byte // headers and body
}

// compose makes a letter of a message.
func (s *Sender) compose(m delivery.Message) (*letter, *failure) {
	to := m.To.Reveal()
	address, _, _, err := delivery.ParseEmailExact(to)
	switch {
	case m.Channel.Class() == delivery.ClassPhone:
		return nil, &failure{kind: delivery.Configuration, reason: "a message of a phone channel is no e-mail"}
	case err != nil || address != to:
		return nil, &failure{kind: delivery.Rejected, reason: "the address is no e-mail address in canonical form"}
	case m.Body.Reveal() == "":
		return nil, &failure{kind: delivery.Configuration, reason: "the message has no text"}
	case !oneLine(m.Subject) || utf8.RuneCountInString(m.Subject) > maxSubject:
		return nil, &failure{kind: delivery.Configuration, reason: "the subject is longer than 200 characters, or has one that does not print"}
	}
	page, err := s.cfg.page(m)
	if err != nil {
		return nil, &failure{kind: delivery.Configuration, reason: "HTML: " + err.Error()}
	}
	l := &letter{id: s.messageID(m.ID), to: to}
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	from := s.from
	msg.FromMailAddress(&from)
	msg.ToMailAddress(&mail.Address{Address: to})
	msg.Subject(m.Subject)
	msg.SetMessageIDWithValue(l.id)
	msg.SetDateWithValue(s.cfg.Now().UTC())
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	// All of [MS-OXCMAIL] but NDR: the operator wants to know of bounces.
	msg.SetGenHeader("X-Auto-Response-Suppress", "DR, RN, NRN, OOF, AutoReply")
	msg.SetBodyString(gomail.TypeTextPlain, m.Body.Reveal())
	msg.AddAlternativeString(gomail.TypeTextHTML, page)
	var b bytes.Buffer
	if _, err := msg.WriteTo(&b); err != nil {
		return nil, &failure{kind: delivery.Configuration, reason: "the message cannot be composed"}
	}
	l.text = b.Bytes()
	return l, nil
}

// messageID makes a Message-ID of a message's ID. An ID that would need quoting
// or is too long is replaced by its digest, and a missing one by a random one:
// mailboxes drop a message whose ID they have seen.
func (s *Sender) messageID(id string) string {
	plain := len(id) <= 64 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && r != '-' && r != '_'
	})
	switch {
	case id == "":
		id = rand.Text()
	case !plain:
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:16])
	}
	_, domain, _ := strings.Cut(s.from.Address, "@")
	return id + "@" + domain
}
