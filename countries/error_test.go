package countries

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/passcode-go/passcode/countries/region"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		raw     string
		want    error
		region  region.Code
		kind    Type
		refused string
	}{
		{"+1 202 555 0162", ErrSyntax, "", "", ""},
		{"+10000000000", ErrInvalid, "", "", ""},
		{"+4402079460958", ErrInvalid, "", "", ""},
		{"+881612345678", ErrNoCountry, region.World, TypeMobile, "country"},
		{"+979123456789", ErrNoCountry, region.World, TypePremiumRate, "country"},
		{"+447640123456", ErrType, "GB", TypePager, "type"},
	} {
		_, _, _, err := Mobile(c.raw)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v is no *Error", c.raw, err)
			continue
		}
		for _, sentinel := range []error{ErrSyntax, ErrInvalid, ErrNoCountry, ErrType} {
			if errors.Is(err, sentinel) != (sentinel == c.want) {
				t.Errorf("%s: errors.Is(%v, %v)", c.raw, err, sentinel)
			}
		}
		if e.Region != c.region || e.Type != c.kind {
			t.Errorf("%s: region %q and type %q", c.raw, e.Region, e.Type)
		}
		// As the engine asks, which does not know this package.
		var refuser interface{ Refused() string }
		if !errors.As(fmt.Errorf("start: %w", err), &refuser) || refuser.Refused() != c.refused {
			t.Errorf("%s: Refused is %q, want %q", c.raw, e.Refused(), c.refused)
		}
		for _, text := range []string{err.Error(), fmt.Sprintf("%+v %#v", err, *e)} {
			if strings.Contains(text, c.raw) || strings.Contains(text, c.raw[5:]) {
				t.Errorf("%s: the number is in %q", c.raw, text)
			}
		}
		if c.region != "" && !(strings.Contains(err.Error(), string(c.region)) && strings.Contains(err.Error(), string(c.kind))) {
			t.Errorf("%s: %q names not the region and type", c.raw, err)
		}
	}
}

// No input may come back in an error's text, from Parse or from Mobile.
func TestErrorsDoNotRepeatTheInput(t *testing.T) {
	t.Parallel()
	for _, raw := range notE164 {
		if len(raw) < 6 {
			continue // short enough to occur in any text
		}
		if _, err := Parse(raw); strings.Contains(err.Error(), raw) {
			t.Errorf("%.40q is in its error", raw)
		}
	}
}
