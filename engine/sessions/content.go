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
func (c *content) decode(s string) error {
	r := reader{s: s}
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
		if method == 0 || method >= len(methods) {
			return errRecord
		}
		c.factors[i] = Factor{Method: methods[method], ID: r.text(), Address: r.text(), CreatedAt: r.time(), LastAt: r.time()}
	}
	if r.failed || len(r.s) != 0 {
		return errRecord
	}
	return nil
}

// A reader takes values from the front of s, whose memory they share. After one
// that is not there it has failed and returns zeros.
type reader struct {
	s      string
	failed bool
}

// zeros are what there is in the place of a number that is not there.
const zeros = "\x00\x00\x00\x00\x00\x00\x00\x00"

func (r *reader) take(n int) string {
	if n > len(r.s) {
		r.s, r.failed = "", true
		return zeros[:min(n, len(zeros))]
	}
	taken := r.s[:n]
	r.s = r.s[n:]
	return taken
}

func (r *reader) byte() byte { return r.take(1)[0] }

func (r *reader) number(size int) (n uint64) {
	for _, b := range []byte(r.take(size)) {
		n = n<<8 | uint64(b)
	}
	return n
}

func (r *reader) text() string { return r.take(int(r.number(2))) }

func (r *reader) time() time.Time { return time.Unix(0, int64(r.number(8))).UTC() }

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

// session returns the session that an entry and its content make. It has the
// content's memory.
func (s *Sessions) session(e *entry, c *content) Session {
	session := Session{
		ID:             s.sessionID(e.id),
		UserID:         c.userID,
		Factors:        c.factors,
		Roles:          c.roles,
		Attributes:     c.attributes,
		StartedAt:      time.Unix(0, e.started).UTC(),
		LastAccessedAt: time.Unix(0, e.accessed).UTC(),
		ExpiresAt:      time.Unix(0, e.expires).UTC(),
	}
	if c.claims != nil {
		session.Claims = json.RawMessage(c.claims)
	}
	return session
}
