package storetest

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/passcode-go/passcode/store"
)

// What many callers of a directory see at once.
var directoryRaceProperties = []directoryProperty{
	{"OneCreateWins", oneCreateWins},
	{"OneUpdateWins", oneUpdateWins},
	{"AddressesMakeALock", addressesMakeALock},
	{"NoLostUserUpdate", noLostUserUpdate},
	{"ReadersSeeWholeUsers", readersSeeWholeUsers},
}

// shares are the ways in which racers ask for one value; all else about them
// differs.
var shares = []struct {
	by    store.Index
	value string
	ask   func(u *store.User)
}{
	{store.ByPhone, "shared-phone", func(u *store.User) { u.Phones[1].Address = "shared-phone" }},
	{store.ByEmail, "shared-email", func(u *store.User) { u.Emails[0].Address = "shared-email" }},
	{store.ByExternalID, "shared-external", func(u *store.User) { u.ExternalID = "shared-external" }},
	{store.ByMethod, "shared-method", func(u *store.User) { u.Emails[0].ID = "shared-method" }},
	{store.ByID, "shared-id", func(u *store.User) { u.ID = "shared-id" }},
}

func oneCreateWins(t *directoryProbe) {
	const racers = 64
	began := time.Now()
	for n := 0; t.more(began, n, len(shares)); n++ {
		share := shares[n%len(shares)]
		users := make([]store.User, racers)
		errs := make([]error, racers)
		for i := range users {
			users[i] = person(fmt.Sprintf("racer%02d", i))
			share.ask(&users[i])
		}
		t.race(racers, func(i int) { errs[i] = t.d.Create(t.ctx, users[i]) })
		winner := t.oneWinner(share.by, users, errs)
		for i, u := range users {
			if i == winner {
				t.want(u)
				continue
			}
			for by, value := range u.Values {
				if by != share.by || value != share.value {
					t.free(by, value)
				}
			}
		}
		if _, err := t.d.Delete(t.ctx, users[winner].ID); err != nil {
			t.Fatalf("Delete: %v", err)
		}
		t.gone(users[winner])
	}
}

func oneUpdateWins(t *directoryProbe) {
	const racers = 16
	before := make([]store.User, racers)
	for i := range before {
		before[i] = person(fmt.Sprintf("racer%02d", i))
	}
	t.race(racers, func(i int) { t.create(before[i]) })
	began := time.Now()
	for n := 0; t.more(began, n, len(shares)); n++ {
		share := shares[n%len(shares)]
		if share.by == store.ByID {
			continue // an update cannot change it
		}
		errs := make([]error, racers)
		t.race(racers, func(i int) {
			_, errs[i] = t.d.Update(t.ctx, before[i].ID, func(u *store.User) error { share.ask(u); return nil })
		})
		winner := t.oneWinner(share.by, before, errs)
		for i, u := range before {
			if i == winner {
				u = u.Clone()
				share.ask(&u)
			}
			t.want(u)
		}
		t.update(before[winner].ID, func(u *store.User) { *u = before[winner].Clone() })
		t.free(share.by, share.value)
	}
}

// oneWinner returns which of the calls succeeded. The rest must have been told
// who has the value.
func (t *directoryProbe) oneWinner(by store.Index, users []store.User, errs []error) int {
	t.Helper()
	winner := slices.Index(errs, nil)
	if winner < 0 {
		t.Fatalf("of %d racers for one %s none succeeded: %v", len(errs), by, errs[0])
	}
	for i, err := range errs {
		if i == winner {
			continue
		}
		if err == nil {
			t.Fatalf("two users got the same %s", by)
		}
		t.taken("a lost race", err, by, users[winner].ID)
	}
	return winner
}

// addressesMakeALock moves addresses between users: who has one holds a lock.
func addressesMakeALock(t *directoryProbe) {
	const users, addresses, each = 8, 3, 6
	began := time.Now()
	id := func(i int) string { return fmt.Sprintf("mover%d", i) }
	t.race(users, func(i int) { t.create(store.User{ID: id(i)}) })
	var holders [addresses]atomic.Int64
	t.race(users, func(i int) {
		for n := 0; t.more(began, n, each); {
			at := (i + n) % addresses
			address := fmt.Sprintf("address%d", at)
			_, err := t.d.Update(t.ctx, id(i), func(u *store.User) error {
				u.Phones = []store.Method{{ID: "p-" + address, Address: address}}
				u.Emails = []store.Method{{ID: "e-" + address, Address: address}}
				return nil
			})
			if errors.Is(err, store.ErrTaken) {
				continue
			}
			if err != nil {
				t.Fatalf("Update: %v", err)
			}
			if !holders[at].CompareAndSwap(0, int64(i)+1) {
				t.Fatalf("two users got the same address")
			}
			for range 3 {
				runtime.Gosched() // to others who think that they have it
				for _, by := range []store.Index{store.ByPhone, store.ByEmail} {
					if u := t.lookup(by, address); u.ID != id(i) {
						t.Fatalf("Lookup returned user %q while %q had the address", u.ID, id(i))
					}
				}
			}
			holders[at].Store(0)
			t.update(id(i), func(u *store.User) { u.Phones, u.Emails = nil, nil })
			n++
		}
	})
	for at := range addresses {
		address := fmt.Sprintf("address%d", at)
		t.free(store.ByPhone, address)
		t.free(store.ByEmail, address)
		t.free(store.ByMethod, "p-"+address)
	}
}

// noLostUserUpdate lets writers count in one user, each in its own place.
func noLostUserUpdate(t *directoryProbe) {
	const writers, each = 16, 4
	began := time.Now()
	t.create(store.User{ID: "someone", Roles: slices.Repeat([]string{"0"}, writers)})
	var updates [writers]int
	t.race(writers, func(i int) {
		for n := 0; t.more(began, n, each); n++ {
			var next string
			u := t.update("someone", func(u *store.User) {
				count, _ := strconv.Atoi(u.Roles[i])
				next = strconv.Itoa(count + 1)
				u.Roles[i] = next
			})
			if u.Roles[i] != next {
				t.Fatalf("Update changed %s and returned %s", next, u.Roles[i])
			}
			updates[i]++
		}
	})
	for i, counted := range t.lookup(store.ByID, "someone").Roles {
		if counted != strconv.Itoa(updates[i]) {
			t.Fatalf("writer %d made %d updates, the user counts %s", i, updates[i], counted)
		}
	}
}

// readersSeeWholeUsers: a reader sees all of an update or nothing of it, and
// what was finished before it began.
func readersSeeWholeUsers(t *directoryProbe) {
	const versions, readers = 40, 5
	began := time.Now()
	version := func(n int64) string { return fmt.Sprintf("version%08d", n) }
	t.create(store.User{ID: "someone", ExternalID: version(0), Roles: []string{version(0)}})
	var begun, finished atomic.Int64
	var done atomic.Bool
	t.race(1+readers, func(i int) {
		if i == 0 {
			defer done.Store(true)
			for n := 1; t.more(began, n, versions); n++ {
				now := version(int64(n))
				begun.Store(int64(n))
				t.update("someone", func(u *store.User) { u.ExternalID, u.Roles = now, []string{now} })
				finished.Store(int64(n))
			}
			return
		}
		for !done.Load() {
			t.alive()
			atLeast := finished.Load()
			u := t.lookup(store.ByID, "someone")
			atMost := begun.Load()
			if len(u.Roles) != 1 || u.Roles[0] != u.ExternalID || u.ExternalID < version(atLeast) || u.ExternalID > version(atMost) {
				t.Fatalf("a reader saw %q and %q while %d to %d were current", u.ExternalID, u.Roles, atLeast, atMost)
			}
			asked := version(finished.Load())
			if u, err := t.d.Lookup(t.ctx, store.ByExternalID, asked); err == nil && u.ExternalID != asked {
				t.Fatalf("Lookup of the external id %q returned a user with %q", asked, u.ExternalID)
			} else if err != nil && !errors.Is(err, store.ErrNotFound) {
				t.Fatalf("Lookup: %v", err)
			}
		}
	})
}
