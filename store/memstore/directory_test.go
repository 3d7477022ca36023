package memstore

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/passcode-go/passcode/internal/cursor"
	"github.com/passcode-go/passcode/store"
)

func testUser(id string) store.User {
	return store.User{
		ID:     id,
		Status: store.Active,
		Phones: []store.Method{{ID: "phone-" + id, Address: "+1202555" + id}},
		Emails: []store.Method{{ID: "email-" + id, Address: id + "@example.com"}},
	}
}

// While change runs, everybody else can use the directory, the user included,
// and then change sees what they did.
func TestUpdateHoldsNoLock(t *testing.T) {
	t.Parallel()
	d, ctx := NewDirectory(), t.Context()
	if err := d.Create(ctx, testUser("0001")); err != nil {
		t.Fatal(err)
	}
	runs := 0
	u, err := d.Update(ctx, "0001", func(u *store.User) error {
		runs++
		if runs == 1 {
			if _, err := d.Lookup(ctx, store.ByID, "0001"); err != nil {
				t.Error(err)
			}
			if err := d.Create(ctx, testUser("0002")); err != nil {
				t.Error(err)
			}
			if _, err := d.Update(ctx, "0001", func(u *store.User) error { u.Name.First = "Ada"; return nil }); err != nil {
				t.Error(err)
			}
		}
		u.Name.Last = "Lovelace"
		return nil
	})
	if err != nil || runs != 2 || u.Name != (store.Name{First: "Ada", Last: "Lovelace"}) {
		t.Errorf("Update = %v, %v after %d runs", u.Name, err, runs)
	}
	_, err = d.Update(ctx, "0001", func(u *store.User) error {
		if _, err := d.Delete(ctx, "0001"); err != nil {
			t.Error(err)
		}
		return nil
	})
	if !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Update of a user who was deleted meanwhile: %v", err)
	}
	func() {
		defer func() { recover() }()
		d.Update(ctx, "0002", func(*store.User) error { panic("in change") })
	}()
	if _, err := d.Delete(ctx, "0002"); err != nil {
		t.Errorf("after a panic in change: %v", err)
	}
}

func TestUpdateHeedsAContextThatEndsInChange(t *testing.T) {
	t.Parallel()
	d := NewDirectory()
	if err := d.Create(t.Context(), testUser("0001")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := d.Update(ctx, "0001", func(u *store.User) error {
		cancel()
		u.ExternalID = "changed"
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Update = %v, want context.Canceled", err)
	}
	if u, _ := d.Lookup(t.Context(), store.ByID, "0001"); u.ExternalID != "" {
		t.Error("the user was changed")
	}
}

// The maps and the list hold what the users have and nothing that they had.
func TestDirectoryKeepsNothingOld(t *testing.T) {
	t.Parallel()
	d, ctx := NewDirectory(), t.Context()
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		id := fmt.Sprintf("%04d", r.IntN(200))
		switch r.IntN(4) {
		case 0:
			d.Delete(ctx, id)
		case 1:
			d.Update(ctx, id, func(u *store.User) error {
				u.Phones[0].Address = fmt.Sprint("+4420", r.IntN(300))
				u.Emails = u.Emails[:r.IntN(len(u.Emails)+1)]
				u.ExternalID = fmt.Sprint(r.IntN(300))
				return nil
			})
		default:
			d.Create(ctx, testUser(id))
		}
	}
	values, ids := 0, []string{}
	for id, u := range d.users {
		ids = append(ids, id)
		for by, value := range u.Values {
			if by == store.ByID {
				continue
			}
			values++
			if owner := d.owners[indexed{by, value}]; owner != id {
				t.Errorf("%s %q of user %s belongs to %q", by, value, id, owner)
			}
		}
	}
	if len(d.owners) != values {
		t.Errorf("%d values are indexed, users have %d", len(d.owners), values)
	}
	slices.Sort(ids)
	if listed := slices.Collect(d.ids.after("")); !slices.Equal(listed, ids) {
		t.Errorf("%d ids are listed, there are %d users", len(listed), len(ids))
	}
}

func TestUpdatesAreNotLost(t *testing.T) {
	t.Parallel()
	d, ctx := NewDirectory(), t.Context()
	if err := d.Create(ctx, testUser("0001")); err != nil {
		t.Fatal(err)
	}
	const workers, each = 8, 100
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if _, err := d.Update(ctx, "0001", func(u *store.User) error { u.Roles = append(u.Roles, "x"); return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if u, _ := d.Lookup(ctx, store.ByID, "0001"); len(u.Roles) != workers*each {
		t.Errorf("%d updates were kept, want %d", len(u.Roles), workers*each)
	}
}

func TestCursors(t *testing.T) {
	t.Parallel()
	d, ctx := NewDirectory(), t.Context()
	for i := range 3 {
		if err := d.Create(ctx, testUser(fmt.Sprintf("%04d", i))); err != nil {
			t.Fatal(err)
		}
	}
	page, err := d.Search(ctx, store.Query{Limit: 1})
	if err != nil || page.Next == "" {
		t.Fatalf("Search = %v, %v", page, err)
	}
	// A cursor travels through URLs and logs: no address may be in it.
	if plain, err := base64.RawURLEncoding.DecodeString(page.Next); err != nil || string(plain[4:]) != "0000" {
		t.Errorf("the cursor holds %q, %v", plain, err)
	}
	good := page.Next
	for _, bad := range []string{"0000", "=", good + "=", good + "\n", good[:2] + "\r\n" + good[2:], strings.TrimSuffix(good, "A") + "B", cursor.After(""),
		base64.RawURLEncoding.EncodeToString([]byte("20000")), base64.StdEncoding.EncodeToString([]byte("1\xff\xff\xff?"))} {
		if page, err := d.Search(ctx, store.Query{Cursor: bad}); !errors.Is(err, store.ErrCursor) || page.Users != nil {
			t.Errorf("Search with the cursor %q = %d users, %v", bad, len(page.Users), err)
		}
	}
}

func TestSortedIDs(t *testing.T) {
	t.Parallel()
	for name, next := range map[string]func(r *rand.Rand, i int) string{
		"random":     func(r *rand.Rand, i int) string { return fmt.Sprintf("%08x", r.Uint32()) },
		"ascending":  func(r *rand.Rand, i int) string { return fmt.Sprintf("%08d", i) },
		"descending": func(r *rand.Rand, i int) string { return fmt.Sprintf("%08d", 1<<20-i) },
		"prefixes":   func(r *rand.Rand, i int) string { return strings.Repeat("a", r.IntN(3000)+1) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(3, 3))
			var s sortedIDs
			model := make(map[string]bool)
			check := func() {
				t.Helper()
				ids := make([]string, 0, len(model))
				for id := range model {
					ids = append(ids, id)
				}
				slices.Sort(ids)
				if !slices.Equal(slices.Collect(s.after("")), ids) {
					t.Fatal("the ids are not those of the model in order")
				}
				for _, b := range s.blocks {
					if len(b) == 0 || len(b) > blockMax {
						t.Fatalf("a block has %d ids", len(b))
					}
				}
				// A page begins where it should, whether its cursor is a member or not.
				for range 20 {
					from := next(r, r.IntN(9000))
					at, member := slices.BinarySearch(ids, from)
					if member {
						at++
					}
					for id := range s.after(from) {
						if id != ids[at] {
							t.Fatalf("after %q comes %q, want %q", from, id, ids[at])
						}
						break
					}
				}
			}
			check()
			for i := range 8000 {
				if id := next(r, i); !model[id] {
					model[id] = true
					s.insert(id)
				}
			}
			check()
			if most := len(model)/(blockMax/2) + 2; len(s.blocks) > most {
				t.Errorf("%d ids are in %d blocks, want at most %d", len(model), len(s.blocks), most)
			}
			if name == "ascending" && len(s.blocks) != len(model)/blockMax+1 {
				t.Errorf("%d ids that came in order are in %d blocks, which should be full", len(model), len(s.blocks))
			}
			left := len(model)
			for id := range model {
				if left--; left < 100 {
					break
				}
				delete(model, id)
				s.remove(id)
				if left%1000 == 0 {
					check()
				}
			}
			check()
			for id := range model {
				s.remove(id)
			}
			if len(s.blocks) != 0 {
				t.Errorf("%d blocks are left of an empty set", len(s.blocks))
			}
		})
	}
}

// BenchmarkCreate creates and deletes one more user; with a hundred times the
// users that must cost far less than a hundred times as much.
func BenchmarkCreate(b *testing.B) {
	for _, n := range []int{1000, 100_000} {
		b.Run(fmt.Sprintf("users=%d", n), func(b *testing.B) {
			d, r := NewDirectory(), rand.New(rand.NewPCG(1, 1))
			for range n {
				if err := d.Create(b.Context(), testUser(fmt.Sprintf("%016x", r.Uint64()))); err != nil {
					b.Fatal(err)
				}
			}
			for b.Loop() {
				id := fmt.Sprintf("%016x", r.Uint64())
				if err := d.Create(b.Context(), testUser(id)); err != nil {
					b.Fatal(err)
				}
				if _, err := d.Delete(b.Context(), id); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
