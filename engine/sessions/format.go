package sessions

import "fmt"

// What is printed of a session says which one it is, and shows nobody's
// address, client or claims. encoding/json writes all of it: that is for
// answers and not for logs.

// Format prints method and id, and not the address, whatever the verb.
func (f Factor) Format(w fmt.State, _ rune) { fmt.Fprintf(w, "%s %s [redacted]", f.Method, f.ID) }

// Format prints neither address nor user agent, whatever the verb.
func (a Attributes) Format(w fmt.State, _ rune) { fmt.Fprint(w, "attributes [redacted]") }

// Format prints the id, the user's id, the factors as Factor.Format does, and
// the times, whatever the verb.
func (s Session) Format(w fmt.State, _ rune) {
	fmt.Fprintf(w, "session %s of user %s by %v, from %v, accessed %v, to %v [redacted]",
		s.ID, s.UserID, s.Factors, s.StartedAt, s.LastAccessedAt, s.ExpiresAt)
}

// Format prints the user's id, the factor as Factor.Format does, and the
// duration, whatever the verb.
func (g Grant) Format(w fmt.State, _ rune) {
	fmt.Fprintf(w, "grant to user %s by %v for %v [redacted]", g.UserID, g.Factor, g.Duration)
}
