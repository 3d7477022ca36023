package passcode_test

import (
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/passcode-go/passcode"

// mayImport says which packages of this module each package may import, and
// which of others. A folder stands for all below it unless one of those is
// named itself; packages missing here fail the test.
var mayImport = map[string][]string{
	"":                           {},
	"store":                      {},
	"store/memstore":             {"store", "internal/cursor"},
	"store/boltstore":            {"store", "internal/cursor", "internal/durable", "internal/group", "go.etcd.io/bbolt", "go.etcd.io/bbolt/errors"},
	"store/storetest":            {"store"},
	"internal/group":             {},
	"internal/durable":           {},
	"internal/servertest":        {},
	"internal/cursor":            {"store"},
	"delivery":                   {},
	"delivery/console":           {"delivery"},
	"delivery/deliverytest":      {"delivery"},
	"delivery/textfile":          {"delivery"},
	"countries/region":           {},
	"countries":                  {"countries/region", "github.com/nyaruka/phonenumbers"},
	"policy":                     {"countries/region"},
	"engine":                     {"store", "delivery", "policy"},
	"internal/uuid":              {},
	"internal/seal":              {"engine"},
	"engine/sessions":            {"engine", "internal/seal", "internal/uuid", "store", "delivery", "github.com/go-jose/go-jose/v4", "github.com/go-jose/go-jose/v4/jwt"},
	"engine/totp":                {"engine", "internal/seal", "internal/uuid", "store", "delivery", "github.com/pquerna/otp", "github.com/pquerna/otp/hotp", "github.com/pquerna/otp/totp"},
	"engine/accounts":            {"engine", "engine/sessions", "engine/totp", "internal/uuid", "store", "delivery", "policy"},
	"engine/receipts":            {"store", "delivery"},
	"engine/enginetest":          {"engine", "store", "store/memstore", "delivery", "delivery/deliverytest", "countries"},
	"internal/callout":           {"delivery"},
	"adapters/twiliosender":      {"delivery", "internal/callout"},
	"adapters/whatsappsender":    {"delivery", "internal/callout"},
	"adapters/webhooksender":     {"delivery", "internal/callout"},
	"adapters/loginpage":         {"engine", "engine/accounts", "engine/sessions", "engine/totp", "internal/seal", "store", "delivery", "policy", "countries", "countries/region"},
	"adapters/loginpage/example": {"engine", "engine/accounts", "engine/sessions", "engine/totp", "store/memstore", "delivery", "delivery/console", "countries", "adapters/loginpage"},
	"adapters/httpapi":           {"engine", "engine/accounts", "engine/sessions", "engine/totp", "store", "delivery", "policy", "countries"},
}

// Who may import whom is the architecture: the engine stays on the standard
// library, and a program that only sends e-mail links no number metadata.
func TestImports(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}}: {{join .Imports " "}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, line := range lines {
		path, imports, _ := strings.Cut(line, ": ")
		name := strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
		allowed, ok := mayImport[name]
		if !ok {
			t.Errorf("package %s is not in the table", path)
		}
		for _, imported := range strings.Fields(imports) {
			if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
				continue // the standard library
			}
			imported = strings.TrimPrefix(imported, module+"/")
			if !slices.Contains(allowed, imported) {
				t.Errorf("%s may not import %s", path, imported)
			}
		}
	}
	if len(lines) < 10 {
		t.Errorf("only %d packages were looked at", len(lines))
	}
}

// What an application gets into its build list by requiring this module.
func TestRequirements(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"github.com/nyaruka/phonenumbers", "github.com/pquerna/otp", "github.com/go-jose/go-jose/v4", "go.etcd.io/bbolt", "golang.org/x/crypto",
	}
	mod, err := exec.Command("go", "mod", "edit", "-json").Output()
	if err != nil {
		t.Fatal(err)
	}
	required := regexp.MustCompile(`"Path": "([^"]+)",\s+"Version": "[^"]+"(,\s+"Indirect": true)?`).FindAllStringSubmatch(string(mod), -1)
	if len(required) == 0 {
		t.Fatal("no requirements were found")
	}
	for _, m := range required {
		if path, indirect := m[1], m[2] != ""; !indirect && !slices.Contains(allowed, path) {
			t.Errorf("the root module requires %s", path)
		}
	}
}
