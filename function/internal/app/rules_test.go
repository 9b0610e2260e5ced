package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
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

// columns is how wide a line of Go may be; a tab is tabWidth of them, and any other rune one.
const columns, tabWidth = 100, 4

// slips lists what breaks the rules for a file of Go.
//
// No line is wider than columns, but for those that belong to a raw string of several lines, a
// line break in which would be part of its value, those with the tag of a field, and those of a
// generated file.
//
// Nothing calls time.Sleep, tests or not: it cannot be given up, and a test that sleeps is slow or
// fails on a busy machine, or both.
func slips(name string, source []byte) (found []string, err error) {
	files := gotoken.NewFileSet()
	file, err := parser.ParseFile(files, name, source, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	fixed := map[int]bool{} // the lines that cannot be wrapped
	line := func(at gotoken.Pos) int { return files.PositionFor(at, false).Line }
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if from, to := line(n.Pos()), line(n.End()); from < to {
				for i := from; i <= to; i++ {
					fixed[i] = true
				}
			}
		case *ast.Field:
			if n.Tag != nil {
				fixed[line(n.Tag.Pos())] = true
			}
		case *ast.SelectorExpr:
			if of, is := n.X.(*ast.Ident); is && of.Name == "time" && n.Sel.Name == "Sleep" {
				found = append(found, fmt.Sprintf("%s:%d sleeps", name, line(n.Pos())))
			}
		}
		return true
	})
	if ast.IsGenerated(file) {
		return found, nil
	}
	number := 0
	for text := range bytes.Lines(source) {
		number++
		text = bytes.TrimRight(text, "\r\n")
		wide := utf8.RuneCount(text) + (tabWidth-1)*bytes.Count(text, []byte("\t"))
		if wide > columns && !fixed[number] {
			found = append(found, fmt.Sprintf("%s:%d has %d columns", name, number, wide))
		}
	}
	return found, nil
}

// passesTime reports whether a file waits for time to pass, and whether it knows virtual time.
func passesTime(name string, source []byte) (waits, virtual bool, err error) {
	file, err := parser.ParseFile(gotoken.NewFileSet(), name, source, parser.SkipObjectResolution)
	if err != nil {
		return false, false, err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if call, is := n.(*ast.SelectorExpr); is {
			of, is := call.X.(*ast.Ident)
			waits = waits || is && of.Name == "time" && slices.Contains(
				[]string{"After", "NewTicker", "NewTimer", "Tick"}, call.Sel.Name)
		}
		return true
	})
	virtual = slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
		return i.Path.Value == `"testing/synctest"`
	})
	return waits, virtual, nil
}

// realTime is the folder of the tests of processes: these are not in the bubble of a test, so real
// time is the pace of their world.
const realTime = "function"

// TestSourceRules reads every file of Go in the repository: see slips. And wherever tests wait for
// time to pass, the tests of that package have virtual time for it, but for those of processes.
func TestSourceRules(t *testing.T) {
	const root = "../../.."
	read := 0
	waits, virtual := map[string]string{}, map[string]bool{} // by folder
	err := filepath.WalkDir(root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := entry.Name()
		if entry.IsDir() && name != root && strings.HasPrefix(base, ".") {
			return fs.SkipDir
		}
		if entry.IsDir() || filepath.Ext(base) != ".go" {
			return nil
		}
		read++
		source, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		inside, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		inside = filepath.ToSlash(inside)
		found, err := slips(inside, source)
		for _, slip := range found {
			t.Error(slip)
		}
		if err != nil || !strings.HasSuffix(base, "_test.go") {
			return err
		}
		waiting, knows, err := passesTime(inside, source)
		if folder := path.Dir(inside); waiting {
			waits[folder] = inside
		}
		virtual[path.Dir(inside)] = virtual[path.Dir(inside)] || knows
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if read < 100 {
		t.Fatalf("there are %d files only", read)
	}
	for folder, name := range waits {
		if !virtual[folder] && folder != realTime {
			t.Errorf("%s waits, and no test of its package has virtual time", name)
		}
	}
}

// TestSourceRulesCanFail: each rule is broken on purpose, and noticed; what it excepts is not.
func TestSourceRulesCanFail(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, row := range []struct{ why, text, want string }{
		{"as wide as it may be", "// " + x(97), ""},
		{"one column more", "// " + x(98), "a.go:2 has 101 columns"},
		{"a tab is four columns", "//\t" + x(95), "a.go:2 has 101 columns"},
		{"a rune is one, whatever its bytes", "// " + strings.Repeat("用", 97), ""},
		{"a raw string in one line can be wrapped", "var a = `" + x(92) + "`",
			"a.go:2 has 102 columns"},
		{"one of two lines cannot", "var a = `" + x(100) + "\n" + x(101) + "`", ""},
		{"what comes after it can", "var a = `" + x(100) + "\n`\n// " + x(98),
			"a.go:4 has 101 columns"},
		{"the tag of a field cannot", "type a struct {\n\tA int `json:\"" + x(100) + "\"`\n}", ""},
		{"a generated file is as it is made",
			"// Code generated by qtc. DO NOT EDIT.\n\n// " + x(98), ""},
		{"a sleep", "import \"time\"\n\nfunc a() { time." + "Sleep(1) }", "a.go:4 sleeps"},
	} {
		source := "package a\n" + row.text + "\n"
		if strings.HasPrefix(row.text, "// Code generated") {
			source = row.text + "\npackage a\n"
		}
		found, err := slips("a.go", []byte(source))
		if got := strings.Join(found, "; "); err != nil || got != row.want {
			t.Errorf("%s: %q (%v), want %q", row.why, got, err, row.want)
		}
	}
	for text, want := range map[string][2]bool{
		"import \"time\"\n\nfunc a() { <-time.After(1) }":         {true, false},
		"import \"time\"\n\nvar a = time.NewTicker(1)":            {true, false},
		"import \"time\"\n\nvar a = time.AfterFunc(1, nil)":       {false, false}, // a limit
		"import \"testing/synctest\"\n\nvar a = synctest.Wait":    {false, true},
		"import \"time\"\n\nvar a = time.Now().After(time.Now())": {false, false},
	} {
		waits, virtual, err := passesTime("a_test.go", []byte("package a\n"+text))
		if got := [2]bool{waits, virtual}; err != nil || got != want {
			t.Errorf("%q: %v (%v), want %v", text, got, err, want)
		}
	}
}
