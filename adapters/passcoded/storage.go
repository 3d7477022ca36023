package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/passcode-go/passcode/adapters/pgstore"
	"github.com/passcode-go/passcode/adapters/redisstore"
	"github.com/passcode-go/passcode/store"
	"github.com/passcode-go/passcode/store/boltstore"
)

// A place is where something is kept: the database file if it is empty, else
// the URL of a server.
type place string

// The schemes of the servers that the program knows.
var (
	redisSchemes    = []string{"redis", "rediss", "valkey", "valkeys", "unix"}
	postgresSchemes = []string{"postgres", "postgresql"}
)

func (p place) scheme() string {
	scheme, _, _ := strings.Cut(string(p), "://")
	return scheme
}

func (p place) file() bool     { return p == "" }
func (p place) redis() bool    { return slices.Contains(redisSchemes, p.scheme()) }
func (p place) postgres() bool { return slices.Contains(postgresSchemes, p.scheme()) }

// String says where a place is, without user, password and parameters.
func (p place) String() string {
	u, err := url.Parse(string(p))
	if err != nil {
		return p.scheme() + "://…"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}

// usesFile reports whether the database file is used at all.
func (cfg *config) usesFile() bool { return cfg.store.file() || cfg.users.file() }

// redis says how Redis is used. Each thing that may make it forget is warned of
// once.
func (cfg *config) redis(log *slog.Logger) redisstore.Config {
	var told sync.Map
	return redisstore.Config{
		Fence:          cfg.redisFence || cfg.unsafeRedis["volatile"],
		UnsafeVolatile: cfg.unsafeRedis["volatile"],
		UnsafeEviction: cfg.unsafeRedis["eviction"],
		Warn: func(err error) {
			if _, again := told.LoadOrStore(err.Error(), true); !again {
				log.Warn("UNSAFE: Redis may forget", "error", err)
			}
		},
	}
}

// A storage is what the program keeps, and where.
type storage struct {
	records  store.Store // codes, sessions, authenticator apps
	users    store.Directory
	sweepers []sweeper
	checkers []checker
	closers  []func() error
}

// openStorage opens the file and connects to the servers that the
// configuration names. The caller closes it.
func openStorage(ctx context.Context, cfg config, log *slog.Logger) (s *storage, err error) {
	s = new(storage)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
			s = nil
		}
	}()
	if cfg.usesFile() {
		db, err := boltstore.Open(ctx, cfg.db, boltstore.Config{})
		if errors.Is(err, boltstore.ErrLocked) {
			return s, fmt.Errorf("%s is in use by another process", cfg.db)
		}
		if err != nil {
			return s, err
		}
		s.records, s.users = db, db.Directory()
		s.sweepers, s.closers = append(s.sweepers, db), append(s.closers, db.Close)
	}
	opened := make(map[place]*pgstore.DB) // one pool where both are in one database
	postgres := func(p place) (*pgstore.DB, error) {
		if db := opened[p]; db != nil {
			return db, nil
		}
		db, err := pgstore.Open(ctx, string(p), pgstore.Config{Migrate: true, UnsafeVolatile: cfg.unsafePG})
		if err != nil {
			return nil, err
		}
		opened[p] = db
		s.sweepers, s.closers = append(s.sweepers, db), append(s.closers, db.Close)
		return db, nil
	}
	switch {
	case cfg.store.redis():
		db, err := redisstore.Open(ctx, string(cfg.store), cfg.redis(log))
		if err != nil {
			return s, err
		}
		s.records = db
		s.checkers, s.closers = append(s.checkers, db), append(s.closers, db.Close)
	case cfg.store.postgres():
		db, err := postgres(cfg.store)
		if err != nil {
			return s, err
		}
		s.records = db
	}
	if cfg.users.postgres() {
		db, err := postgres(cfg.users)
		if err != nil {
			return s, err
		}
		s.users = db.Directory()
	}
	return s, nil
}

// close closes everything, the last opened first.
func (s *storage) close() error {
	var errs []error
	for _, closing := range slices.Backward(s.closers) {
		errs = append(errs, closing())
	}
	return errors.Join(errs...)
}

// A checker is a store whose server can lose the settings that it needs. It
// refuses all calls itself once it has found that.
type checker interface {
	Check(context.Context) error
}

// watch checks again and again until ctx is done, and tells the operator when what
// it finds changes.
func watch(ctx context.Context, db checker, every time.Duration, log *slog.Logger) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	var before string
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := db.Check(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if before != "" {
				log.Info("Redis is as it should be again")
			}
			before = ""
			continue
		case err.Error() == before:
		case errors.Is(err, redisstore.ErrVolatile), errors.Is(err, redisstore.ErrEviction):
			log.Error("Redis may forget: requests are refused until it is put right", "error", err)
		default:
			log.Error("Redis cannot be checked", "error", err)
		}
		before = err.Error()
	}
}
