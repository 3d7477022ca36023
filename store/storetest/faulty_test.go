package storetest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/passcode-go/passcode/store"
)

func TestWrappersPass(t *testing.T) {
	t.Parallel()
	t.Run("Faulty", func(t *testing.T) {
		t.Parallel()
		Run(t, func(_ *testing.T, now func() time.Time) store.Store {
			return NewFaulty(newReference(now, ""), func(Call) Fault { return None })
		})
	})
	t.Run("Recorder", func(t *testing.T) {
		t.Parallel()
		Run(t, func(_ *testing.T, now func() time.Time) store.Store { return NewRecorder(newReference(now, "")) })
	})
}

func TestFaultyBeforeAndAfter(t *testing.T) {
	t.Parallel()
	ctx, key, later := t.Context(), "key", time.Now().Add(time.Hour)
	for _, tt := range []struct {
		fault Fault
		err   error
		done  bool
	}{
		{None, nil, true},
		{Before, ErrInjected, false},
		{After, ErrInjected, true},
	} {
		inner := newReference(time.Now, "")
		s := NewFaulty(inner, func(Call) Fault { return tt.fault })

		current, swapped, err := s.CompareAndSwap(ctx, key, nil, []byte("value"), later)
		if err != tt.err || swapped != (err == nil) || current != nil {
			t.Errorf("fault %d: CompareAndSwap = %q, %t, %v", tt.fault, current, swapped, err)
		}
		if v, _ := inner.Get(ctx, key); (v != nil) != tt.done {
			t.Errorf("fault %d: after CompareAndSwap the value is %q", tt.fault, v)
		}
		sum, err := s.Add(ctx, key, 3, later)
		if err != tt.err || (sum == 3) != (err == nil) {
			t.Errorf("fault %d: Add = %d, %v", tt.fault, sum, err)
		}
		if sum, _ := inner.Add(ctx, key, 0, later); (sum == 3) != tt.done {
			t.Errorf("fault %d: after Add the counter is %d", tt.fault, sum)
		}
		if v, err := s.Get(ctx, key); err != tt.err || (v != nil) != (err == nil) {
			t.Errorf("fault %d: Get = %q, %v", tt.fault, v, err)
		}
		current, swapped, err = s.CompareAndSwap(ctx, key, []byte("other"), nil, later)
		if err != tt.err || swapped || (current != nil) != (err == nil) {
			t.Errorf("fault %d: refused CompareAndSwap = %q, %t, %v", tt.fault, current, swapped, err)
		}
	}
}

func TestFaultyPrefersErrorOfStore(t *testing.T) {
	t.Parallel()
	s := NewFaulty(newReference(time.Now, ""), func(Call) Fault { return After })
	if _, err := s.Get(t.Context(), ""); !errors.Is(err, store.ErrKey) {
		t.Errorf("Get of a bad key = %v, want store.ErrKey", err)
	}
}

func TestFaultyHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		inner := newReference(time.Now, "")
		s := NewFaulty(inner, func(Call) Fault { return Hang })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if _, err := s.Add(ctx, "key", 1, began.Add(time.Hour)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Add = %v, want its context's error", err)
		}
		if d := time.Since(began); d != time.Minute {
			t.Errorf("Add hung for %v, want a minute", d)
		}
		if sum, _ := inner.Add(t.Context(), "key", 0, began.Add(time.Hour)); sum != 0 {
			t.Errorf("Add that hung added %d", sum)
		}
	})
}

// TestFaultyPlanBlocks holds one call while another passes.
func TestFaultyPlanBlocks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, later := t.Context(), time.Now().Add(time.Hour)
		release := make(chan struct{})
		s := NewFaulty(newReference(time.Now, ""), func(c Call) Fault {
			if c.N == 0 {
				<-release
			}
			return None
		})
		sums := make(chan int64, 1)
		go func() {
			sum, _ := s.Add(ctx, "key", 1, later)
			sums <- sum
		}()
		synctest.Wait()
		if sum, err := s.Add(ctx, "key", 10, later); sum != 10 || err != nil {
			t.Errorf("Add beside a blocked call = %d, %v, want 10", sum, err)
		}
		close(release)
		if sum := <-sums; sum != 11 {
			t.Errorf("Add that was blocked = %d, want 11", sum)
		}
	})
}

func TestFaultyTellsCalls(t *testing.T) {
	t.Parallel()
	ctx, later := t.Context(), time.Now().Add(time.Hour)
	var planned []Call
	recorder := NewRecorder(newReference(time.Now, ""))
	s := NewFaulty(recorder, func(c Call) Fault {
		planned = append(planned, c)
		if c.N == 1 {
			return Before
		}
		return After
	})
	s.Get(ctx, "a")
	s.CompareAndSwap(ctx, "b", nil, nil, later)
	s.Add(ctx, "c", 1, later)
	if want := []Call{{Get, "a", 0}, {CompareAndSwap, "b", 1}, {Add, "c", 2}}; !slices.Equal(planned, want) {
		t.Errorf("the plan saw %v, want %v", planned, want)
	}
	got := recorder.Calls()
	if want := []Call{{Get, "a", 0}, {Add, "c", 1}}; !slices.Equal(got, want) {
		t.Errorf("the recorder saw %v, want %v", got, want)
	}
	got[0].Key = "spoiled"
	if recorder.Calls()[0].Key != "a" {
		t.Error("Calls returned the recorder's own memory")
	}
}
