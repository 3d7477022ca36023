// Package totp checks the codes of authenticator apps (RFC 6238: SHA-1, six
// digits, a new one every 30 seconds), and the recovery codes for the day when
// the app is lost.
//
// [New] makes [Apps] from a store and keys. [Apps.Enrol] gives a user an app:
// show its QR code and its recovery codes once. [Apps.Verify] checks a code;
// the first right one is what makes the app the user's. [Apps.Recover] takes a
// recovery code in the place of the app. [Apps.Status] tells what a user has,
// [Apps.Remove] takes it away, [Apps.Unlock] ends a lock.
//
//	enrolment, err := apps.Enrol(ctx, totp.Request{UserID: id, Account: "ada@example.com"})
//	image, err := enrolment.QRCode() // <img src="…">
//	…
//	proof, err := apps.Verify(ctx, id, "123 456")
//
// # What a proof proves
//
// That somebody had the user's app, or one of the recovery codes, at this
// moment. Six digits are a second factor: call Verify for a user who has shown
// a first one. Who calls it for anybody who names a user lets anybody lock that
// user out, and tells them by [ErrNone] who has no app. An app is no protection
// against a page that passes on what its visitor types.
//
// # What is accepted
//
// A code of the present step of 30 seconds, of the one before and of the next,
// each once: the record remembers the last step that was accepted, and only a
// later one is accepted from then on. So an app whose clock is up to 30 seconds
// off can be used, and a person may have to wait for the next code before they
// can log in a second time. RFC 6238 §5.2 recommends one step of tolerance; the
// one ahead is for phones that are fast.
//
// An app that waits for its first code proves nothing. When its window is over
// the answer is [engine.ErrExpired] for a day more, and then ErrNone.
//
// # Odds
//
// Three codes are right at any moment, so that a guess is right with odds of
// 3e-6 (up to 1e-9 more, because 10^6 does not divide 2^31). LockAfter wrong
// guesses in a row lock the user for LockFor, and no more than PerDay are
// compared within a day: with the defaults the odds are 9e-5 per user and day.
// Codes of the app and recovery codes are counted together. A success ends the
// row, never the day. A new enrolment resets neither, nor does removing the app
// as long as the lock or the day lasts. There is no other protection: a program
// with many users limits wrong guesses over all of them too.
//
// # Recovery codes
//
// Ten, each of 62 random bits, each accepted once. NIST SP 800-63B-4 §4.2.1.1
// asks for 64 and for digests; the form of twelve letters and digits, and that
// people can look them up again, come from the API that this engine takes the
// place of. Guesses are counted, so that two bits matter to nobody on the line.
//
// # What is kept
//
// One record per user in the store, under a keyed digest of tenant and user id,
// that changes only by compare-and-swap. The app's secret and its recovery
// codes are sealed (AES-256-GCM) by a key that is not in the store, and bound
// to the user and the app: a thief of the store can compute no code, and who
// can write to it can move no app to another user. They can still put back an
// older record of the same user, and with it recovery codes that were used.
// In clear stand the random part of the app's id, times, counts, and which
// recovery codes were used.
//
// A guess is counted and a code is used up before the answer is given. If the
// store fails the answer is [engine.ErrUnavailable], never an accept; the code
// may be used up then, and after the next step there is another.
//
// # Time
//
// All times come from Config.Now, never from a client. A clock that was set
// back keeps no lock longer than LockFor and no enrolment waiting longer than
// MaxWindow; but the last accepted step stays, so that codes are ErrReplayed
// until the clock has come that far again. Unlock does not change that; Remove
// does. A clock before 1970 or after the year 9999 is refused.
package totp
