package events

import "strings"

// ecsEvent decodes an event of ECS from the default bus (EventBridge document "ECS events"). Its
// type has no status, and data is the content of a notification; a transformation in the rule may
// have kept the whole notification.
func ecsEvent(o *object) Alarm {
	e := event{format: FormatEventBridge}
	data := o.object("data")
	e.data(&data)
	kind := strings.TrimPrefix(o.text("type"), "ecs:")
	if len(e.statuses) == 0 {
		// only data.eventStatus gives the status; a suffix alone is not documented
		kind, _ = splitName(kind)
	}
	put(&e.names, "", "type", kind)
	put(&e.products, "", "source", "ECS")
	e.resource("", "subject", o.text("subject"))
	a := e.onBus(o)
	a.Name = clean(o.text("type"))
	return a
}

// cloudMonitorTypes are the types of events that CloudMonitor publishes to the default bus
// (EventBridge document "CloudMonitor events"), and which event of its own each one is.
var cloudMonitorTypes = map[string]string{
	"cms:CloudMonitor:AgentStatusStopped": "Agent_Status_Stopped",
	"cms:CloudMonitor:AgentStatusRunning": "Agent_Status_Running",
	"cms:CloudMonitor:AlertWebHook":       "", // whichever alarm is in it
}

// cloudMonitorEvent decodes an event of CloudMonitor from the default bus. The document lists the
// types and prints no body, so data is taken for what its shape says: the content of an agent's
// event, which names no instance (the subject does), a whole notification, or whatever a rule's
// callback can be. Any other data is a contradiction: it may be about a hanging instance, and
// nobody can tell.
func cloudMonitorEvent(o *object, text string) Alarm {
	kind := o.text("type")
	event, listed := cloudMonitorTypes[kind]
	data := busData(o)
	whole := isSystemEvent(&data) || data.has("name", "content")
	content := data.has("ipGroup") || data.has("tianjimonVersion")
	outer := envelopeClaims(o)
	switch {
	case !listed:
		return unreadableEvent(o, text, "type "+quote(kind)+
			" is none of the three that CloudMonitor's events have")
	case whole || event != "" && content:
		return agentEvent(o, &data, event)
	case event == "" && isThreshold(&data):
		return busAlarm(o, threshold(&data, &outer))
	case event == "" && isMetricMNS(&data):
		return busAlarm(o, metricMNS(&data, &outer))
	case event == "" && isSubscription(&data):
		return busAlarm(o, subscription(&data, &outer, text))
	}
	return unreadableEvent(o, text, "the data of an event of type "+quote(kind)+
		" has none of the shapes that are documented")
}

// agentEvent decodes data that is a notification, whole or its content alone; name is empty where
// the type does not say which event it is.
func agentEvent(o, data *object, name string) Alarm {
	e := event{format: FormatEventBridge}
	e.data(data)
	put(&e.names, "", "type", name)
	if name != "" {
		put(&e.products, "", "source", "CloudMonitor")
	}
	e.ruleOrResource(o)
	a := e.onBus(o)
	if name != "" {
		a.Name = clean(o.text("type"))
	}
	return a
}

// busData returns the data of an event, which may be an object, or a text that holds one or a form.
func busData(o *object) object {
	if text := trim(o.document("data")); isForm(text) && o.json("data") == "" {
		return readForm(text, 0)
	}
	return o.object("data")
}

// data reads a notification, or its content.
func (e *event) data(o *object) {
	if o.has("name", "content") || isSystemEvent(o) {
		e.notification("data.", o)
	} else {
		e.content("data.", o)
	}
}

// onBus adds what the envelope says, and settles the alarm.
func (e *event) onBus(o *object) Alarm {
	put(&e.regions, "", "aliyunregionid", o.text("aliyunregionid"))
	put(&e.accounts, "", "aliyunaccountid", o.text("aliyunaccountid"))
	e.times = append(append(e.times, o.text("time")), e.contents...)
	source, id := o.text("source"), o.text("id")
	e.use(o)

	a := e.alarm()
	a.State = e.state(a.EventStatus)
	a.RawState = a.EventStatus
	e.settle(&a)
	if e.eventID == "" && e.id == "" && id != "" {
		a.Key = key(source, id)
	} else {
		a.Key = e.key(&a)
	}
	return a
}

// envelopeClaims is what an event's envelope says about the alarm in its data.
func envelopeClaims(o *object) claims {
	var c claims
	c.ruleOrResource(o)
	put(&c.regions, "", "aliyunregionid", o.text("aliyunregionid"))
	put(&c.accounts, "", "aliyunaccountid", o.text("aliyunaccountid"))
	c.use(o)
	return c
}

// ruleOrResource takes the subject of an event of CloudMonitor: an instance, or the alarm rule,
// which says nothing about the instance.
func (c *claims) ruleOrResource(o *object) {
	if subject := o.text("subject"); !strings.HasPrefix(subject, "acs:cms:") {
		c.resource("", "subject", subject)
	}
}

// busAlarm is the alarm in an event's data. The event's time and id stand in for those that the
// data does not have: without a time of its own, two episodes of one alarm would have one Key.
func busAlarm(o *object, a Alarm) Alarm {
	a.Format = FormatEventBridge
	if a.Time.IsZero() {
		a.Time = parseTime(o.text("time"))
		if id := o.text("id"); id != "" {
			a.Key = key(o.text("source"), id)
		}
	}
	return a
}

// unreadableEvent is an event that may be about an instance and cannot be understood.
func unreadableEvent(o *object, text, note string) Alarm {
	a := busAlarm(o, unusable(ProblemContradiction, note, text))
	outer := envelopeClaims(o)
	a.Name, a.Region = clean(o.text("type")), outer.region()
	return a
}
