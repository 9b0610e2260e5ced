package events

import (
	"math"
	"strconv"
	"strings"
	"time"
)

func isThreshold(o *object) bool {
	return o.has("alertState") && (o.has("ruleId") || o.has("alertName"))
}

// threshold decodes a metric alarm callback (document 60714), which is a form today and was printed
// as JSON in 2018. outer is what an envelope says besides; nil: nothing.
func threshold(o *object, outer *claims) Alarm {
	level := o.text("triggerLevel")
	a := Alarm{
		Format:   FormatThreshold,
		Name:     clean(first(o.text("alertName"), o.text("ruleId"))),
		Rule:     clean(first(o.text("ruleId"), o.text("alertName"))),
		Level:    alarmLevel(level),
		Time:     parseTime(o.text("timestamp")),
		Metric:   metric(first(o.text("rawMetricName"), o.text("metricName"))),
		RawState: clean(o.text("alertState")),
	}
	var c claims
	c.namespace(o.text("namespace"), o.text("metricProject"))
	c.dimensions(o, "dimensions")
	put(&c.accounts, "", "userId", o.text("userId"))
	put(&c.regions, "", "regionId", o.text("regionId"))

	switch state := strings.ToUpper(a.RawState); {
	// ALARM is how the 2018 edition and the API DescribeMetricRuleList spell it
	case state == "ALERT" || state == "ALARM":
		a.State = StateFiring
		switch {
		case strings.EqualFold(level, "OK"):
			c.conflicts = append(c.conflicts,
				"alertState says "+quote(a.RawState)+", but triggerLevel says "+quote(level))
		case isNoData(level):
			a.State = StateInsufficientData // the more cautious of the two
		}
	case state == "OK":
		a.State = StateResolved
	case isNoData(state):
		a.State = StateInsufficientData
	default:
		a.State = StateUnknown
	}
	episode, at := o.text("transId"), o.text("timestamp")
	c.use(o)
	c.join(outer)
	c.settle(&a)
	if episode != "" && at != "" {
		a.Key = key(episode, at)
	} else {
		a.Key = c.metricKey(&a, at)
	}
	return a
}

func isMetricMNS(o *object) bool {
	return o.has("curLevel", "ruleId") && (o.has("metricData") || o.has("resources"))
}

// metricMNS decodes a metric alarm that CloudMonitor wrote to a queue or topic (document 119889).
// outer is what an envelope says besides; nil: nothing.
//
// What CloudMonitor writes there when a metric has no data is printed nowhere. Both spellings that
// can be expected count as insufficient data: the level is the word that callbacks have for it, or
// there is a level, but nothing was measured (see nothingMeasured).
func metricMNS(o *object, outer *claims) Alarm {
	data := o.object("metricData")
	level := o.text("curLevel")
	at := o.text("time")
	measured := data.text("timestamp")
	a := Alarm{
		Format:   FormatMetricMNS,
		Name:     clean(first(o.text("ruleName"), o.text("ruleId"))),
		Rule:     clean(first(o.text("ruleId"), o.text("ruleName"))),
		Level:    alarmLevel(level),
		Time:     firstTime(at, measured),
		Metric:   metric(first(o.text("rawMetricName"), o.text("metricName"))),
		RawState: clean(level),
	}
	var c claims
	c.namespace(o.text("namespace"), o.text("metricProject"))
	c.dimensions(o, "resources")
	put(&c.instances, "metricData.", "instanceId", data.text("instanceId"))
	put(&c.accounts, "metricData.", "userId", data.text("userId"))
	put(&c.accounts, "", "userId", o.text("userId"))
	put(&c.regions, "", "regionId", o.text("regionId"))

	switch {
	case strings.EqualFold(level, "OK"):
		a.State = StateResolved
	case isNoData(level):
		a.State = StateInsufficientData
	case !oneOf(a.Level, "CRITICAL", "ERROR", "WARN", "WARNING", "INFO"):
		a.State = StateUnknown
	case nothingMeasured(o.json("metricData")):
		a.State = StateInsufficientData
	default:
		a.State = StateFiring
	}
	// The alert log pairs AlertOk with the level OK, but the only sample that the document prints
	// pairs it with WARN.
	name := o.text("eventName")
	if strings.EqualFold(name, "AlertOk") &&
		(a.State == StateFiring || a.State == StateInsufficientData) {
		c.doubt = "curLevel says " + quote(level) + ", but eventName says " + quote(name)
	}
	c.use(o)
	c.use(&data)
	c.join(outer)
	c.settle(&a)
	a.Key = c.metricKey(&a, first(at, measured))
	return a
}

// isNoData reports whether a state or a level says that there is no data. The callback's word is
// INSUFFICIENT_DATA (document 60714). The others are printed nowhere and cannot mean anything else.
func isNoData(word string) bool {
	return oneOf(strings.ToUpper(word), "INSUFFICIENT_DATA", "NO_DATA", "NODATA")
}

// nothingMeasured reports whether metricData is an object without one number that could be a
// statistic. The test is a narrow one, because insufficient data passes the list of levels: any
// number counts as measured but the times, and the account, which is written in digits.
func nothingMeasured(metricData string) bool {
	if metricData == "" || metricData[0] != '{' {
		return false // it does not say
	}
	for name, value := range members(metricData) {
		if oneOf(name, "timestamp", "userId", "time", "period") {
			continue
		}
		if value[0] == '[' {
			value, _ = sole(value)
		}
		if value != "" && value[0] == '"' {
			value = unquote(value)
		}
		if f, err := strconv.ParseFloat(value, 64); err == nil && !math.IsNaN(f) {
			return false
		}
	}
	return true
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

// alarmLevel is the level in the words of the documents. The alert log (DescribeAlertLogList) has
// P2, P3 and P4 for CRITICAL, WARN and INFO. OK and the words for no data say that there is none.
func alarmLevel(s string) string {
	switch s = strings.ToUpper(s); s {
	case "P1", "P2":
		return "CRITICAL"
	case "P3":
		return "WARN"
	case "P4":
		return "INFO"
	case "OK":
		return ""
	}
	if isNoData(s) {
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

// firstTime returns the first time that can be read.
func firstTime(values ...string) time.Time {
	for _, v := range values {
		if t := parseTime(v); !t.IsZero() {
			return t
		}
	}
	return time.Time{}
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
	if strings.IndexByte(s, 'T') >= 0 {
		return 0, false // a date, as most are: strconv's errors are not cheap
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}
