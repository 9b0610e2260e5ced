package events

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// decoder unwraps envelopes until it meets alarms. A document that cannot be understood is an error
// to whoever holds it: a batch counts it as Undecodable, any other envelope passes the error on, so
// that an alarm means the same in all of them.
type decoder struct {
	alarms []Alarm
	full   bool    // there were more than MaxAlarms
	spare  []field // memory for the next object: a hostile batch has millions of them

	batch bool // we are inside of one
	seen  int  // alarms and other elements, folded ones included
	folds [2]fold
}

// fold is what stands for all elements of batches that have the same Problem: not one of them can
// be acted on, and one line says as much about them as a million.
type fold struct {
	problem Problem
	what    string // they are
	at      int    // where the first of them is among the alarms
	count   int
	first   int // which one of all elements it is, from 1
}

func newDecoder() *decoder {
	return &decoder{folds: [2]fold{
		{problem: ProblemNotAnAlarm, what: "no alarm"},
		{problem: ProblemUndecodable, what: "undecodable"},
	}}
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// reason is what a malformation says, without the words that all of them begin with.
func reason(err error) string { return strings.TrimPrefix(err.Error(), ErrMalformed.Error()+": ") }

// Errors of which there may be a million in one batch are made once, and so is the one that stands
// for all whose words nobody will read.
var (
	errEmpty   = malformed("it is empty")
	errNested  = malformed("it is nested more than %d levels deep", MaxDepth)
	errNotJSON = malformed("not JSON")
	errAnother = malformed("it cannot be understood either")
)

// fail returns an error with these words. Of all the elements of a batch that cannot be understood
// only the first one's are wanted.
func (d *decoder) fail(say func(text string) string, text string) error {
	if d.folds[1].count > 0 {
		return errAnother
	}
	return malformed("%s", say(text))
}

func neither(text string) string {
	return fmt.Sprintf("neither JSON nor a form, it starts with %q", clip(text, 40))
}

// result returns what was decoded, with the words of what was folded.
func (d *decoder) result() ([]Alarm, error) {
	if d.full {
		return nil, malformed("it holds more than %d alarms", MaxAlarms)
	}
	for _, f := range d.folds {
		switch {
		case f.count == 0 || d.seen == 1: // a batch of one is as good as none
		case f.count == 1:
			a := &d.alarms[f.at]
			a.Note = clean(fmt.Sprintf("1 of %d elements is %s, element %d: %s",
				d.seen, f.what, f.first, a.Note))
		default:
			a := &d.alarms[f.at]
			note := fmt.Sprintf("%d of %d elements are %s, the first is element %d: %s",
				f.count, d.seen, f.what, f.first, a.Note)
			*a = Alarm{Format: FormatUnknown, State: StateUnknown, Problem: f.problem,
				Key: key(a.Key, fmt.Sprint(f.count)), Note: clean(note)}
		}
	}
	return d.alarms, nil
}

// add keeps an alarm.
func (d *decoder) add(a Alarm) {
	if !d.folded(a.Problem) {
		d.keep(a)
	}
}

// none notes something that is no alarm or cannot be understood; its words and its Key, the hash of
// its text, are made only where it is kept.
func (d *decoder) none(problem Problem, text string, say func() string) {
	if !d.folded(problem) {
		d.keep(unusable(problem, say(), text))
	}
}

// folded counts an element, and reports whether one that was kept before stands for it, too.
func (d *decoder) folded(problem Problem) bool {
	d.seen++
	for i := range d.folds {
		f := &d.folds[i]
		if !d.batch || f.problem != problem {
			continue
		}
		if f.count++; f.count > 1 {
			return true
		}
		f.at, f.first = len(d.alarms), d.seen
	}
	return false
}

func (d *decoder) keep(a Alarm) {
	if len(d.alarms) == MaxAlarms {
		d.full = true
		return
	}
	d.alarms = append(d.alarms, a)
}

// document decodes text that may be JSON, a form, or the base64 of either: MNS clients encode by
// default, and neither the topic's envelope nor the queue's says whether they did. It adds alarms
// or returns an error, never both.
func (d *decoder) document(text string, level int) error {
	text = trim(text)
	if text == "" {
		return errEmpty
	}
	if level > MaxDepth {
		return errNested
	}
	if strings.IndexByte(`{["tfn-0123456789`, text[0]) >= 0 {
		err := validate(text, level)
		if err == nil {
			return d.value(text, level)
		}
		if strings.IndexByte(`{["`, text[0]) >= 0 {
			if err == errNotJSON {
				return d.fail(syntax, text)
			}
			return err
		}
	}
	inner, encoded := decodeBase64(text)
	switch {
	case encoded && d.document(inner, level+1) == nil:
		return nil
	case !encoded && isForm(text): // padding looks like a parameter without a value
		o := readForm(text, level)
		return d.object(&o, text)
	}
	return d.fail(neither, text)
}

// value decodes valid JSON. It fails only for an envelope whose content cannot be understood.
func (d *decoder) value(raw string, level int) error {
	switch raw[0] {
	case '{':
		o := readObject(raw, level, d.spare)
		d.spare = nil
		err := d.object(&o, raw)
		d.spare = o.fields
		return err
	case '[':
		d.elements(raw, level+1)
		return nil
	case '"':
		if d.document(unquote(raw), level+1) == nil {
			return nil
		}
	}
	d.notAnAlarm("a JSON value that is no object", raw)
	return nil
}

// elements decodes the elements of an array: objects, or strings that hold JSON (Function Compute
// document "Trigger event formats", EventBridge event streams).
func (d *decoder) elements(raw string, level int) {
	empty := true
	for element := range elements(raw) {
		empty = false
		d.batch = true // to the end: nothing stands behind a batch but its envelopes' brackets
		var err error
		if element[0] == '"' {
			err = d.document(unquote(element), level)
		} else {
			err = d.value(element, level)
		}
		if err != nil {
			d.none(ProblemUndecodable, element, func() string { return reason(err) })
		}
		if d.full {
			return
		}
	}
	if empty {
		d.notAnAlarm("an empty batch", raw)
	}
}

const noShape = "none of the documented shapes of an alarm"

// object decodes an object by its shape. Envelopes come first: attributes of an MNS message are
// merged into its envelope, so that an envelope may look like an alarm, and the other way round
// nothing is documented.
func (d *decoder) object(o *object, text string) error {
	switch {
	case len(o.fields) == 0: // there may be two million of them
		d.notAnAlarm(noShape, text)
	case isHTTP(o):
		return d.http(o, text)
	case o.has("specversion", "source", "type"):
		return d.cloudEvent(o, text)
	case o.has("Message") && (o.has("TopicName") || o.has("TopicOwner")):
		return d.unwrap(o, "Message", text)
	case o.has("body", "attrs") && o.size == 2:
		return d.unwrap(o, "body", text)
	case isSubscription(o):
		d.add(subscription(o, nil, text))
	case isSystemEvent(o):
		d.add(systemEvent(o))
	case isThreshold(o):
		d.add(threshold(o, nil))
	case isMetricMNS(o):
		d.add(metricMNS(o, nil))
	case o.has("triggerTime", "triggerName"):
		d.add(timer(o, text))
	case o.form && o.has("data"):
		return d.unwrap(o, "data", text)
	default:
		d.notAnAlarm(noShape, text)
	}
	return nil
}

// unwrap decodes the document in a field of an envelope.
func (d *decoder) unwrap(o *object, name, text string) error {
	if len(o.bad) > 0 {
		d.add(unusable(ProblemContradiction, faults(o.bad), text))
		return nil
	}
	raw, _ := o.raw(name)
	if !o.form && (strings.HasPrefix(raw, "{") || strings.HasPrefix(raw, "[")) {
		return d.value(raw, o.level+1)
	}
	return d.document(o.document(name), o.level+1)
}

// queues are the services whose messages EventBridge passes on, by the beginning of their events'
// types, and the field of data that holds the message.
var queues = map[string]string{"mns": "messageBody", "mq": "body", "alikafka": "value"}

// cloudEvent decodes what EventBridge delivers: events of ECS and CloudMonitor, or messages of a
// queue.
func (d *decoder) cloudEvent(o *object, text string) error {
	kind, source := o.text("type"), o.text("source")
	service, _, _ := strings.Cut(kind, ":")
	if field, ok := queues[service]; ok {
		data := o.object("data")
		data.bad = append(data.bad, o.bad...)
		return d.unwrap(&data, field, text)
	}
	switch {
	case source == "acs.ecs":
		d.add(ecsEvent(o))
	case source == "acs.cms":
		d.add(cloudMonitorEvent(o, text))
	default:
		problem := ProblemNotAnAlarm
		if strings.HasPrefix(source, "acs.") { // Alibaba Cloud's own sources
			problem = ProblemNotECS
		}
		a := unusable(problem,
			fmt.Sprintf("source is %s, neither \"acs.ecs\" nor \"acs.cms\"", quote(source)), text)
		a.Format, a.Name, a.Time = FormatEventBridge, clean(kind), parseTime(o.text("time"))
		outer := envelopeClaims(o)
		a.Region = outer.region()
		if id := o.text("id"); id != "" {
			a.Key = key(source, id)
		}
		d.add(a)
	}
	return nil
}

// http decodes the request's body. The event subscription can also send GET requests, with the
// document in the query parameter data or with one parameter per field (document "Configure
// callbacks for system event-triggered alerts").
func (d *decoder) http(o *object, text string) error {
	body, ok := o.raw("body")
	switch {
	case !ok || body == "null":
		body = ""
	case body[0] != '"':
		return malformed("the body of the HTTP event is no string")
	default:
		body = unquote(body)
	}
	if isBase64Encoded(o) {
		if body, ok = decodeBase64(body); !ok {
			return malformed("the body of the HTTP event is not the base64 that " +
				"isBase64Encoded announces")
		}
	}
	verb, query := method(o), o.object("queryParameters")
	bad := append(o.bad, query.bad...)
	switch {
	case len(bad) > 0:
		d.add(unusable(ProblemContradiction, faults(bad), text))
		return nil
	case verb != "GET":
		return d.document(body, o.level+1)
	case query.size == 0:
		return malformed("a GET request without query parameters")
	case query.has("data"):
		return d.unwrap(&query, "data", text)
	}
	raw, _ := o.raw("queryParameters")
	return d.object(&query, raw)
}

// timer recognises the event of a Function Compute timer trigger.
func timer(o *object, text string) Alarm {
	a := unusable(ProblemNotAnAlarm, "a timer trigger's event", text)
	a.Format, a.Name, a.Time = FormatTimer, clean(o.text("triggerName")),
		parseTime(o.text("triggerTime"))
	a.Key = key(o.text("triggerName"), o.text("triggerTime"))
	return a
}

func (d *decoder) notAnAlarm(note, text string) {
	d.none(ProblemNotAnAlarm, text, func() string { return note })
}

// unusable is an alarm that says nothing but why, and whose Key is the hash of its text.
func unusable(problem Problem, note, text string) Alarm {
	return Alarm{Format: FormatUnknown, State: StateUnknown, Key: hash(text), Problem: problem,
		Note: clean(note)}
}

// key joins what identifies an alarm. A part that is too long or cannot be printed is hashed with
// the others, because cutting it could make two alarms equal.
func key(parts ...string) string {
	joined := strings.Join(parts, "|")
	if clean(joined) != joined {
		return hash(joined)
	}
	return joined
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// isForm reports whether text begins with parameter names and an equals sign.
func isForm(text string) bool {
	name, _, ok := strings.Cut(text, "=")
	return ok && name != "" && only(name, "az", "AZ", "09", "__", "-.", "%%", "&&")
}

// trim drops white space and a byte order mark around a document.
func trim(text string) string {
	return strings.Trim(text, "\ufeff \t\r\n")
}
