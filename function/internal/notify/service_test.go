package notify

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// signedAt is a time with milliseconds, which one service signs and the other does not.
var signedAt = time.UnixMilli(1795592520123)

// TestSignatures compares with what OpenSSL computed by hand, from the recipes in the services'
// documents:
//
//	DingTalk: printf '%s\n%s' $MS $SECRET | openssl dgst -sha256 -hmac $SECRET -binary | base64
//	Feishu:   printf '' | openssl dgst -sha256 -mac HMAC -binary \
//	          -macopt hexkey:$(printf '%s\n%s' $S $SECRET | xxd -p -c 999) | base64
func TestSignatures(t *testing.T) {
	const secret = "SECthis-is-a-secret"
	want := signature{"1795592520123", "kMQgsFx4I/3uaOVTUvrzpHgn/dd9u0cgTFuWrkgSF50="}
	if got := signDingTalk(secret, signedAt); got != want {
		t.Errorf("DingTalk: %v, want %v", got, want)
	}
	want = signature{"1795592520", "BuTPpLNiIJqIdy5e1GeIVOIodfSSm9Fcv/U8kSKfqsI="}
	if got := signFeishu(secret, signedAt); got != want {
		t.Errorf("Feishu: %v, want %v", got, want)
	}
}

// opensslMAC is an HMAC-SHA256 in base64 that is not computed here.
func opensslMAC(t *testing.T, key, message string) string {
	t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("there is no openssl; TestSignatures has constants that it computed")
	}
	command := exec.Command("openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt",
		"hexkey:"+hex.EncodeToString([]byte(key)), "-binary")
	command.Stdin = strings.NewReader(message)
	sum, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(sum)
}

// TestSignaturesWithOpenSSL asks OpenSSL about secrets and times of many kinds.
func TestSignaturesWithOpenSSL(t *testing.T) {
	for i, secret := range []string{"SEC0123456789abcdef", "a", "with+/=&%",
		strings.Repeat("long", 40), "密钥"} {
		at := signedAt.Add(time.Duration(i) * 1_234_567 * time.Millisecond)
		ms, s := fmt.Sprint(at.UnixMilli()), fmt.Sprint(at.Unix())
		want := opensslMAC(t, secret, ms+"\n"+secret)
		if got := signDingTalk(secret, at).sign; got != want {
			t.Errorf("DingTalk, %q: %s, want %s", secret, got, want)
		}
		want = opensslMAC(t, s+"\n"+secret, "")
		if got := signFeishu(secret, at).sign; got != want {
			t.Errorf("Feishu, %q: %s, want %s", secret, got, want)
		}
	}
}

// TestSigned: where a signature goes, and that nothing of the address is lost.
func TestSigned(t *testing.T) {
	at, err := url.Parse("https://oapi.dingtalk.com/robot/send?access_token=T%2B1&sign=old")
	if err != nil {
		t.Fatal(err)
	}
	got, _ := services[FormDingTalk].signed("s", *at, signedAt)
	query := got.Query()
	if query.Get("access_token") != "T+1" || query.Get("timestamp") != "1795592520123" ||
		len(query["sign"]) != 1 || query.Get("sign") != signDingTalk("s", signedAt).sign {
		t.Error("DingTalk:", got.String())
	}
	if strings.Contains(got.RawQuery, "=+") || strings.ContainsAny(query.Encode(), " \n") {
		t.Error("the signature is not escaped:", got.RawQuery)
	}
	for _, unsigned := range []struct {
		form   Form
		secret string
	}{{FormDingTalk, ""}, {FormFeishu, ""}, {FormWeCom, "s"}, {FormSlack, "s"}, {FormJSON, "s"}} {
		got, sign := services[unsigned.form].signed(unsigned.secret, *at, signedAt)
		if got != *at || sign != (signature{}) {
			t.Errorf("%s with the secret %q is signed", unsigned.form, unsigned.secret)
		}
	}
	if got, sign := services[FormFeishu].signed("s", *at, signedAt); got != *at || sign.sign == "" {
		t.Error("Feishu's signature does not go into the address")
	}
}

// sample is a message with something of everything.
var sample = Message{
	Title:   "Restarted: web_01 (i-bp1)",
	Text:    "i-bp1 was restarted & recovered after 4 minutes.",
	Facts:   []Fact{{"Reason", "recovered"}, {"To do", "nothing"}, {"Left out", ""}},
	Page:    Fact{"Page", "oss://bucket/remedy/i-bp1/20261123T074201Z/incident.html"},
	Results: []remedy.Result{{InstanceID: "i-bp1", Verdict: remedy.VerdictRestarted}},
}

func TestBodies(t *testing.T) {
	const lines = "Restarted: web_01 (i-bp1)\\n" +
		"i-bp1 was restarted & recovered after 4 minutes.\\n" +
		"Reason: recovered\\nTo do: nothing\\n" +
		"Page: oss://bucket/remedy/i-bp1/20261123T074201Z/incident.html"
	sign := signature{"1795592520", "c2lnbg=="}
	for _, row := range []struct {
		form Form
		sign signature
		want string
	}{
		{FormDingTalk, sign, `{"msgtype":"text","text":{"content":"` + lines + `"}}`},
		{FormFeishu, signature{}, `{"content":{"text":"` + lines + `"},"msg_type":"text"}`},
		{FormFeishu, sign, `{"content":{"text":"` + lines + `"},"msg_type":"text",` +
			`"sign":"c2lnbg==","timestamp":"1795592520"}`},
		{FormWeCom, sign, `{"markdown":{"content":"**Restarted: web_01 (i-bp1)**` +
			strings.NewReplacer("Restarted: web_01 (i-bp1)", "", "&", "＆").Replace(lines) +
			`"},"msgtype":"markdown"}`},
		{FormSlack, sign, `{"mrkdwn":false,"text":"` + strings.ReplaceAll(lines, "&", "&amp;") +
			`","unfurl_links":false,"unfurl_media":false}`},
		{FormJSON, sign,
			`{"results":[{"alarm":{"format":"","name":"","state":"","level":"","id":""},` +
				`"region":"","instanceId":"i-bp1","verdict":"restarted","reason":"","detail":"",` +
				`"incident":"","forced":false,"evidence":"","attempts":[],"findings":[]}]}`},
	} {
		got, err := services[row.form].encode(sample, row.sign)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != row.want {
			t.Errorf("%s:\n%s\nwant\n%s", row.form, got, row.want)
		}
	}
	counted := sample
	counted.More = 12
	got, _ := services[FormJSON].encode(counted, signature{})
	if !strings.HasSuffix(string(got), `],"more":12}`) {
		t.Errorf("the number of further refusals is not there: %s", got)
	}
}

// TestPages: where the page is, in each service.
func TestPages(t *testing.T) {
	for _, row := range []struct {
		form       Form
		page, want string
		why        string
	}{
		{FormWeCom, "https://x.example.com/a_b?c=d&e=f",
			"[https://x.example.com/a_b?c=d&e=f](https://x.example.com/a_b?c=d&e=f)",
			"WeCom wants markup"},
		{FormWeCom, "oss://b/p_q", "oss://b/p_q", "nothing opens that"},
		{FormSlack, "https://x.example.com/?a=b&c=d", "https://x.example.com/?a=b&amp;c=d",
			"escaped"},
		{FormDingTalk, "https://x.example.com/?a=b&c=d", "https://x.example.com/?a=b&c=d",
			"as it is"},
		{FormFeishu, "https://x.example.com/?a=b&c=d", "https://x.example.com/?a=b&c=d",
			"as it is"},
		{FormWeCom, "https://x.example.com/)[x](y", "https：//x․example․com/)［x］(y",
			"no place of ours"},
		{FormFeishu, "<at user_id=\"all\">", "＜at user_id=\"all\"＞", "no place of ours"},
	} {
		got := services[row.form].text(Message{Page: Fact{"Page", row.page}})
		if got != "Page: "+row.want {
			t.Errorf("%s, %s: %q, want %q", row.form, row.why, got, row.want)
		}
	}
}

// TestLimits: whatever a message holds, it is in the service's limit, and keeps its title and its
// page.
func TestLimits(t *testing.T) {
	for _, filler := range []string{"a", "重", "<", "&", "\"", "\\", "_", "\x01", "😀"} {
		long := strings.Repeat(filler, 50_000)
		m := Message{Title: "Title " + long, Text: long, Page: sample.Page}
		for range 100 {
			m.Facts = append(m.Facts, Fact{long, long})
		}
		for form, s := range services {
			text := s.text(m)
			if form == FormJSON {
				continue
			}
			if len(text) > s.limit {
				t.Errorf("%s: %d bytes of %q", form, len(text), filler)
			}
			if !strings.Contains(text, "Title") || !strings.HasSuffix(text, sample.Page.Value) {
				t.Errorf("%s: title or page is cut: %.100q", form, text)
			}
			body, err := s.encode(m, signature{"1795592520", "c2lnbg=="})
			if err != nil || !json.Valid(body) {
				t.Errorf("%s: no JSON: %v", form, err)
			}
			if form == FormFeishu && len(body) > 20_000 {
				t.Errorf("Feishu takes no body of %d bytes", len(body))
			}
		}
	}
}

// TestRefusals reads what services answer.
func TestRefusals(t *testing.T) {
	const ding, feishu, wecom, slack = FormDingTalk, FormFeishu, FormWeCom, FormSlack
	const other = "the answer is not one of such a robot"
	for _, row := range []struct {
		form         Form
		status       int
		answer, want string
		why          string
	}{
		{ding, 200, `{"errcode":0,"errmsg":"ok"}`, "", "taken"},
		{ding, 200, `{"errcode":310000,"errmsg":"sign not match, more at: http://x"}`,
			"errcode 310000, " + wrongSignature, "refused with status 200"},
		{ding, 200, `{"errcode":310000,"errmsg":"keywords not in content"}`,
			"errcode 310000, " + wrongKeyword, "the same number, another meaning"},
		{ding, 200, `{"errcode":310000,"errmsg":"?"}`,
			"errcode 310000, the robot's security settings do not allow it",
			"and one that is not known"},
		{ding, 200, `{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`,
			"errcode 130101, " + tooOften, "too fast"},
		{ding, 200, `{"errcode":-1}`, "errcode -1", "a number without a meaning"},
		{ding, 500, `{"errcode":0}`, "HTTP 500", "the status contradicts"},
		{ding, 200, ``, other, "nothing"},
		{ding, 200, `<html>`, other, "something in between, such as a log-in page"},
		{ding, 200, `{}`, other, "no code is no success"},
		{ding, 200, `{"errcode":null}`, other, "null is no code"},
		{ding, 200, `{"errcode":"0"}`, other, "text is no code"},
		{ding, 200, `[0]`, other, "a list"},
		{ding, 200, `{"code":0}`, other, "another service's answer"},
		{ding, 404, `not here`, "HTTP 404", "no JSON"},
		{feishu, 200, `{"code":0,"msg":"success","StatusCode":0}`, "", "taken"},
		{feishu, 200, `{"StatusCode":0,"StatusMessage":"success"}`, "", "taken, the older answer"},
		{feishu, 200, `{"code":19021,"msg":"sign match fail"}`, "code 19021, " + noSignature,
			"refused"},
		{feishu, 400, `{"code":9499,"msg":"Bad Request"}`, "code 9499, it cannot read the message",
			"with a status of its own"},
		{feishu, 200, `{"code":19024,"StatusCode":0}`, "code 19024, " + wrongKeyword,
			"code comes first"},
		{wecom, 200, `{"errcode":0}`, "", "taken"},
		{wecom, 200, `{"errcode":93000,"errmsg":"invalid webhook url"}`, "errcode 93000, " +
			noRobot,
			"refused"},
		{slack, 200, `ok`, "", "taken"},
		{slack, 404, "no_service\n", "HTTP 404, no_service: " + noRobot, "refused"},
		{slack, 403, `action_prohibited`,
			"HTTP 403, action_prohibited: an administrator does not allow it", "refused"},
		{slack, 429, `slow down`, "HTTP 429, " + tooOften, "too fast"},
		{slack, 400, `<script>`, "HTTP 400", "text that nobody knows is not repeated"},
		{FormJSON, 204, ``, "", "any 2xx"},
		{FormJSON, 200, `{"errcode":1}`, "", "and its body means nothing"},
		{FormJSON, 418, ``, "HTTP 418", "anything else"},
	} {
		if got := services[row.form].refusal(row.status, []byte(row.answer)); got != row.want {
			t.Errorf("%s, %s: %q, want %q", row.form, row.why, got, row.want)
		}
	}
}
