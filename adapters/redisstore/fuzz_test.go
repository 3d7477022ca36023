package redisstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/redis/rueidis"

	"github.com/passcode-go/passcode/store"
)

// No URL makes a panic, and no error repeats one. What is taken is bounded.
func FuzzURL(f *testing.F) {
	for _, seed := range []string{
		"redis://user:secret@host:1/2", "rediss://host?skip_verify=1", "unix://:secret@/run/redis.sock?db=3",
		"redis://a:1?addr=b:2&addr=[::1]:3&master_set=main&sentinel_password=secret", "redis://:secret#@host", "redis://[::1%25eth0]:1/", "://",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, url string) {
		opt, err := Config{}.ClientOption(url)
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Kind != ErrURL {
				t.Fatalf("%T %v", err, err)
			}
			// Of the parameters' names it may show those that there are.
			_, rest, _ := strings.Cut(url, "://")
			login, _, found := strings.Cut(rest, "@")
			if found && len(login) > 8 && strings.Contains(err.Error(), login) || len(err.Error()) > 300 {
				t.Fatal(err)
			}
			return
		}
		if len(opt.InitAddress) == 0 || opt.SelectDB < 0 || opt.Dialer.Timeout <= 0 || opt.ConnWriteTimeout <= 0 || !opt.DisableRetry {
			t.Fatalf("%q: %+v", url, opt)
		}
		for _, addr := range opt.InitAddress {
			if addr == "" {
				t.Fatalf("%q: an empty address", url)
			}
		}
	})
}

// What a server says of itself, whatever it is, is refused or right.
func FuzzInfo(f *testing.F) {
	f.Add("redis_version:7.0.15\r\nrole:master\r\nconnected_slaves:0\r\nmaxmemory_policy:noeviction\r\naof_enabled:1\r\ncluster_enabled:0\r\n")
	f.Add("redis_version:6\nrole:slave\n:::\n\r")
	f.Fuzz(func(t *testing.T, text string) {
		facts := parseInfo(text)
		facts.fsync, facts.pauses = "always", "no"
		if isNewEnough(facts.version) {
			major, _, _ := strings.Cut(facts.version, ".")
			if n, err := strconv.Atoi(major); err != nil || n < 6 {
				t.Fatalf("%q is new enough", facts.version)
			}
		}
		if facts.evicts() == nil && !strings.Contains(text, "maxmemory_policy:noeviction") {
			t.Fatal("it does not evict")
		}
		if facts.forgets() == nil && !strings.Contains(text, "aof_enabled:1") {
			t.Fatal("it does not forget")
		}
	})
}

// No error reply makes a panic, or a text that is long or shows what stands
// behind a sign.
func FuzzRefusal(f *testing.F) {
	f.Add("OOM command not allowed when used memory > 'maxmemory'.")
	f.Add("unknown command 'AUTH', with args beginning with: 'secret'")
	f.Add("--")
	f.Fuzz(func(t *testing.T, text string) {
		e := refusal("swap", text)
		shown := e.Error()
		if len(shown) > 200 || strings.ContainsAny(shown, "'\"`\r\n\x00=") {
			t.Fatalf("%q", shown)
		}
	})
}

// What the scripts return is read, and whatever else comes is an error. A stored
// value loses its stamp and nothing else.
func FuzzReply(f *testing.F) {
	f.Add(byte('$'), []byte("value"))
	f.Add(byte('$'), []byte(store.Rewound+"0123456789abcdefvalue"))
	f.Add(byte('$'), []byte(store.Rewound+"0123"))
	f.Add(byte('$'), []byte("-9223372036854775808"))
	f.Add(byte(':'), []byte{1})
	f.Add(byte('_'), []byte(nil))
	f.Add(byte('-'), []byte("ERR no"))
	f.Add(byte('%'), []byte("x"))
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		value, swapped, err := parseValue(message(t, kind, data))
		switch {
		case swapped && (kind != ':' || err != nil || value != nil):
			t.Fatalf("%q %q: swapped, %q, %v", kind, data, value, err)
		case err != nil && value != nil:
			t.Fatalf("%q, %v", value, err)
		case value != nil && !bytes.Equal(value, data):
			t.Fatalf("%q became %q", data, value)
		}
		if value != nil {
			plain := withoutStamp(bytes.Clone(value))
			written, rewound := store.CutRewound(plain)
			if stored, stamped := store.CutRewound(value); stamped != rewound || stamped && !bytes.HasSuffix(stored, written) || !stamped && !bytes.Equal(plain, value) || stamped && len(stored) >= 16 && len(written) != len(stored)-16 {
				t.Fatalf("%q became %q", value, plain)
			}
		}
		sum, err := parseSum(message(t, kind, data))
		if err == nil && kind != ':' {
			if want, err := strconv.ParseInt(string(data), 10, 64); err != nil || want != sum {
				t.Fatalf("%q became %d", data, sum)
			}
		}
	})
}

// message makes an answer as the client would.
func message(t *testing.T, kind byte, data []byte) rueidis.RedisResult {
	// The form in which the client keeps answers: a time, the kind, and a number
	// or a length with what is so long.
	encoded := append(make([]byte, 7), kind)
	switch kind {
	case ':', '_', '#':
		var n uint64
		for _, b := range data[:min(len(data), 8)] {
			n = n<<8 | uint64(b)
		}
		encoded = binary.BigEndian.AppendUint64(encoded, n)
	case '*', '%', '~':
		encoded = binary.BigEndian.AppendUint64(encoded, 0)
	default:
		encoded = append(binary.BigEndian.AppendUint64(encoded, uint64(len(data))), data...)
	}
	var m rueidis.RedisMessage
	if err := m.CacheUnmarshalView(encoded); err != nil {
		t.Fatal(err)
	}
	return rueidis.NewResult(m, nil)
}
