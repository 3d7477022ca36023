package loginpage

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"
)

func TestParseForm(t *testing.T) {
	t.Parallel()
	f, err := parseForm("code=123+456&via=sms&return_to=%2Fhome&message=a%0D%0Ab%09c")
	if err != nil || f["code"] != "123 456" || f["via"] != "sms" || f.back() != "/home" || f["message"] != "a\r\nb\tc" {
		t.Errorf("%q, %v", f, err)
	}
	if f, err := parseForm(""); err != nil || len(f) != 0 || f.back() != "" {
		t.Errorf("%q, %v", f, err)
	}
	if f, err := parseForm("return_to=//evil.example"); err != nil || f.back() != "" {
		t.Errorf("%q, %v", f, err)
	}
}

// A body that breaks off is no form.
func TestReadFormBroken(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "/", io.MultiReader(strings.NewReader("code=1"), iotest.ErrReader(io.ErrUnexpectedEOF)))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	if f, err := readForm(httptest.NewRecorder(), r); !errors.Is(err, errForm) || f != nil {
		t.Errorf("%q, %v", f, err)
	}
}

func FuzzParseForm(f *testing.F) {
	for _, s := range []string{"", "code=123456", "a=b&a=c", "a=%00", "a=%ff", "a;b", "return_to=%2Fhome", "&&&", "=", "code=Your+code+is+123456."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		fields, err := parseForm(body)
		if err != nil {
			if fields != nil {
				t.Fatal("fields with an error")
			}
			return
		}
		if len(fields) > maxFields {
			t.Fatalf("%d fields", len(fields))
		}
		for name, value := range fields {
			if !utf8.ValidString(value) || strings.ContainsAny(value, "\x00\x1b\x7f") || len(value) > maxField {
				t.Fatalf("%q has %q", name, value)
			}
		}
		if back := fields.back(); back != "" && !LocalPath(back) {
			t.Fatalf("returns to %q", back)
		}
	})
}
