package remedy_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/lawtest"
)

// A mutant is a rule of this package that is taken away or bent. Every rule has one, and a test
// that fails then: a rule that nothing needs is one to delete, or a history is missing that needs
// it.
type mutant struct {
	rule   string // in plain words; one that begins with "and" goes on from the row before
	keeps  string // the law, or the promise, that rests on it
	file   string
	was    string // stands exactly once in the file, within a function
	is     string
	killer string // what fails, as -run takes it
}

// mutating: the mutants are run, each against the test that its row names.
var mutating = os.Getenv("ECS_REMEDY_MUTANTS") != ""

// TestMutants checks the table, and with ECS_REMEDY_MUTANTS=1 in the environment that every mutant
// is killed. All of them are built into one test binary, by the build's overlay: beside each
// function that a mutant changes stands the changed copy, and the function calls that if the
// environment names the mutant. Nothing of this is in any other binary.
func TestMutants(t *testing.T) {
	files := mutated(t)
	if t.Failed() {
		return
	}
	if !mutating {
		t.Logf("the texts of %d mutants are in their places; ECS_REMEDY_MUTANTS=1 runs them",
			len(mutants))
		return
	}
	binary := buildMutants(t, files)
	out, failed, err := runMutant(binary, 0, "^(TestScenarios|TestTakeover)$")
	if failed || err != nil {
		t.Fatalf("no mutant, and it fails: %v\n%s", err, out)
	}
	lines := make([]string, len(mutants))
	var next sync.Mutex
	n, begun := 0, time.Now()
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for {
				next.Lock()
				i := n
				n++
				next.Unlock()
				if i >= len(mutants) {
					return
				}
				m, begun := &mutants[i], time.Now()
				out, failed, err := runMutant(binary, i+1, m.killer)
				took := time.Since(begun).Round(10 * time.Millisecond)
				lines[i] = fmt.Sprintf("| %s | %s | `%s` | %v |", m.rule, m.law(), m.killer, took)
				switch {
				case err != nil:
					t.Errorf("%s: %s: %v\n%s", m.file, m.rule, err, out)
				case !failed:
					t.Errorf("%s: %s: not killed by %s; instead of\n%s\nit had\n%s", m.file, m.rule,
						m.killer, m.was, m.is)
				}
			}
		})
	}
	workers.Wait()
	fmt.Println("| rule | keeps | killed by | in |\n|---|---|---|---|")
	fmt.Println(strings.Join(lines, "\n"))
	t.Logf("%d mutants in %v", len(mutants), time.Since(begun).Round(time.Second))
}

// law is what the mutant's rule keeps, and of a law its number only.
func (m *mutant) law() string {
	if name, _, law := strings.Cut(m.keeps, ": "); law {
		return name
	}
	return m.keeps
}

// mutated checks every row, and returns the files with their mutants in them.
func mutated(t *testing.T) map[string][]byte {
	files, twice := map[string][]byte{}, map[[3]string]bool{}
	for i := range mutants {
		m := &mutants[i]
		change := [3]string{m.file, m.was, m.is}
		if m.rule == "" || m.keeps == "" || m.killer == "" || m.was == m.is || twice[change] {
			t.Errorf("%s: %q is incomplete, changes nothing, or stands twice in the table", m.file,
				m.rule)
		}
		twice[change] = true
		files[m.file] = nil
	}
	for file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files[file] = withMutants(t, file, string(source))
	}
	return files
}

// withMutants is a file of the package in which every function that a mutant changes calls its
// changed copy where that mutant is asked for.
func withMutants(t *testing.T, file, source string) []byte {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, file, source, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	offset := func(p token.Pos) int { return files.Position(p).Offset }
	type insertion struct {
		at   int
		text string
	}
	var calls []insertion
	var copies strings.Builder
	for i := range mutants {
		m := &mutants[i]
		if m.file != file {
			continue
		}
		if n := strings.Count(source, m.was); n != 1 {
			t.Errorf("%s: %s: its text stands %d times in the file, want 1:\n%s",
				file, m.rule, n, m.was)
			continue
		}
		at := strings.Index(source, m.was)
		n := slices.IndexFunc(parsed.Decls, func(d ast.Decl) bool {
			_, is := d.(*ast.FuncDecl)
			return is && offset(d.Pos()) <= at && at+len(m.was) <= offset(d.End())
		})
		if n < 0 {
			t.Errorf("%s: %s: its text is not within one function:\n%s", file, m.rule, m.was)
			continue
		}
		f := parsed.Decls[n].(*ast.FuncDecl)
		begin, name := offset(f.Pos()), offset(f.Name.Pos())
		end := name + len(f.Name.Name)
		body := source[end:offset(f.End())]
		if at < end {
			t.Errorf("%s: %s: its text holds the function's name", file, m.rule)
			continue
		}
		suffix := fmt.Sprint("Mutant", i+1)
		fmt.Fprintf(&copies, "\n%s%s%s%s\n", source[begin:end], suffix, body[:at-end]+m.is,
			body[at-end+len(m.was):])
		call := callOf(f, suffix)
		calls = append(calls, insertion{offset(f.Body.Lbrace) + 1,
			fmt.Sprintf("\nif mutant == %d {\n%s\n}\n", i+1, call)})
	}
	slices.SortStableFunc(calls, func(a, b insertion) int { return cmp.Compare(a.at, b.at) })
	var out bytes.Buffer
	done := 0
	for _, call := range calls {
		out.WriteString(source[done:call.at] + call.text)
		done = call.at
	}
	out.WriteString(source[done:] + copies.String())
	if _, err := parser.ParseFile(token.NewFileSet(), file, out.Bytes(), 0); err != nil {
		t.Errorf("%s with its mutants: %v", file, err)
	}
	return out.Bytes()
}

// callOf is a statement in which a function or method hands over to its copy.
func callOf(f *ast.FuncDecl, suffix string) string {
	call := f.Name.Name + suffix
	if f.Recv != nil {
		call = f.Recv.List[0].Names[0].Name + "." + call
	}
	var arguments []string
	for _, field := range f.Type.Params.List {
		for _, name := range field.Names {
			arguments = append(arguments, name.Name)
		}
	}
	call += "(" + strings.Join(arguments, ", ") + ")"
	if f.Type.Results == nil {
		return call + "\nreturn"
	}
	return "return " + call
}

// seam names the mutant that a process of the test binary is.
const seam = `package remedy

import (
	"os"
	"strconv"
)

var mutant, _ = strconv.Atoi(os.Getenv("ECS_REMEDY_MUTANT"))
`

// buildMutants builds the package's test binary with the given files in the place of the real ones.
func buildMutants(t *testing.T, files map[string][]byte) string {
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files["seam.go"] = []byte(seam)
	replace := map[string]string{}
	for name, text := range files {
		replace[filepath.Join(here, name)] = filepath.Join(dir, name)
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(dir, "mutants.test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-gcflags=-e", "-overlay",
		filepath.Join(dir, "overlay.json"), "-o", binary, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutants do not compile: %v\n%s", err, out)
	}
	return binary
}

// runMutant runs the tests that should fail with a mutant; mutant 0 is none. An error is anything
// but that they passed or failed: a mutant that never ends, say, or a pattern that matches no test.
func runMutant(binary string, mutant int, killer string) (out []byte, failed bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, binary, "-test.short", "-test.failfast", "-test.run", killer)
	run.Env = append(os.Environ(), fmt.Sprint("ECS_REMEDY_MUTANT=", mutant), "GOMAXPROCS=1")
	out, err = run.CombinedOutput()
	switch {
	case bytes.Contains(out, []byte("no tests to run")):
		return out, false, fmt.Errorf("no test is called %s", killer)
	case err != nil && bytes.Contains(out, []byte("--- FAIL: ")):
		return out, true, nil
	}
	return out, false, err
}

// mutants is the table.
var mutants = []mutant{
	// Who owns an incident.
	{"a living owner's incident is left alone", lawtest.S2, "incident.go",
		"return i.Owner != owner &&", "return false && i.Owner != owner &&",
		"^TestOpening$/^an_opening_of_somebody_alive$"},
	{"whose lease has run out is not held", lawtest.Liveness, "incident.go",
		"now.Before(p.Takeover(i.LeaseUntil))", "true",
		"^TestOpening$/^an_opening_that_nobody_claimed$"},
	{"a lease that no clock of ours wrote holds nothing", lawtest.Liveness, "incident.go",
		" && !p.absurd(i.LeaseUntil, now)", "",
		"^TestOpenIncident$/^held_for_longer_than_any_clock_of_ours_says$"},
	{"nor a slot", lawtest.Liveness, "fleet.go", " && !p.absurd(s.LeaseUntil, now)", "",
		"^TestFleetSlotCounts$"},
	{"a clock that differs a little may have written it", "a clock may differ a little",
		"policy.go", "leaseUntil.After(now.Add(p.Lease + MaxSkew))",
		"leaseUntil.After(now.Add(p.Lease))", "^TestFleetSlotCounts$"},
	{"a take-over leaves a tenth of a lease between two clocks", lawtest.S1, "policy.go",
		"return leaseUntil.Add(p.Lease / 10)", "return leaseUntil",
		"^TestOpening$/^an_opening_of_somebody_alive$"},
	{"the incident of another owner is not written", lawtest.S1, "next.go",
		"if open != nil && open.Owner == f.Owner {",
		"if open != nil && (open.Owner == f.Owner || m.seen.Incident != nil) {",
		"^TestSend$/^taken_by_somebody_else$"},
	{"an opening of somebody who is alive is left alone", "in-progress is said while it is",
		"next.go", "case open.heldFrom(f.Owner, m.p, f.Now):",
		"case len(open.Attempts) > 0 && open.heldFrom(f.Owner, m.p, f.Now):",
		"^TestOpening$/^an_opening_of_somebody_alive$"},
	{"an opening is void when its lease is over", lawtest.Liveness, "next.go",
		"case len(open.Attempts) == 0: // an opening is void when its lease is over",
		"case len(open.Attempts) == 0 && f.Swept:",
		"^TestOpening$/^an_opening_that_nobody_claimed$"},
	{"a sweep leaves an incident alone whose owner is alive", "nothing to report", "next.go",
		`		case f.Swept:
			return Step{} // somebody looks after it
`,
		"", "^TestOpenIncident$/^swept,_held$"},
	{"a repeated event waits for the lease of a dead owner", lawtest.Liveness, "next.go",
		"case f.Redelivered && (f.Alarm.Key == open.Alarm.Key || len(open.Attempts) == 0):",
		"case false:", "^TestOpening$/^an_opening_of_somebody_alive,_redelivered$"},
	{"and for that of whoever is just opening", lawtest.Liveness, "next.go",
		"(f.Alarm.Key == open.Alarm.Key || len(open.Attempts) == 0)",
		"(f.Alarm.Key == open.Alarm.Key)",
		"^TestOpening$/^an_opening_of_somebody_alive,_redelivered$"},
	{"another alarm of the same instance does not wait", "in-progress is an answer", "next.go",
		"(f.Alarm.Key == open.Alarm.Key || len(open.Attempts) == 0)", "true",
		"^TestOpenIncident$/^held,_another_alarm_redelivered$"},
	{"a first delivery does not wait", "in-progress is an answer", "next.go",
		"case f.Redelivered && (f.Alarm.Key == open.Alarm.Key",
		"case (f.Alarm.Key == open.Alarm.Key", "^TestOpening$/^an_opening_of_somebody_alive$"},
	{"a take-over renews the lease", lawtest.S1, "record.go",
		"taken.Owner, taken.LeaseUntil, taken.TakenOverAt = owner, p.newLease(now), now.UTC()",
		"taken.Owner, taken.TakenOverAt = owner, now.UTC()", "^TestOpenIncident$/^lease_over$"},
	{"a take-over keeps no readings from before it", lawtest.S4, "record.go",
		"taken.Owner, taken.LeaseUntil, taken.TakenOverAt = owner, p.newLease(now), now.UTC()",
		"taken.Owner, taken.LeaseUntil = owner, p.newLease(now)", "^TestEveryHistory$"},
	{"what was read before a take-over counts for nothing", lawtest.S4, "protocol.go",
		"		fresh.forget(taken)\n", "", "^TestReadBeforeATakeOver$"},
	{"and the facts stay as they are", "S9: the same policy and facts, the same step",
		"protocol.go", `		fresh := *f // Next's facts stay as they are
		fresh.forget(taken)
		f, m.f = &fresh, &fresh
`,
		"		f.forget(taken)\n", "^TestReadBeforeATakeOver$"},
	{"readings are forgotten after a take-over that was written", lawtest.S4, "facts.go",
		`			f.forgetLive() // what was read by then may be old
`,
		"", "^TestEveryHistory$/^late,_and_mute,_its_StartTime_the_same,_hurry$"},
	{"only a take-over makes readings old", "a renewal keeps them", "incident.go",
		"return read != nil && read.ID == i.ID && !read.TakenOverAt.Equal(i.TakenOverAt)",
		"return true", "^TestOpening$/^a_hang$"},
	{"nothing is claimed after the lease ran out", lawtest.S1, "protocol.go",
		`	case now.After(open.LeaseUntil) && len(open.Attempts) == 0:
		// We stood still, and whatever was read may be old: others may have voided it long ago.
		return m.write(Write{Record: ptr(f.Record.Value.voided(m.incident, now, m.p))})
	case now.After(open.LeaseUntil):
`,
		`	case false:
`,
		"^TestEveryHistory$"},
	{"what was given free is not taken again", "out of time, nothing new", "protocol.go",
		"case open.LeaseUntil.IsZero():", "case false:", "^TestOpenIncident$/^ours,_released$"},
	{"a lease is renewed when a third of it is over", "the owner keeps what it looks after",
		"protocol.go", "case m.unwritten(open) || !now.Before(open.renewAt(m.p)):",
		"case m.unwritten(open):", "^TestOpenIncident$/^ours,_renewal_due$"},
	{"not later than that", "the owner keeps what it looks after", "incident.go",
		"return i.LeaseUntil.Add(-p.Lease * 2 / 3)", "return i.LeaseUntil.Add(-p.Lease / 3)",
		"^TestOpenIncident$/^ours,_renewal_due$"},
	{"a lease is renewed during a long wait", "the owner keeps what it looks after",
		"protocol.go", "if renew := open.renewAt(m.p); renew.After(f.Now) {",
		"if renew := open.renewAt(m.p); false && renew.After(f.Now) {", "^TestBackoff$"},
	{"a renewal does not cut a wait short", "a poll every REMEDY_POLL", "protocol.go",
		"case now.Before(m.seen.WaitUntil) && step.Do == DoRead:", "case false:",
		"^TestScenarios$/^late$"},
	{"what is kept renews the lease", "the owner keeps what it looks after", "record.go",
		`	kept.LeaseUntil = p.newLease(now)
`,
		"", "^TestOpenIncident$/^ours,_renewal_due$"},
	{"a claim renews the lease", "the owner keeps what it looks after", "record.go",
		`	claimed.LeaseUntil = p.newLease(now)
`,
		"", "^TestRecordChanges$"},
	{"who lets go leaves no lease", lawtest.Liveness, "record.go",
		`	free.LeaseUntil = time.Time{}
`,
		"", "^TestOpenIncident$/^a_moment_to_take_over$"},

	// What is written before what.
	{"a slot is given back only after the incident's end is written", lawtest.S6, "protocol.go",
		`	m.seen.Ending, m.seen.Claim = ended, nil
	step :=`,
		`	if fleet := &m.f.Fleet; fleet.OK() && fleet.Value.slot(ended.ID) != nil {
		return m.write(Write{Fleet: ptr(fleet.Value.freed(ended, m.f.Now))})
	}
	m.seen.Ending, m.seen.Claim = ended, nil
	step :=`,
		"^TestEveryHistory$"},
	{"an end is reported only after it is written", lawtest.Liveness, "next.go",
		"if m.written(m.seen.Ending) {", "if true {", "^TestEveryHistory$"},
	{"an end whose answer was lost is looked up", lawtest.Liveness, "next.go",
		"if m.written(m.seen.Ending) {", "if false {", "^TestOpening$/^observe$"},
	{"nothing is sent after a conflict", lawtest.S1, "facts.go",
		"switch done := w.Wrote == WroteDone; {", "switch done := w.Wrote != WroteUnknown; {",
		"^TestEveryHistory$"},
	{"nothing is sent while nobody knows that the claim is written", lawtest.S1, "facts.go",
		"switch done := w.Wrote == WroteDone; {", "switch done := w.Wrote != WroteConflict; {",
		"^TestClaimNotStored$"},
	{"nothing is sent after the claim's time", lawtest.S1, "protocol.go",
		"case !f.Now.After(claim.SendBefore):", "case true:", "^TestSend$/^after_sendBefore$"},
	{"a claim may be sent for as long as one call", lawtest.S1, "protocol.go",
		"SendBefore: f.Now.Add(p.CallLimit()).UTC()", "SendBefore: f.Now.Add(p.Lease).UTC()",
		"^TestOpening$/^a_hang$"},
	{"what was sent is not sent again", lawtest.S7, "protocol.go", "case f.Sent == order:",
		"case f.Sent == order && f.Reply.Answer != AnswerUnknown:",
		"^TestSend$/^answered,_and_nobody_knows_what$"},
	{"a slot that was lost is taken again before the next claim", lawtest.S6, "ladder.go",
		"if f.Fleet.Value.slot(m.incident.ID) == nil {", "if false {",
		"^TestLadderStep$/^its_slot_is_gone$"},
	{"a slot is given back after the end", lawtest.S6, "protocol.go",
		"case fleet.slot(ended.ID) != nil:", "case false:",
		"^TestOpening$/^a_slot_without_its_incident$"},
	{"and once", lawtest.S6, "protocol.go",
		"case ended.Verdict == VerdictObserved && !fleet.hasBegun(ended.ID):",
		"case ended.Verdict == VerdictObserved:", "^TestOpening$/^observe$"},
	{"the sweep drops the slot of what has ended", lawtest.Liveness, "next.go",
		`		return m.dropSlot(ended)
`,
		`		return Step{}
`,
		"^TestOpenIncident$/^swept,_an_opening_that_nobody_claimed$"},

	// What a conflict and a lost answer mean.
	{"what an owner has seen of its attempts it keeps", lawtest.S7, "protocol.go",
		`		copy(i.Attempts, known.Attempts)
`,
		"", "^TestLadder$/^ignores_one$"},
	{"what somebody else noted is kept, and not overwritten",
		"no attempt after its alarm was resolved", "protocol.go",
		`		copy(i.Attempts, known.Attempts)
`,
		`		copy(i.Attempts, known.Attempts)
		i.ResolvedAt = known.ResolvedAt
`,
		"^TestLadder$/^resolved$"},
	{"after a write without an answer the record is read again", lawtest.S7, "facts.go",
		`	case write.Record != nil:
		f.Record = Reading[Record]{}
`,
		`	case write.Record != nil:
`,
		"^TestClaimNotStored$"},
	{"a writer rests after a write whose fate is not known", "no round without a pause",
		"protocol.go",
		`	case f.Written.Wrote == WroteUnknown:
		return m.rest(m.p.retryAfter())
`,
		"", "^TestClaimNotStored$"},
	{"and after more than one conflict in a row, before it reads again",
		"no round without a pause", "protocol.go",
		"case m.f.Conflicts > 1 && !m.rested():", "case false:", "^TestConflicts$"},
	{"but not after the first", "a conflict costs no time", "protocol.go",
		"case m.f.Conflicts > 1 && !m.rested():", "case m.f.Conflicts > 0 && !m.rested():",
		"^TestClaimNotStored$"},
	{"and once for each", "no round without an end", "protocol.go",
		"case m.f.Conflicts > 1 && !m.rested():", "case m.f.Conflicts > 1:", "^TestConflicts$"},
	{"the rest grows", "a crowd gets through", "protocol.go",
		"<< min(m.f.Conflicts-2, 3)", "<< 0", "^TestConflicts$"},
	{"to a limit", "a crowd gets through", "protocol.go",
		"<< min(m.f.Conflicts-2, 3)", "<< (m.f.Conflicts - 2)", "^TestConflicts$"},
	{"two rest for different times", "a crowd gets through", "protocol.go",
		"io.WriteString(h, m.f.Owner+strconv.Itoa(m.f.Conflicts))",
		"io.WriteString(h, strconv.Itoa(m.f.Conflicts))", "^TestConflicts$"},
	{"also when the answer was reported", "no round without a pause", "waiting.go",
		"case !f.Fleet.Read() && f.Conflicts > 1 && !m.rested():", "case false:",
		"^TestConflicts$"},
	{"if there is time for that", "one alarm has one result", "waiting.go",
		"if step := m.rest(m.stepBack()); step.Do == DoWait {",
		"if step := m.rest(m.stepBack()); true {", "^TestConflictOutOfTime$"},
	{"every failed write has its own rest", "no round without a pause", "protocol.go",
		"return m.seen.RestUntil.After(m.f.Written.At) && !m.f.Now.Before(m.seen.RestUntil)",
		"return !m.f.Now.Before(m.seen.RestUntil)", "^TestClaimNotStored$"},
	{"and is over after its time, though the clock went back", lawtest.Liveness, "facts.go",
		"if ahead(f.Written.At) {", "if false {", "^TestRestAfterTheClockWentBack$"},

	// One write with several changes.
	{"what goes along is decided on what the others leave", lawtest.S6, "facts.go",
		`	f.Fleet = Reading[Fleet]{At: now, Value: left}
	step := Next(p, &f)
`,
		`	step := Next(p, &f)
`,
		"^TestAlong$"},
	{"and on what is still good then", lawtest.S4, "facts.go",
		`	f.Ask(now)
	f.Fleet = Reading[Fleet]{At: now, Value: left}
`,
		`	f.Fleet = Reading[Fleet]{At: now, Value: left}
`,
		"^TestAlong$"},
	{"what is no change of that record has to wait", "what is not stored is no fact", "facts.go",
		"return f, step, step.Do == DoWrite && step.Write.Fleet != nil", "return f, step, true",
		"^TestAlong$"},
	{"also another write", "what is not stored is no fact", "facts.go",
		"return f, step, step.Do == DoWrite && step.Write.Fleet != nil",
		"return f, step, step.Do == DoWrite", "^TestAlong$"},

	// What the invocations of one process share.
	{"of two readings the newer one counts", "no conflicts among them", "sharing.go",
		"	if newer(known, other) {", "	if false {", "^TestNewest$"},
	{"which is no failure", "unreadable is no", "sharing.go",
		"return other.OK() && !other.At.Before(known.At)", "return !other.At.Before(known.At)",
		"^TestNewest$"},
	{"and did not come earlier", lawtest.S8, "sharing.go",
		"return other.OK() && !other.At.Before(known.At) &&", "return other.OK() &&",
		"^TestNewest$"},
	{"but may have come in the same moment", "no conflicts among them", "sharing.go",
		"!other.At.Before(known.At) &&", "other.At.After(known.At) &&", "^TestNewest$"},
	{"and is of a later revision", "no conflicts among them", "sharing.go",
		"(!known.OK() || other.Value.Revision > known.Value.Revision)", "true", "^TestNewest$"},
	{"where one is known", "no conflicts among them", "sharing.go",
		"(!known.OK() || other.Value.Revision > known.Value.Revision)",
		"other.Value.Revision > known.Value.Revision", "^TestNewest$"},
	{"what was written is known only where that is known", lawtest.S7, "sharing.go",
		"	if w.Wrote != WroteDone {", "	if false {", "^TestLeft$"},
	{"at its revision", "no conflicts among them", "sharing.go",
		"	fleet.Revision = w.Revision\n", "", "^TestLeft$"},
	{"a turn begins with the newest that is known", "no conflicts among them", "sharing.go",
		"	case newer(f.Fleet, newest):", "	case false:", "^TestCatchUp$"},
	{"which is read where nothing is", "no conflicts among them", "sharing.go",
		"	case waited && !newest.OK():", "	case false:", "^TestCatchUp$"},
	{"unless nobody was before", "a ledger call less", "sharing.go",
		"	case waited && !newest.OK():", "	case !newest.OK():", "^TestCatchUp$"},
	{"who waited decides again", lawtest.S4, "sharing.go", "	return false, waited",
		"	return false, false", "^TestCatchUp$"},
	{"who has more time does not go along", "a slow store is no answer", "sharing.go",
		"	if own > writers {", "	if false {", "^TestJoins$"},
	{"and who has as much does", "one write for many", "sharing.go", "	if own > writers {",
		"	if own >= writers {", "^TestJoins$"},
	{"who follows knows who leads", lawtest.S6, "sharing.go",
		"	f.Leader = Leader{Leads: true}\n", "", "^TestFollow$"},
	{"and to what that came", "a weak alarm leads nowhere", "sharing.go",
		"	if result != nil {", "	if false {", "^TestFollow$"},
	{"and what was read of the fleet", "a ledger call less", "sharing.go",
		"	f.Hear(leader)\n", "", "^TestFollow$"},
	{"the sign of its own book", "observe mode keeps its own", "sharing.go",
		"	if f.Book == leader.Book {", "	if true {", "^TestFollow$"},
	{"and of that", "a ledger call less", "sharing.go", "		f.Sign = leader.Sign\n", "",
		"^TestFollow$"},
	{"and of the instance", "a call less", "sharing.go",
		"	f.Instance, f.Vitals, f.Platform = leader.Instance, leader.Vitals, leader.Platform\n",
		"", "^TestFollow$"},

	// What the ledger loses.
	{"an opening that was voided is no loss", lawtest.Liveness, "protocol.go",
		`	case len(mine.Attempts) == 0:
		return m.takenBack(mine, ended)
`,
		"", "^TestStaleOpening$"},
	{"a slot whose incident is not in the record is a loss", lawtest.S11, "next.go",
		`	case ended == nil:
		return m.meetLost(slot), true
`,
		`	case ended == nil:
		return Step{}, false
`,
		"^TestOpening$/^a_slot_without_its_incident$"},
	{"the sweep ends what was lost", lawtest.Liveness, "next.go",
		`	return m.meetLost(slot)
`,
		`	return Step{}
`,
		"^TestOpenIncident$/^swept,_gone$"},
	{"an end of a lost incident does not close another one", lawtest.S11, "record.go",
		"if r.Open != nil && r.Open.ID == done.ID {", "if r.Open != nil {",
		"^TestRecordChanges$"},
	{"nothing of it is known to be watched", lawtest.Liveness, "record.go",
		`	i.unwatch()
`,
		"", "^TestRecordChanges$"},

	// What an alarm alone says.
	{"an undecodable alarm is malformed", "the dead letter keeps it", "next.go",
		"case a.Problem == events.ProblemUndecodable:", "case false:",
		"^TestOpening$/^undecodable$"},
	{"what is no alarm is ignored", "the contract: not-an-alarm", "next.go",
		"case a.Problem == events.ProblemNotAnAlarm:", "case false:",
		"^TestOpening$/^not_an_alarm$"},
	{"a contradiction is unreadable", "unreadable is no", "next.go",
		"case a.Problem == events.ProblemContradiction:", "case false:",
		"^TestOpening$/^contradiction$"},
	{"a resolved alarm about nothing is ignored", "the contract: resolved", "next.go",
		`case a.State == events.StateResolved && (a.Problem != "" || !concerns(p, a)):`,
		"case false:", "^TestOpening$/^resolved,_of_no_curable_metric$"},
	{"an alarm that was resolved in the same batch is over", "the contract: resolved",
		"next.go", "case f.Superseded:", "case false:", "^TestOpening$/^superseded$"},
	{"what is not of ECS is ignored", "the contract: not-ecs", "next.go",
		"case a.Problem == events.ProblemNotECS:", "case false:", "^TestOpening$/^not_ECS$"},
	{"a placeholder is no instance", "the contract: placeholder", "next.go",
		"case a.Problem == events.ProblemPlaceholder:", "case false:",
		"^TestOpening$/^placeholder$"},
	{"nor is an empty name, nor with any other problem", "unreadable is no", "next.go",
		`a.Problem != events.ProblemRegion || a.Instance == "":`,
		"a.Problem != events.ProblemRegion:", "^TestOpening$/^no_id$"},
	{"a problem of tomorrow is no", "unreadable is no", "next.go",
		`case a.Problem != "" && a.Problem != events.ProblemRegion || a.Instance == "":`,
		`case a.Instance == "":`, "^TestOpening$/^a_problem_of_tomorrow$"},
	{"an alarm about another region is refused", "S12: nothing that is signed goes elsewhere",
		"next.go",
		`	if elsewhere(f) {
`,
		`	if false {
`,
		"^TestOpening$/^another_region$"},
	{"and a resolved one about it is ignored", "the contract: resolved", "next.go",
		"case a.State == events.StateResolved && elsewhere(f):", "case false:",
		"^TestOpening$/^another_region,_resolved$"},
	{"a resolved alarm opens nothing, whatever the table says", "the contract: resolved",
		"next.go",
		`	case a.State == events.StateResolved:
		return Step{}, false // an open incident wants to know
`,
		"", "^TestOpening$/^resolved$"},
	{"what no restart cures is left alone", "deny is the default", "next.go",
		`	if !concerns(p, a) {
		return`,
		`	if false {
		return`,
		"^TestOpening$/^no_event,_no_metric$"},
	{"an event is acted on in one status", "deny is the default", "next.go",
		`(status == "" || a.EventStatus != status)`, `(status == "")`,
		"^TestOpening$/^hang_over$"},
	{"an event without a curable status is left alone", "deny is the default", "next.go",
		`(status == "" || a.EventStatus != status)`,
		`(status != "" && a.EventStatus != status)`, "^TestOpening$/^agent_running$"},
	{"missing data counts only of the agent's metrics", "deny is the default", "next.go",
		"if a.State == events.StateInsufficientData && !fromAgent(a.Metric) {", "if false {",
		"^TestOpening$/^no_data_from_the_host$"},
	{"a state that is not understood is unreadable", "unreadable is no", "next.go",
		"if a.State != events.StateFiring && a.State != events.StateInsufficientData {",
		"if false {", "^TestOpening$/^no_state$"},
	{"only listed metrics count", "deny is the default", "next.go",
		`		for _, metric := range p.Metrics {
			if metric == a.Metric {`,
		`		for _, metric := range p.Metrics {
			if true || metric == a.Metric {`,
		"^TestOpening$/^resolved,_of_no_curable_metric$"},

	// Batches and resolved alarms.
	{"one that was weak itself leads nobody", "every alarm is judged", "next.go",
		"return l.Leads && !(l.Verdict == VerdictRefused && l.Reason == ReasonUnconfirmedHang)",
		"return l.Leads", "^TestOpening$/^followed,_the_leader_was_too_weak$"},
	{"a resolved alarm ends what it is about", "no attempt after its alarm was resolved",
		"next.go",
		"\tif open != nil && open.ResolvedAt.IsZero() && open.Alarm.Rule == a.Rule &&",
		"\tif false && open.Alarm.Rule == a.Rule &&", "^TestOpenIncident$/^resolved$"},
	{"not another rule's incident", "a resolved alarm is about its rule", "next.go",
		"open.ResolvedAt.IsZero() && open.Alarm.Rule == a.Rule &&",
		"open.ResolvedAt.IsZero() &&", "^TestOpenIncident$/^another_rule_resolved$"},
	{"nor another account's", "a resolved alarm is about its rule", "next.go",
		"open.Account == a.Account && !a.Time.Before(open.Alarm.Time)",
		"!a.Time.Before(open.Alarm.Time)", "^TestOpenIncident$/^resolved_by_a_stranger$"},
	{"nor one that began after it", "a resolved alarm is about its past", "next.go",
		"&& !a.Time.Before(open.Alarm.Time) &&", "&&", "^TestOpenIncident$/^resolved_before$"},
	{"and once", "a resolved alarm is told once", "next.go",
		"open != nil && open.ResolvedAt.IsZero() &&", "open != nil &&",
		"^TestOpenIncident$/^resolved$"},

	// Judging an alarm.
	{"a repeated event is told the end of its incident", lawtest.Liveness, "next.go",
		"if told := m.alreadyEnded(); told != nil {",
		"if told := m.alreadyEnded(); false && told != nil {",
		"^TestOpening$/^redelivered,_its_incident_has_ended$"},
	{"a first delivery of the same alarm is a duplicate", "the contract: duplicate-alarm",
		"next.go",
		`	if !m.f.Redelivered {
		return nil
	}
`,
		"", "^TestOpening$/^not_redelivered,_its_incident_has_ended$"},
	{"another alarm is told nothing", "the contract: cooling-down", "next.go",
		`if e.Alarm.Key == m.f.Alarm.Key && e.Alarm.Key != "" && !e.Void() {`,
		`if e.Alarm.Key != "" && !e.Void() {`, "^TestScenarios$/^ladder$"},
	{"a void opening told nobody anything", lawtest.Liveness, "next.go",
		`&& e.Alarm.Key != "" && !e.Void() {`, `&& e.Alarm.Key != "" {`,
		"^TestOpening$/^redelivered,_its_opening_was_void$"},
	{"in mode off everything is paused, before anything else", lawtest.S8, "next.go",
		`		r.reason, r.why = ReasonPaused, "mode "+string(p.Mode) // whatever else there is to say
`,
		"", "^TestOpening$/^many_reasons$"},
	{"an instance that is not Running may be in progress", "in-progress is said while it is",
		"next.go", "case r.reason == ReasonNotRunning && !m.seen.Reread:", "case false:",
		"^TestOpening$/^Stopped$"},
	{"a refusal is an answer", "unreadable is no", "next.go",
		`	case r.reason != "":
		return answer(VerdictRefused, r.reason, r.why).with(r.findings)
	case r.blind`,
		"\tcase r.blind", "^TestOpening$/^rule_longer$"},
	{"observe mode only rehearses", lawtest.S8, "next.go",
		`	case p.Mode == ModeObserve:
		return m.rehearse().with(r.findings)
`,
		"", "^TestOpening$/^observe$"},
	{"nothing opens when the time is over", "out of time, nothing new", "next.go",
		`	case f.passed(f.StopAt) || f.passed(f.ClaimBy):
		return outOfTime.with(r.findings)
`,
		"", "^TestOpening$/^no_time_left_for_an_attempt$"},
	{"nor when it is too late to claim", "out of time, nothing new", "next.go",
		`	case f.passed(f.StopAt) || f.passed(f.ClaimBy):
		return outOfTime.with`,
		`	case f.passed(f.StopAt):
		return outOfTime.with`,
		"^TestOpening$/^no_time_left_for_an_attempt$"},
	{"rounds without an answer are counted", "three of them are pending", "next.go",
		`	m.seen.Blind++
`,
		"", "^TestUnavailable$"},
	{"three of them", "three of them are pending", "next.go",
		"if m.seen.Blind+1 >= blindRounds || !m.f.Fleet.OK() {",
		"if m.seen.Blind >= blindRounds || !m.f.Fleet.OK() {",
		"^TestOpening$/^observe,_no_answer$"},
	{"a rehearsal that ECS refuses is a refusal", lawtest.S8, "next.go",
		`	case AnswerRejected:
		return answer(VerdictRefused, f.Rehearsal.Reason`,
		`	case "":
		return answer(VerdictRefused, f.Rehearsal.Reason`,
		"^TestOpening$/^observe,_ECS_says_no$"},
	{"only ECS's exact yes counts as one", lawtest.S8, "next.go",
		`	case AnswerAccepted:
		incident := m.opening()`,
		`	case AnswerAccepted, AnswerUnknown:
		incident := m.opening()`,
		"^TestOpening$/^observe,_no_answer$"},
	{"a rehearsal's end remembers its alarm", lawtest.S6, "record.go",
		`	if done.Alarm.Key != "" {
`,
		`	if false {
`,
		"^TestRecordChanges$"},
	{"an unreadable record is no", "unreadable is no", "next.go",
		"case f.Record.Failure == FailureUnreadable:", "case false:",
		"^TestOpening$/^ledger_garbled$"},

	// The first claim.
	{"the live guards are asked after the opening", lawtest.S4, "protocol.go",
		`	case r.reason != "":
		return m.void().with(r.findings)
`,
		"", "^TestLadderStep$/^no_attempts,_and_a_lock$"},
	{"its locks, expiry, tag and the platform", lawtest.S4, "protocol.go",
		`	for _, rule := range live {
		rule(&r)
	}
`,
		"", "^TestLadderStep$/^no_attempts,_and_a_lock$"},
	{"at most three times", lawtest.Liveness, "protocol.go",
		`	if m.seen.Blind+1 >= blindRounds {
		m.seen.Blind`,
		`	if false {
		m.seen.Blind`,
		"^TestStaleOpening$"},
	{"and then the event is asked for again", lawtest.Liveness, "protocol.go",
		`		m.seen.Blind = blindRounds
`,
		"", "^TestStaleOpening$"},
	{"once the opening is taken back", lawtest.Liveness, "protocol.go",
		`	if m.seen.Blind >= blindRounds {
		return answer`,
		`	if false {
		return answer`,
		"^TestStaleOpening$"},
	{"no claim on old readings", lawtest.S4, "protocol.go",
		"return m.f.Instance.before(oldest) || m.f.Vitals.before(oldest) ||" +
			" m.f.Platform.before(oldest)",
		"return oldest.IsZero()", "^TestStaleReadings$"},
	{"of the instance", lawtest.S4, "protocol.go",
		"return m.f.Instance.before(oldest) || m.f.Vitals", "return m.f.Vitals",
		"^TestStaleReadings$"},
	{"of the heartbeat", lawtest.S4, "protocol.go", "|| m.f.Vitals.before(oldest) ||", "||",
		"^TestStaleReadings$"},
	{"of the platform", lawtest.S4, "protocol.go",
		` || m.f.Platform.before(oldest)
`,
		`
`,
		"^TestStaleReadings$"},
	{"old readings are asked for again once", "no round without a pause", "protocol.go",
		`	if !m.seen.Reread {
		m.seen.Reread = true
		return m.read(sourceGuards)`,
		`	if true {
		m.seen.Reread = true
		return m.read(sourceGuards)`,
		"^TestStaleReadings$"},
	{"slow reading before a first claim is a round without an answer",
		"three of them are pending", "protocol.go",
		`	if len(m.incident.Attempts) == 0 {
		return m.anotherLook(why)
	}
`,
		`	_ = why
`,
		"^TestStaleOpening$"},
	{"no claim when the time is over", "out of time, nothing new", "protocol.go",
		`(force bool) Step {
	f, p := m.f, m.p
	if f.passed(f.StopAt) || f.passed(f.ClaimBy) {`,
		`(force bool) Step {
	f, p := m.f, m.p
	if f.passed(f.StopAt) {`,
		"^TestLadderStep$/^too_late_to_claim$"},
	{"the baseline is what was read before", lawtest.S10, "protocol.go",
		`StartTime: f.Instance.Value.StartTime,
`,
		`StartTime: "",
`,
		"^TestOpening$/^a_hang$"},
	{"a void opening costs the alarm nothing", lawtest.Liveness, "record.go",
		`void.Alarm.Key, void.Forgiven = "", true`, "void.Forgiven = true",
		"^TestRecordChanges$"},
	{"nor the instance", "S6 costs only what was done", "record.go",
		`void.Alarm.Key, void.Forgiven = "", true`, `void.Alarm.Key = ""`,
		"^TestOpening$/^an_opening_that_nobody_claimed$"},

	// Waits and the invocation's time.
	{"nothing is read when the time is over", "out of time, it releases", "protocol.go",
		"case m.f.passed(m.f.StopAt):", "case false:", "^TestOpening$/^no_time_left$"},
	{"no wait goes beyond the invocation's time", "out of time, it releases", "protocol.go",
		"if !f.StopAt.IsZero() && until.After(f.StopAt) {", "if false {",
		"^TestOpenIncident$/^a_moment_to_take_over$"},
	{"up to the end of it one may wait", "a moment left is used", "protocol.go",
		"if !f.StopAt.IsZero() && until.After(f.StopAt) {",
		"if !f.StopAt.IsZero() && !until.Before(f.StopAt) {",
		"^TestLadderStep$/^a_wait_until_the_stop$"},
	{"what is held is given free then", lawtest.Liveness, "protocol.go",
		`	if !held || f.Written.Wrote == WroteUnknown && !m.rested() {
`,
		`	if true {
		_ = held
`,
		"^TestOpenIncident$/^a_moment_to_take_over$"},
	{"what was read before a wait is not used after it", lawtest.S4, "facts.go",
		"() { f.forget(f.Seen.WaitUntil) }", "() {}", "^TestUnavailable$"},
	{"a time that is set passes when it is reached", "a moment left is used", "protocol.go",
		"return !t.IsZero() && !f.Now.Before(t)", "return !t.IsZero() && f.Now.After(t)",
		"^TestOpening$/^no_time_left$"},
	{"a poll does not overshoot the end", "a look at the end", "watch.go",
		`	if m.f.Now.Before(end) {
		until = earlier(until, end)
	}
`,
		"", "^TestLadder$/^restarts_late,_after_a_refused_retry$"},

	// The ladder.
	{"after an attempt worked nothing more is sent", lawtest.S10, "ladder.go",
		`		case FateWorked:
			return m.welcome(a)`,
		`		case FateWorked:
			continue`,
		"^TestLadder$/^obeys$"},
	{"whichever it was", lawtest.S10, "ladder.go",
		`		case FateWorked:
			return m.welcome(a)`,
		`		case FateWorked:
			if i < len(m.incident.Attempts)-1 {
				continue
			}
			return m.welcome(a)`,
		"^TestLadder$/^shuts_down_in_8_minutes,_API_refuses$"},
	{"a fate of tomorrow is unreadable", "unreadable is no", "ladder.go",
		`		case FateOpen, FateFailed, FateUnconfirmed:
		default:
`,
		`		case "?":
`,
		"^TestLadderStep$/^a_fate_of_tomorrow$"},
	{"a claim that nobody answers for may have been sent", lawtest.S7, "ladder.go",
		`		a.Answer = AnswerUnknown
`,
		`		a.Answer = AnswerNotExecuted
`,
		"^TestLadderStep$/^claimed_by_a_dead_owner,_before_the_end$"},
	{"an unknown attempt is watched", lawtest.S7, "ladder.go",
		"case a.Answer == AnswerAccepted, a.Answer == AnswerUnknown:",
		"case a.Answer == AnswerAccepted:", "^TestLadderStep$/^unknown,_watched$"},
	{"and not sent again", lawtest.S7, "ladder.go",
		"case a.Fate == FateFailed, a.Fate == FateUnconfirmed, a.Answer == AnswerNotExecuted:",
		"case a.Fate == FateFailed, a.Fate == FateUnconfirmed, " +
			"a.Answer == AnswerNotExecuted, a.Answer == AnswerUnknown:",
		"^TestLadderStep$/^unknown,_watched$"},
	{"an accepted one is watched first", lawtest.S2, "ladder.go",
		"case a.Fate == FateFailed, a.Fate == FateUnconfirmed, a.Answer == AnswerNotExecuted:",
		"case a.Fate == FateFailed, a.Fate == FateUnconfirmed, " +
			"a.Answer == AnswerNotExecuted, a.Answer == AnswerAccepted:",
		"^TestOpenIncident$/^lease_over$"},
	{"what ECS did not execute is sent anew", "the ladder", "ladder.go",
		"a.Fate == FateUnconfirmed, a.Answer == AnswerNotExecuted:",
		"a.Fate == FateUnconfirmed:",
		"^TestLadderStep$/^StartTime_of_an_attempt_that_was_not_executed$"},
	{"and is no attempt", "not executed counts for nothing", "ladder.go",
		"if a := &m.incident.Attempts[i]; a.Answer != AnswerNotExecuted {",
		"if a := &m.incident.Attempts[i]; true {", "^TestScenarios$/^late$"},
	{"nor one of REMEDY_MAX_ATTEMPTS", "not executed counts for nothing", "ladder.go",
		`		if m.incident.Attempts[i].Answer != AnswerNotExecuted {
			all++`,
		`		if i >= 0 {
			all++`,
		"^TestBackoff$"},
	{"after a forced one comes a human", "the ladder", "ladder.go",
		"case previous != nil && previous.Force && previous.Fate == FateFailed:",
		"case false && previous != nil:", "^TestLadderStep$/^forced_and_failed$"},
	{"no more than REMEDY_MAX_ATTEMPTS", "the ladder", "ladder.go",
		"case all >= p.MaxAttempts:", "case all > p.MaxAttempts:",
		"^TestLadderStep$/^fifth_of_five$"},
	{"no further attempt in another mode than enforce", lawtest.S8, "ladder.go",
		"case p.Mode != ModeEnforce:", "case false:", "^TestLadder$/^mode$"},
	{"nor in a pause", lawtest.S8, "ladder.go",
		"case f.Fleet.OK() && f.Fleet.Value.Paused.On(f.Now):", "case false:",
		"^TestLadderStep$/^paused$"},
	{"nor after its alarm was resolved", "no attempt after its alarm was resolved", "ladder.go",
		"case !m.incident.ResolvedAt.IsZero():", "case false:", "^TestLadder$/^resolved$"},
	{"nor after the incident's limit", lawtest.S6, "ladder.go",
		"case f.Now.After(m.incident.limit(p)):", "case false:",
		"^TestLadderStep$/^Stopping,_and_the_guest_beats,_past_the_incident's_limit$"},
	{"at the limit one may", "at the limit is within it", "ladder.go",
		"case f.Now.After(m.incident.limit(p)):", "case !f.Now.Before(m.incident.limit(p)):",
		"^TestLadderStep$/^Stopping,_and_the_guest_beats,_at_the_incident's_limit$"},
	{"what may claim nothing more is looked at once more", "it may have worked after all",
		"ladder.go",
		`	if missing := last &^ f.have(); missing != 0 {
		return m.read(missing)
	}
	if !f.Instance.OK() {
		return m.unseen(f.Instance.Failure, f.Instance.Note)
	}
`,
		`	_ = last
`,
		"^TestLadderStep$/^Stopping,_and_the_guest_beats,_past_the_incident's_limit$"},
	{"then it may have worked", "it may have worked after all", "ladder.go",
		`	if !f.Instance.OK() {
		return m.unseen(f.Instance.Failure, f.Instance.Note)
	}
	if late := m.workedAfterAll(); late != nil {`,
		`	if !f.Instance.OK() {
		return m.unseen(f.Instance.Failure, f.Instance.Note)
	}
	if late := m.workedAfterAll(); false && late != nil {`,
		"^TestLadderStep$/^past_it,_worked_late$"},
	{"what kept the next attempt from being sent is said", "unreadable is no", "ladder.go",
		"if overdue && !f.Platform.OK() { // what kept", "if false { // what kept",
		"^TestLadderStep$/^platform_out_of_reach_past_the_limit$"},
	{"a pause ends as a refusal where nothing was sent", "paused is like every other guard",
		"ladder.go",
		`	case ReasonPaused:
		return m.end(reason, why)
`,
		"", "^TestLadderStep$/^paused,_nothing_sent_yet$"},
	{"before each attempt everything is read", lawtest.S4, "ladder.go",
		`	if missing := sourceGuards &^ f.have(); missing != 0 {
		return m.read(missing)
	}
	if late`,
		"\tif late", "^TestLadderStep$/^at_the_end$"},
	{"an earlier attempt may have worked after all", lawtest.S10, "ladder.go",
		`	if late := m.workedAfterAll(); late != nil {
		return m.welcome(late)
	}
	if step, over := m.recovered(); over {
		return step
	}
	r := ruling`,
		`	if step, over := m.recovered(); over {
		return step
	}
	r := ruling`,
		"^TestLadderStep$/^StartTime_differs_late$"},
	{"a guest that reports again has recovered", "a fresh heartbeat means recovered",
		"ladder.go",
		`	if step, over := m.recovered(); over {
		return step
	}
	r := ruling`,
		"\tr := ruling", "^TestLadderStep$/^a_gap,_heartbeat_fresh$"},
	{"not while it shuts down", "the old system beats while it shuts down", "ladder.go",
		`!m.f.Instance.OK() || m.f.Instance.Value.Status != "Running" {
		return Step{}, false`,
		`!m.f.Instance.OK() {
		return Step{}, false`,
		"^TestLadderStep$/^Stopping_at_the_end,_and_the_guest_beats$"},
	{"what a guard forbids is not sent", lawtest.S4, "ladder.go",
		`	case r.reason != "":
		return m.end(r.reason, r.why).with(r.findings)
	case moving`,
		"\tcase moving", "^TestLadderStep$/^Stopping_too_late$"},
	{"nothing is sent while a guard's source is out of reach", lawtest.S4, "ladder.go",
		`case r.blind != "" || moving:`, "case moving:",
		"^TestLadderStep$/^platform_out_of_reach$"},
	{"nor while our own attempt takes effect", lawtest.S4, "ladder.go",
		`case r.blind != "" || moving:`, `case r.blind != "":`,
		"^TestLadderStep$/^Stopping_at_the_end,_and_the_guest_beats$"},
	{"a further attempt in Stopping only if ours left it there", lawtest.S4, "ladder.go",
		`case status == "Stopping" && m.stuck():`, `case status == "Stopping":`,
		"^TestLadderStep$/^Stopping_late$"},
	{"then it is sent in that state", "stuck: the ladder goes on", "ladder.go",
		`case status == "Stopping" && m.stuck():`, "case false:",
		"^TestLadderStep$/^Stopping_at_the_end$"},
	{"a transition is ours only after an accepted attempt", "not by our doing", "ladder.go",
		"ours := previous != nil && previous.accepted() || m.stuck()",
		"ours := previous != nil", "^TestLadderStep$/^Stopping_late,_unknown$"},
	{"and not for ever", "not by our doing", "ladder.go",
		`case onItsWay && ours && (status == "Starting" ||
			f.Instance.At.Before(previous.end(m.p).Add(m.p.AttemptTimeout))):`,
		"case onItsWay && ours:", "^TestLadderStep$/^Stopping_too_late$"},
	{"Starting by our doing is waited for however long", "nothing is sent into a boot",
		"ladder.go",
		`case onItsWay && ours && (status == "Starting" ||
			f.Instance.At.`,
		"case onItsWay && ours && (f.Instance.At.", "^TestLadderStep$/^Starting_late$"},
	{"in no other status anything is sent", lawtest.S4, "ladder.go",
		`r.refuse(RuleRunning, ReasonNotRunning, status)
		}
	}
	for`,
		`r.pass(RuleRunning, status)
		}
	}
	for`,
		"^TestLadderStep$/^Stopping_too_late$"},
	{"every guard is asked again before every attempt", lawtest.S4, "ladder.go",
		`	for _, rule := range live {
		rule(r)
	}
`,
		"", "^TestLadderStep$/^paused,_and_locked$"},
	{"a guest that beats while it shuts down is waited for",
		"the old system beats while it shuts down", "ladder.go",
		`if state == pulseBeating && m.p.SecondCheck && f.Instance.OK() &&
		f.Instance.Value.Status != "Running" {`,
		"if false && state == pulseBeating {",
		"^TestLadderStep$/^Stopping_at_the_end,_and_the_guest_beats$"},
	{"where heartbeats count", "REMEDY_SECOND_CHECK=none", "ladder.go",
		"if state == pulseBeating && m.p.SecondCheck && f.Instance.OK()",
		"if state == pulseBeating && f.Instance.OK()",
		"^TestLadderStep$/^Stopping_at_the_end,_and_nobody_asks_for_beats$"},
	{"a guest that beats gets nothing", lawtest.S4, "ladder.go",
		`	heartbeatRule(r)
	return moving`,
		"\treturn moving", "^TestLadder$/^alive_after_an_unknown_attempt$"},
	{"in Stopping, that is", lawtest.S4, "ladder.go",
		"return previous != nil && previous.Fate == FateFailed && previous.Stuck",
		"return previous != nil && previous.Fate == FateFailed",
		"^TestLadderStep$/^Stopping_late$"},
	{"an attempt that nobody watched needs a silent heartbeat", "unconfirmed", "ladder.go",
		"if unconfirmed && !previous.watched(m.p) {", "if false {",
		"^TestLadderStep$/^a_gap,_no_heartbeat_known$"},
	{"one that was watched does not", "unconfirmed", "ladder.go",
		"if unconfirmed && !previous.watched(m.p) {", "if unconfirmed {",
		"^TestLadderStep$/^unknown,_watched$"},
	{"no force before two graceful failures", lawtest.S3, "ladder.go",
		"force := graceful >= 2 &&", "force := graceful >= 1 &&",
		"^TestLadderStep$/^at_the_end$"},
	{"force follows after two", "the ladder", "ladder.go", "force := graceful >= 2 &&",
		"force := graceful >= 3 &&", "^TestLadderStep$/^no_gap$"},
	{"not right after one that is not confirmed", lawtest.S3, "ladder.go",
		"force := graceful >= 2 && !unconfirmed",
		"force := graceful >= 2", "^TestLadderStep$/^two_failures_and_an_unknown_one$"},
	{"force needs its own permission", "S3 and the owner's tag", "ladder.go",
		`if forceRule(r, previous); r.reason != "" {`, "if forceRule(r, previous); false {",
		"^TestLadderStep$/^refused,_Stopping_to_the_end,_and_force_is_forbidden$"},
	{"without it a stuck one is told as stuck", "the contract: stuck", "ladder.go",
		`			if m.stuck() {
				return m.fail(ReasonStuck,`,
		`			if false {
				return m.fail(ReasonStuck,`,
		"^TestLadderStep$/^refused,_Stopping_to_the_end,_and_force_is_forbidden$"},
	{"no further claim on old readings", lawtest.S4, "ladder.go",
		`	case m.stale():
		return m.afresh("the readings are too old for a claim")
`,
		"", "^TestStaleReadings$"},
	{"the pause is asked last before a further claim", lawtest.S8, "ladder.go",
		"case !f.Fleet.Read() || f.Fleet.At.Before(f.Instance.At):", "case !f.Fleet.Read():",
		"^TestLadder$/^paused$"},
	{"a fleet's record that cannot be read may hold a pause", lawtest.S8, "ladder.go",
		`	case !f.Fleet.OK():
		return m.poll(m.incident.limit(m.p))
`,
		"", "^TestLadderStep$/^fleet_out_of_reach$"},
	{"a retry that nobody watched all the time ends in its transition", lawtest.S3, "watch.go",
		`	case a.Fate != FateFailed && status == "Stopping":
`,
		`	case false:
`,
		"^TestLadderStep$/^refused,_Stopping_to_the_end,_a_gap$"},
	{"a throttled call is sent in the next minute", "the backoff", "ladder.go",
		`	if last.Throttled {
`,
		`	if false {
`,
		"^TestLadderStep$/^throttled,_early$"},
	{"the wait doubles", "the backoff", "ladder.go",
		"wait = min(2*wait, longest)", "wait = min(wait, longest)", "^TestBackoff$"},
	{"to a minute", "the backoff", "ladder.go",
		"wait = min(2*wait, longest)", "wait = min(2*wait, 2*longest)", "^TestBackoff$"},
	{"an alarm is refused only if nothing can have reached the instance",
		"the contract: refused", "ladder.go",
		`		if m.incident.Attempts[i].sent() {
			return m.fail(reason, why)`,
		`		if i < 0 {
			return m.fail(reason, why)`,
		"^TestLadderStep$/^Stopping_too_late$"},
	{"giving up says that nothing is confirmed", "the contract: unconfirmed", "ladder.go",
		"case last != nil && last.Fate == FateUnconfirmed:", "case false:",
		"^TestLadderStep$/^past_it,_unconfirmed$"},
	{"or that it is stuck", "the contract: stuck", "ladder.go",
		"case last != nil && last.Stuck:", "case false:",
		"^TestLadderStep$/^Stopping,_and_the_guest_beats,_past_the_incident's_limit$"},

	// What became of an attempt.
	{"an attempt has its whole time, from its answer", lawtest.S2, "watch.go",
		`	if a.AnsweredAt.IsZero() {
		return a.SendBefore
	}
	return a.AnsweredAt`,
		"\treturn a.ClaimedAt", "^TestLadderStep$/^before_the_end$"},
	{"one without an answer from its last moment", lawtest.S2, "watch.go",
		`		return a.SendBefore
`,
		`		return a.ClaimedAt
`,
		"^TestLadderStep$/^claimed_by_a_dead_owner,_before_the_end$"},
	{"and REMEDY_ATTEMPT_TIMEOUT long", lawtest.S2, "watch.go",
		"return a.begun().Add(p.AttemptTimeout)", "return a.begun().Add(p.AttemptTimeout / 2)",
		"^TestLadderStep$/^before_the_end$"},
	{"its time is not over before", lawtest.S2, "watch.go",
		`	if reading.At.Before(end) {
		return m.poll(end)
	}
	if !reading.OK() {
		return m.unseen`,
		`	if reading.At.Before(end.Add(-time.Nanosecond)) {
		return m.poll(end)
	}
	if !reading.OK() {
		return m.unseen`,
		"^TestLadderStep$/^before_the_end$"},
	{"what cannot be read at the end is no end", "unreadable is no", "watch.go",
		`	if !reading.OK() {
		return m.unseen(reading.Failure, reading.Note)
	}
	switch status`,
		"\tswitch status", "^TestLadder$/^an_empty_list_at_the_end$"},
	{"Starting at the end is waited for", "nothing is sent into a boot", "watch.go",
		`	case "Starting":
		return m.starting()
	case "Stopping"`,
		`	case "Stopping"`, "^TestLadderStep$/^Starting_at_the_end$"},
	{"Stopping at the end is a failure", "stuck: the ladder goes on", "watch.go",
		"\t\tif a.timeIsOver(m.p); a.Fate == FateFailed {", "\t\tif a.timeIsOver(m.p); false {",
		"^TestLadderStep$/^Stopping_at_the_end$"},
	{"if ECS is known to have taken it", lawtest.S3, "watch.go",
		"\t\tif a.timeIsOver(m.p); a.Fate == FateFailed {", "\t\tif a.timeIsOver(m.p); true {",
		"^TestLadderStep$/^Stopping_at_the_end,_unknown$"},
	{"and noted", "stuck: the ladder goes on", "watch.go",
		`			a.Stuck = true
			return m.climb()`,
		"\t\t\treturn m.climb()", "^TestLadderStep$/^Stopping_at_the_end$"},
	{"a failure was watched to its end", lawtest.S3, "watch.go",
		"return !a.LastReadAt.Before(a.end(p))", "return true",
		"^TestLadderStep$/^a_gap_above_it$"},
	{"without a gap", lawtest.S3, "watch.go",
		"if reading.At.Sub(from) <= p.Gap() && reading.At.After(a.LastReadAt) {",
		"if reading.At.After(a.LastReadAt) {", "^TestLadderStep$/^a_gap_above_it$"},
	{"up to the gap's length", "a poll may fail", "watch.go",
		"if reading.At.Sub(from) <= p.Gap() &&", "if reading.At.Sub(from) < p.Gap() &&",
		"^TestLadderStep$/^a_gap_at_the_limit$"},
	{"three polls or half a minute", "a poll may fail", "policy.go",
		"return max(3*p.Poll, 30*time.Second)", "return 3 * p.Poll",
		"^TestLadderStep$/^a_gap_at_the_limit$"},
	{"from the attempt's beginning", lawtest.S3, "watch.go",
		`		from = a.begun()
`,
		`		from = reading.At
`,
		"^TestLadderStep$/^never_read,_a_gap_above_it$"},
	{"ECS is known to have taken a failure", lawtest.S3, "watch.go",
		"known := a.Answer == AnswerAccepted || a.Answer == AnswerRejected", "known := true",
		"^TestLadderStep$/^unknown,_watched$"},
	{"or to have refused it in our own transition", lawtest.S3, "watch.go",
		"known := a.Answer == AnswerAccepted || a.Answer == AnswerRejected",
		"known := a.Answer == AnswerAccepted",
		"^TestLadderStep$/^refused,_Stopping_to_the_end$"},
	{"Starting or Stopped and then Running is a restart", lawtest.S10, "watch.go",
		"return changed || !a.LeftRunningAt.IsZero()", "return changed",
		"^TestLadderStep$/^Running_after_Starting$"},
	{"a new StartTime is a restart", lawtest.S10, "watch.go",
		"return changed || !a.LeftRunningAt.IsZero()",
		`_ = changed
	return !a.LeftRunningAt.IsZero()`,
		"^TestLadderStep$/^StartTime_differs$"},
	{"a StartTime that is missing is no new one", "unreadable is no", "watch.go",
		`changed := i.StartTime != "" && a.Before`, "changed := a.Before",
		"^TestLadderStep$/^StartTime_missing$"},
	{"nor one whose old one is not known", "unreadable is no", "watch.go",
		`a.Before.StartTime != "" && i.StartTime != a.Before.StartTime`,
		"i.StartTime != a.Before.StartTime", "^TestOpenIncident$/^lease_over$"},
	{"Stopping and back to Running is no restart", "the platform may have given up", "watch.go",
		`case "Starting", "Stopped":`, `case "Starting", "Stopped", "Stopping":`,
		"^TestLadder$/^shrugs$"},
	{"Starting is watched to the incident's limit", "nothing is sent into a boot", "watch.go",
		"if limit := m.incident.limit(m.p); m.f.Now.Before(limit) {",
		"if limit := m.incident.limit(m.p); false {", "^TestLadderStep$/^Starting_at_the_end$"},
	{"at the limit it is stuck", "the contract: stuck", "watch.go",
		"if limit := m.incident.limit(m.p); m.f.Now.Before(limit) {",
		"if limit := m.incident.limit(m.p); !m.f.Now.After(limit) {",
		"^TestLadderStep$/^Starting_at_the_incident's_limit,_a_gap$"},
	{"and the attempt is settled", "every claimed attempt is settled", "watch.go",
		`		ours.timeIsOver(m.p)
		ours.Stuck = true
`,
		"", "^TestLadderStep$/^Starting_at_the_incident's_limit$"},
	{"a guest that restarted is waited for", "restarted means that its guest reports",
		"watch.go", "beatAt(v).After(a.BackAt) {", "true {",
		"^TestLadderStep$/^Running_after_Starting$"},
	{"by a beat from after its return", "the old system beats while it shuts down", "watch.go",
		"v.clockAgrees() && beatAt(v).After(a.BackAt) {",
		"v.clockAgrees() && !beatAt(v).Before(a.BackAt) {",
		"^TestLadderStep$/^beat_at_the_return$"},
	{"on a clock that is known", "unreadable is no", "watch.go",
		"if running && v.OK() && v.clockAgrees() && beatAt", "if running && v.OK() && beatAt",
		"^TestLadderStep$/^clocks_apart$"},
	{"ours", "no beat is made to look later than it was", "watch.go",
		"return v.Value.Heartbeat.Add(v.At.Truncate(time.Second).Sub(v.Date))",
		"return v.Value.Heartbeat", "^TestLadderStep$/^ECS's_clock_is_ahead$"},
	{"without Cloud Assistant twice Running is enough", lawtest.Liveness, "watch.go",
		"if running && i.At.After(a.BackAt) && m.speechless(a) {", "if false {",
		"^TestLadderStep$/^never_reported,_second_reading$"},
	{"twice", "restarted means that its guest reports", "watch.go",
		"if running && i.At.After(a.BackAt) && m.speechless(a) {",
		"if running && m.speechless(a) {", "^TestLadderStep$/^never_reported,_first_reading$"},
	{"Running", "restarted means that its guest reports", "watch.go",
		"if running && i.At.After(a.BackAt) && m.speechless(a) {",
		"if i.At.After(a.BackAt) && m.speechless(a) {",
		"^TestLadderStep$/^never_reported,_not_Running$"},
	{"unless heartbeats may not be read and are not needed", lawtest.Liveness, "watch.go",
		"v.Failure == FailureForbidden && !m.p.SecondCheck", "false",
		"^TestLadderStep$/^denied,_no_second_check$"},
	{"the boot grace is its time", lawtest.S10, "watch.go",
		"end := a.BackAt.Add(m.p.BootGrace)", "end := a.BackAt",
		"^TestLadderStep$/^Running_after_Starting$"},
	{"what cannot be read then is looked at again", "unreadable is no", "watch.go",
		`	case !i.OK():
		return m.unseen(i.Failure, i.Note)
	case i.Value`,
		"\tcase i.Value", "^TestLadderStep$/^gone_after_the_grace$"},
	{"on its way down again it is stuck", "the contract: stuck", "watch.go",
		`case i.Value.Status == "Stopping" || i.Value.Status == "Starting":`, "case false:",
		"^TestLadderStep$/^Starting_after_the_grace$"},
	{"off it is not-running", "the contract: not-running", "watch.go",
		`	case !running:
`,
		`	case false:
`,
		"^TestLadderStep$/^Stopped_after_the_grace$"},
	{"heartbeats that cannot be read are no silence", "unreadable is no", "watch.go",
		`	case !v.OK():
		return m.unseen(v.Failure, v.Note)
`,
		"", "^TestLadderStep$/^unreadable_after_the_grace$"},
	{"a refusal ends the incident", "the ladder", "watch.go",
		`	if a.Reason != ReasonNotRunning {
		return m.end(cmp.Or(a.Reason, ReasonRejected),`,
		`	if false {
		return m.end(cmp.Or(a.Reason, ReasonRejected),`,
		"^TestLadder$/^rejected_at_once$"},
	{"one as not Running is looked into", lawtest.S3, "watch.go",
		`	if a.Reason != ReasonNotRunning {
		return m.end(`,
		`	if true {
		return m.end(`,
		"^TestLadderStep$/^refused,_Stopping_before_its_end$"},
	{"an empty list may be a slip then", "a poll may fail", "watch.go",
		`		if reading.At.Before(end) {
			return m.poll(end) // an empty list`,
		`		if false {
			return m.poll(end) // an empty list`,
		"^TestLadderStep$/^refused,_gone_for_a_moment$"},
	{"a refused attempt is watched as well", lawtest.S3, "watch.go",
		`	a.see(m.p, reading)
	ours,`,
		"\tours,", "^TestLadder$/^shuts_down_in_20_minutes,_API_refuses$"},
	{"the attempt before it may work after all", lawtest.S10, "watch.go",
		`		if ours.Fate == FateWorked {
			return m.welcome(ours)
		}
`,
		"", "^TestLadderStep$/^refused,_and_back_after_Starting$"},
	{"refused though it is Running", "once is a hiccup", "watch.go",
		`	case status == "Running" && !a.Stuck:
		return m.refusedThoughRunning(a)
`,
		"", "^TestLadderStep$/^refused,_Running$"},
	{"unless it was Stopping before", lawtest.S3, "watch.go",
		`case status == "Running" && !a.Stuck:`, `case status == "Running":`,
		"^TestLadderStep$/^refused,_Stopping_and_then_Running,_before_its_end$"},
	{"refused in another status", "the contract: not-running", "watch.go",
		`	case status != "Stopping" && status != "Starting":
		return m.end(ReasonNotRunning, "it is "+status)
`,
		"", "^TestLadderStep$/^refused,_Stopped,_after_a_failure$"},
	{"refused in a transition that is not ours", lawtest.S3, "watch.go",
		`	case ours == nil:
`,
		`	case false:
`,
		"^TestLadderStep$/^refused,_Stopping_by_others$"},
	{"refused in Starting", "nothing is sent into a boot", "watch.go",
		`	case status == "Starting":
		return m.starting()
	}
	// The`,
		`	}
	// The`,
		"^TestLadderStep$/^refused,_Starting_by_us$"},
	{"a refused retry has its whole time", lawtest.S3, "watch.go",
		`	if reading.At.Before(end) {
		return m.poll(end)
	}
	a.timeIsOver(m.p)
`,
		`	a.timeIsOver(m.p)
`,
		"^TestLadderStep$/^refused,_Stopping_before_its_end$"},
	{"a refused force is watched to the incident's limit", "a machine that obeys gets its time",
		"watch.go",
		`	if a.Force {
		end = m.incident.limit(m.p)
	}
`,
		"", "^TestLadderStep$/^refused_force,_Stopping_by_us$"},
	{"and then it is over", "the ladder", "watch.go",
		`	case a.Force:
		return m.fail(ReasonStuck`,
		`	case false:
		return m.fail(ReasonStuck`,
		"^TestScenarios$/^stuck$"},
	{"Running it did not restart", "the contract: not-recovered", "watch.go",
		`case a.Force && status == "Running":`, "case false:",
		"^TestLadderStep$/^refused_force,_Running_again_at_the_incident's_limit$"},
	{"refused twice though Running is an answer", "once is a hiccup", "watch.go",
		"if e.Answer == AnswerNotExecuted && e.Reason == ReasonNotRunning {", "if e == nil {",
		"^TestLadderStep$/^refused,_Running,_for_the_second_time$"},
	{"an attempt that was not sent cannot have worked", "S10 gives the credit to what was sent",
		"watch.go", "a.sent() && a.returned(&reading.Value) {", "a.returned(&reading.Value) {",
		"^TestLadderStep$/^StartTime_of_an_attempt_that_was_not_executed$"},
	{"a heartbeat is ours only after an accepted attempt", "guest-alive", "watch.go",
		"return state == pulseBeating && m.p.SecondCheck && m.lastAccepted() != nil",
		"return state == pulseBeating && m.p.SecondCheck && len(m.incident.Attempts) > 0 && " +
			"m.counted() != nil",
		"^TestLadder$/^alive_after_an_unknown_attempt$"},
	{"the attempt gets the credit", "a recovery is ours", "watch.go",
		`	m.lastAccepted().Fate = FateWorked
`,
		"", "^TestLadderStep$/^a_gap,_heartbeat_fresh$"},
	{"not there is an answer", "the contract: not-found", "watch.go",
		"case failure == FailureMissing:", "case false:",
		"^TestLadderStep$/^gone_after_the_grace$"},
	{"everything else is looked at again until the limit", "unreadable is no", "watch.go",
		"case m.f.Now.Before(m.incident.limit(m.p)):", "case false:",
		"^TestLadderStep$/^unreadable_after_the_grace$"},
	{"and then it ends", lawtest.Liveness, "watch.go",
		"case m.f.Now.Before(m.incident.limit(m.p)):", "case true:",
		"^TestLadderStep$/^unreadable_at_the_limit$"},
	{"as forbidden where it is", "the contract: forbidden", "watch.go",
		`	case failure == FailureForbidden:
		return m.end(ReasonForbidden, note)
`,
		"", "^TestLadder$/^forbidden_for_good$"},

	// The guards.
	{"every finding is kept, and the first refusal is the reason", "a refusal can be explained",
		"guards.go",
		`	if r.reason == "" {
		r.reason, r.why = reason, saw`,
		`	if true {
		r.reason, r.why = reason, saw`,
		"^TestOpening$/^not_redelivered,_its_incident_has_ended$"},
	{"a source that is forbidden refuses", "unreadable is no", "guards.go",
		`	case FailureForbidden:
		r.refuse(rule, ReasonForbidden, note)
`,
		`	case FailureForbidden:
`,
		"^TestOpening$/^denied$"},
	{"what is not in the answer refuses", "unreadable is no", "guards.go",
		`	case FailureMissing:
		r.refuse(rule, missing, note)
`,
		`	case FailureMissing:
`,
		"^TestOpening$/^missing$"},
	{"what is out of reach opens nothing yet", "unreadable is no", "guards.go",
		`		if r.blind == "" {
			r.blind = note
		}
`,
		"", "^TestOpening$/^no_fleet's_record,_and_a_sign_that_is_out_of_reach$"},
	{"what is not understood refuses", "unreadable is no", "guards.go",
		`	default:
		r.refuse(rule, ReasonUnreadable, note)
`,
		`	default:
`,
		"^TestOpening$/^no_fleet's_record,_and_a_garbled_sign$"},
	{"what went wrong is told", "a refusal can be explained", "guards.go",
		`	if note == "" {
		note = string(failure)
	}
`,
		"", "^TestOpening$/^missing$"},
	{"events have no rule", "the guards", "guards.go",
		`	if a.Event != "" {
		r.pass(RuleAlarmRule, a.Event)
		return
	}
`,
		"", "^TestOpening$/^an_event_has_no_rule$"},
	{"REMEDY_RULES", "deny is the default", "guards.go", "if !matches(r.p.Rules, a.Name) {",
		"if false {", "^TestOpening$/^rule_longer$"},
	{"REMEDY_LEVELS", "deny is the default", "guards.go",
		`	case slices.Contains(r.p.Levels, a.Level):
`,
		`	case true || slices.Contains(r.p.Levels, a.Level):
`,
		"^TestOpening$/^level_warn$"},
	{"missing data has no level", "the guards", "guards.go",
		"case a.State == events.StateInsufficientData:", "case false:",
		"^TestOpening$/^no_data_from_the_agent$"},
	{"an alarm says whose instance it is", "deny is the default", "guards.go",
		`	case account == "":
		r.refuse(RuleAccount, ReasonWrongAccount, unowned(&r.f.Alarm))
`,
		`	case account == "":
`,
		"^TestOpening$/^no_account$"},
	{"ours", "deny is the default", "guards.go", "case account != r.f.Account:", "case false:",
		"^TestOpening$/^another_account$"},
	{"the finding account", "a refusal can be explained", "guards.go",
		`		r.pass(RuleAccount, account)
`,
		"", "^TestFindings$"},
	{"an alarm without a time", "unreadable is no", "guards.go", "case a.Time.IsZero():",
		"case false:", "^TestOpening$/^no_time$"},
	{"an alarm of the future", "unreadable is no", "guards.go",
		`case age < -MaxSkew:
		r.refuse`,
		`case false:
		r.refuse`,
		"^TestOpening$/^more_than_that$"},
	{"two minutes of it are clocks that differ", "a clock may differ a little", "guards.go",
		`case age < -MaxSkew:
		r.refuse`,
		`case age <= -MaxSkew:
		r.refuse`,
		"^TestOpening$/^2_minutes_ahead$"},
	{"an alarm that is too old", lawtest.S5, "guards.go", "case age > r.p.AlarmMaxAge:",
		"case false:", "^TestOpening$/^age_above_it$"},
	{"at the limit it is not", "at the limit is within it", "guards.go",
		"case age > r.p.AlarmMaxAge:", "case age >= r.p.AlarmMaxAge:",
		"^TestOpening$/^age_at_the_limit$"},
	{"the finding alarm-age", "a refusal can be explained", "guards.go",
		`		r.pass(RuleAlarmAge, Age(age))
`,
		"", "^TestFindings$"},
	{"mode off, as a finding", lawtest.S8, "guards.go",
		`		r.refuse(RuleMode, ReasonPaused, "mode "+string(r.p.Mode))
		return
`,
		"", "^TestFindings$"},
	{"the finding mode", "a refusal can be explained", "guards.go",
		`	r.pass(RuleMode, string(r.p.Mode))
`,
		"", "^TestFindings$"},
	{"without windows it is always open", "the guards", "guards.go",
		`	if len(r.p.Windows) == 0 {
		r.pass(RuleWindow, "always open")
		return
	}
`,
		"", "^TestOpening$/^a_hang$"},
	{"in a window it is open", "the guards", "guards.go",
		`		if window.Open(r.f.Now) {
			r.pass(`,
		`		if false && window.Open(r.f.Now) {
			r.pass(`,
		"^TestOpening$/^window_opens$"},
	{"outside it is not", "the guards", "guards.go",
		`	r.refuse(RuleWindow, ReasonOutsideWindow, "no window of REMEDY_WINDOWS is open")
`,
		"", "^TestOpening$/^window_not_open_yet$"},
	{"the same alarm opens one incident", lawtest.S6, "guards.go",
		`		r.refuse(
			RuleDuplicate,
			ReasonDuplicateAlarm,
			"this alarm opened an incident that has ended",
		)
		return
`,
		"", "^TestOpening$/^duplicate$"},
	{"the finding duplicate", "a refusal can be explained", "guards.go",
		`	r.pass(RuleDuplicate, "a new alarm")
`,
		"", "^TestFindings$"},
	{"an alarm from before the last recovery", lawtest.S5, "guards.go",
		"case r.f.Alarm.Time.Before(recovered):", "case false:",
		"^TestOpening$/^before_the_last_recovery$"},
	{"of its second", "an alarm has its time to the second", "guards.go",
		"recovered().Truncate(time.Second)", "recovered()",
		"^TestOpening$/^in_the_second_of_the_last_recovery$"},
	{"and where nothing recovered", "a refusal can be explained", "guards.go",
		`		r.pass(RuleLastRecovery, "none known")
`,
		"", "^TestFindings$"},
	{"the cool-down", lawtest.S6, "guards.go", "case r.f.Now.Before(until):", "case false:",
		"^TestOpening$/^cooling_down$"},
	{"at its end it is over", "at the limit is within it", "guards.go",
		"case r.f.Now.Before(until):", "case !r.f.Now.After(until):",
		"^TestOpening$/^cooled_down$"},
	{"the finding cool-down", "a refusal can be explained", "guards.go",
		`		r.pass(RuleCoolDown, "no incident before")
`,
		"", "^TestFindings$"},
	{"the budget of incidents", lawtest.S6, "guards.go", "if spent >= r.p.MaxIncidents {",
		"if false {", "^TestOpening$/^budget_spent$"},
	{"no more than that", lawtest.S6, "guards.go", "if spent >= r.p.MaxIncidents {",
		"if spent > r.p.MaxIncidents {", "^TestOpening$/^budget_spent$"},
	{"the finding incidents", "a refusal can be explained", "guards.go",
		`	r.pass(RuleIncidents, saw)
`,
		"", "^TestFindings$"},
	{"a fleet's record that cannot be read may hold a pause", lawtest.S8, "guards.go",
		`		r.unread(RulePause, r.f.Fleet.Failure, ReasonUnreadable, "the ledger: "+r.f.Fleet.Note)
`,
		"", "^TestOpening$/^fleet_out_of_reach$"},
	{"the pause", lawtest.S8, "guards.go",
		`		r.refuse(RulePause, ReasonPaused, pause.Reason)
		return
`,
		"", "^TestOpening$/^paused$"},
	{"and once more before the first claim", lawtest.S8, "protocol.go",
		"if f.Fleet.At.Before(f.Instance.At) {", "if false {",
		"^TestScenarios$/^paused_while_evidence_is_kept$"},
	{"the finding pause", "a refusal can be explained", "guards.go",
		`	r.pass(RulePause, "none")
`,
		"", "^TestFindings$"},
	{"whose incident an operator closed gives back a slot that it took meanwhile",
		"a free slot goes to the oldest", "protocol.go",
		"return m.over(ended), true",
		"m.ended = ended\n\t\treturn answer(ended.Verdict, ended.Reason, ended.Why), true",
		"^TestNotAsWeLeftIt$"},
	{"the finding fleet", "a refusal can be explained", "guards.go",
		`	r.pass(RuleFleet, saw)
`,
		"", "^TestFindings$"},
	{"an instance that is not there", lawtest.S4, "guards.go",
		`		r.unread(RuleFound, m.Failure, ReasonNotFound, m.Note)
`,
		"", "^TestOpening$/^missing$"},
	{"the finding found", "a refusal can be explained", "guards.go",
		`	r.pass(RuleFound, r.f.Instance.Value.Name)
`,
		"", "^TestFindings$"},
	{"an instance that is not Running", lawtest.S4, "guards.go",
		`		r.refuse(RuleRunning, ReasonNotRunning, status)
		return
`,
		"", "^TestOpening$/^Stopped$"},
	{"the finding running", "a refusal can be explained", "guards.go",
		`	r.pass(RuleRunning, "Running")
`,
		"", "^TestFindings$"},
	{"a list of locks that cannot be read", lawtest.S4, "guards.go",
		`		r.refuse(RuleSecurityLock, ReasonUnreadable, "OperationLocks is missing or malformed")
		return
`,
		"", "^TestOpening$/^locks_unknown$"},
	{"a security lock is named as one", "the contract: security-locked", "guards.go",
		`		if strings.EqualFold(strings.TrimSpace(lock), "security") {
`,
		`		if lock == "security" {
`,
		"^TestOpening$/^security_lock_in_capitals$"},
	{"a security lock", lawtest.S4, "guards.go",
		`		r.refuse(RuleSecurityLock, ReasonSecurityLocked, security)
`,
		"", "^TestOpening$/^security_lock$"},
	{"the finding security-lock", "a refusal can be explained", "guards.go",
		`		r.pass(RuleSecurityLock, security)
`,
		"", "^TestFindings$"},
	{"every other lock", lawtest.S4, "guards.go",
		`		r.refuse(RuleOtherLock, ReasonLocked, other)
`,
		"", "^TestOpening$/^financial_lock$"},
	{"the finding other-lock", "a refusal can be explained", "guards.go",
		`		r.pass(RuleOtherLock, other)
`,
		"", "^TestFindings$"},
	{"pay as you go does not expire", "a date in 2099 means nothing", "guards.go",
		`	case m.ChargeType == "PostPaid":
		r.pass(RuleExpiry, "PostPaid")
`,
		"", "^TestOpening$/^a_hang$"},
	{"a charge type of tomorrow", "unreadable is no", "guards.go",
		`		r.refuse(RuleExpiry, ReasonUnreadable, "charge type "+quoted(m.ChargeType))
`,
		"", "^TestOpening$/^no_charge_type$"},
	{"a subscription without a date", "unreadable is no", "guards.go",
		`		r.refuse(RuleExpiry, ReasonUnreadable, "PrePaid without an ExpiredTime that can be read")
`,
		"", "^TestOpening$/^subscription_without_a_date$"},
	{"a date on a clock that is not known", "unreadable is no", "guards.go",
		`	case !r.f.Instance.clockAgrees():
		r.refuse(RuleExpiry, ReasonUnreadable, clockDispute)
`,
		"", "^TestOpening$/^clocks_further_apart$"},
	{"a subscription that has run out", lawtest.S4, "guards.go",
		`		r.refuse(RuleExpiry, ReasonExpired, "since "+stamp(m.ExpiredTime))
`,
		"", "^TestOpening$/^subscription_at_its_end$"},
	{"at its second", lawtest.S4, "guards.go", "case !r.f.Instance.Date.Before(m.ExpiredTime):",
		"case r.f.Instance.Date.After(m.ExpiredTime):",
		"^TestOpening$/^subscription_at_its_end$"},
	{"the finding expiry", "a refusal can be explained", "guards.go",
		`		r.pass(RuleExpiry, "PostPaid")
`,
		"", "^TestFindings$"},
	{"graceful is no force", "S3 and the owner's tag", "guards.go",
		`case value == string(GrantGraceful):
		return GrantGraceful, value`,
		`case value == string(GrantGraceful):
		return GrantFull, value`,
		"^TestForesee$"},
	{"the whole ladder is", "the owner's tag", "guards.go", "case value == string(GrantFull):",
		"case false:", "^TestOpening$/^a_hang$"},
	{"no other value grants anything", "deny is the default", "guards.go",
		`return GrantNone, p.OptInTag + "=" + quoted(value)`,
		`return GrantFull, p.OptInTag + "=" + quoted(value)`, "^TestOpening$/^True$"},
	{"an instance that is not opted in", lawtest.S4, "guards.go",
		`		r.refuse(RuleOptIn, ReasonNotOptedIn, saw)
		return
`,
		"", "^TestOpening$/^True$"},
	{"the finding opt-in", "a refusal can be explained", "guards.go",
		`	r.pass(RuleOptIn, saw)
`,
		"", "^TestFindings$"},
	{"platform events that cannot be read", lawtest.S4, "guards.go",
		`		r.unread(RulePlatform, platform.Failure, ReasonUnreadable, platform.Note)
`,
		"", "^TestOpening$/^platform_denied$"},
	{"a status that was not asked for", "unreadable is no", "guards.go",
		`case e.Status != "Executing" && e.Status != "Scheduled" && e.Status != "Inquiring":`,
		"case false:", "^TestOpening$/^status_unknown$"},
	{"a status in ECS's own case", "unreadable is no", "guards.go",
		`case e.Status != "Executing" && e.Status != "Scheduled" && e.Status != "Inquiring":`,
		`case !strings.EqualFold(e.Status, "Executing") && !strings.EqualFold(e.Status, ` +
			`"Scheduled") && !strings.EqualFold(e.Status, "Inquiring"):`,
		"^TestOpening$/^status_in_another_case$"},
	{"a status that was not asked for, whatever the type", "unreadable is no", "guards.go",
		`case e.Status != "Executing" && e.Status != "Scheduled" && e.Status != "Inquiring":`,
		`case e.Status != "Executing" && e.Status != "Scheduled" && e.Status != "Inquiring" &&
			!curesType(e.Type):`,
		"^TestOpening$/^status_unknown_of_our_own_reason$"},
	{"Executing ones were asked for", "the guards", "guards.go",
		`case e.Status != "Executing" && e.Status != "Scheduled"`, `case e.Status != "Scheduled"`,
		"^TestOpening$/^our_own_reason$"},
	{"Scheduled ones were asked for", "the guards", "guards.go",
		` && e.Status != "Scheduled" && e.Status != "Inquiring":`,
		` && e.Status != "Inquiring":`, "^TestOpening$/^planned_later$"},
	{"Inquiring ones were asked for", "the guards", "guards.go",
		` && e.Status != "Scheduled" && e.Status != "Inquiring":`,
		` && e.Status != "Scheduled":`, "^TestOpening$/^inquired,_later$"},
	{"the reason that we are here does not block", "the guards", "guards.go",
		"case curesType(e.Type):", "case false:", "^TestOpening$/^our_own_reason$"},
	{"the platform acts", lawtest.S4, "guards.go", `case e.Status == "Executing":`, "case false:",
		"^TestOpening$/^unknown_type$"},
	{"only announced types may act soon", "the guards", "guards.go",
		"case !planned(e.Type):", "case false:", "^TestOpening$/^unknown_type,_planned$"},
	{"only an inquiry", "unreadable is no", "guards.go",
		`case e.NotBefore.IsZero() && e.Status == "Inquiring":`, "case e.NotBefore.IsZero():",
		"^TestOpening$/^planned_for_an_unknown_time$"},
	{"a time on a clock that is not known", "unreadable is no", "guards.go",
		`		case !platform.clockAgrees():
`,
		`		case false:
`,
		"^TestOpening$/^planned,_no_clock$"},
	{"an action within 30 minutes", "the platform is about to act", "guards.go",
		"case e.NotBefore.Sub(platform.Date) <= platformSoon:", "case false:",
		"^TestOpening$/^planned_in_30_minutes$"},
	{"not 30 minutes and more", "the platform is about to act", "guards.go",
		"case e.NotBefore.Sub(platform.Date) <= platformSoon:",
		"case e.NotBefore.Sub(platform.Date) < platformSoon:",
		"^TestOpening$/^planned_in_30_minutes$"},
	{"the finding platform", "a refusal can be explained", "guards.go",
		`	r.pass(RulePlatform, waits)
`,
		`	_ = waits
`,
		"^TestFindings$"},
	{"a host's failure is", "the platform is about to act", "guards.go",
		`strings.HasPrefix(eventType, "SystemFailure.") ||`, "", "^TestOpening$/^inquired$"},
	{"a planned maintenance is", "the platform is about to act", "guards.go",
		`strings.HasPrefix(eventType, "SystemFailure.") ||
		strings.HasPrefix(eventType, "SystemMaintenance.")`,
		`strings.HasPrefix(eventType, "SystemFailure.")`,
		"^TestOpening$/^planned_in_30_minutes$"},
	{"heartbeats that cannot be read tell nothing", "unreadable is no", "guards.go",
		`	if !v.OK() {
		return pulseUnsettled, v.Note`,
		`	if false {
		return pulseUnsettled, v.Note`,
		"^TestOpening$/^heartbeat_denied$"},
	{"none was ever heard", "the guards", "guards.go",
		`	if v.Value.Heartbeat.IsZero() {
		return pulseUnheard,`,
		`	if false {
		return pulseUnheard,`,
		"^TestOpening$/^never_reported,_no_clock$"},
	{"a heartbeat of the future", "unreadable is no", "guards.go",
		`case age < -MaxSkew:
		return pulseUnsettled`,
		`case false:
		return pulseUnsettled`,
		"^TestOpening$/^a_beat_further_ahead$"},
	{"two minutes of it are clocks that differ", "a clock may differ a little", "guards.go",
		`case age < -MaxSkew:
		return pulseUnsettled`,
		`case age <= -MaxSkew:
		return pulseUnsettled`,
		"^TestOpening$/^a_beat_2_minutes_ahead$"},
	{"a fresh heartbeat", lawtest.S4, "guards.go", "case age < p.HeartbeatFresh:",
		"case false:", "^TestOpening$/^out_of_reach,_and_alive$"},
	{"at the limit it is not fresh", "the guards", "guards.go", "case age < p.HeartbeatFresh:",
		"case age <= p.HeartbeatFresh:", "^TestOpening$/^silent$"},
	{"where no heartbeat counts none is asked", "REMEDY_SECOND_CHECK=none", "guards.go",
		`	case !r.p.SecondCheck:
`,
		`	case false:
`,
		"^TestOpening$/^unchecked,_beating$"},
	{"a guest that is alive does not hang", lawtest.S4, "guards.go",
		`		r.refuse(RuleHeartbeat, ReasonGuestAlive, saw)
`,
		"", "^TestOpening$/^out_of_reach,_and_alive$"},
	{"a heartbeat that cannot be read", "unreadable is no", "guards.go",
		`		r.unread(RuleHeartbeat, r.f.Vitals.Failure, ReasonUnreadable, saw)
`,
		"", "^TestOpening$/^heartbeat_denied$"},
	{"or not be understood", "unreadable is no", "guards.go",
		`	case state == pulseUnsettled:
		r.refuse(RuleHeartbeat, ReasonUnreadable, saw)
`,
		"", "^TestOpening$/^a_beat_further_ahead$"},
	{"the finding heartbeat", "a refusal can be explained", "guards.go",
		`		r.pass(RuleHeartbeat, saw)
`,
		"", "^TestFindings$"},
	{"a strong alarm needs no second signal", "the guards", "guards.go",
		"if !weak(r.f.Alarm) || !r.p.SecondCheck {", "if !r.p.SecondCheck {",
		"^TestOpening$/^never_reported$"},
	{"where heartbeats do not count none is needed", "REMEDY_SECOND_CHECK=none", "guards.go",
		"if !weak(r.f.Alarm) || !r.p.SecondCheck {", "if !weak(r.f.Alarm) {",
		"^TestOpening$/^unchecked,_weak,_never_reported$"},
	{"an agent that never reported cannot fall silent", "a weak alarm needs a second signal",
		"guards.go",
		`		r.refuse(RuleHang, ReasonUnconfirmedHang, "the alarm is weak, and "+saw)
`,
		"", "^TestOpening$/^weak,_never_reported$"},
	{"the finding hang", "a refusal can be explained", "guards.go",
		`		r.pass(RuleHang, saw)
`,
		"", "^TestFindings$"},
	{"REMEDY_FORCE=never", "the operator allows force", "guards.go",
		`	case !r.p.Force:
`,
		`	case false:
`,
		"^TestLadderStep$/^refused,_Stopping_to_the_end,_and_force_is_forbidden$"},
	{"force needs the whole grant", "S3 and the owner's tag", "guards.go",
		`	case grant != GrantFull:
`,
		`	case false && grant != GrantFull:
`,
		"^TestLadderStep$/^two_failures,_graceful_tag$"},

	// Curable.
	{"a product's own event", "deny is the default", "curable.go",
		"if row.Event == event && row.Product == product {", "if row.Event == event {",
		"^TestOpening$/^agent_stopped,_another_product$"},
	{"missing data is weak", "a weak alarm needs a second signal", "curable.go",
		".Weak || a.Weak || a.State == events.StateInsufficientData", ".Weak || a.Weak",
		"^TestOpening$/^no_data,_never_reported$"},
	{"CloudMonitor's silent agent is weak", "a weak alarm needs a second signal", "curable.go",
		"return curable(a.Product, a.Event).Weak || a.Weak || " +
			"a.State == events.StateInsufficientData",
		"return a.Weak || a.State == events.StateInsufficientData",
		"^TestOpening$/^weak,_never_reported$"},

	// Records.
	{"an end leaves no owner", "the stored form", "record.go",
		`	done.Owner, done.LeaseUntil = "", time.Time{}
`,
		"", "^TestRecordChanges$"},
	{"an end is remembered", lawtest.S6, "record.go",
		`	r.Recent = append(slices.Clone(r.Recent), done)
`,
		`	r.Recent = slices.Clone(r.Recent)
`,
		"^TestOpening$/^observe$"},
	{"as long as it matters", "the stored form", "record.go",
		"return now.Sub(i.EndedAt) >= p.Retention()",
		"return now.Sub(i.EndedAt) > p.Retention()", "^TestRecordRetention$"},
	{"not shorter", lawtest.S6, "record.go", "return now.Sub(i.EndedAt) >= p.Retention()",
		"return now.Sub(i.EndedAt) >= p.Retention()/2", "^TestRecordRetention$"},
	{"so are keys of alarms", "the stored form", "record.go",
		"if now.Sub(at) < p.KeyRetention() {", "if now.Sub(at) <= p.KeyRetention() {",
		"^TestRecordRetention$"},
	{"one closes the incident that one names", "the operator", "record.go",
		"if r.Open == nil || r.Open.ID != incident {", "if r.Open == nil {",
		"^TestRecordChanges$"},
	{"a reset waits for the open incident", "the operator", "record.go",
		`	if r.Open != nil {
		return r, 0, false`,
		`	if false {
		return r, 0, false`,
		"^TestRecordChanges$"},
	{"a reset tells how many it forgave", "the operator", "record.go",
		`		if !r.Recent[i].Forgiven {
`,
		`		if true {
`,
		"^TestRecordChanges$"},
	{"only a restart is a recovery", "S5 is about recoveries", "record.go",
		"e.Verdict == VerdictRestarted && e.EndedAt.After(last)", "e.EndedAt.After(last)",
		"^TestOpening$/^an_opening_that_nobody_claimed$"},
	{"the last recovery", lawtest.S5, "record.go",
		"e.Verdict == VerdictRestarted && e.EndedAt.After(last)",
		"e.Verdict == VerdictRestarted", "^TestRecordCounts$"},
	{"a forgiven incident has no cool-down", "the operator", "record.go",
		"!e.Forgiven && e.EndedAt.After(last)", "e.EndedAt.After(last)",
		"^TestOpening$/^redelivered,_its_opening_was_void$"},
	{"the last end", lawtest.S6, "record.go", "!e.Forgiven && e.EndedAt.After(last)",
		"!e.Forgiven", "^TestRecordCounts$"},
	{"a forgiven incident is not spent", "the operator", "record.go",
		"!e.Forgiven && e.OpenedAt.After(since)", "e.OpenedAt.After(since)", "^TestSpentUntil$"},
	{"nor one from before the window", "the budget", "record.go",
		"!e.Forgiven && e.OpenedAt.After(since)", "!e.Forgiven", "^TestOpening$/^budget_left$"},
	{"to the nanosecond", "the budget", "record.go", "!e.Forgiven && e.OpenedAt.After(since)",
		"!e.Forgiven && !e.OpenedAt.Before(since)", "^TestOpening$/^budget_left$"},
	{"without an incident there is no cool-down", "the operator's view", "record.go",
		`	if ended.IsZero() {
		return ended
	}
`,
		"", "^TestSpentUntil$"},
	{"below the budget one may at once", "the operator's view", "record.go",
		"if r.Spent(now.Add(-p.IncidentWindow)) < p.MaxIncidents {",
		"if r.Spent(now.Add(-p.IncidentWindow)) <= p.MaxIncidents {", "^TestSpentUntil$"},
	{"forgiven ones do not fill it", "the operator's view", "record.go",
		`		if e := &r.Recent[i]; !e.Forgiven {
			opened`,
		`		if e := &r.Recent[i]; true {
			opened`,
		"^TestRecordSpentUntil$"},
	{"a rehearsal that was refused is no void opening", "the stored form", "record.go",
		"return i.Verdict == VerdictRefused && len(i.Attempts) == 0",
		"return i.Verdict == VerdictRefused", "^TestFleetChanges$"},
	{"nor is one that was observed", lawtest.S6, "record.go",
		"return i.Verdict == VerdictRefused && len(i.Attempts) == 0",
		"return len(i.Attempts) == 0", "^TestRecordVoid$"},
	{"a rejected attempt stays rejected", "the contract: outcome", "incident.go",
		`	case a.Answer == AnswerRejected:
		return OutcomeRejected`,
		`	case false:
		return OutcomeRejected`,
		"^TestLadder$/^shuts_down_in_20_minutes,_API_refuses$"},
	{"a change shares no attempts with its origin", "the caller's record stays as it was",
		"incident.go", "append(make([]Attempt, 0, len(i.Attempts)+1), i.Attempts...)",
		"i.Attempts", "^TestRecordChanges$"},
	{"what cannot have been sent is not unconfirmed", "the contract: outcome", "incident.go",
		"if a.Fate == FateOpen && a.sent() {", "if a.Fate == FateOpen {",
		"^TestRecordEndSettlesAttempts$"},
	{"what has its fate keeps it", "the contract: outcome", "incident.go",
		"if a.Fate == FateOpen && a.sent() {", "if a.sent() {",
		"^TestRecordEndSettlesAttempts$"},
	{"a rejected attempt was not sent", "the contract: refused", "incident.go",
		"return a.Answer != AnswerRejected && a.Answer != AnswerNotExecuted",
		"return a.Answer != AnswerNotExecuted", "^TestRecordEndSettlesAttempts$"},
	{"nor one that was not executed", "the contract: refused", "incident.go",
		"return a.Answer != AnswerRejected && a.Answer != AnswerNotExecuted",
		"return a.Answer != AnswerRejected", "^TestRecordEndSettlesAttempts$"},

	// The fleet's record.
	{"an ended pause is over", "the operator", "fleet.go",
		"return !p.Since.IsZero() && (p.Until.IsZero() || now.Before(p.Until))",
		"return !p.Since.IsZero()", "^TestFleetChanges$"},
	{"a pause without an end goes on", lawtest.S8, "fleet.go",
		"return !p.Since.IsZero() && (p.Until.IsZero() || now.Before(p.Until))",
		"return !p.Since.IsZero() && now.Before(p.Until)", "^TestFleetChanges$"},
	{"a pause's end is its end", "the operator", "fleet.go",
		"return !p.Since.IsZero() && (p.Until.IsZero() || now.Before(p.Until))",
		"return !p.Since.IsZero() && (p.Until.IsZero() || !now.After(p.Until))",
		"^TestFleetChanges$"},
	{"beginnings of an hour ago are forgotten", "the stored form", "fleet.go",
		`		return !b.counts(now)
`,
		`		return false && !b.counts(now)
`,
		"^TestFleetChanges$"},
	{"not earlier", lawtest.S6, "fleet.go", "return now.Sub(b.At) < time.Hour && b",
		"return now.Sub(b.At) < time.Hour/2 && b", "^TestFleetChanges$"},
	{"nor later", lawtest.S6, "fleet.go", "return now.Sub(b.At) < time.Hour && b",
		"return now.Sub(b.At) <= time.Hour && b", "^TestFleetChanges$"},
	{"an owner's slot whose record is missing says that it was lost", lawtest.S8, "fleet.go",
		`	if fl.Revision == 0 {
`,
		`	if false {
`,
		"^TestFleetChanges$"},
	{"only then", lawtest.S8, "fleet.go",
		`	if fl.Revision == 0 {
`,
		`	if true {
`,
		"^TestFleetChanges$"},
	{"a resumption ends that, too", "the operator", "fleet.go",
		"fl.Paused, fl.Lost = Pause{}, time.Time{}", "fl.Paused = Pause{}",
		"^TestFleetChanges$"},
	{"one incident's slot is given back", lawtest.S6, "fleet.go",
		"func(s Slot) bool { return s.Incident == ended.ID })",
		"func(s Slot) bool { return true })", "^TestFleetChanges$"},
	{"and its beginnings", "the caller's record stays as it was", "fleet.go",
		`slices.DeleteFunc(slices.Clone(fl.Begun), func(b Begun) bool {
		return !b`,
		`slices.DeleteFunc(fl.Begun, func(b Begun) bool {
		return !b`,
		"^TestFleetChanges$"},
	{"a resumption tells whether there was a pause", "the operator", "fleet.go",
		`	paused := fl.Paused.On(now)
`,
		`	paused := fl.Paused != Pause{}
`,
		"^TestFleetChanges$"},
	{"a pause is written anew once a day", lawtest.S8, "fleet.go",
		"if now.Sub(fl.Written) <= 24*time.Hour {", "if true {", "^TestFleetRefreshed$"},
	{"and not more often", "every process writes the fleet's record", "fleet.go",
		"if now.Sub(fl.Written) <= 24*time.Hour {", "if now.Sub(fl.Written) < 24*time.Hour {",
		"^TestFleetRefreshed$"},
	{"a slot counts while its incident may be under way", lawtest.S6, "fleet.go",
		"return now.Before(s.OpenedAt.Add(p.longest())) ||", "return false ||",
		"^TestFleetSlotCounts$"},
	{"and while its lease runs", lawtest.S6, "fleet.go", "now.Before(s.LeaseUntil) && !p",
		"false && !p", "^TestFleetSlotCounts$"},
	{"the longest incident is claimed at its limit, and watched", lawtest.S6, "policy.go",
		"return p.IncidentLimit + p.AttemptTimeout + p.BootGrace", "return p.IncidentLimit",
		"^TestFleetSlotCounts$"},
	{"no more than REMEDY_FLEET_CONCURRENT", lawtest.S6, "fleet.go",
		"case busy >= p.FleetConcurrent:", "case busy > p.FleetConcurrent:",
		"^TestFleetSlotCounts$"},
	{"no more than REMEDY_FLEET_HOURLY", lawtest.S6, "fleet.go", "case begun >= p.FleetHourly:",
		"case begun > p.FleetHourly:", "^TestFleetFull$"},
	{"of the last hour", lawtest.S6, "fleet.go",
		`		if b.counts(now) {
`,
		`		if true || b.counts(now) {
`,
		"^TestFleetFull$"},
	{"only what has a slot is freed", "no write for nothing", "fleet.go",
		"return fl.freed(ended, now), fl.slot(ended.ID) != nil",
		"return fl.freed(ended, now), true", "^TestFleetChanges$"},
	{"another region's slots are swept there", "two functions, two regions", "fleet.go",
		`elsewhere := slot.Region != "" && slot.Region != region`, "elsewhere := false",
		"^TestFleetSweepable$"},
	{"a slot without a region is swept", lawtest.Liveness, "fleet.go",
		`elsewhere := slot.Region != "" && slot.Region != region`,
		"elsewhere := slot.Region != region", "^TestFleetSweepable$"},
	{"another mode's incidents are left their time", "observe reboots nothing", "fleet.go",
		"early := book != p.Book() && !now.After(slot.OpenedAt.Add(p.IncidentLimit))",
		"early := false", "^TestFleetSweepable$"},
	{"and then ended", lawtest.Liveness, "fleet.go",
		"early := book != p.Book() && !now.After(slot.OpenedAt.Add(p.IncidentLimit))",
		"early := book != p.Book()", "^TestFleetSweepable$"},
	{"to the nanosecond", "at the limit is within it", "fleet.go",
		"!now.After(slot.OpenedAt.Add(p.IncidentLimit))",
		"now.Before(slot.OpenedAt.Add(p.IncidentLimit))", "^TestFleetSweepable$"},
	{"observe mode ends what enforce left", lawtest.Liveness, "fleet.go",
		`		return []Book{BookObserve, BookEnforce}
`,
		`		return []Book{BookObserve}
`,
		"^TestFleetSweptBooks$"},
	{"observe mode has its own book", "a rehearsal never blocks the real thing", "policy.go",
		`	if p.Mode == ModeObserve {
		return BookObserve`,
		`	if false {
		return BookObserve`,
		"^TestFleetSweepable$"},

	// Policy.
	{"a mode of tomorrow refuses everything", lawtest.S8, "policy.go",
		"return p.Mode != ModeEnforce && p.Mode != ModeObserve", "return p.Mode == ModeOff",
		"^TestOpening$/^no_mode$"},
	{"a rule's name may hold slashes", "the guards", "policy.go",
		"path.Match(withoutSlash(glob), withoutSlash(name))", "path.Match(glob, name)",
		"^TestOpening$/^no_data_from_the_agent$"},
	{"ends are kept for the cool-down", lawtest.S6, "policy.go",
		"return max(p.KeyRetention(), p.Cooldown)", "return p.KeyRetention()",
		"^TestRecordRetention$"},
	{"keys are kept for a day", lawtest.S6, "policy.go",
		"return max(24*time.Hour, p.IncidentWindow)", "return p.IncidentWindow",
		"^TestRecordRetention$"},
	{"and for the budget's window", lawtest.S6, "policy.go",
		"return max(24*time.Hour, p.IncidentWindow)", "return 24 * time.Hour",
		"^TestRecordRetention$"},
	{"a window without a place is never open", "unreadable is no", "policy.go",
		`	if w.Location == nil {
		return false
	}
`,
		`	if w.Location == nil {
		w.Location = time.UTC
	}
`,
		"^TestWindow$"},
	{"a window is in its own time", "the guards", "policy.go", "local := t.In(w.Location)",
		"local := t", "^TestWindow$"},
	{"its end is not within it", "the guards", "policy.go",
		`w.From <= minute && minute < w.To
`,
		`w.From <= minute && minute <= w.To
`,
		"^TestOpening$/^window_closes$"},
	{"its beginning is", "the guards", "policy.go",
		`w.Days[today] && w.From <= minute && minute < w.To
`,
		`w.Days[today] && w.From < minute && minute < w.To
`,
		"^TestOpening$/^window_opens$"},
	{"it may end on the next day", "the guards", "policy.go",
		"|| w.Days[yesterday] && minute < w.To", "|| false && w.Days[yesterday]",
		"^TestWindow$"},

	// Steps and results.
	{"a claim is the write of a record", "what watchers are told", "step.go",
		`	if s.Do != DoWrite || s.Write.Record == nil {
		return nil
	}
`,
		"", "^TestOpening$/^a_hang$"},
	{"an opening has no attempt", "what watchers are told", "step.go",
		"return len(open.Attempts) == 0 && open.ResolvedAt", "return open.ResolvedAt",
		"^TestOpenIncident$/^lease_over$"},
	{"an end is written into a record", "what watchers are told", "step.go",
		"return s.Do == DoWrite && s.Seen.Ending != nil && s.Write.Record != nil",
		"return s.Do == DoWrite && s.Seen.Ending != nil", "^TestOpening$/^observe$"},

	// Facts.
	{"and if its clock is near ours", "unreadable is no", "facts.go",
		"return !r.Date.IsZero() && r.Date.Sub(r.At).Abs() <= MaxSkew",
		"return !r.Date.IsZero()", "^TestOpening$/^clocks_further_apart$"},
	{"at most two minutes away", "a clock may differ a little", "facts.go",
		"return !r.Date.IsZero() && r.Date.Sub(r.At).Abs() <= MaxSkew",
		"return !r.Date.IsZero() && r.Date.Sub(r.At).Abs() < MaxSkew",
		"^TestOpening$/^clocks_2_minutes_apart$"},
	{"an old reading of the platform is forgotten like the others", lawtest.S4, "facts.go",
		`	if f.Platform.before(before) {
		f.Platform = Reading[[]PlatformEvent]{}
	}
`,
		"", "^TestLadder$/^platform_unreadable_for_a_while$"},
	{"and of the heartbeat", lawtest.S4, "facts.go",
		`	if f.Vitals.before(before) {
		f.Vitals = Reading[Vitals]{}
	}
`,
		"", "^TestUnavailable$"},
	{"and of the instance", lawtest.S4, "facts.go",
		`	if f.Instance.before(before) {
		f.Instance = Reading[Instance]{}
	}
`,
		"", "^TestOutOfTime$"},

	// A fleet's record that is missing, and clocks that step back.
	{"a fleet's record that was there, and is missing, was lost", lawtest.S8, "sign.go",
		" || fl.Revision == 0 && sign.OK() && sign.Value.Revision != 0", "",
		"^TestOpening$/^no_fleet's_record_any_more$"},
	{"one that never was is none that was lost", "a first deployment works", "sign.go",
		"fl.Revision == 0 && sign.OK() && sign.Value.Revision != 0",
		"fl.Revision == 0", "^TestOpening$/^no_fleet's_record_yet$"},
	{"that it was lost is remembered", lawtest.S8, "sign.go", "return !fl.Lost.IsZero() || ",
		"return ", "^TestOpening$/^a_fleet's_record_after_a_loss$"},
	{"the sign is read where the fleet's record is missing", lawtest.S8, "next.go",
		"needs |= SourceSign // there is none: was there ever one?", "",
		"^TestOpening$/^no_fleet's_record_any_more$"},
	{"and not where it is there", "a ledger call less", "next.go",
		"if needs == SourceFleet && f.Fleet.OK() && f.Fleet.Value.Revision == 0 {",
		"if needs == SourceFleet && f.Fleet.OK() {", "^TestOpening$/^a_hang$"},
	{"nor for an alarm that is refused anyway", "a ledger call less", "next.go",
		"if needs == SourceFleet && f.Fleet.OK() && f.Fleet.Value.Revision == 0 {",
		"if f.Fleet.OK() && f.Fleet.Value.Revision == 0 {", "^TestKnownFleet$"},
	{"a sign that cannot be read may tell of a loss", lawtest.S8, "guards.go",
		"if r.f.Sign.Read() && !r.f.Sign.OK() {", "if false {",
		"^TestOpening$/^no_fleet's_record,_and_a_sign_that_is_out_of_reach$"},
	{"a lost record may have held a pause", lawtest.S8, "guards.go",
		"if why, lost := r.f.lostFleet(); lost {",
		"if why, lost := r.f.lostFleet(); false && lost {",
		"^TestOpening$/^no_fleet's_record_any_more$"},
	{"a sweep makes the fleet's record first", lawtest.S8, "sign.go",
		"case record.Revision == 0 && t.Sign.Value.Revision == 0:", "case false:",
		"^TestFleetTend$"},
	{"no sign of life before that is written", lawtest.S8, "sign.go",
		"case t.Last.Fleet != nil && t.Written.Wrote != WroteDone:", "case false:",
		"^TestTendInOrder$"},
	{"it is written once", "a sweep ends", "sign.go",
		"	case t.Last.Fleet != nil:\n", "", "^TestTendInOrder$"},
	{"and so is the sign", "a sweep ends", "sign.go", ", t.Last.Sign != nil:", ":",
		"^TestTendInOrder$"},
	{"and not anew what was lost", lawtest.S8, "sign.go",
		"case record.Revision == 0 && t.Sign.Value.Revision == 0:", "case record.Revision == 0:",
		"^TestFleetTend$"},
	{"it keeps a pause from expiring", lawtest.S8, "sign.go",
		"if fresh, due := record.Refreshed(now); due {",
		"if fresh, due := record.Refreshed(now); false && due {", "^TestFleetTend$"},
	{"it writes nothing on what it cannot read", "unreadable is no", "sign.go",
		"case !t.Fleet.OK() || !t.Sign.OK(), t.Last.Sign", "case t.Last.Sign", "^TestFleetTend$"},
	{"what came at this moment is not from the future", "no round without a pause", "facts.go",
		"return at.After(now) }", "return !at.Before(now) }", "^TestOpening$/^a_hang$"},
	{"a write is a claim only if it adds an attempt", "what watchers are told", "step.go",
		"len(open.Attempts) != len(known.Attempts)+1 {", "false {",
		"^TestSend$/^after_its_lease$"},

	// Alarms that wait.
	{"what is kept of an alarm has its bounds", "the record fits its store", "waiting.go",
		"for w.size() > WaiterSize {", "for false {", "^TestWaiterSize$"},
	{"and counts what is still to come", "the record fits its store", "waiting.go",
		"w.ResolvedAt, w.LeaseUntil = longest, longest", "w.LeaseUntil = longest",
		"^TestWaiterSize$"},
	{"an alarm is known by its key", lawtest.S6, "waiting.go", "w.Alarm.Key == a.Key &&", "true &&",
		"^TestWaits$/^another_one_about_the_instance_waits$"},
	{"and by its time", lawtest.S6, "waiting.go", "&& w.Alarm.Time.Equal(a.Time)", "",
		"^TestWaits$/^one_with_this_key,_and_of_another_time$"},
	{"the oldest alarm is first", "a free slot goes to the oldest", "waiting.go",
		"w.Alarm.Time.Compare(other.Alarm.Time)", "0",
		"^TestQueueChanges$"},
	{"of two the one that waits longer", "a free slot goes to the oldest", "waiting.go",
		"w.Since.Compare(other.Since)", "0",
		"^TestQueueChanges$"},
	{"and those of one event have an order, too", "a free slot goes to the oldest", "waiting.go",
		"cmp.Compare(w.Instance, other.Instance)", "0", "^TestQueueChanges$"},
	{"a lease holds a tenth longer, for clocks", lawtest.S2, "waiting.go",
		"now.Before(p.Takeover(w.LeaseUntil))", "now.Before(w.LeaseUntil)",
		"^TestWaits$/^and_was_still_heard_just_before$"},
	{"a lease of the distant future holds nothing", lawtest.Liveness, "waiting.go",
		" && !p.absurd(w.LeaseUntil, now)", "",
		"^TestWaits$/^a_lease_of_the_distant_future_is_none$"},
	{"what is resolved needs no slot", lawtest.Liveness, "waiting.go",
		"return w.ResolvedAt.IsZero() &&", "return true &&",
		"^TestWaits$/^an_older_one_that_is_over$"},
	{"nor what is too old", lawtest.Liveness, "waiting.go",
		"now.Sub(w.Alarm.Time) <= p.AlarmMaxAge", "now.Sub(w.Alarm.Time) <= 2*p.AlarmMaxAge",
		"^TestTurn$/^too_old,_and_no_slot_is_free$"},
	{"what is as old as may be does", "a free slot goes to the oldest", "waiting.go",
		"now.Sub(w.Alarm.Time) <= p.AlarmMaxAge", "now.Sub(w.Alarm.Time) < p.AlarmMaxAge",
		"^TestWaits$/^one_that_is_as_old_as_may_be$"},
	{"what is judged takes a slot", "a free slot goes to the oldest", "waiting.go",
		"if w := &fl.Waiting[i]; w.wants(p, now) && w.leased(p, now) {",
		"if w := &fl.Waiting[i]; false && w.leased(p, now) {",
		"^TestWaits$/^the_last_slot_is_about_to_be"},
	{"but not if it is over", "a free slot goes to the oldest", "waiting.go",
		"w.wants(p, now) && w.leased(p, now) {", "w.leased(p, now) {",
		"^TestWaits$/^one_that_is_judged,_and_over"},
	{"a newcomer waits behind an older alarm", "a free slot goes to the oldest", "waiting.go",
		"&& w.Compare(*newcomer) < 0 {", "&& false {", "^TestWaits$/^a_slot_is_free,_and_an_older"},
	{"and not behind a younger one", "a free slot goes to the oldest", "waiting.go",
		"!w.leased(p, now) && w.Compare(*newcomer) < 0 {", "!w.leased(p, now) {",
		"^TestWaits$/^a_younger_one$"},
	{"one that is judged is not before it", "a free slot goes to the oldest", "waiting.go",
		"w.wants(p, now) && !w.leased(p, now) && w.C", "w.wants(p, now) && w.C",
		"^TestWaits$/^one_more_is_free_than_are_promised$"},
	{"nor one that is over", "a free slot goes to the oldest", "waiting.go",
		"w.wants(p, now) && !w.leased(p, now) && w.C", "!w.leased(p, now) && w.C",
		"^TestWaits$/^an_older_one_that_is_over$"},
	{"a pause keeps them waiting", "the operator", "waiting.go",
		`	if fl.Paused.On(now) {
		return nil
	}
`,
		"", "^TestTurn$/^a_pause_keeps_it_waiting$"},
	{"what is judged is nobody else's turn", lawtest.S2, "waiting.go",
		`		if w.leased(&p, now) {
			continue
		}
`,
		"", "^TestSucceed$"},
	{"as many have their turn as slots are free", lawtest.S6, "waiting.go",
		"if free--; free < 0 ||", "if free--; false ||", "^TestTurn$/^none_is$"},
	{"in another mode nobody gets a slot", lawtest.S8, "waiting.go",
		"free < 0 || p.Mode != ModeEnforce {", "free < 0 {",
		"^TestTurn$/^switched_off:_it_waits_on$"},
	{"one of another region is left to that", "one function to a region", "waiting.go",
		`if w.Region == "" || w.Region == region {`, "if true {", "^TestTurn$/^of_another_region"},
	{"one of no region is of any", lawtest.Liveness, "waiting.go",
		`if w.Region == "" || w.Region == region {`, "if w.Region == region {",
		"^TestTurn$/^of_no_region"},
	{"a turn is no redelivery", "what a redelivery means", "waiting.go",
		"f.Fleet, f.Redelivered = &w, w.alarm(), book, fleet, false",
		"f.Fleet = &w, w.alarm(), book, fleet", "^TestSucceed$"},
	{"at the end of its time an invocation does nothing for others", "out of time, nothing new",
		"waiting.go", "if f.passed(f.StopAt) || !f.ClaimBy.IsZero() {", "if !f.ClaimBy.IsZero() {",
		"^TestSucceed$"},
	{"nor over HTTP", "CloudMonitor waits 5 s", "waiting.go",
		"if f.passed(f.StopAt) || !f.ClaimBy.IsZero() {", "if f.passed(f.StopAt) {",
		"^TestSucceed$"},
	{"only an incident that settled gives a slot free", "a ledger call less", "waiting.go",
		"(s.Seen.Ending != nil || swept) &&", "(true || swept) &&", "^TestSucceed$"},
	{"or the sweep gave a slot back", "a free slot goes to the oldest", "waiting.go",
		"(s.Seen.Ending != nil || swept) &&", "(s.Seen.Ending != nil || swept && false) &&",
		"^TestSucceed$"},
	{"and no alarm's own write", "a ledger call less", "waiting.go",
		"swept := s.Swept && ", "swept := ", "^TestSucceed$"},
	{"and it is known to be written", "a ledger call less", "waiting.go",
		"s.Written.Fleet && s.Written.Wrote == WroteDone", "s.Written.Fleet", "^TestSucceed$"},
	{"of the fleet's record", "a ledger call less", "waiting.go",
		"s.Written.Fleet && s.Written.Wrote == WroteDone", "s.Written.Wrote == WroteDone",
		"^TestSucceed$"},
	{"in this book", "observe mode keeps its own", "waiting.go",
		"s.Book == p.Book() && s.Fleet.OK()", "s.Fleet.OK()", "^TestSucceed$"},
	{"what is known last counts", "a free slot goes to the oldest", "waiting.go",
		"newer(last.Fleet, s.Fleet)", "false", "^TestSucceed$"},
	{"the slot is for one that needs it", lawtest.Liveness, "waiting.go",
		"func(w Waiter) bool { return w.wants(&p, f.Now) }", "func(w Waiter) bool { return true }",
		"^TestSucceed$"},
	{"what a sweep does is for others", "others are no error", "waiting.go",
		"return f.Swept || f.Waiter != nil", "return f.Waiter != nil", "^TestTogether$"},
	{"and what is done for an alarm that waited", "others are no error", "waiting.go",
		"return f.Swept || f.Waiter != nil", "return f.Swept", "^TestSucceed$"},
	{"an alarm that is over leads nowhere", "a batch", "waiting.go",
		"return f.Alarm.State != events.StateResolved", "return true", "^TestTogether$"},
	{"the alarms of one event get their slots in order", "a free slot goes to the oldest",
		"waiting.go", "return f.Alarm.Time.Compare(other.Alarm.Time)", "return 0",
		"^TestTogether$"},
	{"they hear of one another", "no conflicts among them", "sharing.go",
		"		f.Fleet = Newest(f.Fleet, other.Fleet)\n", "", "^TestTogether$"},
	{"and of nothing in another book", "observe mode keeps its own", "sharing.go",
		"	if f.Book == other.Book {", "	if true {", "^TestTogether$"},
	{"the same alarm again is waiting", "the contract", "waiting.go",
		`	case w.is(&f.Alarm):
		return answer(VerdictWaiting`,
		`	case false:
		return answer(VerdictWaiting`,
		"^TestWaits$/^the_same_alarm_waits$"},
	{"another about its instance is in progress", lawtest.S6, "waiting.go",
		`	case w == nil:
		return Step{}, false
`,
		`	case w == nil || !w.is(&f.Alarm):
		return Step{}, false
`,
		"^TestWaits$/^another_one_about_the_instance_waits$"},
	{"what has its turn does not wait for itself", lawtest.Liveness, "waiting.go",
		"if f.Waiter != nil || !f.Fleet.OK() {", "if !f.Fleet.OK() {",
		"^TestTurn$/^a_slot_is_free$"},
	{"a turn needs the fleet's record", "unreadable is no", "waiting.go",
		`	case !f.Fleet.OK():
		return Step{}, true // it waits on
`,
		"", "^TestTurn$/^the_fleet.s_record_is$"},
	{"what left the queue has had its turn", lawtest.S6, "waiting.go",
		`	case w == nil || !w.is(&f.Alarm):
		return Step{}, true`,
		`	case w == nil:
		return Step{}, true`,
		"^TestTurn$/^another_alarm_of_its_instance"},
	{"what stays is not taken up again", "no round without a pause", "waiting.go",
		`	case m.seen.Stays:
		return m.stay(), true
`,
		"", "^TestTurn$/^out_of_reach:_it_waits_on$"},
	{"nobody takes what another judges", lawtest.S2, "waiting.go",
		`	case w.leased(m.p, f.Now) && w.By != f.Owner:
		return Step{}, true
`,
		"", "^TestTurn$/^somebody_judges_it$"},
	{"nobody takes a turn that is not due", "a free slot goes to the oldest", "waiting.go",
		`	case !w.leased(m.p, f.Now) && !m.due(w):
		return Step{}, true
`,
		"", "^TestTurn$/^none_is$"},
	{"a turn begins with a lease", lawtest.S2, "waiting.go",
		`	case !w.leased(m.p, f.Now):
		leased`,
		`	case false:
		leased`,
		"^TestTurn$/^a_slot_is_free$"},
	{"what was resolved is not restarted", "resolved meanwhile", "waiting.go",
		`	case !w.ResolvedAt.IsZero():
		return answer`,
		`	case false:
		return answer`,
		"^TestTurn$/^resolved_meanwhile$"},
	{"who holds an incident has had his turn", lawtest.Liveness, "waiting.go",
		`return m.seen.Incident != nil || m.seen.Ending != nil ||
		m.f.Record.OK() &&`,
		"return false && m.f.Record.OK() &&", "^TestServed$"},
	{"what stays is let go", lawtest.Liveness, "waiting.go",
		`	step := m.write(Write{Fleet: ptr(f.Fleet.Value.unleased(w.Instance, f.Now))})
`,
		`	step := Step{}
`,
		"^TestTurn$/^out_of_reach:_it_waits_on$"},
	{"by whoever holds it", lawtest.S2, "waiting.go",
		"w == nil || !w.is(&f.Alarm) || w.By != f.Owner {", "w == nil || !w.is(&f.Alarm) {",
		"^TestLetGo$"},
	{"an alarm whose end was told leaves the queue", lawtest.Liveness, "waiting.go",
		"case f.Waiter != nil && w != nil && w.is(&f.Alarm):", "case false:",
		"^TestTurn$/^too_old$"},
	{"and no other alarm does", lawtest.Liveness, "waiting.go",
		"case f.Waiter != nil && w != nil && w.is(&f.Alarm):", "case f.Waiter != nil && w != nil:",
		"^TestAfterwards$"},
	{"an incident whose end was told leaves its slot", lawtest.Liveness, "waiting.go",
		`case ended != nil && fleet.slot(ended.ID) != nil:
		step`,
		`case false:
		step`,
		"^TestServed$"},
	{"a swept one, too", lawtest.Liveness, "waiting.go",
		`	if f.Swept && f.Record.OK() {
		ended`,
		`	if false {
		ended`,
		"^TestSweptEnd$"},
	{"that is worth a rest", "told once", "waiting.go",
		`	m.patient = true
`,
		"", "^TestAfterwards$"},
	{"what came after the report is the last thing, whatever the time", "told once", "waiting.go",
		`		return Step{Do: DoRead, Sources: SourceFleet} // whatever the time: it is the last thing
`,
		`		return m.read(SourceFleet)
`,
		"^TestAfterwards$"},
	{"an alarm that waited moves into its slot", lawtest.Liveness, "fleet.go",
		"w != nil && w.Alarm.Key == incident.Alarm.Key {", "false {", "^TestQueueChanges$"},
	{"another alarm of the instance does not", lawtest.Liveness, "fleet.go",
		"w != nil && w.Alarm.Key == incident.Alarm.Key {", "w != nil {", "^TestQueueChanges$"},
	{"a lease ends with the slot", "the stored form", "fleet.go",
		`		served.By, served.LeaseUntil = "", time.Time{}
`,
		"", "^TestQueueChanges$"},
	{"in the slot it waits no longer", lawtest.S6, "fleet.go",
		`		fl = fl.unqueued(incident.Instance, now)
`,
		"", "^TestQueueChanges$"},
	{"an alarm returns from a slot that is void", lawtest.Liveness, "fleet.go",
		`		fl = fl.waited(back, now)
`,
		"", "^TestQueueChanges$"},
	{"and its resolution with it", "resolved meanwhile", "fleet.go",
		`			back.ResolvedAt = ended.ResolvedAt
`,
		"", "^TestQueueChanges$"},
	{"an instance waits once", lawtest.S6, "fleet.go",
		`	if fl.waiterOf(w.Instance) != nil {
		return fl
	}
`,
		"", "^TestQueueChanges$"},
	{"an alarm waits in its place", "a free slot goes to the oldest", "fleet.go",
		"at, _ := slices.BinarySearchFunc(fl.Waiting, w, Waiter.Compare)", "at := len(fl.Waiting)",
		"^TestQueueChanges$"},
	{"a change of the queue leaves the record that it was made from",
		"the caller's record stays as it was", "fleet.go",
		"fl.Open, fl.Waiting = slices.Clone(fl.Open), slices.Clone(fl.Waiting)",
		"fl.Open = slices.Clone(fl.Open)", "^TestQueueChanges$"},
	{"nobody waits for a breaker", "fleet-hourly refuses", "fleet.go",
		`	case begun >= p.FleetHourly:
		return ReasonFleetHourly, saw
	case busy >= p.FleetConcurrent:
		return ReasonFleetConcurrent, saw
`,
		`	case busy >= p.FleetConcurrent:
		return ReasonFleetConcurrent, saw
	case begun >= p.FleetHourly:
		return ReasonFleetHourly, saw
`,
		"^TestFleetFull$"},
	{"a slot tells its alarm, if it waited", "the second result", "fleet.go",
		`	if s.Waiter != nil {
		i.Alarm`,
		`	if false {
		i.Alarm`,
		"^TestLostWaiter$"},
	{"the hour refuses before anything waits", "fleet-hourly refuses", "guards.go",
		`	case full == ReasonFleetHourly:
		r.refuse(RuleFleet, full, saw)
`,
		"", "^TestWaits$/^the_hour_is_spent"},
	{"a newcomer is admitted", "a free slot goes to the oldest", "guards.go",
		"(r.f.Waiter != nil || fleet.admits(&w, r.p, r.f.Now)):", "true:",
		"^TestWaits$/^a_slot_is_free,_and_an_older"},
	{"whose turn it is does not queue again", lawtest.Liveness, "guards.go",
		"(r.f.Waiter != nil || fleet.admits(&w, r.p, r.f.Now)):", "fleet.admits(&w, r.p, r.f.Now):",
		"^TestTurn$/^a_slot_is_free$|^TestServed$"},
	{"nobody waits but in mode enforce", "observe mode keeps its own", "guards.go",
		"case r.p.Mode != ModeEnforce || r.f.Waiter == nil &&", "case r.f.Waiter == nil &&",
		"^TestWaits$/^nor_in_observe_mode"},
	{"the queue has its limit", lawtest.S6, "guards.go", "len(fleet.Waiting) >= r.p.FleetWaiting:",
		"false:", "^TestWaits$/^no_place_is_left$"},
	{"and is used up to it", "REMEDY_FLEET_WAITING", "guards.go",
		"len(fleet.Waiting) >= r.p.FleetWaiting:", "len(fleet.Waiting)+1 >= r.p.FleetWaiting:",
		"^TestWaits$/^the_last_place$"},
	{"what is too long cannot wait", "the record fits its store", "guards.go",
		"!fits && r.f.Waiter == nil {", "false && !fits {",
		"^TestWaits$/^nor_an_alarm_that_is_too_long$"},
	{"what waits is not asked for again", "others are no error", "next.go",
		"if f.Waiter != nil && step.Do == DoAnswer && " +
			"step.Verdict == VerdictPending && !m.underWay() {",
		"if false {", "^TestTurn$/^out_of_reach:_it_waits_on$"},
	{"but an incident that has begun is reported", "the contract", "next.go",
		"step.Verdict == VerdictPending && !m.underWay() {", "step.Verdict == VerdictPending {",
		"^TestServedOutOfTime$"},
	{"what was reported is not reported again", "told once", "next.go",
		`	case f.Reported:
		return m.afterwards()
`,
		"", "^TestTotal$"},
	{"a turn comes before everything that is asked", lawtest.S2, "next.go",
		`	case f.Waiter != nil:
		if step, done := m.turn(); done {
			return step // before`,
		`	case f.Waiter != nil:
		if step, done := m.turn(); false && done {
			return step // before`,
		"^TestTurn$/^its_record_is_garbled$"},
	{"and again after an opening that was void", lawtest.Liveness, "next.go",
		`	if f.Waiter != nil {
		if step, done := m.turn(); done {
			return step
		}
	}
`,
		"", "^TestEveryHistory$/^obeys,_(comes|another|resolved_while|its_turn)"},
	{"an incident that is under way is the sweep's", "others are no error", "next.go",
		"case f.Waiter != nil && len(open.Attempts) > 0:", "case false:",
		"^TestTurn$/^and_nobody_looks_after_it"},
	{"an opening of somebody else ends no turn", lawtest.Liveness, "next.go",
		`		case f.Waiter != nil:
			return m.stay() // somebody`,
		`		case false:
			return m.stay() // somebody`,
		"^TestTurn$/^somebody_opens_an_incident"},
	{"another of the sweep ends no turn", lawtest.Liveness, "next.go",
		`	case f.Leader.leads() && f.Waiter != nil:
		return m.stay()
`,
		"", "^TestTurn$/^another_of_the_sweep"},
	{"a resolved alarm is told to one that waits", "resolved meanwhile", "next.go",
		"w != nil && w.ResolvedAt.IsZero() && w.Alarm.Rule == a.Rule &&",
		"false && w.ResolvedAt.IsZero() && w.Alarm.Rule == a.Rule &&", "^TestWaiterResolved$"},
	{"of its rule", "resolved meanwhile", "next.go",
		"w.ResolvedAt.IsZero() && w.Alarm.Rule == a.Rule &&", "w.ResolvedAt.IsZero() &&",
		"^TestWaiterResolved$"},
	{"of its account", "resolved meanwhile", "next.go", "w.Alarm.Account == a.Account && !a", "!a",
		"^TestWaiterResolved$"},
	{"not older than it", "resolved meanwhile", "next.go", "!a.Time.Before(w.Alarm.Time) &&",
		"true &&", "^TestWaiterResolved$"},
	{"once", "no round without a pause", "next.go", "w != nil && w.ResolvedAt.IsZero() && w",
		"w != nil && w", "^TestWaiterResolved$"},
	{"the fleet's record is asked for again where it is out of reach", "resolved meanwhile",
		"next.go",
		`case f.Fleet.Failure == FailureUnavailable:
		return answer(VerdictPending`,
		`case false:
		return answer(VerdictPending`,
		"^TestOpening$/^resolved,_and_the_fleet_is_out_of_reach$"},
	{"the end of one that waited is told before its slot is given back", lawtest.Liveness,
		"next.go", "case slot.Waiter == nil || ended.Void():", "case true:", "^TestSweptEnd$"},
	{"but not where nothing was sent", lawtest.Liveness, "next.go",
		"case slot.Waiter == nil || ended.Void():", "case slot.Waiter == nil:", "^TestSweptEnd$"},
	{"whoever wrote the end has time to tell it", "told once", "next.go",
		`case f.Now.Before(m.p.Takeover(m.p.newLease(ended.EndedAt))):
		return Step{}
`,
		`case false:
		return Step{}
`,
		"^TestSweptEnd$"},
	{"a newcomer does not take away an end that has yet to be told", lawtest.Liveness, "next.go",
		`case slot.Waiter != nil && !ended.Void():
`,
		`case false:
`,
		"^TestUntoldEnd$"},
	{"mode off ends no turn", "the operator", "next.go",
		`	if p.off() && f.Waiter == nil {
`,
		`	if p.off() {
`,
		"^TestTurn$/^switched_off,_and_too_old$"},
	{"nor where the record is out of reach", "the operator", "next.go",
		"case m.p.off() && f.Waiter == nil:", "case m.p.off():",
		"^TestTurn$/^switched_off,_too_old,_and_the_ledger"},
	{"nothing is read for what cannot have its turn", "an ECS call less", "next.go",
		`r.blind != "" || r.waits && f.Waiter != nil {`, `r.blind != "" {`, "^TestNoSlotAfterAll$"},
	{"a pause ends no turn", "the operator", "next.go",
		"case f.Waiter != nil && (r.reason == ReasonPaused ||", "case f.Waiter != nil && (",
		"^TestTurn$/^a_pause_that_begins"},
	{"a slot that is taken after all ends no turn", lawtest.Liveness, "next.go",
		`r.reason == "" && (r.waits ||
		p.Mode`,
		`r.reason == "" && (
		p.Mode`,
		"^TestNoSlotAfterAll$"},
	{"what waits is answered before a pause is asked", "the contract", "next.go",
		`if stage.needs == SourceFleet && r.reason == "" {`, "if false {",
		"^TestWaits$/^and_on_through_a_pause$"},
	{"where every slot is taken an alarm waits", "the contract", "next.go",
		`	case r.waits:
		return m.await().with(r.findings)
`,
		"", "^TestWaits$/^the_last_place$"},
	{"a slot is taken by whose turn it is", "a free slot goes to the oldest", "protocol.go",
		`; full != "" || !m.served() {`, `; full != "" {`, "^TestOvertaken$"},
	{"a newcomer's instance does not wait", lawtest.S6, "protocol.go",
		"return w == nil && fleet.admits(&newcomer, m.p, f.Now)",
		"return fleet.admits(&newcomer, m.p, f.Now)", "^TestOvertaken$"},
	{"and nobody is before it", "a free slot goes to the oldest", "protocol.go",
		"return w == nil && fleet.admits(&newcomer, m.p, f.Now)",
		`return w == nil && newcomer.Instance != ""`, "^TestOvertaken$"},
	{"what was resolved at the last moment gets no slot", "resolved meanwhile", "protocol.go",
		"w != nil && w.is(&f.Alarm) && w.ResolvedAt.IsZero() &&", "w != nil && w.is(&f.Alarm) &&",
		"^TestOvertaken$"},
	{"nor what somebody else judges", lawtest.S2, "protocol.go",
		"(w.By == f.Owner || !w.leased(m.p, f.Now))", "true", "^TestOvertaken$"},
	{"the end of one that waited is told before its slot is given back, by its owner",
		lawtest.Liveness, "protocol.go",
		`	case fleet.waitedFor(ended.ID): // nobody delivers its alarm again: it is told first
`,
		"", "^TestServed$"},
	{"a write whose fate is not known is made again where it is worth it", "told once",
		"protocol.go", "m.incident == nil && !m.patient:", "m.incident == nil:",
		"^TestAfterwards$"},
	{"only what was told for good is followed", lawtest.Liveness, "facts.go",
		"f.Reported = step.Result != nil && step.Verdict != VerdictPending",
		"f.Reported = step.Result != nil", "^TestServedOutOfTime$"},
	{"what was resolved before its claim is over for good", lawtest.S5Over, "next.go",
		`	if over := m.resolvedOpening(); over != nil {
`,
		`	if over := m.resolvedOpening(); false && over != nil {
`,
		"^TestOpening$/^redelivered,_its_opening_was_resolved$"},
	{"an incident that was claimed has its own end", "resolved meanwhile", "next.go",
		"if e.Void() && !e.ResolvedAt.IsZero() && e", "if !e.ResolvedAt.IsZero() && e",
		"^TestOpening$/^one_whose_incident_was_resolved"},
	{"an opening that was not resolved says nothing", lawtest.Liveness, "next.go",
		"if e.Void() && !e.ResolvedAt.IsZero() && e", "if e.Void() && e",
		"^TestOpening$/^one_whose_opening_was_not_resolved$"},
	{"nor one of another rule", lawtest.Liveness, "next.go",
		`e.Alarm.Rule == a.Rule &&
			!a`,
		"!a", "^TestOpening$/^one_of_another_rule$"},
	{"what fires after it hangs again", lawtest.Liveness, "next.go",
		`e.Alarm.Rule == a.Rule &&
			!a.Time.After(e.Alarm.Time) {`,
		"e.Alarm.Rule == a.Rule {", "^TestOpening$/^a_newer_one$"},
	{"evidence is asked for once a stage", "evidence is never in the way", "evidence.go",
		"	if f.asked(incident, stage) {\n		return Step",
		"	if false {\n		return Step",
		"^TestEvidenceBeforeTheFirstAttempt$"},
	{"where none is wanted, none is missed", "the contract", "evidence.go",
		"if m.p.EvidenceLimit == 0 {", "if false {", "^TestEvidenceBeforeTheFirstAttempt$"},
	{"it takes no longer than a call", lawtest.S1, "evidence.go",
		"limit := min(m.p.EvidenceLimit, m.p.CallLimit())", "limit := m.p.EvidenceLimit",
		"^TestEvidenceBeforeTheFirstAttempt$|^TestEvidenceMakesReadingsOld$"},
	{"it leaves the time for a claim", "evidence is never in the way", "evidence.go",
		"limit = min(limit, last.Add(-evidenceMargin).Sub(f.Now))",
		"limit = min(limit, last.Sub(f.Now))", "^TestEvidenceBeforeTheFirstAttempt$"},
	{"without time nothing is asked for", "evidence is never in the way", "evidence.go",
		"if limit <= 0 {", "if limit < 0 {", "^TestEvidenceBeforeTheFirstAttempt$"},
	{"evidence of the stage is asked for, not of another one", "the contract", "evidence.go",
		`f.Evidence.Value.Incident == incident.ID &&
		f.Evidence.Value.Stage == stage`, "f.Evidence.Value.Incident == incident.ID",
		"^TestEvidenceOfEveryStage$"},
	{"and of this incident", "the contract", "evidence.go",
		`f.Evidence.Value.Incident == incident.ID &&
		f.Evidence.Value.Stage == stage`, "f.Evidence.Value.Stage == stage",
		"^TestEvidenceOfEveryStage$"},
	{"evidence forbids nothing", "evidence is never in the way", "evidence.go",
		"{{Rule: RuleEvidence, OK: true, Saw: saw}}", "{{Rule: RuleEvidence, Saw: saw}}",
		"^TestEvidenceBeforeTheFirstAttempt$"},
	{"what was found of earlier stages stays", "a finding says what was kept", "evidence.go",
		`saw = before.Saw + "; " + saw`, "saw = before.Saw", "^TestEvidenceOfEveryStage$"},
	{"the place of what this invocation kept counts", "the contract", "evidence.go",
		"f.Evidence.OK() && f.Evidence.Value.Incident == incident.ID {",
		"false {", "^TestEvidenceBeforeTheFirstAttempt$"},
	{"and nobody else's", "the contract", "evidence.go",
		"f.Evidence.OK() && f.Evidence.Value.Incident == incident.ID {",
		"f.Evidence.OK() {", "^TestEvidenceOfEveryStage$"},
	{"the first attempt waits for evidence", "the contract", "protocol.go",
		"if step, wanted := m.evidence(m.incident, EvidenceBefore); wanted {",
		"if step, wanted := m.evidence(m.incident, EvidenceBefore); wanted && false {",
		"^TestEvidenceBeforeTheFirstAttempt$"},
	{"so does a forced one", "the contract", "ladder.go",
		"if step, wanted := m.evidence(m.incident, EvidenceForce); wanted {",
		"if step, wanted := m.evidence(m.incident, EvidenceForce); wanted && false {",
		"^TestEvidenceBeforeForce$"},
	{"and no retry", "the contract", "ladder.go",
		`	if force {
		if step, wanted`, `	if true {
		if step, wanted`, "^TestEvidenceBeforeForce$"},
	{"a failed end is followed by evidence, another one not", "the contract", "protocol.go",
		"if ended.Verdict == VerdictFailed && len(ended.Attempts) > 0 {",
		"if len(ended.Attempts) > 0 {", "^TestEvidenceAfterTheEnd$"},
	{"of one of many the instance is read first", "a storm costs few reads", "next.go",
		"if f.Crowd {", "if false {", "^TestCrowd$"},
	{"one by itself has everything read at once", "a hung instance waits for no reading",
		"next.go", "if f.Crowd {", "if true {", "^TestCrowd$"},
	{"an alarm that waits is resolved though another one is just opening", lawtest.S5, "next.go",
		"case open != nil && len(open.Attempts) > 0: // beside an opening",
		"case open != nil: // beside an opening",
		"^TestScenarios$/^resolved_while_another_opens$"},
	{"what nobody knows to be given back is no matter of this sweep", "a sweep comes to its end",
		"next.go", "case f.Written.Wrote == WroteUnknown && f.Written.Fleet:", "case false:",
		"^TestSlotNotGivenBack$"},
	{"nor does the answer wait for it", "a verdict is told at once", "protocol.go",
		"case f.Written.Wrote == WroteUnknown && f.Written.Fleet:", "case false:",
		"^TestSlotNotGivenBack$"},
}
