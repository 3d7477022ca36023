package boltstore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
)

// BenchmarkSwap measures what the engine does to check a code: a Get and a
// CompareAndSwap of a record of 90 bytes under a random key. In every round
// the same is done with one bare db.Update of a plain bucket in a file opened
// with the same options, and only the ratios say anything:
//
//	x-update    checks per second, over those with a db.Update each
//	p50-ratio   median time of a check, over that with a db.Update
func BenchmarkSwap(b *testing.B) {
	for _, records := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("records=%d", records), func(b *testing.B) {
			if records > 10_000 && testing.Short() {
				b.Skip("takes half a minute")
			}
			keys := benchKeys(records)
			ours, bare := benchStore(b, keys), benchBare(b, keys)
			for _, callers := range []int{1, 64, 256} {
				b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
					compare(b, keys, callers, ours, bare)
				})
			}
		})
	}
}

const benchValue = 90

// benchKeys returns random keys of 24 bytes in order.
func benchKeys(n int) []string {
	rng := rand.NewChaCha8([32]byte{1})
	keys := make([]string, n)
	var raw [18]byte
	for i := range keys {
		rng.Read(raw[:])
		keys[i] = base64.RawURLEncoding.EncodeToString(raw[:])
	}
	slices.Sort(keys)
	return keys
}

// A check is one code check of the key.
type check func(key string) error

func benchStore(b *testing.B, keys []string) check {
	db, err := Open(b.Context(), filepath.Join(b.TempDir(), "db"), Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	day := time.Now().Add(24 * time.Hour)
	fill(b, db.bolt, keys, bucketRecords, func(bkt *bolt.Bucket, i int) error {
		record := make([]byte, headerSize+benchValue)
		setHeader(record, benchExpiry(day, i), benchExpiry(day, i))
		return bkt.Put([]byte(keys[i]), record)
	})
	entries := make([]string, len(keys))
	for i, key := range keys {
		entries[i] = string(entry(benchExpiry(day, i), kindRecord, []byte(key)))
	}
	slices.Sort(entries)
	fill(b, db.bolt, entries, bucketExpiry, func(bkt *bolt.Bucket, i int) error {
		return bkt.Put([]byte(entries[i]), nil)
	})
	ctx := context.Background()
	return func(key string) error {
		old, err := db.Get(ctx, key)
		if err != nil {
			return err
		}
		_, _, err = db.CompareAndSwap(ctx, key, old, next(old), day)
		return err
	}
}

func benchBare(b *testing.B, keys []string) check {
	name := filepath.Join(b.TempDir(), "bare")
	db, err := openBolt(name, false, os.OpenFile)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	bucket := []byte("records")
	fill(b, db, keys, bucket, func(bkt *bolt.Bucket, i int) error {
		return bkt.Put([]byte(keys[i]), make([]byte, benchValue))
	})
	return func(key string) error {
		return db.Update(func(tx *bolt.Tx) error {
			bkt := tx.Bucket(bucket)
			old := bkt.Get([]byte(key))
			if bytes.Equal(old, nil) {
				return fmt.Errorf("no record")
			}
			return bkt.Put([]byte(key), next(old))
		})
	}
}

// next returns a value that follows old.
func next(old []byte) []byte {
	new := bytes.Clone(old)
	binary.BigEndian.PutUint64(new, binary.BigEndian.Uint64(old)+1)
	return new
}

// benchFill is how full pages are after random insertions.
const benchFill = 0.7

// fill calls put for each of the sorted keys, in a few transactions, and
// flushes at the end.
func fill(b *testing.B, db *bolt.DB, keys []string, bucket []byte, put func(bkt *bolt.Bucket, i int) error) {
	db.NoSync = true
	defer func() { db.NoSync = false }()
	const atOnce = 50_000
	for from := 0; from < len(keys); from += atOnce {
		err := db.Update(func(tx *bolt.Tx) error {
			bkt, err := tx.CreateBucketIfNotExists(bucket)
			if err != nil {
				return err
			}
			bkt.FillPercent = benchFill
			for i := from; i < min(from+atOnce, len(keys)); i++ {
				if err := put(bkt, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Sync(); err != nil {
		b.Fatal(err)
	}
}

// benchExpiry spreads records over a day before the end of it.
func benchExpiry(day time.Time, i int) minute {
	return minuteAfter(day.Add(-time.Duration(i%1000) * time.Minute))
}

// compare runs rounds of both and reports the medians.
func compare(b *testing.B, keys []string, callers int, ours, bare check) {
	const rounds, span = 15, 150 * time.Millisecond
	var rate, bareRate, gain, latency []float64
	for i := range rounds + 1 {
		n, p50 := load(b, keys, callers, span, ours)
		bareN, bareP50 := load(b, keys, callers, span, bare)
		if i == 0 {
			continue // warm-up
		}
		rate, bareRate = append(rate, n), append(bareRate, bareN)
		gain = append(gain, n/bareN)
		latency = append(latency, float64(p50)/float64(bareP50))
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(rate), "checks/s")
	b.ReportMetric(median(bareRate), "updates/s")
	b.ReportMetric(median(gain), "x-update")
	b.ReportMetric(median(latency), "p50-ratio")
}

// load has callers check random keys for a while, and returns how many checks
// there were in a second and the median time of one.
func load(b *testing.B, keys []string, callers int, span time.Duration, f check) (perSecond float64, p50 time.Duration) {
	var stop atomic.Bool
	times := make([][]time.Duration, callers)
	var wg sync.WaitGroup
	start := time.Now()
	for c := range callers {
		wg.Go(func() {
			for !stop.Load() {
				begin := time.Now()
				if err := f(keys[rand.IntN(len(keys))]); err != nil {
					b.Error(err)
					return
				}
				times[c] = append(times[c], time.Since(begin))
			}
		})
	}
	<-time.After(span)
	stop.Store(true)
	wg.Wait()
	all := slices.Concat(times...)
	took := time.Since(start)
	slices.Sort(all)
	return float64(len(all)) / took.Seconds(), all[len(all)/2]
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}
