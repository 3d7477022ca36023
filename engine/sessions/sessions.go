package sessions

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/store"
)

// MinDuration and MaxDuration are the bounds of how long a session lives
// without being extended. The longest is 366 days.
const (
	MinDuration = 5 * time.Minute
	MaxDuration = 527040 * time.Minute
)

// JWTLifetime is how long a JWT is valid: the time for which a session that
// was revoked still looks alive to who checks JWTs only.
const JWTLifetime = 300 * time.Second

// MaxClaims is how many bytes a session's custom claims have at the most, as
// JSON without the space between tokens.
const MaxClaims = 4096

// A Config says what Sessions are made of.
type Config struct {
	// Store keeps the sessions: one record for each user. Required.
	Store store.Store

	// Keys are the secrets. Index names the records and stays the same for the
	// life of the data; the newest key of the Ring seals what a session holds,
	// the older ones still open it. A session sealed by a key that is gone has
	// ended. The engine's Index may be used here too; the Ring should be
	// another, since its keys have to stay as long as sessions live. Required.
	Keys engine.Keys

	// Signing are the keys of the JWTs, the newest first. The first one signs,
	// all of them verify and are published. Default: none, and then there are
	// no JWTs.
	Signing []SigningKey

	// ProjectID is the audience of the JWTs and the end of their issuer.
	// Required with Signing.
	ProjectID string

	// Live makes the ids of sessions say "live" instead of "test".
	Live bool

	// Tenant sets the sessions of one tenant's users apart from another's, for
	// a program with several: up to 128 bytes. Default: none.
	Tenant string

	// MaxDuration is the longest duration that may be asked for. Default, and
	// at most: the constant MaxDuration.
	MaxDuration time.Duration

	// Idle ends a session that was not authenticated for so long (NIST SP
	// 800-63B-4 §5.2). At least a minute. Default: never.
	Idle time.Duration

	// MaxPerUser is how many sessions a user has at the most, from 1 to 100.
	// One more ends that which was authenticated least recently. Default: 20.
	MaxPerUser int

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// A Session says that a user authenticated some factors, and until when that
// counts.
type Session struct {
	ID             string
	UserID         string
	Factors        []Factor // in the order in which they were first authenticated
	Roles          []string
	Attributes     Attributes
	Claims         json.RawMessage // custom claims: a JSON object, or nil if there never were any
	StartedAt      time.Time       // UTC, as all times
	LastAccessedAt time.Time
	ExpiresAt      time.Time
}

// A Factor is one thing that a user proved to have.
type Factor struct {
	Method    Method
	ID        string    // of the phone number, e-mail address, authenticator app or recovery code
	Address   string    // the phone number or e-mail address; else empty
	CreatedAt time.Time // when it became part of the session
	LastAt    time.Time // when it was authenticated last
}

// A Method is how a factor was authenticated. The values are those of
// "delivery_method" on the wire.
type Method string

// The methods.
const (
	SMS           Method = "sms"
	WhatsApp      Method = "whatsapp"
	Email         Method = "email"
	Authenticator Method = "authenticator_app"
	RecoveryCode  Method = "recovery_code"
)

// Attributes are what is known of the client that a session was made for.
type Attributes struct {
	IPAddress string
	UserAgent string
}

// A Credential is that by which somebody shows a session: its token or a JWT,
// not both.
type Credential struct {
	Token string
	JWT   string
}

// Format prints neither, whatever the verb.
func (c Credential) Format(f fmt.State, _ rune) { io.WriteString(f, "credential [redacted]") }

// MarshalText returns what Format prints; encoding/json calls it too.
func (c Credential) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%v", c), nil }

// Given reports whether there is a token or a JWT.
func (c Credential) Given() bool { return c.Token != "" || c.JWT != "" }

// What is refused. A store that fails is engine.ErrUnavailable.
var (
	ErrNotFound   = errors.New("sessions: no such session")                        // unknown, revoked, expired, idle for too long, or its token replaced
	ErrCredential = errors.New("sessions: not exactly one of token and JWT")       //
	ErrToken      = errors.New("sessions: malformed token")                        //
	ErrJWT        = errors.New("sessions: JWT is unreadable or not ours")          // also badly signed, by a key that is gone, for another project, or from the future
	ErrExpired    = errors.New("sessions: JWT expired")                            // of CheckJWT only: Authenticate may still take it
	ErrID         = errors.New("sessions: malformed session id")                   //
	ErrUser       = errors.New("sessions: session of another user")                //
	ErrDuration   = errors.New("sessions: duration outside 5 to 527040 minutes")   //
	ErrTooLong    = errors.New("sessions: duration above the configured maximum")  //
	ErrClaims     = errors.New("sessions: custom claims are not a JSON object")    // or have a name twice, or are nested more than 32 deep
	ErrTooLarge   = errors.New("sessions: custom claims of more than 4096 bytes")  //
	ErrReserved   = errors.New("sessions: custom claim with a reserved name")      // one that begins with https://stytch.com/
	ErrFull       = errors.New("sessions: the session does not fit in its record") // factors, roles, attributes or claims of unreasonable size
	ErrClosed     = errors.New("sessions: the user was deleted")                   //
	ErrNoKeys     = errors.New("sessions: no signing keys are configured")         //
)

// Sessions are the sessions of users. Make them with [New]. They are safe for
// concurrent use and hold no state but keys: several programs may share a
// Store.
type Sessions struct {
	store      store.Store
	keys       atomic.Pointer[keySet]
	project    string
	live       bool
	tenant     string
	longest    time.Duration
	idle       time.Duration
	maxPerUser int
	now        func() time.Time
	buffers    sync.Pool // of *[]byte: records and contents on their way, of which others keep copies
}

// New returns Sessions, or an error that names what is missing from the config
// or cannot be used. It keeps nothing of cfg that the caller could change.
func New(cfg Config) (*Sessions, error) {
	switch {
	case cfg.Store == nil:
		return nil, errors.New("sessions: Config.Store is missing")
	case len(cfg.Signing) > 0 && cfg.ProjectID == "":
		return nil, errors.New("sessions: Config.ProjectID is missing: JWTs need an issuer and an audience")
	case len(cfg.Tenant) > maxTenant:
		return nil, fmt.Errorf("sessions: Config.Tenant is longer than %d bytes", maxTenant)
	case cfg.MaxDuration != 0 && (cfg.MaxDuration < MinDuration || cfg.MaxDuration > MaxDuration):
		return nil, fmt.Errorf("sessions: Config.MaxDuration is outside %v to %v", MinDuration, MaxDuration)
	case cfg.Idle != 0 && cfg.Idle < time.Minute:
		return nil, errors.New("sessions: Config.Idle is less than a minute")
	case cfg.MaxPerUser < 0 || cfg.MaxPerUser > maxSessions:
		return nil, fmt.Errorf("sessions: Config.MaxPerUser is outside 1 to %d", maxSessions)
	}
	s := &Sessions{
		store:      cfg.Store,
		project:    cfg.ProjectID,
		live:       cfg.Live,
		tenant:     cfg.Tenant,
		longest:    cmp.Or(cfg.MaxDuration, MaxDuration),
		idle:       cfg.Idle,
		maxPerUser: cmp.Or(cfg.MaxPerUser, 20),
		now:        cfg.Now,
		buffers: sync.Pool{New: func() any {
			b := make([]byte, 0, 1024)
			return &b
		}},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if err := s.SetKeys(cfg.Keys, cfg.Signing); err != nil {
		return nil, err
	}
	return s, nil
}

// maxTenant is in bytes.
const maxTenant = 128

// Granted is a session and what shows it.
type Granted struct {
	Session Session
	Token   delivery.Secret // 56 characters of base64url
}
