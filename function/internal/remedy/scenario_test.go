package remedy_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	. "ecs-remedy/function/internal/remedy"
)

var update = flag.Bool(
	"update",
	false,
	"rewrite the golden output in testdata: only if you can explain every difference",
)

// TestScenarios runs the files of testdata: blocks of commands, one a line, then a line of dashes,
// then what happened. Times in the output are counted from the alarm. The commands:
//
//	policy force=never limit=10m   changes the policy; others of its names are max-attempts=3,
//	                               poll=20s, second-check=none and mode=off
//	guest ignores=2 delay=6m       how it takes a reboot; others are ignores-force=1,
//	                               sticks=Stopping, sticks-forced, shrugs, mute and agentless
//	answers accepted lost void …   what the API says to the coming calls, throttled, conflict,
//	                               status and locked among them; "-": the truth
//	refuses                        the API refuses reboots of one that is Stopping or Starting
//	other 3m lock=security         somebody else does something then: lock, tag, status, platform,
//	                               beat, pause, resolve
//	outage 1m 2m machine missing   a source (ledger fleet machine heartbeat platform) cannot be
//	                               read: unavailable, forbidden, missing or unreadable
//	alarm [hang|metric|agent]      an invocation gets the alarm
//	sweep                          an invocation gets the timer
//	moves 5                        so many moves of the last invocation
//	run                            all its moves, until it ends
//	crash                          it dies
//	wait 2m                        time passes
//	ledger                         shows the instance's record
//	search GUEST, SECOND           begins as the search does: two processes, first and second, in
//	                               the search's policy; then come the commands of
//	                               searched.command, as the search prints them when a law is
//	                               broken
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scenarios", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(text))
			if got == string(text) {
				return
			}
			if !*update {
				t.Fatalf("got\n%s\nwant\n%s", got, text)
			}
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// play runs a scenario and returns its text with the output as it is now.
func play(t *testing.T, text string) string {
	s := scenario{w: hung()}
	var out strings.Builder
	golden := false // within a block's old output
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case line == "----":
			golden = true
			fmt.Fprintln(&out, line)
			fmt.Fprint(&out, s.w.log.said())
			s.w.log = nil
		case line == "":
			golden = false
			fmt.Fprintln(&out)
		case golden:
		case strings.HasPrefix(line, "#"):
			fmt.Fprintln(&out, line)
		default:
			fmt.Fprintln(&out, line)
			if s.w.log == nil {
				s.w.log = &history{}
			}
			if err := s.do(strings.Fields(line)); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		}
	}
	if s.w.laws.Broken != "" {
		t.Error(s.w.laws.Broken)
	}
	return out.String()
}

func (h *history) said() string {
	if h.String() == "" {
		return "ok\n"
	}
	return h.String()
}

// scenario is a world and the invocation that the commands are about.
type scenario struct {
	w     *world
	p     *process
	count int
	x     *searched // of a search's scenario
}

func (s *scenario) do(words []string) error {
	verb, args := words[0], words[1:]
	switch verb {
	case "search":
		name, second, _ := cutLast(strings.Join(args, " "), ", ")
		x, err := origin(name, second)
		if err != nil {
			return err
		}
		s.x, x.w.log = x, s.w.log
		s.w = &x.w
	case "move", "together", "along", "freeze", "somebody", "lose", "timer", "time", "end":
		if s.x == nil {
			return fmt.Errorf("it goes with search")
		}
		return s.x.command(strings.Join(words, " "))
	case "policy", "guest":
		for _, arg := range args {
			key, value, _ := strings.Cut(arg, "=")
			if err := s.set(verb, key, value); err != nil {
				return err
			}
		}
	case "answers":
		for _, answer := range args {
			s.w.answers = append(s.w.answers, strings.TrimPrefix(answer, "-"))
		}
	case "refuses":
		s.w.refuses = true
	case "other":
		return s.other(args)
	case "outage":
		return s.outage(args)
	case "alarm", "sweep":
		s.count++
		owner := fmt.Sprint("invocation ", s.count)
		alarm := Hangs()
		switch {
		case verb == "sweep":
			s.p = sweep(owner)
			return nil
		case len(args) > 0 && args[0] == "metric":
			alarm = Busy()
		case len(args) > 0 && args[0] == "agent":
			alarm = Quiet()
		}
		s.p = alarmed(owner, alarm)
		s.p.facts.Redelivered = s.count > 1
	case "moves", "run":
		moves := 10_000
		if len(args) > 0 {
			var err error
			if moves, err = strconv.Atoi(args[0]); err != nil {
				return err
			}
		}
		s.w.run(s.p, moves)
	case "crash":
		if s.x != nil {
			return s.x.command(strings.Join(words, " "))
		}
		s.w.logf("%s crashes", s.p.facts.Owner)
		s.p.done = true
	case "wait":
		d, err := time.ParseDuration(args[0])
		s.w.until(s.w.now.Add(d))
		return err
	case "ledger":
		s.show()
	default:
		return fmt.Errorf("no such command")
	}
	return nil
}

func (s *scenario) set(verb, key, value string) (err error) {
	p, g := &s.w.policy, &s.w.machine.guest
	duration := func(at *time.Duration) { *at, err = time.ParseDuration(value) }
	number := func(at *int) { *at, err = strconv.Atoi(value) }
	flag := func(at *bool) {
		if *at = true; value != "" {
			err = fmt.Errorf("it takes no value")
		}
	}
	switch verb + " " + key {
	case "policy force":
		p.Force = value != "never"
	case "policy max-attempts":
		number(&p.MaxAttempts)
	case "policy poll":
		duration(&p.Poll)
	case "policy limit":
		duration(&p.IncidentLimit)
	case "policy second-check":
		p.SecondCheck = value != "none"
	case "policy mode":
		p.Mode = Mode(value)
	case "guest ignores":
		number(&g.ignores)
	case "guest ignores-force":
		number(&g.ignoresForce)
	case "guest sticks":
		g.sticks = value
	case "guest sticks-forced":
		flag(&g.sticksForced)
	case "guest shrugs":
		flag(&g.shrugs)
	case "guest mute":
		flag(&g.mute)
	case "guest delay":
		duration(&g.delay)
	case "guest shutdown":
		duration(&g.shutdown)
	case "guest agentless":
		flag(&g.agentless)
		s.w.machine.lastBeat = time.Time{}
	default:
		err = fmt.Errorf("no such setting")
	}
	s.w.laws.Policy = *p
	if err != nil {
		return fmt.Errorf("%s %s=%s: %w", verb, key, value, err)
	}
	return nil
}

func (s *scenario) other(args []string) error {
	after, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	key, value, _ := strings.Cut(args[1], "=")
	does := map[string]func(*world){
		"lock":   func(w *world) { w.machine.Locks = []string{value} },
		"tag":    func(w *world) { w.machine.Tags = map[string]string{"auto-restart": value} },
		"status": func(w *world) { w.machine.Status, w.machine.turns = value, nil },
		"platform": func(w *world) {
			w.machine.platform = []PlatformEvent{{Type: value, Status: "Executing"}}
		},
		"beat":    func(w *world) { w.machine.beatFrom = w.now },
		"pause":   func(w *world) { w.pause(value) },
		"resolve": (*world).resolve,
		"close":   (*world).close,
		"lose":    (*world).lose,
	}
	if does[key] == nil {
		return fmt.Errorf("nobody does %q", key)
	}
	s.w.others = append(s.w.others, other{Start.Add(after), func(w *world) {
		w.logf("somebody: %s", args[1])
		does[key](w)
	}})
	return nil
}

func (s *scenario) outage(args []string) error {
	sources := map[string]Source{
		"ledger":    SourceRecord,
		"fleet":     SourceFleet,
		"machine":   SourceInstance,
		"heartbeat": SourceVitals,
		"platform":  SourcePlatform,
	}
	from, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	until, err := time.ParseDuration(args[1])
	if err != nil || sources[args[2]] == 0 {
		return fmt.Errorf("no such time or source: %v", err)
	}
	s.w.outages = append(
		s.w.outages,
		outage{Start.Add(from), Start.Add(until), sources[args[2]], Failure(args[3])},
	)
	return nil
}

func (s *scenario) show() {
	if open := s.w.record.Open; open != nil {
		s.w.logf("open, owner %q, %d attempts", open.Owner, len(open.Attempts))
		for _, a := range open.Attempts {
			s.w.logf("  attempt %d, %s, %s, code %q", a.N, manner(a.Force), a.Outcome(), a.Code)
		}
	}
	for _, i := range s.w.record.Recent {
		s.w.logf(
			"ended %v after the alarm, %s %s, %d attempts",
			i.EndedAt.Sub(Start),
			i.Verdict,
			i.Reason,
			len(i.Attempts),
		)
	}
	s.w.logf(
		"%d of %d slots taken, %d begun",
		len(s.w.fleet.Open),
		s.w.policy.FleetConcurrent,
		len(s.w.fleet.Begun),
	)
}
