package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/passcode-go/passcode/adapters/httpapi"
	"github.com/passcode-go/passcode/adapters/loginpage"
	"github.com/passcode-go/passcode/delivery"
	"github.com/passcode-go/passcode/delivery/console"
	"github.com/passcode-go/passcode/engine"
	"github.com/passcode-go/passcode/engine/accounts"
	"github.com/passcode-go/passcode/engine/receipts"
	"github.com/passcode-go/passcode/engine/sessions"
	"github.com/passcode-go/passcode/engine/totp"
	"github.com/passcode-go/passcode/policy"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/boltstore"
)

const (
	grace      = 10 * time.Second // for the requests under way when the program is to end
	sweepEvery = time.Minute
	checkEvery = 10 * time.Second
)

// serve runs the server until ctx is done, and then ends it in good order.
func serve(ctx context.Context, cfg config, stdout, stderr io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(stderr, nil))
	var keys keysFile
	if cfg.usesFile() {
		if keys, err = openKeys(cfg.db, cfg.keys); err != nil {
			return err
		}
	}
	kept, err := openStorage(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, kept.close()) }()
	if keys, err = settleKeys(ctx, cfg, kept, keys, log); err != nil {
		return err
	}

	wait := &waiter{log: log, waiting: make(map[string]waiting)}
	outcomes, err := receipts.New(receipts.Config{
		Store:   kept.records,
		Observe: func(r receipts.Record) { logReceipt(log, r); wait.news(r) },
		Failed:  func(err error) { log.Error("what became of a message was not written down", "error", err) },
	})
	if err != nil {
		return err
	}
	wait.state = outcomes.Message
	m, err := openMessaging(cfg, console.New(stdout), outcomes, log)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, m.close()) }()
	if cfg.outbox != "" {
		box, err := openOutbox(cfg.outbox)
		if err != nil {
			return err
		}
		defer box.Close()
		for name, channel := range m.channels {
			channel.Sender = outbox{box, channel.Sender}
			m.channels[name] = channel
		}
		log.Warn("INSECURE: every message, code included, is written to a file", "file", cfg.outbox)
	}
	wait.after = m.after
	for name, channel := range m.channels {
		channel.Sent = wait.sent
		m.channels[name] = channel
	}
	project := keys.credentials()
	if cfg.fixed != (credentials{}) {
		project = cfg.fixed
	}
	eng, err := newEngine(cfg, keys.engine(), kept.records, m, log)
	if err != nil {
		return err
	}
	wait.fallback = eng.Fallback
	defer wait.stop()
	api, err := newHandler(cfg, keys, project, kept, m, eng, log)
	if err != nil {
		return err
	}
	if cfg.file != "" {
		api = operatorRoutes(api, project, m, outcomes, log)
	}

	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return err
	}
	defer listener.Close()
	if !isLoopback(listener.Addr()) {
		log.Warn("plain HTTP on an address that others may reach: put a TLS proxy in front", "addr", listener.Addr().String())
	}
	if err := (banner{listener.Addr(), cfg, project}).print(stdout); err != nil {
		return err
	}

	ctx, stop := context.WithCancelCause(ctx)
	var tending sync.WaitGroup
	for _, s := range kept.sweepers {
		tending.Go(func() {
			if err := sweep(ctx, s, sweepEvery, log); err != nil {
				stop(err)
			}
		})
	}
	for _, c := range kept.checkers {
		tending.Go(func() { watch(ctx, c, checkEvery, log) })
	}
	defer tending.Wait()
	defer stop(nil)
	return serveHTTP(ctx, listener, api, log)
}

// settleKeys makes sure, now that the storage is open, that the keys are there,
// complete, and those that its records were made with.
func settleKeys(ctx context.Context, cfg config, kept *storage, keys keysFile, log *slog.Logger) (_ keysFile, err error) {
	if !cfg.usesFile() {
		if keys, err = sharedKeys(ctx, kept.records, cfg); err != nil {
			return keys, err
		}
	}
	if keys.Version != keysVersion {
		if !cfg.usesFile() {
			return keys, fmt.Errorf("%s is of an earlier release: complete it by one start with -db and without -store", cfg.keys)
		}
		if keys, err = completeKeys(cfg.keys, time.Now()); err != nil {
			return keys, err
		}
		log.Info("the keys file was completed: back it up", "file", cfg.keys)
	}
	if !cfg.store.file() {
		err = claimStore(ctx, kept.records, cfg, keys)
	}
	return keys, err
}

// policy returns how strict the engine is.
func (cfg *config) policy(m *messaging) policy.Policy {
	rules := policy.Default()
	for name, rule := range m.rules {
		rules.Countries[string(name)] = rule
	}
	if cfg.smsCountries != nil {
		rules.Countries[string(delivery.SMS)] = policy.AllowOnly(cfg.smsCountries...)
	}
	rules.Lock = cfg.lock
	return rules
}

// newEngine makes the engine.
func newEngine(cfg config, keys engine.Keys, records store.Store, m *messaging, log *slog.Logger) (*engine.Engine, error) {
	eng, err := engine.New(engine.Config{
		Store:    records,
		Keys:     keys,
		Channels: m.channels,
		Policy:   cfg.policy(m),
		Texts:    m.texts,
		Observe:  func(e engine.Event) { logEvent(log, e) },
	})
	if err != nil && cfg.file != "" {
		err = fmt.Errorf("%s: %w", cfg.file, err)
	}
	return eng, err
}

// newHandler puts the packages together: the API, and the login pages where
// they are wanted.
func newHandler(cfg config, keys keysFile, project credentials, kept *storage, m *messaging, eng *engine.Engine, log *slog.Logger) (http.Handler, error) {
	signing, err := keys.signing()
	if err != nil {
		return nil, err
	}
	sess, err := sessions.New(sessions.Config{
		Store:       kept.records,
		Keys:        keys.seal(),
		Signing:     signing,
		ProjectID:   project.projectID,
		Live:        project.live(),
		MaxDuration: cfg.maxSession,
		Idle:        cfg.idle,
	})
	if err != nil {
		return nil, err
	}
	apps, err := totp.New(totp.Config{
		Store:     kept.records,
		Keys:      keys.seal(),
		Issuer:    cmp.Or(cfg.texts.App, "passcode"),
		Live:      project.live(),
		LockAfter: cfg.lock.After,
		LockFor:   cfg.lock.For,
	})
	if err != nil {
		return nil, err
	}
	acc, err := accounts.New(accounts.Config{
		Engine:    eng,
		Directory: kept.users,
		Sessions:  sess,
		Apps:      apps,
		LockAfter: cfg.lock.After,
		LockFor:   cfg.lock.For,
		Live:      project.live(),
	})
	if err != nil {
		return nil, err
	}
	api, err := httpapi.New(httpapi.Config{Accounts: acc, Sessions: sess, ProjectID: project.projectID, Secret: project.secret, Logger: log})
	if err != nil {
		return nil, err
	}
	if !cfg.loginPages {
		return api, nil
	}
	pages, err := loginpage.New(acc, sess, loginpage.Options{
		App:            cfg.texts.App,
		Policy:         cfg.policy(m),
		Session:        min(24*time.Hour, cfg.maxSession),
		Keys:           keys.seal(), // the same for all programs that share a store
		Counters:       kept.records,
		TrustedProxies: cfg.proxies,
		Logger:         log,
	})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.Handle("/", api)
	mux.Handle("/login/", pages)
	return mux, nil
}

// logEvent writes what happened to a code. The address is masked.
func logEvent(log *slog.Logger, e engine.Event) {
	var attrs []slog.Attr
	for _, a := range []slog.Attr{
		slog.String("event", string(e.Kind)),
		slog.String("channel", string(e.Channel)),
		slog.String("address", e.Masked),
		slog.String("region", e.Region),
		slog.String("subject", e.Subject),
		slog.String("message", e.Message),
	} {
		if a.Value.String() != "" {
			attrs = append(attrs, a)
		}
	}
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	log.LogAttrs(context.Background(), slog.LevelInfo, "passcode", attrs...)
}

// serveHTTP serves until ctx is done, and then until the requests under way
// are answered, though no longer than grace. It returns why ctx is done if
// that is anything but a cancellation.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // the engine gives a sender 15
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	log.Info("shutting down")
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(limit); err != nil {
		server.Close()
		return fmt.Errorf("requests were cut off, %v after the program was told to end", grace)
	}
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// A sweeper is a store that drops what has expired when asked to.
type sweeper interface {
	Sweep(context.Context) (int, error)
}

// sweep asks again and again until ctx is done. A database that has failed for
// good is its only error: the program should end then, so that whoever
// supervises it starts it anew.
func sweep(ctx context.Context, db sweeper, every time.Duration, log *slog.Logger) error {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		n, err := db.Sweep(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, boltstore.ErrFailed):
			return err
		case err != nil:
			log.Error("sweep", "error", err)
		case n > 0:
			log.Info("sweep", "dropped", n)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
