package pgstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// What can be wrong with a server, its database or its answer. They are found
// in errors with errors.Is; an [Error] has the details.
var (
	// ErrConfig is returned for a Config with an impossible setting.
	ErrConfig = errors.New("pgstore: bad configuration")

	// ErrURL is returned by Open for a connection string that cannot be parsed.
	// Often a character of the password should have been percent-encoded.
	ErrURL = errors.New("pgstore: bad connection string")

	// ErrAuth is returned if the server refuses the user, the password or the
	// database.
	ErrAuth = errors.New("pgstore: the server refuses the user, the password or the database")

	// ErrDenied is returned if the user lacks a right on the schema or a table.
	ErrDenied = errors.New("pgstore: permission denied")

	// ErrUnreachable is returned if there is no connection, or if it ended
	// before the answer came.
	ErrUnreachable = errors.New("pgstore: no connection to the server")

	// ErrTimeout is returned if no answer came in time, or all connections of
	// the pool were in use. It wraps context.DeadlineExceeded.
	ErrTimeout = fmt.Errorf("pgstore: no answer in time: %w", context.DeadlineExceeded)

	// ErrBusy is returned if the server has no connection or no memory left.
	ErrBusy = errors.New("pgstore: the server is out of connections or memory")

	// ErrDiskFull is returned if the server's disk is full. Nothing was written.
	ErrDiskFull = errors.New("pgstore: the server's disk is full")

	// ErrReadOnly is returned for a server that takes no writes: a standby, or
	// one where default_transaction_read_only is on.
	ErrReadOnly = errors.New("pgstore: the server is read-only")

	// ErrVersion is returned for a server older than Postgres 13.
	ErrVersion = errors.New("pgstore: the server is too old")

	// ErrVolatile is returned for a server that may lose what it confirmed when
	// it crashes: with fsync or full_page_writes off, or with unlogged tables. See
	// Config.UnsafeVolatile.
	ErrVolatile = errors.New("pgstore: the server may lose in a crash what it confirmed")

	// ErrEncoding is returned for a database whose encoding is not UTF8: names
	// and addresses of users have characters that others lack.
	ErrEncoding = errors.New("pgstore: the database has another encoding")

	// ErrNotMigrated is returned if tables are missing or older than this
	// program needs. Migrate makes them.
	ErrNotMigrated = errors.New("pgstore: the database is not migrated")

	// ErrNewer is returned if a newer program has migrated the database.
	ErrNewer = errors.New("pgstore: the database is newer than this program")

	// ErrDamaged is returned if the tables are not what the record of
	// migrations says: half of a migration, say, or another one.
	ErrDamaged = errors.New("pgstore: the tables are not what the record of migrations says")
)

// An Error says what failed at the server or on the way there. Its text is made
// of words of this package, the SQLSTATE and the operating system's name of a
// failure. The driver's and the server's own errors may repeat the connection
// string, the statement or a row; they are neither shown nor wrapped.
type Error struct {
	Op     string // what was done: "swap", "get", "add", "sweep", "open", "migrate" or one of a Directory
	Kind   error  // one of the errors above, or context.Canceled; nil if none fits
	Code   string // the server's SQLSTATE, if it said one
	Detail string // more words, if there are any
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("pgstore: ")
	if e.Op != "" {
		b.WriteString(e.Op + ": ")
	}
	if e.Kind != nil {
		b.WriteString(strings.TrimPrefix(e.Kind.Error(), "pgstore: "))
	} else {
		b.WriteString("failed")
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Code != "" {
		b.WriteString(" (SQLSTATE " + e.Code + ")")
	}
	return b.String()
}

// Unwrap returns e.Kind.
func (e *Error) Unwrap() error { return e.Kind }

// undone reports whether the server has undone the transaction because it came
// into the way of others.
func (e *Error) undone() bool { return e.Code == "40001" || e.Code == "40P01" }

func newError(kind error, code, detail string) *Error {
	return &Error{Kind: kind, Code: code, Detail: detail}
}

// failure makes an Error of what the driver returned; nil stays nil, and an
// Error what it is.
func failure(op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Op == "" {
			e.Op = op
		}
		return e
	}
	e := &Error{Op: op}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		e.Kind, e.Code = kindOf(pg.Code), pg.Code
		return e
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		e.Kind = ErrTimeout
	case errors.Is(err, context.Canceled):
		e.Kind = context.Canceled
	case errors.Is(err, pgconn.ErrReadOnlyConnection):
		e.Kind = ErrReadOnly
	case isConnection(err):
		e.Kind, e.Detail = ErrUnreachable, words(err)
	default:
		e.Detail = fmt.Sprintf("unexpected %T", err)
	}
	return e
}

// kindOf sorts a SQLSTATE.
func kindOf(code string) error {
	switch code {
	case "25006":
		return ErrReadOnly
	case "42501":
		return ErrDenied
	case "53100":
		return ErrDiskFull
	case "42P01", "42703", "3F000": // no such table, column, schema
		return ErrNotMigrated
	case "57P01", "57P02", "57P03", "57P05", "25P03": // it stops, crashes, starts, or was waiting for us
		return ErrUnreachable
	case "57014", "55P03": // the server's own statement or lock timeout
		return ErrTimeout
	case "3D000": // no such database
		return ErrAuth
	case "42939", "42602": // a reserved or impossible name
		return ErrConfig
	}
	switch code[:min(2, len(code))] {
	case "08":
		return ErrUnreachable
	case "28":
		return ErrAuth
	case "53":
		return ErrBusy
	}
	return nil
}

// isConnection reports whether a connection could not be made or broke.
func isConnection(err error) bool {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return true
	}
	if _, ok := errors.AsType[net.Error](err); ok {
		return true
	}
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, pgconn.ErrConnClosed)
}

// words says what became of a connection, without names and addresses.
func words(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok && dns.IsNotFound {
		return "no such host"
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return "its certificate is not trusted"
	}
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	if c, ok := errors.AsType[*pgconn.ConnectError](err); ok && c.Config.TLSConfig != nil {
		return "perhaps it speaks no TLS"
	}
	return ""
}
