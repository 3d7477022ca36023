package passcode_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// The README's Go is the body of an Example, so it compiles and its output is
// tested.
func TestREADMECodeIsTheExample(t *testing.T) {
	t.Parallel()
	_, block, ok := strings.Cut(read(t, "README.md"), "```go\n")
	block, _, closed := strings.Cut(block, "```")
	if !ok || !closed {
		t.Fatal("README.md has no Go")
	}
	_, body, ok := strings.Cut(read(t, "engine/example_test.go"), "func Example() {\n")
	body, _, closed = strings.Cut(body, "\t// Output:")
	if !ok || !closed {
		t.Fatal("there is no Example")
	}
	body = strings.ReplaceAll("\n"+body, "\n\t", "\n")[1:]
	if block != body {
		t.Errorf("README.md says\n%s\nthe Example\n%s", block, body)
	}
	if lines := strings.Count(block, "\n"); lines > 15 {
		t.Errorf("%d lines of Go, more than 15", lines)
	}
}

// Every test that a document names as the proof of a promise must exist.
func TestNamedTestsExist(t *testing.T) {
	t.Parallel()
	defined := make(map[string]bool)
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			for _, m := range function.FindAllStringSubmatch(read(t, path), -1) {
				defined[m[1]] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile("`(Test[A-Z]\\w+)(…?)`")
	for _, document := range []string{"README.md", "CONTRIBUTING.md", "SECURITY.md"} {
		for _, m := range named.FindAllStringSubmatch(read(t, document), -1) {
			found := defined[m[1]]
			for name := range defined {
				found = found || m[2] != "" && strings.HasPrefix(name, m[1])
			}
			if !found {
				t.Errorf("%s names %s, which does not exist", document, m[1])
			}
		}
	}
}

// CI must run the command that the README gives.
func TestCIRunsTheREADMEsCommand(t *testing.T) {
	t.Parallel()
	if !strings.Contains(read(t, "README.md"), "\ngo test work ") {
		t.Error("README.md does not give the test command")
	}
	if !regexp.MustCompile(`(?m)^go test .*-race.* work$`).MatchString(read(t, ".ci/run")) {
		t.Error(".ci/run does not run it")
	}
}

// The table of packages names every package that others may import.
func TestREADMENamesEveryPackage(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	for name := range mayImport {
		if name != "" && !strings.HasPrefix(name, "internal/") && !strings.Contains(readme, "`"+name+"`") {
			t.Errorf("README.md does not name %s", name)
		}
	}
}
