package storetest

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/passcode-go/passcode/store"
)

// A verdict takes the place of a testing.T where a property has to fail.
type verdict struct {
	testing.TB
	mu     sync.Mutex
	errors []string
}

func (v *verdict) Helper() {}

func (v *verdict) Errorf(format string, args ...any) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.errors = append(v.errors, fmt.Sprintf(format, args...))
}

// planted are the flaws of the reference store, with the properties that must
// each find it.
var planted = []struct {
	flaw  string
	found []string
}{
	{"old ignored", []string{"CreateReplaceDelete", "OneWinner", "NoLostUpdate", "SwapsMakeALock"}},
	{"insert overwrites", []string{"CreateReplaceDelete", "OneWinner", "SwapsMakeALock"}},
	{"absent matched as empty", []string{"EmptyIsNotAbsent"}},
	{"absent read as empty", []string{"AbsentIsNil"}},
	{"empty read as nil", []string{"EmptyIsNotAbsent"}},
	{"delete leaves empty", []string{"CreateReplaceDelete", "AbsentForAbsent"}},
	{"nothing for nothing refused", []string{"AbsentForAbsent"}},
	{"prefix matched", []string{"NearlyOldDoesNotMatch"}},
	{"case ignored in old", []string{"NearlyOldDoesNotMatch"}},
	{"length compared only", []string{"NearlyOldDoesNotMatch"}},
	{"new returned as current", []string{"CreateReplaceDelete"}},
	{"loser told swapped", []string{"CreateReplaceDelete"}},
	{"refusal returns nothing", []string{"MismatchReturnsCurrent", "OneWinner", "NoLostUpdate"}},
	{"value truncated", []string{"LargeValues"}},
	{"value ends at zero byte", []string{"BinaryValues"}},
	{"large values accepted", []string{"LargeValues"}},
	{"bad keys accepted", []string{"BadKeys"}},
	{"key case folded", []string{"Keys"}},
	{"key truncated", []string{"Keys"}},
	{"evicts", []string{"Keys", "BinaryValues"}},
	{"counter reset", []string{"Sums", "SumsAreUnique"}},
	{"negative ignored", []string{"Sums"}},
	{"sums saturate", []string{"SumsWrapAround"}},
	{"one space", []string{"SpacesAreSeparate"}},
	{"aliased by CompareAndSwap", []string{"CallersReuseWhatTheyPass"}},
	{"aliased by Get", []string{"CallersOverwriteWhatTheyGet"}},
	{"aliased current", []string{"CallersOverwriteWhatTheyGet"}},
	{"written in place", []string{"WhatCallersGetStays"}},
	{"cancellation ignored", []string{"DoneContextWritesNothing"}},
	{"cancellation after the write", []string{"DoneContextWritesNothing"}},
	{"cancellation hits another", []string{"CancelledCallsHarmNoOther"}},
	{"compared before the lock", []string{"OneWinner", "NoLostUpdate", "SwapsMakeALock"}},
	{"added in two steps", []string{"SumsAreUnique"}},
	{"stale reads", []string{"ReadersSeeFinishedSwaps"}},
	{"shared answer", []string{"EachGetsItsOwnAnswer"}},
	{"expiry too early", []string{"KeptUntilExpiry", "SwapsSetExpiryAnew", "AdditionsSetExpiryAnew"}},
	{"expiry in whole seconds", []string{"KeptUntilExpiry"}},
	{"expiry overflows", []string{"KeptForAges"}},
	{"swap keeps expiry", []string{"SwapsSetExpiryAnew"}},
	{"equal swap keeps expiry", []string{"SwapsSetExpiryAnew"}},
	{"addition keeps expiry", []string{"AdditionsSetExpiryAnew"}},
	{"adding nothing keeps expiry", []string{"AdditionsSetExpiryAnew"}},
	{"stale note of expiry", []string{"SwapsSetExpiryAnew", "RecreatedOutlivesItsFormerExpiry"}},
	{"refusal sets expiry", []string{"RefusedSwapsKeepExpiry"}},
	{"dead hidden from Get", []string{"DeadValuesArePresentOrAbsent"}},
	{"dead counter stays dead", []string{"DeadCountersContinueOrBegin"}},
	{"value takes its counter along", []string{"SweepRemovesOnlyTheDead"}},
	{"counters not swept", []string{"SweepRemovesOnlyTheDead"}},
	{"sweep removes the live", []string{"SweepRemovesOnlyTheDead"}},
	{"sweep miscounts", []string{"SweepRemovesOnlyTheDead"}},
	{"swept in two steps", []string{"SweepBesideWriters"}},
	{"sweep ignores context", []string{"SweepHeedsContext"}},
}

// reliable is how long a property of a planted flaw may take. Only those that
// hang take it all.
const reliable = 10 * time.Second

func TestPlantedFlawsAreFound(t *testing.T) {
	t.Parallel()
	finds := make(map[string]bool)
	for _, plant := range planted {
		for _, name := range plant.found {
			finds[name] = true
			t.Run(plant.flaw+"/"+name, func(t *testing.T) {
				t.Parallel()
				v, clock := &verdict{TB: t}, newClock()
				limit := reliable
				if plant.flaw == "refusal returns nothing" && name == "NoLostUpdate" {
					limit = 200 * time.Millisecond // its writers never come to an end
				}
				named(t, name).try(v, newReference(clock.now, plant.flaw), clock, limit)
				if len(v.errors) == 0 {
					t.Fatal("not found")
				}
				t.Log(v.errors[0])
			})
		}
	}
	for _, p := range storeProperties {
		if !finds[p.name] {
			t.Errorf("no planted flaw shows that the property %s can fail", p.name)
		}
	}
}

func named(t *testing.T, name string) storeProperty {
	i := slices.IndexFunc(storeProperties, func(p storeProperty) bool { return p.name == name })
	if i < 0 {
		t.Fatalf("no property %s", name)
	}
	return storeProperties[i]
}

func TestReferencePasses(t *testing.T) {
	t.Parallel()
	Run(t, func(_ *testing.T, now func() time.Time) store.Store { return newReference(now, "") })
}

// TestStuckStoreFails: a store whose calls never return fails its property and
// does not hang the test.
func TestStuckStoreFails(t *testing.T) {
	t.Parallel()
	v, clock := &verdict{TB: t}, newClock()
	named(t, "AbsentIsNil").try(v, newReference(clock.now, "hangs"), clock, 50*time.Millisecond)
	if len(v.errors) != 1 {
		t.Fatalf("a stuck store was reported with %q", v.errors)
	}
}
