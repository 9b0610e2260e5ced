package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/remedy"
)

// leftOut are the variables that the template does not set, and why.
var leftOut = map[string]string{
	"REMEDY_EVIDENCE_TIMEOUT": "a function reaches OSS of its own region well within the " +
		"default, and the environment has little room",
}

// secrets are the variables whose parameters must not be shown.
var secrets = []string{"REMEDY_LEDGER", "REMEDY_HTTP_TOKEN", "REMEDY_NOTIFY"}

// newer are the variables that a stack gives only where they are asked for, so that a zip from
// before them, to which somebody rolls back, does not refuse to start.
var newer = []string{"REMEDY_FLEET_WAITING", "REMEDY_EVIDENCE", "REMEDY_NOTIFY", "REMEDY_LANG"}

// settingVariants are stacks whose function must start, with what each sets besides the defaults.
var settingVariants = []struct {
	name  string
	given []string
	sets  []string // variables
}{
	{"nothing but defaults", nil, nil},
	{"armed", []string{"Mode=enforce"}, []string{"REMEDY_MODE"}},
	{"a ledger of its own in Redis", []string{"LedgerUrl=redis://10.0.0.5:6379"}, nil},
	{"in a VPC", append([]string{"Mode=enforce"}, stackVPC...), []string{"REMEDY_LEDGER"}},
	{"in a VPC with Redis", append([]string{"LedgerUrl=redis://10.0.0.5:6379"}, stackVPC...), nil},
	{"with evidence", []string{"EvidenceBucket=stack"}, []string{"REMEDY_EVIDENCE"}},
	{"with a bucket for evidence", []string{"EvidenceBucket=my-bucket"},
		[]string{"REMEDY_EVIDENCE"}},
	{"with messages", []string{"Notify=https://hooks.example.com/1  https://hooks.example.com/2"},
		[]string{"REMEDY_NOTIFY"}},
	{"in Chinese", []string{"Language=zh"}, []string{"REMEDY_LANG"}},
	{"nobody waits", []string{"FleetWaiting=0"}, []string{"REMEDY_FLEET_WAITING"}},
}

// stackVPC are the parameters of a stack whose function uses VPC endpoints.
var stackVPC = []string{
	"Network=vpc", "VpcId=vpc-bp1", "VSwitchId=vsw-bp1", "SecurityGroupId=sg-bp1",
}

// parametersIn are the parameters that a raw value refers to, whatever the conditions are.
func (t *template) parametersIn(value any) []string {
	found := map[string]bool{}
	var look func(value any)
	look = func(value any) {
		switch value := value.(type) {
		case []any:
			for _, item := range value {
				look(item)
			}
		case map[string]any:
			for name, item := range value {
				if name == "Ref" {
					found[fmt.Sprint(item)] = true
				}
				look(item)
			}
		case string:
			for _, variable := range variablePattern.FindAllStringSubmatch(value, -1) {
				found[variable[1]] = true
			}
		}
	}
	look(value)
	maps.DeleteFunc(found, func(name string, _ bool) bool {
		_, ok := t.Parameters[name]
		return !ok
	})
	return slices.Sorted(maps.Keys(found))
}

// longest is the length of the longest text that a raw value can become. What comes from a resource
// or the platform counts as 63, the longest name of a bucket or a log project.
func (t *template) longest(value any) (int, error) {
	parameter := func(name string) (int, error) {
		p, ok := t.Parameters[name]
		switch {
		case !ok:
			return 63, nil
		case p.MaxLength > 0:
			return p.MaxLength, nil
		case len(p.AllowedValues) > 0:
			longer := func(a, b string) int { return len(a) - len(b) }
			return len(slices.MaxFunc(p.AllowedValues, longer)), nil
		}
		return 0, fmt.Errorf("parameter %s may be of any length", name)
	}
	if name, ok := dig(value, "Ref").(string); ok {
		return parameter(name)
	}
	if text, ok := dig(value, "Fn::Sub").(string); ok {
		size := len(variablePattern.ReplaceAllString(text, ""))
		for _, variable := range variablePattern.FindAllStringSubmatch(text, -1) {
			more, err := parameter(variable[1])
			if err != nil {
				return 0, err
			}
			size += more
		}
		return size, nil
	}
	if branches := items(dig(value, "Fn::If")); len(branches) == 3 {
		yes, err := t.longest(branches[1])
		no, also := t.longest(branches[2])
		return max(yes, no), errors.Join(err, also)
	}
	if _, ok := value.(map[string]any); ok {
		return 0, fmt.Errorf("%v may be of any length", value)
	}
	return len(fmt.Sprint(value)), nil
}

var environmentChecks = []templateCheck{
	{"the code knows every variable", func(t *template, c *code) error {
		for name := range t.environment() {
			known := func(v config.Variable) bool { return v.Name == name }
			if !slices.ContainsFunc(c.variables, known) && !isAhead(name, "any") {
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
	{"defaults agree", onDefault(func(s *stack, c *code) error {
		environment := s.environment()
		for _, v := range c.variables {
			got := environment[v.Name]
			// An empty value is none. The ledger's default is the stack's own table.
			if got == "" || v.Name == "REMEDY_LEDGER" {
				continue
			}
			want := v.Default
			_, err := config.Load([]string{v.Name + "=" + want, "REMEDY_LEDGER=mem:"})
			if err != nil {
				want = "" // the default is a word for "not set", such as none, which is no value
			}
			if got != want {
				return fmt.Errorf("%s: %q in the template, %q in the code", v.Name, got, want)
			}
		}
		return nil
	})},
	{"the function starts", func(t *template, c *code) error {
		for _, variant := range settingVariants {
			s, err := t.stack(variant.given...)
			if err != nil {
				return fmt.Errorf("%s: %w", variant.name, err)
			}
			environment := s.environment()
			for _, name := range variant.sets {
				if environment[name] == "" {
					return fmt.Errorf("%s: %s is not set", variant.name, name)
				}
			}
			var entries []string
			for name, value := range environment {
				if isAhead(name, value) {
					value, _, _ = strings.Cut(value, "?")
				}
				if !isAhead(name, value) {
					entries = append(entries, name+"="+value)
				}
			}
			if _, err := config.Load(entries); err != nil {
				return fmt.Errorf("%s: %w", variant.name, err)
			}
		}
		return nil
	}},
	{"newer variables are empty by default", onDefault(func(s *stack, _ *code) error {
		for _, name := range newer {
			if value := s.environment()[name]; value != "" {
				return fmt.Errorf("%s is %q", name, value)
			}
		}
		return nil
	})},
	{"what is ahead of the code is not in the code", func(_ *template, c *code) error {
		var late []string
		for _, setting := range settingsAhead {
			if _, err := config.Load([]string{"REMEDY_LEDGER=mem:", setting}); err == nil {
				late = append(late, setting)
			}
		}
		has := func(all []string) func(string) bool {
			return func(s string) bool { return slices.Contains(all, s) }
		}
		late = slices.Concat(late, filter(actionsAhead, has(c.ecs)),
			filter(fieldsAhead, has(c.fields)), filter(verdictsAhead, has(c.verdicts)))
		if len(late) > 0 {
			return fmt.Errorf("the code has them by now, so take them from the list: %q", late)
		}
		return nil
	}},
	{"the code takes every allowed value", func(t *template, c *code) error {
		for name, value := range t.environment() {
			for _, parameter := range t.parametersIn(value) {
				for _, allowed := range t.Parameters[parameter].AllowedValues {
					_, err := config.Load([]string{name + "=" + allowed, "REMEDY_LEDGER=mem:"})
					if err != nil && !isAhead(name, allowed) {
						return fmt.Errorf("parameter %s allows what the code refuses: %w",
							parameter, err)
					}
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
	{"secrets are not shown", func(t *template, c *code) error {
		environment := t.environment()
		for _, name := range secrets {
			parameters := t.parametersIn(environment[name])
			if len(parameters) == 0 {
				return fmt.Errorf("%s comes from no parameter", name)
			}
			for _, parameter := range parameters {
				if !t.Parameters[parameter].NoEcho {
					return fmt.Errorf("%s comes from parameter %q, which is shown", name, parameter)
				}
			}
		}
		return nil
	}},
	// Function Compute document "Limits": 4 KB, names and values together.
	{"the longest environment fits into 4 KB", func(t *template, c *code) error {
		size := 0
		for name, value := range t.environment() {
			longest, err := t.longest(value)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			size += len(name) + longest
		}
		if size > 4096 {
			return fmt.Errorf("%d bytes", size)
		}
		return nil
	}},
	{"every parameter is described", func(t *template, c *code) error {
		for name, p := range t.Parameters {
			// YAML takes what follows a blank and # for a comment, and drops it silently.
			if !strings.HasSuffix(p.Description, ".") && !strings.HasSuffix(p.Description, `".`) {
				return fmt.Errorf("parameter %s is not, or not to the end: %q", name, p.Description)
			}
		}
		return nil
	}},
	{"every parameter is in one group", func(t *template, c *code) error {
		var grouped []string
		for _, group := range t.Metadata.Interface.Groups {
			grouped = append(grouped, group.Parameters...)
		}
		slices.Sort(grouped)
		return same("groups", grouped, slices.Sorted(maps.Keys(t.Parameters)))
	}},
	{"ROS refuses what cannot work", func(t *template, c *code) error {
		for _, row := range []struct {
			given   []string
			refused bool
		}{
			{nil, false},
			{[]string{"FirstRuleInstance=i-bp1", "FirstRuleContactGroup=ops"}, false},
			// CloudMonitor takes no metric rule without a contact group, and the stack would fail.
			{[]string{"FirstRuleInstance=i-bp1"}, true},
			// A group alone is only unused.
			{[]string{"FirstRuleContactGroup=ops"}, false},
			{stackVPC, false},
			// Without a VPC, the VPC endpoints cannot be reached, and nothing would say so.
			{stackVPC[:1], true},
			{stackVPC[:3], true},
			{slices.Concat(stackVPC[:2], stackVPC[3:]), true},
			// A function can be in a VPC, for Redis, and use public endpoints.
			{stackVPC[1:], false},
			{stackVPC[1:3], true},
		} {
			if _, err := t.stack(row.given...); (err != nil) != row.refused {
				return fmt.Errorf("%q: refused %v, should be %v", row.given, err, row.refused)
			}
		}
		return nil
	}},
}

func filter(all []string, keep func(string) bool) []string {
	var kept []string
	for _, s := range all {
		if keep(s) {
			kept = append(kept, s)
		}
	}
	return kept
}

const (
	checkKnown    = "the code knows every variable"
	checkSet      = "every variable is set or left out by name"
	checkDefaults = "defaults agree"
	checkStarts   = "the function starts"
	checkNewer    = "newer variables are empty by default"
	checkAhead    = "what is ahead of the code is not in the code"
	checkSecrets  = "secrets are not shown"
	checkSize     = "the longest environment fits into 4 KB"
	checkGroups   = "every parameter is in one group"
	checkRules    = "ROS refuses what cannot work"
)

var environmentMutations = []mutation{
	change("a variable's name in the template", "REMEDY_POLL:", "REMEDY_POOL:", checkKnown,
		checkSet, checkStarts),
	inCode("a variable's name in the code",
		func(c *code) { c.variable("REMEDY_POLL").Name = "REMEDY_POOL" }, checkKnown, checkSet),
	change("a variable is gone from the template", "        REMEDY_FORCE: {Ref: Force}\n", "",
		checkSet),
	inCode("a variable is new in the code", func(c *code) {
		c.variables = append(c.variables, config.Variable{Name: "REMEDY_NEW", Default: "1"})
	}, checkSet),
	change("a variable that is left out is set", "        REMEDY_POLL:",
		"        REMEDY_EVIDENCE_TIMEOUT: 3s\n        REMEDY_POLL:", checkSet),
	change("a default in the template", "Default: 45m", "Default: 46m", checkDefaults),
	inCode("a default in the code",
		func(c *code) { c.variable("REMEDY_INCIDENT_LIMIT").Default = "46m" }, checkDefaults),
	change("a default where the code has none", "REMEDY_HTTP_TOKEN: {Ref: HttpToken}",
		"REMEDY_HTTP_TOKEN: 0123456789abcdef", checkDefaults, checkSecrets),
	change("an allowed value", "[allow, never]", "[allow, no]",
		"the code takes every allowed value"),
	change("armed by default", "Default: observe", "Default: enforce", checkDefaults,
		"nothing is armed by default"),
	change("a language that is not asked for",
		"REMEDY_LANG: {Fn::If: [LanguageGiven, {Ref: Language}, '']}",
		"REMEDY_LANG: {Ref: Language}", checkNewer),
	change("a waiting room that is not asked for", "FleetWaitingGiven, {Ref: FleetWaiting}, ''",
		"FleetWaitingGiven, {Ref: FleetWaiting}, '50'", checkNewer),
	change("a waiting room that is not passed on", "[FleetWaitingGiven, {Ref: FleetWaiting}, '']",
		"[FleetWaitingGiven, '', '']", checkStarts),
	change("addresses that are not passed on", "REMEDY_NOTIFY: {Ref: Notify}", "REMEDY_NOTIFY: ''",
		checkStarts, checkSecrets),
	change("a secret is shown", "NoEcho: true\n    MaxLength: 200", "MaxLength: 200", checkSecrets),
	change("addresses of robots are shown", "NoEcho: true\n    MaxLength: 600", "MaxLength: 600",
		checkSecrets),
	change("an environment that may not fit", "MaxLength: 400", "MaxLength: 4000", checkSize),
	change("a parameter of any length", "    MaxLength: 400\n", "", checkSize),
	change("a parameter without description", "    Description: VPC in which",
		"    Label: VPC in which", "every parameter is described"),
	change("a description that YAML cuts short", "    Description: vSwitch in VpcId.",
		"    Description: vSwitch in VpcId # of the function.", "every parameter is described"),
	change("a parameter in no group", "FleetHourly, FleetWaiting]", "FleetHourly]", checkGroups),
	change("a parameter in two groups", "[Notify, Language,", "[Notify, Notify, Language,",
		checkGroups),
	change("a group with a parameter that is not there", "[Notify, Language,",
		"[Notify, Language, Tongue,", checkGroups),
	change("a metric rule may lack its contact group",
		"Assert: {Fn::Not: {Fn::Equals: [{Ref: FirstRuleContactGroup}, '']}}",
		"Assert: {Fn::Not: {Fn::Equals: [{Ref: FirstRuleInstance}, '']}}", checkRules),
	change("VPC endpoints without a VPC", "RuleCondition: {Fn::Equals: [{Ref: Network}, vpc]}",
		"RuleCondition: {Fn::Equals: [{Ref: Network}, never]}", checkRules),
	change("a VPC without a security group",
		"Assert: {Fn::Not: {Fn::Equals: [{Ref: SecurityGroupId}, '']}}",
		"Assert: {Fn::Not: {Fn::Equals: [{Ref: VSwitchId}, '']}}", checkRules),
}
