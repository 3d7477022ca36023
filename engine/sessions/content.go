package sessions

import (
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"
)

// A content is the part of a session that is sealed.
type content struct {
	userID     string
	attributes Attributes
	roles      []string
	claims     []byte // nil if there never were any
	factors    []Factor
}

// Bounds of a content, in bytes where they are of text. Together they leave
// room for two sessions in a record.
const (
	maxUserID    = 256
	maxFactorID  = 256
	maxAddress   = 320
	maxIP        = 64
	maxUserAgent = 1024
	maxRoles     = 64
	maxRole      = 128
	maxFactors   = 16
)

// methods are the Methods by their number in a content. They never change.
var methods = [...]Method{"", SMS, WhatsApp, Email, Authenticator, RecoveryCode}

// appendTo appends the content's encoding to b: texts preceded by their length
// in 2 bytes, lists by theirs in 1, times in Unix nanoseconds.
func (c *content) appendTo(b []byte) []byte {
	text := func(s string) {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	text(c.userID)
	text(c.attributes.IPAddress)
	text(c.attributes.UserAgent)
	b = append(b, byte(len(c.roles)))
	for _, role := range c.roles {
		text(role)
	}
	if c.claims == nil {
		b = append(b, 0)
	} else {
		b = append(b, 1)
		text(string(c.claims))
	}
	b = append(b, byte(len(c.factors)))
	for _, f := range c.factors {
		b = append(b, byte(slices.Index(methods[:], f.Method)))
		text(f.ID)
		text(f.Address)
		b = binary.BigEndian.AppendUint64(b, uint64(f.CreatedAt.UnixNano()))
		b = binary.BigEndian.AppendUint64(b, uint64(f.LastAt.UnixNano()))
	}
	return b
}

// decode reads what appendTo wrote.
func (c *content) decode(b []byte) error {
	r := reader{b: b}
	*c = content{userID: r.text(), attributes: Attributes{r.text(), r.text()}}
	if n := int(r.byte()); n > 0 && n <= maxRoles {
		c.roles = make([]string, n)
		for i := range c.roles {
			c.roles[i] = r.text()
		}
	} else if n > 0 {
		return errRecord
	}
	switch r.byte() {
	case 0:
	case 1:
		c.claims = []byte(r.text())
	default:
		return errRecord
	}
	n := int(r.byte())
	if n > maxFactors {
		return errRecord
	}
	c.factors = make([]Factor, n)
	for i := range c.factors {
		method := int(r.byte())
		if method >= len(methods) {
			return errRecord
		}
		c.factors[i] = Factor{Method: methods[method], ID: r.text(), Address: r.text(), CreatedAt: r.time(), LastAt: r.time()}
	}
	if r.failed || len(r.b) != 0 {
		return errRecord
	}
	return nil
}

// A reader takes values from the front of b. After one that is not there it
// has failed and returns zeros.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.b, r.failed = nil, true
		return nil
	}
	taken := r.b[:n]
	r.b = r.b[n:]
	return taken
}

func (r *reader) byte() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) text() string {
	if b := r.take(2); b != nil {
		return string(r.take(int(binary.BigEndian.Uint16(b))))
	}
	return ""
}

func (r *reader) time() time.Time {
	if b := r.take(8); b != nil {
		return time.Unix(0, int64(binary.BigEndian.Uint64(b))).UTC()
	}
	return time.Time{}
}

// add puts a factor among the others, or renews it. The oldest makes room.
func (c *content) add(f Factor, now time.Time) {
	f.CreatedAt, f.LastAt = now, now
	for i := range c.factors {
		if old := &c.factors[i]; old.Method == f.Method && old.ID == f.ID {
			old.Address, old.LastAt = f.Address, now
			return
		}
	}
	if len(c.factors) == maxFactors {
		c.factors = slices.Delete(c.factors, 0, 1)
	}
	c.factors = append(c.factors, f)
}

// session returns the session that an entry and its content make.
func (s *Sessions) session(e *entry, c *content) Session {
	session := Session{
		ID:             s.sessionID(e.id),
		UserID:         c.userID,
		Factors:        slices.Clone(c.factors),
		Roles:          slices.Clone(c.roles),
		Attributes:     c.attributes,
		StartedAt:      time.Unix(0, e.started).UTC(),
		LastAccessedAt: time.Unix(0, e.accessed).UTC(),
		ExpiresAt:      time.Unix(0, e.expires).UTC(),
	}
	if c.claims != nil {
		session.Claims = json.RawMessage(slices.Clone(c.claims))
	}
	return session
}
