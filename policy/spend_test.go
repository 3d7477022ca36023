package policy_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/policy"
)

func TestSpendLimit(t *testing.T) {
	t.Parallel()
	s := policy.Spend{PerDay: 100, PerRegion: 10, Regions: map[policy.Region]int{"US": 50, "SE": 1}}
	for region, want := range map[policy.Region]int{"US": 50, "SE": 1, "GB": 10, "": 0} {
		if got := s.Limit(region); got != want {
			t.Errorf("Limit(%q) = %d, want %d", region, got, want)
		}
	}
	if got := (policy.Spend{}).Limit("US"); got != 0 {
		t.Errorf("the zero Spend has a limit of %d", got)
	}
}

func TestSpendValidate(t *testing.T) {
	t.Parallel()
	for want, s := range map[string]policy.Spend{
		"PerDay -1":           {PerDay: -1},
		"PerRegion -1":        {PerRegion: -1},
		`Regions["UK"] is no`: {Regions: map[policy.Region]int{"UK": 1}},
		`Regions[""] is no`:   {Regions: map[policy.Region]int{"": 1}},
		`Regions["US"] 0 is`:  {Regions: map[policy.Region]int{"US": 0}},
		`Regions["US"] -1 is`: {Regions: map[policy.Region]int{"SE": 1, "US": -1}},
	} {
		if err := s.Validate(); !errors.Is(err, policy.ErrPolicy) || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate = %v, want %q", err, want)
		}
	}
	for _, s := range []policy.Spend{{}, {PerDay: 1, PerRegion: 1, Regions: map[policy.Region]int{"US": 1}}} {
		if err := s.Validate(); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
