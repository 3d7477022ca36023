package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"github.com/passcode-go/passcode/delivery"
)

// A configFile says how messages travel: the content of the file of -config.
type configFile struct {
	Texts     textsConfig               `toml:"texts"`
	Callbacks callbacksConfig           `toml:"callbacks"`
	Providers map[string]providerConfig `toml:"providers"`
	Channels  map[string]channelConfig  `toml:"channels"`
}

type textsConfig struct {
	Directory string `toml:"directory"` // of package textfile; relative to the file
	AppHash   string `toml:"app_hash"`
	MaxSMS    int    `toml:"max_sms"`
}

type callbacksConfig struct {
	URL string `toml:"url"` // by which providers reach this program
}

// A channelConfig says who carries the messages of a channel.
type channelConfig struct {
	Providers     []string       `toml:"providers"` // asked in this order
	Timeout       duration       `toml:"timeout"`   // of all of them together
	Routes        []routeConfig  `toml:"routes"`    // looked at before
	Countries     []string       `toml:"countries"` // the only ones; default: all supported ones
	PerDay        int            `toml:"per_day"`
	PerRegion     int            `toml:"per_region"`
	Regions       map[string]int `toml:"regions"` // messages a day, in the place of per_region
	Fallback      string         `toml:"fallback"`
	FallbackAfter duration       `toml:"fallback_after"`
}

// names returns the providers of a channel in alphabetical order.
func (c channelConfig) names() []string {
	all := slices.Clone(c.Providers)
	for _, r := range c.Routes {
		all = slices.AppendSeq(append(all, r.Providers...), maps.Keys(r.Split))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// A routeConfig is a rule with its providers, or its shares of a split.
type routeConfig struct {
	Regions   []string       `toml:"regions"`
	Locales   []string       `toml:"locales"`
	Purposes  []string       `toml:"purposes"`
	Providers []string       `toml:"providers"`
	Split     map[string]int `toml:"split"`
}

// A duration is written as "20s".
type duration struct{ time.Duration }

func (d *duration) UnmarshalText(text []byte) (err error) {
	if d.Duration, err = time.ParseDuration(string(text)); err != nil || d.Duration <= 0 {
		return errors.New(`not a time such as "20s"`)
	}
	return nil
}

// A secret is a reference: "env:NAME" or "file:PATH". A value in the file
// itself would be read by everybody who reads configurations.
type secret struct{ ref string }

func (s *secret) UnmarshalText(text []byte) error {
	s.ref = string(text)
	if _, name, ok := strings.Cut(s.ref, ":"); !ok || name == "" || !strings.HasPrefix(s.ref, "env:") && !strings.HasPrefix(s.ref, "file:") {
		s.ref = ""
		return errors.New("a secret is not written here but referred to, as env:NAME or file:PATH")
	}
	return nil
}

// A parsedFile is a configuration file with where everything stands in it.
type parsedFile struct {
	configFile
	path     string
	lines    map[string]int // of keys such as "channels.sms.providers"
	env      func(string) string
	problems []problem
}

// A problem is something that is wrong in a configuration file.
type problem struct {
	line int
	text string
}

// readConfigFile reads a configuration file. The error is about one that cannot
// be read to its end. Settings that there are not are its problems; more may be
// found by who uses it.
func readConfigFile(path string, env func(string) string) (*parsedFile, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("-config: %w", err)
	}
	if len(content) > 1<<20 {
		return nil, fmt.Errorf("-config: %s is larger than 1 MiB", path)
	}
	f := &parsedFile{path: path, env: env, lines: keyLines(content)}
	err = toml.NewDecoder(bytes.NewReader(content)).DisallowUnknownFields().Decode(&f.configFile)
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	switch {
	case errors.As(err, &unknown):
		for _, e := range unknown.Errors {
			line, _ := e.Position()
			f.problems = append(f.problems, problem{line, fmt.Sprintf("%s: there is no such setting", strings.Join(e.Key(), "."))})
		}
	case errors.As(err, &wrong):
		// The text of the error may repeat the line, and that a secret.
		line, _ := wrong.Position()
		what := "cannot be read as TOML"
		if key := strings.Join(wrong.Key(), "."); key != "" {
			what = key + ": has a value of the wrong kind"
			if secretKey(key) {
				what = key + ": " + new(secret).UnmarshalText(nil).Error()
			}
		}
		f.problems = append(f.problems, problem{line, what})
		return nil, f.err()
	case err != nil:
		return nil, fmt.Errorf("%s:1: cannot be read as TOML", path)
	}
	return f, nil
}

// secretKey reports whether a key is one of those that hold secrets.
func secretKey(key string) bool {
	last := key[strings.LastIndexByte(key, '.')+1:]
	return slices.Contains([]string{"secret", "tokens", "token", "app_secret", "app_secrets", "verify_token", "password", "keys", "report_keys", "secret_key", "session_token"}, last)
}

// keyLines returns the line of each key of a TOML document, and of each table
// around one. Tables of an array have an index, as in "routes.0.split".
func keyLines(content []byte) map[string]int {
	lines := make(map[string]int)
	counts := make(map[string]int) // of the tables of an array
	note := func(key []string, line int) {
		for n := range key {
			if path := strings.Join(key[:n+1], "."); lines[path] == 0 {
				lines[path] = line
			}
		}
	}
	var table []string
	p := new(unstable.Parser)
	p.Reset(content)
	for p.NextExpression() {
		e := p.Expression()
		if e.Kind != unstable.Table && e.Kind != unstable.ArrayTable && e.Kind != unstable.KeyValue {
			continue
		}
		var key []string
		line := 0
		for part := e.Key(); part.Next(); {
			node := part.Node()
			if count := counts[strings.Join(key, ".")]; count > 0 {
				key = append(key, strconv.Itoa(count-1))
			}
			key = append(key, string(node.Data))
			line = p.Shape(node.Raw).Start.Line
		}
		switch e.Kind {
		case unstable.KeyValue:
			note(slices.Concat(table, key), line)
			continue
		case unstable.ArrayTable:
			path := strings.Join(key, ".")
			key = append(key, strconv.Itoa(counts[path]))
			counts[path]++
		}
		table = key
		note(table, line)
	}
	return lines
}

// fault notes a problem with a key. The line is that of the key, or of the
// nearest table around it.
func (f *parsedFile) fault(key, format string, args ...any) {
	near := key
	for f.lines[near] == 0 && strings.Contains(near, ".") {
		near = near[:strings.LastIndexByte(near, '.')]
	}
	f.problems = append(f.problems, problem{f.lines[near], key + ": " + fmt.Sprintf(format, args...)})
}

// missing stands in for a secret that is not there, so that nothing else is
// found to be wrong with it. It has the form of every kind of secret.
var missing = delivery.NewSecret("whsec_bWlzc2luZ21pc3NpbmdtaXNzaW5nbWlzc2luZ20=")

// secret returns the value that a reference leads to.
func (f *parsedFile) secret(key string, s secret) delivery.Secret {
	if s.ref == "" {
		return delivery.Secret{}
	}
	how, name, _ := strings.Cut(s.ref, ":")
	value := ""
	if how == "env" {
		value = f.env(name)
	} else {
		content, err := readUnaltered(f.beside(name))
		if err != nil {
			f.fault(key, "%v", err)
			return missing
		}
		value = strings.TrimRight(string(content), "\r\n")
	}
	if value == "" {
		f.fault(key, "%s is empty", s.ref)
		return missing
	}
	return delivery.NewSecret(value)
}

// beside returns the path of a file that the configuration names: relative to
// the configuration's own directory.
func (f *parsedFile) beside(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(filepath.Dir(f.path), name)
}

// readUnaltered reads a small file that nobody but its owner can write. Others
// may read it: Docker and Kubernetes mount secrets so, into containers of which
// each has its own.
func readUnaltered(path string) ([]byte, error) {
	const most = 1 << 20
	info, err := os.Stat(path) // before it is opened, which for a pipe might take for ever
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is not a file", path)
	case runtime.GOOS != "windows" && info.Mode().Perm()&0o022 != 0:
		return nil, fmt.Errorf("%s can be changed by others: its permissions are %04o", path, info.Mode().Perm())
	case info.Size() > most:
		return nil, fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return os.ReadFile(path)
}

// err returns all problems as one error, a line each in the order of the file,
// nil if there are none.
func (f *parsedFile) err() error {
	slices.SortStableFunc(f.problems, func(a, b problem) int { return cmp.Compare(a.line, b.line) })
	var errs []error
	for _, p := range f.problems {
		errs = append(errs, fmt.Errorf("%s:%d: %s", f.path, p.line, strings.ReplaceAll(p.text, "\n", "; ")))
	}
	return errors.Join(errs...)
}
