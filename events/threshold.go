package events

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// threshold decodes a metric alarm callback (document 60714), which is a form today and was printed
// as JSON in 2018.
func threshold(o object) Alarm {
	a := Alarm{
		Format:   FormatThreshold,
		Name:     clean(first(o.text("alertName"), o.text("ruleId"))),
		Rule:     clean(first(o.text("ruleId"), o.text("alertName"))),
		Level:    alarmLevel(o.text("triggerLevel")),
		Time:     parseTime(o.text("timestamp")),
		Metric:   metric(first(o.text("rawMetricName"), o.text("metricName"))),
		RawState: clean(o.text("alertState")),
	}
	var c claims
	c.use(o)
	c.namespace(o.text("namespace"), o.text("metricProject"))
	c.dimensions(o, "dimensions")
	put(&c.accounts, "", "userId", o.text("userId"))
	put(&c.regions, "", "regionId", o.text("regionId"))

	switch strings.ToUpper(a.RawState) {
	// ALARM is how the 2018 edition and the API DescribeMetricRuleList spell it
	case "ALERT", "ALARM":
		a.State = StateFiring
		if level := o.text("triggerLevel"); strings.EqualFold(level, "OK") {
			c.conflicts = append(c.conflicts,
				"alertState says "+quote(a.RawState)+", but triggerLevel says "+quote(level))
		}
	case "OK":
		a.State = StateResolved
	case "INSUFFICIENT_DATA":
		a.State = StateInsufficientData
	default:
		a.State = StateUnknown
	}
	c.settle(&a)

	if episode, at := o.text("transId"), o.text("timestamp"); episode != "" && at != "" {
		a.Key = key(episode, at)
	} else {
		a.Key = c.metricKey(&a, at)
	}
	return a
}

// metricMNS decodes a metric alarm that CloudMonitor wrote to a queue or topic (document 119889).
func metricMNS(o object) Alarm {
	data := o.object("metricData")
	at := first(o.text("time"), data.text("timestamp"))
	a := Alarm{
		Format:   FormatMetricMNS,
		Name:     clean(first(o.text("ruleName"), o.text("ruleId"))),
		Rule:     clean(first(o.text("ruleId"), o.text("ruleName"))),
		Level:    alarmLevel(o.text("curLevel")),
		Time:     parseTime(at),
		Metric:   metric(first(o.text("rawMetricName"), o.text("metricName"))),
		RawState: clean(o.text("curLevel")),
	}
	var c claims
	c.use(o)
	c.use(data)
	c.namespace(o.text("namespace"), o.text("metricProject"))
	c.dimensions(o, "resources")
	put(&c.instances, "metricData.", "instanceId", data.text("instanceId"))
	put(&c.accounts, "metricData.", "userId", data.text("userId"))
	put(&c.accounts, "", "userId", o.text("userId"))
	put(&c.regions, "", "regionId", o.text("regionId"))

	switch strings.ToUpper(a.RawState) {
	case "OK":
		a.State = StateResolved
	case "CRITICAL", "WARN", "INFO":
		a.State = StateFiring
		// The document's own sample says both.
		if name := o.text("eventName"); strings.EqualFold(name, "AlertOk") {
			c.conflicts = append(c.conflicts,
				"curLevel says "+quote(a.RawState)+", but eventName says "+quote(name))
		}
	default:
		a.State = StateUnknown
	}
	c.settle(&a)
	a.Key = c.metricKey(&a, at)
	return a
}

// namespace notes why a metric alarm of this service is not about an ECS instance. Callbacks spell
// ECS both ways, whatever the document says about mapping one to the other.
func (c *claims) namespace(namespace, project string) {
	ecs := false
	for _, service := range []string{namespace, project} {
		switch service {
		case "":
		case "acs_ecs", "acs_ecs_dashboard":
			ecs = true
		case "acs_cms_detect", "acs_networkmonitor":
			c.nobody = "namespace " + quote(service) +
				": the instance that it names did the probing (document 437901)"
		default:
			c.foreign = "namespace " + quote(service) + " is not that of ECS"
		}
	}
	if !ecs && c.nobody == "" && c.foreign == "" {
		c.foreign = "neither namespace nor metricProject is given"
	}
}

// metricKey is the rule, the instance as received, and the time as received: enough to recognise a
// metric alarm where there is no id of the episode.
func (c *claims) metricKey(a *Alarm, at string) string {
	instance := ""
	if len(c.instances) > 0 {
		instance = c.instances[0].value
	}
	if a.Rule == "" || at == "" {
		return c.fieldsKey(a)
	}
	return key(a.Rule, instance, at)
}

// fieldsKey is the hash of what the alarm says, where it has no id. The format is no part of it:
// the same alarm through another envelope has the same Key.
func (c *claims) fieldsKey(a *Alarm) string {
	parts := []string{a.Rule, a.Name, a.RawState, a.EventStatus, a.Level, a.Metric, a.Account,
		a.Region}
	if !a.Time.IsZero() {
		parts = append(parts, a.Time.Format(time.RFC3339Nano))
	}
	for _, instance := range c.instances {
		parts = append(parts, instance.value)
	}
	return hash(strings.Join(parts, "\x00"))
}

func metric(name string) string {
	name, _, _ = strings.Cut(name, "#") // memory_actualusedspace#60: the period
	return clean(name)
}

// alarmLevel is the level as received; OK says that there is none.
func alarmLevel(s string) string {
	if s = strings.ToUpper(s); s == "OK" {
		return ""
	}
	return clean(s)
}

func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// layouts are the spellings of a time with its zone in the documents of CloudMonitor, ECS and
// EventBridge. Go reads a fraction of a second wherever the seconds are followed by one.
var layouts = []string{
	time.RFC3339,
	"20060102T150405Z0700",   // 20190409T121826.922+0800
	"2006-01-02T15:04Z07:00", // 2019-11-11T11:00Z
	"2006-01-02T15:04:05Z0700",
}

// parseTime returns a time in UTC, and the zero time for what cannot be read for certain: a time
// without its zone, and a number that is neither seconds nor milliseconds since 1970.
func parseTime(s string) time.Time {
	if s == "" {
		return time.Time{}
	}
	if n, ok := epoch(s); ok {
		// Ten digits are seconds, thirteen are milliseconds: what lies between is no time of this
		// century.
		switch {
		case n >= 1e9 && n < 1e10:
			return time.Unix(n, 0).UTC()
		case n >= 1e12 && n < 1e13:
			return time.UnixMilli(n).UTC()
		}
		return time.Time{}
	}
	if rest, ok := strings.CutSuffix(s, "PRC"); ok { // EventBridge: 2020-11-19T21:04:42.179PRC
		s = rest + "+08:00"
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 2001 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// epoch reads a number, also 1.53473616E12 as some JSON writers print it.
func epoch(s string) (int64, bool) {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}
