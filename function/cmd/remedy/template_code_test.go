package main

import (
	"bytes"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/remedy"
)

// code is what the template must agree with, as the code says it.
type code struct {
	variables []config.Variable
	policy    remedy.Policy // the default one
	reserve   time.Duration
	curable   []remedy.Curable
	handler   string
	ecs       []string // actions that the code can call, as a policy names them, sorted
	ots       []string
	key       string   // primary key of the ledger's table
	fields    []string // of an audit line, lists left out, sorted
	verdicts  []string
}

// What the template has ahead of the code. None of it does harm: a variable is empty, and so
// dropped, until its parameter asks for it, and a grant is there only with evidence. An entry that
// the code has by now must be removed, which a check sees to.
var (
	settingsAhead = []string{}
	actionsAhead  = []string{}
	fieldsAhead   = []string{}
	verdictsAhead = []string{}
)

// isAhead reports whether a value that the template can give a variable is one that the code does
// not take yet. Of those of a ledger, it is the ones with an option.
func isAhead(variable, value string) bool {
	return value != "" && slices.ContainsFunc(settingsAhead, func(setting string) bool {
		name, example, _ := strings.Cut(setting, "=")
		return name == variable && (!strings.Contains(example, "?") || strings.Contains(value, "?"))
	})
}

// catchUpMutations are those that the check of what is ahead must see: the code has it by now.
func catchUpMutations() []mutation {
	var all []mutation
	add := func(names []string, into func(*code) *[]string) {
		for _, name := range names {
			all = append(all, inCode("the code has caught up with "+name,
				func(c *code) { *into(c) = append(*into(c), name) }, checkAhead))
		}
	}
	add(actionsAhead, func(c *code) *[]string { return &c.ecs })
	add(fieldsAhead, func(c *code) *[]string { return &c.fields })
	add(verdictsAhead, func(c *code) *[]string { return &c.verdicts })
	return all
}

// clone is a copy that can be changed.
func (c *code) clone() *code {
	copied := *c
	copied.variables, copied.curable = slices.Clone(c.variables), slices.Clone(c.curable)
	copied.ecs, copied.ots = slices.Clone(c.ecs), slices.Clone(c.ots)
	copied.fields, copied.verdicts = slices.Clone(c.fields), slices.Clone(c.verdicts)
	return &copied
}

// variable is one to change.
func (c *code) variable(name string) *config.Variable {
	i := slices.IndexFunc(c.variables, func(v config.Variable) bool { return v.Name == name })
	return &c.variables[i]
}

func readCode(t *testing.T) *code {
	t.Helper()
	settings, err := config.Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	internal := filepath.Join(root, "function", "internal")
	c := &code{
		variables: config.Variables(), policy: settings.Policy, reserve: settings.Reserve,
		curable: slices.Clone(remedy.CurableEvents), handler: handlerName, fields: auditFields(t),
		verdicts: typedConstants(t, filepath.Join(internal, "remedy"), "Verdict"),
	}
	// Every request to ECS is made by ecs.CreateXRequest, and every one to Tablestore by api.X.
	for _, call := range selectors(t, filepath.Join(internal, "ecs"), "ecs") {
		if action, ok := strings.CutPrefix(call, "Create"); ok {
			if action, ok = strings.CutSuffix(action, "Request"); ok {
				c.ecs = append(c.ecs, "ecs:"+action)
			}
		}
	}
	for _, call := range selectors(t, filepath.Join(internal, "ledger"), "api") {
		// Only the operator's commands list keys, with their own permissions.
		if call != "GetRange" {
			c.ots = append(c.ots, "ots:"+call)
		}
	}
	c.key = stringConstant(t, filepath.Join(internal, "ledger", "tablestore.go"), "tablestoreKey")
	return c
}

// inspect walks through the syntax of a folder's Go files, tests left out.
func inspect(t *testing.T, folder string, visit func(ast.Node) bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(syntax, visit)
	}
}

// selectors are the names that a folder's files select from an identifier: X in from.X. Sorted.
func selectors(t *testing.T, folder, from string) []string {
	t.Helper()
	found := map[string]bool{}
	inspect(t, folder, func(n ast.Node) bool {
		if selector, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := selector.X.(*ast.Ident); ok && x.Name == from {
				found[selector.Sel.Name] = true
			}
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("nothing is selected from %s in %s any more: this test looks in the wrong place",
			from, folder)
	}
	return slices.Sorted(maps.Keys(found))
}

// typedConstants are the values of a folder's string constants of a type, sorted.
func typedConstants(t *testing.T, folder, of string) []string {
	t.Helper()
	var found []string
	inspect(t, folder, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		kind, ok := spec.Type.(*ast.Ident)
		literal, isLiteral := spec.Values[0].(*ast.BasicLit)
		if ok && isLiteral && kind.Name == of {
			value, _ := strconv.Unquote(literal.Value)
			found = append(found, value)
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("%s has no constants of type %s any more: this test looks in the wrong place",
			folder, of)
	}
	slices.Sort(found)
	return found
}

func stringConstant(t *testing.T, file, name string) string {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	value := ""
	ast.Inspect(syntax, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && spec.Names[0].Name == name && len(spec.Values) == 1 {
			if literal, ok := spec.Values[0].(*ast.BasicLit); ok {
				value, _ = strconv.Unquote(literal.Value)
			}
		}
		return true
	})
	if value == "" {
		t.Fatalf("%s has no constant %s any more: this test looks in the wrong place", file, name)
	}
	return value
}

// auditFields writes an audit line and returns the paths of everything in it that is no list.
func auditFields(t *testing.T) []string {
	t.Helper()
	var line bytes.Buffer
	english.Reporter(&line, "request-1", "213c343").Report(&remedy.Result{
		Alarm:    remedy.AlarmView{Time: time.Unix(1, 0)},
		Attempts: []remedy.AttemptView{}, Findings: []remedy.Finding{}})
	var parsed map[string]any
	if err := json.Unmarshal(line.Bytes(), &parsed); err != nil {
		t.Fatal(err)
	}
	var fields []string
	var collect func(prefix string, object map[string]any)
	collect = func(prefix string, object map[string]any) {
		for name, value := range object {
			switch value := value.(type) {
			case []any:
			case map[string]any:
				collect(prefix+name+".", value)
			default:
				fields = append(fields, prefix+name)
			}
		}
	}
	collect("", parsed)
	slices.Sort(fields)
	return fields
}
