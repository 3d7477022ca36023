package httpapi

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/storetest"
)

// talkative is a directory whose errors and panics name the values asked for.
type talkative struct{ store.Directory }

func (d talkative) Lookup(ctx context.Context, by store.Index, value string) (store.User, error) {
	switch {
	case strings.Contains(value, "fail"):
		return store.User{}, errors.New("cannot look up " + value)
	case strings.Contains(value, "panic"):
		panic("cannot look up " + value)
	}
	return d.Directory.Lookup(ctx, by, value)
}

// Over everything that can happen, no log has a code, the secret or an
// address, and no answer has a code or the secret.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	var codes []string
	fail := false
	b := newBench(t, setup{
		engine: func(cfg *engine.Config) {
			// Codes that cannot turn up in an id or a time by chance.
			cfg.Policy.Code = policy.Code{Length: 10, Alphabet: policy.Unambiguous}
			sender := cfg.Channels[delivery.SMS].Sender
			record := delivery.SenderFunc(func(ctx context.Context, m delivery.Message) (delivery.Receipt, error) {
				codes = append(codes, m.Code.Reveal())
				if fail {
					return delivery.Receipt{}, &delivery.Error{Kind: delivery.Temporary, Provider: "test", Reason: "no route to " + m.To.Reveal() + " for " + m.Body.Reveal()}
				}
				return sender.Send(ctx, m)
			})
			for name, channel := range cfg.Channels {
				channel.Sender = record
				cfg.Channels[name] = channel
			}
		},
		directory: func(d store.Directory) store.Directory { return talkative{d} },
	})
	var answers strings.Builder
	send := func(method, path, body string) result {
		t.Helper()
		w := httptest.NewRecorder()
		b.api.ServeHTTP(w, b.request(method, path, body))
		answers.WriteString(w.Body.String())
		for _, values := range w.Result().Header {
			answers.WriteString(strings.Join(values, "\n"))
		}
		var r result
		r.status = w.Code
		json.Unmarshal(w.Body.Bytes(), &r.body)
		return r
	}
	addresses := []string{johnPhone, johnEmail, "+12025550163", "fail@example.com", "panic@example.com", "+46701234567", "+19002345678"}
	statuses := make(map[int]int)
	for range 2 { // the second time the messages fail
		for _, address := range addresses {
			for _, channel := range []string{"sms", "whatsapp", "email"} {
				if (channel == "email") != strings.Contains(address, "@") {
					continue
				}
				for _, call := range []string{"login_or_create", "send"} {
					r := send("POST", "/v1/otps/"+channel+"/"+call, bodyOf(channel, address))
					statuses[r.status]++
					id := r.text("phone_id") + r.text("email_id")
					if r.status != 200 {
						continue
					}
					code := codes[len(codes)-1]
					other := "3" + code[1:]
					if code[0] == '3' {
						other = "4" + code[1:]
					}
					for _, guess := range []string{"x" + code, other, code, code} {
						statuses[send("POST", checkCode, `{"method_id": "`+id+`", "code": "`+guess+`"}`).status]++
					}
					statuses[send("POST", checkCode+"/"+code, "{}").status]++
					statuses[send("GET", "/v1/users/"+r.text("user_id"), "").status]++
				}
				statuses[send("POST", "/v1/users", bodyOf(channel, address)).status]++
			}
			statuses[send(address, "/v1/users/"+address, address).status]++
			statuses[send("GET", "/v1/users/"+address, "").status]++
		}
		fail = true
	}
	for _, status := range []int{200, 400, 401, 404, 405, 500, 503} {
		if statuses[status] == 0 {
			t.Errorf("nothing was answered with %d: %v", status, statuses)
		}
	}
	if len(codes) < 8 {
		t.Fatalf("%d codes were sent", len(codes))
	}
	log := b.log.String()
	if strings.Count(log, "\n") < 50 || !strings.Contains(log, `"cause"`) || !strings.Contains(log, `"stack"`) {
		t.Errorf("the log is short:\n%s", log)
	}
	secrets := []string{testSecret, strings.TrimPrefix(testSecret, "secret-test-"), base64.StdEncoding.EncodeToString([]byte(testProject + ":" + testSecret))}
	for _, s := range append(append(secrets, codes...), addresses...) {
		if i := strings.Index(log, strings.TrimPrefix(s, "+")); i >= 0 {
			t.Errorf("the log has %q: %s", s, log[max(0, i-200):i+len(s)])
		}
	}
	for _, s := range append(secrets, codes...) {
		if i := strings.Index(answers.String(), s); i >= 0 {
			t.Errorf("an answer has %q: %s", s, answers.String()[max(0, i-200):i+len(s)])
		}
	}
}

// An error of a kind that the handler does not know is logged by its type.
func TestUnknownErrorIsNotLogged(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{accounts: func(a Accounts) Accounts { return broken{a, errors.New("no " + johnPhone)} }})
	r := b.want(b.do("GET", "/v1/users/x", ""), 500, "internal_server_error")
	if log := b.log.String(); strings.Contains(log+r.raw, johnPhone) || !strings.Contains(log, "*errors.errorString") {
		t.Errorf("logged %s\nanswered %s", log, r.raw)
	}
}

func TestLogLine(t *testing.T) {
	t.Parallel()
	b := newBench(t, setup{})
	lines := func() (all []map[string]any) {
		for line := range strings.Lines(b.log.String()) {
			var m map[string]any
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				t.Fatal(err)
			}
			delete(m, "time")
			all = append(all, m)
		}
		return all
	}
	got := b.do("GET", "/v1/users/nobody", "")
	b.do("POST", "/v1/elsewhere", "")
	b.do("BREW", "/v1/users", "")
	all := lines()
	if len(all) != 3 {
		t.Fatalf("%d lines for 3 requests", len(all))
	}
	want := map[string]any{
		"level": "INFO", "msg": "request", "request_id": got.text("request_id"), "method": "GET", "route": "/v1/users/{user_id}",
		"status": 404.0, "duration": 0.0, "error_type": "user_not_found",
	}
	if len(all[0]) != len(want) {
		t.Errorf("the line is %v", all[0])
	}
	for name, value := range want {
		if all[0][name] != value {
			t.Errorf("%s is %v, want %v", name, all[0][name], value)
		}
	}
	if all[1]["route"] != "" || all[1]["method"] != "POST" {
		t.Errorf("an unknown path is logged as %v", all[1])
	}
	if all[2]["route"] != "/v1/users" || all[2]["method"] != "other" {
		t.Errorf("an unknown method is logged as %v", all[2])
	}
}

// No log has anything of a session or an authenticator app, and no refusal
// repeats it.
func TestNoSecretOfASessionLeaks(t *testing.T) {
	t.Parallel()
	down := false
	b := newBench(t, setup{
		engine: func(cfg *engine.Config) {
			cfg.Store = storetest.NewFaulty(cfg.Store, func(storetest.Call) storetest.Fault {
				if down {
					return storetest.Before
				}
				return storetest.None
			})
		},
		directory: func(d store.Directory) store.Directory { return talkative{d} },
	})
	var secrets, refusals []string
	keep := func(r result) result {
		secrets = append(secrets, r.text("session_token"), r.text("session_jwt"), r.text("secret"), r.text("qr_code"))
		if r.text("session_jwt") != "" {
			secrets = append(secrets, strings.Split(r.text("session_jwt"), ".")...)
		}
		codes, _ := r.body["recovery_codes"].([]any)
		for _, code := range codes {
			secrets = append(secrets, code.(string))
		}
		if r.status != 200 {
			refusals = append(refusals, r.raw)
		}
		return r
	}
	login := keep(b.login(`"session_duration_minutes": 60, "attributes": {"user_agent": "Agent 47"}, "session_custom_claims": {"claim": "canary"}`))
	user := login.text("user_id")
	app := keep(b.want(b.post(createTOTP, `{"user_id": %q}`, user), 200, ""))
	statuses := make(map[int]int)
	for _, fault := range []bool{false, true, false} {
		down = fault
		for range 2 { // the second time some of it is used up
			code := app.body["recovery_codes"].([]any)[0].(string)
			for _, r := range []result{
				b.checkToken(login.text("session_token")),
				b.checkToken(login.text("session_token") + "A"),
				b.checkToken(spoiled(login.text("session_token"))),
				b.checkJWT(login.text("session_jwt")),
				b.checkJWT(login.text("session_jwt") + "A"),
				b.checkJWT(login.text("session_token")),
				b.enterTOTP(user, app.text("secret")),
				b.enterTOTP(user, code),
				b.enterTOTP(user, b.appCode(app)),
				b.enterRecovery(user, code),
				b.enterRecovery(user, code+"a"),
				b.enterRecovery(code, user),
				b.enterRecovery("panic", code),
				b.enterRecovery("fail", code),
				b.post(recoveryCodes, `{"user_id": %q}`, user),
				b.post(createTOTP, `{"user_id": %q}`, user),
				b.post(emailSend, `{"email": %q, "session_token": %q}`, "fail@example.com", login.text("session_token")),
				b.post(emailSend, `{"email": %q, "session_jwt": %q}`, johnEmail, login.text("session_jwt")+"A"),
				b.do("GET", listSessions+login.text("session_token"), ""),
				b.do("GET", "/v1/sessions/jwks/"+login.text("session_token"), ""),
				b.do("GET", "/v1/sessions/"+login.text("session_token"), ""),
				b.post(revoke, `{"session_id": %q}`, login.text("session_token")),
				b.post(revoke, `{"session_token": %q}`, login.text("session_jwt")),
			} {
				statuses[keep(r).status]++
			}
			b.kit.Clock.Advance(time.Minute)
		}
	}
	keep(b.post(revoke, `{"session_token": %q}`, login.text("session_token")))
	for _, status := range []int{200, 400, 401, 404, 500, 503} {
		if statuses[status] == 0 {
			t.Errorf("nothing was answered with %d: %v", status, statuses)
		}
	}
	log := b.log.String()
	private := []string{user, "Agent 47", "canary", johnPhone[1:], johnEmail, sandboxToken}
	for _, s := range append(private, secrets...) {
		if len(s) == 0 {
			continue
		}
		if i := strings.Index(log, s); i >= 0 {
			t.Errorf("the log has %.40q: %s", s, log[max(0, i-200):i])
		}
	}
	for _, refusal := range refusals {
		for _, s := range append(private, secrets...) {
			if len(s) > 0 && strings.Contains(refusal, s) {
				t.Errorf("a refusal has %.40q: %s", s, refusal)
			}
		}
	}
	if len(secrets) < 100 || len(refusals) < 50 {
		t.Errorf("%d secrets and %d refusals", len(secrets), len(refusals))
	}
}
