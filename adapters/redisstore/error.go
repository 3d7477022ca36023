package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/redis/rueidis"

	"github.com/passcode-go/passcode/store"
)

// What can be wrong with a URL, a server or its answer. They are found in
// errors with errors.Is; [Error] has the details. A server whose memory is full
// answers [store.ErrFull].
var (
	// ErrConfig is returned for a Config with an impossible setting.
	ErrConfig = errors.New("redisstore: bad configuration")

	// ErrURL is returned for a URL that is none, or that asks for what there is
	// not. Most often a character of the password must be percent-encoded.
	ErrURL = errors.New("redisstore: bad URL")

	// ErrAuth is returned if the server refuses the user or the password.
	ErrAuth = errors.New("redisstore: the server refuses the user or the password")

	// ErrDenied is returned if the user may not call a command that is needed;
	// the package comment lists them.
	ErrDenied = errors.New("redisstore: the user may not do this")

	// ErrUnreachable is returned if there is no connection, if it ended before
	// the answer came, or if the server, or the cluster, is not ready.
	ErrUnreachable = errors.New("redisstore: the server cannot be reached")

	// ErrTimeout is returned if the answer did not come within Config.Timeout.
	ErrTimeout = errors.New("redisstore: no answer in time")

	// ErrVersion is returned for a server older than Redis 6.2.
	ErrVersion = errors.New("redisstore: the server is too old")

	// ErrReadOnly is returned by a server that takes no writes, as a replica.
	ErrReadOnly = errors.New("redisstore: the server is a replica")

	// ErrDisk is returned by a server that takes no writes because it cannot
	// write to its disk. Nothing was changed.
	ErrDisk = errors.New("redisstore: the server cannot write to its disk")

	// ErrEviction is returned for a server that may drop records while they
	// count. See Config.UnsafeEviction.
	ErrEviction = errors.New("redisstore: the server may evict records")

	// ErrVolatile is returned for a server that may go back in time or forget
	// everything. See Config.Fence and Config.UnsafeVolatile.
	ErrVolatile = errors.New("redisstore: the server may forget what it confirmed")

	// ErrForeign is returned if there is something at a key that no Store has
	// written.
	ErrForeign = errors.New("redisstore: the key holds something else")
)

// An Error says what a call failed at. Its text is made of words of this
// package, the code of the server's answer, with an answer that is not known
// its first plain words, and the operating system's name of a failure: nothing
// of a URL, of a record, or of what stands in quotes, which the client's and the
// server's own errors may repeat. For the same reason it unwraps to Kind alone.
type Error struct {
	Op     string // what was done: "open", "check", "get", "swap" or "add"
	Kind   error  // one of the errors above or store.ErrFull; nil if none fits
	Code   string // the server's code, "OOM" say, if it said one
	Detail string // more words, if any
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("redisstore: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	if e.Kind != nil {
		b.WriteString(strings.TrimPrefix(e.Kind.Error(), "redisstore: "))
	} else {
		b.WriteString("failed")
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Code != "" {
		b.WriteString(" (" + e.Code + ")")
	}
	return b.String()
}

// Unwrap returns e.Kind.
func (e *Error) Unwrap() error { return e.Kind }

// failure makes an Error of what the client returned for a call with ctx. If it
// is the context that ended the call, its error is returned as it is.
func failure(ctx context.Context, op string, err error) error {
	if done := ctx.Err(); done != nil {
		return done
	}
	// A client that gives the deadline to the connection may be told first.
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if errors.Is(err, errReply) {
		return &Error{Op: op, Detail: "the answer is malformed"}
	}
	if reply, ok := rueidis.IsRedisErr(err); ok {
		return refusal(op, reply.Error())
	}
	e := &Error{Op: op, Kind: ErrUnreachable, Detail: words(err)}
	// The client also returns the error of another call's context, if that call
	// was making the connection for all.
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		e.Kind, e.Detail = ErrTimeout, ""
	}
	return e
}

// refusal makes an Error of the text of an error reply.
func refusal(op, text string) *Error {
	// Servers before 7.0 put a second '-' before what a script passes on.
	text = strings.TrimLeft(text, "-")
	code, rest, _ := strings.Cut(text, " ")
	if !isCode(code) {
		code, rest = "ERR", text // the client cuts that one off
	}
	e := &Error{Op: op, Code: code, Kind: kinds(code)}
	if e.Kind == nil {
		e.Detail = plainWords(rest)
	}
	// These have no code of their own: the answer of sentinels, and inside a
	// script that of a command that is not permitted.
	if strings.HasPrefix(text, "No such master with that name") {
		*e = Error{Op: op, Code: "ERR", Kind: ErrURL, Detail: "the sentinels know no master_set of that name"}
	}
	if strings.HasPrefix(text, "The user executing the script") || strings.HasPrefix(text, "ACL failure in script") {
		*e = Error{Op: op, Code: "ERR", Kind: ErrDenied}
	}
	return e
}

// kinds sorts the code of an error reply.
func kinds(code string) error {
	switch code {
	case "WRONGPASS", "NOAUTH":
		return ErrAuth
	case "NOPERM":
		return ErrDenied
	case "READONLY":
		return ErrReadOnly
	case "OOM":
		return store.ErrFull
	case "MISCONF":
		return ErrDisk
	case "WRONGTYPE":
		return ErrForeign
	case "LOADING", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "MOVED", "ASK", "BUSY", "NOREPLICAS":
		return ErrUnreachable
	}
	return nil
}

// isCode reports whether the first word of an error reply is a code.
func isCode(word string) bool {
	for i := range len(word) {
		if word[i] < 'A' || word[i] > 'Z' {
			return false
		}
	}
	return len(word) > 2 && len(word) <= 20
}

// plainWords returns the beginning of what a server says, up to the first sign
// that could introduce a repetition of what it was sent.
func plainWords(text string) string {
	const longest = 80
	end := 0
	for end < min(len(text), longest) && strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ -,.", text[end]) >= 0 {
		end++
	}
	return strings.TrimRight(text[:end], " -,.")
}

// words says what became of a connection, without names and addresses.
func words(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return "no such host"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not trusted"
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return "it does not speak TLS"
	}
	if errors.Is(err, rueidis.ErrClosing) {
		return "the client is closed"
	}
	if errors.Is(err, errGreeting) {
		return "it does not speak as Redis does"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) {
		return "the connection was closed"
	}
	return ""
}
