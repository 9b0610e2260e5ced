package ecssim

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The vector of the document "Request signatures".
func TestSignatureVector(t *testing.T) {
	values, err := url.ParseQuery("Timestamp=2016-02-23T12:46:24Z&Format=XML&AccessKeyId=testid" +
		"&Action=DescribeRegions&SignatureMethod=HMAC-SHA1" +
		"&SignatureNonce=3ee8c1b8-83d3-44af-a94f-4e0ad82fd6cf" +
		"&Version=2014-05-26&SignatureVersion=1.0")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sign(stringToSign("GET", query(values)),
		"testsecret"), "OLeaidS1JvxuMvnyHOwuJ+uX5qY="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Names are sorted as bytes, and reserved characters escaped: what the vector does not have.
func TestStringToSign(t *testing.T) {
	got := stringToSign("POST",
		query{"Tag.1.Key": {"a b"}, "Tag": {"*~"}, "Empty": {""}, "Signature": {"left out"}})
	if want := "POST&%2F&" + "Empty%3D%26Tag%3D%252A~%26Tag.1.Key%3Da%2520b"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestGateway(t *testing.T) {
	set := func(name, value string) func(url.Values) {
		return func(q url.Values) { q.Set(name, value) }
	}
	none := func(url.Values) {}
	ago := func(d time.Duration) func(url.Values) {
		return func(q url.Values) {
			q.Set("Timestamp",
				time.Now().Add(-d).UTC().Format("2006-01-02T15:04:05Z"))
		}
	}
	for _, row := range []struct {
		why          string
		signed, sent func(url.Values) // edits before and after the request is signed
		status       int
		code, reject string
	}{
		{"as it should be", none, none, 200, "", ""},
		{"another API", set("Version", "2016-03-14"), none, 400, "InvalidVersion", "version"},
		{"an answer in XML", func(q url.Values) { q.Del("Format") }, none, 400,
			"InvalidParameter.Format", "format"},
		{"a key nobody knows", set("AccessKeyId", "STS.stranger"), none, 404,
			"InvalidAccessKeyId.NotFound", "key"},
		{"no key", func(q url.Values) { q.Del("AccessKeyId") }, none, 404,
			"InvalidAccessKeyId.NotFound", "key"},
		{"no token", set("SecurityToken", ""), none, 400, "MissingSecurityToken", "token"},
		{"another key's token", set("SecurityToken", "another"), none, 400,
			"InvalidSecurityToken.MismatchWithAccessKey", "token"},
		{"a second before the token's end", set("AccessKeyId", "STS.later"), none, 200, "", ""},
		{"the token's end", set("AccessKeyId", "STS.now"), none, 400,
			"InvalidSecurityToken.Expired", "token"},
		{"15 minutes old", ago(15 * time.Minute), none, 200, "", ""},
		{"older than 15 minutes", ago(15*time.Minute + time.Second), none, 400,
			"InvalidTimeStamp.Expired", "timestamp"},
		{"15 minutes ahead", ago(-15 * time.Minute), none, 200, "", ""},
		{"more than 15 minutes ahead", ago(-15*time.Minute - time.Second), none, 400,
			"InvalidTimeStamp.Expired", "timestamp"},
		{"not a time", set("Timestamp", "now"), none, 400, "InvalidTimeStamp.Format", "timestamp"},
		{"another way to sign", set("SignatureMethod", "HMAC-SHA256"), none, 400,
			"IncompleteSignature", "signature"},
		{"no nonce", set("SignatureNonce", ""), none, 400, "IncompleteSignature", "signature"},
		{"no signature", none, func(q url.Values) { q.Del("Signature") }, 400,
			"IncompleteSignature", "signature"},
		{"changed on the way", none, set("Action", "RebootInstance"), 400, "SignatureDoesNotMatch",
			"signature"},
		{"one more parameter", none, set("ForceStop", "true"), 400, "SignatureDoesNotMatch",
			"signature"},
		{"a nonce again", set("SignatureNonce", "used"), none, 400, "SignatureNonceUsed", "nonce"},
		{"a nonce that a bad signature had", set("SignatureNonce", "not used"), none, 200, "", ""},
		{"a parameter twice", none, func(q url.Values) { q.Add("Action", "RebootInstance") }, 400,
			"InvalidParameter", "parameter"},
		{"an action that does not exist", set("Action", "DescribeEverything"), none, 404,
			"InvalidAction.NotFound", ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := New(Real())
				w.SetKey(Key{ID: "STS.later", Expires: time.Now().Add(time.Second)})
				w.SetKey(Key{ID: "STS.now", Expires: time.Now()})
				w.Add(Instance{ID: "i-1"})
				send := func(edits ...func(url.Values)) answer {
					return do(w.RoundTripper(),
						signed(t, time.Now(), endpoint, "DescribeInstances", nil, edits...))
				}
				send(set("SignatureNonce", "used"))
				send(set("SignatureNonce", "not used"), set("Signature", "bad"))
				a := send(row.signed, row.sent)
				if a.err != nil || a.status != row.status || a.code() != row.code {
					t.Errorf("got %d %s %v", a.status, a.code(), a.err)
				}
				c := w.Calls()[2]
				if c.Reject != row.reject || c.HTTP != row.status || c.Code != row.code {
					t.Errorf("kept as %+v", c)
				}
				if row.code == "" {
					return
				}
				for _, field := range []string{"RequestId", "HostId", "Code", "Message",
					"Recommend"} {
					if text, ok := a.body[field].(string); !ok || text == "" {
						t.Errorf("%s is missing in %v", field, a.body)
					}
				}
				told := strings.Contains(a.body["Message"].(string),
					"server string to sign is:POST&%2F&")
				if told != (row.code == "SignatureDoesNotMatch") {
					t.Errorf("Message %s", a.body["Message"])
				}
			})
		})
	}
}

// Parameters may come in the query or in a form, and the signature covers both.
func TestParametersInForm(t *testing.T) {
	w := New(Real())
	w.Add(Instance{ID: "i-1"})
	r := signed(t, time.Now(), "http://127.0.0.1", "DescribeInstances",
		map[string]string{"InstanceIds": `["i-1"]`})
	all := r.URL.Query()
	inQuery, inForm := url.Values{}, url.Values{}
	for name, values := range all {
		if strings.HasPrefix(name, "S") {
			inQuery[name] = values
		} else {
			inForm[name] = values
		}
	}
	address, form := "http://127.0.0.1/?"+inQuery.Encode(), strings.NewReader(inForm.Encode())
	r, err := http.NewRequestWithContext(t.Context(), "POST", address, form)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if got := do(w.RoundTripper(), r).entries(t, "Instances", "Instance"); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

// ECS's own clock decides about timestamps, and shows in its Date.
func TestSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			skew time.Duration
			code string
		}{
			{15 * time.Minute, ""}, // just allowed
			{16 * time.Minute, "InvalidTimeStamp.Expired"},
			{-16 * time.Minute, "InvalidTimeStamp.Expired"},
		} {
			w := New(Real())
			w.Skew = row.skew
			// by the World's clock, so not over yet
			w.SetKey(Key{Expires: time.Now().Add(time.Second)})
			a := do(w.RoundTripper(), signed(t, time.Now(), endpoint, "DescribeInstances", nil))
			date := time.Now().Add(row.skew).UTC().Format(http.TimeFormat)
			if a.code() != row.code || a.header.Get("Date") != date {
				t.Errorf("%v: %q, Date %s, want %s", row.skew, a.code(), a.header.Get("Date"), date)
			}
			if at := w.Calls()[0].At; !at.Equal(time.Now()) {
				t.Errorf("kept as of %v", at)
			}
		}
	})
}

func TestPermissions(t *testing.T) {
	w := New(Real())
	w.Add(Instance{ID: "i-1", Tags: map[string]string{"auto-restart": "true"}})
	w.Add(Instance{ID: "i-2"})
	w.Add(Instance{ID: "i-3", Account: "9999999999999999"})
	ids := map[string]string{"InstanceIds": `["i-1","i-2","i-3"]`}
	if got := describe(t, w, ids); len(got) != 2 {
		t.Errorf("another account's instance is seen: %v", got)
	}

	w.SetKey(Key{Actions: []string{"RebootInstance"}, RebootTag: [2]string{"auto-restart", "true"}})
	if got := describe(t, w, ids); len(got) != 0 {
		t.Errorf("without permission, DescribeInstances lists %v", got)
	}
	for _, row := range []struct {
		action string
		params map[string]string
		code   string
	}{
		// the way to tell empty from forbidden
		{"DescribeInstances", map[string]string{"DryRun": "true"}, "Forbidden.RAM"},
		{"DescribeInstanceStatus", nil, "Forbidden.RAM"},
		{"StopInstance", map[string]string{"InstanceId": "i-1"}, "Forbidden.RAM"},
		{"RebootInstance", map[string]string{"InstanceId": "i-2"}, "Forbidden.RAM"}, // no such tag
		// RAM comes before existence
		{"RebootInstance", map[string]string{"InstanceId": "i-4"}, "Forbidden.RAM"},
		{"RebootInstance", map[string]string{"InstanceId": "i-1", "DryRun": "true"},
			"DryRunOperation"},
	} {
		a := call(t, w, row.action, row.params)
		if a.code() != row.code {
			t.Errorf("%s %v: %v", row.action, row.params, a.body)
		}
		detail, denied := a.body["AccessDeniedDetail"].(object)
		if denied != (row.code == "Forbidden.RAM") || denied &&
			(a.status != 403 || detail["AuthAction"] != "ecs:"+row.action) {
			t.Errorf("%s: %d %v", row.action, a.status, a.body)
		}
	}
	w.SetKey(Key{})
	if a := call(t, w, "StartInstance",
		map[string]string{"InstanceId": "i-1"}); a.code() != "Forbidden.RAM" {
		t.Errorf("StartInstance with every permission: %v", a.body)
	}
	if calls := w.Calls(); calls[len(calls)-1].Action != "StartInstance" {
		t.Error("StartInstance is not kept")
	}
}
