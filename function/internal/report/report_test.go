package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// reasons is the contract: which reasons each verdict can have.
var reasons = map[remedy.Verdict]string{
	remedy.VerdictRestarted: "recovered",
	remedy.VerdictObserved:  "would-restart",
	remedy.VerdictRefused: "paused rule-not-allowed stale-alarm wrong-account outside-window " +
		"wrong-region duplicate-alarm in-progress cooling-down incidents-spent fleet-concurrent " +
		"fleet-hourly not-found not-running security-locked locked expired not-opted-in " +
		"platform-acting guest-alive unconfirmed-hang unreadable forbidden disk-error rejected",
	remedy.VerdictWaiting: "fleet-concurrent",
	remedy.VerdictIgnored: "resolved not-ecs no-instance not-restartable placeholder not-an-alarm",
	remedy.VerdictFailed: "not-recovered stuck unconfirmed force-not-allowed not-running " +
		"resolved paused abandoned ledger-lost security-locked locked " +
		"expired not-opted-in platform-acting guest-alive unreadable forbidden not-found " +
		"disk-error rejected",
	remedy.VerdictPending:   "out-of-time lease-held dependency-unavailable",
	remedy.VerdictMalformed: "malformed",
}

// TestEveryReasonIsWorded: in no language does a verdict reach a human as half a sentence, no two
// reasons of a verdict read the same, and each says what to do.
func TestEveryReasonIsWorded(t *testing.T) {
	for _, lang := range []string{LangEnglish, LangChinese} {
		words := In(lang)
		for verdict, list := range reasons {
			said := map[string]string{}
			for reason := range strings.FieldsSeq(list) {
				result := &remedy.Result{InstanceID: "i-bp1", Verdict: verdict,
					Reason: remedy.Reason(reason)}
				meaning, todo := words.Reason(verdict, result.Reason)
				for _, text := range []string{words.Detail(result), meaning, todo} {
					if text == "" || strings.ContainsAny(text, "{}") ||
						strings.Contains(text, ": .") ||
						strings.Contains(text, "：。") ||
						!strings.HasSuffix(text, words.stop) {
						t.Errorf("%s: %s/%s reads %q", lang, verdict, reason, text)
					}
					if other := said[text]; other != "" && other != reason {
						t.Errorf("%s: %s and %s both read %q", lang, reason, other, text)
					}
					said[text] = reason
				}
			}
		}
	}
}

func TestDetail(t *testing.T) {
	attempt := func(force bool, outcome remedy.Outcome) remedy.AttemptView {
		return remedy.AttemptView{Force: force, Outcome: outcome}
	}
	for _, row := range []struct {
		result remedy.Result
		want   string
	}{
		{remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictRestarted,
			Reason: remedy.ReasonRecovered,
			Why: "it restarted, and its guest reported at " +
				"2026-11-23T02:00:00Z",
			Attempts: []remedy.AttemptView{attempt(false, remedy.OutcomeFailed),
				attempt(false, remedy.OutcomeNotExecuted),
				attempt(false, remedy.OutcomeFailed),
				attempt(true, remedy.OutcomeWorked)}},
			"i-bp1 was restarted and recovered after 2 graceful reboots and 1 forced reboot and " +
				"1 call that ECS did not execute (it restarted, and its guest reported at " +
				"2026-11-23T02:00:00Z)."},
		{remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictRefused,
			Reason: remedy.ReasonSecurityLocked, Why: "security"},
			"i-bp1 was not restarted: it is locked for security reasons (security)."},
		{remedy.Result{Verdict: remedy.VerdictIgnored, Reason: remedy.ReasonNotAnAlarm},
			"this event needs no restart: it is not an alarm of CloudMonitor."},
		{remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictFailed,
			Reason: remedy.ReasonForceNotAllowed,
			Attempts: []remedy.AttemptView{attempt(false, remedy.OutcomeFailed),
				attempt(false, remedy.OutcomeFailed)}},
			"i-bp1 needs a human after 2 graceful reboots: it ignores graceful reboots, and " +
				"forcing it is not allowed."},
		{remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictFailed,
			Reason: remedy.ReasonUnconfirmed, Attempts: []remedy.AttemptView{
				attempt(false, remedy.OutcomeUnconfirmed),
				attempt(false, remedy.OutcomeUnconfirmed),
				attempt(true, remedy.OutcomeUnconfirmed)}},
			"i-bp1 needs a human after 2 unconfirmed calls for a graceful reboot and 1 " +
				"unconfirmed call for a forced reboot: nobody knows whether a reboot took place."},
		{remedy.Result{InstanceID: "i-bp1", Verdict: VerdictOpen, Reason: ReasonOpen,
			Attempts: []remedy.AttemptView{attempt(false, remedy.OutcomeFailed),
				attempt(false, remedy.OutcomeUnknown), attempt(false, remedy.OutcomeClaimed)}},
			"i-bp1 is being handled after 1 graceful reboot and 2 unconfirmed calls for a " +
				"graceful reboot."},
		{remedy.Result{Verdict: remedy.VerdictRefused, Reason: remedy.ReasonUnreadable,
			Why: "two instances"},
			"nothing was restarted: something that decides cannot be read, and unreadable means " +
				"no (two instances)."},
		{remedy.Result{InstanceID: "i-bp1", Verdict: remedy.VerdictRefused,
			Reason: remedy.ReasonNotOptedIn, Why: "auto-restart=\"\xff\""},
			"i-bp1 was not restarted: its owner has not opted it in (auto-restart=\"\")."},
	} {
		if got := Detail(&row.result); got != row.want {
			t.Errorf("got  %s\nwant %s", got, row.want)
		}
	}
}

// TestAuditLine: the line is one line of JSON whatever the alarm says, and holds the result's own
// fields under their names.
func TestAuditLine(t *testing.T) {
	var out bytes.Buffer
	result := remedy.Result{
		InstanceID: "i-bp1",
		Region:     "cn-hangzhou",
		Verdict:    remedy.VerdictRefused,
		Reason:     remedy.ReasonExpired,
		Forced:     true,
		Alarm: remedy.AlarmView{
			Name:  "evil\n{\"msg\":\"verdict\"}",
			State: "firing",
			Time:  time.Unix(1700000000, 0).UTC(),
		},
		Attempts: []remedy.AttemptView{},
		Findings: []remedy.Finding{{Rule: "expiry", Saw: "since 2024"}},
	}
	In(LangEnglish).Reporter(&out, "1-request", "213c343").Report(&result)
	if strings.Count(out.String(), "\n") != 1 {
		t.Fatalf("%d lines: %s", strings.Count(out.String(), "\n"), out.String())
	}
	var line, own map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(result)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &own); err != nil {
		t.Fatal(err)
	}
	if line["msg"] != "verdict" || line["requestId"] != "1-request" ||
		line["version"] != "213c343" {
		t.Errorf(
			"msg %v, requestId %v, version %v",
			line["msg"],
			line["requestId"],
			line["version"],
		)
	}
	for name, value := range own {
		got, err := json.Marshal(line[name])
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is %s in the line and %s in the result", name, got, want)
		}
	}
}
