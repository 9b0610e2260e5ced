package main

import "strings"

// ramPolicy is a RAM policy document (RAM document "Policy structure and syntax").
type ramPolicy struct {
	Version   string      `json:"Version"`
	Statement []ramGrants `json:"Statement"`
}

// ramGrants is one statement of a policy. All of them allow.
type ramGrants struct {
	Effect    string         `json:"Effect"`
	Action    []string       `json:"Action"`
	Resource  []string       `json:"Resource"`
	Condition map[string]any `json:"Condition,omitempty"`
}

// operatorPolicy is what a person on call needs for the runbook and the operator's commands once
// the stack is there: to look, to pause, to arm and disarm, to roll back, to wire rules and tags.
// It is no more than that: it makes no stack, deletes none, changes no role, and reboots only what
// the function itself may reboot, which doctor and explain ask ECS about with DryRun.
func (p *packageCommand) operatorPolicy() ramPolicy {
	fill := strings.NewReplacer("REGION", given(p.Region, "*"), "ACCOUNT", given(p.Account, "*"),
		"BUCKET", given(p.Bucket, "*"), "FUNCTION", p.Function)
	allow := func(actions []string, resources ...string) ramGrants {
		for i := range resources {
			resources[i] = fill.Replace(resources[i])
		}
		return ramGrants{Effect: "Allow", Action: actions, Resource: resources}
	}
	instances := "acs:ecs:REGION:ACCOUNT:instance/*"
	// The same condition as that of the function's role.
	reboot := allow([]string{"ecs:RebootInstance"}, instances)
	reboot.Condition = map[string]any{"StringEquals": map[string]any{
		"acs:ResourceTag/auto-restart": []string{"true", "graceful"}}}
	pass := allow([]string{"ram:PassRole"}, "acs:ram:*:ACCOUNT:role/FUNCTION-REGION")
	pass.Condition = map[string]any{"StringEquals": map[string]any{
		"acs:Service": "fc.aliyuncs.com"}}
	return ramPolicy{Version: "1", Statement: []ramGrants{
		allow([]string{"ecs:DescribeInstances", "ecs:DescribeCloudAssistantStatus",
			"ecs:TagResources", "ecs:UntagResources"}, instances),
		// This action takes no narrower resource.
		allow([]string{"ecs:DescribeInstanceHistoryEvents"}, "*"),
		reboot,
		// The ledger: GetRange lists its keys.
		allow([]string{"ots:GetRow", "ots:PutRow", "ots:GetRange"},
			"acs:ots:REGION:ACCOUNT:instance/remedy-*/table/incidents"),
		// The audit lines, the evidence, and the zips with their templates.
		allow([]string{"log:GetLogStoreLogs"},
			"acs:log:REGION:ACCOUNT:project/FUNCTION-ACCOUNT-REGION/logstore/function"),
		allow([]string{"oss:GetObject"}, "acs:oss:*:ACCOUNT:FUNCTION-ACCOUNT-REGION/FUNCTION/*"),
		allow([]string{"oss:GetObject", "oss:PutObject"}, "acs:oss:*:ACCOUNT:BUCKET/ecs-remedy-*"),
		allow([]string{"oss:ListObjects"}, "acs:oss:*:ACCOUNT:BUCKET"),
		// To arm, to disarm and to roll back is to update the stack, which ROS does with the
		// permissions of whoever asks: the function's settings and code, under the role it has.
		allow([]string{"ros:ListStacks", "ros:GetStack", "ros:ListStackEvents", "ros:UpdateStack"},
			"acs:ros:REGION:ACCOUNT:stack/*"),
		allow([]string{"fc:GetFunction", "fc:UpdateFunction"},
			"acs:fc:REGION:ACCOUNT:functions/FUNCTION"),
		pass,
		// CloudMonitor's actions take no narrower resource.
		allow([]string{"cms:DescribeContactGroupList", "cms:PutResourceMetricRule",
			"cms:PutResourceMetricRules", "cms:PutMetricRuleTargets", "cms:DeleteMetricRules",
			"cms:DeleteMetricRuleTargets", "cms:SendDryRunSystemEvent"}, "*"),
	}}
}

// printPolicy prints the policy as the document that RAM takes.
func (p *packageCommand) printPolicy(c *console) error { return printJSON(c, p.operatorPolicy()) }
