package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// template is the part of template.yml that is checked.
type template struct {
	Metadata struct {
		Interface struct {
			Groups []struct {
				Parameters []string `yaml:"Parameters"`
			} `yaml:"ParameterGroups"`
		} `yaml:"ALIYUN::ROS::Interface"`
	} `yaml:"Metadata"`
	Parameters map[string]parameter `yaml:"Parameters"`
	Conditions map[string]any       `yaml:"Conditions"`
	Rules      map[string]rule      `yaml:"Rules"`
	Resources  map[string]resource  `yaml:"Resources"`
	Outputs    map[string]output    `yaml:"Outputs"`

	stacks map[string]madeStack // by their parameters
}

type parameter struct {
	Default        *string  `yaml:"Default"`
	AllowedValues  []string `yaml:"AllowedValues"`
	AllowedPattern string   `yaml:"AllowedPattern"`
	MaxLength      int      `yaml:"MaxLength"`
	NoEcho         bool     `yaml:"NoEcho"`
	Description    string   `yaml:"Description"`
}

type rule struct {
	Condition  any `yaml:"RuleCondition"`
	Assertions []struct {
		Assert      any    `yaml:"Assert"`
		Description string `yaml:"AssertDescription"`
	} `yaml:"Assertions"`
}

type resource struct {
	Type       string         `yaml:"Type"`
	Condition  string         `yaml:"Condition"`
	Properties map[string]any `yaml:"Properties"`
}

type output struct {
	Condition string `yaml:"Condition"`
	Value     any    `yaml:"Value"`
}

// templateCheck is one way in which template.yml must agree with itself or with the code.
type templateCheck struct {
	name  string
	check func(*template, *code) error
}

// mutation changes one side, and says which checks must see it.
type mutation struct {
	name     string
	old, new string      // in the template; all places
	code     func(*code) // instead of a change in the template
	want     []string
}

// change is a mutation of the template: all places of a text become another.
func change(name, old, new string, want ...string) mutation {
	return mutation{name: name, old: old, new: new, want: want}
}

// inCode is a mutation of what the code says.
func inCode(name string, change func(*code), want ...string) mutation {
	return mutation{name: name, code: change, want: want}
}

// onDefault checks the stack that comes of nothing but defaults.
func onDefault(check func(*stack, *code) error) func(*template, *code) error {
	return func(t *template, c *code) error {
		s, err := t.stack()
		if err != nil {
			return err
		}
		return check(s, c)
	}
}

// environment is the function's: the name and the raw value of every variable.
func (t *template) environment() map[string]any {
	variables, _ := t.Resources["Function"].Properties["EnvironmentVariables"].(map[string]any)
	return variables
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

// items are those of a list; none where there is no list.
func items(value any) []any {
	all, _ := value.([]any)
	return all
}

// texts is a list's strings, sorted; a single value is a list of one.
func texts(value any) []string {
	all, ok := value.([]any)
	if !ok {
		return []string{fmt.Sprint(value)}
	}
	var said []string
	for _, item := range all {
		said = append(said, fmt.Sprint(item))
	}
	slices.Sort(said)
	return said
}

func same(what string, template, code []string) error {
	if !slices.Equal(template, code) {
		return fmt.Errorf("%s: the template has %q, the code %q", what, template, code)
	}
	return nil
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

// failing are the names of the checks that fail.
func failing(text string, c *code) (map[string]error, error) {
	t := new(template)
	if err := yaml.Unmarshal([]byte(text), t); err != nil {
		return nil, err
	}
	all := map[string]error{}
	for _, check := range templateChecks() {
		if err := check.check(t, c); err != nil {
			all[check.name] = err
		}
	}
	return all, nil
}

func templateChecks() []templateCheck {
	return slices.Concat(environmentChecks, grantChecks, alarmChecks, functionChecks, ledgerChecks,
		evidenceChecks, logChecks)
}

// TestTemplate holds template.yml against itself and the code.
func TestTemplate(t *testing.T) {
	all, err := failing(readTemplate(t), readCode(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range all {
		t.Errorf("%s: %v", name, err)
	}
}

// TestTemplateChecks changes one side only, and expects exactly the checks that are about it to
// fail. Every check fails at least once.
func TestTemplateChecks(t *testing.T) {
	original, read := readTemplate(t), readCode(t)
	unseen := map[string]bool{}
	for _, check := range templateChecks() {
		unseen[check.name] = true
	}
	caughtUp := catchUpMutations()
	if len(caughtUp) == 0 {
		delete(unseen, checkAhead)
	}
	for _, tt := range slices.Concat(environmentMutations, grantMutations, alarmMutations,
		functionMutations, ledgerMutations, evidenceMutations, logMutations, caughtUp) {
		t.Run(tt.name, func(t *testing.T) {
			changed, c := original, read.clone()
			if tt.code != nil {
				tt.code(c)
			} else if changed = strings.ReplaceAll(original, tt.old, tt.new); changed == original {
				t.Fatalf("the template has no %q", tt.old)
			}
			all, err := failing(changed, c)
			if err != nil {
				t.Fatal(err)
			}
			for name := range all {
				delete(unseen, name)
			}
			want := slices.Sorted(slices.Values(tt.want))
			if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, want) {
				t.Errorf("failing: %q\nwant     %q\n%v", got, want, all)
			}
		})
	}
	for name := range unseen {
		t.Errorf("nothing makes this check fail: %s", name)
	}
}
