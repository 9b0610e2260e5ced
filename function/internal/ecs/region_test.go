package ecs

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// TestRegions has a row on each side of each rule of a region's form. Every refused one is refused
// whoever asks, and before there is a client that could send anything.
func TestRegions(t *testing.T) {
	long := "cn-" + strings.Repeat("a", maxRegion-3)
	for _, row := range []struct {
		region string
		valid  bool
		why    string
	}{
		{"cn-hangzhou", true, "the usual form"},
		{"ap-southeast-1", true, "three parts"},
		{"us-east-1", true, "another area"},
		{"eu-central-1", true, "another area"},
		{"me-central-1", true, "another area"},
		{"na-south-1", true, "Mexico"},
		{"sa-east-1", true, "an area that may come"},
		{"af-south-1", true, "an area that may come"},
		{"cn-shanghai-finance-1", true, "four parts: a financial cloud"},
		{"cn-north-2-gov-1", true, "five parts: the government's cloud, the longest that there is"},
		{"cn-north-2-gov-1-x", false, "six parts"},
		{"cn", false, "an area without a part"},
		{"cn-", false, "an empty part"},
		{"cn--hangzhou", false, "an empty part in the middle"},
		{"-hangzhou", false, "no area"},
		{"", false, "nothing"},
		{"rus-west-1", false, "an area that is none"},
		{"hangzhou-cn", false, "the area is not in front"},
		{long, true, "as long as it may be"},
		{long + "a", false, "longer"},
		{"oss-cn-hangzhou", false, "ecs.oss-cn-hangzhou.aliyuncs.com is a bucket's host"},
		{"cn-hangzhou-internal", false, "an internal host"},
		{"oss-cn-hangzhou-internal", false, "a bucket's internal host"},
		{"vpc100-oss-cn-hangzhou", false, "a bucket's host in the classic network"},
		{"cn-hangzhou-vpc100", false, "a network's name with a number"},
		{"cn-oss", false, "another product's name"},
		{"cn-oss2", false, "with a number"},
		{"cn-ossian", true, "a name that only begins so"},
		{"cn-share", false, "a host of VPC endpoints"},
		{"cn-hangzhou-dualstack", false, "a host of both address families"},
		{"cn-hangzhou-intranet", false, "a log project's internal host"},
		{"cn-shanghai-inner", false, "in the SDK's table, and not for customers"},
		{"cn-ecs", false, "ECS itself"},
		{"cn-cdn", false, "a CDN's host"},
		{"cn-slb", false, "a load balancer's host"},
		{"cn-rds", false, "a database's host"},
		{"cn-x.evil.example/", false, "another host"},
		{"cn-x.evil", false, "another domain"},
		{"x@evil-1", false, "another user"},
		{"cn-hangzhou:80", false, "a port"},
		{"cn-hangzhou#", false, "a fragment"},
		{"cn-hangzhou?x=", false, "a query"},
		{"cn-hangzhou%2e", false, "an escape"},
		{"cn-beijing\n", false, "a line end"},
		{"cn-bei jing", false, "a space"},
		{"cn_beijing", false, "an underscore"},
		{"CN-BEIJING", false, "upper case"},
		{"cn-Beijing", false, "one upper-case letter"},
		{"cn-běijing", false, "a letter of another alphabet"},
	} {
		if got := validRegion(row.region); got != row.valid {
			t.Errorf("validRegion(%q) = %v, want %v: %s", row.region, got, row.valid, row.why)
		}
		if row.valid {
			continue
		}
		c := carried(t, func(r *http.Request) (*http.Response, error) {
			t.Errorf("%q: asked %s", row.region, r.URL.Host)
			return reply(200, answerAll(r.URL.Query())), nil
		})
		refusedUnsent(t, c, row.region)
	}
}

// refusedUnsent asks everything of a region, of which nothing may be sent.
func refusedUnsent(t *testing.T, c *Client, region string) {
	t.Helper()
	ids := []string{instanceID, "i-2"}
	failures := map[string]remedy.Failure{
		"Machines":       c.Machines(t.Context(), region, ids)[instanceID].Failure,
		"Heartbeats":     c.Heartbeats(t.Context(), region, ids)[instanceID].Failure,
		"PlatformEvents": c.PlatformEvents(t.Context(), region, instanceID).Failure,
		"Tagged":         c.Tagged(t.Context(), region, "auto-restart").Failure,
		"Some":           c.Some(t.Context(), region).Failure,
		"Screenshot":     c.Screenshot(t.Context(), region, instanceID).Failure,
		"Console":        c.Console(t.Context(), region, instanceID).Failure,
	}
	for name, failure := range failures {
		if failure != remedy.FailureUnreadable {
			t.Errorf("%s of %q: failure %q, want %q", name, region, failure,
				remedy.FailureUnreadable)
		}
	}
	for _, dryRun := range []bool{false, true} {
		o := order()
		o.Region, o.DryRun = region, dryRun
		got := c.Reboot(t.Context(), o)
		if got.Answer != remedy.AnswerNotExecuted || got.Code != notSent ||
			!strings.Contains(got.Note, "region") {
			t.Errorf("Reboot in %q: %+v", region, got)
		}
	}
}

// TestOneRegion: a client for one region calls no other, however well formed its name is.
func TestOneRegion(t *testing.T) {
	var hosts []string
	c := newClient(t, func(o *Options) {
		o.Region = region
		o.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
			hosts = append(hosts, r.URL.Host)
			return reply(200, answerAll(r.URL.Query())), nil
		})
	})
	refusedUnsent(t, c, "cn-shanghai")
	if len(hosts) > 0 {
		t.Errorf("asked %v", hosts)
	}
	if got := c.Machines(t.Context(), region, []string{instanceID})[instanceID]; !got.OK() ||
		len(hosts) != 1 {
		t.Errorf("its own region: %+v, asked %v", got, hosts)
	}
	if _, err := New(Options{Credentials: testKeys, CallLimit: time.Second, Now: time.Now,
		Region: "oss-cn-hangzhou"}); err == nil {
		t.Error("a client for a region that is none")
	}
}

// hostileTexts are what an alarm, a tag or an answer could say in a place of an id or a token.
var hostileTexts = []string{
	"i-1/../../x", "i-1?Action=StopInstance", "i-1&Action=StopInstance", "i-1#", "i-1@evil.example",
	"//evil.example/", "i-1\r\nHost: evil",
	"i-1%26Action%3DStopInstance", `i-1"]`, `i-1","i-2`, "i-1 ", " i-1", "I-1", "i-", "", "*",
	"i-*", "i-1\x00", "i-é", "http://evil.example",
	strings.Repeat("i-1", 1000),
}

// TestNothingChangesTheTarget: whatever an id, a tag's key or an answer's NextToken says, requests
// go to the one host, the one path and the action that was meant, and an id that is none is in no
// request.
func TestNothingChangesTheTarget(t *testing.T) {
	for _, hostile := range hostileTexts {
		var got []*url.URL
		next, _ := json.Marshal(hostile)
		c := carried(t, func(r *http.Request) (*http.Response, error) {
			got = append(got, r.URL)
			if r.URL.Query().Get("NextToken") != "" {
				return reply(200, answerAll(r.URL.Query())), nil
			}
			body := strings.Replace(answerAll(r.URL.Query()), `{`, `{"NextToken":`+string(next)+`,`,
				1)
			return reply(200, body), nil
		})
		ids := []string{instanceID, hostile}
		machines := c.Machines(t.Context(), region, ids)
		beats := c.Heartbeats(t.Context(), region, ids)
		if machines[hostile].Failure != remedy.FailureUnreadable ||
			beats[hostile].Failure != remedy.FailureUnreadable {
			t.Errorf("%q as an id: %+v, %+v", hostile, machines[hostile], beats[hostile])
		}
		for name, failure := range map[string]remedy.Failure{
			"PlatformEvents": c.PlatformEvents(t.Context(), region, hostile).Failure,
			"Screenshot":     c.Screenshot(t.Context(), region, hostile).Failure,
			"Console":        c.Console(t.Context(), region, hostile).Failure,
		} {
			if failure != remedy.FailureUnreadable {
				t.Errorf("%s of %q: failure %q", name, hostile, failure)
			}
		}
		o := order()
		o.Instance = hostile
		if reply := c.Reboot(t.Context(), o); reply.Answer != remedy.AnswerNotExecuted ||
			reply.Code != notSent {
			t.Errorf("reboot of %q: %+v", hostile, reply)
		}
		// the two reads with the good id, and their next pages
		if named := len(got); named == 0 || named > 4 {
			t.Errorf("%q: %d requests", hostile, named)
		}
		c.PlatformEvents(t.Context(), region, instanceID)
		c.Tagged(t.Context(), region, hostile)
		for _, u := range got {
			q := u.Query()
			if u.Scheme != "https" || u.Host != "ecs.cn-beijing.aliyuncs.com" || u.Path != "/" ||
				u.User != nil || u.Fragment != "" {
				t.Errorf("%q: a request to %s", hostile, u.Redacted())
			}
			if action := q["Action"]; len(action) != 1 ||
				!strings.HasPrefix(action[0], "Describe") {
				t.Errorf("%q: the action became %q", hostile, action)
			}
			if hostile != "" && slices.Contains(asked(q), hostile) {
				t.Errorf("%q was asked about", hostile)
			}
			if token := q.Get("NextToken"); len(token) > maxCursor ||
				strings.ContainsAny(token, "\r\n\x00") {
				t.Errorf("%q was sent back", hostile)
			}
		}
	}
}

// TestIDs has a row on each side of each rule of an id's form.
func TestIDs(t *testing.T) {
	for _, row := range []struct {
		id    string
		valid bool
	}{
		{"i-bp1aaaaaaaaaaaaaaaa1", true}, {"i-1", true}, {"i-" + strings.Repeat("a", maxID-2),
			true},
		{"i-" + strings.Repeat("a", maxID-1), false}, {"i-", false}, {"", false}, {"i",
			false}, {"bp1", false}, {"d-bp1", false},
		{"i-bp1-2", false}, {"i-BP1", false}, {"i-bp1****", false}, {"i-bp1 ", false}, {"i-bp1\n",
			false}, {"i-ｂp1", false},
	} {
		if got := validID(row.id); got != row.valid {
			t.Errorf("validID(%q) = %v, want %v", row.id, got, row.valid)
		}
	}
	for _, row := range []struct {
		token string
		valid bool
	}{
		{"caeba0bbb2be03f84eb48b699f0a4883", true}, {"AAAA+/=_.:-", true}, {"",
			true}, {strings.Repeat("a", maxCursor), true},
		{strings.Repeat("a", maxCursor+1), false}, {"a b", false}, {"a\nb", false}, {"é",
			false}, {"\x7f", false},
	} {
		if got := validCursor(row.token); got != row.valid {
			t.Errorf("validCursor(%.20q) = %v, want %v", row.token, got, row.valid)
		}
	}
}

// TestPinnedHost: whatever made the request, the transport writes it to the host that was pinned
// for its client, or nowhere.
func TestPinnedHost(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(*http.Request)
		passes bool
	}{
		{"as it was made", func(*http.Request) {}, true},
		{"without a Host of its own", func(r *http.Request) { r.Host = "" }, true},
		{"another host", func(r *http.Request) { r.URL.Host = "ecs.oss-cn-hangzhou.aliyuncs.com" },
			false},
		{"another host in the header", func(r *http.Request) { r.Host = "evil.example" }, false},
		{"a port", func(r *http.Request) { r.URL.Host += ":8443" }, false},
		{"a dot at the end", func(r *http.Request) { r.URL.Host += "." }, false},
		{"plain HTTP", func(r *http.Request) { r.URL.Scheme = "http" }, false},
		{"a user", func(r *http.Request) { r.URL.User = url.User("x") }, false},
		{"another path", func(r *http.Request) { r.URL.Path = "/bucket" }, false},
		{"an opaque URL", func(r *http.Request) { r.URL.Opaque = "//evil.example/" }, false},
	} {
		sent := false
		carry := &carrier{
			ctx: t.Context(), life: t.Context(), scheme: "https",
			host: "ecs.cn-beijing.aliyuncs.com",
			base: roundTripper(func(*http.Request) (*http.Response, error) {
				sent = true
				return reply(200, "{}"), nil
			}),
		}
		r, err := http.NewRequest("POST", "https://ecs.cn-beijing.aliyuncs.com/?x=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		row.change(r)
		resp, err := carry.RoundTrip(r)
		if err == nil {
			resp.Body.Close()
		}
		if sent != row.passes || carry.handed != row.passes || (err == nil) != row.passes {
			t.Errorf("%s: sent %v, %v; want it sent: %v", row.why, sent, err, row.passes)
		}
		if got := describe(carry.err, carry.handed); carry.err != nil &&
			(got.sent || !strings.Contains(got.text, "host")) {
			t.Errorf("%s: %+v", row.why, got)
		}
	}
}
