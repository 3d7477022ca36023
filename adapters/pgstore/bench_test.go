package pgstore

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkSwap measures swaps by concurrent callers, each of rows of its own,
// beside a bare loop of one UPDATE for each swap, over the same pool, table and
// setting (synchronous_commit=on). "x-bare" is the ratio of their rates: both
// take turns within one run, so that what else the machine does hits both.
//
//	go test -run '^$' -bench Swap ./adapters/pgstore
func BenchmarkSwap(b *testing.B) {
	for _, callers := range []int{1, 4, 16, 64, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) { benchmarkSwap(b, callers) })
	}
}

func benchmarkSwap(b *testing.B, callers int) {
	const keys, size = 32, 100 // of each caller; bytes in a value
	db := openDB(b, server(b).URL()+"&pool_max_conns=64", Config{Schema: newName(), Migrate: true})
	ctx, expires := b.Context(), time.Now().Add(time.Hour).Truncate(time.Second)

	bare := db.schema.sql("UPDATE passcode.records SET value = $3, expires = $4 WHERE key = $1 AND value = $2")
	type record struct {
		key   string
		value []byte
		n     uint64
	}
	all := make([][]record, callers)
	var wg sync.WaitGroup
	for c := range all {
		all[c] = make([]record, keys)
		wg.Go(func() {
			for i := range all[c] {
				r := record{key: fmt.Sprintf("subject/%08d/%08d", c, i), value: make([]byte, size)}
				if _, _, err := db.CompareAndSwap(ctx, r.key, nil, r.value, expires); err != nil {
					b.Error(err)
				}
				all[c][i] = r
			}
		})
	}
	wg.Wait()
	exec(b, db, "VACUUM ANALYZE passcode.records")

	// run makes n swaps and returns how long they took.
	run := func(n int, swap func(key string, old, new []byte) (bool, error)) time.Duration {
		var left atomic.Int64
		left.Store(int64(n))
		var wg sync.WaitGroup
		begin := time.Now()
		for c := range all {
			wg.Go(func() {
				for i := 0; left.Add(-1) >= 0; i++ {
					r := &all[c][i%keys]
					r.n++
					next := binary.BigEndian.AppendUint64(make([]byte, 0, size), r.n)[:size]
					swapped, err := swap(r.key, r.value, next)
					if err != nil || !swapped {
						b.Errorf("swapped %t, %v", swapped, err)
						return
					}
					r.value = next
				}
			})
		}
		wg.Wait()
		return time.Since(begin)
	}
	plain := func(key string, old, new []byte) (bool, error) {
		tag, err := db.pool.Exec(ctx, bare, key, old, new, expires)
		return tag.RowsAffected() == 1, err
	}
	grouped := func(key string, old, new []byte) (bool, error) {
		_, swapped, err := db.CompareAndSwap(ctx, key, old, new, expires)
		return swapped, err
	}

	share := max(callers, 64) * 8
	run(share, plain)
	run(share, grouped)
	b.ResetTimer()
	var took [2]time.Duration
	n := 0
	for n < b.N {
		took[0] += run(share, plain)
		took[1] += run(share, grouped)
		n += share
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(n)/took[0].Seconds(), "bare/s")
	b.ReportMetric(float64(n)/took[1].Seconds(), "swaps/s")
	b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "x-bare")
}
