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
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"gopkg.in/yaml.v3"

	"ecs-remedy/function/internal/handle"
)

// The test binary is the aliyun command line where it is called by that name: a small cloud in a
// folder, which takes only what the real one would take, and complains of the rest.
func init() {
	if filepath.Base(os.Args[0]) == "aliyun" {
		os.Exit(aliyunMain(os.Args[1:]))
	}
}

// The environment of the stub: its folder, and what is not the template's to say.
const (
	aliyunFolder = "ALIYUN_STUB"        // where it keeps what happened
	aliyunLedger = "ALIYUN_STUB_LEDGER" // in place of OwnLedgerUrl: there is no Tablestore here
	aliyunFails  = "ALIYUN_STUB_FAILS"  // not empty: the stack fails
)

// kind is what a parameter's value must look like.
type kind string

const (
	kindText    kind = "text" // anything but nothing
	kindNumber  kind = "number"
	kindBoolean kind = "boolean"
	kindJSON    kind = "JSON"
	kindOneOf   kind = "one of "   // and the values, separated by |
	kindLike    kind = "matching " // and the pattern
)

// cliAction is one action: the parameters that it must have and may have, by their names, in which
// N stands for numbers from 1 on; and how far N may go.
type cliAction struct {
	must, may map[string]kind
	most      int
}

// rulePart is what a metric rule needs and may have, as a whole request or as one of many.
func rulePart(prefix string) (must, may map[string]kind) {
	must = map[string]kind{}
	for name, k := range map[string]kind{
		"RuleId": kindText, "RuleName": kindText, "Namespace": kindOneOf + "acs_ecs_dashboard",
		"MetricName": kindOneOf + "cpu_total|CPUUtilization", "Resources": kindJSON,
		"ContactGroups": kindText,
	} {
		must[prefix+name] = k
	}
	may = map[string]kind{}
	for name, k := range map[string]kind{
		"Period": kindNumber, "Interval": kindNumber, "SilenceTime": kindNumber,
		"NoDataPolicy": kindOneOf +
			"KEEP_LAST_STATE|INSUFFICIENT_DATA|OK",
		"Escalations.Critical.Statistics":         kindOneOf + "Average|Maximum|Minimum",
		"Escalations.Critical.ComparisonOperator": kindOneOf + "GreaterThanOrEqualToThreshold",
		"Escalations.Critical.Threshold":          kindNumber,
		"Escalations.Critical.Times":              kindNumber,
	} {
		may[prefix+name] = k
	}
	return must, may
}

// cliActions is what the stub knows: CloudMonitor 2019-01-01 (PutMetricRuleTargets,
// PutResourceMetricRule, PutResourceMetricRules, SendDryRunSystemEvent and others), ROS 2019-09-10
// (CreateStack and others), ECS 2014-05-26, RAM 2015-05-01, and Simple Log Service's get-logs-v2,
// as their API documents have them.
func cliActions() map[string]cliAction {
	stack := map[string]kind{"RegionId": kindText, "StackId": kindLike + `^[0-9a-f-]{36}$`}
	parameters := map[string]kind{"Parameters.N.ParameterKey": kindText,
		"Parameters.N.ParameterValue": kindText}
	with := func(all ...map[string]kind) map[string]kind {
		sum := map[string]kind{}
		for _, m := range all {
			maps.Copy(sum, m)
		}
		return sum
	}
	const templateURL = kindLike + `^oss://[a-z0-9-]+/\S+\.yml\?RegionId=[a-z0-9-]+$`
	oneRule, oneRuleMay := rulePart("")
	rules, rulesMay := rulePart("Rules.N.")
	instances := map[string]kind{"RegionId": kindText, "ResourceType": kindOneOf + "instance",
		"ResourceId.N": kindLike + `^i-[a-z0-9]+$`}
	return map[string]cliAction{
		"ros CreateStack": {must: with(parameters, map[string]kind{"RegionId": kindText,
			"StackName":   kindLike + `^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$`,
			"TemplateURL": templateURL}),
			may: map[string]kind{"TimeoutInMinutes": kindNumber}, most: 200},
		"ros UpdateStack": {must: with(stack, parameters, map[string]kind{
			"TemplateURL": templateURL}),
			may: map[string]kind{"UsePreviousParameters": kindBoolean}, most: 200},
		"ros GetStack":    {must: stack},
		"ros DeleteStack": {must: stack},
		"ros ListStacks": {must: map[string]kind{"RegionId": kindText},
			may: map[string]kind{"StackName.N": kindText, "Status.N": kindText}, most: 5},
		"ros ListStackEvents": {must: stack, may: map[string]kind{"Status.N": kindText}, most: 10},

		"cms SendDryRunSystemEvent": {must: map[string]kind{"Product": kindOneOf +
			"CloudMonitor|ECS",
			"EventName": kindText}, may: map[string]kind{"EventContent": kindJSON,
			"GroupId": kindNumber}},
		"cms DescribeContactGroupList": {may: map[string]kind{"PageNumber": kindNumber,
			"PageSize": kindNumber}},
		"cms PutResourceMetricRule":  {must: oneRule, may: oneRuleMay},
		"cms PutResourceMetricRules": {must: rules, may: rulesMay, most: 50},
		"cms PutMetricRuleTargets": {must: map[string]kind{"RuleId": kindText,
			"Targets.N.Id":  kindText,
			"Targets.N.Arn": kindLike + `^acs:mns:[a-z0-9-]+:\d+:/topics/[a-z0-9-]+/message$`},
			may: map[string]kind{"Targets.N.Level": kindJSON}, most: 5},
		"cms DeleteMetricRuleTargets": {must: map[string]kind{"RuleId": kindText,
			"TargetIds.N": kindText}, most: 10},
		"cms DeleteMetricRules": {must: map[string]kind{"Id.N": kindText}, most: 20},

		"ecs DescribeInstances": {must: map[string]kind{"RegionId": kindText},
			may: map[string]kind{"Status": kindOneOf + "Running", "PageSize": kindNumber,
				"PageNumber": kindNumber}},
		"ecs TagResources": {must: with(instances, map[string]kind{"Tag.N.Key": kindText,
			"Tag.N.Value": kindOneOf + "true|graceful"}), most: 50},
		"ecs UntagResources": {must: with(instances, map[string]kind{"TagKey.N": kindText}),
			most: 50},

		"ram CreatePolicy": {must: map[string]kind{"PolicyName": kindText,
			"PolicyDocument": kindJSON}},
		"ram AttachPolicyToUser": {must: map[string]kind{"PolicyType": kindOneOf + "Custom|System",
			"PolicyName": kindText, "UserName": kindText}},

		"sls get-logs-v2": {must: map[string]kind{"project": kindText, "logstore": kindText,
			"from": kindNumber, "to": kindNumber, "accept-encoding": kindOneOf + "lz4"},
			may: map[string]kind{"query": kindText, "line": kindNumber}},

		"oss cp": {must: map[string]kind{"endpoint": kindText}, may: map[string]kind{"force": ""}},
		"oss ls": {must: map[string]kind{"endpoint": kindText}},
		"oss rm": {must: map[string]kind{"endpoint": kindText},
			may: map[string]kind{"force": "", "recursive": ""}},
	}
}

// cliCall is one call of the command line.
type cliCall struct {
	Name  string            `json:"name"` // product and action
	Words []string          `json:"words"`
	Flags map[string]string `json:"flags"`
}

// numbered are the whole numbers between the dots of a parameter's name.
var numbered = regexp.MustCompile(`\.(\d+)(\.|$)`)

// check says what is wrong with the call.
func (c *cliCall) check(known map[string]cliAction) error {
	action, ok := known[c.Name]
	if !ok {
		return fmt.Errorf("there is no %s", c.Name)
	}
	if c.Flags["region"] == "" {
		return errors.New("it names no --region")
	}
	if id, ok := c.Flags["RegionId"]; ok && id != c.Flags["region"] {
		return fmt.Errorf("--RegionId %s and --region %s", id, c.Flags["region"])
	}
	seen := map[string]bool{}
	highest, count := 0, map[string]map[int]bool{}
	for name, value := range c.Flags {
		if name == "region" || name == "cli-query" {
			continue
		}
		plainName := name
		if at := numbered.FindStringSubmatch(name); at != nil {
			n, _ := strconv.Atoi(at[1])
			plainName = numbered.ReplaceAllString(name, ".N$2")
			highest = max(highest, n)
			if count[plainName] == nil {
				count[plainName] = map[int]bool{}
			}
			count[plainName][n] = true
		}
		seen[plainName] = true
		k, ok := action.must[plainName]
		if !ok {
			k, ok = action.may[plainName]
		}
		if !ok {
			return fmt.Errorf("it has no parameter %s", name)
		}
		if err := k.check(value); err != nil {
			return fmt.Errorf("--%s %q: %w", name, value, err)
		}
	}
	for name := range action.must {
		if !seen[name] {
			return fmt.Errorf("--%s is missing", name)
		}
	}
	if highest > action.most {
		return fmt.Errorf("a list of %d, and %d is the most", highest, action.most)
	}
	for name, numbers := range count {
		for n := range len(numbers) {
			if !numbers[n+1] {
				return fmt.Errorf("%s has no number %d", name, n+1)
			}
		}
	}
	return nil
}

func (k kind) check(value string) error {
	values, listed := strings.CutPrefix(string(k), string(kindOneOf))
	pattern, matched := strings.CutPrefix(string(k), string(kindLike))
	switch {
	case k == "":
		return nil
	case value == "" || value == "null" || strings.ContainsAny(value, "<>"):
		return errors.New("nothing, or a placeholder")
	case k == kindNumber && strings.ContainsFunc(value,
		func(r rune) bool { return !unicode.IsDigit(r) }):
		return errors.New("not a number")
	case k == kindBoolean && value != "true" && value != "false":
		return errors.New("neither true nor false")
	case k == kindJSON && !json.Valid([]byte(value)):
		return errors.New("not JSON")
	case listed && !slices.Contains(strings.Split(values, "|"), value):
		return fmt.Errorf("not one of %s", values)
	case matched && !regexp.MustCompile(pattern).MatchString(value):
		return fmt.Errorf("does not match %s", pattern)
	}
	return nil
}

// parseCLI takes the words of a command line apart. Flags of OSS commands may have no value.
func parseCLI(args []string) (cliCall, error) {
	c := cliCall{Flags: map[string]string{}}
	for len(args) > 0 {
		word := args[0]
		args = args[1:]
		name, flag := strings.CutPrefix(word, "--")
		switch {
		case !flag:
			c.Words = append(c.Words, word)
		case c.Flags[name] != "":
			return c, fmt.Errorf("--%s twice", name)
		case name == "force" || name == "recursive":
			c.Flags[name] = "yes"
		case len(args) == 0:
			return c, fmt.Errorf("--%s has no value", name)
		default:
			c.Flags[name] = args[0]
			args = args[1:]
		}
	}
	if len(c.Words) < 2 {
		return c, errors.New("a product and an action are wanted")
	}
	c.Name, c.Words = c.Words[0]+" "+c.Words[1], c.Words[2:]
	return c, nil
}

// stubCloud is what the stub remembers from call to call.
type stubCloud struct {
	Calls      []cliCall           `json:"calls"`
	Wrong      []string            `json:"wrong"` // what the real one would not have taken
	Objects    []string            `json:"objects"`
	StackName  string              `json:"stackName"`
	Status     string              `json:"status"` // of the stack; empty: there is none
	Parameters map[string]string   `json:"parameters"`
	Rules      map[string]int      `json:"rules"`   // their silence times
	Targets    map[string][]string `json:"targets"` // by rule
	Tags       map[string]string   `json:"tags"`    // by instance
	Audit      []string            `json:"audit"`   // audit lines of the function
	Asked      int                 `json:"asked"`   // for audit lines
	Policies   map[string]string   `json:"policies"`
}

// aliyunMain is the command line. What is wrong is remembered, because a shell goes on after it.
func aliyunMain(args []string) int {
	folder := os.Getenv(aliyunFolder)
	c := loadStubCloud(folder)
	call, err := parseCLI(args)
	var answer any
	if err == nil {
		c.Calls = append(c.Calls, call)
		err = call.check(cliActions())
	}
	if err == nil {
		answer, err = c.do(&call)
	}
	if err == nil && call.Flags["cli-query"] != "" {
		answer, err = jmespath(answer, call.Flags["cli-query"])
	}
	if err != nil {
		c.Wrong = append(c.Wrong, strings.Join(args, " ")+": "+err.Error())
	}
	c.save(folder)
	if err != nil {
		fmt.Fprintln(os.Stderr, "ERROR:", err)
		return 1
	}
	if lines, ok := answer.(string); ok && strings.HasPrefix(call.Name, "oss ") {
		fmt.Println(lines)
		return 0
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", "\t")
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(answer); err != nil {
		return 1
	}
	return 0
}

func loadStubCloud(folder string) *stubCloud {
	c := &stubCloud{Rules: map[string]int{"my-own-rule": 0}}
	if text, err := os.ReadFile(filepath.Join(folder, "cloud.json")); err == nil {
		if err := json.Unmarshal(text, c); err != nil {
			panic(err)
		}
	}
	for _, m := range []any{&c.Parameters, &c.Rules, &c.Targets, &c.Tags, &c.Policies} {
		if v := reflect.ValueOf(m).Elem(); v.IsNil() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	}
	return c
}

func (c *stubCloud) save(folder string) {
	text, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "cloud.json"), text, 0o644)
	}
	if err != nil {
		panic(err)
	}
}

// stubFleet is how many instances run in the stub: more than two pages, or one call, take.
const stubFleet = 52

// cliObject is an answer's value.
type cliObject = map[string]any

// do does what was called, and answers as the service would.
func (c *stubCloud) do(call *cliCall) (any, error) {
	flag := call.Flags
	switch call.Name {
	case "oss cp":
		if len(call.Words) != 2 {
			return nil, errors.New("a file and a place are wanted")
		}
		if _, err := os.Stat(call.Words[0]); err != nil {
			return nil, err
		}
		c.Objects = append(c.Objects, call.Words[1])
		return "Succeed", nil
	case "oss ls":
		var lines []string
		for i, o := range c.Objects {
			if strings.HasPrefix(o, call.Words[0]) {
				lines = append(lines,
					fmt.Sprintf("2026-11-%02d 10:00:00 +0800 CST  42  Standard  E  %s",
						10+i, o))
			}
		}
		return strings.Join(lines, "\n"), nil
	case "oss rm":
		c.Objects = slices.DeleteFunc(c.Objects, func(o string) bool {
			return strings.HasPrefix(o, call.Words[0])
		})
		return "Succeed", nil
	case "ros CreateStack", "ros UpdateStack", "ros DeleteStack", "ros GetStack", "ros ListStacks",
		"ros ListStackEvents":
		return c.stack(call)
	case "cms DescribeContactGroupList":
		return cliObject{"ContactGroupList": cliObject{"ContactGroup": []any{"on call", "others"}}},
			nil
	case "cms SendDryRunSystemEvent":
		if c.Status == "" {
			return nil, errors.New("there is no stack that would hear of it")
		}
		c.Audit = append(c.Audit, auditLines(flag["EventContent"])...)
	case "cms PutResourceMetricRule":
		c.Rules[flag["RuleId"]], _ = strconv.Atoi(flag["SilenceTime"])
	case "cms PutResourceMetricRules":
		for n := 1; flag[fmt.Sprintf("Rules.%d.RuleId", n)] != ""; n++ {
			silence, _ := strconv.Atoi(flag[fmt.Sprintf("Rules.%d.SilenceTime", n)])
			c.Rules[flag[fmt.Sprintf("Rules.%d.RuleId", n)]] = silence
		}
	case "cms PutMetricRuleTargets":
		if _, ok := c.Rules[flag["RuleId"]]; !ok {
			return nil, fmt.Errorf("there is no rule %s", flag["RuleId"])
		}
		c.Targets[flag["RuleId"]] = []string{flag["Targets.1.Id"], flag["Targets.1.Arn"]}
	case "cms DeleteMetricRuleTargets":
		if target := c.Targets[flag["RuleId"]]; target == nil || target[0] != flag["TargetIds.1"] {
			return nil, fmt.Errorf("rule %s has no target %s", flag["RuleId"], flag["TargetIds.1"])
		}
		delete(c.Targets, flag["RuleId"])
	case "cms DeleteMetricRules":
		delete(c.Rules, flag["Id.1"])
	case "ecs DescribeInstances":
		page, _ := strconv.Atoi(flag["PageNumber"])
		all := []any{}
		for n := (page - 1) * 50; n < min(page*50, stubFleet); n++ { // less than a page may hold
			all = append(all, cliObject{"InstanceId": fmt.Sprintf("i-bp1fleet%03d", n),
				"ImageId": "win-i-1"})
		}
		return cliObject{"Instances": cliObject{"Instance": all}, "TotalCount": stubFleet}, nil
	case "ecs TagResources", "ecs UntagResources":
		for n := 1; flag[fmt.Sprintf("ResourceId.%d", n)] != ""; n++ {
			id := flag[fmt.Sprintf("ResourceId.%d", n)]
			if call.Name == "ecs TagResources" {
				c.Tags[id] = flag["Tag.1.Key"] + "=" + flag["Tag.1.Value"]
			} else {
				delete(c.Tags, id)
			}
		}
	case "ram CreatePolicy":
		c.Policies[flag["PolicyName"]] = flag["PolicyDocument"]
	case "ram AttachPolicyToUser":
		if c.Policies[flag["PolicyName"]] == "" {
			return nil, fmt.Errorf("there is no policy %s", flag["PolicyName"])
		}
	case "sls get-logs-v2":
		c.Asked++
		found := []any{}
		for _, line := range c.Audit {
			if c.Asked > 1 && matchesLog(flag["query"], line) { // a line takes a while to arrive
				found = append(found, cliObject{"__time__": "1", "message": line})
			}
		}
		meta := cliObject{"progress": "Complete", "whereQuery": flag["query"]}
		return cliObject{"meta": meta, "data": found}, nil
	}
	return cliObject{"Code": "200", "Success": true,
		"RequestId": "00000000-0000-4000-8000-000000000001"}, nil
}

// stack is what ROS does. What is under way is over when it was asked for once.
func (c *stubCloud) stack(call *cliCall) (any, error) {
	flag := call.Flags
	if call.Name == "ros ListStacks" {
		all := []any{}
		if c.Status != "" && c.StackName == flag["StackName.1"] {
			all = append(all, cliObject{"StackId": stackID, "StackName": c.StackName,
				"Status": c.Status})
		}
		return cliObject{"Stacks": all}, nil
	}
	if call.Name == "ros CreateStack" {
		if c.Status != "" && c.Status != "DELETE_COMPLETE" {
			return nil, errors.New("StackExists")
		}
		c.StackName, c.Status = flag["StackName"], "CREATE_IN_PROGRESS"
		c.Parameters = map[string]string{}
		return cliObject{"StackId": stackID}, c.configure(flag)
	}
	if c.Status == "" || flag["StackId"] != stackID {
		return nil, errors.New("StackNotFound")
	}
	switch call.Name {
	case "ros UpdateStack":
		if flag["UsePreviousParameters"] != "true" {
			return nil, errors.New("the other parameters would be forgotten")
		}
		c.Status = "UPDATE_IN_PROGRESS"
		return cliObject{"StackId": stackID}, c.configure(flag)
	case "ros DeleteStack":
		c.Status = "DELETE_IN_PROGRESS"
		return cliObject{"RequestId": "1"}, nil
	case "ros ListStackEvents":
		return cliObject{"Events": []any{cliObject{"LogicalResourceId": "Ledger",
			"StatusReason": "the service is not activated", "Status": "CREATE_FAILED"}}}, nil
	}
	answer := cliObject{"StackId": stackID, "StackName": c.StackName, "Status": c.Status}
	parameters := []any{}
	for key, value := range c.Parameters {
		parameters = append(parameters, cliObject{"ParameterKey": key, "ParameterValue": value})
	}
	answer["Parameters"] = parameters
	made, err := c.template()
	if err != nil {
		return nil, err
	}
	outputs := []any{}
	for key, value := range made.Outputs {
		if key == "OwnLedgerUrl" {
			value = os.Getenv(aliyunLedger)
		}
		if said, ok := value.(string); ok { // the only attribute that the service makes up
			topic := fmt.Sprint(made.Resources["AlarmTopic"].Properties["TopicName"])
			value = strings.Replace(said, "AlarmTopic.ARN.WithSlash",
				"acs:mns:"+stackRegion+":"+stackAccount+":/topics/"+topic, 1)
		}
		outputs = append(outputs, cliObject{"OutputKey": key, "OutputValue": value})
	}
	answer["Outputs"] = outputs
	if before, under := strings.CutSuffix(c.Status, "_IN_PROGRESS"); under {
		c.Status = before + "_COMPLETE"
		if os.Getenv(aliyunFails) != "" {
			c.Status = "ROLLBACK_COMPLETE"
		}
	}
	return answer, nil
}

// configure gives the stack its parameters, which must be such as the template takes, and a
// template and code that were uploaded.
func (c *stubCloud) configure(flag map[string]string) error {
	for n := 1; flag[fmt.Sprintf("Parameters.%d.ParameterKey", n)] != ""; n++ {
		c.Parameters[flag[fmt.Sprintf("Parameters.%d.ParameterKey", n)]] =
			flag[fmt.Sprintf("Parameters.%d.ParameterValue", n)]
	}
	url, region, _ := strings.Cut(flag["TemplateURL"], "?RegionId=")
	code := "oss://" + c.Parameters["CodeBucket"] + "/" + c.Parameters["CodeObject"]
	switch {
	case region != stackRegion:
		return fmt.Errorf("a template in %s", region)
	case !slices.Contains(c.Objects, url) || !slices.Contains(c.Objects, code):
		return fmt.Errorf("%s and %s were not both uploaded", url, code)
	}
	_, err := c.template()
	return err
}

// template is the stack that the template makes of the parameters.
func (c *stubCloud) template() (*stack, error) {
	text, err := os.ReadFile("template.yml")
	if err != nil {
		return nil, err
	}
	parsed := new(template)
	if err := yaml.Unmarshal(text, parsed); err != nil {
		return nil, err
	}
	var given []string
	for name, value := range c.Parameters {
		given = append(given, name+"="+value)
	}
	slices.Sort(given)
	return parsed.stack(given...)
}

// auditLines are those of the real handler, about an event.
func auditLines(event string) []string {
	var out, stderr bytes.Buffer
	if run([]string{"drill", "--json", "-"},
		&console{in: strings.NewReader(event), out: &out, err: &stderr}) != 0 {
		return nil
	}
	var response handle.Response
	if json.Unmarshal(out.Bytes(), &response) != nil {
		return nil
	}
	var lines []string
	for _, r := range response.Results {
		lines = append(lines, fmt.Sprintf(`{"msg":"verdict","verdict":%q,"reason":%q,"detail":%q}`,
			r.Verdict, r.Reason, r.Detail))
	}
	return lines
}

var logTerm = regexp.MustCompile(`message\.(\w+): (\w+)`)

// matchesLog reports whether a query of terms finds the line.
func matchesLog(query, line string) bool {
	var fields map[string]string
	if json.Unmarshal([]byte(line), &fields) != nil {
		return false
	}
	for _, term := range logTerm.FindAllStringSubmatch(query, -1) {
		if fields[term[1]] != term[2] {
			return false
		}
	}
	return true
}

var (
	queryTerm   = regexp.MustCompile(`^\.?(\w+)`)
	queryFilter = regexp.MustCompile(`^\[\?(\w+)(==|!=)'([^']*)'\]`)
	queryIndex  = regexp.MustCompile(`^( \| )?\[(\d)\]`)
	queryList   = regexp.MustCompile(`^\.?\[(\w+(?:, \w+)*)\]`)
)

// jmespath is the part of JMESPath that the runbook uses.
func jmespath(value any, expression string) (any, error) {
	text, err := json.Marshal(value)
	if err == nil {
		value = nil
		err = json.Unmarshal(text, &value)
	}
	if err != nil {
		return nil, err
	}
	// each applies to every element of a projection, or to the one value.
	each := func(f func(any) any) { value = f(value) }
	project := func(list []any) {
		value = list
		each = func(f func(any) any) {
			kept := []any{}
			for _, v := range value.([]any) {
				if v = f(v); v != nil {
					kept = append(kept, v)
				}
			}
			value = kept
		}
	}
	field := func(name string) func(any) any {
		return func(v any) any { o, _ := v.(cliObject); return o[name] }
	}
	for rest := expression; rest != ""; {
		if at := queryIndex.FindStringSubmatch(rest); at != nil {
			n, _ := strconv.Atoi(at[2])
			list, _ := value.([]any)
			value = nil
			if n < len(list) {
				value = list[n]
			}
			each = func(f func(any) any) { value = f(value) }
			rest = rest[len(at[0]):]
		} else if strings.HasPrefix(rest, "[]") {
			list, _ := value.([]any)
			project(list)
			rest = rest[2:]
		} else if at := queryFilter.FindStringSubmatch(rest); at != nil {
			list, _ := value.([]any)
			project(slices.DeleteFunc(list, func(v any) bool {
				return (field(at[1])(v) == any(at[3])) != (at[2] == "==")
			}))
			rest = rest[len(at[0]):]
		} else if at := queryList.FindStringSubmatch(rest); at != nil {
			each(func(v any) any {
				picked := []any{}
				for _, name := range strings.Split(at[1], ", ") {
					picked = append(picked, field(name)(v))
				}
				return picked
			})
			rest = rest[len(at[0]):]
		} else if at := queryTerm.FindStringSubmatch(rest); at != nil {
			each(field(at[1]))
			rest = rest[len(at[0]):]
		} else {
			return nil, fmt.Errorf("--cli-query %s: the stub does not know %s", expression, rest)
		}
	}
	return value, nil
}

// TestJMESPath: the stub's part of JMESPath answers as JMESPath's specification says.
func TestJMESPath(t *testing.T) {
	const document = `{"Status": "OK", "Outputs": [{"K": "a", "V": "1"}, {"K": "b", "V": "2"}],
		"Empty": [], "Deep": {"List": ["x", "y"]}}`
	var value any
	if err := json.Unmarshal([]byte(document), &value); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ why, query, want string }{
		{"a field", "Status", `"OK"`},
		{"none of that name", "Nothing", `null`},
		{"a filter, and the first of it", "Outputs[?K=='b'].V | [0]", `"2"`},
		{"a filter that nothing passes", "Outputs[?K=='c'].V | [0]", `null`},
		{"the other way round", "Outputs[?K!='a'].V", `["2"]`},
		{"an index below a field", "Deep.List[1]", `"y"`},
		{"all of a list", "Outputs[].V", `["1","2"]`},
		{"all of an empty list", "Empty[].V", `[]`},
		{"a list of each", "Outputs[].[K, V]", `[["a","1"],["b","2"]]`},
		{"a list of fields, one of which is not there", "[Status, Nothing]", `["OK",null]`},
	} {
		got, err := jmespath(value, row.query)
		text, _ := json.Marshal(got)
		if err != nil || string(text) != row.want {
			t.Errorf("%s: %s is %s (%v), want %s", row.why, row.query, text, err, row.want)
		}
	}
	if _, err := jmespath(value, "length(Outputs)"); err == nil {
		t.Error("an expression that is not known was answered")
	}
}

// TestCLICalls: the stub notices what the command line and the services would not take.
func TestCLICalls(t *testing.T) {
	const target = "aliyun cms PutMetricRuleTargets --region cn-hangzhou --RuleId r " +
		"--Targets.1.Id f --Targets.1.Arn acs:mns:cn-hangzhou:1:/topics/f-alarms/message"
	for _, row := range []struct{ why, call, want string }{
		{"a good one", target, ""},
		{"no region", strings.Replace(target, "--region cn-hangzhou ", "", 1), "names no --region"},
		{"no such action", "aliyun cms PutMetricTargets --region r", "there is no cms"},
		{"no such parameter", target + " --Targets.1.Name x", "no parameter Targets.1.Name"},
		{"the same twice", target + " --RuleId s", "twice"},
		{"a parameter is missing", strings.Replace(target, "--RuleId r ", "", 1),
			"--RuleId is missing"},
		{"a variable was empty", strings.Replace(target, "--RuleId r", "--RuleId null", 1),
			"nothing"},
		{"a level that is no list", target + " --Targets.1.Level CRITICAL", "not JSON"},
		{"messages for message", target + "s", "does not match"},
		{"a number is left out", strings.ReplaceAll(target, "Targets.1", "Targets.2"),
			"no number 1"},
		{"too many", "aliyun ecs TagResources --region r --RegionId r --ResourceType instance " +
			"--Tag.1.Key k --Tag.1.Value true --ResourceId.51 i-1", "50 is the most"},
		{"two regions", "aliyun ecs DescribeInstances --region r --RegionId s", "--region r"},
		{"no number", "aliyun ecs DescribeInstances --region r --RegionId r --PageSize x",
			"number"},
	} {
		call, err := parseCLI(strings.Fields(row.call)[1:])
		if err == nil {
			err = call.check(cliActions())
		}
		if row.want == "" && err != nil || row.want != "" &&
			(err == nil || !strings.Contains(err.Error(), row.want)) {
			t.Errorf("%s: %v, want %q", row.why, err, row.want)
		}
	}
}

// TestCLITable: what the stub takes of the products that are in the SDK is what the SDK can say.
// ROS is there in an older version only, and OSS and logs are not.
func TestCLITable(t *testing.T) {
	folder, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/aliyun/alibaba-cloud-sdk-go").Output()
	if err != nil {
		t.Fatal(err)
	}
	services := filepath.Join(strings.TrimSpace(string(folder)), "services")
	checked := 0
	for name, action := range cliActions() {
		product, verb, _ := strings.Cut(name, " ")
		if product != "cms" && product != "ecs" && product != "ram" {
			continue
		}
		file := ""
		for i, r := range verb {
			if unicode.IsUpper(r) && i > 0 {
				file += "_"
			}
			file += string(unicode.ToLower(r))
		}
		known := requestParameters(t, filepath.Join(services, product, file+".go"))
		for _, parameters := range []map[string]kind{action.must, action.may} {
			for parameter := range parameters {
				if parameter != "RegionId" && !known[parameter] { // that of every request
					t.Errorf("%s: the SDK has no parameter %s", name, parameter)
				}
				checked++
			}
		}
	}
	if checked < 40 {
		t.Errorf("only %d parameters were compared", checked)
	}
}

// requestParameters are the names of an SDK request's parameters, with N for numbers.
func requestParameters(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]*ast.StructType{}
	request := ""
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok {
			if fields, ok := spec.Type.(*ast.StructType); ok {
				types[spec.Name.Name] = fields
				if strings.HasSuffix(spec.Name.Name, "Request") {
					request = spec.Name.Name
				}
			}
		}
		return true
	})
	names := map[string]bool{}
	var collect func(of, prefix string)
	collect = func(of, prefix string) {
		for _, field := range types[of].Fields.List {
			if field.Tag == nil {
				continue
			}
			tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
			name := prefix + tag.Get("name")
			if tag.Get("type") == "Repeated" {
				name += ".N"
				if list, ok := field.Type.(*ast.StarExpr); ok {
					if array, ok := list.X.(*ast.ArrayType); ok {
						if item, ok := array.Elt.(*ast.Ident); ok && types[item.Name] != nil {
							collect(item.Name, name+".")
							continue
						}
					}
				}
			}
			names[name] = true
		}
	}
	collect(request, "")
	return names
}
