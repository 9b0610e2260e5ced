package events

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

func TestHTTP(t *testing.T) {
	tests := []struct {
		name, payload string
		ok            bool
		want          Request
	}{
		{"FC 3.0", `{"rawPath":"/","isBase64Encoded":false,"body":"a=b",
			"headers":{"X-Token":"1","x-token":"2","Content-Type":"t"},
			"queryParameters":{"token":"s","n":1},
			"requestContext":{"http":{"method":"post"}}}`, true,
			Request{Method: "POST", Header: map[string]string{"x-token": "1,2",
				"content-type": "t"},
				Query: map[string]string{"token": "s", "n": "1"}, Body: []byte("a=b")}},
		{"FC 3.0, base64",
			`{"rawPath":"/","isBase64Encoded":true,"body":"YT1i",
			"requestContext":{"http":{"method":"POST"}}}`, true,
			Request{Method: "POST", Header: map[string]string{},
				Query: map[string]string{}, Body: []byte("a=b")}},
		{"API gateway, flag as text",
			`{"path":"/","httpMethod":"POST","isBase64Encoded":"true","body":"YT1i",
			"headers":null}`, true,
			Request{Method: "POST", Header: map[string]string{},
				Query: map[string]string{}, Body: []byte("a=b")}},
		{"API gateway, flag says no",
			`{"path":"/","httpMethod":"POST","isBase64Encoded":"false","body":"YT1i"}`, true,
			Request{Method: "POST", Header: map[string]string{},
				Query: map[string]string{}, Body: []byte("YT1i")}},
		{"base64 that is none has no body",
			`{"path":"/","httpMethod":"POST","isBase64Encoded":true,"body":"%"}`, true,
			Request{Method: "POST", Header: map[string]string{},
				Query: map[string]string{}, Body: nil}},
		{"no body",
			`{"rawPath":"/","requestContext":{"http":{"method":"GET"}},
			"queryParameters":{"data":"{}"}}`, true,
			Request{Method: "GET", Header: map[string]string{},
				Query: map[string]string{"data": "{}"}, Body: nil}},
		{"a system event", sample(t, "system-event-agent-stopped"), false, Request{}},
		{"a batch of requests is none", `[{"path":"/","httpMethod":"POST","body":""}]`, false,
			Request{}},
		{"a form", "path=/&httpMethod=POST&body=x", false, Request{}},
	}
	for _, test := range tests {
		got, ok := HTTP([]byte(test.payload))
		if ok != test.ok || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, %v; want %+v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

// Notes and errors go to logs. Headers and query parameters may hold the function's token.
func TestTokensAreNotQuoted(t *testing.T) {
	const token = "s3cret-t0ken"
	for _, method := range []string{"GET", "POST"} {
		for _, body := range []string{`"x"`, `"a=b"`, `"[]"`, `1`, `"{"`, `null`} {
			for _, duplicate := range []string{"", `,"body":"other"`} {
				payload := `{"rawPath":"/","headers":{"authorization":"Bearer ` + token +
					`"},"queryParameters":{"token":"` + token +
					`"},"requestContext":{"http":{"method":"` + method + `"}},"body":` + body +
					duplicate + `}`
				alarms, err := Decode([]byte(payload))
				if said := fmt.Sprint(alarms, err); strings.Contains(said, token) {
					t.Errorf("%s: %s", payload, said)
				}
			}
		}
	}
}

// fc3 is the event of an HTTP trigger with the fields in the order that Function Compute prints.
func fc3(body, headers, query string) string {
	return `{"version":"v1","rawPath":"/","body":` + body + `,"isBase64Encoded":false,` +
		`"headers":` + headers + `,"queryParameters":` + query +
		`,"requestContext":{"accountId":"1","http":{"method":"POST","path":"/"}}}`
}

// The trigger is open to the world, and the token is the only gate. Whatever a stranger sends, it
// stays a request, which is answered, and does not become an event, which is handled.
func TestRequestsAreKnownByTheirEnvelope(t *testing.T) {
	const token = `{"x-remedy-token":"s3cret"}`
	huge := func(n int) string { return `"` + strings.Repeat(`\"x`, n/3) + `"` }
	const max = MaxPayload
	escaped := func(s string) string {
		var b strings.Builder
		for _, c := range s {
			fmt.Fprintf(&b, `\u%04x`, c)
		}
		return b.String()
	}
	tests := []struct {
		name, payload string
		tooLarge      bool
		header, query string // the token as it was found
		why           string
	}{
		{"small", fc3(`"a=b"`, token, `{"token":"q"}`), false, "s3cret", "q", "as ever"},
		{"large", fc3(huge(max), token, `{"token":"q"}`), true, "s3cret", "q",
			"the body is skipped, and what is behind it found"},
		{"very large", fc3(huge(2*max), token, `{"token":"q"}`), true, "s3cret", "q",
			"twice as large"},
		{"large, headers first", `{"headers":` + token + `,"queryParameters":{"token":"q"},
			"rawPath":"/","requestContext":{},"body":` + huge(max) + `}`, true, "s3cret", "q",
			"no order is promised"},
		{"large, of an API gateway", `{"path":"/","httpMethod":"POST","body":` + huge(max) +
			`,"headers":` + token + `}`, true, "s3cret", "", "the other envelope"},
		{"large, the body is no string", fc3(`[`+huge(max)+`,{"a":[]}]`, token, `{}`), true,
			"s3cret", "", "brackets and quotes inside are skipped as well"},
		{"large, no headers", `{"rawPath":"/","requestContext":{},"body":` + huge(max) + `}`, true,
			"", "", "no token: a stranger"},
		{"exactly as large as is allowed", fc3(`"`+strings.Repeat("x", max-
			len(fc3(`""`, token, `{}`)))+`"`, token, `{}`), false, "s3cret", "", "the limit"},
		{"one byte more", fc3(`"`+strings.Repeat("x", max+1-len(fc3(`""`, token, `{}`)))+`"`,
			token, `{}`), true, "s3cret", "", "above it"},
		{"cut off behind the path", `{"version":"v1","rawPath":"/"`, false, "", "", "no token"},
		{"cut off within the path", `{"version":"v1","rawPath":"/`, false, "", "", "no token"},
		{"cut off behind the path's name", `{"rawPath":`, false, "", "", "no token"},
		{"cut off within the body", `{"rawPath":"/","headers":` + token + `,"body":"a`, false,
			"s3cret", "", "what was there counts: Decode says what is wrong"},
		{"cut off within the headers", `{"rawPath":"/","headers":{"x-remedy-token":"s3cret"`,
			false, "", "", "half of the headers are none"},
		{"cut off within the method", `{"httpMethod":"PO`, false, "", "", "no token"},
		{"cut off within the context", `{"requestContext":{"http":{`, false, "", "", "no token"},
		{"garbage in the middle", `{"rawPath":"/","headers":` + token + `,!`, false, "s3cret", "",
			"what was there counts"},
		{"garbage behind", fc3(`"a=b"`, token, `{}`) + "garbage", false, "s3cret", "",
			"the envelope is whole"},
		{"two envelopes", fc3(`""`, `{}`, `{}`) + fc3(`""`, token, `{}`), false, "", "",
			"only the first one counts"},
		{"an escape that is none in the body", fc3(`"\x"`, token, `{}`), false, "s3cret", "",
			"not JSON, but the envelope is whole"},
		{"no colon", `{"rawPath":"/","headers"` + token + `}`, false, "", "", "broken there"},
		{"no comma", `{"rawPath":"/" "headers":` + token + `}`, false, "", "", "broken there"},
		{"no value", `{"rawPath":"/","headers":}`, false, "", "", "broken there"},
		{"a bare word", `{"rawPath":/,"headers":` + token + `,"requestContext":1}`, false, "s3cret",
			"", "the value ends at the comma"},
		{"a bare word at the end", `{"requestContext":1,"headers":` + token + `,"rawPath":x}`,
			false, "s3cret", "", "the value ends at the bracket"},
		{"a byte order mark", "\ufeff\r\n " + fc3(`""`, token, `{}`), false, "s3cret", "",
			"Decode skips it, too"},
		{"blanks everywhere", "{ \"rawPath\" :\t\"/\"\r\n , \"requestContext\" : {} , " +
			"\"headers\" : " + token + " }", false, "s3cret", "", "blanks mean nothing"},
		{"a name of which every letter is escaped", `{"rawPath":"/","requestContext":{},"` +
			escaped("queryParameters") + `":{"token":"q"}}`, false, "", "q", "as Decode reads it"},
		{"escaped names", `{"r\u0061wPath":"/","requestContext":{},"h\u0065aders":` + token + `}`,
			false, "s3cret", "", "as Decode reads them"},
	}
	for _, test := range tests {
		r, ok := HTTP([]byte(test.payload))
		if !ok || r.TooLarge != test.tooLarge || r.Header["x-remedy-token"] != test.header ||
			r.Query["token"] != test.query {
			t.Errorf("%s: %v, too large %v, header %q, query %q: %s", test.name, ok, r.TooLarge,
				r.Header["x-remedy-token"], r.Query["token"], test.why)
		}
		if r.TooLarge && r.Body != nil {
			t.Errorf("%s: a body of %d bytes", test.name, len(r.Body))
		}
	}
}

// What is no request must not be answered like one: its alarm would be lost.
func TestOtherEventsAreNoRequests(t *testing.T) {
	requests := map[string]bool{}
	for _, s := range Samples() {
		request := strings.HasPrefix(s.Name, "fc3-") || strings.HasPrefix(s.Name, "apigateway-")
		requests[s.Name] = request
		if _, ok := HTTP(s.Payload); ok != request {
			t.Errorf("%s: a request: %v", s.Name, ok)
		}
		// Nor does an alarm become a request by being cut off or too large.
		if _, ok := HTTP(s.Payload[:len(s.Payload)/2]); ok && !request {
			t.Errorf("half of %s is a request", s.Name)
		}
	}
	pad := `{"pad":"` + strings.Repeat("x", MaxPayload) + `",`
	for _, name := range []string{"fc3-http-system-event", "apigateway-threshold-form-base64",
		"mns-topic-system-event", "system-event-agent-stopped", "batch-two-instances", "fc-timer"} {
		long := strings.Replace(sample(t, name), "{", pad, 1)
		if _, ok := HTTP([]byte(long)); ok != requests[name] {
			t.Errorf("a large %s: a request: %v", name, ok)
		}
	}
	for _, payload := range []string{
		``, ` `, `{`, `{}`, `[]`, `"x"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`,
		`{"rawPath":"/"}`, `{"requestContext":{}}`, `{"httpMethod":"GET"}`,
		`{"httpMethod":"GET","path":"/"}`, `{"RawPath":"/"`, `{"message":"rawPath"`,
		`{"a":{"rawPath":"/","requestContext":{}}`, `{1:2,"rawPath":"/"`, `{,"rawPath":"/"`,
		`{"a":,"rawPath":"/","requestContext":{}}`, `{"\u00":1,"rawPath`,
		`{"` + strings.Repeat("x", 101) + `":1`,
	} {
		if r, ok := HTTP([]byte(payload)); ok {
			t.Errorf("%s is a request: %+v", payload, r)
		}
	}
}

// Whoever can write a part of the envelope must not get a token out of it that is not there.
func TestHostileEnvelopes(t *testing.T) {
	const body = `"a=b"`
	long := strings.Repeat("x", maxHeader)
	tests := []struct {
		name, payload string
		header, query map[string]string
		why           string
	}{
		{"headers twice", fc3(body, `{"a":"1"},"headers":{"a":"2"}`, `{"q":"1"}`), nil,
			map[string]string{"q": "1"}, "neither can be believed"},
		{"the same headers twice", fc3(body, `{"a":"1"},"headers":{"a":"1"}`, `{}`),
			map[string]string{"a": "1"}, nil, "nothing to choose"},
		{"headers in another case besides", fc3(body, `{"a":"1"},"Headers":{"a":"2"}`, `{}`), nil,
			nil, "readers differ in which one they take"},
		{"the query twice", fc3(body, `{"a":"1"}`, `{"q":"1"},"queryParameters":{"q":"2"}`),
			map[string]string{"a": "1"}, nil, "neither can be believed"},
		{"headers are a list", fc3(body, `[{"a":"1"}]`, `{}`), nil, nil, "no object"},
		{"headers are text that holds an object", fc3(body, quoteJSON(`{"a":"1"}`), `{}`), nil, nil,
			"no object"},
		{"headers are null", fc3(body, `null`, `null`), nil, nil, "no object"},
		{"headers are a number", fc3(body, `1`, `true`), nil, nil, "no object"},
		{"headers are broken", fc3(body, `{"a":"1",}`, `{"q":"1"}`), nil,
			map[string]string{"q": "1"}, "not JSON: nothing in them is read"},
		{"headers with an escape that is none", fc3(body, `{"a":"\x"}`, `{"q":"1"}`), nil,
			map[string]string{"q": "1"}, "not JSON: nothing in them is read"},
		{"values that are no text", fc3(body,
			`{"a":1,"b":true,"c":null,"d":{"x":"1"},"e":[],"f":-1.5}`, `{}`),
			map[string]string{"a": "1", "b": "true", "f": "-1.5"}, nil,
			"numbers are texts, and null is not the word null"},
		{"lists of values", fc3(body, `{"a":["1"],"b":["1","2"],"c":[null,{"x":1},["1"]],"d":[3]}`,
			`{"q":["1"]}`), map[string]string{"a": "1", "b": "1,2", "d": "3"},
			map[string]string{"q": "1"}, "several values are joined"},
		{"one header in two cases", fc3(body, `{"A":"1","a":"2"}`, `{"q":"1","Q":"2"}`),
			map[string]string{"a": "1,2"}, map[string]string{"q": "1", "Q": "2"},
			"names of headers have no case, those of parameters have"},
		{"an empty header", fc3(body, `{"a":"","":"1"}`, `{}`), map[string]string{"a": "", "": "1"},
			nil, "empty is a value"},
		{"as many headers as are read", fc3(body, `{"a":"`+long[len(`{"a":""}`):]+`"}`, `{}`),
			map[string]string{"a": long[len(`{"a":""}`):]}, nil, "the limit"},
		{"one byte more", fc3(body, `{"a":"`+long[len(`{"a":""}`)-1:]+`"}`, `{"q":"1"}`), nil,
			map[string]string{"q": "1"}, "above it"},
	}
	for _, test := range tests {
		r, ok := HTTP([]byte(test.payload))
		want := Request{Method: "POST", Header: test.header, Query: test.query, Body: []byte("a=b")}
		if want.Header == nil {
			want.Header = map[string]string{}
		}
		if want.Query == nil {
			want.Query = map[string]string{}
		}
		if !ok || !reflect.DeepEqual(r, want) {
			t.Errorf("%s: %.300v, want %.300v: %s", test.name, fmt.Sprint(r), fmt.Sprint(want),
				test.why)
		}
	}
}

func TestBodies(t *testing.T) {
	in64 := base64.StdEncoding.EncodeToString([]byte("a=b"))
	tests := []struct {
		name, body, flag, want string // want: "none" for nil
	}{
		{"plain", `"a=b"`, `false`, "a=b"},
		{"escaped", `"a=\"b\u0062"`, `false`, `a="bb`},
		{"empty", `""`, `false`, ""},
		{"base64", `"` + in64 + `"`, `true`, "a=b"},
		{"base64, flag in capitals", `"` + in64 + `"`, `"TRUE"`, "a=b"},
		{"base64 with an escape", `"` + strings.Replace(in64, "Y", `\u0059`, 1) + `"`, `true`,
			"a=b"},
		{"the flag is null", `"` + in64 + `"`, `null`, in64},
		{"no base64", `"%"`, `true`, "none"},
		{"null", `null`, `false`, "none"},
		{"a number", `1`, `false`, "none"},
		{"an object", `{"a":"b"}`, `false`, "none"},
		{"broken", `"\x"`, `false`, "none"},
		{"twice", `"a","body":"b"`, `false`, "none"},
		{"twice the same", `"a","body":"a"`, `false`, "a"},
	}
	for _, test := range tests {
		r, ok := HTTP([]byte(`{"path":"/","httpMethod":"POST","isBase64Encoded":` + test.flag +
			`,"body":` + test.body + `}`))
		got := "none"
		if r.Body != nil {
			got = string(r.Body)
		}
		if !ok || got != test.want {
			t.Errorf("%s: %v, body %q, want %q", test.name, ok, got, test.want)
		}
	}
}

// Requests of strangers cost next to nothing, however large they are: Function Compute lets 32 MB
// through, and a function has 128 MB for everything.
func TestLargeRequestsAreNotCopied(t *testing.T) {
	payload := []byte(fc3(`"`+strings.Repeat("x", 16<<20)+`"`, `{"a":"1"}`, `{}`))
	kept := bytes.Clone(payload[:1000])
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r, ok := HTTP(payload)
	runtime.ReadMemStats(&after)
	if !ok || !r.TooLarge || r.Header["a"] != "1" {
		t.Fatalf("%v %+v", ok, r)
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
		t.Errorf("%d bytes were allocated for a request of %d", n, len(payload))
	}
	if !bytes.Equal(payload[:1000], kept) {
		t.Error("the payload was changed")
	}
}
