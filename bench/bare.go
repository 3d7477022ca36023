package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.etcd.io/bbolt"
)

// A bare is a bbolt file with as many values as there are codes, and nothing
// of ours above it: the other side of boltstore's ratio.
type bare struct {
	db   *bbolt.DB
	keys []string
}

var bucket = []byte("values")

// keySize and valueSize are those of the record of a pending code in
// boltstore; a test of this package compares them.
const (
	keySize   = 24
	valueSize = 8 + 64
)

func openBare(ctx context.Context, p plan, n int) (*bare, error) {
	db, err := bbolt.Open(filepath.Join(p.dir, fmt.Sprintf("bare-%d.db", n)), 0o600, &bbolt.Options{
		NoFreelistSync: true, FreelistType: bbolt.FreelistMapType,
	})
	if err != nil {
		return nil, err
	}
	b := &bare{db: db, keys: make([]string, n)}
	for i := range b.keys {
		var random [keySize * 3 / 4]byte
		rand.Read(random[:])
		b.keys[i] = base64.RawURLEncoding.EncodeToString(random[:])
	}
	sorted := slices.Sorted(slices.Values(b.keys))
	for batch := range slices.Chunk(sorted, 10_000) {
		if ctx.Err() != nil {
			return b, ctx.Err()
		}
		err := db.Update(func(tx *bbolt.Tx) error {
			values, err := tx.CreateBucketIfNotExists(bucket)
			if err != nil {
				return err
			}
			for _, key := range batch {
				if err := values.Put([]byte(key), make([]byte, valueSize)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return b, err
		}
	}
	return b, nil
}

func (b *bare) close() error { return b.db.Close() }

// measure changes values at random keys, one Update each. It does a quarter
// of the operations, which take so much longer.
func (b *bare) measure(ctx context.Context, callers, ops int) (timing, error) {
	ops = max(ops/4, min(ops, 1000))
	return timed(callers, ops, func(from, to int, sample func(time.Duration), _ int) error {
		for range to - from {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			key := []byte(b.keys[mathrand.IntN(len(b.keys))])
			began := time.Now()
			err := b.db.Update(func(tx *bbolt.Tx) error {
				values := tx.Bucket(bucket)
				old := values.Get(key)
				changed := bytes.Clone(old)
				changed[len(changed)-1]++
				return values.Put(key, changed)
			})
			if err != nil {
				return err
			}
			sample(time.Since(began))
		}
		return nil
	})
}

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
