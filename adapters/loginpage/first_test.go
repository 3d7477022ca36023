package loginpage_test

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/passcode-go/passcode/adapters/loginpage"
)

// The first page is the same from what was kept as when it was written anew.
func TestFirstPageIsKept(t *testing.T) {
	t.Parallel()
	kept := newProgram(t)
	for _, path := range []string{"/login/", "/login/?via=email", "/login/?via=whatsapp&return_to=%2Fhome", "/login/?return_to=%2Fa%3Fb%3D%2522%26c%3D%2527%26d%3Dx%2By", "/login/?via=sms&return_to=%2F%22%3E%3Cscript%3E"} {
		for _, language := range []string{"", "fa", "sv-SE", "de-AF"} {
			var bodies []string
			for _, p := range []*program{kept, kept, newProgram(t)} {
				b := p.browser()
				b.header = http.Header{"Accept-Language": {language}}
				bodies = append(bodies, b.get(path).body)
			}
			if bodies[0] != bodies[1] || bodies[0] != bodies[2] {
				t.Errorf("%s, %s: not the same page", path, language)
			}
			if strings.Contains(bodies[0], "hole") || strings.Contains(bodies[0], "<script>") {
				t.Errorf("%s: %s", path, bodies[0])
			}
		}
	}
	body := kept.browser().get("/login/?return_to=%2Fa%3Fb%3D1%26c%3D%2527").body
	for _, want := range []string{`name="return_to" value="/a?b=1&c=%27"`, `href="/login/?return_to=%2Fa%3Fb%3D1%26c%3D%2527&via=email"`} {
		if !strings.Contains(html.UnescapeString(body), want) {
			t.Errorf("no %s in\n%s", want, body)
		}
	}
}

// A template of the program's own may write the path to return to in any way.
func TestFirstPageOfOthers(t *testing.T) {
	t.Parallel()
	const own = `{{define "content"}}{{.Error}}<form method="post" action="{{.Action}}" data-back="{{printf "%q" .Return}}{{len .Return}}">
<input name="via" value="{{.Channel}}"><input name="return_to" value="{{slice .Return 1}}"></form><script>var a = {{.Return}}, b = "{{.Return}}"</script>{{end}}`
	_, err := loginpage.New(newProgram(t).accounts, newProgram(t).sessions, loginpage.Options{Templates: fstest.MapFS{"start.html": {Data: []byte(own)}}})
	if err == nil {
		t.Error("a template that fails without a path is accepted")
	}
	fine := strings.Replace(own, "{{slice .Return 1}}", "{{.Return}}", 1)
	p := newProgram(t, setting{options: func(o *loginpage.Options) { o.Templates = fstest.MapFS{"start.html": {Data: []byte(fine)}} }})
	for _, back := range []string{"/home", "/pay"} {
		if body := p.browser().get("/login/?return_to=" + back).body; strings.Count(body, back) < 2 || strings.Contains(body, "hole") {
			t.Errorf("%s", body)
		}
	}
	// In a script it is spelled as in a script, in the page or in what is around it.
	ours, err := os.ReadFile("templates/layout.html")
	if err != nil {
		t.Fatal(err)
	}
	layout := strings.Replace(string(ours), "</main>", `</main><script>var c = "{{.Return}}"</script>`, 1)
	for name, template := range map[string]string{"start.html": fine, "layout.html": layout} {
		p := newProgram(t, setting{options: func(o *loginpage.Options) { o.Templates = fstest.MapFS{name: {Data: []byte(template)}} }})
		for range 2 {
			body := p.browser().get("/login/?return_to=" + url.QueryEscape(`/a"-alert(1)-"`)).body
			for script := range strings.SplitSeq(body, "<script>") {
				if script, _, ok := strings.Cut(script, "</script>"); ok && strings.Contains(script, "&#") {
					t.Errorf("%s: %s", name, script)
				}
			}
			if strings.Contains(body, `a"-alert`) {
				t.Errorf("%s: %s", name, body)
			}
		}
	}
}

// However many languages come along, no more than so many pages are kept.
func TestFirstPagesAreBounded(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	var group sync.WaitGroup
	for worker := range 4 {
		group.Go(func() {
			for i := range 150 {
				r := httptest.NewRequest(http.MethodGet, host+"/login/", nil)
				r.Header.Set("Accept-Language", fmt.Sprintf("%s-%c%c", []string{"en", "fa", "de", "ja"}[worker], 'A'+i%26, 'A'+i/26))
				w := httptest.NewRecorder()
				p.pages.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					t.Error(w.Code)
				}
			}
		})
	}
	group.Wait()
}

// Every page with its stylesheet and its script has 30 KB or less.
func TestWire(t *testing.T) {
	t.Parallel()
	p := newProgram(t)
	for _, language := range []string{"en", "fa", "ru", "ja"} {
		b := p.browser()
		b.header = http.Header{"Accept-Language": {language}}
		size := func(a *answer) {
			t.Helper()
			total := 0
			for _, path := range append(assets(t, a.body), "") {
				body, header := a.body, a.Header()
				if path != "" {
					got := b.get(path)
					body, header = got.body, got.Header()
				}
				total += len(body)
				for name, values := range header {
					total += len(name) + len(values[0]) + 4
				}
			}
			t.Logf("%s %s: %d bytes", language, a.at, total)
			if total > 30<<10 {
				t.Errorf("%s %s: %d bytes", language, a.at, total)
			}
		}
		size(b.get("/login/"))
		size(b.get("/login/?via=whatsapp&return_to=/home"))
		size(b.get("/login/?via=email"))
		address := language + email
		a := b.start(address, "")
		size(a)
		size(b.enter(a, wrong(p.kit.Code(address))))
		size(b.enter(a, p.kit.Code(address)))
		size(b.get("/login/add?via=whatsapp"))
		size(b.get("/pay"))
		size(b.post("/login/app/new"))
		size(b.get("/login/nothing"))
	}
}

// assets are the files that a page loads.
func assets(t *testing.T, body string) (paths []string) {
	t.Helper()
	for _, attribute := range []string{`<link rel="stylesheet" href="`, `<script src="`} {
		_, rest, ok := strings.Cut(body, attribute)
		path, _, _ := strings.Cut(rest, `"`)
		if !ok {
			t.Fatalf("no %s", attribute)
		}
		paths = append(paths, path)
	}
	return paths
}

// BenchmarkFirstPage compares the first page with a handler that writes the same
// bytes with the same headers, over connections that are kept alive. The two take
// turns, and the ratio is the median of the turns. Below a half it fails.
func BenchmarkFirstPage(b *testing.B) {
	p := newProgram(b)
	w := httptest.NewRecorder()
	p.pages.ServeHTTP(w, httptest.NewRequest(http.MethodGet, host+"/login/?return_to=/home", nil))
	header, body := w.Header(), w.Body.Bytes()
	same := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.Write(body)
	})
	const turns, each = 15, 200
	turn := func(handler http.Handler) func() time.Duration {
		server := httptest.NewServer(handler)
		b.Cleanup(server.Close)
		client, buffer := server.Client(), make([]byte, 32<<10)
		return func() time.Duration {
			start := time.Now()
			for range each {
				r, _ := http.NewRequest(http.MethodGet, server.URL+"/login/?return_to=/home", nil)
				r.Header.Set("Accept-Language", "en-GB,en;q=0.9,de;q=0.5")
				answer, err := client.Do(r)
				for err == nil {
					_, err = answer.Body.Read(buffer)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
				answer.Body.Close()
			}
			return time.Since(start)
		}
	}
	ours, theirs := turn(p.pages), turn(same)
	var ratios []float64
	for b.Loop() {
		ratios = ratios[:0]
		for range turns {
			ratios = append(ratios, float64(theirs())/float64(ours()))
		}
	}
	slices.Sort(ratios)
	ratio := ratios[turns/2]
	b.ReportMetric(ratio, "ratio")
	if ratio < 0.5 {
		b.Errorf("the first page is %.2f times as fast as its bytes, want 0.5", ratio)
	}
}

// BenchmarkFirstPageAlone is the handler without a connection.
func BenchmarkFirstPageAlone(b *testing.B) {
	p := newProgram(b)
	r := httptest.NewRequest(http.MethodGet, host+"/login/?return_to=/home", nil)
	r.Header.Set("Accept-Language", "en-GB,en;q=0.9,de;q=0.5")
	w := nothing{make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		clear(w.header)
		p.pages.ServeHTTP(w, r)
	}
}

type nothing struct{ header http.Header }

func (n nothing) Header() http.Header               { return n.header }
func (n nothing) Write(p []byte) (int, error)       { return len(p), nil }
func (n nothing) WriteString(s string) (int, error) { return len(s), nil }
func (n nothing) WriteHeader(int)                   {}
