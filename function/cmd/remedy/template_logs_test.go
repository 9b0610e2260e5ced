package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// dashboardColumns is how many columns wide a dashboard is (SLS document "Create a dashboard").
const dashboardColumns = 10

// query is a search and analysis of the audit lines.
type query struct {
	where   string // for messages
	text    string
	columns []string // that must come of it
}

var (
	fieldPattern   = regexp.MustCompile(`message\.([A-Za-z]+(?:\.[A-Za-z]+)*)`)
	verdictPattern = regexp.MustCompile(`message\.verdict(?:: |", [^=]*= ')([a-z-]+)`)
	columnPattern  = regexp.MustCompile(` AS ([a-z]+)`)
)

// check holds a query against what the audit line has.
func (q *query) check(c *code) error {
	if !strings.HasPrefix(q.text, "message.msg: verdict") {
		return fmt.Errorf("%s: it is not about audit lines: %s", q.where, q.text)
	}
	for _, field := range fieldPattern.FindAllStringSubmatch(q.text, -1) {
		if !slices.Contains(c.fields, field[1]) && !slices.Contains(fieldsAhead, field[1]) {
			return fmt.Errorf("%s: an audit line has no %s", q.where, field[1])
		}
	}
	for _, verdict := range verdictPattern.FindAllStringSubmatch(q.text, -1) {
		if !slices.Contains(c.verdicts, verdict[1]) && !slices.Contains(verdictsAhead, verdict[1]) {
			return fmt.Errorf("%s: there is no verdict %s", q.where, verdict[1])
		}
	}
	var columns []string
	for _, column := range columnPattern.FindAllStringSubmatch(q.text, -1) {
		columns = append(columns, column[1])
	}
	for _, column := range q.columns {
		if !slices.Contains(columns, column) {
			return fmt.Errorf("%s: its query gives no %s", q.where, column)
		}
	}
	if strings.Count(q.text, "(") != strings.Count(q.text, ")") ||
		strings.Count(q.text, `"`)%2 != 0 || strings.Count(q.text, "'")%2 != 0 {
		return fmt.Errorf("%s: something is not closed: %s", q.where, q.text)
	}
	return nil
}

var logChecks = []templateCheck{
	{"the index has the audit line's fields", onDefault(func(s *stack, c *code) error {
		var names []string
		for _, key := range items(s.the("ALIYUN::SLS::Index")["KeyIndices"]) {
			for _, field := range items(dig(key, "JsonKeyIndices")) {
				names = append(names, fmt.Sprint(dig(field, "Name")))
			}
		}
		slices.Sort(names)
		ahead := filter(fieldsAhead, func(s string) bool { return !slices.Contains(c.fields, s) })
		return same("fields", names, slices.Sorted(slices.Values(slices.Concat(c.fields, ahead))))
	})},
	{"the dashboard shows what the audit lines say", onDefault(func(s *stack, c *code) error {
		dashboard := s.the("ALIYUN::SLS::Dashboard")
		var titles []string
		taken := map[[2]int]string{}
		for _, chart := range items(dashboard["Charts"]) {
			title := fmt.Sprint(dig(chart, "title"))
			titles = append(titles, title)
			display := dig(chart, "display")
			q := query{title, fmt.Sprint(dig(chart, "search", "query")),
				slices.Concat(texts(dig(display, "xAxis")), texts(dig(display, "yAxis")))}
			if err := q.check(c); err != nil {
				return err
			}
			if store := dig(chart, "search", "logstore"); store != "function" {
				return fmt.Errorf("%s: it searches %v", title, store)
			}
			if err := place(taken, title, display); err != nil {
				return err
			}
		}
		return same("charts", titles,
			[]string{"verdicts", "waiting", "reboots", "recovery", "failed"})
	})},
	{"a failure alerts if somebody is named", func(t *template, c *code) error {
		s, err := t.stack()
		if err != nil {
			return err
		}
		if got := len(s.of("ALIYUN::SLS::Alert")); got != 0 {
			return fmt.Errorf("%d alerts though nobody is named", got)
		}
		if s, err = t.stack("ActionPolicy=on-call"); err != nil {
			return err
		}
		alert := s.the("ALIYUN::SLS::Alert")
		configuration := dig(alert, "Detail", "Configuration")
		search := dig(configuration, "QueryList", 0)
		q := query{"alert", fmt.Sprint(dig(search, "Query")),
			texts(dig(configuration, "GroupConfiguration", "Fields"))}
		for _, annotation := range items(dig(configuration, "Annotations")) {
			text := fmt.Sprint(dig(annotation, "Value"))
			for _, column := range variablePattern.FindAllStringSubmatch(text, -1) {
				q.columns = append(q.columns, column[1])
			}
		}
		if err := q.check(c); err != nil {
			return err
		}
		project := s.the("ALIYUN::SLS::Project")["Name"]
		policy := dig(configuration, "PolicyConfiguration")
		for _, row := range []struct {
			what      string
			got, want any
		}{
			{"project", alert["Project"], project},
			{"searched project", dig(search, "Project"), project},
			{"searched store", dig(search, "Store"), "function"},
			{"state", dig(alert, "Detail", "State"), "Enabled"},
			{"action policy", dig(policy, "ActionPolicyId"), "on-call"},
			// The alert policy that takes the action policy from the alert (ROS document
			// "ALIYUN::SLS::Alert").
			{"alert policy", dig(policy, "AlertPolicyId"), "sls.builtin.dynamic"},
			{"dashboard", dig(configuration, "Dashboard"),
				s.the("ALIYUN::SLS::Dashboard")["DashboardName"]},
			{"verdict", strings.Contains(q.text, "message.verdict: failed |"), true},
		} {
			if row.got != row.want {
				return fmt.Errorf("%s: %v, not %v", row.what, row.got, row.want)
			}
		}
		return nil
	}},
	{"operators hear of dead letters and failures", func(t *template, _ *code) error {
		s, err := t.stack()
		if err != nil {
			return err
		}
		if got := len(s.of("ALIYUN::CMS::ResourceMetricRule")); got != 0 {
			return fmt.Errorf("%d alarms though nobody is named", got)
		}
		if s, err = t.stack("OperatorContactGroup=ops"); err != nil {
			return err
		}
		queue := fmt.Sprint(s.the("ALIYUN::MNS::Queue")["QueueName"])
		function := fmt.Sprint(s.the("ALIYUN::FC3::Function")["FunctionName"])
		letters := s.Resources["DeadLetterAlarm"].Properties
		failures := s.Resources["FunctionAlarm"].Properties
		return errors.Join(
			// CloudMonitor document "Message Service - queue": by region and queue, every 300 s.
			checkMetric(letters, "acs_mns_new ActiveMessages",
				map[string]any{"region": stackRegion, "queue": queue}, 300),
			// Function Compute document "Monitoring data": by region and function, every 60 s.
			checkMetric(failures, "acs_fc FunctionFunctionErrors",
				map[string]any{"region": stackRegion, "functionName": function}, 60),
		)
	}},
	{"the query for operators finds audit lines", onDefault(func(s *stack, c *code) error {
		q := query{"AuditQuery", fmt.Sprint(s.Outputs["AuditQuery"]),
			[]string{"verdict", "reason", "n"}}
		return q.check(c)
	})},
}

// place puts a chart on the dashboard, where it may not lie on another or beyond the edge.
func place(taken map[[2]int]string, title string, display any) error {
	number := func(name string) int {
		n, _ := dig(display, name).(int)
		return n
	}
	x, y, width, height := number("xPos"), number("yPos"), number("width"), number("height")
	if width < 1 || height < 1 || x < 0 || x+width > dashboardColumns {
		return fmt.Errorf("%s: it is %d wide and %d high at column %d", title, width, height, x)
	}
	for column := x; column < x+width; column++ {
		for row := y; row < y+height; row++ {
			if other, ok := taken[[2]int{column, row}]; ok {
				return fmt.Errorf("%s lies on %s", title, other)
			}
			taken[[2]int{column, row}] = title
		}
	}
	return nil
}

// checkMetric holds an alarm of CloudMonitor against the metric that it must watch, of what, and
// how often that is measured, in seconds.
func checkMetric(alarm map[string]any, metric string, of map[string]any, every int) error {
	if got := fmt.Sprint(alarm["Namespace"], " ", alarm["MetricName"]); got != metric {
		return fmt.Errorf("it watches %s, not %s", got, metric)
	}
	if got := fmt.Sprint(alarm["Resources"]); got != fmt.Sprint([]any{of}) {
		return fmt.Errorf("%s: of %s, not %v", metric, got, of)
	}
	if alarm["Period"] != every || alarm["Interval"] != every {
		return fmt.Errorf("%s: looks at %v s every %v s",
			metric, alarm["Period"], alarm["Interval"])
	}
	if got := texts(alarm["ContactGroups"]); !slices.Equal(got, []string{"ops"}) {
		return fmt.Errorf("%s: tells %s", metric, got)
	}
	if escalations, _ := alarm["Escalations"].(map[string]any); len(escalations) == 0 {
		return fmt.Errorf("%s: it never alarms", metric)
	}
	// The default keeps the last state: an alarm would last although there is nothing any more.
	if alarm["NoDataPolicy"] != "OK" {
		return fmt.Errorf("%s: missing data is %v", metric, alarm["NoDataPolicy"])
	}
	return nil
}

const (
	checkIndex     = "the index has the audit line's fields"
	checkDashboard = "the dashboard shows what the audit lines say"
	checkAlert     = "a failure alerts if somebody is named"
	checkOperators = "operators hear of dead letters and failures"
	checkAudit     = "the query for operators finds audit lines"
)

var logMutations = []mutation{
	change("an index field in the template", "{Name: verdict,", "{Name: outcome,", checkIndex),
	inCode("a field more in the audit line", func(c *code) { c.fields = append(c.fields, "zone") },
		checkIndex),
	inCode("a field less in the audit line", func(c *code) {
		c.fields = slices.DeleteFunc(c.fields, func(s string) bool { return s == "reason" })
	}, checkIndex, checkDashboard, checkAlert, checkAudit),
	inCode("a verdict less in the code", func(c *code) {
		c.verdicts = slices.DeleteFunc(c.verdicts, func(s string) bool { return s == "failed" })
	}, checkDashboard, checkAlert),
	change("a field that nothing has", `"message.incident" AS incident`,
		`"message.incidents" AS incident`, checkDashboard, checkAlert),
	change("a verdict that nothing has", "= 'waiting'", "= 'queued'", checkDashboard),
	change("a column that nothing gives", "yAxis: [median, longest]", "yAxis: [median, shortest]",
		checkDashboard),
	change("a bracket that is not closed", `"message.forced" = 'true' THEN "message.incident" END)`,
		`"message.forced" = 'true' THEN "message.incident" END`, checkDashboard),
	change("a chart on another", "xPos: 5, yPos: 6", "xPos: 4, yPos: 6", checkDashboard),
	change("a chart beyond the edge", "xPos: 5, yPos: 6", "xPos: 6, yPos: 6", checkDashboard),
	change("a chart less", "- title: recovery", "- title: other", checkDashboard),
	change("an alert for nobody", "Type: ALIYUN::SLS::Alert\n    Condition: AlertOnFailed",
		"Type: ALIYUN::SLS::Alert", checkAlert),
	change("an alert that is off", "State: Enabled", "State: Disabled", checkAlert),
	change("an alert on another verdict",
		"message.msg: verdict and message.verdict: failed |\n                SEL",
		"message.msg: verdict and message.verdict: refused |\n                SEL", checkAlert),
	change("an alert of other lines",
		"message.msg: verdict and message.verdict: failed |\n                SEL",
		"message.verdict: failed |\n                SEL", checkAlert),
	change("an alert that names what it does not know", "${detail} Incident", "${details} Incident",
		checkAlert),
	change("an alert by another policy", "ActionPolicyId: {Ref: ActionPolicy}",
		"ActionPolicyId: sls.builtin", checkAlert),
	change("alarms for nobody", "Condition: OperatorTold", "Condition: OwnLedger", checkOperators),
	change("another queue's depth", "queue: {Fn::Sub: '${FunctionName}-failed'}",
		"queue: {Fn::Sub: '${FunctionName}-alarms'}", checkOperators),
	change("another metric of the queue", "MetricName: ActiveMessages", "MetricName: DelayMessages",
		checkOperators),
	change("a queue that is looked at too often", "Period: 300  #", "Period: 60  #",
		checkOperators),
	change("an alarm that lasts", "NoDataPolicy: OK  #", "NoDataPolicy: KEEP_LAST_STATE  #",
		checkOperators),
	change("another function's errors", "functionName: {Ref: FunctionName}", "functionName: remedy",
		checkOperators),
	change("the query for operators",
		"'message.msg: verdict | SELECT \"message.verdict\" AS verdict",
		"'message.msg: verdict | SELECT \"message.outcome\" AS verdict", checkAudit),
}
