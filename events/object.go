package events

import (
	"encoding/json"
	"iter"
	"net/url"
	"strings"
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
	size   int  // members, unknown ones included
	level  int  // nesting of the object within the payload
	form   bool // fields are plain text instead of JSON
	// known fields given twice with different values, or with a broken escape: nothing may be
	// guessed from them
	bad []string
}

type field struct {
	name  string
	raw   string // a JSON value, or the plain text of a form
	exact bool   // false: spelled in another case, kept only to notice that it disagrees
}

// known holds every field that is read anywhere, by its name in lower case.
var known = func() map[string]string {
	names := strings.Fields(`
		alert alertName alertState alertStatus aliyunaccountid aliyunregionid arn attrs body content
		curLevel data dedupId dimensions ecsInstanceId eventContentMap eventId eventName
		eventRawContent eventStatus eventTime eventType executeFinishTime headers http httpMethod id
		instanceId isBase64Encoded level Message messageBody meta method metricData metricName
		metricProject name namespace path product queryParameters rawMetricName rawPath regionId
		requestContext resourceId resources ruleId ruleName severity source specversion status
		strategyName subject subscription sysEventMeta time timestamp TopicName TopicOwner traceId
		transId triggerLevel triggerName triggerTime type userId value`)
	m := make(map[string]string, len(names))
	for _, name := range names {
		m[strings.ToLower(name)] = name
	}
	return m
}()

// knownName returns the known field that key spells, in whatever case.
func knownName(key string) (string, bool) {
	var lower [24]byte // longer than every known name
	if len(key) > len(lower) {
		return "", false
	}
	for i := range len(key) {
		c := key[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		lower[i] = c
	}
	name, ok := known[string(lower[:len(key)])]
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
			o.spoil(name)
		}
		if key == name && !f.exact {
			f.raw, f.exact = raw, true
		}
		return
	}
	o.fields = append(o.fields, field{name: name, raw: raw, exact: key == name})
}

func (o *object) spoil(name string) {
	for _, bad := range o.bad {
		if bad == name {
			return
		}
	}
	o.bad = append(o.bad, name)
}

func (o object) raw(name string) (string, bool) {
	for i := range o.fields {
		if o.fields[i].name == name && o.fields[i].exact {
			return o.fields[i].raw, true
		}
	}
	return "", false
}

// has reports whether all names are fields of the object, whatever their values.
func (o object) has(names ...string) bool {
	for _, name := range names {
		if _, ok := o.raw(name); !ok {
			return false
		}
	}
	return true
}

// text returns a string, number or boolean as text. Whatever is missing, an object or an array,
// null, or the word "null" (CloudMonitor writes it for empty parameters) is the empty string.
func (o object) text(name string) string {
	s, ok := o.raw(name)
	if !ok || s == "" {
		return ""
	}
	if !o.form {
		switch s[0] {
		case '"':
			s = unquote(s)
		case '{', '[', 'n':
			return ""
		}
	}
	s = strings.TrimSpace(s)
	if strings.EqualFold(s, "null") {
		return ""
	}
	return s
}

// json returns the JSON value of a field, also where the field is a string that holds JSON; empty
// where it is neither.
func (o object) json(name string) string {
	raw, ok := o.raw(name)
	if !ok || raw == "" {
		return ""
	}
	if !o.form && raw[0] != '"' {
		return raw
	}
	text := trim(o.text(name))
	if text == "" || validate(text, o.level+1) != nil {
		return ""
	}
	return text
}

// object returns a field that is a JSON object, or a string that holds one; otherwise the empty
// object.
func (o object) object(name string) object {
	raw := o.json(name)
	if raw == "" || raw[0] != '{' {
		return object{level: o.level + 1}
	}
	return readObject(raw, o.level+1)
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
				return malformed("it is nested more than %d levels deep", MaxDepth)
			}
		case '}', ']':
			depth--
		}
	}
	data := []byte(text)
	if json.Valid(data) {
		return nil
	}
	var raw json.RawMessage
	return malformed("not JSON: %v", json.Unmarshal(data, &raw))
}

// readObject reads the text of a valid JSON object.
func readObject(text string, level int) object {
	o := object{fields: make([]field, 0, 16), level: level}
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
			o.spoil(name)
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

// members yields every member of a valid JSON object, its value as text.
func members(text string) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for i := skipSpace(text, 1); text[i] != '}'; i = skipComma(text, i) {
			keyEnd := stringEnd(text, i)
			start := skipSpace(text, skipSpace(text, keyEnd)+1)
			end := valueEnd(text, start)
			value := text[start:end]
			if value[0] == '"' {
				value = unquote(value)
			}
			if !yield(unquote(text[i:keyEnd]), value) {
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
	if n := strings.IndexAny(s[i:], ",]} \t\r\n"); n >= 0 {
		return i + n
	}
	return len(s)
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
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	var s string
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return ""
	}
	return s
}
