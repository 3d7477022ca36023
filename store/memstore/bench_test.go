package memstore

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"hash"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"
	"unsafe"
)

var benchRecords = flag.Int("memstore.records", 1_000_000, "records in the large benchmarks")

// A hasher is the unit of the ratios: a kept HMAC-SHA256 of 55 bytes, which is
// what the check of a code costs by itself.
type hasher struct {
	mac     hash.Hash
	message [55]byte
	sum     []byte
}

func newHasher() *hasher {
	return &hasher{mac: hmac.New(sha256.New, make([]byte, 32))}
}

func (h *hasher) run(n int) time.Duration {
	start := time.Now()
	for range n {
		h.mac.Reset()
		h.mac.Write(h.message[:])
		h.sum = h.mac.Sum(h.sum[:0])
	}
	return time.Since(start)
}

// turn is how many operations are timed at once.
const turn = 2000

// ratios runs op and the hasher in turns, so that both see the same machine,
// and reports the median ratio. What prepare does is not timed.
func ratios(b *testing.B, prepare, op func(n int)) {
	h := newHasher()
	h.run(turn)
	var ratios []float64
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += turn {
		n := min(turn, b.N-done)
		b.StopTimer()
		prepare(n)
		b.StartTimer()
		start := time.Now()
		op(n)
		took := time.Since(start)
		b.StopTimer()
		ratios = append(ratios, float64(took)/float64(h.run(n)))
		b.StartTimer()
	}
	b.StopTimer()
	slices.Sort(ratios)
	b.ReportMetric(ratios[len(ratios)/2], "xHMAC")
}

// benchKeys is one string with all keys in it, so that the keys themselves add
// no pointers to what is measured.
type benchKeys struct {
	all string
}

const benchKeyLen = 24

func newBenchKeys(n int) benchKeys {
	r := rand.NewChaCha8([32]byte{1})
	raw := make([]byte, n*benchKeyLen/2)
	r.Read(raw)
	return benchKeys{hex.EncodeToString(raw)}
}

func (k benchKeys) at(i int) string { return k.all[i*benchKeyLen : (i+1)*benchKeyLen] }

const benchValueLen = 90

func filled(b *testing.B, keys benchKeys, n int) (*Store, time.Time) {
	b.Helper()
	s, err := New(Config{MaxBytes: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	expires := time.Now().Add(24 * time.Hour)
	value := make([]byte, benchValueLen)
	for i := range n {
		binary.LittleEndian.PutUint64(value, uint64(i))
		if _, swapped, err := s.CompareAndSwap(context.Background(), keys.at(i), nil, value, expires); !swapped {
			b.Fatal(err)
		}
	}
	return s, expires
}

// BenchmarkVerify is what the engine does to check a code: one Get and one
// CompareAndSwap of the record with another guess counted.
func BenchmarkVerify(b *testing.B) {
	for _, n := range []int{1000, *benchRecords} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			keys := newBenchKeys(n)
			s, expires := filled(b, keys, n)
			ctx, r := context.Background(), rand.New(rand.NewPCG(1, 2))
			runtime.GC()
			// An engine has just computed the key, so it is not for the store
			// to fetch it from memory.
			var nearby [turn * benchKeyLen]byte
			prepare := func(ops int) {
				for i := range ops {
					copy(nearby[i*benchKeyLen:], keys.at(r.IntN(n)))
				}
			}
			ratios(b, prepare, func(ops int) {
				var buffer [benchValueLen]byte
				for i := range ops {
					key := unsafe.String(&nearby[i*benchKeyLen], benchKeyLen)
					old, err := s.Get(ctx, key)
					if err != nil {
						b.Fatal(err)
					}
					copy(buffer[:], old)
					buffer[8]++
					if _, swapped, err := s.CompareAndSwap(ctx, key, old, buffer[:], expires); !swapped {
						b.Fatal("not swapped", err)
					}
				}
			})
		})
	}
}

// BenchmarkVerifyParallel is the same from all processors at once; run it with
// -cpu 1,2 to see what the second one adds.
func BenchmarkVerifyParallel(b *testing.B) {
	for _, n := range []int{1000, *benchRecords} {
		b.Run(fmt.Sprintf("records=%d", n), func(b *testing.B) {
			keys := newBenchKeys(n)
			s, expires := filled(b, keys, n)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(p *testing.PB) {
				ctx, r := context.Background(), rand.New(rand.NewPCG(rand.Uint64(), 2))
				var buffer [benchValueLen]byte
				for p.Next() {
					key := keys.at(r.IntN(n))
					old, _ := s.Get(ctx, key)
					copy(buffer[:], old)
					buffer[8]++
					s.CompareAndSwap(ctx, key, old, buffer[:], expires)
				}
			})
		})
	}
}

func BenchmarkGet(b *testing.B) {
	keys := newBenchKeys(1000)
	s, _ := filled(b, keys, 1000)
	ratios(b, func(int) {}, func(ops int) {
		for i := range ops {
			if v, err := s.Get(context.Background(), keys.at(i%1000)); v == nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	keys := newBenchKeys(1000)
	s, expires := filled(b, keys, 0)
	ratios(b, func(int) {}, func(ops int) {
		for i := range ops {
			if _, err := s.Add(context.Background(), keys.at(i%1000), 1, expires); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkChurn creates records that die, in a store where a hundred thousand
// are alive: the cost of a new record with dropping an old one.
func BenchmarkChurn(b *testing.B) {
	now := time.Now()
	s, err := New(Config{Now: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	const live = 100_000
	value, serial, key := make([]byte, benchValueLen), uint64(0), make([]byte, benchKeyLen)
	ratios(b, func(int) {}, func(ops int) {
		for range ops {
			serial++
			if serial%(live/10) == 0 {
				now = now.Add(time.Second)
			}
			key = fmt.Appendf(key[:0], "%024x", serial)
			if _, swapped, err := s.CompareAndSwap(context.Background(), string(key), nil, value, now.Add(9*time.Second)); !swapped {
				b.Fatal(err)
			}
		}
	})
	b.ReportMetric(float64(s.Len())/live, "records/live")
}

// BenchmarkGC times one whole garbage collection with the records in a Store,
// against one with the same records in a map of pointers, and reports what a
// record takes in each: everything that the heap grew by.
func BenchmarkGC(b *testing.B) {
	n := *benchRecords
	keys := newBenchKeys(n)
	collect := func(b *testing.B, fill func() any) time.Duration {
		before := heap()
		kept := fill()
		grown := heap() - before
		var times []time.Duration
		for range max(b.N, 3) {
			start := time.Now()
			runtime.GC()
			times = append(times, time.Since(start))
		}
		runtime.KeepAlive(kept)
		slices.Sort(times)
		b.ReportMetric(float64(grown)/float64(n), "B/record")
		b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "ms/GC")
		b.ReportMetric(0, "ns/op")
		return times[len(times)/2]
	}
	var pointers time.Duration
	b.Run("map", func(b *testing.B) {
		pointers = collect(b, func() any {
			type record struct {
				value   []byte
				expires time.Time
			}
			m := make(map[string]*record)
			for i := range n {
				m[string([]byte(keys.at(i)))] = &record{make([]byte, benchValueLen), time.Now()}
			}
			return m
		})
	})
	b.Run("memstore", func(b *testing.B) {
		took := collect(b, func() any {
			s, _ := filled(b, keys, n)
			b.ReportMetric(float64(s.Bytes())/float64(n), "Bytes/record")
			return s
		})
		if pointers > 0 { // both were asked for
			b.ReportMetric(float64(took)/float64(pointers), "xmap")
		}
	})
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
