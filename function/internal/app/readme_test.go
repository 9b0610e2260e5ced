package app_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/remedy"
)

var update = flag.Bool("update", false, "rewrite the generated parts of README.md")

const readme = "../../../README.md"

// TestREADME: what the README says of variables and events is what the code says. With -update it
// is made so.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	now := string(text)
	for name, part := range map[string]string{"variables": variablesTable(),
		"events": eventsTable()} {
		begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
		before, rest, found := strings.Cut(now, begin)
		_, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Fatalf("README.md has no part %s", name)
		}
		now = before + begin + part + end + after
	}
	if now == string(text) {
		return
	}
	if !*update {
		t.Fatal("README.md does not say what the code does: run go test ./function/internal/app " +
			"-run README -update, and read the change")
	}
	if err := os.WriteFile(readme, []byte(now), 0o644); err != nil {
		t.Fatal(err)
	}
}

func variablesTable() string {
	var b strings.Builder
	b.WriteString("| name | default | meaning |\n|---|---|---|\n")
	for _, v := range config.Variables() {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", v.Name, strings.ReplaceAll(v.Default, "|", `\|`),
			strings.ReplaceAll(v.Meaning, "|", `\|`))
	}
	return b.String()
}

// eventsTable has a row for each event that is acted on. The others, which are never, stand in a
// row for each family: what a name has before its first dot or, without one, its colon.
func eventsTable() string {
	var b strings.Builder
	b.WriteString("| product | event | acts on | why |\n|---|---|---|---|\n")
	type group struct {
		product    string
		names, why []string
	}
	var never []group
	families := map[string]int{}
	for _, e := range remedy.CurableEvents {
		name := "`" + e.Event + "`"
		if e.Status != "" {
			acts := "`" + e.Status + "`"
			if e.Weak {
				acts += ", weak"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", e.Product, name, acts, e.Why)
			continue
		}
		family, _, found := strings.Cut(e.Event, ".")
		if !found {
			family, _, _ = strings.Cut(e.Event, ":")
		}
		at, known := families[family]
		if !known {
			at = len(never)
			families[family] = at
			never = append(never, group{product: e.Product})
		}
		never[at].names = append(never[at].names, name)
		if !slices.Contains(never[at].why, e.Why) {
			never[at].why = append(never[at].why, e.Why)
		}
	}
	for _, g := range never {
		fmt.Fprintf(&b, "| %s | %s | never | %s |\n", g.product, strings.Join(g.names, ", "),
			strings.Join(g.why, "; "))
	}
	return b.String()
}
