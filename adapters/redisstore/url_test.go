package redisstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestURLs(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"redis://host": "[host:6379] ''/'' 0",
		"redis://user:p%40ss%2Fw%3Ard@host:7000/3":             "[host:7000] 'user'/'p@ss/w:rd' 3",
		"redis://:word@[::1]:7000":                             "[[::1]:7000] ''/'word' 0",
		"redis://host/":                                        "[host:6379] ''/'' 0",
		"redis://:w%2Ford@host/?db=4":                          "[host:6379] ''/'w/ord' 4",
		"redis://host?db=4":                                    "[host:6379] ''/'' 4",
		"valkey://host":                                        "[host:6379] ''/'' 0",
		"rediss://host":                                        "[host:6379] ''/'' 0 TLS host true",
		"rediss://host?skip_verify=true":                       "[host:6379] ''/'' 0 TLS host false",
		"valkeys://host:1":                                     "[host:1] ''/'' 0 TLS host true",
		"unix:///run/redis.sock":                               "[/run/redis.sock] ''/'' 0",
		"unix://u:word@/run/redis.sock?db=2":                   "[/run/redis.sock] 'u'/'word' 2",
		"redis://a:1?addr=b:2&addr=c:3":                        "[a:1 b:2 c:3] ''/'' 0",
		"redis://:word@a:1/2?addr=b:2&master_set=main":         "[a:1 b:2] ''/'word' 2 main ''/''",
		"redis://a?master_set=m&sentinel_password=s%26":        "[a:6379] ''/'' 0 m ''/'s&'",
		"rediss://a?master_set=m&sentinel_username=u":          "[a:6379] ''/'' 0 TLS a true m 'u'/'' TLS",
		"redis://host?client_cache=0&max_retries=0&protocol=2": "[host:6379] ''/'' 0",
		"redis://host?protocol=3":                              "[host:6379] ''/'' 0",

		"":                                  "",
		"host:6379":                         "",
		"http://host":                       "",
		"redis:host":                        "",
		"redis://":                          "",
		"redis:///0":                        "",
		"redis://:6379":                     "",
		"redis://host:port":                 "",
		"redis://host:1/x":                  "",
		"redis://host/1/2":                  "",
		"redis://host/-1":                   "",
		"redis://host?db=":                  "",
		"redis://host?db=1&db=2":            "",
		"redis://host?masterset=main":       "",
		"redis://host?word":                 "",
		"redis://host#word":                 "",
		"redis://:pass#word@host":           "",
		"redis://:pass%word@host":           "",
		"redis://:pass word@host":           "",
		"redis://host?%zz":                  "",
		"redis://host?max_retries=3":        "",
		"redis://host?max_retries=":         "",
		"redis://host?client_cache=1":       "",
		"redis://host?protocol=word":        "",
		"redis://host?dial_timeout=word":    "",
		"redis://host?dial_timeout=-1s":     "",
		"redis://host?write_timeout=1ms":    "",
		"redis://a:1,b:2":                   "",
		"redis://a?addr=b:1,c:2":            "",
		"rediss://host?skip_verify=word":    "",
		"unix://":                           "",
		"unix://run/redis.sock":             "",
		"unix:///run/redis.sock?addr=a":     "",
		"unix:///s?master_set=m":            "",
		"redis://\x00host":                  "",
		"redis://" + strings.Repeat(":", 9): "",
	} {
		opt, err := Config{}.ClientOption(url)
		if want == "" {
			if err == nil {
				t.Errorf("%q is taken", url)
			}
			wantError(t, err, ErrURL)
			if err != nil && (strings.Contains(err.Error(), "word") && !strings.Contains(err.Error(), "sentinel_password") || strings.Contains(err.Error(), "host:")) {
				t.Errorf("%q: the error repeats it: %v", url, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", url, err)
			continue
		}
		got := fmt.Sprintf("%v '%s'/'%s' %d", opt.InitAddress, opt.Username, opt.Password, opt.SelectDB)
		if opt.TLSConfig != nil {
			got += fmt.Sprintf(" TLS %s %t", opt.TLSConfig.ServerName, !opt.TLSConfig.InsecureSkipVerify)
		}
		if opt.Sentinel.MasterSet != "" {
			got += fmt.Sprintf(" %s '%s'/'%s'", opt.Sentinel.MasterSet, opt.Sentinel.Username, opt.Sentinel.Password)
			if opt.Sentinel.TLSConfig != nil {
				got += " TLS"
			}
		}
		if got != want {
			t.Errorf("%q: %s, want %s", url, got, want)
		}
		if !opt.DisableRetry || opt.ConnLifetime != 0 || !opt.AlwaysPipelining || !opt.DisableCache || opt.SendToReplicas != nil || opt.ReplicaOnly {
			t.Errorf("%q: unsafe or slow options", url)
		}
	}
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		url           string
		cfg           Config
		dial, timeout time.Duration
	}{
		{"redis://host", Config{}, 2 * time.Second, 5 * time.Second},
		{"redis://host", Config{Timeout: 9 * time.Second, DialTimeout: time.Second}, time.Second, 9 * time.Second},
		{"redis://host?dial_timeout=3s&write_timeout=6s", Config{Timeout: 9 * time.Second}, 3 * time.Second, 6 * time.Second},
	} {
		opt, err := c.cfg.ClientOption(c.url)
		if err != nil || opt.Dialer.Timeout != c.dial || opt.Sentinel.Dialer.Timeout != c.dial || 2*opt.Dialer.KeepAlive+opt.ConnWriteTimeout > c.timeout || opt.ConnWriteTimeout < c.timeout/4 {
			t.Errorf("%s: %v, %v, %v, %v", c.url, opt.Dialer.Timeout, opt.Dialer.KeepAlive, opt.ConnWriteTimeout, err)
		}
	}
	if _, err := (Config{Skew: -1}).ClientOption("redis://host"); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}
