package main

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// What a stack of the tests is given besides its parameters.
const (
	stackRegion  = "cn-hangzhou"
	stackAccount = "1234567890123456"
	stackID      = "4a6c9851-3b0f-4f5f-b4ca-a14bf692cb86"
)

// stackNeeds are the parameters that have no default.
var stackNeeds = map[string]string{"CodeBucket": "code", "CodeObject": "function-0123456789ab.zip"}

// stack is the template as ROS fills it in: conditions are answered, functions called, and what is
// not there is left out (ROS document "Template structure").
type stack struct {
	template  *template
	given     map[string]string // every parameter's value
	Resources map[string]resource
	Outputs   map[string]any
}

// noValue is what ALIYUN::NoValue stands for: the entry is left out.
type noValue struct{}

// stack fills the template in. Parameters are given as NAME=VALUE, the others have their defaults.
// It is an error if ROS would refuse a value or a combination of them, if a function is not known
// here, and if something refers to what is not there. The same parameters give the same stack,
// which is only read.
func (t *template) stack(parameters ...string) (*stack, error) {
	key := strings.Join(parameters, "\n")
	made, ok := t.stacks[key]
	if !ok {
		made.stack, made.err = t.newStack(parameters)
		if t.stacks == nil {
			t.stacks = map[string]madeStack{}
		}
		t.stacks[key] = made
	}
	return made.stack, made.err
}

type madeStack struct {
	stack *stack
	err   error
}

func (t *template) newStack(parameters []string) (*stack, error) {
	s := &stack{template: t, given: map[string]string{}, Resources: map[string]resource{},
		Outputs: map[string]any{}}
	for name, p := range t.Parameters {
		s.given[name] = stackNeeds[name]
		if p.Default != nil {
			s.given[name] = *p.Default
		}
	}
	for _, entry := range parameters {
		name, value, _ := strings.Cut(entry, "=")
		if _, ok := t.Parameters[name]; !ok {
			return nil, fmt.Errorf("there is no parameter %s", name)
		}
		s.given[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(t.Parameters)) {
		if err := t.Parameters[name].allows(s.given[name]); err != nil {
			return nil, fmt.Errorf("parameter %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Rules)) {
		if err := s.obey(t.Rules[name]); err != nil {
			return nil, fmt.Errorf("rule %s: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(t.Resources)) {
		r := t.Resources[name]
		there, err := s.there(r.Condition)
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", name, err)
		}
		if !there {
			continue
		}
		properties, err := s.fill(map[string]any(r.Properties))
		if err != nil {
			return nil, fmt.Errorf("resource %s: %w", name, err)
		}
		r.Properties, _ = properties.(map[string]any)
		s.Resources[name] = r
	}
	for _, name := range slices.Sorted(maps.Keys(t.Outputs)) {
		o := t.Outputs[name]
		there, err := s.there(o.Condition)
		if err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
		if !there {
			continue
		}
		if s.Outputs[name], err = s.fill(o.Value); err != nil {
			return nil, fmt.Errorf("output %s: %w", name, err)
		}
	}
	return s, nil
}

func (p parameter) allows(value string) error {
	switch {
	case p.AllowedValues != nil && !slices.Contains(p.AllowedValues, value):
		return fmt.Errorf("%q is not one of %q", value, p.AllowedValues)
	case p.MaxLength > 0 && len(value) > p.MaxLength:
		return fmt.Errorf("%q is longer than %d", value, p.MaxLength)
	case p.AllowedPattern != "":
		if !matches(p.AllowedPattern, value) {
			return fmt.Errorf("%q does not match %s", value, p.AllowedPattern)
		}
	}
	return nil
}

var patterns = map[string]*regexp.Regexp{}

// matches is regexp.MatchString with patterns that are compiled once. It panics on one that cannot
// be.
func matches(pattern, text string) bool {
	compiled, ok := patterns[pattern]
	if !ok {
		compiled = regexp.MustCompile(pattern)
		patterns[pattern] = compiled
	}
	return compiled.MatchString(text)
}

// obey holds a rule's assertions against the parameters, if its condition is met.
func (s *stack) obey(r rule) error {
	if r.Condition != nil {
		if holds, err := s.holds(r.Condition); err != nil || !holds {
			return err
		}
	}
	for _, assertion := range r.Assertions {
		holds, err := s.holds(assertion.Assert)
		if err != nil {
			return err
		}
		if !holds {
			return errors.New(assertion.Description)
		}
	}
	return nil
}

// there reports whether what carries a condition is there; no condition is always met.
func (s *stack) there(condition string) (bool, error) {
	if condition == "" {
		return true, nil
	}
	return s.holds(condition)
}

// holds answers a condition: its name, or a function of others.
func (s *stack) holds(condition any) (bool, error) {
	if name, ok := condition.(string); ok {
		named, ok := s.template.Conditions[name]
		if !ok {
			return false, fmt.Errorf("there is no condition %s", name)
		}
		return s.holds(named)
	}
	value, err := s.fill(condition)
	if err != nil {
		return false, err
	}
	answer, ok := value.(bool)
	if !ok {
		return false, fmt.Errorf("%v is no condition", condition)
	}
	return answer, nil
}

// fill calls the functions within a value.
func (s *stack) fill(value any) (any, error) {
	switch value := value.(type) {
	case []any:
		filled := []any{}
		for _, item := range value {
			item, err := s.fill(item)
			if err != nil {
				return nil, err
			}
			if item != (any)(noValue{}) {
				filled = append(filled, item)
			}
		}
		return filled, nil
	case map[string]any:
		for name, argument := range value {
			if len(value) == 1 && (name == "Ref" || strings.HasPrefix(name, "Fn::")) {
				return s.call(name, argument)
			}
		}
		filled := map[string]any{}
		for name, item := range value {
			item, err := s.fill(item)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			if item != (any)(noValue{}) {
				filled[name] = item
			}
		}
		return filled, nil
	}
	return value, nil
}

// call is one of ROS's functions.
func (s *stack) call(name string, argument any) (any, error) {
	switch name {
	case "Ref":
		return s.ref(fmt.Sprint(argument))
	case "Fn::GetAtt":
		return s.attribute(fmt.Sprint(dig(argument, 0)), fmt.Sprint(dig(argument, 1)))
	case "Fn::Sub":
		return s.sub(argument)
	case "Fn::If":
		holds, err := s.holds(dig(argument, 0))
		if err != nil {
			return nil, err
		}
		if holds {
			return s.fill(dig(argument, 1))
		}
		return s.fill(dig(argument, 2))
	case "Fn::Not":
		holds, err := s.holds(argument)
		return !holds, err
	case "Fn::And":
		for _, condition := range items(argument) {
			if holds, err := s.holds(condition); err != nil || !holds {
				return false, err
			}
		}
		return true, nil
	}
	filled, err := s.fill(argument)
	if err != nil {
		return nil, err
	}
	switch name {
	case "Fn::Equals":
		return dig(filled, 0) == dig(filled, 1), nil
	case "Fn::Split":
		var parts []any
		text, separator := fmt.Sprint(dig(filled, 1)), fmt.Sprint(dig(filled, 0))
		for part := range strings.SplitSeq(text, separator) {
			parts = append(parts, part)
		}
		return parts, nil
	case "Fn::Select":
		index, err := strconv.Atoi(fmt.Sprint(dig(filled, 0)))
		return dig(filled, 1, index), err
	}
	return nil, fmt.Errorf("this test does not know %s", name)
}

func (s *stack) ref(name string) (any, error) {
	if value, ok := s.given[name]; ok {
		return value, nil
	}
	switch name {
	case "ALIYUN::Region":
		return stackRegion, nil
	case "ALIYUN::AccountId":
		return stackAccount, nil
	case "ALIYUN::StackId":
		return stackID, nil
	case "ALIYUN::NoValue":
		return noValue{}, nil
	}
	return nil, fmt.Errorf("there is no %s", name)
}

// attribute is the resource's property of that name, where it has one, or names itself.
func (s *stack) attribute(of, name string) (any, error) {
	r, ok := s.template.Resources[of]
	if !ok {
		return nil, fmt.Errorf("there is no resource %s", of)
	}
	there, err := s.there(r.Condition)
	if err != nil {
		return nil, err
	}
	if !there {
		return nil, fmt.Errorf("resource %s is not in this stack", of)
	}
	property := name
	if r.Type == "ALIYUN::OSS::Bucket" && name == "Name" {
		property = "BucketName"
	}
	if value, ok := r.Properties[property]; ok {
		return s.fill(value)
	}
	return of + "." + name, nil
}

var variablePattern = regexp.MustCompile(`\$\{([^}]+)\}`)

func (s *stack) sub(argument any) (any, error) {
	text, own := fmt.Sprint(argument), map[string]any{}
	if with, ok := argument.([]any); ok {
		text = fmt.Sprint(dig(with, 0))
		filled, err := s.fill(dig(with, 1))
		if err != nil {
			return nil, err
		}
		own, _ = filled.(map[string]any)
	}
	var failed error
	filled := variablePattern.ReplaceAllStringFunc(text, func(variable string) string {
		name := variable[2 : len(variable)-1]
		value, ok := own[name]
		if !ok {
			var err error
			if of, attribute, dotted := strings.Cut(name, "."); dotted {
				value, err = s.attribute(of, attribute)
			} else {
				value, err = s.ref(name)
			}
			failed = errors.Join(failed, err)
		}
		return fmt.Sprint(value)
	})
	return filled, failed
}

// of returns the properties of all resources of a type, in the order of their names.
func (s *stack) of(kind string) []map[string]any {
	var all []map[string]any
	for _, name := range slices.Sorted(maps.Keys(s.Resources)) {
		if r := s.Resources[name]; r.Type == kind {
			all = append(all, r.Properties)
		}
	}
	return all
}

// the returns the properties of the only resource of a type. If there is none, or more, it returns
// none, and checks of them fail.
func (s *stack) the(kind string) map[string]any {
	if all := s.of(kind); len(all) == 1 {
		return all[0]
	}
	return nil
}

// environment is the function's, as the platform gets it.
func (s *stack) environment() map[string]string {
	all := map[string]string{}
	variables, _ := s.the("ALIYUN::FC3::Function")["EnvironmentVariables"].(map[string]any)
	for name, value := range variables {
		all[name] = fmt.Sprint(value)
	}
	return all
}

// TestStack shows that this test fills a template in as ROS documents it, and refuses what it
// cannot.
func TestStack(t *testing.T) {
	const text = `
Parameters:
  Name: {Default: a, AllowedPattern: '^[a-z]$'}
  Size: {Default: s, AllowedValues: [s, l], MaxLength: 1}
Conditions:
  Large: {Fn::Equals: [{Ref: Size}, l]}
  Small: {Fn::Not: Large}
  LargeB: {Fn::And: [Large, {Fn::Equals: [{Ref: Name}, b]}]}
Rules:
  NoC:
    RuleCondition: {Fn::Equals: [{Ref: Name}, c]}
    Assertions: [{Assert: Large, AssertDescription: c is large}]
Resources:
  One:
    Condition: Large
    Properties: {Name: {Fn::Sub: 'one-${Name}'}}
  Two:
    Properties:
      Name: {Fn::If: [Large, {Fn::GetAtt: [One, Name]}, {Ref: 'ALIYUN::NoValue'}]}
      List: [first, {Fn::If: [Small, {Ref: 'ALIYUN::NoValue'}, second]}]
      Id: {Fn::Sub: ['${Id}.${Two.Arn}', {Id: {Fn::Select: ['1', {Fn::Split: ['-', x-y]}]}}]}
Outputs:
  Both: {Condition: LargeB, Value: {Fn::Sub: '${One.Name}'}}
`
	for _, tt := range []struct {
		name  string
		more  string // appended to the template
		given []string
		want  string // "Two" and the outputs, or what the error says
	}{
		{"defaults", "", nil, "map[Id:y.Two.Arn List:[first]] map[]"},
		{"a condition is met", "", []string{"Size=l"},
			"map[Id:y.Two.Arn List:[first second] Name:one-a] map[]"},
		{"two conditions are met", "", []string{"Size=l", "Name=b"},
			"map[Id:y.Two.Arn List:[first second] Name:one-b] map[Both:one-b]"},
		{"a rule is broken", "", []string{"Name=c"}, "rule NoC: c is large"},
		{"a rule is kept", "", []string{"Name=c", "Size=l"},
			"map[Id:y.Two.Arn List:[first second] Name:one-c] map[]"},
		{"a pattern is not matched", "", []string{"Name=aa"}, "does not match"},
		{"a value is not allowed", "", []string{"Size=m"}, "is not one of"},
		{"a parameter is not there", "", []string{"Other=m"}, "there is no parameter Other"},
		{"a resource is not in the stack", "  Late: {Value: {Fn::Sub: '${One.Name}'}}\n", nil,
			"output Late: resource One is not in this stack"},
		{"a resource is nowhere", "  Late: {Value: {Fn::GetAtt: [Three, Name]}}\n", nil,
			"there is no resource Three"},
		{"a name is nowhere", "  Late: {Value: {Ref: Nobody}}\n", nil, "there is no Nobody"},
		{"a condition is nowhere", "  Late: {Condition: Never, Value: x}\n", nil,
			"there is no condition Never"},
		{"a function is not known", "  Late: {Value: {Fn::Jq: [x]}}\n", nil,
			"this test does not know Fn::Jq"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parsed := new(template)
			if err := yaml.Unmarshal([]byte(text+tt.more), parsed); err != nil {
				t.Fatal(err)
			}
			s, err := parsed.stack(tt.given...)
			got := fmt.Sprint(err)
			if err == nil {
				got = fmt.Sprint(s.Resources["Two"].Properties, " ", s.Outputs)
			}
			if err == nil && got != tt.want || !strings.Contains(got, tt.want) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}
