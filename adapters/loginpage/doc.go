// Package loginpage serves the pages by which people sign in: one takes a phone
// number or an e-mail address, the next the code that was sent there. A program
// mounts it in one line, and protects its own pages with another.
//
//	login, err := loginpage.New(acc, logins, loginpage.Options{App: "Example"})
//	…
//	mux.Handle("/login/", login)
//	mux.Handle("/", login.RequireSession(home))
//	mux.Handle("/pay", login.RequireFactors(sessions.SMS, sessions.Email)(pay))
//
// New wants the [accounts.Accounts] and the [sessions.Sessions] that they begin.
// [Pages] is the handler, [SessionOf] says inside of a protected page who is
// there. The folder example is a whole program.
//
// # The pages
//
//	/login/          where to send a code: by SMS, WhatsApp or e-mail
//	/login/code      the code, another code, another way
//	/login/factor    what a page wants besides: RequireFactors leads here
//	/login/app       the code of an authenticator app
//	/login/recovery  or a recovery code in its place
//	/login/account   who is signed in: addresses, app, sign out here and everywhere
//	/login/add       a further phone number or e-mail address
//	/login/codes     the recovery codes that are left, to be printed
//	/login/remove    whether an address or an app is to go
//
// All of them work without JavaScript, and are a little better with it: a pasted
// or received message fills in its code, the wait for the next code counts down,
// countries have their names in the reader's language. A browser offers the code
// of an SMS only where the message says which site it is for: set
// [delivery.Texts.Origin] to the host of the pages, in the engine's
// [engine.Config.Texts]. They are in the 16 languages of the messages, by
// Accept-Language, in light and dark, from left to right and right to left, and
// follow WCAG 2.2 AA. A page with its stylesheet and script has less than 30 KB,
// and asks nobody else for anything.
//
// Everybody with an address may sign in: who has no user yet is made one, and so
// no answer tells who has. What somebody may do then is the program's to say, by
// roles or by a list of its own. Somebody may also type the address of another,
// who can add it to their account all the same: see [accounts.Accounts.Claim].
//
// # Second factors
//
// Who has set up an authenticator app is asked for it at every sign-in, and
// RequireSession lets nobody pass without (unless Options.AppOptional).
// RequireFactors asks for what a page wants, from who does not have it yet: the
// session has it from then on.
//
// Whoever adds, removes or prints a factor has shown one of every kind that the
// user has and that is asked for here, a phone, an e-mail address, an app, within
// Options.Fresh. Else who stole one factor could add a second of their own, and
// would have two. The price is that somebody who lost one asks the program's
// operator to take it away, by [accounts.Accounts.DeleteMethod]; for the app there
// are recovery codes.
//
// # What a page may do, and what not
//
// Every page has a Content-Security-Policy that allows its own stylesheet and
// script and nothing else, may not be framed, is not cached, and tells its
// address to no other site. Requests from other sites are refused
// ([http.CrossOriginProtection]), so none can sign somebody in or out.
//
// The session is a cookie named "__Host-session", as is that of httpapi.Guard,
// which is Secure, HttpOnly and SameSite=Lax. So is "__Host-signin", which holds
// the sign-in under way for a quarter of an hour: the challenge, the address, and
// where to go, sealed with a key of Options.Keys. A code is worth nothing in a
// browser without it, so whoever is talked into telling a code to somebody still
// has to be in that somebody's sign-in; and it is worth nothing for another
// address or an older code. A form names the sign-in that it was part of, so that
// a second window of the browser does not spend its tries.
//
// Browsers keep such cookies on https:// only. On plain HTTP to a loopback host
// (localhost, 127.0.0.1, ::1), as in development, and with
// Options.UnsafePlainHTTP to any host, the cookies are "passcode-session" and
// "passcode-signin", without Secure: Safari keeps no Secure cookie there, and no
// browser takes the prefix for granted. Where a browser says that it came by
// https, or another host is asked for, these names mean nothing. A proxy that
// ends TLS has to pass on the Host header: many put in its place the address at
// which they reach the program, often a loopback one. X-Forwarded-Proto: https,
// or Forwarded with proto=https, says the same of the browser.
//
// A program redirects only to itself: return_to is a path, see [LocalPath]. Where
// a form has ended a sign-in, the browser goes on to that path by a page that does
// not stay in its history, since Content-Security-Policy holds for the redirects
// that follow a form too, and the program may redirect to any host.
//
// # Limits
//
// The engine limits codes and guesses for each address. Above that every client
// address may ask for Options.SendsPerClient codes and guess
// Options.GuessesPerClient times within 10 minutes; IPv6 clients count by their
// /64. See Options.TrustedProxies where there is a proxy, and Options.Counters
// where there is more than one process. These limits slow down who has one
// address. Who has many is for the engine's own budgets.
//
// # Other words, other looks
//
// The stylesheet takes its colours, corners and font from CSS variables,
// --passcode-accent and so on, which Options.Style can set; see static/style.css.
// Options.Templates replaces whole pages: a file of the same name as one in the
// folder templates takes its place, and [Page] is what it gets. New tries every
// template, and refuses one that cannot be used.
package loginpage
