package passcode_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A program that links the engine and the embedded stores has no driver of
// anybody's database in it, nor in its build list.
func TestEmbeddedProgramLinksNoDriver(t *testing.T) {
	t.Parallel()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	sums, err := os.ReadFile("go.sum")
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"go.sum": string(sums),
		"go.mod": "module example.com/app\n\ngo 1.26\n\nrequire " + module + " v0.0.0\n\nreplace " + module + " => " + filepath.ToSlash(root) + "\n",
		"main.go": `package main

import (
	_ "` + module + `/engine"
	_ "` + module + `/store/boltstore"
	_ "` + module + `/store/memstore"
)

func main() {}
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command("go", args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=-mod=mod")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	run("build", "-o", "app.exe", ".")
	linked, listed := run("version", "-m", "app.exe"), run("list", "-m", "all")
	for what, text := range map[string]string{"go version -m": linked, "go list -m all": listed} {
		if !strings.Contains(text, "go.etcd.io/bbolt") {
			t.Errorf("%s does not know of bbolt:\n%s", what, text)
		}
		for _, driver := range []string{"rueidis", "go-redis", "pgx", "lib/pq", "porcupine"} {
			if strings.Contains(text, driver) {
				t.Errorf("%s has %s:\n%s", what, driver, text)
			}
		}
	}
	if strings.Contains(linked, "phonenumbers") {
		t.Errorf("the engine links phone number metadata:\n%s", linked)
	}
}
