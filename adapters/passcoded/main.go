// Passcoded is a passcode server in one program: it speaks the HTTP interface
// of package httpapi, keeps everything in one file or in a server that it is
// told of, and sends messages through the providers of a configuration file, or
// prints them to the terminal. It is there to be used, to write a client against,
// and to be read: serve.go shows how the packages fit together. In the root of
// the repository:
//
//	go run ./adapters/passcoded
//
// It listens on 127.0.0.1:8080, prints curl commands that are ready to paste,
// and then the line
//
//	listening on http://127.0.0.1:8080
//
// which a script may wait for: from then on requests are answered. Without
// -config, SMS, WhatsApp and e-mail messages follow on standard output, codes in
// clear; the log goes to standard error and holds neither codes nor whole
// addresses.
//
// # Options
//
// Each option has an environment variable, save the last five. An option beats
// its variable, a variable beats the default, and an empty variable counts as
// none. A TIME is written as 90m or 1h30m.
//
//	-addr HOST:PORT          PASSCODED_ADDR           where to listen; port 0 picks a free one; default 127.0.0.1:8080
//	-db FILE                 PASSCODED_DB             the database; default passcode.db in the current directory
//	-store URL               PASSCODED_STORE          where codes, sessions and authenticator apps are; default the database
//	-users URL               PASSCODED_USERS          where users are; default the Postgres of -store, else the database
//	-keys FILE               PASSCODED_KEYS           the keys file; default beside the database
//	-redis-fence             PASSCODED_REDIS_FENCE=1  void codes and sessions of before when Redis restarts
//	-unsafe-redis LIST       PASSCODED_UNSAFE_REDIS   what a Redis may do all the same: eviction, volatile; default nothing
//	-unsafe-postgres         PASSCODED_UNSAFE_POSTGRES=1  a Postgres may run with fsync or full_page_writes off
//	-project-id ID           PASSCODED_PROJECT_ID     user name of every request; default that of the keys file
//	                         PASSCODED_SECRET         password of every request; no option, since every user of a machine sees options
//	-config FILE             PASSCODED_CONFIG         how messages travel: see Messages; default they are printed
//	-login-pages             PASSCODED_LOGIN_PAGES    serve the pages to sign in by, 1 or 0: see Login pages; default without -config
//	-app NAME                PASSCODED_APP            name of the application in messages; default none
//	-origin HOST             PASSCODED_ORIGIN         host whose pages may fill in codes from an SMS; default none
//	-sms-countries LIST      PASSCODED_SMS_COUNTRIES  the only countries to text, such as US,CA; default all but the unsupported
//	-session-idle TIME       PASSCODED_SESSION_IDLE   end sessions that were not used for so long, at least 1m; default never
//	-max-session TIME        PASSCODED_MAX_SESSION    the longest session that can be asked for, 5m to 8784h; default 8784h, 366 days
//	-lock-after N            PASSCODED_LOCK_AFTER     wrong codes in a row that lock a user, 1 to 100; default 10
//	-lock-for TIME           PASSCODED_LOCK_FOR       how long they are locked, 5m to 168h; default 1h
//	-trusted-proxies LIST    PASSCODED_TRUSTED_PROXIES  addresses and networks of the proxies in front; default none
//	-insecure-outbox FILE                             also append each message, code included, to a file: for tests
//	-rotate-signing-key                               change the keys file and nothing else: see Keys
//	-remove-signing-key ID                            likewise
//	-version                                          print which build this is
//	-h                                                print a summary
//
// A lock counts wrong codes over all of a user's addresses and the
// authenticator app; each of these is locked by itself too, after as many.
// Authenticator apps show the name of -app, or "passcode" without one.
//
// A fixed project id needs a fixed secret, and the other way round. Ids that
// begin with "project-live-" make a live project, without sandbox values.
//
// # Files
//
// The database is one bbolt file; one process at a time can have it open.
//
// The keys are in the file that -keys names, by default beside the database with
// a name that ends in .keys in place of its extension: passcode.keys for
// passcode.db. It is made at the first start, with permissions 0600. Who gets the
// database alone finds users and their addresses in it, but no code, no session
// and no secret of an authenticator app: back the two up apart.
//
// A database without its keys is refused: new keys would forget the wrong
// guesses of every address, every session and every authenticator app. Put the
// keys back, or move the database away and start anew. Permissions that let
// others read or write either file are refused too.
//
// The database file is never replaced. The keys file is, in two cases: a later
// release completes the file of an earlier one at its first start, with new
// keys for what that release did not have, and the options below change it. A
// new file is then written beside the old one, flushed to the disk and renamed
// over it, with its owner and permissions; what was in it stays, save the
// signing key that was to go. Back it up again after that. A file that was
// completed is not read by earlier releases.
//
// # Servers
//
// With -store redis://HOST:PORT/N or -store postgres://USER@HOST:PORT/NAME what
// changes with every request is kept there: codes, sessions, authenticator apps.
// Redis does not keep users: they stay in the database file, or go to a Postgres
// with -users. With -store postgres://… they go there as well, and there is no
// database file. Tables are made at the first start and changed by later
// releases; several programs may start at once. A URL with a password belongs
// into the environment variable, since every user of a machine sees options.
//
// Any number of programs share a server: a code that one has sent is accepted by
// another, once, and what one has counted counts for all. They need the same
// keys file: copy it to each. The server remembers which keys its records were
// made with, and a program with others is refused, because it would forget every
// wrong guess and lock. Their clocks may differ by five seconds.
//
// Redis 6.2 or later, or Valkey, has to keep what it confirmed: appendonly yes,
// appendfsync always, a maxmemory-policy of noeviction and no replicas that could
// take over. With appendfsync everysec, or with replicas, the last second may be
// lost: then -redis-fence is needed, which voids codes and sessions of before
// whenever the server has restarted or another took its place. What is worse has
// to be allowed by name, and is written to the log:
//
//   - -unsafe-redis eviction: records may be evicted, and with them wrong guesses,
//     locks, sessions and authenticator apps.
//   - -unsafe-redis volatile: everything may be lost, or be as it was a while ago,
//     when the server restarts. The fence is on; guesses of the time that was
//     lost can be made again.
//
// Replicas that sentinels or a cluster would put in the server's place need the
// same settings. All are looked at every ten seconds: when one has changed for the
// worse, an error in the log says which and how, and requests fail with status 503
// until it is put right. A server that is told to keep an append-only file while
// it runs is right once it has written it.
//
// Postgres is 13 or later, its database in UTF8. Commits that count something are
// synchronous whatever the server's default is. A server with fsync or
// full_page_writes off, or with unlogged tables, may lose them all the same and
// is refused; some storage needs neither (a file system that copies on write,
// some hosted databases), and for that there is -unsafe-postgres.
//
// A server that does not answer makes requests fail with status 503; the program
// goes on by itself when it is back.
//
// # Messages
//
// The file of -config is TOML. A provider is one account somewhere, under a name
// of its own; a channel names the providers that are asked for its messages, one
// after the other. A channel that is not in the file is not offered.
//
//	[providers.us.twilio]
//	account_sid = "AC…"
//	key_id = "SK…"                      # default: the account with its auth token
//	secret = "env:TWILIO_SECRET"        # never the value itself: env:NAME, or file:PATH, which only its owner can change
//	sms = { service = "MG…" }           # or from = "+1…"
//	tokens = ["env:TWILIO_AUTH_TOKEN"]  # that sign callbacks
//
//	[providers.meta.whatsapp]
//	phone_number_id = "1055…"
//	token = "env:META_TOKEN"
//	templates = { default = { name = "login_code" }, es = { name = "login_code", language = "es" } }
//	verify_token = "env:META_VERIFY"    # of the webhook, with app_secrets
//	app_secrets = ["env:META_APP_SECRET"]
//
//	[providers.mail.smtp]
//	host = "smtp.example.com"
//	from = "Example <codes@example.com>"
//	username = "codes"
//	password = "file:/run/secrets/smtp"
//	ca_file = "ca.pem"                  # whom its certificate is from; default: the system's authorities
//
//	[providers.aws.sns]
//	region = "eu-central-1"
//	access_key_id = "AKIA…"             # default, with secret_key: the role of the machine or task, or what AWS's programs use
//	secret_key = "env:AWS_SECRET_ACCESS_KEY"
//	origination = "+1…"                 # default: AWS picks
//	configuration_set = "codes"         # with an event destination: one of the topics
//	topics = ["arn:aws:sns:…"]          # subscribed to by HTTPS, of SignatureVersion 2: see package snssender
//
//	[providers.own.webhook]             # any other provider: see package webhooksender
//	url = "https://sms.internal.example.com/send"
//	keys = ["env:WEBHOOK_KEY"]
//	report_keys = ["env:WEBHOOK_KEY"]
//
//	[providers.print.console]           # prints messages, codes in clear
//
//	[providers.us]                      # for a provider of any kind
//	timeout = "4s"                      # of one try; default 5s
//	failures = 5                        # within a minute, after which it rests
//	rest = "30s"
//
//	[channels.sms]
//	providers = ["us", "own"]
//	timeout = "12s"                     # of all tries together; at most 14s
//	countries = ["US", "CA"]            # default: all supported ones
//	per_day = 20000                     # messages; default: no limit
//	per_region = 5000
//	regions = { CA = 1000 }
//
//	[[channels.sms.routes]]             # looked at before providers, in order
//	regions = ["CA"]                    # and locales, purposes
//	split = { own = 90, us = 10 }       # parts of the messages; each takes those of one that is down. Or providers = […]
//
//	[channels.whatsapp]
//	providers = ["meta"]
//	fallback = "sms"                    # where meta refuses a number or reports that it failed: not on WhatsApp
//	fallback_after = "20s"              # and where no report has come in time; less than 10m
//
//	[channels.email]
//	providers = ["mail"]
//
//	[texts]
//	directory = "texts"                 # own words, and HTML for e-mail: see package textfile
//	app_hash = "FA+9qCX9VSu"
//
//	[callbacks]
//	url = "https://codes.example.com"   # providers report to /callbacks/NAME below it
//
// Files that the file names are relative to its own directory. A list that is
// empty is an error, since one that is left out stands for everything.
//
// A provider that is down, throttles or refuses its credentials is passed over
// for a while. A refused account is an error in the log, and so is one that a
// provider reports afterwards: somebody has to look. What may have been sent is
// not sent again by another.
//
//	passcoded check-config -config FILE    says what is wrong, by line, or what the file means
//	passcoded send-test -config FILE -channel sms -to +12025550162
//
// The log has a line for what each provider did with each message, for each
// report, and for what became of the message. With the credentials of the API
//
//	GET /messages/ID   tells that of one message for a day; its id is in the log
//	GET /providers     tells which providers work, and which rest and why
//
// Codes that wait to fall back are in memory only: a restart forgets to send
// them again, and their owners ask for another. Of several programs any may be
// told by a provider; the one that has sent the message learns of it within 15
// seconds.
//
// # Keys
//
// The keys file holds the project id with its secret, and
//
//	index_key     names the records of the database; leave it as it is
//	ring          for codes
//	seal_ring     for what has to be read again: sessions, and the secrets of authenticator apps
//	signing_keys  for session JWTs: RSA of 2048 bits, PKCS #8 in base64
//
// The newest entry of each list stands first and is the one in use; the others
// are for what was made with them. They are read at the start only.
//
// To change the key of the codes, stop the program and put a new entry before
// the others in ring: an id that was never used in it, the time, and 32 random
// bytes in base64. An old entry can go ten minutes later.
//
// The same is done in seal_ring. Here an old entry can go only when nothing
// that it sealed is wanted. What ends with it: the sessions that were there
// before the new entry and were not authenticated since, and the authenticator
// apps that were not used since, whose users have to enrol another.
//
// The key of the JWTs is changed by
//
//	passcoded -keys FILE -rotate-signing-key
//
// which puts a new one before the others, and prints what there is. It may be
// done while the server runs, which goes on with the keys that it read: restart
// it. From then on the new key signs, and the JWTs of the others are good
// still; the key set that verifiers fetch has all of them. A JWT lives for 5
// minutes, so that an old key can go so long after the restart, though by custom
// it is kept for a month, for verifiers who keep a copy of the key set. It goes
// by
//
//	passcoded -keys FILE -remove-signing-key ID
//
// and another restart: its JWTs are refused from then on, while their sessions
// live on. The only key cannot be removed. Of two such commands at once one
// fails, and so does one that finds the new file of another that was cut off:
// delete that, it ends in .keys.new.
//
// # Login pages
//
// Under /login/ are the pages of package loginpage: they take a number or an
// address, then the code, and keep a session in a cookie; /login/account adds
// second factors and signs out. They are there to be tried and to be looked at: a
// program of your own mounts the same handler beside its own pages, where it can
// protect them.
//
// They want no credentials: whoever reaches them can have a message sent to any
// address that a channel reaches. So they are served by themselves only without
// -config, where messages go to the terminal. With it -login-pages has to ask for
// them; then bound what strangers can spend, by countries and per_day of a
// channel. Each client may ask for 30 codes in 10 minutes.
//
// Behind a proxy name it with -trusted-proxies, or all clients are one to that
// limit. The proxy has to pass on the Host header as it came, since by default
// many put their own in its place; with X-Forwarded-Proto: https besides, the
// pages know that the browser came by https whatever the host is. Else cookies
// for a loopback host go without Secure.
//
// # The outbox
//
// With -insecure-outbox each message is appended to the file as one line of
// JSON, by one write, before its send is answered:
//
//	{"to":"+12025550162","channel":"sms","code":"123456","body":"…","locale":"en"}
//
// A test reads the code there. The file is made with permissions 0600; one
// that is there already is appended to, whoever can read it.
//
// # Before others can reach it
//
// The program speaks plain HTTP: leave it on a loopback address, behind a
// proxy that speaks TLS.
//
// An e-mail address with an internationalised domain is accepted in its xn--
// form only.
//
// # Signals and exit
//
// SIGINT and SIGTERM let the requests under way finish, for 10 seconds at most,
// and close the database. A second signal ends the program at once; no
// acknowledged write is lost by that.
//
// The exit status is 0 after a signal, and after what needs no server; 2 for
// options that do not exist; and 1 for anything else that went wrong, which one
// line on standard error explains, or one for each thing that is wrong in a
// configuration file.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		signal.Stop(signals) // the next one ends the program
		cancel()
	}()
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr))
}

// run is the program. It returns the exit status, once ctx is done or
// something went wrong.
func run(ctx context.Context, args []string, env func(string) string, stdout, stderr io.Writer) int {
	cfg, err := parseConfig(args, env)
	switch {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(stdout, usage)
		return 0
	case err == nil && cfg.version:
		fmt.Fprintln(stdout, version())
		return 0
	case err == nil && cfg.rotate:
		err = rotateSigningKey(cfg.keys, time.Now(), stdout)
	case err == nil && cfg.remove != "":
		err = removeSigningKey(cfg.keys, cfg.remove, stdout)
	case err == nil && cfg.command == checkConfig:
		err = runCheckConfig(cfg, stdout)
	case err == nil && cfg.command == sendTest:
		err = runSendTest(ctx, cfg, stdout)
	case err == nil:
		err = serve(ctx, cfg, stdout, stderr)
	}
	if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return 0
	}
	text := err.Error()
	if cfg.file == "" { // with a file each problem has a line
		text = strings.ReplaceAll(text, "\n", "; ")
	}
	for line := range strings.SplitSeq(text, "\n") {
		fmt.Fprintf(stderr, "passcoded: %s\n", line)
	}
	if errors.Is(err, errUsage) {
		return 2
	}
	return 1
}

// version says which build this is.
func version() string {
	text := "passcoded"
	if info, ok := debug.ReadBuildInfo(); ok {
		text += " " + info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				text += " " + s.Value
			}
		}
	}
	return fmt.Sprintf("%s %s %s/%s", text, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
