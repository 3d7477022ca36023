package snssender

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// The types of messages.
const (
	notification   = "Notification"
	subscription   = "SubscriptionConfirmation"
	unsubscription = "UnsubscribeConfirmation"
)

// A message is what SNS posts. It is decoded once: whatever an odd body, with
// keys that are there twice or in other letters, makes of it is what is both
// verified and used.
type message struct {
	Type             string
	MessageID        string `json:"MessageId"`
	TopicArn         string
	Message          string
	Subject          *string // of notifications, if they have one
	Token            string  // of confirmations, as SubscribeURL
	SubscribeURL     string
	Timestamp        string
	SignatureVersion string
	Signature        string
	SigningCertURL   string

	at        time.Time // of Timestamp
	signature []byte    // of Signature
}

// parseMessage decodes a body and reports whether it has the form of a message.
//
// The text that is signed has nothing between a value and the next name but an
// end of line, so a value with ends of lines in it could pass for several
// others. Only Message has some. All that follows it is of one line each, and
// the last two, topic and type, are such as we know to the letter: what was
// signed for one topic never passes for another's.
func parseMessage(body []byte) (*message, bool) {
	m := new(message)
	if json.Unmarshal(body, m) != nil {
		return nil, false
	}
	var err, err2 error
	m.at, err = time.Parse(time.RFC3339, m.Timestamp)
	m.signature, err2 = base64.StdEncoding.DecodeString(m.Signature)
	if err != nil || err2 != nil || len(m.signature) == 0 || m.Message == "" || m.MessageID == "" || !word(m.MessageID, maxIdentity, false) {
		return nil, false
	}
	switch m.Type {
	case notification:
		return m, m.Subject == nil || word(*m.Subject, maxEvent, true)
	case subscription, unsubscription:
		return m, m.Token != "" && word(m.Token, maxEvent, false) && m.SubscribeURL != "" && word(m.SubscribeURL, maxEvent, false)
	}
	return nil, false
}

// text returns what is signed of a message: names and values, a line each, in
// alphabetical order.
func (m *message) text() []byte {
	var b []byte
	line := func(name, value string) { b = append(b, name+"\n"+value+"\n"...) }
	line("Message", m.Message)
	line("MessageId", m.MessageID)
	if m.Type != notification {
		line("SubscribeURL", m.SubscribeURL)
	} else if m.Subject != nil {
		line("Subject", *m.Subject)
	}
	line("Timestamp", m.Timestamp)
	if m.Type != notification {
		line("Token", m.Token)
	}
	line("TopicArn", m.TopicArn)
	line("Type", m.Type)
	return b
}

// signedBy reports whether a message was signed with a key, in the way of its
// SignatureVersion: PKCS #1 v1.5 with SHA-1 for version 1, with SHA-256 for 2.
func (m *message) signedBy(key *rsa.PublicKey) bool {
	switch m.SignatureVersion {
	case "1":
		sum := sha1.Sum(m.text())
		return rsa.VerifyPKCS1v15(key, crypto.SHA1, sum[:], m.signature) == nil
	case "2":
		sum := sha256.Sum256(m.text())
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], m.signature) == nil
	}
	return false
}

// certificatePath is where certificates are, below the host.
var certificatePath = regexp.MustCompile(`^/SimpleNotificationService-[0-9a-f]{32,64}\.pem$`)

// certificateAt reports whether a URL is that of a certificate at a host of
// SNS. It is compared to the letter rather than parsed, so that nothing can be
// in it that another parser would take for something else.
func certificateAt(target, host string) bool {
	path, ok := strings.CutPrefix(target, "https://"+host)
	return ok && certificatePath.MatchString(path)
}

// confirmableAt reports whether the SubscribeURL is at a host of SNS, and
// confirms a subscription to the message's topic and nothing else.
func (m *message) confirmableAt(host string) bool {
	query, ok := strings.CutPrefix(m.SubscribeURL, "https://"+host+"/?")
	values, err := url.ParseQuery(query)
	is := func(name, want string) bool { return len(values[name]) == 1 && values[name][0] == want }
	return ok && err == nil && !strings.Contains(query, "#") &&
		is("Action", "ConfirmSubscription") && is("TopicArn", m.TopicArn) && is("Token", m.Token)
}
