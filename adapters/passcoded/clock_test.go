package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/delivery/console"
	"github.com/passcode-go/passcode/store/boltstore"
)

// TestClock looks at the options that need time to pass: sessions that are
// idle, and locks that end.
func TestClock(t *testing.T) {
	t.Parallel()
	keys, path := testKeys(t), filepath.Join(t.TempDir(), "passcode.db")
	cfg, err := parseConfig([]string{"-session-idle", "30m", "-lock-after", "2", "-lock-for", "15m"}, lookup(nil))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		db, err := boltstore.Open(t.Context(), path, boltstore.Config{})
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		var sent bytes.Buffer
		m := printed(console.New(&sent), cfg.texts)
		eng, err := newEngine(cfg, keys.engine(), db, m, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		api, err := newHandler(cfg, keys, keys.credentials(), &storage{records: db, users: db.Directory()}, m, eng, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		post := func(want int, path, body string) reply {
			t.Helper()
			req := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
			req.SetBasicAuth(keys.ProjectID, keys.Secret)
			answer := httptest.NewRecorder()
			api.ServeHTTP(answer, req)
			if answer.Code != want {
				t.Fatalf("%s: status %d, want %d: %s", path, answer.Code, want, answer.Body)
			}
			var r reply
			if err := json.Unmarshal(answer.Body.Bytes(), &r); err != nil {
				t.Fatal(err)
			}
			return r
		}
		code := func() string { // that was sent last
			_, line, _ := strings.Cut(sent.String()[strings.LastIndex(sent.String(), ": code "):], ": code ")
			return line[:6]
		}
		login := func(want int, change func(string) string) reply {
			t.Helper()
			method := post(200, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`).PhoneID
			return post(want, "/v1/otps/authenticate", `{"method_id": "`+method+`", "code": "`+change(code())+`", "session_duration_minutes": 60}`)
		}
		right := func(code string) string { return code }

		auth := login(200, right)
		token := `{"session_token": "` + auth.SessionToken + `"}`
		<-time.After(29 * time.Minute)
		post(200, "/v1/sessions/authenticate", token)
		<-time.After(30*time.Minute + time.Second) // before it expires
		post(404, "/v1/sessions/authenticate", token)

		login(404, another)
		login(404, another)
		<-time.After(15*time.Minute - time.Second)
		post(429, "/v1/otps/sms/login_or_create", `{"phone_number": "+12025550162"}`)
		<-time.After(time.Second)
		login(200, right)

		post(200, "/v1/totps", `{"user_id": "`+auth.UserID+`"}`)
		entered := `{"user_id": "` + auth.UserID + `", "totp_code": "000000"}`
		post(401, "/v1/totps/authenticate", entered)
		post(401, "/v1/totps/authenticate", entered)
		<-time.After(15*time.Minute - time.Second)
		post(429, "/v1/totps/authenticate", entered)
		<-time.After(time.Second)
		post(401, "/v1/totps/authenticate", entered)
	})
}
