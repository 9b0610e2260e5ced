package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"gopkg.in/yaml.v3"
)

// allowed is what a template's parameter, or another name of the platform, may be.
type allowed struct {
	Pattern   string `yaml:"AllowedPattern"`
	MaxLength int    `yaml:"MaxLength"` // 0: any
}

// problem says what is wrong with a value; empty: nothing.
func (a allowed) problem(value string) (string, error) {
	pattern, err := regexp.Compile(a.Pattern)
	switch {
	case err != nil:
		return "", err
	case !pattern.MatchString(value):
		return "must match " + a.Pattern, nil
	case a.MaxLength > 0 && len(value) > a.MaxLength:
		return fmt.Sprintf("has %d characters, and may have %d", len(value), a.MaxLength), nil
	}
	return "", nil
}

// templateFlags are the flags that become parameters of the template, which says itself what they
// may be.
var templateFlags = map[string]string{
	"bucket": "CodeBucket", "function": "FunctionName", "instance": "FirstRuleInstance",
}

// platformFlags are the others, as the platform has them: regions as ECS DescribeRegions lists
// them, stacks as in ROS document "CreateStack" (StackName), accounts and users as in RAM document
// "CreateUser", and ids and names of CloudMonitor, which are anybody's text on one line.
var platformFlags = map[string]allowed{
	"region":   {Pattern: `^[a-z]{2,}(-[a-z0-9]+)+$`, MaxLength: 32},
	"stack":    {Pattern: `^[A-Za-z0-9][A-Za-z0-9_-]*$`, MaxLength: 255},
	"account":  {Pattern: `^[0-9]{1,20}$`},
	"user":     {Pattern: `^[A-Za-z0-9._-]+$`, MaxLength: 64},
	"rule":     {Pattern: `^[^\x00-\x1f\x7f]+$`, MaxLength: 255},
	"contacts": {Pattern: `^[^\x00-\x1f\x7f]+$`, MaxLength: 255},
}

// check refuses flags that the platform would refuse half-way through the runbook. What the
// template says of its parameters is read from the template.
func (p *packageCommand) check(root string) error {
	text, err := os.ReadFile(filepath.Join(root, "template.yml"))
	if err != nil {
		return hinted{fmt.Errorf("template.yml: %w", err), "take it from the repository"}
	}
	var template struct {
		Parameters map[string]allowed `yaml:"Parameters"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		return hinted{fmt.Errorf("template.yml: %w", err), "take it from the repository"}
	}
	for _, flag := range []struct{ name, value string }{
		{"region", p.Region}, {"bucket", p.Bucket}, {"stack", p.Stack}, {"function", p.Function},
		{"rule", p.Rule}, {"instance", p.Instance}, {"contacts", p.Contacts},
		{"account", p.Account}, {"user", p.User},
	} {
		// The stack and the function have names of their own, which may not be taken away.
		if flag.value == "" && flag.name != "stack" && flag.name != "function" {
			continue
		}
		rule, hint := platformFlags[flag.name], "see remedy package --help"
		if parameter := templateFlags[flag.name]; parameter != "" {
			rule, hint = template.Parameters[parameter], "template.yml says so of "+parameter
		}
		wrong, err := rule.problem(flag.value)
		if err != nil {
			return fmt.Errorf("template.yml: %w", err)
		}
		if wrong != "" {
			return hinted{fmt.Errorf("--%s %q %s", flag.name, flag.value, wrong), hint}
		}
	}
	return nil
}
