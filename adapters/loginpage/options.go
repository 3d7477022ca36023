package loginpage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/passcode-go/passcode/countries/region"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/policy"
)

// Options say how the pages look and behave. The zero value is ready to use.
type Options struct {
	// App is the name of the application, as people know it: up to 64 bytes of
	// printable UTF-8. Default: none.
	App string

	// Path is where the pages are mounted: it begins and ends with a slash.
	// Default "/login/".
	Path string

	// Home is where people go who signed in and did not come from another page:
	// a path as [LocalPath] takes it, of these pages none but the account page.
	// Default: the account page.
	Home string

	// Policy is the engine's, for the length of a code and the countries of
	// each channel. It decides nothing: the engine does. Default:
	// policy.Default(), which is the engine's default too.
	Policy policy.Policy

	// Channels are the ways to send that are offered, the first one first.
	// Default: those of the engine, SMS before WhatsApp before e-mail.
	Channels []delivery.Channel

	// Country is the country that is chosen at first. Default: the one that the
	// browser's language names, as "en-GB" does, if a code can be sent there.
	Country region.Code

	// Session is how long a session lives: sessions.MinDuration to what the
	// sessions allow. Default 24 hours.
	Session time.Duration

	// Fresh is how long ago a person may have shown their factors when they
	// change them. The code that confirms a new address may be entered for a
	// quarter of an hour from when it was added, however often it is sent again.
	// At least a minute. Default 15 minutes.
	Fresh time.Duration

	// AppOptional lets people who have set up an authenticator app sign in
	// without it. RequireFactors asks for it still, where it is named.
	AppOptional bool

	// Style is CSS that is added to the stylesheet, such as
	// ":root{--passcode-accent:#7a1fa2}". Up to 16 KiB.
	Style string

	// Templates has files that take the place of those in the folder templates.
	// Default: none.
	Templates fs.FS

	// Keys seal the sign-ins that are under way, and name the counters. Default:
	// random ones, with which a sign-in under way ends with the process. Where
	// several processes serve one host they have to have the same. The engine's
	// keys may be used here too: each use has keys of its own.
	Keys engine.Keys

	// SendsPerClient and GuessesPerClient are how many codes a client address
	// may ask for, and how often it may guess, within 10 minutes. Defaults 30
	// and 100; negative: no limit. People behind one router share an address.
	SendsPerClient, GuessesPerClient int

	// Counters counts for these limits; any store.Store does. Default: memory of
	// this process, for up to 65536 client addresses, which forgets some of them
	// where there are more.
	Counters Counters

	// TrustedProxies are the addresses of the proxies in front of the program.
	// Only what they say of the client in X-Forwarded-For is believed, and of
	// that only the last address that is not a proxy's itself.
	//
	// Anybody can send this header. A program that believes it from everybody,
	// or believes its first address, which proxies leave as the client sent it,
	// lets a client choose a new address for every request: no limit holds, and
	// one person can use up those of others. So name exactly the proxies, never
	// 0.0.0.0/0, and see to it that nobody reaches the program around them.
	// Default: none, and then the client is who is connected. Behind a proxy
	// that is not named here all clients are one.
	TrustedProxies []netip.Prefix

	// UnsafePlainHTTP makes cookies that browsers keep on plain HTTP, whatever
	// the host: whoever is on the line can take the session. See the package
	// comment.
	UnsafePlainHTTP bool

	// Logger is told why a page could not be served: nothing that a client
	// sent, no address, no code. Default: nobody.
	Logger *slog.Logger

	// Now is the clock, the one of the accounts. Default: time.Now.
	Now func() time.Time
}

// Counters add up. It is the part of store.Store that the limits need.
type Counters interface {
	// Add adds delta to the counter at key, which is 0 if it is absent, and
	// returns the sum. The counter may go after expires.
	Add(ctx context.Context, key string, delta int64, expires time.Time) (sum int64, err error)
}

const (
	maxAppName = 64
	maxStyle   = 16 << 10
)

// complete fills in the defaults, or says what cannot be used. The channels are
// those of the engine.
func (o Options) complete(engineHas []delivery.Channel) (Options, error) {
	if len(o.App) > maxAppName || !printable(o.App) {
		return o, errors.New("loginpage: Options.App is too long or not printable")
	}
	if o.Path == "" {
		o.Path = "/login/"
	}
	if !LocalPath(o.Path) || !strings.HasSuffix(o.Path, "/") || strings.ContainsAny(o.Path, "?#%{} ") {
		return o, fmt.Errorf("loginpage: Options.Path %q does not begin and end with a slash, or is no plain path", o.Path)
	}
	if o.Home == "" {
		o.Home = o.Path + "account"
	}
	if !LocalPath(o.Home) {
		return o, fmt.Errorf("loginpage: Options.Home %q is not a local path", o.Home)
	}
	o.Policy = o.Policy.WithDefaults()
	if err := o.Policy.Validate(); err != nil {
		return o, fmt.Errorf("loginpage: Options.Policy: %w", err)
	}
	if o.Channels == nil {
		for _, c := range []delivery.Channel{delivery.SMS, delivery.WhatsApp, delivery.Email} {
			if slices.Contains(engineHas, c) {
				o.Channels = append(o.Channels, c)
			}
		}
	}
	o.Channels = slices.Clone(o.Channels)
	if len(o.Channels) == 0 {
		return o, errors.New("loginpage: there is no channel to send by")
	}
	for i, c := range o.Channels {
		if c.Class() == "" || !slices.Contains(engineHas, c) || slices.Contains(o.Channels[:i], c) {
			return o, fmt.Errorf("loginpage: Options.Channels has %q, which the engine has not, or twice", c)
		}
	}
	if o.Country != "" && !o.Country.Known() {
		return o, fmt.Errorf("loginpage: Options.Country %q is unknown", o.Country)
	}
	return o.completeRest()
}

func (o Options) completeRest() (Options, error) {
	if o.Session == 0 {
		o.Session = 24 * time.Hour
	}
	if o.Session < sessions.MinDuration || o.Session > sessions.MaxDuration {
		return o, errors.New("loginpage: Options.Session is out of range")
	}
	if o.Fresh == 0 {
		o.Fresh = 15 * time.Minute
	}
	if o.Fresh < time.Minute {
		return o, errors.New("loginpage: Options.Fresh is less than a minute")
	}
	if len(o.Style) > maxStyle || !utf8.ValidString(o.Style) {
		return o, errors.New("loginpage: Options.Style is too long or not UTF-8")
	}
	if o.Keys.Index.Secret == nil && o.Keys.Ring == nil {
		o.Keys = engine.RandomKeys()
	}
	if o.SendsPerClient == 0 {
		o.SendsPerClient = 30
	}
	if o.GuessesPerClient == 0 {
		o.GuessesPerClient = 100
	}
	o.TrustedProxies = slices.Clone(o.TrustedProxies)
	for i, p := range o.TrustedProxies {
		if !p.IsValid() || p.Bits() == 0 {
			return o, fmt.Errorf("loginpage: Options.TrustedProxies[%d] is no prefix, or everybody's", i)
		}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Counters == nil {
		o.Counters = newMemory(o.Now)
	}
	return o, nil
}

func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
