// Package smtpsender sends passcodes by e-mail, through an SMTP server that the
// operator has an account with: a mail provider's submission service or a relay
// of one's own.
//
//	sender, err := smtpsender.New(smtpsender.Config{
//		Host:     "smtp.example.com",
//		Username: "codes",
//		Password: delivery.NewSecret(os.Getenv("SMTP_PASSWORD")),
//		From:     "Example <codes@example.com>",
//	})
//
// # The connection
//
// The connection is encrypted or there is none: STARTTLS on port 587, or TLS
// from the first byte with [Config].ImplicitTLS. A server that does not offer
// STARTTLS, or whose certificate does not verify, gets neither password nor
// message. Of the ways to log in the strongest one is taken that the server
// offers; those that show the password to the server (PLAIN, LOGIN) are never
// used without TLS. Connections are kept for the next message for a short
// while and are few: see [Config].MaxConns. There is no goroutine behind them;
// what has been idle for too long is closed by the next Send or by Close.
//
// A kept connection that turns out to be dead before it has taken a MAIL
// command is replaced by a fresh one, since nothing was lost with it. Nothing
// else is tried twice.
//
// # The message
//
// A message has the text as it was rendered and an HTML part made from it; see
// [Page]. Nothing that a user typed stands in a header except the address that
// it goes to, which must be in the form that delivery.ParseEmail returns.
// Message-ID is made of Message.ID and the domain of From; it is the ID of the
// receipt, and what the server's log and a bounce call the message by.
// Auto-Submitted (RFC 3834) and X-Auto-Response-Suppress keep auto-responders
// quiet; bounces are not suppressed. There is no Precedence: some servers put
// "bulk" last, and a code cannot wait.
//
// # What the server answers
//
// A server that takes a message may still fail to deliver it and say so by a
// bounce, a message to From. Reading bounces is left to the operator: a receipt
// means that the server took the message.
//
// An error is a *delivery.Error. The enhanced status code (RFC 3463) decides
// where there is one, else the reply code and the command that it answers; the
// words never do. X stands for 4 or 5; the first line that fits holds.
//
//	no connection, cut, time-out, nonsense, before the final dot   Temporary
//	cut, time-out, nonsense, after the final dot                   Ambiguous
//	no STARTTLS, no way to log in, certificate that does not
//	verify (expired, wrong name, unknown authority), TLS spoken
//	to a port that does not                                        Configuration
//	any      2yz after the final dot                               taken
//	AUTH     432 (RFC 4954: password must be changed)              Configuration
//	AUTH, STARTTLS  4yz                                            Temporary
//	any      X.4.5 (congestion; Gmail's sending limits)            Throttled
//	any      X.7.28 (mail flood), Exchange's 5.7.508 (rate) and
//	         5.1.90 (the day's limit)                              Throttled
//	RCPT, DATA  4yz                                                Temporary
//	any      432 (Exchange: too many connections), 454 (SES: rate) Throttled
//	dot      4yz                                                   Temporary
//	any      4.2.1 (Gmail: the relay's limit)                      Throttled
//	any      4.5.3 (too many in this session)                      Throttled
//	any      4.7.z (policy: rates, reputation)                     Throttled
//	any      4yz                                                   Temporary
//	any      500, 502, 503, 504, 521, 530, 534, 535, 538           Configuration
//	any      5.1.7, 5.1.8 (sender's address), Exchange's 5.2.252   Configuration
//	any      5.7.3 to 11, 14 (login, encryption), 20 to 27 (SPF,
//	         DKIM, reverse DNS), Gmail's 29, 30, 32 (TLS, DKIM,
//	         DMARC), Exchange's 54, 57, 60, 64 (relaying, login,
//	         sender), 501 to 503, 506, 509, 511, 512, 515, 606 to
//	         649, 700 to 750 (the domain's or the host's repute)   Configuration
//	any      553 with 5.7.1 (Postfix: not the login's address)     Configuration
//	RCPT, DATA, dot  5.7.0, 5.7.1 (see below)                      Temporary
//	RCPT, DATA, dot  5.7.2 (mailing list), Exchange's 5.7.12, 13,
//	         124, 133 to 136 (takes nothing from strangers), 504,
//	         505, 507, 510, 513 (the recipient's own block lists)  Rejected
//	RCPT, DATA, dot  5.1.z (recipient's address)                   Rejected
//	RCPT, DATA, dot  5.4.z (no route to the recipient)             Rejected
//	RCPT, DATA, dot  5.2.1 to 5.2.4 (mailbox closed, full)         Rejected
//	RCPT     5yz (the mailbox, by whatever status)                 Rejected
//	DATA, dot  5.2.z, 5.7.z                                        Temporary
//	dot      552 (storage of the mailbox)                          Rejected
//	dot      550 (mailbox or policy)                               Temporary
//	any      5yz (554; the sender or the content)                  Configuration
//
// The codes are those of RFC 5321 §4.2.3, RFC 4954 §6, RFC 7504, RFC 7505 and
// of the IANA registry of enhanced status codes (RFC 3463, 5248, 7372); what
// single providers mean by one is from their published lists (Gmail, Amazon
// SES, Exchange Online). A status of X.0.z says no more than none. SMTP has no
// field for when to come back, so RetryAfter is always 0.
//
// Once the recipient is named, what a server says may be about that one
// address, and Throttled or Configuration would take the server away from
// everybody (see delivery.Breaker). So these are kept for statuses that can
// only be about the account. 5.7.1 is "per-host or per-recipient filtering" (RFC
// 3463 §3.8): servers say it of relaying ("554 5.7.1 Relay access denied"), of a
// restricted group and of what a recipient's filter dislikes, and 5.7.0 is
// wider yet. Nothing but their words tells these apart, and the address is
// among those. Hence Temporary: the next provider is asked, and a server that
// says it to most messages opens its circuit as one that is down does.
//
// A certificate is the operator's affair even when it is the server's that has
// expired: waiting does not mend it, and it might be somebody else's. A host
// name that does not resolve is Temporary, because that is how a lost uplink
// looks.
package smtpsender
