package events

import (
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// object is a JSON object or a form, reduced to the fields that this package knows. Unknown fields
// are legal everywhere (document 60714: "parameters may be added") and cost nothing, so a hostile
// payload cannot make an object large.
//
// encoding/json is not used for it: it matches keys without regard to case and lets the last of two
// equal keys win, so that a payload could name one instance to a log pipeline and another one to
// us.
type object struct {
	fields []field
	size   int     // members, unknown ones included
	level  int     // nesting within the payload, of an envelope
	form   bool    // fields are plain text instead of JSON
	bad    []fault // known fields from which nothing may be guessed
}

type field struct {
	name  string
	raw   string // a JSON value, or the plain text of a form
	exact bool   // false: spelled in another case, kept only to notice that it disagrees
}

// fault says why nothing may be guessed from a field.
type fault struct{ field, why string }

const (
	givenTwice    = "is given twice with different values"
	severalValues = "is a list of several values"
)

// known holds every field that is read anywhere, by its name and by its name in lower case. It is
// made with the first payload, for a process that starts waits for nothing that it can make later.
var known = sync.OnceValue(func() map[string]string {
	names := strings.Fields(`
		alert alertName alertState alertStatus aliyunaccountid aliyunregionid arn attrs body content
		curLevel data dedupId dimensions ecsInstanceId eventContentMap eventId eventName
		eventRawContent eventStatus eventTime eventType executeFinishTime executeStartTime headers
		http httpMethod id instanceId ipGroup isBase64Encoded level Message messageBody meta method
		metricData metricName metricProject name namespace path product publishTime queryParameters
		rawMetricName rawPath regionId requestContext resourceId resources ruleId ruleName severity
		source specversion status strategyName subject subscription sysEventMeta tianjimonVersion
		time timestamp TopicName TopicOwner traceId transId triggerLevel triggerName triggerTime
		type userId value`)
	m := make(map[string]string, 2*len(names))
	for _, name := range names {
		m[name], m[strings.ToLower(name)] = name, name
	}
	return m
})

// knownName returns the known field that key spells, in whatever case.
func knownName(key string) (string, bool) {
	names := known()
	name, ok := names[key]
	if !ok {
		name, ok = names[strings.ToLower(key)]
	}
	return name, ok
}

func (o *object) add(key, raw string) {
	o.size++
	name, ok := knownName(key)
	if !ok {
		return
	}
	for i := range o.fields {
		f := &o.fields[i]
		if f.name != name {
			continue
		}
		if f.raw != raw {
			o.spoil(name, givenTwice)
		}
		if key == name && !f.exact {
			f.raw, f.exact = raw, true
		}
		return
	}
	if o.fields == nil {
		o.fields = make([]field, 0, 8) // the content of an event has five, its notification ten
	}
	o.fields = append(o.fields, field{name: name, raw: raw, exact: key == name})
}

// spoil notes that nothing may be guessed from a field; the first reason is kept.
func (o *object) spoil(name, why string) {
	if !o.isBad(name) {
		o.bad = append(o.bad, fault{name, why})
	}
}

func (o *object) isBad(name string) bool {
	return slices.ContainsFunc(o.bad, func(f fault) bool { return f.field == name })
}

func (o *object) raw(name string) (string, bool) {
	for i := range o.fields {
		if o.fields[i].name == name && o.fields[i].exact {
			return o.fields[i].raw, true
		}
	}
	return "", false
}

// has reports whether all names are fields of the object, whatever their values.
func (o *object) has(names ...string) bool {
	for _, name := range names {
		if _, ok := o.raw(name); !ok {
			return false
		}
	}
	return true
}

// value returns a field as text, or as JSON where it is no text. A list of one text is that text,
// also where the list itself is written as text: forwarders that read a form with Python's parse_qs
// pass every value on as a list.
func (o *object) value(name string) (value string, isJSON bool) {
	raw, ok := o.raw(name)
	if !ok || raw == "" {
		return "", false
	}
	if o.form || raw[0] == '"' {
		text := raw
		if !o.form {
			text = unquote(raw)
		}
		if raw = trim(text); !isListOfTexts(raw) {
			return text, false
		}
	}
	if raw[0] == '[' {
		if element, n := sole(raw); n == 1 && element[0] == '"' {
			return unquote(element), false
		}
	}
	return raw, true
}

// sole returns the first element of a valid JSON array, and how many there are: two stands for all
// larger numbers.
func sole(list string) (element string, n int) {
	for e := range elements(list) {
		if n++; n > 1 {
			break
		}
		element = e
	}
	return element, n
}

// isListOfTexts reports whether text is a JSON array of strings, and of one at least.
func isListOfTexts(text string) bool {
	if !strings.HasPrefix(text, "[") || validate(text, 0) != nil {
		return false
	}
	n := 0
	for element := range elements(text) {
		if n++; element[0] != '"' {
			return false
		}
	}
	return n > 0
}

// text returns a string, number or boolean as text, also the only one of a list. Whatever is
// missing, an object, an empty list, null, or the word "null" (CloudMonitor writes it for empty
// parameters) is the empty string. A list of several values spoils the field.
func (o *object) text(name string) string {
	s, isJSON := o.value(name)
	if isJSON && s[0] == '[' {
		element, n := sole(s)
		if n > 1 {
			o.spoil(name, severalValues)
		}
		if n != 1 {
			return ""
		}
		s = element
	}
	if isJSON && (s[0] == '{' || s[0] == '[') {
		return ""
	}
	return given(s)
}

// document returns the text of a document within the document, as it is: null is JSON there, as it
// is at the top.
func (o *object) document(name string) string {
	raw, _ := o.raw(name)
	if !o.form && strings.HasPrefix(raw, `"`) {
		raw = unquote(raw)
	}
	return raw
}

// given drops white space around a text, and the word that stands for no text.
func given(s string) string {
	s = strings.TrimSpace(s)
	if strings.EqualFold(s, "null") {
		return ""
	}
	return s
}

// json returns the JSON value of a field, also where the field is a string that holds JSON; empty
// where it is neither.
func (o *object) json(name string) string {
	value, isJSON := o.value(name)
	if isJSON {
		return value
	}
	value = trim(value)
	if value == "" || validate(value, 0) != nil {
		return ""
	}
	return value
}

// object returns a field that is a JSON object, or a string that holds one; otherwise the empty
// object.
func (o *object) object(name string) object {
	raw := o.json(name)
	if raw == "" || raw[0] != '{' {
		return object{}
	}
	return readObject(raw, o.level+1, nil)
}

// validate reports why text is not JSON that this package reads. Everything below relies on it: on
// valid JSON the scanning functions cannot run past the end.
func validate(text string, level int) error {
	depth := level
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			if depth++; depth > MaxDepth {
				return errNested
			}
		case '}', ']':
			depth--
		}
	}
	if json.Valid([]byte(text)) {
		return nil
	}
	return errNotJSON
}

// syntax says what is wrong with text that is not JSON.
func syntax(text string) string {
	var raw json.RawMessage
	return fmt.Sprintf("not JSON: %v", json.Unmarshal([]byte(text), &raw))
}

// readObject reads the text of a valid JSON object. It may use the memory of spare for the fields.
func readObject(text string, level int, spare []field) object {
	o := object{fields: spare[:0], level: level}
	for i := skipSpace(text, 1); text[i] != '}'; i = skipComma(text, i) {
		keyEnd := stringEnd(text, i)
		start := skipSpace(text, skipSpace(text, keyEnd)+1) // over the colon
		end := valueEnd(text, start)
		o.add(unquote(text[i:keyEnd]), text[start:end])
		i = end
	}
	return o
}

// readForm reads application/x-www-form-urlencoded text. Unlike url.ParseQuery it never lets one
// bad pair lose another: CloudMonitor's own sample ends in "unit=%". A raw semicolon is as bad as a
// broken escape, since some readers cut there.
func readForm(text string, level int) object {
	o := object{level: level, form: true}
	for pair := range strings.SplitSeq(text, "&") {
		key, value, _ := strings.Cut(pair, "=")
		key, err := url.QueryUnescape(key)
		if err != nil {
			continue
		}
		value, err = url.QueryUnescape(value)
		if name, ok := knownName(key); ok && (err != nil || strings.Contains(pair, ";")) {
			o.spoil(name, "cannot be decoded")
		}
		o.add(key, value)
	}
	return o
}

// elements yields the raw elements of a valid JSON array.
func elements(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := skipSpace(text, 1); text[i] != ']'; i = skipComma(text, i) {
			end := valueEnd(text, i)
			if !yield(text[i:end]) {
				return
			}
			i = end
		}
	}
}

// members yields the members of a valid JSON object, their values as JSON.
func members(text string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := skipSpace(text, 1); text[i] != '}'; i = skipComma(text, i) {
			keyEnd := stringEnd(text, i)
			start := skipSpace(text, skipSpace(text, keyEnd)+1)
			end := valueEnd(text, start)
			if !yield(unquote(text[i:keyEnd]), text[start:end]) {
				return
			}
			i = end
		}
	}
}

func skipSpace(s string, i int) int {
	for s[i] == ' ' || s[i] == '\t' || s[i] == '\n' || s[i] == '\r' {
		i++
	}
	return i
}

// skipComma goes from the end of a value to the next one, or to the closing bracket.
func skipComma(s string, i int) int {
	i = skipSpace(s, i)
	if s[i] == ',' {
		i = skipSpace(s, i+1)
	}
	return i
}

// valueEnd returns the index behind the value at i, which is an element or a member's.
func valueEnd(s string, i int) int {
	switch s[i] {
	case '"':
		return stringEnd(s, i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch s[i] {
			case '"':
				i = stringEnd(s, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	return i + strings.IndexAny(s[i:], ",]} \t\r\n") // there is one behind every value inside
}

func stringEnd(s string, i int) int {
	for i++; s[i] != '"'; i++ {
		if s[i] == '\\' {
			i++
		}
	}
	return i + 1
}

// unquote returns the value of a valid JSON string.
func unquote(raw string) string {
	if !strings.Contains(raw, `\`) {
		return raw[1 : len(raw)-1]
	}
	var s string
	_ = json.Unmarshal([]byte(raw), &s) // it is valid
	return s
}
