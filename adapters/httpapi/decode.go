package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	maxBody   = 16 << 10 // bytes of a body
	maxSearch = 64 << 10 // of a search: room for store.MaxFilterValues ids
	maxDepth  = 32       // objects and arrays inside each other
)

// readForm reads the body of a request, of limit bytes at the most, or the
// query of one that has none by its method.
func readForm(w http.ResponseWriter, r *http.Request, limit int64) (*form, error) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return queryForm(r.URL.Query()), nil
	}
	if !isJSON(r.Header.Get("Content-Type")) {
		return nil, badRequest("The Content-Type must be application/json.")
	}
	if r.Body == nil {
		return parseForm(nil)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return nil, badRequest(fmt.Sprintf("The body is larger than %d KiB.", limit>>10))
	}
	if err != nil {
		return nil, badRequest("The body could not be read.")
	}
	return parseForm(body)
}

// queryForm reads a query: every value is a string, and of a name that stands
// there twice an array, which no field of a query is. What is malformed is left
// out, as any unknown field is.
func queryForm(query url.Values) *form {
	f := &form{fields: make(map[string]json.RawMessage), fault: new(error)}
	for name, list := range query {
		var value any = list[0]
		if len(list) > 1 || !utf8.ValidString(list[0]) {
			value = list
		}
		f.fields[name], _ = json.Marshal(value) // strings always can be
	}
	return f
}

// isJSON reports whether a Content-Type, which may be absent, can be read.
func isJSON(header string) bool {
	if header == "" {
		return true
	}
	kind, params, err := mime.ParseMediaType(header)
	charset, given := params["charset"]
	return err == nil && kind == "application/json" && (!given || strings.EqualFold(charset, "utf-8"))
}

// parseForm reads a body. An empty one is an empty object.
//
// encoding/json alone would not do: it takes Phone_Number for phone_number,
// and the last of several fields of one name, where something on the way here
// may have looked at another.
func parseForm(body []byte) (*form, error) {
	f := &form{fault: new(error)}
	if len(body) == 0 {
		return f, nil
	}
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, badRequest("The body is not valid JSON.")
	}
	if problem := checkTokens(body); problem != "" {
		return nil, badRequest(problem)
	}
	if err := json.Unmarshal(body, &f.fields); err != nil || f.fields == nil {
		return nil, badRequest("The body must be a JSON object.")
	}
	return f, nil
}

// checkTokens says what is wrong with valid JSON: depth, a name that occurs
// twice in one object, or a number or an escape that not every reader takes
// for the same. "" means nothing.
func checkTokens(body []byte) string {
	if !plainEscapes(body) {
		return `The body has a \u escape that is no character, or NUL.`
	}
	type level struct {
		names map[string]bool // nil in an array
		value bool            // a value comes next, not a name
	}
	var stack []level
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	for {
		token, err := d.Token()
		if err == io.EOF {
			return ""
		}
		if err != nil {
			return "The body is not valid JSON."
		}
		if token == json.Delim('}') || token == json.Delim(']') {
			stack = stack[:len(stack)-1]
			continue
		}
		if n := len(stack) - 1; n >= 0 && stack[n].names != nil {
			top := &stack[n]
			if !top.value {
				name := token.(string)
				if top.names[name] {
					return "The body has two fields of one name."
				}
				top.names[name], top.value = true, true
				continue
			}
			top.value = false
		}
		switch token := token.(type) {
		case json.Number:
			// Most clients could not read an answer that holds it.
			if _, err := token.Float64(); err != nil {
				return "The body has a number that is too large."
			}
		case json.Delim:
			var next level
			if token == '{' {
				next.names = make(map[string]bool)
			}
			stack = append(stack, next)
		}
		if len(stack) > maxDepth {
			return "The body is nested too deeply."
		}
	}
}

// plainEscapes reports whether every \u escape of valid JSON is half of a pair
// of surrogates in order, or a character other than NUL. Go reads a lone
// surrogate as U+FFFD, others refuse it, and some databases keep neither it
// nor NUL.
func plainEscapes(body []byte) bool {
	for {
		i := bytes.IndexByte(body, '\\')
		if i < 0 {
			return true
		}
		body = body[i:]
		unit, ok := escape(body)
		switch {
		case !ok:
			body = body[2:]
		case unit == 0 || unit >= 0xdc00 && unit <= 0xdfff:
			return false
		case unit >= 0xd800 && unit <= 0xdbff:
			if low, ok := escape(body[6:]); !ok || low < 0xdc00 || low > 0xdfff {
				return false
			}
			body = body[12:]
		default:
			body = body[6:]
		}
	}
}

// escape returns the UTF-16 unit of the \u escape that b begins with, and
// false if it begins with none.
func escape(b []byte) (unit uint64, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	return unit, err == nil
}
