// Package accounts gives passcodes a person: users with phone numbers and
// e-mail addresses, kept in a [store.Directory], who log in with the codes of
// an [engine.Engine].
//
//	acc, err := accounts.New(accounts.Config{Engine: eng, Directory: users})
//	sent, err := acc.LoginOrCreate(ctx, accounts.SendRequest{Channel: delivery.SMS, To: "+12025550162"})
//	…
//	auth, err := acc.Authenticate(ctx, sent.MethodID, "123456")
//
// A program that has a table of users of its own needs none of this: the
// engine alone starts and verifies.
//
// # Which method for which need
//
//   - [Accounts.LoginOrCreate]: one form for logging in and signing up. Sends a
//     code to an address, and makes a user if nobody has it.
//   - [Accounts.Send]: sends a code to an address that a user has, and makes
//     nobody.
//   - [Accounts.Authenticate]: takes what the person typed, and says who it is.
//   - [Accounts.Create]: makes a user beforehand, for imports and invitations.
//   - [Accounts.User]: finds one.
//
// # Users and methods
//
// A user has methods: phone numbers and e-mail addresses, each with an id. A
// method begins unverified and is verified once a code sent to it came back. SMS
// and WhatsApp to one number are one method, and share the live code. A
// pending user becomes active with the first code that comes back. The
// Directory sees to it that an address belongs to one user, whatever
// happens at the same time.
//
// Who holds an address is who its user is: a code that reaches a user's number
// logs in as that user. So a user's addresses must all be one person's. Above
// all, never let a client name two addresses to Create: it could name its own
// and a stranger's, and would share the account with the stranger who logs in
// later.
//
// # Method ids
//
// Authenticate goes by method id, so that clients need keep nothing else. A
// method id is not secret, and whoever knows one can use up the tries of its
// live code. A program that can keep a challenge id in its own session checks
// [Sent.Challenge] with [engine.Engine.Verify] instead; that does not touch
// the user.
//
// # Who may know
//
// Send tells whether an address has a user, and so does Sent.Created. Show
// strangers the same page in both cases, or let them use LoginOrCreate only.
//
// # When something fails
//
// The engine's refusals are returned as they are, of type [*engine.Error], and
// a Directory that fails is engine.ErrUnavailable. There is no Authentication
// without an answer of the Directory that came after the code was accepted.
// Errors hold no address: a Directory's words are kept with the user's
// addresses cut out, and its error answers errors.Is but not errors.As.
package accounts
