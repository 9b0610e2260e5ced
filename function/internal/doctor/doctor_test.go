package doctor

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/remedy"
)

// settings are those of an environment, in mode observe and with the ledger mem unless it says
// otherwise.
func settings(t *testing.T, environ ...string) config.Config {
	t.Helper()
	c, err := config.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// about are the findings of a check.
func about(r Report, check string) []Finding {
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f Finding) bool {
		return f.Check != check
	})
}

func TestEveryScene(t *testing.T) {
	for _, scene := range Scenes() {
		r := Examine(t.Context(), Options{Settings: settings(t), Scene: &scene, Version: "213c343"})
		if r.Simulated != scene.Name || r.Region != SceneRegion || r.Ledger != "simulated" {
			t.Errorf("%s: says that it is %q in %q, with the ledger %q", scene.Name, r.Simulated,
				r.Region, r.Ledger)
		}
		if total := r.Totals; total != nil {
			sum := total.Whole + total.Graceful + total.Nothing
			if sum != total.Instances || sum != len(r.Instances) {
				t.Errorf("%s: %+v for %d instances", scene.Name, *total, len(r.Instances))
			}
		} else if r.ToCure() == 0 {
			t.Errorf("%s: no instances are known, and nothing is to be cured", scene.Name)
		}
		result := ResultFinding
		for _, f := range r.Findings {
			if f.Result == ResultFinding && len(f.Cures) == 0 {
				t.Errorf("%s: no cure for %s: %s", scene.Name, f.Check, f.Saw)
			}
			if f.Result == ResultFinding && result == ResultWarning {
				t.Errorf("%s: %s is to be cured, and stands after a warning", scene.Name, f.Check)
			}
			result = f.Result
		}
		for _, x := range r.Instances {
			told := slices.ContainsFunc(r.Findings, func(f Finding) bool {
				return slices.ContainsFunc(f.Instances, func(c Case) bool {
					return c.InstanceID == x.InstanceID
				})
			})
			if (x.Result != ResultOK || x.Gets == "") && !told {
				t.Errorf("%s: no finding says why %s gets %q (%s)", scene.Name, x.InstanceID,
					x.Gets, x.Saw)
			}
		}
	}
}

// The same of several instances is one finding, in the order of their ids.
func TestTheSameIsOneFinding(t *testing.T) {
	scene := Scene{instances: some(patient("c", "yes", nil), stopped("d"), patient("a", "no", nil),
		patient("b", "true", nil))}
	r := Examine(t.Context(), Options{Settings: settings(t), Scene: &scene})
	want := []Finding{{Check: "opt-in", Result: ResultFinding,
		Saw: "its tag is neither true nor graceful, so it grants nothing",
		Cures: []string{"set the tag auto-restart to true or to graceful, and to false where " +
			"that is meant"},
		Instances: []Case{{"i-bp1a", `auto-restart="no"`},
			{"i-bp1c", `auto-restart="yes"`}}}}
	if diff := cmp.Diff(want, about(r, "opt-in")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := (Totals{Instances: 4, Whole: 1, Nothing: 3}); *r.Totals != want {
		t.Errorf("totals %+v, want %+v", *r.Totals, want)
	}
}

func TestSubscriptionEndsSoon(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		why        string
		chargeType string
		left       time.Duration
		want       []Result
	}{
		{"a minute over: it has ended", "PrePaid", -time.Minute, []Result{ResultFinding}},
		{"two minutes left", "PrePaid", 2 * time.Minute, []Result{ResultWarning}},
		{"14 days, in ECS's whole minutes", "PrePaid", 14 * day, []Result{ResultWarning}},
		{"longer than 14 days", "PrePaid", 14*day + 2*time.Minute, nil},
		{"a pay-as-you-go instance has no end, whatever its date", "PostPaid", day, nil},
	} {
		scene := Scene{instances: func(now time.Time) []ecssim.Instance {
			return []ecssim.Instance{patient("x", "true", func(i *ecssim.Instance) {
				i.ChargeType = row.chargeType
				i.ExpiredTime = now.UTC().Add(row.left).Format("2006-01-02T15:04Z")
			})}
		}}
		r := Examine(t.Context(), Options{Settings: settings(t), Scene: &scene})
		var got []Result
		for _, f := range about(r, "expiry") {
			got = append(got, f.Result)
		}
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

// Who waits for whose answer: only an event without a time waits for its owner.
func TestInquiries(t *testing.T) {
	for _, row := range []struct {
		why   string
		event ecssim.Event
		cures []string
	}{
		{"nobody has answered yet", ecssim.Event{ID: "e-bp1a", Status: "Inquiring"},
			[]string{"to accept: aliyun ecs AcceptInquiredSystemEvent --RegionId cn-hangzhou " +
				"--EventId e-bp1a", "to decline: Events in the ECS console"}},
		{"an id that is none is not put into a command", ecssim.Event{ID: "e-;reboot",
			Status: "Inquiring"},
			[]string{"to accept: aliyun ecs AcceptInquiredSystemEvent --RegionId cn-hangzhou " +
				"--EventId EVENT", "to decline: Events in the ECS console"}},
		{"it has a time, and waits for nobody", ecssim.Event{ID: "e-bp1a", Status: "Inquiring",
			NotBefore: time.Now().Add(72 * time.Hour)}, nil},
		{"it was answered", ecssim.Event{ID: "e-bp1a", Status: "Scheduled",
			NotBefore: time.Now().Add(72 * time.Hour)}, nil},
	} {
		row.event.Type = "SystemMaintenance.Redeploy"
		scene := Scene{instances: some(patient("x", "true", func(i *ecssim.Instance) {
			i.Events = []ecssim.Event{row.event}
		}))}
		r := Examine(t.Context(), Options{Settings: settings(t), Scene: &scene})
		var cures []string
		for _, f := range about(r, "platform-inquiry") {
			cures = append(cures, f.Cures...)
			if !strings.HasPrefix(f.Saw, "SystemMaintenance.Redeploy waits for the answer") {
				t.Errorf("%s: %s", row.why, f.Saw)
			}
		}
		if diff := cmp.Diff(row.cures, cures); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
		if r.Totals.Whole != 1 {
			t.Errorf("%s: it gets %q, and nothing of that stands in its way", row.why,
				r.Instances[0].Gets)
		}
	}
}

func TestHeartbeats(t *testing.T) {
	for _, row := range []struct {
		why, tag, check string
		want            Result
		weak            bool // the finding says what becomes of weak alarms
	}{
		{"it may be forced blindly", "true", "heartbeat", ResultFinding, true},
		{"it is never forced", "graceful", "heartbeat", ResultWarning, true},
		{"nobody asks for heartbeats, but force is force", "true", "none", ResultFinding, false},
		{"nobody asks for heartbeats", "graceful", "none", "", false},
		{"it gets nothing anyway", "false", "heartbeat", "", false},
	} {
		scene := Scene{instances: some(unheard(row.tag))}
		r := Examine(t.Context(), Options{Settings: settings(t, "REMEDY_SECOND_CHECK="+row.check),
			Scene: &scene})
		var got Result
		weak := false
		for _, f := range about(r, "heartbeat") {
			got = f.Result
			weak = strings.Contains(f.Saw, "unconfirmed-hang")
		}
		if got != row.want || weak != row.weak {
			t.Errorf("%s: %q, weak alarms %t, want %q and %t", row.why, got, weak, row.want,
				row.weak)
		}
	}
}

// Every reboot under way takes an instance of the function, of which a region has 100.
func TestFunctionInstances(t *testing.T) {
	for _, row := range []struct {
		concurrent int
		want       bool
	}{{3, false}, {90, false}, {91, true}, {300, true}} {
		scene := Scene{instances: well}
		r := Examine(t.Context(), Options{Scene: &scene,
			Settings: settings(t, fmt.Sprintf("REMEDY_FLEET_CONCURRENT=%d", row.concurrent))})
		got := slices.ContainsFunc(about(r, "configuration"), func(f Finding) bool {
			return strings.HasPrefix(f.Saw, "REMEDY_FLEET_CONCURRENT=") &&
				strings.HasPrefix(f.Cures[0], "REMEDY_FLEET_CONCURRENT=90 at most, or ") &&
				strings.Contains(f.Cures[0], fmt.Sprintf(" %d ", row.concurrent+10))
		})
		if got != row.want {
			t.Errorf("%d at once: told %t, want %t", row.concurrent, got, row.want)
		}
	}
}

// What a permission is and what credentials are is told by the code, whatever a note says.
func TestCodesDecide(t *testing.T) {
	for _, row := range []struct {
		why, code, note string
		failure         remedy.Failure
		check           string // of the finding; empty: none
	}{
		{"RAM refuses", "Forbidden.RAM", "", remedy.FailureForbidden, "DescribeInstances"},
		{"and another product's word for it", "NoPermission", "", remedy.FailureForbidden,
			"DescribeInstances"},
		{"a key that is none, though its note speaks of what is forbidden",
			"InvalidAccessKeyId.NotFound", "Forbidden: NoPermission", remedy.FailureForbidden,
			"credentials"},
		{"a permission, though its note speaks of a signature", "Forbidden",
			"SignatureDoesNotMatch", remedy.FailureForbidden, "DescribeInstances"},
		{"no answer, though its note speaks of what is forbidden", "", "Forbidden",
			remedy.FailureUnavailable, "DescribeInstances"},
		{"an answer", "", "", "", ""},
	} {
		e := examination{found: map[string]*Finding{}}
		ok := e.answered(row.failure, row.code, row.note)
		r := e.sorted()
		if ok != (row.check == "") || ok != (len(r.Findings) == 0) ||
			!ok && r.Findings[0].Check != row.check {
			t.Errorf("%s: %+v, want a finding about %q", row.why, r.Findings, row.check)
		}
	}
	for code, want := range map[string]bool{"Throttling": true, "Throttling.User": true, "": false,
		"ServiceUnavailable": false} {
		if isThrottling(code) != want {
			t.Errorf("%q is throttling: %t", code, !want)
		}
	}
}

func TestOutlets(t *testing.T) {
	const place = "dir:///var/evidence"
	hook := config.Address{Host: "hooks.example.com", URL: "https://hooks.example.com/open-sesame"}
	told := func(all ...Delivery) NotifyTest {
		return func(context.Context) []Delivery { return all }
	}
	kept := func(err error) EvidenceCheck { return func(context.Context) error { return err } }
	for _, row := range []struct {
		why      string
		evidence EvidenceCheck
		notify   []config.Address
		test     NotifyTest
		checks   []Check
		findings []string
	}{
		{"nothing is set up", nil, nil, nil,
			[]Check{{"evidence", "off"}, {"notifications", "none"}}, nil},
		{"evidence can be kept", kept(nil), nil, nil, []Check{
			{"evidence", place + ": an object was written and read; no screenshot " +
				"was tried, for ECS has no DryRun of one"},
			{"notifications", "none"}}, nil},
		{"it cannot", kept(errors.New("permission denied")), nil, nil,
			[]Check{{"notifications", "none"}},
			[]string{"evidence " + place + ": permission denied"}},
		{"a message is not sent unasked", nil, []config.Address{hook}, nil, []Check{
			{"evidence", "off"},
			{"notifications", "hooks.example.com; --notify-test sends a message to each"}}, nil},
		{"one arrives, one does not", nil, []config.Address{hook, hook},
			told(Delivery{Host: "hooks.example.com"}, Delivery{"hooks.example.com", "HTTP 404"}),
			[]Check{{"evidence", "off"},
				{"notifications", "hooks.example.com: it took the message"}},
			[]string{"notifications hooks.example.com: HTTP 404"}},
	} {
		e := examination{found: map[string]*Finding{}, Options: Options{Evidence: row.evidence,
			EvidencePlace: place, Notify: row.test, Settings: config.Config{Notify: row.notify}}}
		e.outlets(t.Context())
		r := e.sorted()
		var findings []string
		for _, f := range r.Findings {
			findings = append(findings, f.Check+" "+f.Saw)
			if f.Result != ResultFinding || len(f.Cures) == 0 {
				t.Errorf("%s: %+v", row.why, f)
			}
		}
		if diff := cmp.Diff(row.checks, r.Checks) + cmp.Diff(row.findings, findings); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

// Every text of a report can be anybody's, so Rewrite changes every one of them.
func TestRewriteReachesEverything(t *testing.T) {
	// What is chosen here, and not taken over from anywhere: results, names of rules, and a time in
	// words.
	ours := map[string]bool{"Result": true, "Rule": true, "Ago": true}
	const hostile = "\x1b[2J"
	within := map[reflect.Type]int{}
	var fill func(v reflect.Value)
	fill = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.String:
			v.SetString(hostile)
		case reflect.Pointer:
			if within[v.Type()] < 2 { // a function's sign may hold another's
				within[v.Type()]++
				v.Set(reflect.New(v.Type().Elem()))
				fill(v.Elem())
				within[v.Type()]--
			}
		case reflect.Slice:
			v.Set(reflect.MakeSlice(v.Type(), 2, 2))
			fill(v.Index(0))
			fill(v.Index(1))
		case reflect.Struct:
			if v.Type() == reflect.TypeFor[time.Time]() {
				return
			}
			for i := range v.NumField() {
				if !ours[v.Type().Field(i).Name] {
					fill(v.Field(i))
				}
			}
		}
	}
	var r Report
	fill(reflect.ValueOf(&r).Elem())
	r.Rewrite(func(text string) string { return strings.ReplaceAll(text, hostile, "") })
	text := fmt.Sprintf("%+v %+v %+v %+v", r, *r.Function, *r.Function.Also, *r.Totals)
	if strings.Contains(text, "\x1b") {
		t.Errorf("not all of it was rewritten: %q", text)
	}
}

func TestIsInstanceID(t *testing.T) {
	for id, want := range map[string]bool{
		"i-bp1a2b3c4d5e6f7g8h9j": true, "i-1": true, "i-" + strings.Repeat("a", 40): true,
		"i-" + strings.Repeat("a", 41): false, "i-": false, "": false, "bp1": false, "i-BP1": false,
		"i-a;reboot": false, "i-a\n": false, " i-a": false, "i-a/b": false, "*": false,
	} {
		if IsInstanceID(id) != want {
			t.Errorf("%q is an id: %t, want %t", id, !want, want)
		}
	}
}

// A variable's name is anybody's, and its value too.
func TestWrong(t *testing.T) {
	for _, row := range []struct {
		problem config.Problem
		want    string
	}{
		{config.Problem{Variable: "REMEDY_POLL", Value: "soon", Wrong: "not a duration"},
			`REMEDY_POLL="soon": not a duration`},
		{config.Problem{Variable: "REMEDY_LEDGER", Wrong: "no host"}, "REMEDY_LEDGER: no host"},
		{config.Problem{Variable: "REMEDY_\x1b[2J", Wrong: "no such variable"},
			`"REMEDY_\x1b[2J": no such variable`},
		{config.Problem{Wrong: "another error"}, "another error"},
	} {
		if got := wrong(row.problem); got != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
	long := wrong(config.Problem{Variable: "REMEDY_POLL", Value: strings.Repeat("9", 5000)})
	if len(long) > 200 {
		t.Errorf("a long value is shown in %d bytes", len(long))
	}
}

// Where calls are throttled, ECS counts anew in the next minute; anything else may be over in a
// second. Nothing is asked more than four times.
func TestPatiently(t *testing.T) {
	began := time.Date(2026, 11, 23, 8, 0, 20, 0, time.UTC)
	for _, row := range []struct {
		why       string
		failures  int
		throttled bool
		asked     int
		took      time.Duration
	}{
		{"an answer", 0, false, 1, 0},
		{"none at first", 1, false, 2, time.Second},
		{"throttled at first", 1, true, 2, 41 * time.Second},
		{"throttled twice", 2, true, 3, 101 * time.Second},
		{"never an answer", 9, false, 4, 3 * time.Second},
	} {
		clock := ecssim.NewVirtual(began)
		e := examination{seams: app.Seams{Clock: clock}}
		asked := 0
		e.patiently(t.Context(), func() bool {
			asked++
			return asked <= row.failures
		}, func() bool { return row.throttled })
		if took := clock.Now().Sub(began); asked != row.asked || took != row.took {
			t.Errorf("%s: asked %d times in %v, want %d in %v", row.why, asked, took, row.asked,
				row.took)
		}
	}
}

// A rule that refuses can mean several things, and only one of them is cured by what it says.
func TestWhatARefusalMeans(t *testing.T) {
	for _, row := range []struct {
		why    string
		change func(*ecssim.Instance)
		check  string
		says   string
	}{
		{"a lock", func(i *ecssim.Instance) { i.Locks = []string{"Security"} }, "security-lock",
			"locked for security reasons"},
		{"no list of locks", func(i *ecssim.Instance) { i.LocksMissing = true }, "security-lock",
			"its locks are not known, which counts as locked"},
		{"null for a list", func(i *ecssim.Instance) { i.LocksNull = true }, "security-lock",
			"its locks are not known, which counts as locked"},
		{"an end that is past", func(i *ecssim.Instance) {
			i.ChargeType, i.ExpiredTime = "PrePaid", "2020-01-01T16:00Z"
		}, "expiry", "its subscription has expired"},
		{"an end that nobody understands", func(i *ecssim.Instance) {
			i.ChargeType, i.ExpiredTime = "PrePaid", "soon"
		}, "expiry", "whether its subscription has expired is not known"},
		{"a charge type that nobody knows", func(i *ecssim.Instance) { i.ChargeType = "Barter" },
			"expiry", "whether its subscription has expired is not known"},
	} {
		scene := Scene{instances: some(patient("x", "true", row.change))}
		r := Examine(t.Context(), Options{Settings: settings(t), Scene: &scene})
		findings := about(r, row.check)
		if len(findings) != 1 || findings[0].Saw != row.says || r.Totals.Nothing != 1 {
			t.Errorf("%s: %+v, want that %s", row.why, findings, row.says)
		}
	}
}
