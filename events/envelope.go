package events

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// decoder unwraps envelopes until it meets alarms. A document that cannot be understood is an error
// to whoever holds it: a batch turns it into an Undecodable alarm, any other envelope passes it on,
// so that an alarm means the same in all of them.
type decoder struct {
	alarms []Alarm
	full   bool
}

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

func (d *decoder) add(a Alarm) {
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
		return malformed("it is empty")
	}
	if level > MaxDepth {
		return malformed("it is nested more than %d levels deep", MaxDepth)
	}
	if strings.IndexByte(`{["tfn-0123456789`, text[0]) >= 0 {
		err := validate(text, level)
		if err == nil {
			return d.value(text, level)
		}
		if strings.IndexByte(`{["`, text[0]) >= 0 {
			return err
		}
	}
	inner, encoded := decodeBase64(text)
	switch {
	case encoded && d.document(inner, level+1) == nil:
		return nil
	case !encoded && isForm(text): // padding looks like a parameter without a value
		return d.object(readForm(text, level), text)
	}
	return malformed("neither JSON nor a form, it starts with %q", clip(text, 40))
}

// value decodes valid JSON. It fails only for an envelope whose content cannot be understood.
func (d *decoder) value(raw string, level int) error {
	switch raw[0] {
	case '{':
		return d.object(readObject(raw, level), raw)
	case '[':
		d.batch(raw, level+1)
		return nil
	case '"':
		if d.document(unquote(raw), level+1) == nil {
			return nil
		}
	}
	d.add(notAnAlarm("a JSON value that is no object", raw))
	return nil
}

// batch decodes the elements of an array: objects, or strings that hold JSON (Function Compute
// document "Trigger event formats", EventBridge event streams).
func (d *decoder) batch(raw string, level int) {
	empty := true
	for element := range elements(raw) {
		empty = false
		var err error
		if element[0] == '"' {
			err = d.document(unquote(element), level)
		} else {
			err = d.value(element, level)
		}
		if err != nil {
			d.add(unusable(ProblemUndecodable,
				strings.TrimPrefix(err.Error(), ErrMalformed.Error()+": "), element))
		}
		if d.full {
			return
		}
	}
	if empty {
		d.add(notAnAlarm("an empty batch", raw))
	}
}

// object decodes an object by its shape. Envelopes come first: attributes of an MNS message are
// merged into its envelope, so that an envelope may look like an alarm, and the other way round
// nothing is documented.
func (d *decoder) object(o object, text string) error {
	switch {
	case isHTTP(o):
		return d.http(o, text)
	case o.has("specversion", "source", "type"):
		return d.cloudEvent(o, text)
	case o.has("Message") && (o.has("TopicName") || o.has("TopicOwner")):
		return d.unwrap(o, "Message", text)
	case o.has("body", "attrs") && o.size == 2:
		return d.unwrap(o, "body", text)
	case o.has("alert") && (o.has("subscription") || o.has("strategyName")):
		d.add(subscription(o, text))
	case o.has("product", "name", "resourceId"):
		d.add(systemEvent(o))
	case o.has("alertState") && (o.has("ruleId") || o.has("alertName")):
		d.add(threshold(o))
	case o.has("curLevel", "ruleId") && (o.has("metricData") || o.has("resources")):
		d.add(metricMNS(o))
	case o.has("triggerTime", "triggerName"):
		d.add(timer(o, text))
	case o.form && o.has("data"):
		return d.unwrap(o, "data", text)
	default:
		d.add(notAnAlarm("none of the documented shapes of an alarm", text))
	}
	return nil
}

// unwrap decodes the document in a field of an envelope.
func (d *decoder) unwrap(o object, name, text string) error {
	if len(o.bad) > 0 {
		d.add(unusable(ProblemContradiction, badFields(o.bad), text))
		return nil
	}
	if raw, ok := o.raw(name); ok && !o.form && raw != "" && (raw[0] == '{' || raw[0] == '[') {
		return d.value(raw, o.level+1)
	}
	return d.document(o.text(name), o.level+1)
}

// cloudEvent decodes what EventBridge delivers: events of ECS, or messages of a queue.
func (d *decoder) cloudEvent(o object, text string) error {
	data := o.object("data")
	data.bad = append(data.bad, o.bad...)
	switch kind, source := o.text("type"), o.text("source"); {
	case strings.HasPrefix(kind, "mns:"):
		return d.unwrap(data, "messageBody", text)
	case strings.HasPrefix(kind, "mq:"):
		return d.unwrap(data, "body", text)
	case strings.HasPrefix(kind, "alikafka:"):
		return d.unwrap(data, "value", text)
	case source == "acs.ecs":
		d.add(eventBridge(o))
	default:
		problem := ProblemNotAnAlarm
		if strings.HasPrefix(source, "acs.") { // Alibaba Cloud's own sources
			problem = ProblemNotECS
		}
		a := unusable(problem, fmt.Sprintf("source is %s, not \"acs.ecs\"", quote(source)), text)
		a.Format, a.Name, a.Time = FormatEventBridge, clean(kind), parseTime(o.text("time"))
		if id := o.text("id"); id != "" {
			a.Key = key(source, id)
		}
		d.add(a)
	}
	return nil
}

func isHTTP(o object) bool {
	return o.has("requestContext", "rawPath") || o.has("httpMethod", "path", "body")
}

// http decodes the request's body. The event subscription can also send GET requests, with the
// document in the query parameter data or with one parameter per field (document "Configure
// callbacks for system event-triggered alerts").
func (d *decoder) http(o object, text string) error {
	request, err := readRequest(o)
	if err != nil {
		return err
	}
	query := o.object("queryParameters")
	bad := append(o.bad, query.bad...)
	switch {
	case len(bad) > 0:
		d.add(unusable(ProblemContradiction, badFields(bad), text))
		return nil
	case request.Method != "GET":
		return d.document(string(request.Body), o.level+1)
	case query.size == 0:
		return malformed("a GET request without query parameters")
	case query.has("data"):
		return d.unwrap(query, "data", text)
	}
	raw, _ := o.raw("queryParameters")
	return d.object(query, raw)
}

// readRequest reads the event of an HTTP trigger (document "Use an HTTP trigger to invoke a
// function") or an API gateway, whose isBase64Encoded may be a string.
func readRequest(o object) (Request, error) {
	r := Request{
		Method: o.text("httpMethod"),
		Header: stringMap(o.json("headers"), strings.ToLower),
		Query:  stringMap(o.json("queryParameters"), func(key string) string { return key }),
	}
	if context := o.object("requestContext"); r.Method == "" {
		r.Method = context.object("http").text("method")
	}
	r.Method = strings.ToUpper(r.Method)
	raw, ok := o.raw("body")
	if !ok || raw == "null" {
		return r, nil
	}
	if raw[0] != '"' {
		return r, malformed("the body of the HTTP event is no string")
	}
	body := unquote(raw)
	if strings.EqualFold(o.text("isBase64Encoded"), "true") {
		if body, ok = decodeBase64(body); !ok {
			return r, malformed("the body of the HTTP event is not the base64 that " +
				"isBase64Encoded announces")
		}
	}
	r.Body = []byte(body)
	return r, nil
}

func stringMap(raw string, canonical func(string) string) map[string]string {
	m := map[string]string{}
	if raw == "" || raw[0] != '{' {
		return m
	}
	values := map[string][]string{}
	for key, value := range members(raw) {
		key = canonical(key)
		values[key] = append(values[key], value)
	}
	for key, list := range values {
		m[key] = strings.Join(list, ",")
	}
	return m
}

// timer recognises the event of a Function Compute timer trigger.
func timer(o object, text string) Alarm {
	a := unusable(ProblemNotAnAlarm, "a timer trigger's event", text)
	a.Format, a.Name, a.Time = FormatTimer, clean(o.text("triggerName")),
		parseTime(o.text("triggerTime"))
	a.Key = key(o.text("triggerName"), o.text("triggerTime"))
	return a
}

func notAnAlarm(note, text string) Alarm { return unusable(ProblemNotAnAlarm, note, text) }

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

// decodeBase64 accepts both alphabets, with and without padding. The result is never longer than
// the text.
func decodeBase64(text string) (string, bool) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	encoding := base64.RawStdEncoding
	if strings.ContainsAny(text, "-_") {
		encoding = base64.RawURLEncoding
	}
	decoded, err := encoding.DecodeString(text) // skips line breaks by itself
	return string(decoded), err == nil
}

// trim drops white space and a byte order mark around a document.
func trim(text string) string {
	return strings.Trim(text, "\ufeff \t\r\n")
}
