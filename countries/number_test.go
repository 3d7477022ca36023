package countries

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestNumberShowsItselfMasked(t *testing.T) {
	t.Parallel()
	n := Number{"+12025550162", "US", TypeFixedLineOrMobile}
	const want = "+•••62 US fixed_line_or_mobile"
	if got := n.String(); got != want {
		t.Errorf("String is %q", got)
	}
	// Formats that are not constant, so that vet lets the odd verbs pass.
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%t", "%c", "%U", "%f", "%5.1s", "%z"} {
		if got := fmt.Sprintf(verb, n); got != want {
			t.Errorf("%s prints %q", verb, got)
		}
	}
	if got := slog.AnyValue(n).Resolve(); got.Kind() != slog.KindString || got.String() != want {
		t.Errorf("a slog handler is given %v", got)
	}
	outer := struct {
		N *Number
		M map[string]Number
		L []Number
	}{&n, map[string]Number{"n": n}, []Number{n}}
	var shown []string
	shown = append(shown, fmt.Sprint(n, &n, []Number{n}, map[Number]Number{n: n}), fmt.Sprintf("%+v", outer), fmt.Errorf("%v: %w", n, &Error{Err: ErrType}).Error())
	asJSON, err := json.Marshal(outer)
	if err != nil {
		t.Fatal(err)
	}
	asKey, err := json.Marshal(map[Number]int{n: 1})
	if err != nil {
		t.Fatal(err)
	}
	asXML, err := xml.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("sent", "to", n, "pointer", &n, "list", []Number{n}, "group", slog.GroupValue(slog.Any("n", n)))
	}
	for _, s := range append(shown, string(asJSON), string(asKey), string(asXML), log.String()) {
		if strings.Contains(s, "2025550162") || strings.Contains(s, "25550162") {
			t.Errorf("the number is in %q", s)
		}
		if !strings.Contains(s, "•••62") {
			t.Errorf("the mask is not in %q", s)
		}
	}
}

func TestMaskOfShortNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n    Number
		want string
	}{
		{Number{}, ""},
		{Number{"+6834002", "NU", TypeFixedLine}, "+•••02 NU fixed_line"},
		{Number{"+683400", "NU", TypeFixedLine}, "+••• NU fixed_line"}, // two digits would be much of it
		{Number{Region: "NU"}, "+••• NU "},
	} {
		if got := c.n.String(); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
