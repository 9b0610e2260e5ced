package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// Request is the HTTP request inside the event of an FC 3.0 HTTP trigger or of an API gateway.
type Request struct {
	Method string
	Header map[string]string // keys in lower case
	Query  map[string]string
	// Body is decoded where the event says that it is base64; nil where that cannot be done, and
	// where the event is TooLarge. It may share the payload's memory.
	Body []byte
	// TooLarge: the event has more than MaxPayload bytes, so Decode refuses it, but it is a request
	// all the same. Whoever may ask at all is told so with status 413, and anybody else what every
	// stranger is told.
	TooLarge bool
}

// maxHeader is how many bytes of headers, and of query parameters, are looked at. Function Compute
// accepts a few KiB; what is longer is taken for none, so that nobody is let in.
const maxHeader = 256 << 10

// HTTP returns the request in the event of an FC 3.0 HTTP trigger or an API gateway, and false for
// any other payload. Where a header or a query parameter is given several times, its values are
// joined by commas, as Function Compute does it; a value that is neither text nor a number is left
// out.
//
// A request is known by its envelope alone: by the names of the fields at the top, as far as they
// can be read, whatever the size of the payload, and even where something in it or behind it is
// not JSON. So a stranger cannot turn a request into another kind of event by what it sends.
// Headers and query parameters are found before and behind the body; where they are not there,
// given twice with different values, no objects, or broken, they are empty.
//
// It reads the payload once and copies headers, query parameters and a body with escapes, no more.
func HTTP(payload []byte) (Request, bool) {
	e := scanEnvelope(payload)
	known := e.fields.has("rawPath") || e.fields.has("requestContext") ||
		e.fields.has("httpMethod")
	if e.whole {
		known = isHTTP(&e.fields)
	}
	if !known {
		return Request{}, false
	}
	r := Request{
		Method:   method(&e.fields),
		Header:   e.fields.texts("headers", strings.ToLower),
		Query:    e.fields.texts("queryParameters", func(key string) string { return key }),
		TooLarge: len(payload) > MaxPayload,
	}
	if !r.TooLarge {
		r.Body = e.decodedBody()
	}
	return r, true
}

func isHTTP(o *object) bool {
	return o.has("requestContext", "rawPath") || o.has("httpMethod", "path", "body")
}

func method(o *object) string {
	if m := o.text("httpMethod"); m != "" {
		return strings.ToUpper(m)
	}
	context := o.object("requestContext")
	request := context.object("http")
	return strings.ToUpper(request.text("method"))
}

// envelope is the top level of an event, as far as it could be read.
type envelope struct {
	fields object // without the body's text
	body   []byte // a JSON value
	whole  bool   // the object was read to its end
}

// scanEnvelope reads the top level of the object that payload begins with, and remembers the fields
// of a request. It checks nothing but brackets and quotes on the way, skips what it does not need
// without a copy, and stops where it cannot go on.
func scanEnvelope(payload []byte) envelope {
	var e envelope
	b := scan(bytes.TrimLeft(payload, "\ufeff \t\r\n"))
	if len(b) == 0 || b[0] != '{' {
		return e
	}
	for i := 1; ; i++ {
		i = b.space(i)
		switch b.at(i) {
		case '"':
		case '}':
			e.whole = true
			return e
		default:
			return e
		}
		start := i
		end, ok := b.pastString(i)
		if !ok {
			return e
		}
		key := b[start:end]
		if i = b.space(end); b.at(i) != ':' {
			return e
		}
		start = b.space(i + 1)
		end, ok = b.pastValue(start)
		e.field(key, b[start:end], ok)
		if !ok {
			return e
		}
		switch i = b.space(end); b.at(i) {
		case ',':
		case '}':
			e.whole = true
			return e
		default:
			return e
		}
	}
}

// longestName is how long the name of a known field can be: queryParameters, every letter escaped.
const longestName = len(`"queryParameters"`) + 5*len("queryParameters")

// field keeps a member of the envelope; complete is false where the payload ends within its value.
func (e *envelope) field(key, value []byte, complete bool) {
	if len(key) > longestName || !json.Valid(key) {
		return
	}
	text := `""` // of a field of which only the name is known
	name := unquote(string(key))
	switch name {
	case "headers", "queryParameters", "requestContext", "httpMethod", "isBase64Encoded":
		if complete && len(value) <= maxHeader && json.Valid(value) {
			text = string(value)
		} else {
			e.fields.spoil(name, "cannot be decoded")
		}
	case "body":
		if e.fields.has(name) && !bytes.Equal(e.body, value) {
			e.fields.spoil(name, givenTwice)
		}
		e.body = value
	}
	e.fields.add(name, text)
}

// decodedBody returns the bytes that were sent, and nil where they cannot be told for certain.
func (e *envelope) decodedBody() []byte {
	if e.fields.isBad("body") || !json.Valid(e.body) || e.body[0] != '"' {
		return nil
	}
	body := e.body[1 : len(e.body)-1]
	if bytes.IndexByte(body, '\\') >= 0 {
		var text string
		_ = json.Unmarshal(e.body, &text) // it is valid
		body = []byte(text)
	}
	if !isBase64Encoded(&e.fields) {
		return body
	}
	decoded, ok := decodeBase64(string(body))
	if !ok {
		return nil
	}
	return []byte(decoded)
}

// isBase64Encoded: an API gateway may write it as a string.
func isBase64Encoded(o *object) bool {
	return strings.EqualFold(o.text("isBase64Encoded"), "true")
}

// texts returns an object of texts, and an empty map where the field is no object for certain.
func (o *object) texts(name string, canonical func(string) string) map[string]string {
	m := map[string]string{}
	raw, ok := o.raw(name)
	if !ok || raw == "" || raw[0] != '{' || o.isBad(name) {
		return m
	}
	values := map[string][]string{}
	keep := func(key, value string) {
		switch value[0] {
		case '"':
			values[key] = append(values[key], unquote(value))
		case '{', '[', 'n':
		default:
			values[key] = append(values[key], value)
		}
	}
	for key, value := range members(raw) {
		key = canonical(key)
		if value[0] != '[' {
			keep(key, value)
			continue
		}
		for element := range elements(value) {
			keep(key, element)
		}
	}
	for key, list := range values {
		m[key] = strings.Join(list, ",")
	}
	return m
}

// scan finds its way through text that may end or break anywhere.
type scan []byte

// at returns a byte, and 0 behind the end.
func (b scan) at(i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

func (b scan) space(i int) int {
	for b.at(i) == ' ' || b.at(i) == '\t' || b.at(i) == '\n' || b.at(i) == '\r' {
		i++
	}
	return i
}

// pastString returns the index behind the string that begins at i, and false with the text's length
// where it does not end.
func (b scan) pastString(i int) (int, bool) {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '"':
			return i + 1, true
		case '\\':
			i++
		}
	}
	return len(b), false
}

// pastValue returns the index behind the value that begins at i, and false with the text's length
// where it does not end.
func (b scan) pastValue(i int) (int, bool) {
	start, depth := i, 0
	for i < len(b) {
		switch b[i] {
		case '"':
			end, ok := b.pastString(i)
			if !ok || depth == 0 {
				return end, ok
			}
			i = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 { // the bracket behind a bare value
				return i, i > start
			}
			if depth--; depth == 0 {
				return i + 1, true
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i, i > start
			}
		}
		i++
	}
	return len(b), false
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
	if err != nil {
		return "", false
	}
	return string(decoded), true
}
