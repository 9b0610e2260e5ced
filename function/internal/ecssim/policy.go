package ecssim

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Resource is a kind of resource that an action takes in a RAM policy. A grant on another kind is
// without effect.
type Resource string

// The kinds of resources of ECS's actions.
const (
	// the documents say "All Resources": only Resource "*" grants it
	ResourceAll      Resource = "*"
	ResourceInstance Resource = "instance/ID" // acs:ecs:REGION:ACCOUNT:instance/ID
	// acs:ecs:REGION:ACCOUNT:instance/*, not one instance's
	ResourceInstances Resource = "instance/*"
)

// Actions are ECS's actions that the World knows, as a policy names them, with the kinds of
// resources that each takes: ECS documents "Authentication rules" (DescribeInstances,
// DescribeInstanceStatus), "RAM authorization" of DescribeCloudAssistantStatus,
// DescribeInstanceHistoryEvents, GetInstanceScreenshot, GetInstanceConsoleOutput and
// RebootInstance. That DescribeInstancesFullStatus takes an instance is taken over from its
// siblings.
var Actions = map[string][]Resource{
	"ecs:DescribeInstances":             {ResourceInstance, ResourceInstances},
	"ecs:DescribeInstanceStatus":        {ResourceInstances},
	"ecs:DescribeInstancesFullStatus":   {ResourceInstance, ResourceInstances},
	"ecs:DescribeInstanceHistoryEvents": {ResourceAll},
	"ecs:DescribeCloudAssistantStatus":  {ResourceInstance},
	"ecs:GetInstanceScreenshot":         {ResourceInstance},
	"ecs:GetInstanceConsoleOutput":      {ResourceInstance},
	"ecs:RebootInstance":                {ResourceInstance},
	"ecs:StopInstance":                  {ResourceInstance},
	"ecs:StartInstance":                 {ResourceInstance},
}

// Effect is what a statement of a policy does with what it matches.
type Effect string

// The effects.
const (
	EffectAllow Effect = "Allow"
	EffectDeny  Effect = "Deny"
)

// Policy is a RAM policy, or several, statement by statement. The zero Policy allows nothing.
type Policy struct {
	Statements []Statement
}

// Statement is one statement of a Policy. It matches where one of its actions, one of its resources
// and every condition do.
type Statement struct {
	Effect    Effect
	Actions   []string // "*" stands for any characters, as in "ecs:Describe*"
	Resources []string // the same, as in "acs:ecs:cn-hangzhou:*:instance/*"
	// Tags are the conditions StringEquals of acs:ResourceTag/KEY and ecs:tag/KEY, by KEY: the
	// resource has the tag, with one of the values.
	Tags map[string][]string
}

// ParsePolicy reads a policy document (RAM document "Policy structure and syntax"), as JSON. What
// is not evaluated here, such as NotAction or another condition, is an error: it could make a test
// pass that the platform would not.
func ParsePolicy(document []byte) (Policy, error) {
	var p Policy
	top, err := fields(document, "Version", "Statement")
	if err != nil {
		return p, err
	}
	if version, err := texts(top["Version"]); err != nil || !slices.Equal(version, []string{"1"}) {
		return p, errors.New(`the Version of a policy is "1"`)
	}
	var list []json.RawMessage
	if json.Unmarshal(top["Statement"], &list) != nil {
		list = []json.RawMessage{top["Statement"]}
	}
	if len(list) == 0 {
		return p, errors.New("a policy without a Statement")
	}
	for n, text := range list {
		s, err := parseStatement(text)
		if err != nil {
			return Policy{}, fmt.Errorf("statement %d: %w", n+1, err)
		}
		p.Statements = append(p.Statements, s)
	}
	return p, nil
}

func parseStatement(text []byte) (s Statement, err error) {
	parts, err := fields(text, "Effect", "Action", "Resource", "Condition")
	if err != nil {
		return s, err
	}
	effect, err := texts(parts["Effect"])
	if err != nil || len(effect) != 1 || effect[0] != string(EffectAllow) &&
		effect[0] != string(EffectDeny) {
		return s, errors.New("the Effect is Allow or Deny")
	}
	s.Effect = Effect(effect[0])
	if s.Actions, err = texts(parts["Action"]); err != nil {
		return s, fmt.Errorf("the Action: %w", err)
	}
	if s.Resources, err = texts(parts["Resource"]); err != nil {
		return s, fmt.Errorf("the Resource: %w", err)
	}
	if parts["Condition"] == nil {
		return s, nil
	}
	s.Tags, err = parseConditions(parts["Condition"])
	return s, err
}

func parseConditions(text []byte) (tags map[string][]string, err error) {
	operators, err := fields(text, "StringEquals")
	if err != nil {
		return nil, fmt.Errorf("the Condition: %w", err)
	}
	var conditions map[string]json.RawMessage
	if json.Unmarshal(operators["StringEquals"], &conditions) != nil || len(conditions) == 0 {
		return nil, errors.New("StringEquals needs conditions")
	}
	tags = make(map[string][]string)
	for name, values := range conditions {
		key, is := strings.CutPrefix(name, "acs:ResourceTag/")
		if !is {
			key, is = strings.CutPrefix(name, "ecs:tag/")
		}
		if !is || key == "" {
			return nil, fmt.Errorf("the condition %q is not evaluated here", name)
		}
		if tags[key] != nil {
			return nil, fmt.Errorf("two conditions on the tag %q", key)
		}
		if tags[key], err = texts(values); err != nil {
			return nil, fmt.Errorf("the condition %q: %w", name, err)
		}
	}
	return tags, nil
}

// fields reads an object that has no other fields than the known ones, spelled as they are.
func fields(text []byte, known ...string) (map[string]json.RawMessage, error) {
	var object map[string]json.RawMessage
	if json.Unmarshal(text, &object) != nil || object == nil {
		return nil, errors.New("not an object of JSON")
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("%q is not evaluated here", name)
		}
	}
	return object, nil
}

// texts reads a string, or a list of strings, none of them empty.
func texts(text []byte) (list []string, err error) {
	var one string
	if json.Unmarshal(text, &one) == nil {
		list = []string{one}
	} else if json.Unmarshal(text, &list) != nil {
		return nil, errors.New("neither a string nor a list of strings")
	}
	if len(list) == 0 || slices.Contains(list, "") {
		return nil, errors.New("nothing in it")
	}
	return list, nil
}

// Allows reports whether the policy lets an action ("ecs:RebootInstance") happen to a resource
// ("acs:ecs:cn-hangzhou:1234567890123456:instance/i-1", or "*") that has these tags. What an action
// of the table Actions does not take as a resource is widened to what it takes, as the platform
// does, and has no tags then.
func (p Policy) Allows(action, resource string, tags map[string]string) bool {
	return p.decide(action, resource, tags) == allowed
}

// decision is what a policy says of a call.
type decision int

const (
	allowed   decision = iota
	ungranted          // no statement allows it
	denied             // a statement denies it, whatever others allow
)

func (p Policy) decide(action, resource string, tags map[string]string) decision {
	const instance = ":instance/"
	switch takes := Actions[action]; {
	case slices.Equal(takes, []Resource{ResourceAll}):
		resource, tags = "*", nil
	case slices.Equal(takes, []Resource{ResourceInstances}):
		if before, _, is := strings.Cut(resource, instance); is {
			resource, tags = before+instance+"*", nil
		}
	}
	result := ungranted
	for _, s := range p.Statements {
		if !s.matches(action, resource, tags) {
			continue
		}
		if s.Effect == EffectDeny {
			return denied
		}
		if s.Effect == EffectAllow {
			result = allowed
		}
	}
	return result
}

func (s Statement) matches(action, resource string, tags map[string]string) bool {
	is := func(text string) func(string) bool {
		return func(pattern string) bool { return glob(pattern, text) }
	}
	if !slices.ContainsFunc(s.Actions, is(action)) ||
		!slices.ContainsFunc(s.Resources, is(resource)) {
		return false
	}
	for key, values := range s.Tags {
		if value, has := tags[key]; !has || !slices.Contains(values, value) {
			return false
		}
	}
	return true
}

// glob reports whether text fits a pattern in which "*" stands for any characters, none included.
func glob(pattern, text string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == text
	}
	text, is := strings.CutPrefix(text, first)
	if !is {
		return false
	}
	parts := strings.Split(rest, "*")
	last := parts[len(parts)-1]
	for _, part := range parts[:len(parts)-1] {
		if _, text, is = strings.Cut(text, part); !is {
			return false
		}
	}
	return strings.HasSuffix(text, last)
}

// Authorize puts every call of every key under a policy, from now on; a Key's own limits stay.
// Without it everything is allowed.
func (w *World) Authorize(p Policy) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.policy = &p
}

// decide asks the World's policy about the call's action and one instance.
func (a caller) decide(id string) decision {
	if a.w.policy == nil {
		return allowed
	}
	var tags map[string]string
	region := a.c.Region
	if m := a.w.by[id]; m != nil {
		tags = m.Tags
		if region == "" {
			region = m.Region
		}
	}
	return a.w.policy.decide("ecs:"+a.c.Action, "acs:ecs:"+region+":"+a.key.Account+":instance/"+id,
		tags)
}

// unauthorized is the refusal of a call that the key or the World's policy does not allow; nil: it
// may go on. Only DescribeInstances does not say so, unless it is asked with DryRun: it lists what
// its caller may see.
func (a caller) unauthorized() *apiError {
	if a.c.Action == "DescribeInstances" && !a.c.DryRun {
		return nil
	}
	if !a.key.may(a.c.Action) {
		return a.denial(ungranted)
	}
	ids := a.c.Instances
	if len(ids) == 0 {
		ids = []string{"*"}
	}
	for _, id := range ids {
		if d := a.decide(id); d != allowed {
			return a.denial(d)
		}
	}
	return nil
}

// denial is how RAM refuses a call.
func (a caller) denial(d decision) *apiError {
	e := refuse(403, "Forbidden.RAM",
		"User not authorized to operate on the specified resource, or this API doesn't support "+
			"RAM.")
	e.denied, e.kind = "ecs:"+a.c.Action, "ImplicitDeny"
	if d == denied {
		e.kind = "ExplicitDeny"
	}
	return e
}
