package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// everyKind fails every third call, in every way.
func everyKind(c Call) Fault {
	if c.N%3 != 0 {
		return None
	}
	return []Fault{Before, After}[c.N/3%2]
}

func TestFaultyReferencePasses(t *testing.T) {
	t.Parallel()
	RunFaulty(t, func(_ *testing.T, now func() time.Time) store.Store {
		return NewFaulty(newReference(now, ""), everyKind)
	})
}

// A careless store stands before one that fails and deals with that in a wrong
// way.
type careless struct {
	*Faulty
	flaw  string
	right store.Store
}

func (s *careless) CompareAndSwap(ctx context.Context, key string, old, new []byte, expires time.Time) ([]byte, bool, error) {
	current, swapped, err := s.Faulty.CompareAndSwap(ctx, key, old, new, expires)
	if errors.Is(err, ErrInjected) {
		switch s.flaw {
		case "sends swaps again":
			return s.right.CompareAndSwap(ctx, key, old, new, expires)
		case "confirms what failed":
			return nil, true, nil
		case "refuses what failed":
			current, err = s.right.Get(ctx, key)
			return current, false, err
		case "answers beside the error":
			return nil, true, err
		case "forgets when it fails":
			if v, err := s.right.Get(ctx, key); err == nil {
				s.right.CompareAndSwap(ctx, key, v, nil, expires)
			}
		}
	}
	return current, swapped, err
}

func (s *careless) Add(ctx context.Context, key string, delta int64, expires time.Time) (int64, error) {
	sum, err := s.Faulty.Add(ctx, key, delta, expires)
	if errors.Is(err, ErrInjected) {
		switch s.flaw {
		case "sends additions again":
			return s.right.Add(ctx, key, delta, expires)
		case "sends additions again in vain":
			s.right.Add(ctx, key, delta, expires)
		case "confirms additions that failed":
			return s.right.Add(ctx, key, 0, expires)
		case "takes additions back when one fails":
			s.right.Add(ctx, key, -1, expires)
		}
	}
	return sum, err
}

func TestPlantedFaultsAreFound(t *testing.T) {
	t.Parallel()
	const swaps, additions = "FailedSwapsAreUnknown", "FailedAdditionsAreUnknown"
	for _, plant := range []struct {
		flaw, found string
		plan        func(Call) Fault
	}{
		{"sends swaps again", swaps, everyKind},
		{"confirms what failed", swaps, everyKind},
		{"refuses what failed", swaps, everyKind},
		{"answers beside the error", swaps, everyKind},
		{"forgets when it fails", swaps, everyKind},
		{"stale reads", swaps, everyKind},
		{"compared before the lock", swaps, everyKind},
		{"old ignored", swaps, everyKind},
		{"sends additions again", additions, everyKind},
		{"sends additions again in vain", additions, everyKind},
		{"confirms additions that failed", additions, everyKind},
		{"takes additions back when one fails", additions, everyKind},
		{"added in two steps", additions, everyKind},
		{"never fails", swaps, func(Call) Fault { return None }},
		{"never fails", additions, func(Call) Fault { return None }},
		{"always fails", swaps, func(Call) Fault { return Before }},
		{"always fails", additions, func(Call) Fault { return Before }},
	} {
		t.Run(plant.flaw+"/"+plant.found, func(t *testing.T) {
			t.Parallel()
			v, clock := &verdict{TB: t}, newClock()
			right := newReference(clock.now, plant.flaw)
			s := &careless{NewFaulty(right, plant.plan), plant.flaw, right}
			for _, p := range faultProperties {
				if p.name == plant.found {
					p.tryFaulty(v, s, clock, 2*time.Second)
				}
			}
			if len(v.errors) == 0 {
				t.Fatal("not found")
			}
			t.Log(v.errors[0])
		})
	}
}

// Calls that hang are ended.
func TestFaultyReferenceHangs(t *testing.T) {
	t.Parallel()
	RunFaulty(t, func(_ *testing.T, now func() time.Time) store.Store {
		return NewFaulty(newReference(now, ""), func(c Call) Fault {
			if c.N%500 == 0 {
				return Hang
			}
			return everyKind(c)
		})
	})
}
