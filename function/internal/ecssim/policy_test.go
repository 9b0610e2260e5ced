package ecssim

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// statement is one statement of a policy, as JSON.
func statement(effect, action, resource, condition string) string {
	text := fmt.Sprintf(`{"Effect":%q,"Action":%s,"Resource":%s`, effect, action, resource)
	if condition != "" {
		text += `,"Condition":` + condition
	}
	return text + "}"
}

// grant is a policy of one statement, and grantTagged one for what opted in.
func grant(action, resource string) []string {
	return []string{statement("Allow", action, resource, "")}
}

func grantTagged(action, resource string) []string {
	return []string{statement("Allow", action, resource, optedIn)}
}

func parsed(t *testing.T, statements ...string) Policy {
	t.Helper()
	list := strings.Join(statements, ",")
	p, err := ParsePolicy([]byte(`{"Version":"1","Statement":[` + list + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const (
	anyInstance = `"acs:ecs:cn-hangzhou:1234567890123456:instance/*"`
	thisOne     = "acs:ecs:cn-hangzhou:1234567890123456:instance/i-1"
	optedIn     = `{"StringEquals":{"acs:ResourceTag/auto-restart":["true","graceful"]}}`
)

// TestPolicyAllows has a row on each side of each part of a statement.
func TestPolicyAllows(t *testing.T) {
	const rebootOne = "ecs:RebootInstance"
	tags := map[string]string{"auto-restart": "true", "team": "web"}
	for _, row := range []struct {
		why        string
		statements []string
		action     string
		resource   string
		tags       map[string]string
		want       bool
	}{
		{"granted", grant(`"ecs:RebootInstance"`, anyInstance), rebootOne, thisOne, tags, true},
		{"no statement grants it", grant(`"ecs:StartInstance"`, anyInstance), rebootOne, thisOne,
			tags, false},
		{"StopInstance is not granted with it", grant(`"ecs:RebootInstance"`, anyInstance),
			"ecs:StopInstance", thisOne, tags, false},
		{"an action of a list", grant(`["ecs:StartInstance","ecs:RebootInstance"]`, anyInstance),
			rebootOne, thisOne, tags, true},
		{"a wildcard in the action", grant(`"ecs:Reboot*"`, anyInstance), rebootOne, thisOne, tags,
			true},
		{"a wildcard for another action", grant(`"ecs:Describe*"`, anyInstance), rebootOne, thisOne,
			tags, false},
		{"a longer name of an action", grant(`"ecs:RebootInstances"`, anyInstance), rebootOne,
			thisOne, tags, false},
		{"another service's action", grant(`"ots:RebootInstance"`, anyInstance), rebootOne, thisOne,
			tags, false},
		{"everything", grant(`"*"`, `"*"`), rebootOne, thisOne, tags, true},

		{"this very instance", grant(`"ecs:*"`, `"`+thisOne+`"`), rebootOne, thisOne, tags, true},
		{"another instance", grant(`"ecs:*"`, `"`+thisOne+`2"`), rebootOne, thisOne, tags, false},
		{"another region", grant(`"ecs:*"`, `"acs:ecs:cn-beijing:1234567890123456:instance/*"`),
			rebootOne, thisOne, tags, false},
		{"any region", grant(`"ecs:*"`, `"acs:ecs:*:1234567890123456:instance/*"`), rebootOne,
			thisOne, tags, true},
		{"another account", grant(`"ecs:*"`, `"acs:ecs:cn-hangzhou:999:instance/*"`), rebootOne,
			thisOne, tags, false},
		{"any account", grant(`"ecs:*"`, `"acs:ecs:cn-hangzhou:*:instance/*"`), rebootOne, thisOne,
			tags, true},
		{"other things than instances", grant(`"ecs:*"`, `"acs:ecs:cn-hangzhou:*:disk/*"`),
			rebootOne, thisOne, tags, false},
		{"a resource of a list",
			grant(`"ecs:*"`, `["acs:ecs:cn-hangzhou:*:disk/*",`+anyInstance+`]`),
			rebootOne, thisOne, tags, true},

		{"the tag with one of the values", grantTagged(`"ecs:*"`, anyInstance), rebootOne, thisOne,
			tags, true},
		{"the tag with another value", grantTagged(`"ecs:*"`, anyInstance), rebootOne, thisOne,
			map[string]string{"auto-restart": "no"}, false},
		{"the tag with a value in upper case", grantTagged(`"ecs:*"`, anyInstance), rebootOne,
			thisOne,
			map[string]string{"auto-restart": "TRUE"}, false},
		{"another tag", grantTagged(`"ecs:*"`, anyInstance), rebootOne, thisOne,
			map[string]string{"Auto-Restart": "true"}, false},
		{"no tags", grantTagged(`"ecs:*"`, anyInstance), rebootOne, thisOne, nil, false},
		{"the older name of the condition",
			[]string{statement("Allow", `"ecs:*"`, anyInstance,
				`{"StringEquals":{"ecs:tag/team":"web"}}`)},
			rebootOne, thisOne, tags, true},
		{"both of two tags", []string{statement("Allow", `"ecs:*"`, anyInstance,
			`{"StringEquals":{"ecs:tag/team":"web","acs:ResourceTag/auto-restart":"true"}}`)},
			rebootOne, thisOne, tags, true},
		{"one of two tags", []string{statement("Allow", `"ecs:*"`, anyInstance,
			`{"StringEquals":{"ecs:tag/team":"db","acs:ResourceTag/auto-restart":"true"}}`)},
			rebootOne, thisOne, tags, false},

		{"a denial wins", []string{statement("Allow", `"ecs:*"`, `"*"`, ""),
			statement("Deny", `"ecs:RebootInstance"`, `"*"`, "")},
			rebootOne, thisOne, tags, false},
		{"a denial wins in front, too",
			[]string{statement("Deny", `"ecs:Reboot*"`, anyInstance, ""),
				statement("Allow", `"*"`, `"*"`, "")},
			rebootOne, thisOne, tags, false},
		{"a denial of another instance",
			[]string{statement("Allow", `"ecs:*"`, `"*"`, ""),
				statement("Deny", `"ecs:*"`, `"`+thisOne+`2"`, "")},
			rebootOne, thisOne, tags, true},
		{"a denial for a tag that it has", []string{statement("Allow", `"ecs:*"`, `"*"`, ""),
			statement("Deny", `"ecs:*"`, `"*"`,
				`{"StringEquals":{"ecs:tag/team":"web"}}`)}, rebootOne, thisOne, tags, false},
		{"a denial for a tag that it has not", []string{statement("Allow", `"ecs:*"`, `"*"`, ""),
			statement("Deny", `"ecs:*"`, `"*"`,
				`{"StringEquals":{"ecs:tag/team":"db"}}`)}, rebootOne, thisOne, tags, true},
		{"a denial alone grants nothing",
			[]string{statement("Deny", `"ecs:StopInstance"`, `"*"`,
				"")}, rebootOne, thisOne, tags, false},

		{"all resources, granted as such", grant(`"ecs:DescribeInstanceHistoryEvents"`, `"*"`),
			"ecs:DescribeInstanceHistoryEvents", "*", nil, true},
		{"the same, asked of one instance", grant(`"ecs:DescribeInstanceHistoryEvents"`, `"*"`),
			"ecs:DescribeInstanceHistoryEvents", thisOne, tags, true},
		{"all resources, granted on instances: without effect",
			grant(`"ecs:DescribeInstanceHistoryEvents"`, anyInstance),
			"ecs:DescribeInstanceHistoryEvents", thisOne, tags, false},
		{"all resources, granted on every ARN: without effect",
			grant(`"ecs:DescribeInstanceHistoryEvents"`, `"acs:ecs:*:*:*"`),
			"ecs:DescribeInstanceHistoryEvents", "*", nil, false},
		{"all resources have no tags", grantTagged(`"ecs:DescribeInstanceHistoryEvents"`, `"*"`),
			"ecs:DescribeInstanceHistoryEvents", thisOne, tags, false},
		{"instances, granted as such", grant(`"ecs:DescribeInstanceStatus"`, anyInstance),
			"ecs:DescribeInstanceStatus", thisOne, tags, true},
		{"instances, granted on one: without effect",
			grant(`"ecs:DescribeInstanceStatus"`, `"`+thisOne+`"`),
			"ecs:DescribeInstanceStatus", thisOne, tags, false},
		{"an action that is not ECS's is taken as it stands",
			grant(`"ots:GetRow"`, `"acs:ots:*:*:instance/x*"`),
			"ots:GetRow", "acs:ots:cn-hangzhou:1:instance/x-1/table/y", nil, true},
	} {
		if got := parsed(t, row.statements...).Allows(row.action, row.resource,
			row.tags); got != row.want {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
	}
	if (Policy{}).Allows(rebootOne, thisOne, tags) {
		t.Error("a policy without a statement grants something")
	}
}

// TestParsePolicyRefuses: what is not evaluated must not be passed over.
func TestParsePolicyRefuses(t *testing.T) {
	good := statement("Allow", `"ecs:*"`, `"*"`, optedIn)
	document := func(s string) string { return `{"Version":"1","Statement":[` + s + `]}` }
	for _, row := range []struct {
		why, text string
		ok        bool
	}{
		{"a list of statements", document(good), true},
		{"one statement without a list", `{"Version":"1","Statement":` + good + `}`, true},
		{"not JSON", `Version: 1`, false},
		{"null", `null`, false},
		{"no version", `{"Statement":[` + good + `]}`, false},
		{"another version", `{"Version":"2012-10-17","Statement":[` + good + `]}`, false},
		{"no statement", `{"Version":"1","Statement":[]}`, false},
		{"no list of statements", `{"Version":"1"}`, false},
		{"a field of another kind of policy",
			document(`{"Effect":"Allow","Action":"*","Resource":"*","Principal":"*"}`), false},
		{"NotAction", document(`{"Effect":"Allow","NotAction":"ecs:*","Resource":"*"}`), false},
		{"NotResource", document(`{"Effect":"Allow","Action":"ecs:*","NotResource":"*"}`), false},
		{"a field in lower case", document(`{"Effect":"Allow","action":"*","Resource":"*"}`),
			false},
		{"another effect", document(statement("Maybe", `"*"`, `"*"`, "")), false},
		{"no effect", document(`{"Action":"*","Resource":"*"}`), false},
		{"no action", document(`{"Effect":"Allow","Resource":"*"}`), false},
		{"an empty list of actions", document(statement("Allow", `[]`, `"*"`, "")), false},
		{"an empty action", document(statement("Allow", `[""]`, `"*"`, "")), false},
		{"no resource", document(`{"Effect":"Allow","Action":"*"}`), false},
		{"a resource that is an object, as in a template",
			document(statement("Allow", `"*"`, `[{"Fn::Sub":"x"}]`, "")), false},
		{"another operator", document(statement("Allow", `"*"`, `"*"`,
			`{"StringLike":{"acs:ResourceTag/a":"b"}}`)), false},
		{"another key", document(statement("Allow", `"*"`, `"*"`,
			`{"StringEquals":{"acs:SourceIp":"10.0.0.1"}}`)), false},
		{"a tag without a key",
			document(statement("Allow", `"*"`, `"*"`,
				`{"StringEquals":{"acs:ResourceTag/":"b"}}`)), false},
		{"no values", document(statement("Allow", `"*"`, `"*"`,
			`{"StringEquals":{"acs:ResourceTag/a":[]}}`)), false},
		{"a value of another type",
			document(statement("Allow", `"*"`, `"*"`,
				`{"StringEquals":{"acs:ResourceTag/a":true}}`)), false},
		{"one tag under both names", document(statement("Allow", `"*"`, `"*"`,
			`{"StringEquals":{"acs:ResourceTag/a":"b","ecs:tag/a":"c"}}`)), false},
		{"an empty condition", document(statement("Allow", `"*"`, `"*"`, `{}`)), false},
	} {
		if _, err := ParsePolicy([]byte(row.text)); (err == nil) != row.ok {
			t.Errorf("%s: %v, want it taken: %v", row.why, err, row.ok)
		}
	}
}

func TestGlob(t *testing.T) {
	for _, row := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true}, {"a", "a", true}, {"a", "ab", false}, {"*", "", true}, {"*", "a/b:c",
			true}, {"a*", "a", true}, {"a*", "ba", false},
		{"*a", "ba", true}, {"*a", "ab", false}, {"a*b*c", "a-b-c", true}, {"a*b*c", "a-c-b",
			false}, {"a*a", "a", false}, {"a*a", "aa", true},
		{"**", "x", true}, {"a**b", "ab", true}, {"ab*ba", "aba", false}, {"a?", "ab", false},
	} {
		if got := glob(row.pattern, row.text); got != row.want {
			t.Errorf("glob(%q, %q) = %v, want %v", row.pattern, row.text, got, row.want)
		}
	}
}

// TestActions: the table and the operations are the same, but for the service's name.
func TestActions(t *testing.T) {
	var known []string
	for name := range operations {
		known = append(known, "ecs:"+name)
	}
	slices.Sort(known)
	if table := slices.Sorted(maps.Keys(Actions)); !slices.Equal(table, known) {
		t.Errorf("the table has %v, the operations are %v", table, known)
	}
	for name, takes := range Actions {
		if len(takes) == 0 {
			t.Errorf("%s takes nothing", name)
		}
	}
}

// TestAuthorize asks a world under a policy. What RAM refuses is an error, but for
// DescribeInstances, which lists nothing.
func TestAuthorize(t *testing.T) {
	read := statement("Allow", `["ecs:DescribeInstances","ecs:DescribeCloudAssistantStatus"]`,
		anyInstance, "")
	events := statement("Allow", `"ecs:DescribeInstanceHistoryEvents"`, `"*"`, "")
	restart := statement("Allow", `"ecs:RebootInstance"`, anyInstance, optedIn)
	whole := []string{read, events, restart}
	one := map[string]string{"InstanceId": "i-1"}
	for _, row := range []struct {
		why        string
		statements []string
		action     string
		params     map[string]string
		status     int
		code, kind string
		listed     int // of DescribeInstances
	}{
		{"the whole of it lists", whole, "DescribeInstances",
			map[string]string{"InstanceIds": `["i-1","i-2"]`}, 200, "", "", 2},
		{"without a grant nothing is listed, and nothing said", []string{events, restart},
			"DescribeInstances",
			map[string]string{"InstanceIds": `["i-1"]`}, 200, "", "", 0},
		{"a dry run says it", []string{events, restart}, "DescribeInstances",
			map[string]string{"DryRun": "true"},
			403, "Forbidden.RAM", "ImplicitDeny", 0},
		{"a dry run of what is granted", whole, "DescribeInstances",
			map[string]string{"DryRun": "true"}, 400, "DryRunOperation", "", 0},
		{"a grant on one instance lists no other",
			grant(`"ecs:DescribeInstances"`, `"`+thisOne+`"`),
			"DescribeInstances", map[string]string{"InstanceIds": `["i-1","i-2"]`}, 200, "", "", 1},
		{"a condition lists only what has the tag", grantTagged(`"ecs:*"`, anyInstance),
			"DescribeInstances", map[string]string{}, 200, "", "", 1},
		{"a grant in another region lists nothing",
			[]string{strings.Replace(read, "cn-hangzhou", "cn-beijing", 1)},
			"DescribeInstances", map[string]string{}, 200, "", "", 0},

		{"heartbeats", whole, "DescribeCloudAssistantStatus",
			map[string]string{"InstanceId.1": "i-1", "InstanceId.2": "i-2"}, 200, "", "", 0},
		{"heartbeats of one that may not be read", grant(`"ecs:*"`, `"`+thisOne+`"`),
			"DescribeCloudAssistantStatus", map[string]string{"InstanceId.1": "i-1",
				"InstanceId.2": "i-2"}, 403, "Forbidden.RAM", "ImplicitDeny", 0},
		{"heartbeats of an unknown instance that could be read", whole,
			"DescribeCloudAssistantStatus",
			map[string]string{"InstanceId.1": "i-none"}, 404, "InvalidInstance.NotFound", "", 0},
		{"heartbeats without a grant", []string{events, restart}, "DescribeCloudAssistantStatus",
			map[string]string{"InstanceId.1": "i-1"}, 403, "Forbidden.RAM", "ImplicitDeny", 0},

		{"events", whole, "DescribeInstanceHistoryEvents", one, 200, "", "", 0},
		{"events granted on instances: without effect", grant(`"ecs:Describe*"`, anyInstance),
			"DescribeInstanceHistoryEvents", one, 403, "Forbidden.RAM", "ImplicitDeny", 0},

		{"a reboot of what opted in", whole, "RebootInstance", one, 200, "", "", 0},
		{"of what did not", whole, "RebootInstance", map[string]string{"InstanceId": "i-2"}, 403,
			"Forbidden.RAM", "ImplicitDeny", 0},
		{"of what does not exist: no tag", whole, "RebootInstance",
			map[string]string{"InstanceId": "i-none"}, 403, "Forbidden.RAM", "ImplicitDeny", 0},
		{"a dry run needs the same", whole, "RebootInstance",
			map[string]string{"InstanceId": "i-2", "DryRun": "true"},
			403, "Forbidden.RAM", "ImplicitDeny", 0},
		{"a dry run that has it", whole, "RebootInstance",
			map[string]string{"InstanceId": "i-1",
				"DryRun": "true"}, 400, "DryRunOperation", "", 0},
		{"a denial wins", append(whole, statement("Deny", `"ecs:RebootInstance"`, `"*"`, "")),
			"RebootInstance", one,
			403, "Forbidden.RAM", "ExplicitDeny", 0},
		{"StopInstance", whole, "StopInstance", one, 403, "Forbidden.RAM", "ImplicitDeny", 0},
		{"a screenshot without a grant", whole, "GetInstanceScreenshot", one, 403, "Forbidden.RAM",
			"ImplicitDeny", 0},
		{"a screenshot with one",
			append(whole, statement("Allow", `"ecs:GetInstance*"`, anyInstance, "")),
			"GetInstanceScreenshot", one, 200, "", "", 0},
		{"statuses of instances", grant(`"ecs:DescribeInstanceStatus"`, anyInstance),
			"DescribeInstanceStatus", map[string]string{"InstanceId.1": "i-1"}, 200, "", "", 0},
		{"statuses granted on one: without effect", grant(`"ecs:*"`, `"`+thisOne+`"`),
			"DescribeInstanceStatus", map[string]string{"InstanceId.1": "i-1"}, 403,
			"Forbidden.RAM", "ImplicitDeny", 0},
	} {
		w := New(Real())
		w.Add(Instance{ID: "i-1", Tags: map[string]string{"auto-restart": "graceful"}})
		w.Add(Instance{ID: "i-2"})
		w.Authorize(parsed(t, row.statements...))
		a := call(t, w, row.action, row.params)
		if a.status != row.status || a.code() != row.code {
			t.Errorf("%s: %d %s, want %d %s", row.why, a.status, a.code(), row.status, row.code)
		}
		detail, _ := a.body["AccessDeniedDetail"].(object)
		if kind, _ := detail["NoPermissionType"].(string); kind != row.kind || kind != "" &&
			detail["AuthAction"] != "ecs:"+row.action {
			t.Errorf("%s: detail %v, want %q", row.why, detail, row.kind)
		}
		if row.action == "DescribeInstances" && a.status == 200 {
			if got := len(a.entries(t, "Instances", "Instance")); got != row.listed {
				t.Errorf("%s: %d instances, want %d", row.why, got, row.listed)
			}
		}
		rebooted := w.Instance("i-1").Status != StatusRunning
		if rebooted != (row.action == "RebootInstance" && a.status == 200) {
			t.Errorf("%s: rebooted %v", row.why, rebooted)
		}
	}
}

// TestKeysAndPolicies: a policy takes nothing from a key's own limits, and a world without one
// allows everything.
func TestKeysAndPolicies(t *testing.T) {
	w := New(Real())
	w.Add(Instance{ID: "i-1"})
	one := map[string]string{"InstanceId": "i-1", "DryRun": "true"}
	if a := call(t, w, "RebootInstance", one); a.code() != "DryRunOperation" {
		t.Errorf("no policy: %v", a.body)
	}
	w.Authorize(parsed(t, statement("Allow", `"*"`, `"*"`, "")))
	if a := call(t, w, "RebootInstance", one); a.code() != "DryRunOperation" {
		t.Errorf("a policy for everything: %v", a.body)
	}
	w.SetKey(Key{Actions: []string{"DescribeInstances"}})
	if a := call(t, w, "RebootInstance", one); a.code() != "Forbidden.RAM" {
		t.Errorf("the key may not: %v", a.body)
	}
	w.SetKey(Key{})
	w.Authorize(Policy{})
	if a := call(t, w, "RebootInstance", one); a.code() != "Forbidden.RAM" {
		t.Errorf("a policy for nothing: %v", a.body)
	}
}

func FuzzParsePolicy(f *testing.F) {
	f.Add(`{"Version":"1","Statement":[`+statement("Allow", `["ecs:*"]`, anyInstance, optedIn)+`]}`,
		"ecs:RebootInstance", thisOne)
	f.Add(`{"Version":"1","Statement":`+statement("Deny", `"*"`, `"*"`, "")+`}`, "", "*")
	f.Fuzz(func(t *testing.T, document, action, resource string) {
		p, err := ParsePolicy([]byte(document))
		if err != nil {
			if len(p.Statements) > 0 {
				t.Errorf("%q: statements beside an error", document)
			}
			return
		}
		if !json.Valid([]byte(document)) || len(p.Statements) == 0 {
			t.Errorf("%q is taken as %+v", document, p)
		}
		onlyDenies := !slices.ContainsFunc(p.Statements,
			func(s Statement) bool { return s.Effect == EffectAllow })
		if onlyDenies && p.Allows(action, resource, nil) {
			t.Errorf("%q allows what no statement grants", document)
		}
	})
}
