package sessions

import (
	"slices"
	"time"
)

// A wireSession is a session as it stands in a JWT.
type wireSession struct {
	ID         string         `json:"id"`
	StartedAt  wireTime       `json:"started_at"`
	AccessedAt wireTime       `json:"last_accessed_at"`
	ExpiresAt  wireTime       `json:"expires_at"`
	Attributes wireAttributes `json:"attributes"`
	Factors    []wireFactor   `json:"authentication_factors"`
	Roles      []string       `json:"roles"`
}

type wireAttributes struct {
	IPAddress string `json:"ip_address"`
	UserAgent string `json:"user_agent"`
}

// A wireFactor has one of the four objects.
type wireFactor struct {
	Type      string       `json:"type"`
	Method    Method       `json:"delivery_method"`
	LastAt    wireTime     `json:"last_authenticated_at"`
	CreatedAt wireTime     `json:"created_at"`
	UpdatedAt wireTime     `json:"updated_at"`
	Phone     *wirePhone   `json:"phone_number_factor,omitempty"`
	Email     *wireEmail   `json:"email_factor,omitempty"`
	App       *wireApp     `json:"authenticator_app_factor,omitempty"`
	Recovery  *wireRecover `json:"recovery_code_factor,omitempty"`
}

type wirePhone struct {
	ID     string `json:"phone_id"`
	Number string `json:"phone_number"`
}

type wireEmail struct {
	ID      string `json:"email_id"`
	Address string `json:"email_address"`
}

type wireApp struct {
	ID string `json:"totp_id"`
}

type wireRecover struct {
	ID string `json:"totp_recovery_code_id"`
}

// A wireTime is a moment in whole seconds, as in "2026-01-15T12:00:00Z".
type wireTime string

const wireLayout = "2006-01-02T15:04:05Z"

func newWireTime(t time.Time) wireTime { return wireTime(t.UTC().Format(wireLayout)) }

func (t wireTime) time(ok *bool) time.Time {
	parsed, err := time.Parse(wireLayout, string(t))
	*ok = *ok && err == nil
	return parsed
}

func newWireSession(s *Session) wireSession {
	w := wireSession{
		ID:         s.ID,
		StartedAt:  newWireTime(s.StartedAt),
		AccessedAt: newWireTime(s.LastAccessedAt),
		ExpiresAt:  newWireTime(s.ExpiresAt),
		Attributes: wireAttributes(s.Attributes),
		Factors:    []wireFactor{},
		Roles:      append([]string{}, s.Roles...),
	}
	for _, f := range s.Factors {
		w.Factors = append(w.Factors, newWireFactor(f))
	}
	return w
}

func newWireFactor(f Factor) wireFactor {
	last := newWireTime(f.LastAt)
	w := wireFactor{Method: f.Method, LastAt: last, CreatedAt: newWireTime(f.CreatedAt), UpdatedAt: last}
	switch f.Method {
	case SMS, WhatsApp:
		w.Type, w.Phone = "otp", &wirePhone{f.ID, f.Address}
	case Email:
		w.Type, w.Email = "email_otp", &wireEmail{f.ID, f.Address}
	case Authenticator:
		w.Type, w.App = "totp", &wireApp{f.ID}
	case RecoveryCode:
		w.Type, w.Recovery = "recovery_codes", &wireRecover{f.ID}
	}
	return w
}

// session reads a session back, without its user and claims. ok is false for
// what newWireSession never wrote.
func (w *wireSession) session() (_ Session, ok bool) {
	ok = true
	s := Session{
		ID:             w.ID,
		Roles:          slices.Clone(w.Roles),
		Attributes:     Attributes(w.Attributes),
		StartedAt:      w.StartedAt.time(&ok),
		LastAccessedAt: w.AccessedAt.time(&ok),
		ExpiresAt:      w.ExpiresAt.time(&ok),
	}
	for _, f := range w.Factors {
		factor := Factor{Method: f.Method, CreatedAt: f.CreatedAt.time(&ok), LastAt: f.LastAt.time(&ok)}
		switch {
		case (f.Method == SMS || f.Method == WhatsApp) && f.Phone != nil:
			factor.ID, factor.Address = f.Phone.ID, f.Phone.Number
		case f.Method == Email && f.Email != nil:
			factor.ID, factor.Address = f.Email.ID, f.Email.Address
		case f.Method == Authenticator && f.App != nil:
			factor.ID = f.App.ID
		case f.Method == RecoveryCode && f.Recovery != nil:
			factor.ID = f.Recovery.ID
		default:
			return Session{}, false
		}
		s.Factors = append(s.Factors, factor)
	}
	return s, ok
}
