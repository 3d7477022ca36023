package passcode_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The rules of CONTRIBUTING.md that can be read off the source: nobody sleeps,
// nothing runs before main, libraries start no goroutine that stays, and
// nothing but tests and measurements uses weak randomness.
func TestSourceRules(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(path))
		test := strings.HasSuffix(path, "_test.go")
		// Programs may start goroutines, and so may what runs inside a test.
		mayStart := test || slices.Contains([]string{"bench", "adapters/passcoded", "store/storetest", "delivery/deliverytest", "internal/servertest"}, dir)
		broken := func(node ast.Node, rule string) { t.Errorf("%s: %s", set.Position(node.Pos()), rule) }
		for _, imported := range file.Imports {
			weak := strings.HasPrefix(imported.Path.Value, `"math/rand`)
			if weak && !test && !slices.Contains([]string{"bench", "bench/history", "store/storetest"}, dir) {
				broken(imported, "weak randomness")
			}
		}
		ast.Inspect(file, func(node ast.Node) bool {
			switch node := node.(type) {
			case *ast.FuncDecl:
				if node.Name.Name == "init" && node.Recv == nil {
					broken(node, "init")
				}
			case *ast.GoStmt:
				if !mayStart {
					broken(node, "a goroutine in a library")
				}
			case *ast.SelectorExpr:
				if pkg, ok := node.X.(*ast.Ident); ok && pkg.Name == "time" && node.Sel.Name == "Sleep" {
					broken(node, "time.Sleep")
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 100 {
		t.Errorf("only %d files were looked at", files)
	}
}
