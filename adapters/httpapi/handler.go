package httpapi

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/store"
)

// Accounts is what the API is about. [accounts.Accounts] implements it; a
// program that keeps its users elsewhere implements it over those.
//
// The errors are those that accounts.Accounts documents: the handler has an
// answer for each, and for any other error 500 internal_server_error.
type Accounts interface {
	LoginOrCreate(ctx context.Context, r accounts.SendRequest) (accounts.Sent, error)
	Send(ctx context.Context, r accounts.SendRequest) (accounts.Sent, error)
	Authenticate(ctx context.Context, r accounts.AuthRequest) (accounts.Authentication, error)
	Create(ctx context.Context, u accounts.NewUser) (store.User, error)
	User(ctx context.Context, id string) (store.User, error)
	Search(ctx context.Context, q store.Query) (store.Page, error)
	Update(ctx context.Context, id string, c accounts.Change) (store.User, error)
	Exchange(ctx context.Context, id string, class delivery.Class, address string) (store.User, error)
	Delete(ctx context.Context, id string) (store.User, error)
	DeleteMethod(ctx context.Context, methodID string) (store.User, error)
	DeleteTOTP(ctx context.Context, totpID string) (store.User, error)
	DeleteExternalID(ctx context.Context, id string) (store.User, error)

	AuthenticateSession(ctx context.Context, r sessions.Request) (sessions.Granted, store.User, error)

	EnrolTOTP(ctx context.Context, userID string, window time.Duration) (totp.Enrolment, store.User, error)
	AuthenticateTOTP(ctx context.Context, r accounts.TOTPRequest) (accounts.TOTPAuthentication, error)
	Recover(ctx context.Context, r accounts.TOTPRequest) (accounts.TOTPAuthentication, error)
	TOTP(ctx context.Context, userID string) (store.User, totp.Status, error)
}

var _ Accounts = (*accounts.Accounts)(nil)

// A Config says what a Handler serves, and to whom.
type Config struct {
	// Accounts is the service behind the API. Required. Its ids say "test" or
	// "live" as ProjectID does (see accounts.Config.Live): method ids of the
	// other kind are refused as malformed.
	Accounts Accounts

	// Sessions are those that the accounts begin: see
	// accounts.Config.Sessions. Required, with signing keys and the ProjectID.
	Sessions *sessions.Sessions

	// ProjectID is the user name of every request and Secret the password:
	// see CheckCredentials. Required. The id decides which of the two the
	// handler is: sandbox values work in a test project and are refused in a
	// live one. The handler keeps digests of both only.
	ProjectID, Secret string

	// MaxConcurrent is how many requests are worked on at once; one more is
	// answered with 429 too_many_requests. A provider that hangs, or a flood,
	// then cannot fill the memory with waiting requests. Default: 1024.
	MaxConcurrent int

	// Logger gets one line for each request. Default: no log.
	Logger *slog.Logger

	// Now is the clock of the durations in the log and of the sandbox's session.
	// Default: time.Now.
	Now func() time.Time
}

// A Handler serves the API. It is safe for concurrent use.
type Handler struct {
	accounts        Accounts
	sessions        *sandboxSessions
	live            bool
	project, secret [sha256.Size]byte // digests, for comparison in constant time
	log             *slog.Logger
	now             func() time.Time
	table           []row
	routes          []route
	slots           chan struct{} // one taken for each request that is worked on
}

var _ http.Handler = (*Handler)(nil)

// New returns a handler, or an error that names what is missing from the
// config or malformed in it.
func New(cfg Config) (*Handler, error) {
	if cfg.Accounts == nil {
		return nil, errors.New("httpapi: Config.Accounts is missing")
	}
	if cfg.Sessions == nil {
		return nil, errors.New("httpapi: Config.Sessions is missing")
	}
	if len(cfg.Sessions.JWKS()) == 0 {
		return nil, errors.New("httpapi: Config.Sessions has no signing keys: clients want JWTs")
	}
	if err := CheckCredentials(cfg.ProjectID, cfg.Secret); err != nil {
		return nil, err
	}
	if cfg.MaxConcurrent < 0 {
		return nil, errors.New("httpapi: Config.MaxConcurrent is negative")
	}
	live := accounts.ProjectID.Match(cfg.ProjectID, true)
	h := &Handler{
		live:    live,
		project: sha256.Sum256([]byte(cfg.ProjectID)),
		secret:  sha256.Sum256([]byte(cfg.Secret)),
		log:     cmp.Or(cfg.Logger, slog.New(slog.DiscardHandler)),
		now:     cfg.Now,
		table:   errorTable(),
		slots:   make(chan struct{}, cmp.Or(cfg.MaxConcurrent, 1024)),
	}
	if h.now == nil {
		h.now = time.Now
	}
	h.sessions = &sandboxSessions{cfg.Sessions, live, h.now}
	h.accounts = &sandbox{cfg.Accounts, live, h.sessions}
	h.routes = h.routeTable()
	return h, nil
}

// A call is one request on its way through the handler.
type call struct {
	id     string          // request id
	route  string          // pattern of its route; "" for none
	class  delivery.Class  // what kind of address its errors are about; "" for none
	factor sessions.Method // what kind of code: an app's, a recovery code, or "" for any other
	params []string        // decoded path parameters, in their order
	form   *form           // decoded body, or query of a GET
}

// An answer is what becomes of a call.
type answer struct {
	status int
	header http.Header // besides what every answer has, or in its place; may be nil
	body   []byte
	log    []slog.Attr // what the log says of an error
}

// ServeHTTP answers one request. It does not panic, whatever the request and
// whatever the service behind it does.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := h.now()
	c := &call{id: accounts.RequestID.New(h.live)}
	a := h.answer(w, r, c)

	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(a.body)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	for name, values := range a.header {
		header[name] = values
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		w.Write(a.body)
	}
	h.logCall(r, c, a, h.now().Sub(start))
}

// answer makes the whole answer before any of it is sent, so that what panics
// on the way, or cannot be encoded, can still be an error with a proper body.
func (h *Handler) answer(w http.ResponseWriter, r *http.Request, c *call) (a answer) {
	defer func() {
		if v := recover(); v != nil {
			a = h.refuse(c, &panicError{fmt.Sprintf("%T", v), debug.Stack()})
		}
	}()
	rt, err := h.find(r, c)
	if err == nil && !rt.public {
		err = h.authorize(r)
	}
	if err == nil {
		select {
		case h.slots <- struct{}{}:
			defer func() { <-h.slots }()
		default:
			err = errBusy
		}
	}
	if err == nil {
		c.form, err = readForm(w, r, cmp.Or(rt.body, maxBody))
	}
	if err != nil {
		return h.refuse(c, err)
	}
	reply, err := rt.run(r.Context(), c)
	if err != nil {
		return h.refuse(c, err)
	}
	reply.stamp(c.id, rt.status)
	body, err := json.Marshal(reply)
	if err != nil {
		return h.refuse(c, err)
	}
	a = answer{status: rt.status, body: body}
	if rt.public {
		a.header = http.Header{"Cache-Control": {publicCache}}
	}
	return a
}

// publicCache lets clients and proxies keep what needs no credentials: the
// public keys, of which there is a new one long before the old one goes.
const publicCache = "public, max-age=900"

// A reply is the body of an answer.
type reply interface {
	stamp(requestID string, status int)
}

// meta is what every body carries.
type meta struct {
	RequestID  string `json:"request_id"`
	StatusCode int    `json:"status_code"`
}

func (m *meta) stamp(requestID string, status int) { m.RequestID, m.StatusCode = requestID, status }

// A panicError stands for a panic. It does not repeat the value, which may
// hold anything; a stack trace shows no contents of strings.
type panicError struct {
	kind  string // type of the value
	stack []byte
}

func (e *panicError) Error() string { return "httpapi: panic of type " + e.kind }

// logCall writes the request's line. Nothing in it comes from the client, but
// for the choice among known methods and routes.
func (h *Handler) logCall(r *http.Request, c *call, a answer, took time.Duration) {
	level := slog.LevelInfo
	if a.status >= 500 {
		level = slog.LevelError
	}
	attrs := []slog.Attr{
		slog.String("request_id", c.id),
		slog.String("method", knownMethod(r.Method)),
		slog.String("route", c.route),
		slog.Int("status", a.status),
		slog.Duration("duration", took),
	}
	h.log.LogAttrs(r.Context(), level, "request", append(attrs, a.log...)...)
}

func knownMethod(method string) string {
	if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}, method) {
		return method
	}
	return "other"
}
