package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/passcode-go/passcode/internal/servertest"
)

// BenchmarkSwap compares CompareAndSwap of records of 90 bytes with a bare loop
// of the same script through the same client. Each caller swaps a key of its own
// over and over. Only the ratios say anything:
//
//	x-bare    swaps per second, over those of the bare loop
//	x-plain   with Fence: over those without
func BenchmarkSwap(b *testing.B) {
	server := servertest.Redis(b)
	plain := openAt(b, server.URL(), Config{UnsafeVolatile: true})
	fenced := openAt(b, server.URL(), Config{UnsafeVolatile: true, Fence: true})
	for _, callers := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			const rounds, span = 15, 150 * time.Millisecond
			var rate, ratio, fence []float64
			for i := range rounds + 1 {
				ours := load(b, callers, span, swaps(plain))
				bare := load(b, callers, span, bareSwaps(plain))
				slower := load(b, callers, span, swaps(fenced))
				if i == 0 {
					continue // warm-up
				}
				rate, ratio, fence = append(rate, ours), append(ratio, ours/bare), append(fence, slower/ours)
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(median(rate), "swaps/s")
			b.ReportMetric(median(ratio), "x-bare")
			b.ReportMetric(median(fence), "x-plain")
		})
	}
}

// A swapper swaps the value at key from old, nil at first, to new.
type swapper func(key string, old, new []byte) error

func swaps(s *Store) swapper {
	until := later()
	return func(key string, old, new []byte) error {
		_, swapped, err := s.CompareAndSwap(context.Background(), key, old, new, until)
		if err == nil && !swapped {
			err = fmt.Errorf("not swapped")
		}
		return err
	}
}

func bareSwaps(s *Store) swapper {
	return func(key string, old, new []byte) error {
		how := "replace"
		if old == nil {
			how = "create"
		}
		n, err := s.swap.Exec(context.Background(), s.client, []string{key}, []string{how, "3600000", string(new), string(old)}).ToInt64()
		if err == nil && n != 1 {
			err = fmt.Errorf("not swapped")
		}
		return err
	}
}

var benchRuns atomic.Int64

// load has callers swap for a while, and returns how many swaps there were in a
// second.
func load(b *testing.B, callers int, span time.Duration, swap swapper) float64 {
	run := strconv.FormatInt(benchRuns.Add(1), 36)
	var stop atomic.Bool
	var total atomic.Int64
	var running sync.WaitGroup
	began := time.Now()
	for i := range callers {
		running.Go(func() {
			key := fmt.Sprintf("bench/%s/%d", run, i)
			var old []byte
			for n := uint64(1); !stop.Load(); n++ {
				new := make([]byte, 90)
				binary.BigEndian.PutUint64(new, n)
				if err := swap(key, old, new); err != nil {
					b.Error(err)
					return
				}
				old = new
				total.Add(1)
			}
		})
	}
	<-time.After(span)
	stop.Store(true)
	running.Wait()
	return float64(total.Load()) / time.Since(began).Seconds()
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return x[len(x)/2]
}
