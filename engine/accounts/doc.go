// Package accounts gives passcodes a person: users with phone numbers, e-mail
// addresses and authenticator apps, kept in a [store.Directory], who log in
// with the codes of an [engine.Engine] and stay logged in by [sessions].
//
//	acc, err := accounts.New(accounts.Config{Engine: eng, Directory: users, Sessions: sess})
//	sent, err := acc.LoginOrCreate(ctx, accounts.SendRequest{Channel: delivery.SMS, To: "+12025550162"})
//	…
//	auth, err := acc.Authenticate(ctx, accounts.AuthRequest{
//		MethodID: sent.MethodID,
//		Code:     "123456",
//		Session:  accounts.SessionRequest{Duration: time.Hour},
//	})
//	…
//	granted, user, err := acc.AuthenticateSession(ctx, sessions.Request{Credential: cookie})
//
// A program that has a table of users of its own needs none of this: the
// engine alone starts and verifies.
//
// # Which method for which need
//
// To log in:
//
//   - [Accounts.LoginOrCreate]: one form for logging in and signing up. Sends a
//     code to an address, and makes a user if nobody has it.
//   - [Accounts.Send]: sends a code to an address that a user has, or that is
//     added to one. Makes nobody.
//   - [Accounts.Authenticate]: takes what the person typed, and says who it is.
//   - [Accounts.Claim]: the same for a further address of somebody who is logged
//     in, which a form may have left with another user.
//   - [Accounts.AuthenticateSession]: says whose session the next request shows.
//   - [Accounts.EnrolTOTP], [Accounts.AuthenticateTOTP], [Accounts.Recover],
//     [Accounts.TOTP]: authenticator apps.
//
// To look after users:
//
//   - [Accounts.Create]: makes one beforehand, for imports and invitations.
//   - [Accounts.User], [Accounts.Search]: find one, or many page by page.
//   - [Accounts.Update]: changes what is known of one; [Accounts.Exchange]
//     replaces the one address.
//   - [Accounts.Delete], [Accounts.DeleteMethod], [Accounts.DeleteTOTP],
//     [Accounts.DeleteExternalID]: take away; [Accounts.RemoveMethod] leaves the
//     last address.
//   - [Accounts.Unlock]: lets a locked one in again.
//
// Sessions are listed and revoked by [sessions.Sessions] itself.
//
// # Users and methods
//
// A user has methods: phone numbers and e-mail addresses, each with an id. A
// method begins unverified and is verified once a code sent to it came back. SMS
// and WhatsApp to one number are one method, and share the live code. A
// pending user becomes active with the first code that comes back, of an
// address or an app. The Directory sees to it that an address belongs to one
// user, whatever happens at the same time. When the user, or the method, is
// deleted the address is free, and who comes with it next is somebody new.
//
// Who holds an address is who its user is: a code that reaches a user's number
// logs in as that user. So a user's addresses must all be one person's. Above
// all, never let a client name two addresses to Create, or any to Update: it
// could name its own and a stranger's, and would share the account with the
// stranger who logs in later.
//
// # Adding an address
//
// The safe way is Send with the user's session. It adds the address and sends
// a code to it; with the code entered within five minutes the address is the
// user's for good. Else it is free again, and the code is worth nothing even
// if it lives longer. Sending again within the five minutes begins them anew.
// A user waits for one thing at a time, address or app: ErrUnverified refuses
// the next. SendRequest.Replace lets go of what was being added instead.
//
// Until the code came back the address proves nothing. LoginOrCreate takes it
// away for whoever logs in with it, and Send that names no user does not know
// it. So nobody is led into the account of a stranger who named their number.
// Create, Update, Exchange and a Send for another user have to wait: to them
// the address is taken for those minutes.
//
// Anybody who types an address into a login form makes a user with it, which
// stays though no code comes back. Its owner, when they have an account
// already, adds the address all the same: Send that names no user sends them a
// code, and Claim takes it.
//
// # Locks
//
// An address is locked by its own wrong guesses: see package engine. So is an
// app. Above both stands the user: after Config.LockAfter wrong guesses in a
// row, over all methods and apps, the user is locked for Config.LockFor.
// Nothing is compared then, no code is sent and none is used up; sessions that
// are there go on. Config.LockFor, or Unlock, ends it, and a right code ends
// the row. User and Search show it: Lock.At and Lock.Until are set while a user
// is locked, and Lock.Failures is the row.
//
// The count of an address is exact under any concurrency. Guesses that were
// under way when the user's lock fell are still compared, within that count.
//
// # Sessions
//
// Authenticate, AuthenticateTOTP and Recover begin a session if the request
// has a Duration, and add the factor to one if it has a Credential. That
// session has to be the same user's. Either is checked before the code, so that
// a request that cannot have its session does not cost the code. Afterwards the
// old token is dead. [sessions.Require] says which factors a page wants.
//
// A session has the roles that the user had when a factor was last
// authenticated. It loses a factor that is deleted or exchanged, and ends with
// its last one, and with the user. JWTs are good until they expire, whatever
// happens: AuthenticateSession asks, [sessions.Sessions.CheckJWT] does not.
//
// # Authenticator apps
//
// EnrolTOTP makes an app, AuthenticateTOTP with its first code makes it the
// user's, and Recover takes one of its recovery codes when it is lost. They go
// by user id, so six digits are all that is asked for: call them for somebody
// who showed a first factor, such as a session. The secrets are in the store of
// [totp.Apps]; the user's list in the Directory says only that there is an app.
// If a crash comes between the two, the next right code puts the list right.
//
// # Method ids
//
// Authenticate goes by method id, so that clients need keep nothing else. A
// method id is not secret, and whoever knows one can use up the tries of its
// live code, and lock the user. AuthRequest.MatchIP and MatchUserAgent bind a
// code to who asked for it: other guesses are not counted. A program that can
// keep a challenge id where its client cannot change it gives
// AuthRequest.ChallengeID too: then a method id alone spends nothing.
//
// # Who may know
//
// Send tells whether an address has a user, and so does Sent.Created. Show
// strangers the same page in both cases, or let them use LoginOrCreate only.
// [store.TakenError] tells who has an address: it is for programs.
//
// # When something fails
//
// The engine's refusals are returned as they are, of type [*engine.Error], and
// a Directory or a Store that fails is engine.ErrUnavailable. Wrong guesses are
// counted before they are answered. With an error there is no user, no session
// and no token; what to do again is said at each method.
//
// Authenticate reads the user once, before it looks at the code, and writes
// only what is news: that a method is verified, a pending user active, a row of
// wrong guesses over. A right code of a user whom all this is known of is one
// look-up in the Directory and what the engine itself needs. A user who is
// deleted in this moment may still be returned, as if the login had come first,
// and gets no session.
//
// Errors hold no address: a Directory's words are kept with the addresses cut
// out that the call was about, and its error answers errors.Is but not
// errors.As.
package accounts
