package doctor

import (
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

func TestLastSeen(t *testing.T) {
	now := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	type signs = []remedy.Reading[remedy.Sign]
	sign := func(mode remedy.Mode, age time.Duration) remedy.Reading[remedy.Sign] {
		return remedy.Reading[remedy.Sign]{At: now, Value: remedy.Sign{Mode: mode,
			Version: "213c343", At: now.Add(-age), Revision: 1}}
	}
	none := remedy.Reading[remedy.Sign]{At: now}
	broken := remedy.Reading[remedy.Sign]{At: now, Failure: remedy.FailureUnreadable,
		Note: "it is no JSON"}
	busy, one := sign(remedy.ModeEnforce, time.Second), sign(remedy.ModeEnforce, time.Second)
	busy.Value.Open, busy.Value.Waiting = 3, 2
	one.Value.Open, one.Value.Waiting = 1, 1
	waits := sign(remedy.ModeEnforce, time.Second)
	waits.Value.Waiting = 2
	for _, row := range []struct {
		why   string
		signs signs
		want  string
	}{
		{"nobody was asked", nil, "NO FUNCTION EVER WROTE TO THIS LEDGER"},
		{"neither mode ever wrote", signs{none, none}, "NO FUNCTION EVER WROTE TO THIS LEDGER"},
		{"one did", signs{none, sign(remedy.ModeObserve, 20*time.Second)},
			"function last seen 20 s ago: observe, version 213c343"},
		{"the newer one is the function's, whichever comes first", signs{
			sign(remedy.ModeEnforce, time.Minute), sign(remedy.ModeObserve, time.Hour)},
			"function last seen 60 s ago: enforce, version 213c343"},
		{"the same the other way round", signs{
			sign(remedy.ModeEnforce, time.Hour), sign(remedy.ModeObserve, time.Minute)},
			"function last seen 60 s ago: observe, version 213c343"},
		{"both live: two functions share the ledger", signs{
			sign(remedy.ModeEnforce, Silent), sign(remedy.ModeObserve, time.Second)},
			"function last seen 1 s ago: observe, version 213c343; and 3 min ago: enforce, " +
				"version 213c343"},
		{"the other one is silent", signs{
			sign(remedy.ModeEnforce, Silent+time.Second), sign(remedy.ModeObserve, time.Second)},
			"function last seen 1 s ago: observe, version 213c343"},
		{"the other one was there, and cannot be read", signs{broken,
			sign(remedy.ModeObserve, time.Second)},
			"function last seen 1 s ago: observe, version 213c343"},
		{"what cannot be read is all there is", signs{none, broken},
			"THE FUNCTION'S SIGN OF LIFE CANNOT BE READ: it is no JSON"},
		{"it is at work", signs{busy}, "function last seen 1 s ago: enforce, version 213c343; " +
			"its sweep began with 3 incidents open, 2 alarms waiting"},
		{"one of each", signs{one}, "function last seen 1 s ago: enforce, version 213c343; " +
			"its sweep began with 1 incident open, 1 alarm waiting"},
		{"one only waits", signs{waits}, "function last seen 1 s ago: enforce, version 213c343; " +
			"its sweep began with 2 alarms waiting"},
	} {
		f := LastSeen(now, row.signs...)
		if got := f.String(); got != row.want {
			t.Errorf("%s: %s, want %s", row.why, got, row.want)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-2*time.Minute - time.Second: "2 min from now", // no two clocks that agree say so
		-2 * time.Minute:             "0 s ago",
		0:                            "0 s ago",
		119 * time.Second:            "119 s ago",
		119_600 * time.Millisecond:   "2 min ago",
		2*time.Hour - time.Second:    "119 min ago",
		2 * time.Hour:                "2 h ago",
		48*time.Hour - time.Second:   "47 h ago",
		48 * time.Hour:               "2 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// Three minutes without a sweep mean that something is wrong with the function, its timer, its
// ledger or a clock.
func TestAlive(t *testing.T) {
	for _, row := range []struct {
		why     string
		mode    remedy.Mode
		version string
		age     time.Duration
		want    map[Result]int
	}{
		{"it was just there", remedy.ModeEnforce, "213c343", 20 * time.Second, nil},
		{"two sweeps were missed", remedy.ModeEnforce, "213c343", Silent, nil},
		{"more than that", remedy.ModeEnforce, "213c343", Silent + time.Second,
			map[Result]int{ResultFinding: 1}},
		{"its clock is a little ahead", remedy.ModeEnforce, "213c343", -remedy.MaxSkew, nil},
		{"more than two clocks may be apart", remedy.ModeEnforce, "213c343",
			-remedy.MaxSkew - time.Second, map[Result]int{ResultFinding: 1}},
		{"another mode than this environment's", remedy.ModeObserve, "213c343", 0,
			map[Result]int{ResultWarning: 1}},
		{"another version than this program's", remedy.ModeEnforce, "213c343+", 0,
			map[Result]int{ResultWarning: 1}},
		{"built where no version is known", remedy.ModeEnforce, "unknown", 0, nil},
		{"both, and long ago", remedy.ModeObserve, "0000000", time.Hour,
			map[Result]int{ResultFinding: 1, ResultWarning: 2}},
	} {
		scene := Scene{instances: well, life: func(s *remedy.Sign, now time.Time) {
			s.Mode, s.Version, s.At = row.mode, row.version, now.Add(-row.age)
		}}
		r := Examine(t.Context(), Options{Scene: &scene, Version: "213c343",
			Settings: settings(t, "REMEDY_MODE=enforce", "REMEDY_LEDGER=redis://127.0.0.1:1")})
		got := map[Result]int{}
		for _, f := range about(r, "function") {
			got[f.Result]++
		}
		if got[ResultFinding] != row.want[ResultFinding] ||
			got[ResultWarning] != row.want[ResultWarning] {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
		if !r.Function.Seen || r.Function.Version != row.version {
			t.Errorf("%s: %+v", row.why, r.Function)
		}
	}
}

// A pause is said, and so is the loss of the record in which one would stand.
func TestLedgerOfAll(t *testing.T) {
	for _, row := range []struct {
		why   string
		fleet *remedy.Fleet // nil: there is none beside the sign of life
		want  Result
		says  string
	}{
		{"there is one, and no pause", &remedy.Fleet{}, "", ""},
		{"it is missing", nil, ResultFinding, "the fleet's record was lost"},
		{"it was made anew since", &remedy.Fleet{Lost: time.Now()}, ResultFinding,
			"the fleet's record was lost"},
		{"a pause until somebody ends it", &remedy.Fleet{Paused: remedy.Pause{
			Since: time.Now().Add(-time.Hour), Reason: "storage"}}, ResultWarning,
			"paused since "},
		{"a pause that is over", &remedy.Fleet{Paused: remedy.Pause{Reason: "storage",
			Since: time.Now().Add(-time.Hour), Until: time.Now().Add(-time.Minute)}}, "", ""},
	} {
		policy := settings(t).Policy
		e := examination{found: map[string]*Finding{}, Options: Options{Settings: settings(t)}}
		e.seams.Clock = app.RealClock{}
		book := ledger.New(ledger.NewMem(), policy, time.Now)
		sign := remedy.Sign{Mode: policy.Mode, At: time.Now()}
		writes := []remedy.Write{{Sign: &sign}}
		if row.fleet != nil {
			writes = append(writes, remedy.Write{Fleet: row.fleet})
		}
		for _, write := range writes {
			if w := book.Write(t.Context(), policy.Book(), "", write); w.Wrote != remedy.WroteDone {
				t.Fatal(w.Note)
			}
		}
		e.read(t.Context(), book)
		findings := about(e.sorted(), "ledger")
		switch {
		case row.want == "" && len(findings) > 0:
			t.Errorf("%s: %+v, want nothing", row.why, findings)
		case row.want != "" && (len(findings) != 1 || findings[0].Result != row.want ||
			!strings.HasPrefix(findings[0].Saw, row.says)):
			t.Errorf("%s: %+v, want %s: %s", row.why, findings, row.want, row.says)
		}
	}
}
