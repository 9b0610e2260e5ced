package report

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/timeline"
)

// flat lists every text of a value under its place, so that two languages can be compared.
func flat(v reflect.Value, place string, into map[string]string) {
	switch v.Kind() {
	case reflect.String:
		into[place] = v.String()
	case reflect.Map:
		for _, key := range v.MapKeys() {
			flat(v.MapIndex(key), place+"["+key.String()+"]", into)
		}
	case reflect.Array:
		for i := range v.Len() {
			flat(v.Index(i), place+"["+strconv.Itoa(i)+"]", into)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			flat(v.Field(i), place+"."+v.Type().Field(i).Name, into)
		}
	}
}

func texts(w *Words) map[string]string {
	all := map[string]string{}
	flat(reflect.ValueOf(*w), "", all)
	return all
}

var placeholder = regexp.MustCompile(`\{[a-z]*\}`)

// TestNoLanguageLacksAKey: both have every text, none is empty, and each puts in the same values.
func TestNoLanguageLacksAKey(t *testing.T) {
	en, zh := texts(english()), texts(chinese())
	if len(en) < 300 {
		t.Fatalf("only %d texts", len(en))
	}
	for place, text := range en {
		other, has := zh[place]
		if !has {
			t.Errorf("Chinese lacks %s (%q)", place, text)
			continue
		}
		if (text == "" || other == "") && place != ".labels.Stages[0]" { // evidence counts from 1
			t.Errorf("%s is empty: %q and %q", place, text, other)
		}
		values := func(s string) []string {
			found := placeholder.FindAllString(s, -1)
			slices.Sort(found)
			return found
		}
		if diff := cmp.Diff(values(text), values(other)); diff != "" {
			t.Errorf("%s puts in other values (-en +zh):\n%s", place, diff)
		}
	}
	for place, text := range zh {
		if _, has := en[place]; !has {
			t.Errorf("English lacks %s (%q)", place, text)
		}
	}
}

// TestChineseIsChinese: every text of a sentence is written in Han letters, with full-width marks
// between them; and none is left in English.
func TestChineseIsChinese(t *testing.T) {
	mark := regexp.MustCompile(`\p{Han}[,;:?!()]|[,;?!]\p{Han}`)
	for place, text := range texts(chinese()) {
		if place == ".Lang" || strings.HasPrefix(place, ".zone") || len([]rune(text)) < 2 {
			continue
		}
		plain := placeholder.ReplaceAllString(text, "")
		letters := strings.IndexFunc(plain, unicode.IsLetter) >= 0
		han := func(r rune) bool { return unicode.Is(unicode.Han, r) }
		if letters && !strings.ContainsFunc(plain, han) {
			t.Errorf("%s is not Chinese: %q", place, text)
		}
		if found := mark.FindString(text); found != "" {
			t.Errorf("%s has a half-width mark at %q: %q", place, found, text)
		}
	}
}

// declared lists the constants of a string type of package remedy as its source has them.
func declared(t *testing.T, name string) []string {
	t.Helper()
	files := token.NewFileSet()
	names, err := filepath.Glob("../remedy/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, path := range names {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(node ast.Node) bool {
			spec, is := node.(*ast.ValueSpec)
			if !is || len(spec.Values) != 1 || fmt.Sprint(spec.Type) != name {
				return true
			}
			if literal, is := spec.Values[0].(*ast.BasicLit); is && literal.Kind == token.STRING {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, value)
			}
			return true
		})
	}
	if len(values) < 3 {
		t.Fatalf("only %d constants of type %s", len(values), name)
	}
	return values
}

// TestEveryConstantIsWorded: whatever the code can say, both languages have words for.
func TestEveryConstantIsWorded(t *testing.T) {
	for _, w := range []*Words{english(), chinese()} {
		for _, value := range declared(t, "Verdict") {
			v := remedy.Verdict(value)
			if w.details[v] == "" || w.headlines[v] == "" || w.verdicts[v] == "" {
				t.Errorf("%s: nothing for verdict %q", w.Lang, value)
			}
		}
		for _, value := range declared(t, "Rule") {
			if w.rules[remedy.Rule(value)] == "" {
				t.Errorf("%s: nothing for rule %q", w.Lang, value)
			}
		}
		for _, value := range declared(t, "Outcome") {
			if w.outcomes[remedy.Outcome(value)] == "" {
				t.Errorf("%s: nothing for outcome %q", w.Lang, value)
			}
		}
		for _, value := range declared(t, "Failure") {
			if w.failures[remedy.Failure(value)] == "" {
				t.Errorf("%s: nothing for failure %q", w.Lang, value)
			}
		}
		for _, value := range declared(t, "Reason") {
			worded := false
			for verdict, list := range reasons {
				if slices.Contains(strings.Fields(list), value) {
					meaning, todo := w.Reason(verdict, remedy.Reason(value))
					worded = meaning != "" && todo != ""
				}
			}
			if !worded {
				t.Errorf("%s: nothing for reason %q, or the contract does not have it", w.Lang,
					value)
			}
		}
	}
}

// TestChineseDetail reads the sentences as a whole.
func TestChineseDetail(t *testing.T) {
	attempts := []remedy.AttemptView{{Outcome: remedy.OutcomeFailed},
		{Outcome: remedy.OutcomeFailed},
		{Force: true, Outcome: remedy.OutcomeWorked}}
	for _, row := range []struct {
		result remedy.Result
		want   string
	}{
		{remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictRestarted,
			Reason: remedy.ReasonRecovered, Why: "it restarted", Attempts: attempts},
			"i-bp1 经 2 次正常重启、1 次强制重启后已重启并恢复正常（it restarted）。"},
		{remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictFailed,
			Reason: remedy.ReasonSecurityLocked, Attempts: attempts[:1]},
			"i-bp1 经 1 次正常重启后仍需人工处理：该实例已被安全锁定。"},
		{remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictFailed,
			Reason: remedy.ReasonLedgerLost}, "i-bp1 " +
			"仍需人工处理：台账丢失，无法得知已为它发送过什么，因此不再发送请求。"},
		{remedy.Result{Verdict: remedy.VerdictRefused, Reason: remedy.ReasonUnreadable,
			Why: `name says "Stopped", but status says "running"`},
			"没有重启任何实例：某项判断依据无法读取，无法读取即不重启" +
				`（name 为 "Stopped"，但 status 为 "running"）。`},
		{remedy.Result{Verdict: remedy.VerdictIgnored, Reason: remedy.ReasonNotAnAlarm},
			"本次事件无需重启：该事件不是云监控的告警。"},
	} {
		if got := In(LangChinese).Detail(&row.result); got != row.want {
			t.Errorf("got  %s\nwant %s", got, row.want)
		}
	}
}

// TestValuesAreNotTemplates: what comes from outside is put in once, whatever it looks like.
func TestValuesAreNotTemplates(t *testing.T) {
	got := Detail(&remedy.Result{InstanceID: "{because}", Verdict: remedy.VerdictRefused,
		Reason: remedy.ReasonLocked, Why: "{subject}{text}"})
	if want := "{because} was not restarted: it is locked ({subject}{text})."; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration][2]string{
		0:                                       {"0 s", "0 秒"},
		499 * time.Millisecond:                  {"0 s", "0 秒"},
		500 * time.Millisecond:                  {"1 s", "1 秒"},
		59 * time.Second:                        {"59 s", "59 秒"},
		time.Minute:                             {"1 min", "1 分"},
		70 * time.Second:                        {"1 min 10 s", "1 分 10 秒"},
		time.Hour - time.Second:                 {"59 min 59 s", "59 分 59 秒"},
		time.Hour + time.Second:                 {"1 h", "1 小时"}, // a second more says nothing
		time.Hour + 5*time.Minute + time.Second: {"1 h 5 min", "1 小时 5 分"},
		26 * time.Hour:                          {"1 d 2 h", "1 天 2 小时"},
		-70 * time.Second:                       {"−1 min 10 s", "−1 分 10 秒"},
	} {
		for i, w := range []*Words{english(), chinese()} {
			if got := w.Duration(d); got != want[i] {
				t.Errorf("%s: %v is %q, want %q", w.Lang, d, got, want[i])
			}
		}
	}
}

// TestNotice: what a chat shows of each kind of news, in both languages.
func TestNotice(t *testing.T) {
	at := time.Date(2026, 11, 23, 7, 42, 0, 0, time.UTC)
	restarted := &remedy.Result{InstanceID: "i-bp1", Region: "cn-hangzhou",
		Verdict: remedy.VerdictRestarted, Reason: remedy.ReasonRecovered, Forced: true,
		Incident: "i-bp1/20261123T074201Z",
		Attempts: []remedy.AttemptView{{Force: true, Outcome: remedy.OutcomeWorked}}}
	locked := &remedy.Result{InstanceID: "i-bp1", Region: "cn-hangzhou",
		Verdict: remedy.VerdictRefused, Reason: remedy.ReasonSecurityLocked, Why: "security"}
	for _, row := range []struct {
		why  string
		lang string
		news News
		want Notice
	}{
		{"a restart says how long it took, whether it was forced, and where the page is",
			LangEnglish,
			News{Result: restarted, Kind: "restarted", Name: "web-01", Took: 11 * time.Minute,
				Page: "oss://bucket/page.html"},
			Notice{"Restarted: web-01", "i-bp1 was restarted and recovered after 1 forced reboot.",
				[]Line{{"What to do", "Check its services, and find out why it hung before it " +
					"hangs again: the console log from before the reboot is the first place to " +
					"look."},
					{"Instance", "web-01 (i-bp1)"}, {"Region", "cn-hangzhou"},
					{"Reason", "recovered: It restarted, and it is back."}, {"Took", "11 min"},
					{"Forced", "yes"}, {"Incident", "i-bp1/20261123T074201Z"}},
				Line{"Page", "oss://bucket/page.html"}}},
		{"a refusal says how many more there were", LangChinese,
			News{Result: locked, Kind: "refused", More: 7, Since: at},
			Notice{"未重启：i-bp1", "i-bp1 未被重启：该实例已被安全锁定（security）。",
				[]Line{{"处理建议", "请在云安全中心和 ECS " +
					"控制台处理其中的告警，并申请解除锁定。解除之前请勿重启。"},
					{"实例", "i-bp1"}, {"地域", "cn-hangzhou"},
					{"原因", "security-locked：该实例已被安全锁定。"},
					{"更多", "自 2026-11-23 15:42:00 UTC+8 以来，因同样原因未重启的告警还有 7 条"}},
				Line{}}},
		{"an overdue count is the message itself", LangEnglish,
			News{Result: &remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictRefused,
				Reason: remedy.ReasonLocked}, Kind: "refused", More: 3, Since: at, Overdue: true},
			Notice{"Not restarted: i-bp1", "There were 3 further refusals since the last " +
				"message, of which i-bp1 was the last: It is locked.",
				[]Line{{"What to do", "See in the ECS console why it is locked, and clear that. " +
					"For arrears, settle the bill."}, {"Instance", "i-bp1"},
					{"Reason", "locked: It is locked."}}, Line{}}},
		{"a refusal that is about no instance", LangEnglish,
			News{Result: &remedy.Result{Verdict: remedy.VerdictRefused,
				Reason: remedy.ReasonUnreadable}, Kind: "refused"},
			Notice{"Nothing was restarted", "nothing was restarted: something that decides " +
				"cannot be read, and unreadable means no.",
				[]Line{{"What to do", "See in the findings what could not be read. remedy doctor " +
					"checks permissions, ledger and configuration."},
					{"Reason", "unreadable: Something that decides cannot be read, and " +
						"unreadable means no."}}, Line{}}},
		{"one that waits speaks for the others", LangEnglish,
			News{Result: &remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictWaiting,
				Reason: remedy.ReasonFleetConcurrent}, Kind: "waiting", More: 4},
			Notice{"Waiting for its turn: i-bp1", "i-bp1 waits for its turn, and gets a second " +
				"result then: the limit of instances restarted at once leaves it no slot yet.",
				[]Line{{"What to do", "Nothing yet: its turn comes when another incident ends. " +
					"If many instances hang at once, look for a common cause before you raise " +
					"REMEDY_FLEET_CONCURRENT."}, {"Instance", "i-bp1"},
					{"Reason", "fleet-concurrent: The limit of instances restarted at once " +
						"leaves it no slot yet."}, {"More", "4 further alarms began to wait"}},
				Line{}}},
	} {
		if diff := cmp.Diff(row.want, In(row.lang).Notice(row.news)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

// TestEveryEntryIsWorded: no kind of entry is told without words, in either language.
func TestEveryEntryIsWorded(t *testing.T) {
	at := time.Date(2026, 11, 23, 7, 42, 0, 0, time.UTC)
	attempt := &remedy.Attempt{N: 2, Code: "Throttling", RequestID: "EC5", LeftRunningAt: at,
		BackAt: at}
	var all []timeline.Entry
	for _, kind := range []timeline.Kind{timeline.KindRehearsal, timeline.KindWait,
		timeline.KindSweep, timeline.KindTakeover, timeline.KindResolved, timeline.KindIdle} {
		all = append(all, timeline.Entry{Kind: kind, At: at, Until: at})
	}
	for _, answer := range []remedy.Answer{remedy.AnswerAccepted, remedy.AnswerUnknown,
		remedy.AnswerRejected, remedy.AnswerNotExecuted} {
		for _, fate := range []remedy.Fate{remedy.FateOpen, remedy.FateWorked, remedy.FateFailed,
			remedy.FateUnconfirmed} {
			for _, kind := range []timeline.Kind{timeline.KindClaim, timeline.KindAnswer,
				timeline.KindFate} {
				a := *attempt
				a.Answer, a.Fate, a.Force = answer, fate, fate == remedy.FateFailed
				all = append(all, timeline.Entry{Kind: kind, At: at, Attempt: &a})
			}
		}
	}
	for _, heart := range []timeline.Heart{timeline.HeartUnread, timeline.HeartFailed,
		timeline.HeartNever, timeline.HeartSilent, timeline.HeartBeating} {
		failed := &timeline.Failed{Failure: remedy.FailureForbidden, Code: "Forbidden.RAM"}
		all = append(all,
			timeline.Entry{Kind: timeline.KindLook, At: at, Look: &timeline.Look{Status: "Running",
				Until: at, Looks: 2, Heart: heart, HeartFailed: failed}},
			timeline.Entry{Kind: timeline.KindLook, At: at, Look: &timeline.Look{Failed: failed,
				Until: at, Looks: 1, Heart: heart, HeartFailed: failed}})
	}
	for _, w := range []*Words{english(), chinese()} {
		for _, e := range all {
			said := w.Entry(&e, w.Clock)
			if said.Label == "" || len(said.Lines) != 1 || said.Lines[0] == "" ||
				strings.ContainsAny(said.Lines[0], "{}") {
				t.Errorf("%s: %+v reads %+v", w.Lang, e, said)
			}
		}
	}
}

// TestWordsOfOthersInATimeline: what other packages say is in the reader's words there, too.
func TestWordsOfOthersInATimeline(t *testing.T) {
	failed := &timeline.Failed{Failure: remedy.FailureUnavailable,
		Note: "DescribeInstances: no answer in time"}
	for _, row := range []struct {
		why  string
		e    timeline.Entry
		want string
	}{
		{"where an alarm stands in the queue", timeline.Entry{Kind: timeline.KindQueue,
			Why: "number 1; 3 of 3 under way, 4 of 20 within the hour, 1 of 50 waiting"},
			"排在第 1 位；正在处理 3/3 个，一小时内 4/20 个，排队 1/50 个"},
		{"what is wrong with an alarm", timeline.Entry{Kind: timeline.KindAlarm,
			Event: &events.Alarm{Name: "a", Note: "no field names an instance"}}, "没有字段指明实例"},
		{"why a reading failed", timeline.Entry{Kind: timeline.KindLook,
			Look: &timeline.Look{Failed: failed}}, "无法访问：DescribeInstances：没有及时应答"},
	} {
		lines := chinese().Entry(&row.e, chinese().Clock).Lines
		if got := lines[len(lines)-1]; got != row.want {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
		}
	}
}

func TestFill(t *testing.T) {
	for _, row := range []struct {
		template, want string
		why            string
	}{
		{"", "", "nothing"},
		{"it is back", "it is back", "no place for a value"},
		{"{a}{b}", "{b}{a}", "what stands in a value is left as it is"},
		{"{a}, {a} and {b}.", "{b}, {b} and {a}.", "one value twice"},
		{"{c} {} {a", "{c} {} {a", "no name of a value, and no end"},
		{"{{a}}", "{{b}}", "a brace before the place"},
	} {
		if got := fill(row.template, "a", "{b}", "b", "{a}"); got != row.want {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
		}
	}
}
