package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// firstRule are the parameters of a stack with a first metric rule.
var firstRule = []string{"FirstRuleInstance=i-bp1", "FirstRuleContactGroup=ops"}

// eventNames are those of the stack's event rules of CloudMonitor, each with its product. Sorted.
func (s *stack) eventNames() []string {
	var all []string
	for _, rule := range s.of("ALIYUN::CMS::EventRule") {
		for _, pattern := range items(rule["EventPattern"]) {
			for _, name := range texts(dig(pattern, "NameList")) {
				all = append(all, fmt.Sprint(dig(pattern, "Product"), " ", name))
			}
		}
	}
	slices.Sort(all)
	return all
}

// bridgedNames are the events of EventBridge that trigger the function, each with its status.
// Sorted.
func (s *stack) bridgedNames() ([]string, error) {
	var all []string
	for _, trigger := range s.of("ALIYUN::FC3::Trigger") {
		text, ok := dig(trigger, "TriggerConfig", "eventRuleFilterPattern").(string)
		if !ok {
			continue
		}
		var pattern struct {
			Type []string
			Data struct{ EventStatus []string }
		}
		if err := json.Unmarshal([]byte(text), &pattern); err != nil {
			return nil, err
		}
		for _, event := range pattern.Type {
			for _, status := range pattern.Data.EventStatus {
				all = append(all, event+" "+status)
			}
		}
	}
	slices.Sort(all)
	return all, nil
}

var alarmChecks = []templateCheck{
	{"the events are exactly the curable ones", func(t *template, c *code) error {
		var monitored, agents, bridged []string
		for _, row := range c.curable {
			switch {
			case row.Status == "":
			case row.Product == "ECS": // CloudMonitor names a system event of ECS with its status
				monitored = append(monitored, row.Product+" "+row.Event+":"+row.Status)
				bridged = append(bridged, "ecs:"+row.Event+" "+row.Status)
			default:
				monitored = append(monitored, row.Product+" "+row.Event)
				agents = append(agents, row.Product+" "+row.Event)
			}
		}
		slices.Sort(monitored)
		slices.Sort(agents)
		slices.Sort(bridged)
		// Whoever chooses EventBridge for the events of ECS does not get them twice.
		for _, variant := range []struct {
			from               string
			monitored, bridged []string
		}{
			{"cloudmonitor", monitored, nil},
			{"eventbridge", agents, bridged},
		} {
			s, err := t.stack("EcsEvents=" + variant.from)
			if err != nil {
				return err
			}
			names, err := s.bridgedNames()
			err = errors.Join(err, same("events of EventBridge", names, variant.bridged),
				same("events of CloudMonitor", s.eventNames(), variant.monitored))
			if err != nil {
				return fmt.Errorf("from %s: %w", variant.from, err)
			}
		}
		return nil
	}},
	{"the events of ECS come from CloudMonitor by default", func(t *template, _ *code) error {
		if p := t.Parameters["EcsEvents"]; p.Default == nil || *p.Default != "cloudmonitor" {
			return fmt.Errorf("parameter EcsEvents: default %v", p.Default)
		}
		return nil
	}},
	{"alarms reach the topic that triggers the function", onDefault(func(s *stack, _ *code) error {
		topic := fmt.Sprint(s.the("ALIYUN::MNS::Topic")["TopicName"])
		reads := 0
		for _, trigger := range s.of("ALIYUN::FC3::Trigger") {
			source := "acs:mns:" + stackRegion + ":" + stackAccount + ":/topics/" + topic
			if trigger["TriggerType"] == "mns_topic" && trigger["SourceArn"] == source {
				reads++
			}
		}
		if reads != 1 {
			return fmt.Errorf("%d triggers read the topic %s", reads, topic)
		}
		var rules, targets []string
		for _, rule := range s.of("ALIYUN::CMS::EventRule") {
			rules = append(rules, fmt.Sprint(rule["RuleName"]))
		}
		for _, target := range s.of("ALIYUN::CMS::EventRuleTargets") {
			targets = append(targets, fmt.Sprint(target["RuleName"]))
			if got := dig(target, "MnsParameters", 0, "Topic"); got != topic {
				return fmt.Errorf("events go to %v, the topic is %s", got, topic)
			}
		}
		return same("rules with targets", targets, rules)
	})},
	{"an event rule is not silent for a day", onDefault(func(s *stack, _ *code) error {
		for _, rule := range s.of("ALIYUN::CMS::EventRule") {
			// Without it, CloudMonitor is silent for 86400 s after an event, and drops the hangs of
			// a day (API "DescribeEventRuleAttribute"). 100 is what Terraform's example has.
			if rule["SilenceTime"] != 100 {
				return fmt.Errorf("rule %v: %v s", rule["RuleName"], rule["SilenceTime"])
			}
		}
		return nil
	})},
	{"the first metric rule's alarms count", func(t *template, c *code) error {
		for _, metric := range t.Parameters["FirstRuleMetric"].AllowedValues {
			if !slices.Contains(c.policy.Metrics, metric) {
				return fmt.Errorf("the code does not act on metric %s", metric)
			}
		}
		s, err := t.stack(firstRule...)
		if err != nil {
			return err
		}
		rule := s.Resources["FirstRuleAlarm"].Properties
		escalations, _ := rule["Escalations"].(map[string]any)
		if len(escalations) == 0 {
			return errors.New("it never alarms")
		}
		for level := range escalations {
			if !slices.Contains(c.policy.Levels, strings.ToUpper(level)) {
				return fmt.Errorf("the code does not act on level %s", level)
			}
		}
		// The default keeps the last state: a guest that hangs, and sends no data, never alarms.
		if rule["NoDataPolicy"] != "INSUFFICIENT_DATA" {
			return fmt.Errorf("missing data is %v", rule["NoDataPolicy"])
		}
		return nil
	}},
	{"metric alarms of every level reach the topic", func(t *template, _ *code) error {
		s, err := t.stack(append([]string{"FunctionName=other"}, firstRule...)...)
		if err != nil {
			return err
		}
		wired := s.of("ALIYUN::CMS::MetricRuleTargets")
		if len(wired) != 1 || len(items(wired[0]["Targets"])) != 1 {
			return fmt.Errorf("%d rules have a target", len(wired))
		}
		target := dig(wired[0], "Targets", 0)
		if got := dig(target, "Arn"); got != "AlarmTopic.ARN.WithSlash/message" {
			return fmt.Errorf("its alarms go to %v", got)
		}
		// An alarm for missing data has no level, and one that is named would filter it out.
		if level := dig(target, "Level"); level != nil {
			return fmt.Errorf("only alarms of level %v go to the topic", level)
		}
		// A console numbers its targets, and one that is written again takes the other's place.
		if id := dig(target, "Id"); id != "other" {
			return fmt.Errorf("the target's id is %v, not the function's own", id)
		}
		return nil
	}},
}

const (
	checkEvents  = "the events are exactly the curable ones"
	checkTopic   = "alarms reach the topic that triggers the function"
	checkFirst   = "the first metric rule's alarms count"
	checkTargets = "metric alarms of every level reach the topic"
	checkSilence = "an event rule is not silent for a day"
)

var alarmMutations = []mutation{
	change("an event in the template", "NameList: [Agent_Status_Stopped]",
		"NameList: [Agent_Status_Running]", checkEvents),
	change("a status in the template", "PerformanceImpact:Executing'",
		"PerformanceImpact:Executed'", checkEvents),
	change("EventBridge's event", `"ecs:Instance:InstanceFailure.PerformanceImpact"`,
		`"ecs:Instance:InstanceFailure.Reboot"`, checkEvents),
	inCode("an event more in the code", func(c *code) { c.curable[2].Status = "Executing" },
		checkEvents),
	inCode("an event less in the code", func(c *code) { c.curable[0].Status = "" }, checkEvents),
	change("events of ECS by both ways", "Condition: EventsByEventBridge",
		"Condition: EventsByCloudMonitor", checkEvents),
	change("events of ECS from EventBridge", "Default: cloudmonitor", "Default: eventbridge",
		"the events of ECS come from CloudMonitor by default"),
	change("another topic", "TopicName: {Fn::Sub: '${FunctionName}-alarms'}",
		"TopicName: {Fn::Sub: '${FunctionName}-events'}", checkTopic),
	change("a rule without targets",
		"RuleName: {Fn::Sub: '${FunctionName}-agent-${ALIYUN::Region}'}\n      Mns",
		"RuleName: {Fn::Sub: '${FunctionName}-system-${ALIYUN::Region}'}\n      Mns", checkTopic),
	change("a silence of a day", "      SilenceTime: 100  # the default", "      # the default",
		checkSilence),
	change("a silence of one rule",
		"Description: ECS found a fault that a restart may cure.\n"+
			"      EventType: SYSTEM\n      State: ENABLED\n      SilenceTime: 100",
		"Description: ECS found a fault that a restart may cure.\n"+
			"      EventType: SYSTEM\n      State: ENABLED\n      SilenceTime: 86400",
		checkSilence),
	change("a metric of the first rule", "[cpu_total, CPUUtilization]", "[cpu_total, load_5m]",
		checkFirst),
	change("missing data is no alarm", "NoDataPolicy: INSUFFICIENT_DATA",
		"NoDataPolicy: KEEP_LAST_STATE", checkFirst),
	inCode("the levels in the code", func(c *code) { c.policy.Levels = []string{"WARN"} },
		checkFirst),
	change("a target of one level", "        - Id: {Ref: FunctionName}\n",
		"        - Id: {Ref: FunctionName}\n          Level: CRITICAL\n", checkTargets),
	change("a target with a number", "        - Id: {Ref: FunctionName}\n", "        - Id: '1'\n",
		checkTargets),
	change("a target that is not the topic", "          Arn: {Fn::Sub: ['${Topic}/message'",
		"          Arn: {Fn::Sub: ['${Topic}'", checkTargets),
}
