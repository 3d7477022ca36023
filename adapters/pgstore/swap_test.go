package pgstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/passcode-go/passcode/internal/group"
)

var expires = time.Now().Add(time.Hour).Truncate(time.Second)

// mustSwap swaps and fails the test if it loses.
func mustSwap(t testing.TB, db *DB, key string, old, new []byte) {
	t.Helper()
	current, swapped, err := db.CompareAndSwap(t.Context(), key, old, new, expires)
	if err != nil || !swapped || current != nil {
		t.Fatalf("CompareAndSwap(%s) = %q, %t, %v; want swapped", key, current, swapped, err)
	}
}

// wantValue fails the test if the value at key is another one; nil is none.
func wantValue(t testing.TB, db *DB, key string, want []byte) {
	t.Helper()
	got, err := db.Get(context.Background(), key)
	if err != nil || !same(got, want) {
		t.Errorf("Get(%s) = %q, %v; want %q", key, got, err, want)
	}
}

// A tally counts what is sent to the server.
type tally struct{ statements, batches atomic.Int64 }

func (c *tally) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.statements.Add(1)
	return ctx
}
func (c *tally) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}
func (c *tally) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	c.batches.Add(1)
	return ctx
}
func (c *tally) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}
func (c *tally) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData)     {}

// testTally opens a new schema and counts what is sent from then on.
func testTally(t *testing.T) (*DB, *tally) {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(server(t).URL())
	if err != nil {
		t.Fatal(err)
	}
	sent := new(tally)
	cfg.ConnConfig.Tracer = sent
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	db, err := New(t.Context(), pool, Config{Schema: newName(), Migrate: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { exec(t, db, "DROP SCHEMA "+db.schema.quoted()+" CASCADE") })
	sent.statements.Store(0)
	return db, sent
}

// want fails the test unless so many statements and batches were sent since the
// last call.
func (c *tally) want(t *testing.T, what string, statements, batches int64) {
	t.Helper()
	if s, b := c.statements.Swap(0), c.batches.Swap(0); s != statements || b != batches {
		t.Errorf("%s sent %d statements and %d batches, want %d and %d", what, s, b, statements, batches)
	}
}

// A lone caller pays for one statement, and for one more to learn what was
// found when a swap is refused.
func TestLoneCaller(t *testing.T) {
	t.Parallel()
	db, sent := testTally(t)
	a, b := []byte("a"), []byte("b")
	mustSwap(t, db, "key", nil, a)
	sent.want(t, "a creation", 1, 0)
	mustSwap(t, db, "key", a, b)
	sent.want(t, "an update", 1, 0)
	for _, old := range [][]byte{nil, a} {
		if current, swapped, err := db.CompareAndSwap(t.Context(), "key", old, a, expires); swapped || err != nil || !same(current, b) {
			t.Errorf("%q, %t, %v", current, swapped, err)
		}
		sent.want(t, "a refused swap", 2, 0)
	}
	wantValue(t, db, "key", b)
	sent.want(t, "a read", 1, 0)
	mustSwap(t, db, "key", b, nil)
	sent.want(t, "a deletion", 1, 0)
	mustSwap(t, db, "key", nil, nil)
	sent.want(t, "a swap of nothing by nothing", 1, 0)
	if _, err := db.Add(t.Context(), "key", 1, expires); err != nil {
		t.Fatal(err)
	}
	sent.want(t, "an addition", 1, 0)
}

func TestTurns(t *testing.T) {
	t.Parallel()
	db, sent := testTally(t)
	v := func(s string) []byte { return []byte(s) }
	mustSwap(t, db, "k", nil, v("a"))
	mustSwap(t, db, "l", nil, v("x"))
	mustSwap(t, db, "m", nil, v("t"))
	sent.want(t, "filling", 3, 0)
	batch := []*swap{
		{key: "m", old: v("t"), new: v("t")}, // swaps
		{key: "k", old: v("a"), new: v("b")}, // swaps
		{key: "l", old: v("a"), new: v("b")}, // refused by the server
		{key: "k", old: v("a"), new: v("c")}, // refuted by the first of k
		{key: "k", old: v("b"), new: v("d")}, // swaps in a second turn
		{key: "l", old: v("a"), new: v("c")}, // refuted by the first of l
		{key: "l", old: v("x"), new: v("y")}, // swaps in a second turn
		{key: "m", old: v("t"), new: v("t")}, // swaps in a second turn
		{key: "k", old: v("b"), new: v("e")}, // refuted by the second turn
	}
	for _, s := range batch {
		s.expires = expires
	}
	all := append([]*swap{}, batch...)
	if err := db.swapper(updateKind)(batch, nil); err != nil {
		t.Fatal(err)
	}
	sent.want(t, "two turns", 0, 2)
	// Callers use their slices again as soon as they have their answer
	all[1].new = append(all[1].new[:0], '?')
	all[4].new = append(all[4].new[:0], '?')
	for i, want := range []struct {
		swapped bool
		current []byte
	}{{true, nil}, {true, nil}, {false, nil}, {false, v("b")}, {true, nil}, {false, nil}, {true, nil}, {true, nil}, {false, v("d")}} {
		if s := all[i]; s.err != nil || s.swapped != want.swapped || !same(s.current, want.current) || s.known != (want.current != nil) {
			t.Errorf("swap %d: swapped %t, known %t, current %q, %v", i, s.swapped, s.known, s.current, s.err)
		}
	}
	wantValue(t, db, "k", v("d"))
	wantValue(t, db, "l", v("y"))
	wantValue(t, db, "m", v("t"))

	// Of creations of one key the first is the one; of deletions, too.
	creations := []*swap{{key: "n", new: v("1"), expires: expires}, {key: "n", new: v("2"), expires: expires}, {key: "o", new: v("3"), expires: expires}}
	if err := db.swapper(createKind)(creations, nil); err != nil || !creations[0].swapped || creations[1].swapped || !same(creations[1].current, v("1")) || !creations[2].swapped {
		t.Errorf("creations: %v, %+v", err, creations[1])
	}
	deletions := []*swap{{key: "n", old: v("1")}, {key: "n", old: v("1")}, {key: "o", old: v("2")}}
	if err := db.swapper(deleteKind)(deletions, nil); err != nil || !deletions[0].swapped || deletions[1].swapped || !deletions[1].known || deletions[1].current != nil || deletions[2].swapped {
		t.Errorf("deletions: %v, %+v", err, deletions[1])
	}
	sent.want(t, "creations and deletions", 3, 2) // and three reads
}

// Batches of random swaps of few keys must be such as would have come about if
// the swaps had been made one after the other.
func TestTurnsHaveAnOrder(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	const keys, values = 3, 3
	now := make([][]byte, keys)
	for k := range keys {
		now[k] = []byte("0")
		mustSwap(t, db, fmt.Sprint(k), nil, now[k])
	}
	for range 60 {
		var batch []*swap
		for range 1 + rand.N(8) {
			batch = append(batch, &swap{
				key: fmt.Sprint(rand.N(keys)), old: fmt.Append(nil, rand.N(values)), new: fmt.Append(nil, rand.N(values)), expires: expires,
			})
		}
		if err := db.swapper(updateKind)(batch, nil); err != nil {
			t.Fatal(err)
		}
		for k := range keys {
			held := [][]byte{now[k]} // what the key held, one after the other
			for _, s := range batch {
				if s.key != fmt.Sprint(k) || !s.swapped {
					continue
				}
				if !same(s.old, held[len(held)-1]) {
					t.Fatalf("%s: swapped %q for %q when it was %q", s.key, s.old, s.new, held[len(held)-1])
				}
				held = append(held, s.new)
			}
			for _, s := range batch {
				if s.key != fmt.Sprint(k) || s.swapped {
					continue
				}
				was := func(v []byte) bool { return !same(v, s.old) && (!s.known || same(v, s.current)) }
				possible := false
				for _, v := range held {
					possible = possible || was(v)
				}
				if !possible || s.err != nil {
					t.Fatalf("%s held %q, yet a swap of %q was refused, current %q, %v", s.key, held, s.old, s.current, s.err)
				}
			}
			now[k] = held[len(held)-1]
			wantValue(t, db, fmt.Sprint(k), now[k])
		}
	}
}

// What fails when the server commits has failed, although the server has said
// before that the row was changed.
func TestFailureOfTheCommit(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	for _, table := range storeTables {
		exec(t, db, `CREATE FUNCTION passcode.refuse_`+table+`() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF to_jsonb(NEW)->>'key' LIKE 'poison%' THEN RAISE EXCEPTION 'no'; END IF; RETURN NULL; END $$`,
			`CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON passcode.`+table+`
			DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION passcode.refuse_`+table+`()`)
	}
	a, b := []byte("a"), []byte("b")
	exec(t, db, "ALTER TABLE passcode.records DISABLE TRIGGER refuse")
	mustSwap(t, db, "poison", nil, a)
	mustSwap(t, db, "other", nil, a)
	exec(t, db, "ALTER TABLE passcode.records ENABLE TRIGGER refuse")

	failed := func(what string, err error) {
		t.Helper()
		var e *Error
		if !errors.As(err, &e) || e.Code != "P0001" {
			t.Errorf("%s: %v, want the error of the commit", what, err)
		}
	}
	_, swapped, err := db.CompareAndSwap(t.Context(), "poison", a, b, expires)
	failed("one update", err)
	if swapped {
		t.Error("and yet swapped")
	}
	batch := []*swap{{key: "other", old: a, new: b, expires: expires}, {key: "poison", old: a, new: b, expires: expires}}
	if err := db.swapper(updateKind)(batch, nil); err != nil {
		t.Fatal(err)
	}
	for _, s := range batch {
		failed("one of two updates", s.err)
		if s.swapped {
			t.Error("and yet swapped")
		}
	}
	_, err = db.Add(t.Context(), "poison", 1, expires)
	failed("one addition", err)
	err = db.adder()([]*add{{key: "other", delta: 1, expires: expires}, {key: "poison", delta: 1, expires: expires}}, nil)
	failed("two additions", err)
	wantValue(t, db, "poison", a)
	wantValue(t, db, "other", a)
	if sum, err := db.Add(t.Context(), "other", 0, expires); sum != 0 || err != nil {
		t.Errorf("the counter is %d, %v", sum, err)
	}
}

// A swap that lost to a change which was itself undone by the time the value is
// read must not return its own old value as what it found.
func TestOldAgainIsTriedAgain(t *testing.T) {
	t.Parallel()
	db, sent := testTally(t)
	a, b := []byte("a"), []byte("b")
	mustSwap(t, db, "key", nil, b)
	// Between the refused update and the read the value becomes a.
	read := db.getter()
	db.gets = group.New(maxBatch, func(batch []*get, more func() []*get) error {
		exec(t, db, "UPDATE passcode.records SET value = 'a'")
		return read(batch, more)
	})
	sent.want(t, "a creation", 1, 0)
	current, swapped, err := db.CompareAndSwap(t.Context(), "key", a, []byte("c"), expires)
	if err != nil || !swapped || current != nil {
		t.Errorf("%q, %t, %v; want swapped", current, swapped, err)
	}
	sent.want(t, "update, read (and what came in between), update", 4, 0)
}

func TestLargestValues(t *testing.T) {
	t.Parallel()
	db := testDB(t, Config{})
	large := bytes.Repeat([]byte{0, 0xff, '\''}, 64*1024/3)
	mustSwap(t, db, "large", nil, large)
	batch := []*swap{{key: "large", old: large, new: large[1:], expires: expires}, {key: "none", old: large, new: large, expires: expires}}
	if err := db.swapper(updateKind)(batch, nil); err != nil || !batch[0].swapped || batch[1].swapped {
		t.Errorf("%v", err)
	}
	wantValue(t, db, "large", large[1:])
}
