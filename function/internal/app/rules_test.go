package app_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "ecs-remedy"

// listed is a package as go list shows it.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

func list(t *testing.T, patterns ...string) map[string]listed {
	t.Helper()
	command := exec.Command(
		"go",
		append([]string{"list", "-json=ImportPath,Standard,Imports,Deps"}, patterns...)...)
	command.Dir = "../../.."
	out, err := command.Output()
	if err != nil {
		var exit *exec.ExitError
		errors.As(err, &exit)
		t.Fatalf("go list: %v\n%s", err, exit.Stderr)
	}
	packages := map[string]listed{}
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages[strings.TrimPrefix(p.ImportPath, module+"/")] = p
	}
}

// mayImport is the house's table: which of our own packages each package may import. What is not in
// it may import none, and every package must be in it.
var mayImport = map[string][]string{
	"events": {},
	"function": {"function/internal/app", "function/internal/config",
		"function/internal/ecs"},
	"function/cmd/remedy": {"*"},
	"function/internal/app": {"*", "!function/internal/backtest", "!function/internal/doctor",
		"!function/internal/drill", "!function/internal/ecssim", "!function/internal/fcsim",
		"!function/internal/osssim", "!function/internal/serve"},
	"function/internal/browsertest": {}, // for tests, and nothing else imports it
	"function/internal/config":      {"function/internal/remedy"},
	"function/internal/drill": {"events", "function/internal/app", "function/internal/config",
		"function/internal/ecssim", "function/internal/handle", "function/internal/ledger",
		"function/internal/remedy", "function/internal/report", "function/internal/timeline"},
	"function/internal/doctor": {
		"function/internal/app",
		"function/internal/config",
		"function/internal/ecssim",
		"function/internal/ledger",
		"function/internal/remedy",
	},
	"function/internal/backtest": {"events", "function/internal/app", "function/internal/config",
		"function/internal/ecssim", "function/internal/handle", "function/internal/ledger",
		"function/internal/remedy"},
	"function/internal/ecs":               {"function/internal/remedy"},
	"function/internal/ecssim":            {},
	"function/internal/evidence":          {"function/internal/remedy"},
	"function/internal/fcsim":             {},
	"function/internal/handle":            {"events", "function/internal/remedy"},
	"function/internal/lawtest":           {"function/internal/remedy"},
	"function/internal/ledger":            {"function/internal/remedy"},
	"function/internal/ledger/ledgertest": {"function/internal/ledger"},
	"function/internal/notify":            {"function/internal/remedy"},
	"function/internal/osssim":            {},
	"function/internal/remedy":            {"events"},
	"function/internal/report": {"events", "function/internal/remedy",
		"function/internal/timeline"},
	"function/internal/serve": {"events", "function/internal/app", "function/internal/config",
		"function/internal/drill", "function/internal/ecssim", "function/internal/remedy",
		"function/internal/report", "function/internal/timeline"},
	"function/internal/timeline": {"events", "function/internal/remedy"},
}

// simulators are what no deployed binary holds.
var simulators = []string{"function/internal/backtest", "function/internal/browsertest",
	"function/internal/doctor",
	"function/internal/drill", "function/internal/ecssim", "function/internal/fcsim",
	"function/internal/osssim", "function/internal/serve"}

// breaches lists what breaks the table.
func breaches(packages map[string]listed) []string {
	var found []string
	for name, p := range packages {
		allowed, known := mayImport[name]
		if !known {
			found = append(found, name+" is not in the table of packages")
		}
		for _, imported := range p.Imports {
			ours, is := strings.CutPrefix(imported, module+"/")
			if !is || slices.Contains(allowed, ours) ||
				slices.Contains(allowed, "*") && !slices.Contains(allowed, "!"+ours) {
				continue
			}
			found = append(found, name+" imports "+ours)
		}
	}
	core := packages["function/internal/remedy"]
	for _, banned := range []string{"context", "net", "net/http", "os", "log", "log/slog"} {
		if slices.Contains(core.Imports, banned) {
			found = append(found, "the core imports "+banned)
		}
	}
	for _, banned := range []string{"net", "net/http", "log", "log/slog"} {
		if slices.Contains(core.Deps, banned) {
			found = append(found, "the core links "+banned)
		}
	}
	for _, imported := range packages["events"].Imports {
		if first, _, _ := strings.Cut(imported, "/"); strings.Contains(first, ".") {
			found = append(found, "events imports "+imported)
		}
	}
	const backtest = "function/internal/backtest"
	for name, p := range packages {
		if name != "function/cmd/remedy" && slices.Contains(p.Imports, module+"/"+backtest) {
			found = append(found, name+" imports "+backtest+", which is the operator's")
		}
	}
	const browsertest = "function/internal/browsertest"
	for name, p := range packages {
		if slices.Contains(p.Imports, module+"/"+browsertest) {
			found = append(found, name+" imports "+browsertest+", which is for tests")
		}
	}
	for _, dependency := range packages["function"].Deps {
		ours, is := strings.CutPrefix(dependency, module+"/")
		if is && (slices.Contains(simulators, ours) || strings.HasPrefix(ours, "function/cmd/")) {
			found = append(found, "the function's binary links "+ours)
		}
	}
	// They call methods by names that are known at run time only. The linker then keeps every
	// exported method of every type that the binary reaches: 24 MB instead of 14, which each cold
	// start loads.
	for _, banned := range []string{"text/template", "html/template"} {
		if slices.Contains(packages["function"].Deps, banned) {
			found = append(found, "the function's binary links "+banned)
		}
	}
	for name := range packages {
		if slices.Contains(
			[]string{"util", "utils", "common", "types", "helpers", "models"},
			path.Base(name),
		) {
			found = append(found, name+" says nothing by its name")
		}
	}
	return found
}

func TestHouseRules(t *testing.T) {
	packages := list(t, "./...")
	if len(packages) < 10 {
		t.Fatalf("go list shows %d packages only", len(packages))
	}
	for _, breach := range breaches(packages) {
		t.Error(breach)
	}
}

// TestHouseRulesCanFail: each rule is broken on purpose, and noticed.
func TestHouseRulesCanFail(t *testing.T) {
	for _, row := range []struct{ broken, imports, links string }{
		{"function/internal/handle", module + "/function/internal/ecs", ""},
		{"function/internal/ledger", module + "/function/internal/ecs", ""},
		{"function/internal/app", module + "/function/internal/ecssim", ""},
		{"function/internal/app", module + "/function/internal/osssim", ""},
		{"function/internal/evidence", module + "/function/internal/ecs", ""},
		{"function/internal/app", module + "/function/internal/drill", ""},
		{"function/internal/app", module + "/function/internal/serve", ""},
		{"function", "", module + "/function/internal/serve"},
		{"function/internal/timeline", module + "/function/internal/report", ""},
		{"function/internal/report", module + "/function/internal/notify", ""},
		{"function/internal/remedy", "os", ""},
		{"function/internal/remedy", "", "log"},
		{"function", "", module + "/function/internal/ecssim"},
		{"function", "", module + "/function/internal/osssim"},
		{"function/internal/app", module + "/function/internal/doctor", ""},
		{"function/internal/doctor", module + "/function/internal/ecs", ""},
		{"function/internal/handle", module + "/function/internal/doctor", ""},
		{"function", "", module + "/function/internal/doctor"},
		{"function", "", "text/template"},
		{"function", "", "html/template"},
		{"function", "", module + "/function/internal/backtest"},
		{"function/internal/app", module + "/function/internal/backtest", ""},
		{"function/cmd/remedy", module + "/function/internal/browsertest", ""},
		{"events", "gopkg.in/yaml.v3", ""},
		{"function/internal/utils", "", ""},
	} {
		packages := map[string]listed{
			row.broken: {Imports: []string{row.imports}, Deps: []string{row.links}},
		}
		if len(breaches(packages)) == 0 {
			t.Errorf(
				"nobody notices that %s imports %q and links %q",
				row.broken,
				row.imports,
				row.links,
			)
		}
	}
}
