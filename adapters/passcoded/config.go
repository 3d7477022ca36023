package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/passcode-go/passcode/adapters/httpapi"
	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/policy"
)

const usage = `passcoded serves one-time passcodes over HTTP, keeps everything in one file or
in a server that you name, and prints the messages that it "sends" to the
terminal.

Usage: passcoded [options]
       passcoded check-config -config FILE
       passcoded send-test -config FILE -channel sms -to +12025550162

  -addr HOST:PORT        where to listen; port 0 picks a free one
                         (PASSCODED_ADDR; default 127.0.0.1:8080)
  -db FILE               the database, made at the first start
                         (PASSCODED_DB; default passcode.db)
  -store URL             keep codes, sessions and authenticator apps in Redis or
                         Postgres instead: redis://HOST:PORT, rediss://…,
                         postgres://USER@HOST:PORT/DATABASE
                         (PASSCODED_STORE; default: the database file)
  -users URL             keep the users in this Postgres
                         (PASSCODED_USERS; default: that of -store, else the
                         database file)
  -keys FILE             the keys file
                         (PASSCODED_KEYS; default: beside the database)
  -redis-fence           void codes and sessions of before whenever Redis has
                         restarted or another server took its place; needed
                         with appendfsync everysec and with replicas
                         (PASSCODED_REDIS_FENCE=1)
  -unsafe-redis LIST     start although Redis may evict records ("eviction") or
                         forget any of them in a restart ("volatile", which
                         turns -redis-fence on), or both, separated by a comma
                         (PASSCODED_UNSAFE_REDIS)
  -unsafe-postgres       start although Postgres runs with fsync or
                         full_page_writes off, or has unlogged tables: it may
                         lose in a crash what it confirmed, unless its storage
                         sees to that (PASSCODED_UNSAFE_POSTGRES=1)
  -project-id ID         user name of every request, with the password in
                         PASSCODED_SECRET; default: those in the keys file
                         (PASSCODED_PROJECT_ID)
  -config FILE           which providers carry the messages of which channel,
                         in TOML (PASSCODED_CONFIG; default: messages are
                         printed and sent to nobody)
  -login-pages           serve pages to sign in by under /login/, to everybody
                         who reaches them: they send without credentials
                         (PASSCODED_LOGIN_PAGES, 1 or 0; default: without
                         -config, where a message costs nothing)
  -app NAME              name of the application in messages
                         (PASSCODED_APP)
  -origin HOST           host whose pages may fill in codes from an SMS
                         (PASSCODED_ORIGIN)
  -sms-countries LIST    the only countries to text, such as US,CA
                         (PASSCODED_SMS_COUNTRIES; default: all supported ones)
  -session-idle TIME     end sessions that were not used for so long, such as
                         30m (PASSCODED_SESSION_IDLE; default: never)
  -max-session TIME      the longest session that can be asked for, such as
                         720h (PASSCODED_MAX_SESSION; default 8784h, 366 days)
  -lock-after N          wrong codes in a row that lock a user, 1 to 100
                         (PASSCODED_LOCK_AFTER; default 10)
  -lock-for TIME         how long they are locked, 5m to 168h
                         (PASSCODED_LOCK_FOR; default 1h)
  -trusted-proxies LIST  the addresses of the proxies in front, such as
                         127.0.0.1 or 10.0.0.0/8: only what they say of a
                         client's address is believed
                         (PASSCODED_TRUSTED_PROXIES; default: none)
  -insecure-outbox FILE  also append every message, code included, to FILE as
                         a line of JSON: for tests
  -rotate-signing-key    put a new key for session JWTs into the keys file, and
                         nothing else
  -remove-signing-key ID take a key for session JWTs out of the keys file, and
                         nothing else
  -channel, -to, -locale of send-test: which channel, to whom, in which language
  -version               print which build this is
  -h                     print this

An option beats the environment variable in parentheses. The secret has no
option, since every user of a machine can see the options of its programs; put
a URL with a password into the environment for the same reason.

Files:
  passcode.db    the database: users, and the state of every address
  passcode.keys  keys, project id and secret, made at the first start and
                 completed by later releases; beside the database and named
                 after it unless -keys says otherwise. Never lose it: a
                 database without its keys is refused. Programs that share a
                 server share it: copy it to each.
Both are readable by their owner only, or refused.

Example:
  passcoded -addr 127.0.0.1:9000 -db /var/lib/passcoded/passcode.db -app Example

The program prints curl commands that are ready to paste, and then the line
"listening on http://HOST:PORT". Codes go to standard output, the log to
standard error. It speaks plain HTTP: let only a TLS proxy reach it.
`

// The commands that are no options.
const (
	checkConfig = "check-config"
	sendTest    = "send-test"
)

// errUsage is for options that do not exist, as opposed to values that are
// wrong.
var errUsage = errors.New("see passcoded -h")

// A config is what options and environment say.
type config struct {
	addr         string
	db           string
	store        place  // of the records
	users        place  // of the users
	keys         string // file
	redisFence   bool
	unsafeRedis  map[string]bool // "eviction", "volatile"
	unsafePG     bool
	fixed        credentials // zero: those in the keys file
	texts        delivery.Texts
	smsCountries []region.Code // nil: the policy's default
	idle         time.Duration // 0: sessions are never idle for too long
	maxSession   time.Duration
	lock         policy.Lock
	proxies      []netip.Prefix
	loginPages   bool
	outbox       string // "": none
	file         string // that says how messages travel; "": they are printed
	env          func(string) string
	command      string // checkConfig, sendTest, or "": serve
	channel      string // of sendTest, as are the next two
	to           string
	locale       string
	version      bool   // print it, and nothing else
	rotate       bool   // put a new signing key in, and nothing else
	remove       string // take out the signing key with this id, and nothing else; "": serve
}

// parseConfig reads options and environment and checks them as far as it can
// without touching a file. Its error wraps flag.ErrHelp if help was asked for.
func parseConfig(args []string, env func(string) string) (config, error) {
	cfg := config{env: env}
	if len(args) > 0 && (args[0] == checkConfig || args[0] == sendTest) {
		cfg.command, args = args[0], args[1:]
	}
	var countries, idle, maxSession, lockAfter, lockFor, unsafeRedis, proxies, loginPages string
	flags := flag.NewFlagSet("passcoded", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	text := func(p *string, name, variable, otherwise string) {
		flags.StringVar(p, name, cmp.Or(env(variable), otherwise), "")
	}
	text(&cfg.addr, "addr", "PASSCODED_ADDR", "127.0.0.1:8080")
	text(&cfg.db, "db", "PASSCODED_DB", "passcode.db")
	text((*string)(&cfg.store), "store", "PASSCODED_STORE", "")
	text((*string)(&cfg.users), "users", "PASSCODED_USERS", "")
	text(&cfg.keys, "keys", "PASSCODED_KEYS", "")
	text(&unsafeRedis, "unsafe-redis", "PASSCODED_UNSAFE_REDIS", "")
	text(&cfg.fixed.projectID, "project-id", "PASSCODED_PROJECT_ID", "")
	text(&cfg.texts.App, "app", "PASSCODED_APP", "")
	text(&cfg.texts.Origin, "origin", "PASSCODED_ORIGIN", "")
	text(&countries, "sms-countries", "PASSCODED_SMS_COUNTRIES", "")
	text(&idle, "session-idle", "PASSCODED_SESSION_IDLE", "")
	text(&maxSession, "max-session", "PASSCODED_MAX_SESSION", sessions.MaxDuration.String())
	text(&lockAfter, "lock-after", "PASSCODED_LOCK_AFTER", "10")
	text(&lockFor, "lock-for", "PASSCODED_LOCK_FOR", "1h")
	flags.BoolVar(&cfg.unsafePG, "unsafe-postgres", env("PASSCODED_UNSAFE_POSTGRES") == "1", "")
	flags.BoolVar(&cfg.redisFence, "redis-fence", env("PASSCODED_REDIS_FENCE") == "1", "")
	text(&cfg.file, "config", "PASSCODED_CONFIG", "")
	flags.StringVar(&cfg.channel, "channel", "", "")
	flags.StringVar(&cfg.to, "to", "", "")
	flags.StringVar(&cfg.locale, "locale", "", "")
	text(&proxies, "trusted-proxies", "PASSCODED_TRUSTED_PROXIES", "")
	loginPages = env("PASSCODED_LOGIN_PAGES")
	flags.BoolFunc("login-pages", "", func(value string) error { loginPages = value; return nil })
	flags.StringVar(&cfg.outbox, "insecure-outbox", "", "")
	flags.BoolVar(&cfg.version, "version", false, "")
	flags.BoolVar(&cfg.rotate, "rotate-signing-key", false, "")
	flags.Func("remove-signing-key", "", func(id string) error {
		if cfg.remove = id; id == "" {
			return errors.New("no id")
		}
		return nil
	})
	cfg.fixed.secret = env("PASSCODED_SECRET")

	if err := flags.Parse(args); err != nil {
		return cfg, fmt.Errorf("%w: %w", err, errUsage)
	}
	if flags.NArg() > 0 {
		return cfg, fmt.Errorf("unexpected argument %q: %w", flags.Arg(0), errUsage)
	}
	if cfg.command != sendTest && cfg.channel+cfg.to+cfg.locale != "" {
		return cfg, fmt.Errorf("-channel, -to and -locale go with send-test: %w", errUsage)
	}
	if cfg.command == sendTest && (cfg.channel == "" || cfg.to == "") {
		return cfg, fmt.Errorf("send-test needs -channel and -to: %w", errUsage)
	}
	if cfg.command != "" && cfg.file == "" {
		return cfg, fmt.Errorf("%s needs -config FILE: %w", cfg.command, errUsage)
	}
	if cfg.rotate && cfg.remove != "" {
		return cfg, fmt.Errorf("-rotate-signing-key and -remove-signing-key are two steps: %w", errUsage)
	}
	if cfg.version {
		return cfg, nil
	}
	cfg.keys = cmp.Or(cfg.keys, keysPath(cfg.db))
	if _, _, err := net.SplitHostPort(cfg.addr); err != nil {
		return cfg, fmt.Errorf("-addr %q is not HOST:PORT, such as 127.0.0.1:8080", cfg.addr)
	}
	if cfg.db == "" {
		return cfg, errors.New("-db is empty")
	}
	if err := cfg.checkPlaces(unsafeRedis); err != nil {
		return cfg, err
	}
	if cfg.fixed != (credentials{}) {
		if err := cfg.fixed.check(); err != nil {
			return cfg, err
		}
	}
	if err := cfg.texts.Check(policy.Default().Code.Length); err != nil {
		return cfg, fmt.Errorf("-app or -origin: %w", err)
	}
	if len(cfg.texts.App) > 64 || strings.Contains(cfg.texts.App, ":") {
		return cfg, errors.New("-app has more than 64 bytes or a colon, which authenticator apps do not show")
	}
	var err error
	if cfg.smsCountries, err = parseCountries(countries); err != nil {
		return cfg, err
	}
	if cfg.smsCountries != nil && cfg.file != "" {
		return cfg, errors.New("-sms-countries and -config: say channels.sms.countries in the file")
	}
	if cfg.proxies, err = parseProxies(proxies); err != nil {
		return cfg, err
	}
	// The pages send for whoever comes, and with -config that costs money.
	if cfg.loginPages = cfg.file == ""; loginPages != "" {
		if cfg.loginPages, err = strconv.ParseBool(loginPages); err != nil {
			return cfg, fmt.Errorf("-login-pages %q is neither 1 nor 0", loginPages)
		}
	}
	if idle != "" {
		if cfg.idle, err = parseTime("session-idle", idle, time.Minute, sessions.MaxDuration); err != nil {
			return cfg, err
		}
	}
	if cfg.maxSession, err = parseTime("max-session", maxSession, sessions.MinDuration, sessions.MaxDuration); err != nil {
		return cfg, err
	}
	if cfg.lock.After, err = strconv.Atoi(lockAfter); err != nil || cfg.lock.After < 1 || cfg.lock.After > 100 {
		return cfg, fmt.Errorf("-lock-after %q is not a number from 1 to 100", lockAfter)
	}
	cfg.lock.For, err = parseTime("lock-for", lockFor, 5*time.Minute, 7*24*time.Hour)
	return cfg, err
}

// checkPlaces says what is wrong with -store, -users and -unsafe-redis, and
// fills their defaults. It does not repeat a URL, which may hold a password.
func (cfg *config) checkPlaces(unsafeRedis string) error {
	if !cfg.store.file() && !cfg.store.redis() && !cfg.store.postgres() {
		return errors.New("-store is not a URL that begins with redis://, rediss://, unix:// or postgres://")
	}
	if cfg.users.file() && cfg.store.postgres() {
		cfg.users = cfg.store
	}
	if !cfg.users.file() && !cfg.users.postgres() {
		return errors.New("-users is not a URL that begins with postgres://: users are kept there or in the database file")
	}
	if (unsafeRedis != "" || cfg.redisFence) && !cfg.store.redis() {
		return errors.New("-redis-fence and -unsafe-redis go with -store redis://…")
	}
	if cfg.unsafePG && !cfg.store.postgres() && !cfg.users.postgres() {
		return errors.New("-unsafe-postgres goes with -store postgres://… or -users")
	}
	cfg.unsafeRedis = make(map[string]bool)
	for risk := range strings.SplitSeq(unsafeRedis, ",") {
		switch risk {
		case "eviction", "volatile":
			cfg.unsafeRedis[risk] = true
		case "":
		default:
			return fmt.Errorf("-unsafe-redis: %q is neither eviction nor volatile", risk)
		}
	}
	return nil
}

// parseTime reads the value of an option, such as "90m".
func parseTime(option, value string, least, most time.Duration) (time.Duration, error) {
	d, err := time.ParseDuration(value)
	if err != nil || d < least || d > most {
		return 0, fmt.Errorf("-%s %q is not a time from %v to %v, such as %v", option, value, least, most, 2*time.Hour)
	}
	return d, nil
}

// parseProxies reads a list of addresses and networks.
func parseProxies(list string) (all []netip.Prefix, err error) {
	for part := range strings.SplitSeq(list, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		network, err := netip.ParsePrefix(part)
		if err != nil {
			address, err := netip.ParseAddr(part)
			if err != nil {
				return nil, fmt.Errorf("-trusted-proxies: %q is neither an address nor a network", part)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		if network.Bits() == 0 {
			return nil, fmt.Errorf("-trusted-proxies: %q is everybody, and everybody could choose an address", part)
		}
		all = append(all, network)
	}
	return all, nil
}

// parseCountries reads a list such as "US, ca". An empty one is nil.
func parseCountries(list string) ([]region.Code, error) {
	if list == "" {
		return nil, nil
	}
	var codes []region.Code
	for name := range strings.SplitSeq(list, ",") {
		code := region.Code(strings.ToUpper(strings.TrimSpace(name)))
		if !code.Known() {
			return nil, fmt.Errorf("-sms-countries: %q is no country code of ISO 3166, such as US", name)
		}
		codes = append(codes, code)
	}
	return codes, nil
}

// credentials are the user name and the password of every request.
type credentials struct{ projectID, secret string }

// check says what is wrong with the credentials. It does not repeat them.
func (c credentials) check() error {
	switch {
	case c.projectID == "":
		return errors.New("PASSCODED_SECRET is set without a project id: fix both, or neither")
	case c.secret == "":
		return errors.New("a project id is given without PASSCODED_SECRET: fix both, or neither")
	}
	return httpapi.CheckCredentials(c.projectID, c.secret)
}

// live reports whether the project is a live one.
func (c credentials) live() bool { return accounts.ProjectID.Match(c.projectID, true) }
