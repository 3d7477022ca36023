// Package sessions keeps people logged in: after somebody authenticated a
// factor, a session says so, and until when.
//
//	logins, err := sessions.New(sessions.Config{Store: db, Keys: keys, Signing: signing, ProjectID: "…"})
//	…
//	granted, err := logins.Grant(ctx, sessions.Grant{UserID: id, Factor: factor, Duration: time.Hour})
//	…
//	granted, err = logins.Authenticate(ctx, sessions.Request{Credential: sessions.Credential{Token: token}})
//
// Package accounts does the first of these when it is asked for a session. A
// program with users of its own calls Grant itself, after engine.Verify.
//
// # Which method for which need
//
//   - [Sessions.Grant]: a factor was authenticated. [Sessions.CheckGrant] says
//     beforehand whether it would be refused, so that no code is used up for
//     nothing.
//   - [Sessions.Authenticate]: a request came with a token or a JWT. Is the
//     session alive? This is the check that revoking works on.
//   - [Sessions.CheckJWT]: the same without asking the store, up to five minutes
//     behind.
//   - [Sessions.Lookup] and [Sessions.List] look and touch nothing.
//   - [Sessions.Revoke], [Sessions.RevokeID], [Sessions.RevokeAll]: log out, here
//     or everywhere.
//   - [Sessions.Forget], [Sessions.Close]: the user lost a factor, or is about to
//     be deleted.
//   - [Require]: is what the session proved enough for this page?
//
// # Tokens
//
// A token names the record of its user and proves itself by 256 random bits, of
// which the store has only a digest. Nobody chooses a token but this package,
// and every Grant makes a new one: what was known before somebody authenticated
// is worth nothing after (OWASP ASVS 7.2.4). Keep it in a cookie that is
// Secure, HttpOnly and SameSite.
//
// # JWTs
//
// A JWT (RFC 7519, signed by RS256) says what the session said when it was
// made, to whoever has the keys of [Sessions.JWKS]. It is valid for
// [JWTLifetime], so a session that was revoked looks alive for that long to who
// checks JWTs only. Authenticate takes one that has expired, as long as the
// session lives, and that is how a new one is had.
//
// A JWT from before the session's last Grant does not authenticate it any
// more. JWTs tell whole seconds, so one of that same second still does.
//
// # Custom claims
//
// A session has claims of the program's own, which stand in its JWTs besides
// the others. Those of a request are merged into those that are there: objects
// at every depth, null takes a member away, and anything else replaces what was
// there. No name may stand twice in one object. The names iss, sub, aud, exp,
// nbf, iat and jti are dropped, and one that begins with https://stytch.com/ is
// refused. All together have at most [MaxClaims] bytes.
//
// # What the store has
//
// One record for each user, under a keyed digest of tenant and user: for each
// session its id, its times, and digests of its tokens in clear; and sealed
// with AES-GCM, for that session alone, the rest: user, factors, addresses,
// client, roles and claims. Who has the store but no key learns when somebody
// was there. Who can write to it besides can end sessions and make them last,
// and can neither show one nor give one to somebody else.
//
// # Keys
//
// Keys of both kinds are rotated by putting a new one first and, later, taking
// the old one out: a signing key once its last JWT has expired and verifiers
// have fetched the new one; a sealing key once every session that is still
// wanted was authenticated since, which seals it anew: those that were not end
// with the key. [Sessions.SetKeys] does it while the program runs.
//
// # Time
//
// All times come from Config.Now. A session outlives a clock that is set back
// by no more than what it was set back by. One that was accessed by a clock
// that ran ahead counts as accessed now, and has as long to live as it had
// then.
//
// Sessions start no goroutine. Those that are over are dropped when their
// user's record is next written, or collected by the store.
package sessions
