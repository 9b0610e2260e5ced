package main

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"ecs-remedy/function/internal/remedy"
)

// Who takes the stack's roles on.
const (
	asFunction = "fc.aliyuncs.com"
	asTopic    = "mns.aliyuncs.com"
)

// need is an action that one of the stack's roles must be able to do.
type need struct {
	role   string
	action string
	takes  string   // what the action can be granted on, as a pattern; empty: on * only
	on     []string // what it is needed on, and granted on: no less and no more
	tagged bool     // only on instances whose owner opted them in
}

// needs are those of a stack: every action on ECS, Tablestore, Simple Message Queue, Simple Log
// Service, OSS and Function Compute that its roles or the code use.
//
// A grant on a resource that its action does not take is without effect, and nothing says so before
// the action is refused: hence each action's kinds of resources, with their sources, which are help
// documents of the product.
func needs(function, ledger, bucket string) []need {
	arn := func(product, resource string) string {
		return "acs:" + product + ":" + stackRegion + ":" + stackAccount + ":" + resource
	}
	const anyInstance = "acs:ecs:*:*:instance/*"
	instances := []string{arn("ecs", "instance/*")}
	table := []string{arn("ots", "instance/"+ledger+"/table/incidents")}
	all := []need{
		// ECS "Authentication rules": instance/$instanceid and instance/*.
		{asFunction, "ecs:DescribeInstances", anyInstance, instances, false},
		// ECS API "DescribeCloudAssistantStatus": instance.
		{asFunction, "ecs:DescribeCloudAssistantStatus", anyInstance, instances, false},
		// ECS API "DescribeInstanceHistoryEvents": all resources, so nothing but the asterisk.
		{asFunction, "ecs:DescribeInstanceHistoryEvents", "", []string{"*"}, false},
		// ECS API "RebootInstance": instance; conditions on its tags work.
		{asFunction, "ecs:RebootInstance", anyInstance, instances, true},
		// Tablestore "RAM policy": acs:ots:[region]:[user_id]:instance/[instance]/table/[table],
		// the instance's name in lower case.
		{asFunction, "ots:GetRow", "acs:ots:*:*:instance/*/table/*", table, false},
		{asFunction, "ots:PutRow", "acs:ots:*:*:instance/*/table/*", table, false},
		// SLS "RAM custom policy examples", API "PutLogs":
		// acs:log:{region}:{account}:project/{project}/logstore/{logstore}. It is Function Compute
		// that writes the function's output there, as the function.
		{asFunction, "log:PostLogStoreLogs", "acs:log:*:*:project/*/logstore/*", []string{
			arn("log", "project/"+function+"-"+stackAccount+"-"+stackRegion+"/logstore/function")},
			false},
		// SMQ API "SendMessage": acs:mns:$region:$accountid:/queues/$queueName/messages. It is
		// Function Compute that sends what could not be handled, as the function.
		{asFunction, "mns:SendMessage", "acs:mns:*:*:/queues/*/messages",
			[]string{arn("mns", "/queues/"+function+"-failed/messages")}, false},
		// Function Compute API "InvokeFunction": functions/{function}, and with a qualifier
		// functions/{function}/{qualifier}.
		{asTopic, "fc:InvokeFunction", "acs:fc:*:*:functions/*", []string{
			arn("fc", "functions/"+function), arn("fc", "functions/"+function+"/LATEST")}, false},
	}
	if bucket == "" {
		return all
	}
	return append(all,
		// ECS API "GetInstanceScreenshot" and "GetInstanceConsoleOutput": instance.
		need{asFunction, "ecs:GetInstanceScreenshot", anyInstance, instances, false},
		need{asFunction, "ecs:GetInstanceConsoleOutput", anyInstance, instances, false},
		// OSS "RAM Policy": acs:oss:{region}:{owner}:{bucket}/{object}; a bucket's name is its
		// region's already, and the documents write an asterisk there.
		need{asFunction, "oss:PutObject", "acs:oss:*:*:*/*",
			[]string{"acs:oss:*:" + stackAccount + ":" + bucket + "/" + function + "/*"}, false},
	)
}

// statement is one of a role's permissions.
type statement struct {
	effect             string
	actions, resources []string
	condition          any
}

// statements are those of the role that trusts the service: its own, and those of the policies that
// are attached to it.
func (s *stack) statements(service string) []statement {
	var all []statement
	for _, s := range s.policy(service) {
		all = append(all, statement{fmt.Sprint(dig(s, "Effect")), texts(dig(s, "Action")),
			texts(dig(s, "Resource")), dig(s, "Condition")})
	}
	return all
}

// policy is the statements as they stand in the template.
func (s *stack) policy(service string) []any {
	var documents []any
	roles := map[string]bool{}
	for _, role := range s.of("ALIYUN::RAM::Role") {
		trusted := dig(role, "AssumeRolePolicyDocument", "Statement", 0, "Principal", "Service")
		if !slices.Equal(texts(trusted), []string{service}) {
			continue
		}
		roles[fmt.Sprint(role["RoleName"])] = true
		for _, policy := range items(role["Policies"]) {
			documents = append(documents, dig(policy, "PolicyDocument"))
		}
	}
	for _, policy := range s.of("ALIYUN::RAM::ManagedPolicy") {
		attached := func(name string) bool { return roles[name] }
		if slices.ContainsFunc(texts(policy["Roles"]), attached) {
			documents = append(documents, policy["PolicyDocument"])
		}
	}
	var all []any
	for _, document := range documents {
		all = append(all, items(dig(document, "Statement"))...)
	}
	return all
}

// covers reports whether a pattern of a policy, in which * stands for anything, matches a resource,
// or all that another pattern matches.
func covers(pattern, resource string) bool {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\*`, ".*")
	return matches("^"+quoted+"$", resource)
}

// granted holds the statements of a role against what is needed: whatever is missing, without
// effect, too narrow or too wide.
func granted(statements []statement, needed []need, condition any) error {
	var wrong []error
	complain := func(format string, arguments ...any) {
		wrong = append(wrong, fmt.Errorf(format, arguments...))
	}
	byAction := map[string]need{}
	for _, n := range needed {
		byAction[n.action] = n
	}
	given := map[string][]string{}
	for _, s := range statements {
		if s.effect != "Allow" {
			complain("a statement with the effect %s", s.effect)
		}
		for _, action := range s.actions {
			n, ok := byAction[action]
			if !ok {
				complain("%s is granted, and nothing needs it", action)
				continue
			}
			wanted := map[bool]any{true: condition}[n.tagged]
			if !reflect.DeepEqual(s.condition, wanted) {
				complain("%s is granted under the condition %v, not %v",
					action, s.condition, wanted)
			}
			given[action] = append(given[action], s.resources...)
			for _, resource := range s.resources {
				needs := func(on string) bool { return covers(on, resource) }
				taken := resource == "*" || n.takes != "" && covers(n.takes, resource)
				switch {
				case !taken:
					complain("%s does not take the resource %s: the grant is without effect",
						action, resource)
				case !slices.ContainsFunc(n.on, needs):
					complain("%s is granted on %s, more than %s", action, resource, n.on)
				}
			}
		}
	}
	for _, n := range needed {
		for _, on := range n.on {
			covered := func(resource string) bool { return covers(resource, on) }
			if !slices.ContainsFunc(given[n.action], covered) {
				complain("%s is not granted on %s", n.action, on)
			}
		}
	}
	return errors.Join(wrong...)
}

// optInCondition is what restricts a permission to instances whose owner opted them in.
func optInCondition(p *remedy.Policy) any {
	grants := []any{string(remedy.GrantFull), string(remedy.GrantGraceful)}
	return map[string]any{"StringEquals": map[string]any{"acs:ResourceTag/" + p.OptInTag: grants}}
}

var grantChecks = []templateCheck{
	{"the roles may do what is needed and nothing else", func(t *template, c *code) error {
		const ledger = "remedy-4a6c9851"
		for _, variant := range []struct {
			name             string
			given            []string
			function, bucket string
		}{
			{"without evidence", nil, "ecs-remedy", ""},
			{"in a VPC", stackVPC, "ecs-remedy", ""},
			{"with a bucket of its own", []string{"EvidenceBucket=stack"}, "ecs-remedy",
				"ecs-remedy-" + stackAccount + "-" + stackRegion},
			{"with a bucket that is given", []string{"EvidenceBucket=my-bucket"}, "ecs-remedy",
				"my-bucket"},
			{"under another name", []string{"FunctionName=other", "EvidenceBucket=my-bucket"},
				"other", "my-bucket"},
		} {
			s, err := t.stack(variant.given...)
			if err != nil {
				return fmt.Errorf("%s: %w", variant.name, err)
			}
			for _, role := range []string{asFunction, asTopic} {
				needed := slices.DeleteFunc(needs(variant.function, ledger, variant.bucket),
					func(n need) bool { return n.role != role })
				err := granted(s.statements(role), needed, optInCondition(&c.policy))
				if err != nil {
					return fmt.Errorf("%s, as %s: %w", variant.name, role, err)
				}
			}
		}
		return nil
	}},
	{"what the code calls is needed", func(_ *template, c *code) error {
		calls := map[string][]string{}
		for _, n := range needs("ecs-remedy", "remedy", "bucket") {
			product, _, _ := strings.Cut(n.action, ":")
			calls[product] = append(calls[product], n.action)
		}
		slices.Sort(calls["ecs"])
		slices.Sort(calls["ots"])
		ahead := filter(actionsAhead, func(s string) bool { return !slices.Contains(c.ecs, s) })
		called := slices.Sorted(slices.Values(slices.Concat(c.ecs, ahead)))
		return errors.Join(same("actions on ECS", calls["ecs"], called),
			same("actions on Tablestore", calls["ots"], c.ots))
	}},
	{"only opted-in instances can be rebooted", onDefault(func(s *stack, c *code) error {
		tag := s.environment()["REMEDY_OPT_IN_TAG"]
		if c.policy.OptInTag != tag || c.policy.Untagged != remedy.GrantNone {
			return fmt.Errorf("the code's tag is %q, the template's %v; untagged instances get %q",
				c.policy.OptInTag, tag, c.policy.Untagged)
		}
		return nil
	})},
}

const (
	checkGranted = "the roles may do what is needed and nothing else"
	checkCalled  = "what the code calls is needed"
	checkOptIn   = "only opted-in instances can be rebooted"
)

// Every row is a way in which a role may do too little or too much.
var grantMutations = []mutation{
	// Missing.
	change("an action is not granted", "                  - ecs:DescribeCloudAssistantStatus\n", "",
		checkGranted),
	change("the action that needs a statement of its own is not granted",
		"[ecs:DescribeInstanceHistoryEvents]", "[ecs:DescribeInstances]", checkGranted),
	change("an action on the ledger is not granted", "[ots:GetRow, ots:PutRow]", "[ots:GetRow]",
		checkGranted),
	change("the logs cannot be written", "[log:PostLogStoreLogs]", "[log:GetLogStoreLogs]",
		checkGranted),
	change("evidence cannot be taken", "[ecs:GetInstanceScreenshot, ecs:GetInstanceConsoleOutput]",
		"[ecs:GetInstanceScreenshot]", checkGranted),
	change("evidence cannot be kept", "Action: [oss:PutObject]", "Action: [oss:GetObject]",
		checkGranted, checkEvidence),
	change("the policy is nobody's", "Roles: [{Fn::GetAtt: [FunctionRole, RoleName]}]",
		"Roles: [{Fn::GetAtt: [TopicRole, RoleName]}]", checkGranted, checkEvidence),
	change("the topic cannot invoke the latest version", "functions/${FunctionName}/LATEST'",
		"functions/${FunctionName}/v1'", checkGranted),
	// Without effect.
	change("an action that takes all resources is granted on some",
		"Action: [ecs:DescribeInstanceHistoryEvents]\n                Resource: ['*']",
		"Action: [ecs:DescribeInstanceHistoryEvents]\n                Resource: "+
			"[{Fn::Sub: 'acs:ecs:${ALIYUN::Region}:${ALIYUN::AccountId}:instance/*'}]",
		checkGranted),
	change("an action that takes instances is granted on a disk",
		"[ecs:RebootInstance]\n                Resource: [{Fn::Sub: 'acs:ecs:${ALIYUN::Region}:"+
			"${ALIYUN::AccountId}:instance/*'}]",
		"[ecs:RebootInstance]\n                Resource: [{Fn::Sub: 'acs:ecs:${ALIYUN::Region}:"+
			"${ALIYUN::AccountId}:disk/*'}]", checkGranted),
	change("a message is granted on its queue", "/queues/${FunctionName}-failed/messages'}]",
		"/queues/${FunctionName}-failed'}]", checkGranted),
	// Too narrow.
	change("another region",
		"[{Fn::Sub: 'acs:ecs:${ALIYUN::Region}:${ALIYUN::AccountId}:instance/*'}]",
		"[{Fn::Sub: 'acs:ecs:cn-beijing:${ALIYUN::AccountId}:instance/*'}]", checkGranted),
	change("one instance",
		"[{Fn::Sub: 'acs:ecs:${ALIYUN::Region}:${ALIYUN::AccountId}:instance/*'}]",
		"[{Fn::Sub: 'acs:ecs:${ALIYUN::Region}:${ALIYUN::AccountId}:instance/i-bp1'}]",
		checkGranted),
	change("another prefix in the bucket", "${EvidenceStore.Name}/${FunctionName}/*'",
		"${EvidenceStore.Name}/evidence/*'", checkGranted, checkEvidence),
	change("reading needs a tag", "                Resource: ['*']\n",
		"                Resource: ['*']\n                Condition: {StringEquals: "+
			"{acs:ResourceTag/auto-restart: ['true']}}\n", checkGranted),
	change("graceful instances cannot be rebooted", "['true', graceful]", "['true']", checkGranted),
	// Too wide.
	change("instances can be stopped", "[ecs:RebootInstance]",
		"[ecs:RebootInstance, ecs:StopInstance]", checkGranted),
	change("everything on ECS", "[ecs:RebootInstance]", "[ecs:RebootInstance, 'ecs:*']",
		checkGranted),
	change("all actions of a product", "[log:PostLogStoreLogs]", "['log:*']", checkGranted),
	change("one more region",
		"Action: [ecs:GetInstanceScreenshot, ecs:GetInstanceConsoleOutput]\n"+
			"            Resource: [",
		"Action: [ecs:GetInstanceScreenshot, ecs:GetInstanceConsoleOutput]\n           "+
			" Resource: ["+"{Fn::Sub: 'acs:ecs:cn-beijing:${ALIYUN::AccountId}:instance/*'}, ",
		checkGranted),
	change("every region", "acs:ecs:${ALIYUN::Region}:${ALIYUN::AccountId}:instance/*",
		"acs:ecs:*:${ALIYUN::AccountId}:instance/*", checkGranted),
	change("every account", "acs:ots:${ALIYUN::Region}:${ALIYUN::AccountId}",
		"acs:ots:${ALIYUN::Region}:*", checkGranted, checkLedger),
	change("every table", "/table/incidents", "/table/*", checkGranted, checkLedger),
	change("the whole bucket", "${EvidenceBucket}/${FunctionName}/*'", "${EvidenceBucket}/*'",
		checkGranted, checkEvidence),
	change("every function", "functions/${FunctionName}'", "functions/*'", checkGranted),
	change("instances can be looked at without evidence",
		"                  - ecs:DescribeInstances\n",
		"                  - ecs:DescribeInstances\n                  -"+
			" ecs:GetInstanceScreenshot\n", checkGranted),
	change("instances that nobody opted in",
		"                Condition:\n                  StringEquals:\n"+
			"                    acs:ResourceTag/auto-restart: ['true', graceful]  # opt-in tag\n",
		"", checkGranted),
	change("instances with another tag", "acs:ResourceTag/auto-restart",
		"acs:ResourceTag/auto-reboot", checkGranted),
	change("a tag of the request", "acs:ResourceTag/auto-restart: ['true', graceful]",
		"acs:RequestTag/auto-restart: ['true', graceful]", checkGranted),
	change("somebody else's role", "Principal: {Service: [mns.aliyuncs.com]}",
		"Principal: {Service: [mns.aliyuncs.com, ecs.aliyuncs.com]}", checkGranted),
	// The code.
	inCode("an ECS action more in the code",
		func(c *code) { c.ecs = append(c.ecs, "ecs:StopInstance") }, checkCalled),
	inCode("an ECS action less in the code", func(c *code) {
		c.ecs = filter(c.ecs, func(s string) bool { return s != "ecs:DescribeInstances" })
	}, checkCalled),
	inCode("a Tablestore action in the code",
		func(c *code) { c.ots = []string{"ots:GetRow", "ots:UpdateRow"} }, checkCalled),
	change("the tag in the environment", "REMEDY_OPT_IN_TAG: auto-restart",
		"REMEDY_OPT_IN_TAG: auto-reboot", checkDefaults, checkOptIn),
	inCode("the tag in the code", func(c *code) { c.policy.OptInTag = "auto-reboot" }, checkGranted,
		checkOptIn),
}
