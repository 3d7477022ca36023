package main

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/engine/receipts"
)

// operatorRoutes adds to an API what an operator looks at, and what providers
// call. The first two want the credentials of the API.
//
//	GET /messages/ID    what became of a message: its id is in the log
//	GET /providers      which providers work, which rest and why
//	/callbacks/NAME     reports of a provider, which signs them
func operatorRoutes(api http.Handler, project credentials, m *messaging, kept *receipts.Receipts, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("GET /messages/{id}", authorized(project, func(w http.ResponseWriter, r *http.Request) {
		record, err := kept.Message(r.Context(), r.PathValue("id"))
		switch {
		case errors.Is(err, receipts.ErrNotFound):
			answer(w, http.StatusNotFound, map[string]string{"error": "nothing is known of this message: it was never sent, or more than a day ago"})
		case err != nil:
			log.Error("messages", "error", err)
			answer(w, http.StatusServiceUnavailable, map[string]string{"error": "unavailable"})
		default:
			answer(w, http.StatusOK, record)
		}
	}))
	mux.Handle("GET /providers", authorized(project, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, healthPage(m.health()))
	}))
	for path, handler := range m.callbacks {
		mux.Handle(path, handler)
	}
	return mux
}

// A healthLine is what the page of providers says of one.
type healthLine struct {
	Name     string    `json:"name"`
	Circuit  string    `json:"circuit"`
	Failures int       `json:"failures,omitempty"`
	Kind     string    `json:"kind,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Until    time.Time `json:"until,omitzero"`
}

func healthPage(all []delivery.Health) []healthLine {
	lines := []healthLine{}
	for _, h := range all {
		lines = append(lines, healthLine{h.Name, string(h.Circuit), h.Failures, string(h.Cause), h.Reason, h.Until})
	}
	return lines
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(body)
}

// authorized lets in who knows the project's credentials.
func authorized(project credentials, next http.HandlerFunc) http.Handler {
	same := func(a, b string) int {
		x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
		return subtle.ConstantTimeCompare(x[:], y[:])
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, secret, _ := r.BasicAuth()
		if same(id, project.projectID)&same(secret, project.secret) != 1 {
			w.Header().Set("WWW-Authenticate", `Basic realm="passcoded"`)
			answer(w, http.StatusUnauthorized, map[string]string{"error": "the credentials are those of the API"})
			return
		}
		next(w, r)
	})
}

// logDelivery writes what a provider did with a message. What somebody has to
// be woken for is an error.
func logDelivery(log *slog.Logger, e delivery.Event) {
	level := slog.LevelInfo
	switch e.Kind {
	case delivery.EventMisconfigured:
		level = slog.LevelError
	case delivery.EventOpened, delivery.EventFailed:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{slog.String("event", string(e.Kind)), slog.String("provider", e.Provider)}
	if e.Message != "" {
		attrs = append(attrs, slog.String("message", e.Message), slog.String("channel", string(e.Channel)))
	}
	if e.Receipt.ID != "" {
		attrs = append(attrs, slog.String("id", e.Receipt.ID))
	}
	if e.Took > 0 {
		attrs = append(attrs, slog.Duration("took", e.Took))
	}
	if !e.Until.IsZero() {
		attrs = append(attrs, slog.Time("until", e.Until))
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	log.LogAttrs(context.Background(), level, "provider", attrs...)
}

// logReport writes what a provider tells, whether it changes anything or not.
func logReport(log *slog.Logger, r delivery.Report) {
	attrs := []slog.Attr{slog.String("provider", r.Provider), slog.String("id", r.ID), slog.String("message", r.Message), slog.String("status", string(r.Status))}
	log.LogAttrs(context.Background(), slog.LevelInfo, "report", withWhy(attrs, r.Kind, r.Reason)...)
}

// logReceipt writes what became of a message. That the account is at fault is
// an error like an answer that says so: providers that take messages first and
// look at them later tell it in no other way.
func logReceipt(log *slog.Logger, r receipts.Record) {
	attrs := []slog.Attr{slog.String("message", r.Message), slog.String("state", string(r.State)), slog.String("provider", r.Provider)}
	if r.ID != "" {
		attrs = append(attrs, slog.String("id", r.ID))
	}
	log.LogAttrs(context.Background(), slog.LevelInfo, "message", withWhy(attrs, r.Kind, r.Reason)...)
	if r.State == receipts.Failed && r.Kind == delivery.Configuration {
		logDelivery(log, delivery.Event{Kind: delivery.EventMisconfigured, Provider: r.Provider, Message: r.Message, Channel: r.Channel,
			Err: &delivery.Error{Kind: r.Kind, Provider: r.Provider, Reason: r.Reason}})
	}
}

// withWhy adds why something failed, if it did.
func withWhy(attrs []slog.Attr, kind delivery.Kind, reason string) []slog.Attr {
	if kind == "" && reason == "" {
		return attrs
	}
	return append(attrs, slog.String("kind", string(kind)), slog.String("reason", reason))
}
