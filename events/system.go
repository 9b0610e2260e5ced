package events

import "strings"

// event is a system event while its fields are collected, whichever envelope brought it.
type event struct {
	claims
	format   Format
	names    []claim // the event's name, with its status where it has one
	types    []claim // content.eventType: the name without its resource and status
	statuses []claim // the status outside of the name
	products []claim
	id       string // of the notification
	eventID  string // of the event: the same for all of its notifications
	level    string
	times    []string // the first that can be read is the alarm's
	contents []string // times in the content
	finished string   // executeFinishTime
}

func isSystemEvent(o *object) bool { return o.has("product", "name", "resourceId") }

// systemEvent decodes what an event rule sends (ECS documents "Overview of event notifications" and
// 143663; CloudMonitor's own events, document "DescribeSystemEventAttribute", have the same
// fields).
func systemEvent(o *object) Alarm {
	e := event{format: FormatSystemEvent}
	e.notification("", o)
	a := e.alarm()
	a.State = e.state(a.EventStatus)
	a.RawState = a.EventStatus
	e.settle(&a)
	a.Key = e.key(&a)
	return a
}

func isSubscription(o *object) bool {
	return o.has("alert") && (o.has("subscription") || o.has("strategyName"))
}

// subscription decodes the push channel of an event subscription (document "Configure callbacks for
// system event-triggered alerts"): JSON, or a form whose alert parameter is JSON. The event is
// inside, once as alert and once as sysEventMeta. outer is what an envelope says besides; nil:
// nothing.
func subscription(o *object, outer *claims, text string) Alarm {
	alert := o.object("alert")
	envelope := alert.object("meta")
	meta := envelope.object("sysEventMeta")
	if !alert.has("eventName") || first(alert.text("source"), "SYS_EVENT") != "SYS_EVENT" {
		a := unusable(ProblemNotAnAlarm, "a subscription's message that holds no system event",
			text)
		a.Format = FormatSubscription
		return a
	}
	e := event{format: FormatSubscription}
	e.notification("alert.meta.sysEventMeta.", &meta)
	put(&e.names, "alert.", "eventName", alert.text("eventName"))
	put(&e.products, "alert.", "product", alert.text("product"))
	put(&e.accounts, "alert.", "userId", alert.text("userId"))
	put(&e.accounts, "", "userId", o.text("userId"))
	e.resource("alert.", "arn", alert.text("arn"))
	content, raw := alert.object("eventContentMap"), alert.object("eventRawContent")
	e.content("alert.eventContentMap.", &content)
	e.content("alert.eventRawContent.", &raw) // it is "{}" in the document's sample
	e.id = first(e.id, alert.text("dedupId"), alert.text("traceId"))
	e.level = first(e.level, alert.text("severity"), o.text("severity"))
	e.times = append(e.times, alert.text("timestamp"), o.text("time"))
	status := alert.text("alertStatus")
	e.use(o)
	e.use(&alert)
	e.use(&envelope)
	e.join(outer)

	a := e.alarm()
	a.RawState = clean(status)
	switch a.RawState {
	case "TRIGGERED":
		a.State = e.state(a.EventStatus)
	case "RESOLVED":
		a.State = StateResolved
	default:
		a.State = StateUnknown
	}
	e.settle(&a)
	a.Key = e.key(&a)
	if a.RawState == "RESOLVED" {
		a.Key = key(a.Key, a.RawState) // the event inside may still say Executing
	}
	return a
}

// notification reads the fields of a notification; in says where they are.
func (e *event) notification(in string, o *object) {
	put(&e.names, in, "name", o.text("name"))
	put(&e.products, in, "product", o.text("product"))
	e.resource(in, "resourceId", o.text("resourceId"))
	put(&e.regions, in, "regionId", o.text("regionId"))
	put(&e.accounts, in, "userId", o.text("userId"))
	content := o.object("content")
	e.content(in+"content.", &content)
	put(&e.statuses, in, "status", o.text("status"))
	e.id = o.text("id")
	e.level = o.text("level")
	e.times = append(e.times, o.text("eventTime"), o.text("time"))
	e.use(o)
}

// content reads the part that differs from event to event.
func (e *event) content(in string, o *object) {
	put(&e.types, in, "eventType", o.text("eventType"))
	put(&e.statuses, in, "eventStatus", o.text("eventStatus"))
	put(&e.instances, in, "instanceId", o.text("instanceId"))
	e.resource(in, "resourceId", o.text("resourceId"))
	// a disk's event names the instance that the disk is attached to; it is not about the instance
	if len(e.instances) > 0 {
		put(&e.instances, in, "ecsInstanceId", o.text("ecsInstanceId"))
	}
	e.eventID = first(e.eventID, o.text("eventId"))
	e.finished = first(e.finished, o.text("executeFinishTime"))
	e.contents = append(e.contents, o.text("publishTime"), o.text("executeStartTime"))
	e.use(o)
}

const agentRule = "Agent_Status" // Agent_Status_Stopped fires what Agent_Status_Running resolves

// alarm settles the event's name and status.
func (e *event) alarm() Alarm {
	a := Alarm{Format: e.format, Level: alarmLevel(e.level), Time: firstTime(e.times...)}
	for _, product := range e.products {
		if product.value != "ECS" && product.value != "CloudMonitor" {
			e.foreign = product.String() + ", neither ECS nor CloudMonitor"
			a.Product = clean(product.value)
		}
	}
	if product, conflict := agree(e.products); a.Product == "" {
		a.Product = clean(product)
		if conflict != "" {
			e.conflicts = append(e.conflicts, conflict)
		}
	}

	var all []claim // what is said about the status, the name's suffix first
	for _, name := range e.names {
		event, status := splitName(name.value)
		if a.Event == "" {
			a.Name, a.Event = clean(name.value), clean(event)
		} else if event := clean(event); event != a.Event {
			e.conflicts = append(e.conflicts, e.names[0].String()+", but "+name.String())
		}
		put(&all, name.in, name.field, status)
	}
	for _, kind := range e.types {
		if a.Event != "" && a.Event != kind.value && !strings.HasSuffix(a.Event, ":"+kind.value) {
			e.conflicts = append(e.conflicts, e.names[0].String()+", but "+kind.String())
		}
	}
	a.Rule = a.Event
	agent := strings.HasPrefix(a.Event, agentRule+"_")
	if agent {
		a.Rule = agentRule
	}
	all = append(all, e.statuses...)
	for _, status := range all {
		// Normal says that the notification is an ordinary one; it does not contradict the status
		// that the event has.
		if strings.EqualFold(status.value, "Normal") && a.EventStatus != "" {
			continue
		}
		if a.EventStatus == "" || strings.EqualFold(a.EventStatus, "Normal") {
			a.EventStatus = clean(status.value)
		} else if !strings.EqualFold(a.EventStatus, status.value) {
			e.conflicts = append(e.conflicts, all[0].String()+", but "+status.String())
		}
	}
	if agent {
		a.EventStatus = strings.ToLower(a.EventStatus) // documents print both, payloads only this
	}
	return a
}

// state maps the status of an event. A notification such as StateChange is Normal and counts as
// firing: whether an event is one that a restart can cure is for others to say.
func (e *event) state(status string) State {
	agent := len(e.names) > 0 && strings.HasPrefix(e.names[0].value, agentRule+"_")
	switch lower := strings.ToLower(status); {
	case agent && lower == "stopped":
		return StateFiring
	case agent && lower == "running":
		return StateResolved
	case agent:
		return StateUnknown
	case lower == "executing" || lower == "scheduled" || lower == "inquiring":
		// ECS keeps the name "...:Executing" in the notification that an event of a disk has ended.
		if e.finished != "" {
			e.conflicts = append(e.conflicts,
				"the status is "+quote(status)+", but executeFinishTime is "+quote(e.finished))
		}
		return StateFiring
	case lower == "failed" || lower == "normal":
		return StateFiring
	case lower == "executed" || lower == "avoided" || lower == "canceled":
		return StateResolved
	}
	return StateUnknown
}

// key recognises a notification: the id alone does not do, because the documents show one id in
// successive states.
func (e *event) key(a *Alarm) string {
	switch {
	case e.eventID != "":
		return key(e.eventID, a.EventStatus)
	case e.id != "":
		return key(e.id, a.Name, a.EventStatus)
	}
	return e.fieldsKey(a)
}

// splitName cuts the status off a name: "Instance:SystemFailure.Reboot:Executing", and the end of
// "Agent_Status_Stopped", which stays part of the event's name.
func splitName(name string) (event, status string) {
	if rest, ok := strings.CutPrefix(name, agentRule+"_"); ok {
		return name, rest
	}
	if i := strings.LastIndexByte(name, ':'); i > strings.IndexByte(name, ':') {
		return name[:i], name[i+1:]
	}
	return name, ""
}
