package pgstore

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// Sums must be those of Go's int64, alone and in a batch, and those of one
// counter as if its additions had been made one after the other.
func TestSums(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	edges := []int64{0, 1, -1, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1, 1 << 62, -1 << 62}
	want := make(map[string]int64)
	for round := range 40 {
		var batch []*add
		for range 1 + rand.N(12) {
			delta := edges[rand.N(len(edges))]
			if rand.N(2) == 0 {
				delta = int64(rand.Uint64())
			}
			batch = append(batch, &add{key: fmt.Sprint(rand.N(3)), delta: delta, expires: expires})
		}
		if err := db.adder()(batch, nil); err != nil {
			t.Fatal(err)
		}
		for _, a := range batch { // sorted by key, those of one key in the order of arrival
			if want[a.key] += a.delta; a.sum != want[a.key] {
				t.Fatalf("round %d: %s is %d after %d was added, want %d", round, a.key, a.sum, a.delta, want[a.key])
			}
		}
	}
	for _, from := range edges {
		for _, delta := range edges {
			key := fmt.Sprintf("%d/%d", from, delta)
			db.Add(t.Context(), key, from, expires)
			if sum, err := db.Add(t.Context(), key, delta, expires); sum != from+delta || err != nil {
				t.Errorf("%d + %d = %d, %v; want %d", from, delta, sum, err, from+delta)
			}
		}
	}
}

// Additions to one counter are one row of one statement.
func TestAdditionsToOneCounter(t *testing.T) {
	t.Parallel()
	db, sent := testTally(t)
	var batch []*add
	for i := range 100 {
		batch = append(batch, &add{key: "spent", delta: 1, expires: expires.Add(time.Duration(i) * time.Minute)})
	}
	if err := db.adder()(batch, nil); err != nil {
		t.Fatal(err)
	}
	sent.want(t, "a batch for one counter", 1, 0)
	var until time.Time
	if err := db.pool.QueryRow(t.Context(), db.schema.sql("SELECT expires FROM passcode.counters")).Scan(&until); err != nil {
		t.Fatal(err)
	}
	if last := batch[99].expires; !until.Equal(last) {
		t.Errorf("expires %v, want that of the last, %v", until, last)
	}
}
