package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
)

// leftOut are the variables that the template does not set, and why.
var leftOut = map[string]string{
	"REMEDY_EVIDENCE_TIMEOUT": "accepts nothing but its default yet",
	"REMEDY_EVIDENCE":         "accepts nothing but its default yet, and the role has no bucket to write to",
	"REMEDY_NOTIFY":           "accepts nothing but its default yet",
}

// secrets are the variables whose parameters must not be shown.
var secrets = []string{"REMEDY_LEDGER", "REMEDY_HTTP_TOKEN"}

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
}

// template is the part of template.yml that is checked.
type template struct {
	Parameters map[string]parameter `yaml:"Parameters"`
	Resources  map[string]resource  `yaml:"Resources"`
}

type parameter struct {
	Default       *string  `yaml:"Default"`
	AllowedValues []string `yaml:"AllowedValues"`
	MaxLength     int      `yaml:"MaxLength"`
	NoEcho        bool     `yaml:"NoEcho"`
	Description   string   `yaml:"Description"`
}

type resource struct {
	Type       string         `yaml:"Type"`
	Condition  string         `yaml:"Condition"`
	Properties map[string]any `yaml:"Properties"`
}

func readTemplate(t *testing.T) string {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "template.yml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
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
		c.ots = append(c.ots, "ots:"+call)
	}
	c.key = stringConstant(t, filepath.Join(internal, "ledger", "tablestore.go"), "tablestoreKey")
	return c
}

// selectors are the names that a folder's Go files, tests left out, select from an identifier: X in from.X. Sorted.
func selectors(t *testing.T, folder, from string) []string {
	t.Helper()
	found := map[string]bool{}
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
		ast.Inspect(syntax, func(n ast.Node) bool {
			if selector, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := selector.X.(*ast.Ident); ok && x.Name == from {
					found[selector.Sel.Name] = true
				}
			}
			return true
		})
	}
	if len(found) == 0 {
		t.Fatalf("nothing is selected from %s in %s any more: this test looks in the wrong place", from, folder)
	}
	return slices.Sorted(maps.Keys(found))
}

func stringConstant(t *testing.T, file, name string) string {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	value := ""
	ast.Inspect(syntax, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok && spec.Names[0].Name == name && len(spec.Values) == 1 {
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
	report.New(&line, "request-1").Report(&remedy.Result{Alarm: remedy.AlarmView{Time: time.Unix(1, 0)},
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

// of returns the properties of all resources of a type.
func (t *template) of(kind string) []map[string]any {
	var all []map[string]any
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		if r := t.Resources[name]; r.Type == kind {
			all = append(all, r.Properties)
		}
	}
	return all
}

// the returns the properties of the only resource of a type. If there is none, or more, it returns none, and checks of them
// fail.
func (t *template) the(kind string) map[string]any {
	if all := t.of(kind); len(all) == 1 {
		return all[0]
	}
	return nil
}

// dig follows keys and indexes; nil where there is nothing.
func dig(value any, path ...any) any {
	for _, step := range path {
		switch step := step.(type) {
		case string:
			object, _ := value.(map[string]any)
			value = object[step]
		case int:
			list, _ := value.([]any)
			if step >= len(list) {
				return nil
			}
			value = list[step]
		}
	}
	return value
}

// text is a string, or that of an Fn::Sub before it is filled in.
func text(value any) string {
	if inner := dig(value, "Fn::Sub"); inner != nil {
		value = inner
	}
	if list, ok := value.([]any); ok && len(list) > 0 {
		value = list[0]
	}
	said, _ := value.(string)
	return said
}

// texts is a list's strings, sorted; a single string is a list of one.
func texts(value any) []string {
	list, ok := value.([]any)
	if !ok {
		return []string{text(value)}
	}
	var all []string
	for _, item := range list {
		all = append(all, text(item))
	}
	slices.Sort(all)
	return all
}

// environment is the function's: the name and the raw value of every variable.
func (t *template) environment() map[string]any {
	variables, _ := t.the("ALIYUN::FC3::Function")["EnvironmentVariables"].(map[string]any)
	return variables
}

// statement is one of a role's permissions.
type statement struct {
	actions, resources []string
	condition          any
}

// statements are those of the role that trusts the service.
func (t *template) statements(service string) []statement {
	var all []statement
	for _, role := range t.of("ALIYUN::RAM::Role") {
		if dig(role, "AssumeRolePolicyDocument", "Statement", 0, "Principal", "Service", 0) != service {
			continue
		}
		policies, _ := role["Policies"].([]any)
		for _, policy := range policies {
			list, _ := dig(policy, "PolicyDocument", "Statement").([]any)
			for _, s := range list {
				all = append(all, statement{texts(dig(s, "Action")), texts(dig(s, "Resource")), dig(s, "Condition")})
			}
		}
	}
	return all
}

// actions are those of a product that the function's role allows, sorted.
func (t *template) actions(product string) []string {
	var all []string
	for _, s := range t.statements("fc.aliyuncs.com") {
		for _, action := range s.actions {
			if strings.HasPrefix(action, product+":") {
				all = append(all, action)
			}
		}
	}
	slices.Sort(all)
	return all
}

func same(what string, template, code []string) error {
	if !slices.Equal(template, code) {
		return fmt.Errorf("%s: the template has %q, the code %q", what, template, code)
	}
	return nil
}

// templateChecks are the ways in which template.yml must agree with the code.
var templateChecks = []struct {
	name  string
	check func(*template, *code) error
}{
	{"the code knows every variable", func(t *template, c *code) error {
		for name := range t.environment() {
			if !slices.ContainsFunc(c.variables, func(v config.Variable) bool { return v.Name == name }) {
				return fmt.Errorf("%s is no variable", name)
			}
		}
		return nil
	}},
	{"every variable is set or left out by name", func(t *template, c *code) error {
		environment := t.environment()
		for _, v := range c.variables {
			_, set := environment[v.Name]
			if _, left := leftOut[v.Name]; set == left {
				return fmt.Errorf("%s: set %v, listed as left out %v", v.Name, set, left)
			}
		}
		return nil
	}},
	{"defaults agree", func(t *template, c *code) error {
		environment := t.environment()
		for _, v := range c.variables {
			value, set := environment[v.Name]
			if !set || v.Name == "REMEDY_LEDGER" { // its default is the stack's own table
				continue
			}
			got := fmt.Sprint(value)
			if name, ok := dig(value, "Ref").(string); ok {
				p, ok := t.Parameters[name]
				if !ok || p.Default == nil {
					return fmt.Errorf("%s: parameter %s has no default", v.Name, name)
				}
				got = *p.Default
			}
			want := v.Default
			if _, err := config.Load([]string{v.Name + "=" + want, "REMEDY_LEDGER=mem:"}); err != nil {
				want = "" // the default is a word for "not set", such as none, which is no value
			}
			if got != want {
				return fmt.Errorf("%s: %q in the template, %q in the code", v.Name, got, want)
			}
		}
		return nil
	}},
	{"the code takes every allowed value", func(t *template, c *code) error {
		for name, value := range t.environment() {
			parameter, _ := dig(value, "Ref").(string)
			for _, allowed := range t.Parameters[parameter].AllowedValues {
				if _, err := config.Load([]string{name + "=" + allowed, "REMEDY_LEDGER=mem:"}); err != nil {
					return fmt.Errorf("parameter %s allows what the code refuses: %w", parameter, err)
				}
			}
		}
		return nil
	}},
	{"nothing is armed by default", func(t *template, c *code) error {
		if p := t.Parameters["Mode"]; p.Default == nil || *p.Default != string(remedy.ModeObserve) {
			return fmt.Errorf("parameter Mode: default %v", p.Default)
		}
		return nil
	}},
	{"the default ledger is the stack's table", func(t *template, c *code) error {
		url := text(dig(t.environment(), "REMEDY_LEDGER", "Fn::If", 1))
		filled := strings.NewReplacer("${Ledger.InstanceName}", "remedy-4a6c9851", "${ALIYUN::Region}", "cn-hangzhou",
			"${LedgerTable.TableName}", fmt.Sprint(t.the("ALIYUN::OTS::Table")["TableName"])).Replace(url)
		settings, err := config.Load([]string{"REMEDY_LEDGER=" + filled, "REMEDY_MODE=enforce"})
		if err != nil {
			return err
		}
		for _, s := range t.statements("fc.aliyuncs.com") {
			if slices.Contains(s.actions, "ots:PutRow") && !strings.HasSuffix(s.resources[0], "/table/"+settings.Ledger.Table) {
				return fmt.Errorf("the role may write %s, the ledger is %s", s.resources[0], settings.Ledger.Name)
			}
		}
		return nil
	}},
	{"secrets are not shown", func(t *template, c *code) error {
		environment := t.environment()
		for _, name := range secrets {
			parameter, ok := dig(environment, name, "Ref").(string)
			if !ok {
				parameter, _ = dig(environment, name, "Fn::If", 2, "Ref").(string)
			}
			if !t.Parameters[parameter].NoEcho {
				return fmt.Errorf("%s comes from parameter %q, which is shown", name, parameter)
			}
		}
		return nil
	}},
	{"the longest environment fits into 4 KB", func(t *template, c *code) error {
		size := 0
		for name, value := range t.environment() {
			size += len(name)
			parameter, ok := dig(value, "Ref").(string)
			if !ok {
				parameter, ok = dig(value, "Fn::If", 2, "Ref").(string)
			}
			p := t.Parameters[parameter]
			switch {
			case !ok:
				size += len(fmt.Sprint(value))
			case p.MaxLength > 0:
				size += p.MaxLength
			case len(p.AllowedValues) > 0:
				size += len(slices.MaxFunc(p.AllowedValues, func(a, b string) int { return len(a) - len(b) }))
			default:
				return fmt.Errorf("parameter %s may be of any length", parameter)
			}
		}
		if size > 4096 {
			return fmt.Errorf("%d bytes", size)
		}
		return nil
	}},
	{"every parameter is described", func(t *template, c *code) error {
		for name, p := range t.Parameters {
			if p.Description == "" {
				return fmt.Errorf("parameter %s is not", name)
			}
		}
		return nil
	}},
	{"the role allows the ECS actions that the code calls", func(t *template, c *code) error {
		return same("ECS actions", t.actions("ecs"), c.ecs)
	}},
	{"the role allows the Tablestore actions that the code calls", func(t *template, c *code) error {
		return same("Tablestore actions", t.actions("ots"), c.ots)
	}},
	{"only opted-in instances can be rebooted", func(t *template, c *code) error {
		tag := t.environment()["REMEDY_OPT_IN_TAG"]
		if c.policy.OptInTag != tag || c.policy.Untagged != remedy.GrantNone {
			return fmt.Errorf("the code's tag is %q, the template's %v; untagged instances get %q",
				c.policy.OptInTag, tag, c.policy.Untagged)
		}
		for _, s := range t.statements("fc.aliyuncs.com") {
			if !slices.Contains(s.actions, "ecs:RebootInstance") {
				continue
			}
			values := texts(dig(s.condition, "StringEquals", fmt.Sprint("acs:ResourceTag/", tag)))
			if err := same("opt-in values", values, []string{string(remedy.GrantGraceful), string(remedy.GrantFull)}); err != nil {
				return err
			}
		}
		return nil
	}},
	{"permissions name what they are about", func(t *template, c *code) error {
		for _, service := range []string{"fc.aliyuncs.com", "mns.aliyuncs.com"} {
			for _, s := range t.statements(service) {
				for _, action := range s.actions {
					if strings.Contains(action, "*") {
						return fmt.Errorf("action %s", action)
					}
				}
				for _, resource := range s.resources {
					bounded := strings.Contains(resource, ":${ALIYUN::Region}:${ALIYUN::AccountId}:")
					if star := strings.Contains(resource, "*"); !bounded || star && !strings.Contains(resource, ":instance/*") {
						return fmt.Errorf("resource %s", resource)
					}
				}
			}
		}
		return nil
	}},
	{"the event rules have exactly the curable events", func(t *template, c *code) error {
		var have, want []string
		for _, rule := range t.of("ALIYUN::CMS::EventRule") {
			patterns, _ := rule["EventPattern"].([]any)
			for _, pattern := range patterns {
				for _, name := range texts(dig(pattern, "NameList")) {
					have = append(have, fmt.Sprint(dig(pattern, "Product"), " ", name))
				}
			}
		}
		for _, row := range c.curable {
			switch {
			case row.Status == "":
			case row.Product == "ECS": // CloudMonitor names a system event of ECS with its status
				want = append(want, row.Product+" "+row.Event+":"+row.Status)
			default:
				want = append(want, row.Product+" "+row.Event)
			}
		}
		slices.Sort(have)
		slices.Sort(want)
		return same("events", have, want)
	}},
	{"EventBridge has exactly the curable events of ECS", func(t *template, c *code) error {
		var have, want []string
		for _, trigger := range t.of("ALIYUN::FC3::Trigger") {
			text, ok := dig(trigger, "TriggerConfig", "eventRuleFilterPattern").(string)
			if !ok {
				continue
			}
			var pattern struct {
				Type []string
				Data struct{ EventStatus []string }
			}
			if err := json.Unmarshal([]byte(text), &pattern); err != nil {
				return err
			}
			for _, event := range pattern.Type {
				for _, status := range pattern.Data.EventStatus {
					have = append(have, event+" "+status)
				}
			}
		}
		for _, row := range c.curable {
			if row.Status != "" && row.Product == "ECS" {
				want = append(want, "ecs:"+row.Event+" "+row.Status)
			}
		}
		slices.Sort(have)
		slices.Sort(want)
		return same("events", have, want)
	}},
	{"alarms reach the topic that triggers the function", func(t *template, c *code) error {
		topic := text(t.the("ALIYUN::MNS::Topic")["TopicName"])
		reads := 0
		for _, trigger := range t.of("ALIYUN::FC3::Trigger") {
			if trigger["TriggerType"] == "mns_topic" && strings.HasSuffix(text(trigger["SourceArn"]), ":/topics/"+topic) {
				reads++
			}
		}
		if reads != 1 {
			return fmt.Errorf("%d triggers read the topic %s", reads, topic)
		}
		targets := t.of("ALIYUN::CMS::EventRuleTargets")
		for _, target := range targets {
			if got := text(dig(target, "MnsParameters", 0, "Topic")); got != topic {
				return fmt.Errorf("events go to %s, the topic is %s", got, topic)
			}
		}
		if rules := t.of("ALIYUN::CMS::EventRule"); len(rules) != len(targets) {
			return fmt.Errorf("%d event rules have %d targets", len(rules), len(targets))
		}
		return nil
	}},
	{"the first metric rule's alarms count", func(t *template, c *code) error {
		for _, metric := range t.Parameters["FirstRuleMetric"].AllowedValues {
			if !slices.Contains(c.policy.Metrics, metric) {
				return fmt.Errorf("the code does not act on metric %s", metric)
			}
		}
		escalations, _ := t.the("ALIYUN::CMS::ResourceMetricRule")["Escalations"].(map[string]any)
		if len(escalations) == 0 {
			return errors.New("it never alarms")
		}
		for level := range escalations {
			if !slices.Contains(c.policy.Levels, strings.ToUpper(level)) {
				return fmt.Errorf("the code does not act on level %s", level)
			}
		}
		return nil
	}},
	{"no event of ECS arrives twice", func(t *template, c *code) error {
		rule, trigger := t.Resources["SystemEvents"].Condition, t.Resources["EventBridgeEvents"].Condition
		if rule == "" || trigger == "" || rule == trigger {
			return fmt.Errorf("the rule is there if %q, EventBridge's trigger if %q", rule, trigger)
		}
		if p := t.Parameters["EcsEvents"]; p.Default == nil || *p.Default != "cloudmonitor" {
			return fmt.Errorf("parameter EcsEvents: default %v", p.Default)
		}
		return nil
	}},
	{"the handler is the file in the package", func(t *template, c *code) error {
		function := t.the("ALIYUN::FC3::Function")
		if got := function["Handler"]; got != c.handler || function["Runtime"] != "go1" {
			return fmt.Errorf("runtime %v calls %v, the package holds %s", function["Runtime"], got, c.handler)
		}
		return nil
	}},
	{"an invocation outlasts the longest ladder", func(t *template, c *code) error {
		if got, ladder := seconds(t.the("ALIYUN::FC3::Function")["Timeout"]), longestLadder(&c.policy)+c.reserve; got < ladder {
			return fmt.Errorf("the timeout is %v, the ladder takes %v", got, ladder)
		}
		return nil
	}},
	{"an incident put off at its deadline is not too old to come back", func(t *template, c *code) error {
		age := seconds(t.the("ALIYUN::FC3::AsyncInvokeConfig")["MaxAsyncEventAgeInSeconds"])
		timeout := seconds(t.the("ALIYUN::FC3::Function")["Timeout"])
		if age < 2*timeout {
			return fmt.Errorf("an event may be %v old, and the timeout is %v", age, timeout)
		}
		return nil
	}},
	{"the table is the ledger's", func(t *template, c *code) error {
		table := t.the("ALIYUN::OTS::Table")
		keys, _ := table["PrimaryKey"].([]any)
		if len(keys) != 1 || dig(keys[0], "Name") != c.key || dig(keys[0], "Type") != "STRING" || table["MaxVersions"] != 1 {
			return fmt.Errorf("primary key %v with %v versions, the ledger needs one STRING %s and one version",
				keys, table["MaxVersions"], c.key)
		}
		// Whatever a decision may rest on must outlive it.
		if kept := seconds(table["TimeToLive"]); kept >= 0 && kept < c.policy.KeyRetention()+c.policy.IncidentLimit {
			return fmt.Errorf("a row lives %v, an alarm's key %v", kept, c.policy.KeyRetention())
		}
		return nil
	}},
	{"the index has the audit line's fields", func(t *template, c *code) error {
		var names []string
		keys, _ := t.the("ALIYUN::SLS::Index")["KeyIndices"].([]any)
		for _, key := range keys {
			fields, _ := dig(key, "JsonKeyIndices").([]any)
			for _, field := range fields {
				names = append(names, fmt.Sprint(dig(field, "Name")))
			}
		}
		slices.Sort(names)
		return same("fields", names, c.fields)
	}},
}

func seconds(value any) time.Duration {
	n, _ := value.(int)
	return time.Duration(n) * time.Second
}

// longestLadder is how long an incident lasts when every attempt runs its whole time: the last one begins when all others are
// over, or at the incident's limit, may be sent for a call's time, and may be followed by a boot. What takes longer than an
// invocation, because ECS throttles, say, is put off and delivered again.
func longestLadder(p *remedy.Policy) time.Duration {
	attempt := p.CallLimit() + p.AttemptTimeout
	last := min(p.IncidentLimit, time.Duration(p.MaxAttempts-1)*attempt)
	return last + attempt + p.BootGrace
}

// failing are the names of the checks that fail.
func failing(text string, c *code) (map[string]error, error) {
	t := new(template)
	if err := yaml.Unmarshal([]byte(text), t); err != nil {
		return nil, err
	}
	all := map[string]error{}
	for _, check := range templateChecks {
		if err := check.check(t, c); err != nil {
			all[check.name] = err
		}
	}
	return all, nil
}

// TestTemplate holds template.yml against the code.
func TestTemplate(t *testing.T) {
	all, err := failing(readTemplate(t), readCode(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range all {
		t.Errorf("%s: %v", name, err)
	}
}

// TestTemplateChecks changes one side only, and expects exactly the checks that are about it to fail.
func TestTemplateChecks(t *testing.T) {
	original := readTemplate(t)
	variable := func(c *code, name string) *config.Variable {
		i := slices.IndexFunc(c.variables, func(v config.Variable) bool { return v.Name == name })
		return &c.variables[i]
	}
	const (
		known, set, defaults = "the code knows every variable", "every variable is set or left out by name", "defaults agree"
		handler, actions     = "the handler is the file in the package", "the role allows the ECS actions that the code calls"
		optIn, named         = "only opted-in instances can be rebooted", "permissions name what they are about"
		cured                = "the event rules have exactly the curable events"
		bridged              = "EventBridge has exactly the curable events of ECS"
		lasts                = "an invocation outlasts the longest ladder"
		tooOld               = "an incident put off at its deadline is not too old to come back"
		ledger, table        = "the default ledger is the stack's table", "the table is the ledger's"
		indexed              = "the index has the audit line's fields"
	)
	for _, tt := range []struct {
		name     string
		old, new string      // in the template; all places
		code     func(*code) // instead of a change in the template
		want     []string
	}{
		{"a variable's name in the template", "REMEDY_POLL:", "REMEDY_POOL:", nil, []string{known, set}},
		{"a variable's name in the code", "", "", func(c *code) { variable(c, "REMEDY_POLL").Name = "REMEDY_POOL" },
			[]string{known, set}},
		{"a variable is gone from the template", "        REMEDY_FORCE: {Ref: Force}\n", "", nil, []string{set}},
		{"a variable is new in the code", "", "", func(c *code) {
			c.variables = append(c.variables, config.Variable{Name: "REMEDY_NEW", Default: "1"})
		}, []string{set}},
		{"a variable that is left out is set", "        REMEDY_POLL:", "        REMEDY_NOTIFY: none\n        REMEDY_POLL:", nil,
			[]string{set}},
		{"a default in the template", "Default: 45m", "Default: 46m", nil, []string{defaults}},
		{"a default in the code", "", "", func(c *code) { variable(c, "REMEDY_INCIDENT_LIMIT").Default = "46m" },
			[]string{defaults}},
		{"a default where the code has none", "REMEDY_HTTP_TOKEN: {Ref: HttpToken}", "REMEDY_HTTP_TOKEN: 0123456789abcdef", nil,
			[]string{defaults, "secrets are not shown"}},
		{"an allowed value", "[allow, never]", "[allow, no]", nil, []string{"the code takes every allowed value"}},
		{"armed by default", "Default: observe", "Default: enforce", nil, []string{defaults, "nothing is armed by default"}},
		{"a secret is shown", "NoEcho: true\n    MaxLength: 200", "MaxLength: 200", nil, []string{"secrets are not shown"}},
		{"an environment that may not fit", "MaxLength: 400", "MaxLength: 4000", nil,
			[]string{"the longest environment fits into 4 KB"}},
		{"a parameter of any length", "    MaxLength: 400\n", "", nil, []string{"the longest environment fits into 4 KB"}},
		{"a parameter without description", "    Description: VPC in which", "    Label: VPC in which", nil,
			[]string{"every parameter is described"}},
		{"another ledger's address", "'ots://${Ledger", "'mns://${Ledger", nil, []string{ledger}},
		{"another table in the role", "/table/incidents", "/table/incident", nil, []string{ledger}},

		{"an ECS action in the template", "- ecs:DescribeInstances\n", "- ecs:DescribeInstanceStatus\n", nil,
			[]string{actions}},
		{"an ECS action more in the template", "[ecs:RebootInstance]", "[ecs:RebootInstance, ecs:StopInstance]", nil,
			[]string{actions}},
		{"an ECS action more in the code", "", "", func(c *code) { c.ecs = append(c.ecs, "ecs:StopInstance") },
			[]string{actions}},
		{"a Tablestore action in the template", "ots:PutRow]", "ots:UpdateRow]", nil,
			[]string{"the role allows the Tablestore actions that the code calls"}},
		{"a Tablestore action in the code", "", "", func(c *code) { c.ots = []string{"ots:GetRow", "ots:UpdateRow"} },
			[]string{"the role allows the Tablestore actions that the code calls"}},
		{"the tag in the policy", "acs:ResourceTag/auto-restart", "acs:ResourceTag/auto-reboot", nil, []string{optIn}},
		{"the tag in the environment", "REMEDY_OPT_IN_TAG: auto-restart", "REMEDY_OPT_IN_TAG: auto-reboot", nil,
			[]string{defaults, optIn}},
		{"the tag in the code", "", "", func(c *code) { c.policy.OptInTag = "auto-reboot" }, []string{optIn}},
		{"graceful instances cannot be rebooted", "['true', graceful]", "['true']", nil, []string{optIn}},
		{"anything can be rebooted", "acs:ResourceTag/auto-restart: ['true', graceful]", "acs:RequestTag/x: ['y']", nil,
			[]string{optIn}},
		{"every resource", "['true', graceful]  # opt-in tag\n", "['true', graceful]\n" +
			"              - {Effect: Allow, Action: [log:GetLogs], Resource: ['*']}\n", nil, []string{named}},
		{"every action", "log:PostLogStoreLogs", "'log:*'", nil, []string{named}},
		{"another account", "acs:ots:${ALIYUN::Region}:${ALIYUN::AccountId}", "acs:ots:${ALIYUN::Region}:*", nil,
			[]string{named}},

		{"an event in the template", "NameList: [Agent_Status_Stopped]", "NameList: [Agent_Status_Running]", nil,
			[]string{cured}},
		{"a status in the template", "PerformanceImpact:Executing'", "PerformanceImpact:Executed'", nil, []string{cured}},
		{"EventBridge's event", `"ecs:Instance:InstanceFailure.PerformanceImpact"`, `"ecs:Instance:InstanceFailure.Reboot"`, nil,
			[]string{bridged}},
		{"an event more in the code", "", "", func(c *code) { c.curable[2].Status = "Executing" }, []string{cured, bridged}},
		{"an event less in the code", "", "", func(c *code) { c.curable[0].Status = "" }, []string{cured, bridged}},
		{"events of ECS by both ways", "Condition: EventsByEventBridge", "Condition: EventsByCloudMonitor", nil,
			[]string{"no event of ECS arrives twice"}},
		{"another topic", "TopicName: {Fn::Sub: '${FunctionName}-alarms'}", "TopicName: {Fn::Sub: '${FunctionName}-events'}", nil,
			[]string{"alarms reach the topic that triggers the function"}},
		{"a metric of the first rule", "[cpu_total, CPUUtilization]", "[cpu_total, load_5m]", nil,
			[]string{"the first metric rule's alarms count"}},
		{"the levels in the code", "", "", func(c *code) { c.policy.Levels = []string{"WARN"} },
			[]string{"the first metric rule's alarms count"}},

		{"the handler in the template", "Handler: main", "Handler: index.handler", nil, []string{handler}},
		{"the handler in the code", "", "", func(c *code) { c.handler = "bootstrap" }, []string{handler}},
		{"the runtime", "Runtime: go1", "Runtime: custom.debian12", nil, []string{handler}},
		// 5 attempts of 5m10s, 15m to boot, 15s to write it down: 2465 s
		{"a timeout that the ladder just fits into", "Timeout: 3600", "Timeout: 2465", nil, nil},
		{"a timeout a second shorter", "Timeout: 3600", "Timeout: 2464", nil, []string{lasts}},
		{"a longer ladder in the code", "", "", func(c *code) { c.policy.BootGrace = 35 * time.Minute }, []string{lasts}},
		{"an event age a second below twice the timeout", "InSeconds: 7200", "InSeconds: 7199", nil, []string{tooOld}},
		{"the primary key in the template", "{Name: key, Type: STRING}", "{Name: id, Type: STRING}", nil, []string{table}},
		{"the primary key in the code", "", "", func(c *code) { c.key = "id" }, []string{table}},
		{"a primary key of another type", "{Name: key, Type: STRING}", "{Name: key, Type: BINARY}", nil, []string{table}},
		{"several versions of a row", "MaxVersions: 1", "MaxVersions: 2", nil, []string{table}},
		{"rows that go before what counts", "TimeToLive: 2592000", "TimeToLive: 86400", nil, []string{table}},
		{"rows that stay", "TimeToLive: 2592000", "TimeToLive: -1", nil, nil},
		{"an index field in the template", "{Name: verdict,", "{Name: outcome,", nil, []string{indexed}},
		{"a field more in the audit line", "", "", func(c *code) { c.fields = append(c.fields, "zone") }, []string{indexed}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed, c := original, readCode(t)
			if tt.code != nil {
				tt.code(c)
			} else if changed = strings.ReplaceAll(original, tt.old, tt.new); changed == original {
				t.Fatalf("the template has no %q", tt.old)
			}
			all, err := failing(changed, c)
			if err != nil {
				t.Fatal(err)
			}
			slices.Sort(tt.want)
			if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, tt.want) {
				t.Errorf("failing: %q\nwant     %q\n%v", got, tt.want, all)
			}
		})
	}
}
