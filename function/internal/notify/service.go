package notify

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Form is what a message is sent as.
type Form string

// The forms.
const (
	FormDingTalk Form = "dingtalk"
	FormFeishu   Form = "feishu" // Lark is the same abroad
	FormWeCom    Form = "wecom"
	FormSlack    Form = "slack"
	FormJSON     Form = "json" // {"results": […]}
)

// service is what sending to a service takes. Sources: DingTalk "Custom robot access", Feishu
// "Custom bot usage guide", WeCom "Group robot configuration" (91770), Slack "Sending messages
// using incoming webhooks" and "Formatting text for app surfaces".
type service struct {
	limit   int // bytes of text; chosen well below where the service's own limit is not of text
	plain   plain
	strong  string // stands on both sides of a title; empty: no markup for it
	link    string // how a web address is shown, which is %[1]s; empty: as it is
	sign    func(secret string, at time.Time) signature
	inQuery bool // the signature belongs into the address, not into the body
	body    func(text string, m Message, s signature) any

	// refusal says in our words why a message was not taken; empty: it was.
	refusal func(status int, answer []byte) string
}

// signature is what proves that a message is from somebody with the robot's secret. The zero
// signature is none.
type signature struct{ timestamp, sign string }

var services = map[Form]service{
	FormDingTalk: {limit: 4000, sign: signDingTalk, inQuery: true,
		body: func(text string, _ Message, _ signature) any {
			return map[string]any{"msgtype": "text", "text": map[string]any{"content": text}}
		},
		refusal: refusedWith(dingTalkCodes, "errcode")},

	// Feishu takes 20 KB of body, and JSON's escapes can double a text.
	FormFeishu: {limit: 8000, plain: feishuText, sign: signFeishu,
		body: func(text string, _ Message, s signature) any {
			body := map[string]any{"msg_type": "text", "content": map[string]any{"text": text}}
			if s.sign != "" {
				body["timestamp"], body["sign"] = s.timestamp, s.sign
			}
			return body
		},
		refusal: refusedWith(feishuCodes, "code", "StatusCode")},

	FormWeCom: {limit: 4096, plain: wecomMarkdown, strong: "**", link: "[%[1]s](%[1]s)",
		body: func(text string, _ Message, _ signature) any {
			content := map[string]any{"content": text}
			return map[string]any{"msgtype": "markdown", "markdown": content}
		},
		refusal: refusedWith(weComCodes, "errcode")},

	FormSlack: {limit: 4000, plain: slackText, // longer texts are cut or split
		body: func(text string, _ Message, _ signature) any {
			return map[string]any{"text": text, "mrkdwn": false, "unfurl_links": false,
				"unfurl_media": false} // no preview: it would fetch what a name points to
		},
		refusal: refusedBySlack},

	FormJSON: {
		body: func(_ string, m Message, _ signature) any { return jsonBody(m) },
		refusal: func(status int, _ []byte) string {
			if status/100 != 2 {
				return httpStatus(status)
			}
			return ""
		}},
}

// text renders a message for a service, in its limit. What does not fit is cut, but never the page.
func (s service) text(m Message) string {
	const title, sentence, label, value = 200, 1000, 100, 600 // bytes
	var lines []string
	add := func(before, text string, most int, after string) {
		if text = s.plain.cut(text, most); text != "" {
			lines = append(lines, before+text+after)
		}
	}
	add(s.strong, m.Title, title, s.strong)
	add("", m.Text, sentence, "")
	for _, f := range m.Facts[:min(len(m.Facts), 20)] {
		if shown := s.plain.cut(f.Value, value); shown != "" {
			add("", f.Label, label, ": "+shown)
		}
	}
	last := ""
	if m.Page.Value != "" {
		last = s.plain.cut(m.Page.Label, label) + ": " + s.place(m.Page.Value)
	}
	room := s.limit - len(last)
	var b strings.Builder
	for _, line := range lines {
		if b.Len()+len(line)+1 > room {
			break
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	b.WriteString(last)
	return strings.TrimSuffix(b.String(), "\n")
}

// place renders a page's place.
func (s service) place(at string) string {
	if !isPlace(at) {
		return s.plain.cut(at, 600)
	}
	if s.link != "" && strings.HasPrefix(at, "https:") {
		return fmt.Sprintf(s.link, at)
	}
	return strings.ReplaceAll(at, "&", s.amp())
}

// amp is what stands for an & in an address that is shown as it is.
func (s service) amp() string {
	if s.plain.swap == nil {
		return "&"
	}
	if shown := s.plain.swap(0, '&', 0); strings.HasPrefix(shown, "&") {
		return shown
	}
	return "&"
}

// encode makes a body of a message. Signs of HTML stay as they are: it is JSON, and limits count
// bytes.
func (s service) encode(m Message, sign signature) ([]byte, error) {
	var text string
	if s.limit > 0 {
		text = s.text(m)
	}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(s.body(text, m, sign))
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// jsonBody is what takes JSON gets: the results as the handler answers them, and how many more
// refusals there were, where there were any. Lists are never null.
func jsonBody(m Message) any {
	results := make([]remedy.Result, 0, len(m.Results))
	for _, r := range m.Results {
		if r.Attempts == nil {
			r.Attempts = []remedy.AttemptView{}
		}
		if r.Findings == nil {
			r.Findings = []remedy.Finding{}
		}
		results = append(results, r)
	}
	return struct {
		Results []remedy.Result `json:"results"`
		More    int             `json:"more,omitempty"`
	}{results, m.More}
}

// signDingTalk signs the time in milliseconds and the secret with the secret.
func signDingTalk(secret string, at time.Time) signature {
	stamp := strconv.FormatInt(at.UnixMilli(), 10)
	return signature{stamp, mac(secret, stamp+"\n"+secret)}
}

// signFeishu signs nothing with the time in seconds and the secret.
func signFeishu(secret string, at time.Time) signature {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return signature{stamp, mac(stamp+"\n"+secret, "")}
}

// mac is the base64 of the HMAC-SHA256.
func mac(key, message string) string {
	h := hmac.New(sha256.New, []byte(key))
	h.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// signed returns a signature for now, and the address with it where it belongs there.
func (s service) signed(secret string, at url.URL, now time.Time) (url.URL, signature) {
	if s.sign == nil || secret == "" {
		return at, signature{}
	}
	sign := s.sign(secret, now)
	if s.inQuery {
		query := at.Query()
		query.Set("timestamp", sign.timestamp)
		query.Set("sign", sign.sign)
		at.RawQuery = query.Encode()
	}
	return at, sign
}

// code is what one of a service's own error codes means. Several can share a number; then says,
// which is part of the service's text, tells them apart, the one without it last.
type code struct {
	number int64
	says   string
	means  string
}

const (
	wrongSignature = "the signature does not match: is #secret= the robot's own?"
	noSignature    = "it wants a signature of this hour: is #secret= set, and the clock right?"
	wrongKeyword   = "the robot takes only messages with its keyword: let it check signatures"
	wrongSource    = "the robot does not take messages from this network address"
	tooOften       = "too many messages in too short a time"
	noRobot        = "there is no such robot: was it removed, or the address cut?"
	tooLong        = "the message is too long"
)

var dingTalkCodes = []code{
	{310000, "keywords not in content", wrongKeyword}, {310000, "sign not match", wrongSignature},
	{310000, "invalid timestamp", noSignature}, {310000, "not in whitelist", wrongSource},
	{310000, "", "the robot's security settings do not allow it"},
	{300001, "", noRobot}, {400101, "", noRobot}, {400106, "", noRobot},
	{400102, "", "the robot is switched off"}, {400013, "", "the group was dissolved"},
	{130101, "", tooOften}, {410100, "", tooOften}, {430104, "", tooOften},
}

var feishuCodes = []code{
	{19021, "", noSignature}, {19022, "", wrongSource}, {19024, "", wrongKeyword},
	{19001, "", noRobot}, {11232, "", tooOften}, {99991400, "", tooOften},
	{9499, "", "it cannot read the message"},
}

var weComCodes = []code{
	{93000, "", noRobot}, {45009, "", tooOften}, {40058, "", tooLong}, {45002, "", tooLong},
	{93008, "", "the robot is not in the group"},
}

// refusedWith reads answers of robots: JSON with a code under the first of the names that is there,
// which is 0 where the message was taken. The rest of the answer is not repeated: it is anybody's
// text, and can quote the address.
func refusedWith(codes []code, names ...string) func(int, []byte) string {
	return func(status int, answer []byte) string {
		var said map[string]json.RawMessage
		json.Unmarshal(answer, &said) // anything else says nothing
		name := names[0]
		for _, other := range names {
			if said[name] == nil {
				name = other
			}
		}
		number, err := strconv.ParseInt(string(said[name]), 10, 64)
		switch {
		case err == nil && number != 0:
		case status/100 != 2:
			return httpStatus(status)
		case err != nil:
			return "the answer is not one of such a robot"
		default:
			return ""
		}
		refused := name + " " + strconv.FormatInt(number, 10)
		for _, c := range codes {
			if c.number == number && bytes.Contains(answer, []byte(c.says)) {
				return refused + ", " + c.means
			}
		}
		return refused
	}
}

// slackCodes are what Slack answers as text beside a status of 4xx.
var slackCodes = map[string]string{
	"no_service": noRobot, "no_team": noRobot, "invalid_token": noRobot, "no_active_hooks": noRobot,
	"channel_not_found":   "the channel is not there any more",
	"channel_is_archived": "the channel is archived",
	"action_prohibited":   "an administrator does not allow it",
	"invalid_payload":     "it cannot read the message",
	"rate_limited":        tooOften,
}

func refusedBySlack(status int, answer []byte) string {
	if status/100 == 2 {
		return ""
	}
	said := strings.TrimSpace(string(answer))
	if means, known := slackCodes[said]; known {
		return httpStatus(status) + ", " + said + ": " + means
	}
	if status == 429 {
		return httpStatus(status) + ", " + tooOften
	}
	return httpStatus(status)
}

func httpStatus(status int) string { return "HTTP " + strconv.Itoa(status) }
