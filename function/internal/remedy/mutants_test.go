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

// A mutant is a rule of this package that is taken away or bent. Every rule has one, and a test that
// fails then: a rule that nothing needs is one to delete, or a history is missing that needs it.
type mutant struct {
	rule   string // in plain words; one that begins with "and" goes on from the row before
	keeps  string // the law, or the promise, that rests on it
	file   string
	was    string // stands exactly once in the file, within a function
	is     string
	killer string // what fails, as -run takes it
}

// TestMutants checks the table, and with ECS_REMEDY_MUTANTS=1 in the environment that every mutant is
// killed. All of them are built into one test binary, by the build's overlay: beside each function
// that a mutant changes stands the changed copy, and the function calls that if the environment names
// the mutant. Nothing of this is in any other binary.
func TestMutants(t *testing.T) {
	files := mutated(t)
	if t.Failed() {
		return
	}
	if os.Getenv("ECS_REMEDY_MUTANTS") == "" {
		t.Logf("the texts of %d mutants are in their places; ECS_REMEDY_MUTANTS=1 runs them",
			len(mutants))
		return
	}
	binary := buildMutants(t, files)
	if out, failed, err := runMutant(binary, 0, "^(TestScenarios|TestTakeover)$"); failed || err != nil {
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
			t.Errorf("%s: %q is incomplete, changes nothing, or stands twice in the table", m.file, m.rule)
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

// withMutants is a file of the package in which every function that a mutant changes calls its changed
// copy where that mutant is asked for.
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
			t.Errorf("%s: %s: its text stands %d times in the file, want 1:\n%s", file, m.rule, n, m.was)
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

// runMutant runs the tests that should fail with a mutant; mutant 0 is none. An error is anything but
// that they passed or failed: a mutant that never ends, say, or a pattern that matches no test.
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
		"return i.Owner != owner && now.Before(p.Takeover(i.LeaseUntil))", "return false", "?"},
	{"whose lease has run out is not held", lawtest.Liveness, "incident.go",
		"return i.Owner != owner && now.Before(p.Takeover(i.LeaseUntil))",
		"return i.Owner != owner", "?"},
	{"a take-over leaves a tenth of a lease between two clocks", lawtest.S1, "policy.go",
		"return leaseUntil.Add(p.Lease / 10)", "return leaseUntil", "?"},
	{"the incident of another owner is not written", lawtest.S1, "next.go",
		"if open != nil && open.Owner == f.Owner {",
		"if open != nil && (open.Owner == f.Owner || m.seen.Incident != nil) {", "?"},
	{"an opening of somebody who is alive is left alone", "in-progress is said while it is",
		"next.go", "case open.heldFrom(f.Owner, m.p, f.Now):",
		"case len(open.Attempts) > 0 && open.heldFrom(f.Owner, m.p, f.Now):", "?"},
	{"an opening is void when its lease is over", lawtest.Liveness, "next.go",
		"case len(open.Attempts) == 0: // an opening is void when its lease is over",
		"case len(open.Attempts) == 0 && f.Swept:", "?"},
	{"a sweep leaves an incident alone whose owner is alive", "nothing to report", "next.go",
		`		case f.Swept:
			return Step{} // somebody looks after it
`,
		"", "?"},
	{"a repeated event waits for the lease of a dead owner", lawtest.Liveness, "next.go",
		"case f.Redelivered && (f.Alarm.Key == open.Alarm.Key || len(open.Attempts) == 0):",
		"case false:", "?"},
	{"and for that of whoever is just opening", lawtest.Liveness, "next.go",
		"(f.Alarm.Key == open.Alarm.Key || len(open.Attempts) == 0)",
		"(f.Alarm.Key == open.Alarm.Key)", "?"},
	{"another alarm of the same instance does not wait", "in-progress is an answer", "next.go",
		"(f.Alarm.Key == open.Alarm.Key || len(open.Attempts) == 0)", "true", "?"},
	{"a first delivery does not wait", "in-progress is an answer", "next.go",
		"case f.Redelivered && (f.Alarm.Key == open.Alarm.Key",
		"case (f.Alarm.Key == open.Alarm.Key", "?"},
	{"nothing is taken over when the time is over", "out of time, nothing new", "next.go",
		`	case f.passed(f.StopAt):
		return outOfTime
	case len(open.Attempts)`,
		"\tcase len(open.Attempts)", "?"},
	{"a take-over renews the lease", lawtest.S1, "record.go",
		"taken.Owner, taken.LeaseUntil, taken.TakenOverAt = owner, p.newLease(now), now.UTC()",
		"taken.Owner, taken.TakenOverAt = owner, now.UTC()", "?"},
	{"a take-over keeps no readings from before it", lawtest.S4, "record.go",
		"taken.Owner, taken.LeaseUntil, taken.TakenOverAt = owner, p.newLease(now), now.UTC()",
		"taken.Owner, taken.LeaseUntil = owner, p.newLease(now)", "?"},
	{"readings are forgotten after a take-over that was written", lawtest.S4, "facts.go",
		`			f.forgetLive() // what was read by then may be old
`,
		"", "?"},
	{"and after one whose answer was lost", lawtest.S4, "protocol.go",
		`	f.forget(m.incident.TakenOverAt)
`,
		"", "?"},
	{"only a take-over makes readings old", "a renewal keeps them", "incident.go",
		"return read != nil && read.ID == i.ID && !read.TakenOverAt.Equal(i.TakenOverAt)",
		"return true", "?"},
	{"nothing is claimed after the lease ran out", lawtest.S1, "protocol.go",
		`	case now.After(open.LeaseUntil):
		if f.passed`,
		`	case false:
		if f.passed`,
		"?"},
	{"an opener that stood still takes its opening back", lawtest.S4, "protocol.go",
		"case now.After(open.LeaseUntil) && len(open.Attempts) == 0:", "case false:", "?"},
	{"an owner that stood still and has no time left lets go", "out of time, nothing new",
		"protocol.go",
		`		if f.passed(f.StopAt) {
			return outOfTime
		}
`,
		"", "?"},
	{"an owner that cannot write and whose lease is over asks for redelivery", lawtest.Liveness,
		"protocol.go", "case now.After(open.LeaseUntil) && f.Written.Wrote == WroteUnknown:",
		"case false:", "?"},
	{"what was given free is not taken again", "out of time, nothing new", "protocol.go",
		"case open.LeaseUntil.IsZero():", "case false:", "?"},
	{"a lease is renewed when a third of it is over", "the owner keeps what it looks after",
		"protocol.go", "case m.unwritten(open) || !now.Before(open.renewAt(m.p)):",
		"case m.unwritten(open):", "?"},
	{"not later than that", "the owner keeps what it looks after", "incident.go",
		"return i.LeaseUntil.Add(-p.Lease * 2 / 3)", "return i.LeaseUntil.Add(-p.Lease / 3)",
		"?"},
	{"a lease is renewed during a long wait", "the owner keeps what it looks after",
		"protocol.go", "if renew := open.renewAt(m.p); renew.After(f.Now) {",
		"if renew := open.renewAt(m.p); false && renew.After(f.Now) {", "?"},
	{"a renewal does not cut a wait short", "a poll every REMEDY_POLL", "protocol.go",
		"case now.Before(m.seen.WaitUntil) && step.Do == DoRead:", "case false:", "?"},
	{"what is kept renews the lease", "the owner keeps what it looks after", "record.go",
		`	kept.LeaseUntil = p.newLease(now)
`,
		"", "?"},
	{"a claim renews the lease", "the owner keeps what it looks after", "record.go",
		`	claimed.LeaseUntil = p.newLease(now)
`,
		"", "?"},
	{"who lets go leaves no lease", lawtest.Liveness, "record.go",
		`	free.LeaseUntil = time.Time{}
`,
		"", "?"},
	{"a lease and every call fit together", "a lease cannot run out unnoticed in one call",
		"policy.go", "return min(10*time.Second, p.Lease/3)", "return 10 * time.Second", "?"},
	{"a failed renewal is survived while the lease runs", "a gap in the watch costs an attempt",
		"next.go",
		"case known != nil && len(known.Attempts) > 0 && !f.Now.After(known.LeaseUntil):",
		"case false:", "?"},
	{"and no longer", lawtest.S1, "next.go",
		"case known != nil && len(known.Attempts) > 0 && !f.Now.After(known.LeaseUntil):",
		"case known != nil && len(known.Attempts) > 0:", "?"},
	{"an opening is not gone on with without the ledger", lawtest.S1, "next.go",
		"case known != nil && len(known.Attempts) > 0 && !f.Now.After(known.LeaseUntil):",
		"case known != nil && !f.Now.After(known.LeaseUntil):", "?"},
	{"without the ledger nothing is claimed", lawtest.S1, "protocol.go",
		`	m.seen.Ending, m.seen.Claim = nil, nil
	switch {
	case step.Do == DoRead && f.Now.Before(m.seen.WaitUntil):`,
		`	if step.Do == DoWrite {
		return step
	}
	switch {
	case step.Do == DoRead && f.Now.Before(m.seen.WaitUntil):`,
		"?"},
	{"the ledger is asked again after a tenth of a lease", "a failed renewal is survived",
		"protocol.go",
		`	due := f.Record.At.Add(m.p.retryAfter())
	if !f.Now.Before(due) {`,
		`	due := f.Record.At.Add(m.p.Lease)
	if !f.Now.Before(due) {`,
		"?"},
	{"what was seen without the ledger is no end yet", lawtest.Liveness, "protocol.go",
		`	m.seen.Ending, m.seen.Claim = nil, nil
`,
		"", "?"},

	// What is written before what.
	{"a slot is given back only after the incident's end is written", lawtest.S6, "protocol.go",
		`	m.seen.Ending, m.seen.Claim = ended, nil
	step :=`,
		`	if fleet := &m.f.Fleet; fleet.OK() && fleet.Value.slot(ended.ID) != nil {
		return m.write(Write{Fleet: ptr(fleet.Value.freed(ended, m.f.Now))})
	}
	m.seen.Ending, m.seen.Claim = ended, nil
	step :=`,
		"?"},
	{"an end is reported only after it is written", lawtest.Liveness, "next.go",
		"if m.written(m.seen.Ending) {", "if true {", "?"},
	{"an end whose answer was lost is looked up", lawtest.Liveness, "next.go",
		"if m.written(m.seen.Ending) {", "if false {", "?"},
	{"an end counts as written only as this invocation wrote it", lawtest.Liveness,
		"protocol.go",
		"return ended != nil && ended.EndedAt.Equal(ending.EndedAt) && ended.Reason == ending.Reason",
		"return ended != nil", "?"},
	{"an end that waits for a write is none", lawtest.Liveness, "protocol.go",
		`		m.seen.Ending = nil
		return step
`,
		`		return step
`,
		"?"},
	{"nothing is sent after a conflict", lawtest.S1, "facts.go",
		"switch done := w.Wrote == WroteDone; {", "switch done := w.Wrote != WroteUnknown; {",
		"?"},
	{"nothing is sent while nobody knows that the claim is written", lawtest.S1, "facts.go",
		"switch done := w.Wrote == WroteDone; {", "switch done := w.Wrote != WroteConflict; {",
		"?"},
	{"a claim is sent only when it is in the ledger", lawtest.S1, "protocol.go",
		"n != claim.N || !m.incident.Attempts[n-1].ClaimedAt.Equal(claim.ClaimedAt)", "n == 0",
		"?"},
	{"a claim in the ledger is ours only with its time", lawtest.S1, "protocol.go",
		"n != claim.N || !m.incident.Attempts[n-1].ClaimedAt.Equal(claim.ClaimedAt)",
		"n != claim.N", "?"},
	{"nothing is sent after the claim's time", lawtest.S1, "protocol.go",
		"case !f.Now.After(claim.SendBefore):", "case true:", "?"},
	{"a claim may be sent for as long as one call", lawtest.S1, "protocol.go",
		"SendBefore: f.Now.Add(p.CallLimit()).UTC()", "SendBefore: f.Now.Add(p.Lease).UTC()",
		"?"},
	{"what was sent is not sent again", lawtest.S7, "protocol.go", "case f.Sent == order:",
		"case f.Sent == order && f.Reply.Answer != AnswerUnknown:", "?"},
	{"the answer belongs to the order that was sent", lawtest.S7, "protocol.go",
		"case f.Sent == order:", "case !f.Reply.At.IsZero():", "?"},
	{"what ECS answered is written at once", lawtest.S7, "protocol.go",
		"if open.Attempts[i].Answer != m.incident.Attempts[i].Answer {", "if i < 0 {", "?"},
	{"that the instance came back is written at once", lawtest.S10, "protocol.go",
		"return !open.backAt().Equal(m.incident.backAt())", "return false", "?"},
	{"whichever attempt it came back from", lawtest.S10, "incident.go", "at.After(last) {",
		"n == len(i.Attempts)-1 {", "?"},
	{"an incident claims only with its slot", lawtest.S6, "protocol.go",
		`	if fleet.slot(m.incident.ID) != nil {
		return m.claim(false)`,
		`	if true {
		return m.claim(false)`,
		"?"},
	{"a slot that was lost is taken again before the next claim", lawtest.S6, "ladder.go",
		"if f.Fleet.Value.slot(m.incident.ID) == nil {", "if false {", "?"},
	{"one that still has a slot from before is judged again", lawtest.S6, "protocol.go",
		"if fleet.slotOf(m.incident.Instance) != nil {", "if false {", "?"},
	{"a void opening's slot is given back by its owner", lawtest.S6, "protocol.go",
		"if ended != nil && ended.Void() && f.Fleet.OK() && f.Fleet.Value.slot(mine.ID) != nil {",
		"if false {", "?"},
	{"a slot of an incident that is over is given back", lawtest.S6, "next.go",
		"Write{Fleet: ptr(f.Fleet.Value.freed(ended, f.Now))}), true", "Write{}), false", "?"},
	{"a write of it that is not known is left to the sweep", lawtest.Liveness, "next.go",
		`	case f.Written.Wrote == WroteUnknown && f.Written.Fleet:
		return Step{}, false // the sweep tries again
`,
		"", "?"},
	{"a slot is given back after the end", lawtest.S6, "protocol.go",
		"case fleet.slot(ended.ID) != nil:", "case false:", "?"},
	{"a rehearsal's beginning counts for the hour", lawtest.S6, "protocol.go",
		"case ended.Verdict == VerdictObserved && !fleet.hasBegun(ended.ID):", "case false:",
		"?"},
	{"and once", lawtest.S6, "protocol.go",
		"case ended.Verdict == VerdictObserved && !fleet.hasBegun(ended.ID):",
		"case ended.Verdict == VerdictObserved:", "?"},
	{"a verdict does not wait for the fleet's record", lawtest.Liveness, "protocol.go",
		`	case f.Written.Wrote == WroteUnknown && f.Written.Fleet:
	case !f.Fleet.Read():`,
		"\tcase !f.Fleet.Read():", "?"},
	{"nor for a fleet's record that cannot be read", lawtest.Liveness, "protocol.go",
		`	if step.Do == DoAnswer {
		return done // whatever kept the fleet's record from being written
	}
`,
		"", "?"},
	{"the sweep drops the slot of what has ended", lawtest.Liveness, "next.go",
		`		return m.dropSlot(ended)
`,
		`		return Step{}
`,
		"?"},
	{"a drop that is not known is left to the next sweep", lawtest.Liveness, "next.go",
		`	case f.Written.Wrote == WroteUnknown && f.Written.Fleet:
		return Step{} // the next sweep tries again
`,
		"", "?"},
	{"the fleet's record may be unreadable then", lawtest.Liveness, "next.go",
		"case !f.Fleet.OK() || f.Fleet.Value.slot(ended.ID) == nil:",
		"case f.Fleet.Value.slot(ended.ID) == nil:", "?"},

	// What a conflict and a lost answer mean.
	{"what an owner has seen of its attempts it keeps", lawtest.S7, "protocol.go",
		`		copy(i.Attempts, known.Attempts)
`,
		"", "?"},
	{"but of no other incident's", lawtest.S7, "protocol.go",
		"if known != nil && known.ID == open.ID {", "if known != nil {", "?"},
	{"what somebody else noted is kept, and not overwritten",
		"no attempt after its alarm was resolved", "protocol.go",
		`		copy(i.Attempts, known.Attempts)
`,
		`		copy(i.Attempts, known.Attempts)
		i.ResolvedAt = known.ResolvedAt
`,
		"?"},
	{"after a write without an answer the record is read again", lawtest.S7, "facts.go",
		`	case write.Record != nil:
		f.Record = Reading[Record]{}
`,
		`	case write.Record != nil:
`,
		"?"},
	{"and so is the fleet's", lawtest.S6, "facts.go",
		`	default:
		f.Fleet = Reading[Fleet]{}
`,
		"", "?"},
	{"a writer rests after a write whose fate is not known", "no round without a pause",
		"protocol.go",
		`	case f.Written.Wrote == WroteUnknown:
		return m.rest(m.p.retryAfter())
`,
		"", "?"},
	{"who owns nothing asks for redelivery then", "no round without a pause", "protocol.go",
		"case f.Written.Wrote == WroteUnknown && m.incident == nil:", "case false:", "?"},
	{"writers step back after conflicts", "no round without a pause", "protocol.go",
		`	case f.Conflicts > 1:
		return m.rest(m.stepBack())
`,
		"", "?"},
	{"but not after the first", "a conflict costs no time", "protocol.go",
		"case f.Conflicts > 1:", "case f.Conflicts > 0:", "?"},
	{"longer each time", "no round without a pause", "protocol.go",
		"most := 10 * time.Millisecond << min(m.f.Conflicts-2, 7)",
		"most := 10 * time.Millisecond", "?"},
	{"up to a second or so", "a conflict costs little time", "protocol.go",
		"min(m.f.Conflicts-2, 7)", "(m.f.Conflicts - 2)", "?"},
	{"for different times", "no round without a pause", "protocol.go",
		"io.WriteString(h, m.f.Owner+strconv.Itoa(m.f.Conflicts))",
		"io.WriteString(h, strconv.Itoa(m.f.Conflicts))", "?"},
	{"conflicts are counted", "no round without a pause", "facts.go",
		`		f.Conflicts++
`,
		"", "?"},
	{"in a row", "a conflict costs no time", "facts.go",
		`		f.Conflicts = 0
`,
		"", "?"},
	{"the rest ends", lawtest.Liveness, "protocol.go",
		"return m.seen.RestUntil.After(m.f.Written.At) && !m.f.Now.Before(m.seen.RestUntil)",
		"return false", "?"},
	{"every failed write has its own rest", "no round without a pause", "protocol.go",
		"return m.seen.RestUntil.After(m.f.Written.At) && !m.f.Now.Before(m.seen.RestUntil)",
		"return !m.f.Now.Before(m.seen.RestUntil)", "?"},
	{"a rest keeps what was read", "a conflict costs no call of ECS", "protocol.go",
		"m.seen.WaitUntil, m.seen.RestUntil = before, until",
		"m.seen.RestUntil, _ = until, before", "?"},
	{"same facts, same step", "S9: the same policy and facts give the same step", "protocol.go",
		"io.WriteString(h, m.f.Owner+strconv.Itoa(m.f.Conflicts))",
		"io.WriteString(h, time.Now().String()+strconv.Itoa(m.f.Conflicts))", "?"},

	// What the ledger loses.
	{"an owner whose incident is gone sends nothing more", lawtest.S11, "protocol.go",
		`	return m.lost(mine), true
}`,
		`	return Step{}, false
}`,
		"?"},
	{"one that lacks an attempt is an old one, restored", lawtest.S11, "protocol.go",
		"if known := m.seen.Incident; known != nil && lacks(open, known) {",
		"if known := m.seen.Incident; false && known != nil && lacks(open, known) {", "?"},
	{"or has another one in its place", lawtest.S11, "protocol.go",
		`		if !open.Attempts[i].ClaimedAt.Equal(known.Attempts[i].ClaimedAt) {
			return true`,
		`		if !open.Attempts[i].ClaimedAt.Equal(known.Attempts[i].ClaimedAt) {
			return false`,
		"?"},
	{"of the same incident", lawtest.S11, "protocol.go",
		`		return open.ID == known.ID
`,
		`		return true
`,
		"?"},
	{"who was taken over from lets go", lawtest.S11, "protocol.go",
		"case ended != nil, record.Open != nil && record.Open.ID == mine.ID:",
		"case ended != nil:", "?"},
	{"whose incident somebody else ended lets go", lawtest.S11, "protocol.go",
		"case ended != nil, record.Open != nil && record.Open.ID == mine.ID:",
		"case record.Open != nil && record.Open.ID == mine.ID:", "?"},
	{"an operator's end is told as it is", "the contract: abandoned", "protocol.go",
		"case ended != nil && ended.Reason == ReasonAbandoned:", "case false:", "?"},
	{"an opening that was voided is no loss", lawtest.Liveness, "protocol.go",
		`	case len(mine.Attempts) == 0:
		return m.takenBack(mine, ended)
`,
		"", "?"},
	{"a slot whose incident is not in the record is a loss", lawtest.S11, "next.go",
		`	case ended == nil:
		return m.meetLost(slot), true
`,
		`	case ended == nil:
		return Step{}, false
`,
		"?"},
	{"the sweep ends what was lost", lawtest.Liveness, "next.go",
		`	return m.meetLost(slot)
`,
		`	return Step{}
`,
		"?"},
	{"if the record was read after the slot", lawtest.S11, "next.go",
		"if m.f.Record.At.Before(m.f.Fleet.At) {", "if false {", "?"},
	{"an end of a lost incident does not close another one", lawtest.S11, "record.go",
		"if r.Open != nil && r.Open.ID == done.ID {", "if r.Open != nil {", "?"},
	{"nothing of it is known to be watched", lawtest.Liveness, "record.go",
		`	i.unwatch()
`,
		"", "?"},

	// What an alarm alone says.
	{"an undecodable alarm is malformed", "the dead letter keeps it", "next.go",
		"case a.Problem == events.ProblemUndecodable:", "case false:", "?"},
	{"what is no alarm is ignored", "the contract: not-an-alarm", "next.go",
		"case a.Problem == events.ProblemNotAnAlarm:", "case false:", "?"},
	{"a contradiction is unreadable", "unreadable is no", "next.go",
		"case a.Problem == events.ProblemContradiction:", "case false:", "?"},
	{"a resolved alarm about nothing is ignored", "the contract: resolved", "next.go",
		`case a.State == events.StateResolved && (a.Problem != "" || !concerns(p, a)):`,
		"case false:", "?"},
	{"an alarm that was resolved in the same batch is over", "the contract: resolved",
		"next.go", "case f.Superseded:", "case false:", "?"},
	{"what is not of ECS is ignored", "the contract: not-ecs", "next.go",
		"case a.Problem == events.ProblemNotECS:", "case false:", "?"},
	{"what names no instance is ignored", "the contract: no-instance", "next.go",
		"case a.Problem == events.ProblemNoInstance:", "case false:", "?"},
	{"a placeholder is no instance", "the contract: placeholder", "next.go",
		"case a.Problem == events.ProblemPlaceholder:", "case false:", "?"},
	{"nor is an empty name, nor with any other problem", "unreadable is no", "next.go",
		`case a.Problem != "" || a.Instance == "":`, `case a.Problem != "":`, "?"},
	{"a problem of tomorrow is no", "unreadable is no", "next.go",
		`case a.Problem != "" || a.Instance == "":`, `case a.Instance == "":`, "?"},
	{"a resolved alarm opens nothing, whatever the table says", "the contract: resolved",
		"next.go",
		`	case a.State == events.StateResolved:
		return Step{}, false // an open incident wants to know
`,
		"", "?"},
	{"what no restart cures is left alone", "deny is the default", "next.go",
		`	if !concerns(p, a) {
		return`,
		`	if false {
		return`,
		"?"},
	{"an event is acted on in one status", "deny is the default", "next.go",
		`(status == "" || a.EventStatus != status)`, `(status == "")`, "?"},
	{"an event without a curable status is left alone", "deny is the default", "next.go",
		`(status == "" || a.EventStatus != status)`,
		`(status != "" && a.EventStatus != status)`, "?"},
	{"missing data counts only of the agent's metrics", "deny is the default", "next.go",
		"if a.State == events.StateInsufficientData && !fromAgent(a.Metric) {", "if false {",
		"?"},
	{"a state that is not understood is unreadable", "unreadable is no", "next.go",
		"if a.State != events.StateFiring && a.State != events.StateInsufficientData {",
		"if false {", "?"},
	{"only listed metrics count", "deny is the default", "next.go",
		`		for _, metric := range p.Metrics {
			if metric == a.Metric {`,
		`		for _, metric := range p.Metrics {
			if true || metric == a.Metric {`,
		"?"},
	{"an agent that runs again resolves", "the contract: resolved", "next.go",
		`if a.Event == "Agent_Status_Running" {`, "if false {", "?"},

	// Batches and resolved alarms.
	{"one alarm of a batch leads for its instance", "one incident, one leader", "next.go",
		`	if f.Leader.leads() {
		return followed
	}
	if told`,
		"\tif told", "?"},
	{"also where an incident is to be taken over", "one incident, one leader", "next.go",
		`	case f.Leader.leads():
		return followed
`,
		"", "?"},
	{"one that was weak itself leads nobody", "every alarm is judged", "next.go",
		"return l.Leads && !(l.Verdict == VerdictRefused && l.Reason == ReasonUnconfirmedHang)",
		"return l.Leads", "?"},
	{"a resolved alarm ends what it is about", "no attempt after its alarm was resolved",
		"next.go",
		"\tif open != nil && open.ResolvedAt.IsZero() && open.Alarm.Rule == a.Rule &&",
		"\tif false && open.Alarm.Rule == a.Rule &&", "?"},
	{"not another rule's incident", "a resolved alarm is about its rule", "next.go",
		"open.ResolvedAt.IsZero() && open.Alarm.Rule == a.Rule &&",
		"open.ResolvedAt.IsZero() &&", "?"},
	{"nor another account's", "a resolved alarm is about its rule", "next.go",
		"open.Account == a.Account && !a.Time.Before(open.Alarm.Time)",
		"!a.Time.Before(open.Alarm.Time)", "?"},
	{"nor one that began after it", "a resolved alarm is about its past", "next.go",
		"&& !a.Time.Before(open.Alarm.Time) &&", "&&", "?"},
	{"nor with a time in the future", "unreadable is no", "next.go",
		"&& a.Time.Sub(f.Now) <= MaxSkew {", "{", "?"},
	{"and once", "a resolved alarm is told once", "next.go",
		"open != nil && open.ResolvedAt.IsZero() &&", "open != nil &&", "?"},
	{"a resolved alarm of the same batch overrides one of its rule", "the contract: resolved",
		"next.go",
		`a.State == events.StateResolved && a.Rule != "" && !a.Time.Before(resolved[key])`,
		"a.State == events.StateResolved && !a.Time.Before(resolved[key])", "?"},
	{"the latest one", "the contract: resolved", "next.go",
		`&& a.Rule != "" && !a.Time.Before(resolved[key])`, `&& a.Rule != ""`, "?"},
	{"not one that fired later", "every alarm is judged", "next.go",
		"!a.Time.IsZero() && !a.Time.After(at)", "!a.Time.IsZero() && !at.IsZero()", "?"},
	{"nor one without a time", "unreadable is no", "next.go",
		"&& !a.Time.IsZero() && !a.Time.After(at)", "&& !a.Time.After(at)", "?"},
	{"the opener of an incident that is resolved at once claims nothing",
		"no attempt after its alarm was resolved", "protocol.go",
		`	if !m.incident.ResolvedAt.IsZero() {
		return m.void()
	}
`,
		"", "?"},
	{"and says so", "the contract: resolved", "protocol.go",
		`	if !mine.ResolvedAt.IsZero() {
		return answer`,
		`	if false {
		return answer`,
		"?"},

	// Judging an alarm.
	{"a repeated event is told the end of its incident", lawtest.Liveness, "next.go",
		"if told := m.alreadyEnded(); told != nil {",
		"if told := m.alreadyEnded(); false && told != nil {", "?"},
	{"a first delivery of the same alarm is a duplicate", "the contract: duplicate-alarm",
		"next.go",
		`	if !m.f.Redelivered {
		return nil
	}
`,
		"", "?"},
	{"another alarm is told nothing", "the contract: cooling-down", "next.go",
		`if e.Alarm.Key == m.f.Alarm.Key && e.Alarm.Key != "" && !e.Void() {`,
		`if e.Alarm.Key != "" && !e.Void() {`, "?"},
	{"nor one without a key", "the contract: cooling-down", "next.go",
		`if e.Alarm.Key == m.f.Alarm.Key && e.Alarm.Key != "" && !e.Void() {`,
		"if e.Alarm.Key == m.f.Alarm.Key && !e.Void() {", "?"},
	{"a void opening told nobody anything", lawtest.Liveness, "next.go",
		`&& e.Alarm.Key != "" && !e.Void() {`, `&& e.Alarm.Key != "" {`, "?"},
	{"in mode off everything is paused, before anything else", lawtest.S8, "next.go",
		`		r.reason, r.why = ReasonPaused, "mode "+string(p.Mode) // whatever else there is to say
`,
		"", "?"},
	{"nothing more is read once something refused", "cheap answers are cheap", "next.go",
		`			if r.reason != "" || r.blind != "" {
				break
			}
`,
		"", "?"},
	{"an instance that is not Running may be in progress", "in-progress is said while it is",
		"next.go", "case r.reason == ReasonNotRunning && !m.seen.Reread:", "case false:", "?"},
	{"a refusal is an answer", "unreadable is no", "next.go",
		`	case r.reason != "":
		return answer(VerdictRefused, r.reason, r.why).with(r.findings)
	case r.blind`,
		"\tcase r.blind", "?"},
	{"what is out of reach opens nothing", "unreadable is no", "next.go",
		`	case r.blind != "":
		return m.again(r.blind).with(r.findings)
	case p.Mode`,
		"\tcase p.Mode", "?"},
	{"observe mode only rehearses", lawtest.S8, "next.go",
		`	case p.Mode == ModeObserve:
		return m.rehearse().with(r.findings)
`,
		"", "?"},
	{"nothing opens when the time is over", "out of time, nothing new", "next.go",
		`	case f.passed(f.StopAt) || f.passed(f.ClaimBy):
		return outOfTime.with(r.findings)
`,
		"", "?"},
	{"nor when it is too late to claim", "out of time, nothing new", "next.go",
		`	case f.passed(f.StopAt) || f.passed(f.ClaimBy):
		return outOfTime.with`,
		`	case f.passed(f.StopAt):
		return outOfTime.with`,
		"?"},
	{"rounds without an answer are counted", "three of them are pending", "next.go",
		`	m.seen.Blind++
`,
		"", "?"},
	{"three of them", "three of them are pending", "next.go",
		"if m.seen.Blind+1 >= blindRounds || !m.f.Fleet.OK() {",
		"if m.seen.Blind >= blindRounds || !m.f.Fleet.OK() {", "?"},
	{"an unreadable fleet's record is not waited for", "cheap answers are cheap", "next.go",
		"if m.seen.Blind+1 >= blindRounds || !m.f.Fleet.OK() {",
		"if m.seen.Blind+1 >= blindRounds {", "?"},
	{"a rehearsal that ECS refuses is a refusal", lawtest.S8, "next.go",
		`	case AnswerRejected:
		return answer(VerdictRefused, f.Rehearsal.Reason`,
		`	case "":
		return answer(VerdictRefused, f.Rehearsal.Reason`,
		"?"},
	{"only ECS's exact yes counts as one", lawtest.S8, "next.go",
		`	case AnswerAccepted:
		incident := m.opening()`,
		`	case AnswerAccepted, AnswerUnknown:
		incident := m.opening()`,
		"?"},
	{"a rehearsal's end remembers its alarm", lawtest.S6, "record.go",
		`	if done.Alarm.Key != "" {
`,
		`	if false {
`,
		"?"},
	{"two incidents of one second have two names", lawtest.S6, "next.go",
		`		if f.Record.Value.Ended(IncidentID(a.Instance, at)) == nil {
`,
		`		if !at.IsZero() {
`,
		"?"},
	{"without a record in mode off the answer is paused", lawtest.S8, "next.go",
		`	case m.p.off():
		return answer(VerdictRefused, ReasonPaused, "mode "+string(m.p.Mode))
`,
		"", "?"},
	{"an unreadable record is no", "unreadable is no", "next.go",
		"case f.Record.Failure == FailureUnreadable:", "case false:", "?"},
	{"an owner that cannot read its record asks for redelivery", lawtest.Liveness, "next.go",
		`	case known != nil:
		return answer(VerdictPending`,
		`	case false:
		return answer(VerdictPending`,
		"?"},

	// The first claim.
	{"no first claim when the time is over", "out of time, nothing new", "protocol.go",
		`() Step {
	f := m.f
	if f.passed(f.StopAt) || f.passed(f.ClaimBy) {`,
		`() Step {
	f := m.f
	if false {`,
		"?"},
	{"the live guards are asked after the opening", lawtest.S4, "protocol.go",
		`	case r.reason != "":
		return m.void().with(r.findings)
`,
		"", "?"},
	{"that it is there", lawtest.S4, "protocol.go",
		`	foundRule(&r)
	runningRule(&r)
`,
		`	runningRule(&r)
`,
		"?"},
	{"that it is Running", lawtest.S4, "protocol.go",
		`	foundRule(&r)
	runningRule(&r)
`,
		`	foundRule(&r)
`,
		"?"},
	{"its locks, expiry, tag and the platform", lawtest.S4, "protocol.go",
		`	for _, rule := range live {
		rule(&r)
	}
`,
		"", "?"},
	{"its heartbeat", lawtest.S4, "protocol.go",
		`	heartbeatRule(&r)
`,
		"", "?"},
	{"whether the hang is confirmed", lawtest.S4, "protocol.go",
		`	hangRule(&r)
`,
		"", "?"},
	{"what is out of reach then is looked at again", "unreadable is no", "protocol.go",
		`	case r.blind != "":
		return m.anotherLook(r.blind)
`,
		"", "?"},
	{"at most three times", lawtest.Liveness, "protocol.go",
		`	if m.seen.Blind+1 >= blindRounds {
		return m.void()
	}
`,
		"", "?"},
	{"no claim on old readings", lawtest.S4, "protocol.go",
		"return m.f.Instance.before(oldest) || m.f.Vitals.before(oldest) || m.f.Platform.before(oldest)",
		"return oldest.IsZero()", "?"},
	{"of the instance", lawtest.S4, "protocol.go",
		"return m.f.Instance.before(oldest) || m.f.Vitals", "return m.f.Vitals", "?"},
	{"of the heartbeat", lawtest.S4, "protocol.go", "|| m.f.Vitals.before(oldest) ||", "||",
		"?"},
	{"of the platform", lawtest.S4, "protocol.go",
		` || m.f.Platform.before(oldest)
`,
		`
`,
		"?"},
	{"old readings are asked for again once", "no round without a pause", "protocol.go",
		`	if !m.seen.Reread {
		m.seen.Reread = true
		return m.read(sourceGuards)`,
		`	if true {
		m.seen.Reread = true
		return m.read(sourceGuards)`,
		"?"},
	{"and again for the next claim", "a slow answer costs one round", "protocol.go",
		`	m.seen.Reread = false
	return m.write(Write{Record: ptr(f.Record.Value.claimed`,
		"\treturn m.write(Write{Record: ptr(f.Record.Value.claimed", "?"},
	{"slow reading before a first claim is a round without an answer",
		"three of them are pending", "protocol.go",
		`	if len(m.incident.Attempts) == 0 {
		return m.anotherLook(why)
	}
`,
		`	_ = why
`,
		"?"},
	{"a fleet's record that cannot be read claims nothing", lawtest.S8, "protocol.go",
		`	case !f.Fleet.OK():
		return m.void()
	}
`,
		`	}
`,
		"?"},
	{"nothing is reserved in a pause", lawtest.S8, "protocol.go",
		`	if fleet.Paused.On(f.Now) {
		return m.void()
	}
`,
		"", "?"},
	{"nor when the fleet's limits are reached", lawtest.S6, "protocol.go",
		`	if full, _ := fleet.Full(*m.p, f.Now); full != "" {
		return m.void()
	}
`,
		"", "?"},
	{"no claim when the time is over", "out of time, nothing new", "protocol.go",
		`(force bool) Step {
	f, p := m.f, m.p
	if f.passed(f.StopAt) || f.passed(f.ClaimBy) {`,
		`(force bool) Step {
	f, p := m.f, m.p
	if f.passed(f.StopAt) {`,
		"?"},
	{"the baseline is what was read before", lawtest.S10, "protocol.go",
		`StartTime: f.Instance.Value.StartTime,
`,
		`StartTime: "",
`,
		"?"},
	{"a void opening costs the alarm nothing", lawtest.Liveness, "record.go",
		`void.Alarm.Key, void.Forgiven = "", true`, "void.Forgiven = true", "?"},
	{"nor the instance", "S6 costs only what was done", "record.go",
		`void.Alarm.Key, void.Forgiven = "", true`, `void.Alarm.Key = ""`, "?"},

	// Waits and the invocation's time.
	{"nothing is read when the time is over", "out of time, it releases", "protocol.go",
		`	if m.f.passed(m.f.StopAt) {
		return m.outOfTime()
	}
	return Step{Do: DoRead`,
		"\treturn Step{Do: DoRead", "?"},
	{"no wait goes beyond the invocation's time", "out of time, it releases", "protocol.go",
		"if !f.StopAt.IsZero() && until.After(f.StopAt) {", "if false {", "?"},
	{"up to the end of it one may wait", "a moment left is used", "protocol.go",
		"if !f.StopAt.IsZero() && until.After(f.StopAt) {",
		"if !f.StopAt.IsZero() && !until.Before(f.StopAt) {", "?"},
	{"what is held is given free then", lawtest.Liveness, "protocol.go",
		`	if !held || f.Written.Wrote == WroteUnknown && !m.rested() {
`,
		`	if true {
		_ = held
`,
		"?"},
	{"what somebody else holds by now is left", lawtest.S1, "protocol.go",
		"f.Record.Value.Open.Owner == f.Owner && !f.Record.Value.Open.LeaseUntil.IsZero()",
		"!f.Record.Value.Open.LeaseUntil.IsZero()", "?"},
	{"what was given free is not given free again", lawtest.Liveness, "protocol.go",
		"f.Record.Value.Open.Owner == f.Owner && !f.Record.Value.Open.LeaseUntil.IsZero()",
		"f.Record.Value.Open.Owner == f.Owner", "?"},
	{"a ledger that does not answer is not asked again at once", "no round without a pause",
		"protocol.go", "if !held || f.Written.Wrote == WroteUnknown && !m.rested() {",
		"if !held {", "?"},
	{"what was read before a wait is not used after it", lawtest.S4, "facts.go",
		"() { f.forget(f.Seen.WaitUntil) }", "() {}", "?"},
	{"what was read before a call is not used after it", lawtest.S4, "facts.go",
		`	f.Sent, f.Reply = order, reply
	f.forgetLive()
`,
		`	f.Sent, f.Reply = order, reply
`,
		"?"},
	{"an interrupted invocation begins nothing new", "out of time, it releases", "facts.go",
		"{ f.StopAt = now }", "{}", "?"},
	{"a time that is set passes when it is reached", "a moment left is used", "protocol.go",
		"return !t.IsZero() && !f.Now.Before(t)", "return !t.IsZero() && f.Now.After(t)", "?"},
	{"a poll does not overshoot the end", "a look at the end", "watch.go",
		`	if m.f.Now.Before(end) {
		until = earlier(until, end)
	}
`,
		"", "?"},

	// The ladder.
	{"after an attempt worked nothing more is sent", lawtest.S10, "ladder.go",
		"worked := &m.incident.Attempts[i]; worked.Fate == FateWorked {",
		"worked := &m.incident.Attempts[i]; false {", "?"},
	{"whichever it was", lawtest.S10, "ladder.go",
		"worked := &m.incident.Attempts[i]; worked.Fate == FateWorked {",
		"worked := &m.incident.Attempts[i]; i == len(m.incident.Attempts)-1 && worked.Fate == FateWorked {",
		"?"},
	{"a claim that nobody answers for may have been sent", lawtest.S7, "ladder.go",
		`		a.Answer = AnswerUnknown
`,
		`		a.Answer = AnswerNotExecuted
`,
		"?"},
	{"an unknown attempt is watched", lawtest.S7, "ladder.go",
		"case a.Answer == AnswerAccepted, a.Answer == AnswerUnknown:",
		"case a.Answer == AnswerAccepted:", "?"},
	{"and not sent again", lawtest.S7, "ladder.go",
		"case a.Fate == FateFailed, a.Fate == FateUnconfirmed, a.Answer == AnswerNotExecuted:",
		"case a.Fate == FateFailed, a.Fate == FateUnconfirmed, a.Answer == AnswerNotExecuted, a.Answer == AnswerUnknown:",
		"?"},
	{"an accepted one is watched first", lawtest.S2, "ladder.go",
		"case a.Fate == FateFailed, a.Fate == FateUnconfirmed, a.Answer == AnswerNotExecuted:",
		"case a.Fate == FateFailed, a.Fate == FateUnconfirmed, a.Answer == AnswerNotExecuted, a.Answer == AnswerAccepted:",
		"?"},
	{"what ECS did not execute is sent anew", "the ladder", "ladder.go",
		"a.Fate == FateUnconfirmed, a.Answer == AnswerNotExecuted:",
		"a.Fate == FateUnconfirmed:", "?"},
	{"and is no attempt", "not executed counts for nothing", "ladder.go",
		"if c != a && c.Answer != AnswerNotExecuted && (a == nil || c.N < a.N) {",
		"if c != a && (a == nil || c.N < a.N) {", "?"},
	{"nor one of REMEDY_MAX_ATTEMPTS", "not executed counts for nothing", "ladder.go",
		`		if m.incident.Attempts[i].Answer != AnswerNotExecuted {
			all++`,
		`		if i >= 0 {
			all++`,
		"?"},
	{"after a forced one comes a human", "the ladder", "ladder.go",
		"case previous != nil && previous.Force && previous.Fate == FateFailed:",
		"case false && previous != nil:", "?"},
	{"no more than REMEDY_MAX_ATTEMPTS", "the ladder", "ladder.go",
		"case all >= p.MaxAttempts:", "case all > p.MaxAttempts:", "?"},
	{"no further attempt in another mode than enforce", lawtest.S8, "ladder.go",
		"case p.Mode != ModeEnforce:", "case false:", "?"},
	{"nor in a pause", lawtest.S8, "ladder.go",
		"case f.Fleet.OK() && f.Fleet.Value.Paused.On(f.Now):", "case false:", "?"},
	{"nor after its alarm was resolved", "no attempt after its alarm was resolved", "ladder.go",
		"case !m.incident.ResolvedAt.IsZero():", "case false:", "?"},
	{"nor after the incident's limit", lawtest.S6, "ladder.go",
		"case f.Now.After(m.incident.limit(p)):", "case false:", "?"},
	{"at the limit one may", "at the limit is within it", "ladder.go",
		"case f.Now.After(m.incident.limit(p)):", "case !f.Now.Before(m.incident.limit(p)):",
		"?"},
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
		"?"},
	{"then it may have worked", "it may have worked after all", "ladder.go",
		`	if !f.Instance.OK() {
		return m.unseen(f.Instance.Failure, f.Instance.Note)
	}
	if late := m.workedAfterAll(); late != nil {`,
		`	if !f.Instance.OK() {
		return m.unseen(f.Instance.Failure, f.Instance.Note)
	}
	if late := m.workedAfterAll(); false && late != nil {`,
		"?"},
	{"or be starting", "nothing is sent into a boot", "ladder.go",
		`if accepted := m.lastAccepted(); accepted != nil && f.Instance.Value.Status == "Starting" {`,
		"if accepted := m.lastAccepted(); false && accepted != nil {", "?"},
	{"or report again", "a fresh heartbeat means recovered", "ladder.go",
		`	if step, over := m.recovered(); over {
		return step
	}
	if accepted`,
		"\tif accepted", "?"},
	{"what kept the next attempt from being sent is said", "unreadable is no", "ladder.go",
		"if overdue && !f.Platform.OK() { // what kept", "if false { // what kept", "?"},
	{"a pause ends as a refusal where nothing was sent", "paused is like every other guard",
		"ladder.go",
		`	case ReasonPaused:
		return m.end(reason, why)
`,
		"", "?"},
	{"a wait comes before what is sent anew", "the backoff", "ladder.go",
		"if until := m.backoff(); f.Now.Before(until) {",
		"if until := m.backoff(); false && f.Now.Before(until) {", "?"},
	{"before each attempt everything is read", lawtest.S4, "ladder.go",
		`	if missing := sourceGuards &^ f.have(); missing != 0 {
		return m.read(missing)
	}
	if late`,
		"\tif late", "?"},
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
		"?"},
	{"a guest that reports again has recovered", "a fresh heartbeat means recovered",
		"ladder.go",
		`	if step, over := m.recovered(); over {
		return step
	}
	r := ruling`,
		"\tr := ruling", "?"},
	{"not while it shuts down", "the old system beats while it shuts down", "ladder.go",
		`!m.f.Instance.OK() || m.f.Instance.Value.Status != "Running" {
		return Step{}, false`,
		`!m.f.Instance.OK() {
		return Step{}, false`,
		"?"},
	{"what a guard forbids is not sent", lawtest.S4, "ladder.go",
		`	case r.reason != "":
		return m.end(r.reason, r.why).with(r.findings)
	case moving`,
		"\tcase moving", "?"},
	{"nothing is sent into a boot", lawtest.S4, "ladder.go",
		`	case moving && f.Instance.Value.Status == "Starting":
		return m.starting().with(r.findings)
`,
		"", "?"},
	{"nothing is sent while a guard's source is out of reach", lawtest.S4, "ladder.go",
		`case r.blind != "" || moving:`, "case moving:", "?"},
	{"nor while our own attempt takes effect", lawtest.S4, "ladder.go",
		`case r.blind != "" || moving:`, `case r.blind != "":`, "?"},
	{"an instance that is not there gets nothing", lawtest.S4, "ladder.go",
		`	foundRule(r)
	if f.Instance.OK() {`,
		"\tif f.Instance.OK() {", "?"},
	{"a further attempt in Stopping only if ours left it there", lawtest.S4, "ladder.go",
		`case status == "Stopping" && m.stuck():`, `case status == "Stopping":`, "?"},
	{"then it is sent in that state", "stuck: the ladder goes on", "ladder.go",
		`case status == "Stopping" && m.stuck():`, "case false:", "?"},
	{"a transition is ours only after an accepted attempt", "not by our doing", "ladder.go",
		"ours := previous != nil && previous.accepted() || m.stuck()",
		"ours := previous != nil", "?"},
	{"and not for ever", "not by our doing", "ladder.go",
		`case onItsWay && ours && (status == "Starting" ||
			f.Instance.At.Before(previous.end(m.p).Add(m.p.AttemptTimeout))):`,
		"case onItsWay && ours:", "?"},
	{"Starting by our doing is waited for however long", "nothing is sent into a boot",
		"ladder.go",
		`case onItsWay && ours && (status == "Starting" ||
			f.Instance.At.`,
		"case onItsWay && ours && (f.Instance.At.", "?"},
	{"that it left Running is noted then", lawtest.S10, "ladder.go",
		`			m.lastAccepted().observe(&f.Instance)
			r.pass`,
		"\t\t\tr.pass", "?"},
	{"in no other status anything is sent", lawtest.S4, "ladder.go",
		`r.refuse(RuleRunning, ReasonNotRunning, status)
		}
	}
	for`,
		`r.pass(RuleRunning, status)
		}
	}
	for`,
		"?"},
	{"every guard is asked again before every attempt", lawtest.S4, "ladder.go",
		`	for _, rule := range live {
		rule(r)
	}
`,
		"", "?"},
	{"a guest that beats while it shuts down is waited for",
		"the old system beats while it shuts down", "ladder.go",
		`if state == pulseBeating && m.p.SecondCheck && f.Instance.OK() && f.Instance.Value.Status != "Running" {`,
		"if false && state == pulseBeating {", "?"},
	{"where heartbeats count", "REMEDY_SECOND_CHECK=none", "ladder.go",
		"if state == pulseBeating && m.p.SecondCheck && f.Instance.OK()",
		"if state == pulseBeating && f.Instance.OK()", "?"},
	{"a guest that beats gets nothing", lawtest.S4, "ladder.go",
		`	heartbeatRule(r)
	return moving`,
		"\treturn moving", "?"},
	{"only a failed attempt leaves it stuck", lawtest.S4, "ladder.go",
		"return previous != nil && previous.Fate == FateFailed && previous.Stuck",
		"return previous != nil && previous.Stuck", "?"},
	{"in Stopping, that is", lawtest.S4, "ladder.go",
		"return previous != nil && previous.Fate == FateFailed && previous.Stuck",
		"return previous != nil && previous.Fate == FateFailed", "?"},
	{"an attempt that nobody watched needs a silent heartbeat", "unconfirmed", "ladder.go",
		"unwatched := previous != nil && previous.Fate == FateUnconfirmed && !previous.watched(m.p); unwatched {",
		"unwatched := false; unwatched {", "?"},
	{"one that was watched does not", "unconfirmed", "ladder.go",
		"previous.Fate == FateUnconfirmed && !previous.watched(m.p); unwatched {",
		"previous.Fate == FateUnconfirmed; unwatched {", "?"},
	{"no force before two graceful failures", lawtest.S3, "ladder.go",
		"force := graceful >= 2 &&", "force := graceful >= 1 &&", "?"},
	{"a forced failure is none of them", lawtest.S3, "ladder.go",
		"a.Fate == FateFailed && !a.Force {", "a.Fate == FateFailed {", "?"},
	{"force follows after two", "the ladder", "ladder.go", "force := graceful >= 2 &&",
		"force := graceful >= 3 &&", "?"},
	{"not right after one that is not confirmed", lawtest.S3, "ladder.go",
		"force := graceful >= 2 && (previous == nil || previous.Fate != FateUnconfirmed)",
		"force := graceful >= 2", "?"},
	{"force needs its own permission", "S3 and the owner's tag", "ladder.go",
		`if forceRule(r, previous); r.reason != "" {`, "if forceRule(r, previous); false {",
		"?"},
	{"without it a stuck one is told as stuck", "the contract: stuck", "ladder.go",
		`			if m.stuck() {
				return m.fail(ReasonStuck,`,
		`			if false {
				return m.fail(ReasonStuck,`,
		"?"},
	{"no further claim on old readings", lawtest.S4, "ladder.go",
		`	case m.stale():
		return m.afresh("the readings are too old for a claim")
`,
		"", "?"},
	{"the pause is asked last before a further claim", lawtest.S8, "ladder.go",
		"case !f.Fleet.Read() || f.Fleet.At.Before(f.Instance.At):", "case !f.Fleet.Read():",
		"?"},
	{"a fleet's record that cannot be read may hold a pause", lawtest.S8, "ladder.go",
		`	case !f.Fleet.OK():
		return m.poll(m.incident.limit(m.p))
`,
		"", "?"},
	{"the pause leaves its finding", "a refusal can be explained", "ladder.go",
		`	pauseRule(r)
`,
		"", "?"},
	{"only a row of not-executed ones counts for the wait", "the backoff", "ladder.go",
		`		if m.incident.Attempts[i].Answer != AnswerNotExecuted {
			break
		}
`,
		`		if m.incident.Attempts[i].Answer != AnswerNotExecuted {
			continue
		}
`,
		"?"},
	{"a throttled call is sent in the next minute", "the backoff", "ladder.go",
		`	if last.Throttled {
`,
		`	if false {
`,
		"?"},
	{"the wait doubles", "the backoff", "ladder.go",
		`		wait *= 2
`,
		"", "?"},
	{"to a minute", "the backoff", "ladder.go",
		"last.AnsweredAt.Add(min(wait, max(time.Minute, m.p.Poll)))",
		"last.AnsweredAt.Add(wait)", "?"},
	{"or REMEDY_POLL where that is longer", "the backoff", "ladder.go",
		"last.AnsweredAt.Add(min(wait, max(time.Minute, m.p.Poll)))",
		"last.AnsweredAt.Add(min(wait, time.Minute))", "?"},
	{"an alarm is refused only if nothing can have reached the instance",
		"the contract: refused", "ladder.go",
		`		if m.incident.Attempts[i].sent() {
			return m.fail(reason, why)`,
		`		if i < 0 {
			return m.fail(reason, why)`,
		"?"},
	{"giving up says that nothing is confirmed", "the contract: unconfirmed", "ladder.go",
		"case last != nil && last.Fate == FateUnconfirmed:", "case false:", "?"},
	{"or that it is stuck", "the contract: stuck", "ladder.go",
		"case last != nil && last.Stuck:", "case false:", "?"},

	// What became of an attempt.
	{"an attempt has its whole time, from its answer", lawtest.S2, "watch.go",
		`	if a.AnsweredAt.IsZero() {
		return a.SendBefore
	}
	return a.AnsweredAt`,
		"\treturn a.ClaimedAt", "?"},
	{"one without an answer from its last moment", lawtest.S2, "watch.go",
		`		return a.SendBefore
`,
		`		return a.ClaimedAt
`,
		"?"},
	{"and REMEDY_ATTEMPT_TIMEOUT long", lawtest.S2, "watch.go",
		"return a.begun().Add(p.AttemptTimeout)", "return a.begun().Add(p.AttemptTimeout / 2)",
		"?"},
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
		"?"},
	{"what cannot be read at the end is no end", "unreadable is no", "watch.go",
		`	if !reading.OK() {
		return m.unseen(reading.Failure, reading.Note)
	}
	switch status`,
		"\tswitch status", "?"},
	{"Starting at the end is waited for", "nothing is sent into a boot", "watch.go",
		`	case "Starting":
		return m.starting()
	case "Stopping"`,
		`	case "Stopping"`, "?"},
	{"Stopping at the end is a failure", "stuck: the ladder goes on", "watch.go",
		"\t\tif a.timeIsOver(m.p); a.Fate == FateFailed {", "\t\tif a.timeIsOver(m.p); false {",
		"?"},
	{"if ECS is known to have taken it", lawtest.S3, "watch.go",
		"\t\tif a.timeIsOver(m.p); a.Fate == FateFailed {", "\t\tif a.timeIsOver(m.p); true {",
		"?"},
	{"and noted", "stuck: the ladder goes on", "watch.go",
		`			a.Stuck = true
			return m.climb()`,
		"\t\t\treturn m.climb()", "?"},
	{"a failure was watched to its end", lawtest.S3, "watch.go",
		"return !a.LastReadAt.Before(a.end(p))", "return true", "?"},
	{"without a gap", lawtest.S3, "watch.go",
		"if reading.At.Sub(from) <= p.Gap() && reading.At.After(a.LastReadAt) {",
		"if reading.At.After(a.LastReadAt) {", "?"},
	{"up to the gap's length", "a poll may fail", "watch.go",
		"if reading.At.Sub(from) <= p.Gap() &&", "if reading.At.Sub(from) < p.Gap() &&", "?"},
	{"three polls or half a minute", "a poll may fail", "policy.go",
		"return max(3*p.Poll, 30*time.Second)", "return 3 * p.Poll", "?"},
	{"from the attempt's beginning", lawtest.S3, "watch.go",
		`		from = a.begun()
`,
		`		from = reading.At
`,
		"?"},
	{"ECS is known to have taken a failure", lawtest.S3, "watch.go",
		"known := a.Answer == AnswerAccepted || a.Answer == AnswerRejected", "known := true",
		"?"},
	{"or to have refused it in our own transition", lawtest.S3, "watch.go",
		"known := a.Answer == AnswerAccepted || a.Answer == AnswerRejected",
		"known := a.Answer == AnswerAccepted", "?"},
	{"Starting or Stopped and then Running is a restart", lawtest.S10, "watch.go",
		"return changed || !a.LeftRunningAt.IsZero()", "return changed", "?"},
	{"a new StartTime is a restart", lawtest.S10, "watch.go",
		"return changed || !a.LeftRunningAt.IsZero()",
		`_ = changed
	return !a.LeftRunningAt.IsZero()`,
		"?"},
	{"a StartTime that is missing is no new one", "unreadable is no", "watch.go",
		`changed := i.StartTime != "" && a.Before`, "changed := a.Before", "?"},
	{"nor one whose old one is not known", "unreadable is no", "watch.go",
		`a.Before.StartTime != "" && i.StartTime != a.Before.StartTime`,
		"i.StartTime != a.Before.StartTime", "?"},
	{"Stopping and back to Running is no restart", "the platform may have given up", "watch.go",
		`case "Starting", "Stopped":`, `case "Starting", "Stopped", "Stopping":`, "?"},
	{"Stopped counts as having left", lawtest.S10, "watch.go", `case "Starting", "Stopped":`,
		`case "Starting":`, "?"},
	{"the first time it left is kept", "a fact stays", "watch.go",
		`		if a.LeftRunningAt.IsZero() {
`,
		`		if true {
`,
		"?"},
	{"Starting is watched to the incident's limit", "nothing is sent into a boot", "watch.go",
		"if limit := m.incident.limit(m.p); m.f.Now.Before(limit) {",
		"if limit := m.incident.limit(m.p); false {", "?"},
	{"at the limit it is stuck", "the contract: stuck", "watch.go",
		"if limit := m.incident.limit(m.p); m.f.Now.Before(limit) {",
		"if limit := m.incident.limit(m.p); !m.f.Now.After(limit) {", "?"},
	{"and the attempt is settled", "every claimed attempt is settled", "watch.go",
		`		ours.timeIsOver(m.p)
		ours.Stuck = true
`,
		"", "?"},
	{"a guest that restarted is waited for", "restarted means that its guest reports",
		"watch.go", "beatAt(v).After(a.BackAt) {", "true {", "?"},
	{"by a beat from after its return", "the old system beats while it shuts down", "watch.go",
		"v.clockAgrees() && beatAt(v).After(a.BackAt) {",
		"v.clockAgrees() && !beatAt(v).Before(a.BackAt) {", "?"},
	{"on a clock that is known", "unreadable is no", "watch.go",
		"if running && v.OK() && v.clockAgrees() && beatAt", "if running && v.OK() && beatAt",
		"?"},
	{"ours", "no beat is made to look later than it was", "watch.go",
		"return v.Value.Heartbeat.Add(v.At.Truncate(time.Second).Sub(v.Date))",
		"return v.Value.Heartbeat", "?"},
	{"while it is Running", "restarted means that its guest reports", "watch.go",
		"if running && v.OK() && v.clockAgrees()", "if v.OK() && v.clockAgrees()", "?"},
	{"without Cloud Assistant twice Running is enough", lawtest.Liveness, "watch.go",
		"if running && i.At.After(a.BackAt) && m.speechless(a) {", "if false {", "?"},
	{"twice", "restarted means that its guest reports", "watch.go",
		"if running && i.At.After(a.BackAt) && m.speechless(a) {",
		"if running && m.speechless(a) {", "?"},
	{"Running", "restarted means that its guest reports", "watch.go",
		"if running && i.At.After(a.BackAt) && m.speechless(a) {",
		"if i.At.After(a.BackAt) && m.speechless(a) {", "?"},
	{"a guest that once reported is no speechless one",
		"restarted means that its guest reports", "watch.go",
		`	if !a.Before.Heartbeat.IsZero() {
		return false
	}
`,
		`	_ = a
`,
		"?"},
	{"nor one of which nothing can be read", "restarted means that its guest reports",
		"watch.go", "return v.OK() && v.Value.Heartbeat.IsZero() ||",
		"return v.Value.Heartbeat.IsZero() ||", "?"},
	{"unless heartbeats may not be read and are not needed", lawtest.Liveness, "watch.go",
		"v.Failure == FailureForbidden && !m.p.SecondCheck", "false", "?"},
	{"if they are needed it is waited for them", "restarted means that its guest reports",
		"watch.go", "v.Failure == FailureForbidden && !m.p.SecondCheck",
		"v.Failure == FailureForbidden", "?"},
	{"the boot grace is its time", lawtest.S10, "watch.go",
		"end := a.BackAt.Add(m.p.BootGrace)", "end := a.BackAt", "?"},
	{"both are read at its end", "restarted means that its guest reports", "watch.go",
		"case i.At.Before(end) || v.At.Before(end):", "case i.At.Before(end):", "?"},
	{"what cannot be read then is looked at again", "unreadable is no", "watch.go",
		`	case !i.OK():
		return m.unseen(i.Failure, i.Note)
	case i.Value`,
		"\tcase i.Value", "?"},
	{"on its way down again it is stuck", "the contract: stuck", "watch.go",
		`case i.Value.Status == "Stopping" || i.Value.Status == "Starting":`, "case false:",
		"?"},
	{"off it is not-running", "the contract: not-running", "watch.go",
		`	case !running:
`,
		`	case false:
`,
		"?"},
	{"heartbeats that cannot be read are no silence", "unreadable is no", "watch.go",
		`	case !v.OK():
		return m.unseen(v.Failure, v.Note)
`,
		"", "?"},
	{"nor are those of another clock", "unreadable is no", "watch.go",
		`	case !v.clockAgrees():
		return m.unseen(FailureUnreadable, clockDispute)
`,
		"", "?"},
	{"a refusal ends the incident", "the ladder", "watch.go",
		`	if a.Reason != ReasonNotRunning {
		return m.end(cmp.Or(a.Reason, ReasonRejected),`,
		`	if false {
		return m.end(cmp.Or(a.Reason, ReasonRejected),`,
		"?"},
	{"one as not Running is looked into", lawtest.S3, "watch.go",
		`	if a.Reason != ReasonNotRunning {
		return m.end(`,
		`	if true {
		return m.end(`,
		"?"},
	{"an empty list may be a slip then", "a poll may fail", "watch.go",
		`		if reading.At.Before(end) {
			return m.poll(end) // an empty list`,
		`		if false {
			return m.poll(end) // an empty list`,
		"?"},
	{"a refused attempt is watched as well", lawtest.S3, "watch.go",
		`	a.see(m.p, reading)
	ours,`,
		"\tours,", "?"},
	{"the attempt before it may work after all", lawtest.S10, "watch.go",
		`		if ours.Fate == FateWorked {
			return m.welcome(ours)
		}
`,
		"", "?"},
	{"refused though it is Running", "once is a hiccup", "watch.go",
		`	case status == "Running" && !a.Stuck:
		return m.refusedThoughRunning(a)
`,
		"", "?"},
	{"unless it was Stopping before", lawtest.S3, "watch.go",
		`case status == "Running" && !a.Stuck:`, `case status == "Running":`, "?"},
	{"refused in another status", "the contract: not-running", "watch.go",
		`	case status != "Stopping" && status != "Starting":
		return m.end(ReasonNotRunning, "it is "+status)
`,
		"", "?"},
	{"refused in a transition that is not ours", lawtest.S3, "watch.go",
		`	case ours == nil:
`,
		`	case false:
`,
		"?"},
	{"refused in Starting", "nothing is sent into a boot", "watch.go",
		`	case status == "Starting":
		return m.starting()
	}
	// The`,
		`	}
	// The`,
		"?"},
	{"a refused retry has its whole time", lawtest.S3, "watch.go",
		`	if reading.At.Before(end) {
		return m.poll(end)
	}
	a.timeIsOver(m.p)
`,
		`	a.timeIsOver(m.p)
`,
		"?"},
	{"a refused force is watched to the incident's limit", "a machine that obeys gets its time",
		"watch.go",
		`	if a.Force {
		end = m.incident.limit(m.p)
	}
`,
		"", "?"},
	{"and then it is over", "the ladder", "watch.go",
		`	case a.Force:
		return m.fail(ReasonStuck`,
		`	case false:
		return m.fail(ReasonStuck`,
		"?"},
	{"Running it did not restart", "the contract: not-recovered", "watch.go",
		`case a.Force && status == "Running":`, "case false:", "?"},
	{"refused twice though Running is an answer", "once is a hiccup", "watch.go",
		"if e.Answer == AnswerNotExecuted && e.Reason == ReasonNotRunning {", "if e == nil {",
		"?"},
	{"only what was refused like that counts", "once is a hiccup", "watch.go",
		"if e.Answer == AnswerNotExecuted && e.Reason == ReasonNotRunning {",
		"if e.Answer == AnswerNotExecuted {", "?"},
	{"an attempt that was not sent cannot have worked", "S10 gives the credit to what was sent",
		"watch.go", "a.sent() && a.returned(&reading.Value) {", "a.returned(&reading.Value) {",
		"?"},
	{"worked after all means Running now", lawtest.S10, "watch.go",
		`	if !reading.OK() || reading.Value.Status != "Running" {
		return nil`,
		`	if !reading.OK() {
		return nil`,
		"?"},
	{"a heartbeat is ours only after an accepted attempt", "guest-alive", "watch.go",
		"return state == pulseBeating && m.p.SecondCheck && m.lastAccepted() != nil",
		"return state == pulseBeating && m.p.SecondCheck && len(m.incident.Attempts) > 0 && m.counted(nil) != nil",
		"?"},
	{"and where heartbeats count", "REMEDY_SECOND_CHECK=none", "watch.go",
		"return state == pulseBeating && m.p.SecondCheck && m.lastAccepted() != nil",
		"return state == pulseBeating && m.lastAccepted() != nil", "?"},
	{"the attempt gets the credit", "a recovery is ours", "watch.go",
		`	m.lastAccepted().Fate = FateWorked
`,
		"", "?"},
	{"not there is an answer", "the contract: not-found", "watch.go",
		"case failure == FailureMissing:", "case false:", "?"},
	{"everything else is looked at again until the limit", "unreadable is no", "watch.go",
		"case m.f.Now.Before(m.incident.limit(m.p)):", "case false:", "?"},
	{"and then it ends", lawtest.Liveness, "watch.go",
		"case m.f.Now.Before(m.incident.limit(m.p)):", "case true:", "?"},
	{"as forbidden where it is", "the contract: forbidden", "watch.go",
		`	case failure == FailureForbidden:
		return m.end(ReasonForbidden, note)
`,
		"", "?"},

	// The guards.
	{"every finding is kept, and the first refusal is the reason", "a refusal can be explained",
		"guards.go",
		`	if r.reason == "" {
		r.reason, r.why = reason, saw`,
		`	if true {
		r.reason, r.why = reason, saw`,
		"?"},
	{"a source that is forbidden refuses", "unreadable is no", "guards.go",
		`	case FailureForbidden:
		r.refuse(rule, ReasonForbidden, note)
`,
		`	case FailureForbidden:
`,
		"?"},
	{"what is not in the answer refuses", "unreadable is no", "guards.go",
		`	case FailureMissing:
		r.refuse(rule, missing, note)
`,
		`	case FailureMissing:
`,
		"?"},
	{"what is out of reach opens nothing yet", "unreadable is no", "guards.go",
		`		if r.blind == "" {
			r.blind = note
		}
`,
		"", "?"},
	{"what is not understood refuses", "unreadable is no", "guards.go",
		`	default:
		r.refuse(rule, ReasonUnreadable, note)
`,
		`	default:
`,
		"?"},
	{"what went wrong is told", "a refusal can be explained", "guards.go",
		`	if note == "" {
		note = string(failure)
	}
`,
		"", "?"},
	{"events have no rule", "the guards", "guards.go",
		`	if a.Event != "" {
		r.pass(RuleAlarmRule, a.Event)
		return
	}
`,
		"", "?"},
	{"REMEDY_RULES", "deny is the default", "guards.go", "if !matches(r.p.Rules, a.Name) {",
		"if false {", "?"},
	{"the finding alarm-rule", "a refusal can be explained", "guards.go",
		`	r.pass(RuleAlarmRule, a.Name)
`,
		"", "?"},
	{"REMEDY_LEVELS", "deny is the default", "guards.go",
		`	case slices.Contains(r.p.Levels, a.Level):
`,
		`	case true || slices.Contains(r.p.Levels, a.Level):
`,
		"?"},
	{"missing data has no level", "the guards", "guards.go",
		"case a.State == events.StateInsufficientData:", "case false:", "?"},
	{"an alarm says whose instance it is", "deny is the default", "guards.go",
		`	case account == "":
		r.refuse(RuleAccount, ReasonWrongAccount, "the alarm does not say whose instance it is")
`,
		`	case account == "":
`,
		"?"},
	{"ours", "deny is the default", "guards.go", "case account != r.f.Account:", "case false:",
		"?"},
	{"the finding account", "a refusal can be explained", "guards.go",
		`		r.pass(RuleAccount, account)
`,
		"", "?"},
	{"an alarm without a time", "unreadable is no", "guards.go", "case a.Time.IsZero():",
		"case false:", "?"},
	{"an alarm of the future", "unreadable is no", "guards.go",
		`case age < -MaxSkew:
		r.refuse`,
		`case false:
		r.refuse`,
		"?"},
	{"two minutes of it are clocks that differ", "a clock may differ a little", "guards.go",
		`case age < -MaxSkew:
		r.refuse`,
		`case age <= -MaxSkew:
		r.refuse`,
		"?"},
	{"an alarm that is too old", lawtest.S5, "guards.go", "case age > r.p.AlarmMaxAge:",
		"case false:", "?"},
	{"at the limit it is not", "at the limit is within it", "guards.go",
		"case age > r.p.AlarmMaxAge:", "case age >= r.p.AlarmMaxAge:", "?"},
	{"the finding alarm-age", "a refusal can be explained", "guards.go",
		`		r.pass(RuleAlarmAge, short(age))
`,
		"", "?"},
	{"mode off, as a finding", lawtest.S8, "guards.go",
		`		r.refuse(RuleMode, ReasonPaused, "mode "+string(r.p.Mode))
		return
`,
		"", "?"},
	{"the finding mode", "a refusal can be explained", "guards.go",
		`	r.pass(RuleMode, string(r.p.Mode))
`,
		"", "?"},
	{"without windows it is always open", "the guards", "guards.go",
		`	if len(r.p.Windows) == 0 {
		r.pass(RuleWindow, "always open")
		return
	}
`,
		"", "?"},
	{"in a window it is open", "the guards", "guards.go",
		`		if window.Open(r.f.Now) {
			r.pass(`,
		`		if false && window.Open(r.f.Now) {
			r.pass(`,
		"?"},
	{"outside it is not", "the guards", "guards.go",
		`	r.refuse(RuleWindow, ReasonOutsideWindow, "no window of REMEDY_WINDOWS is open")
`,
		"", "?"},
	{"the same alarm opens one incident", lawtest.S6, "guards.go",
		`		r.refuse(RuleDuplicate, ReasonDuplicateAlarm, "this alarm opened an incident that has ended")
		return
`,
		"", "?"},
	{"the finding duplicate", "a refusal can be explained", "guards.go",
		`	r.pass(RuleDuplicate, "a new alarm")
`,
		"", "?"},
	{"an alarm from before the last recovery", lawtest.S5, "guards.go",
		"case r.f.Alarm.Time.Before(recovered):", "case false:", "?"},
	{"of its second", "an alarm has its time to the second", "guards.go",
		"recovered().Truncate(time.Second)", "recovered()", "?"},
	{"the finding last-recovery", "a refusal can be explained", "guards.go",
		`		r.pass(RuleLastRecovery, stamp(recovered))
`,
		"", "?"},
	{"and where nothing recovered", "a refusal can be explained", "guards.go",
		`		r.pass(RuleLastRecovery, "none known")
`,
		"", "?"},
	{"the cool-down", lawtest.S6, "guards.go", "case r.f.Now.Before(until):", "case false:",
		"?"},
	{"at its end it is over", "at the limit is within it", "guards.go",
		"case r.f.Now.Before(until):", "case !r.f.Now.After(until):", "?"},
	{"the finding cool-down", "a refusal can be explained", "guards.go",
		`		r.pass(RuleCoolDown, "no incident before")
`,
		"", "?"},
	{"the budget of incidents", lawtest.S6, "guards.go", "if spent >= r.p.MaxIncidents {",
		"if false {", "?"},
	{"no more than that", lawtest.S6, "guards.go", "if spent >= r.p.MaxIncidents {",
		"if spent > r.p.MaxIncidents {", "?"},
	{"the finding incidents", "a refusal can be explained", "guards.go",
		`	r.pass(RuleIncidents, saw)
`,
		"", "?"},
	{"a fleet's record that cannot be read may hold a pause", lawtest.S8, "guards.go",
		`		r.unread(RulePause, r.f.Fleet.Failure, ReasonUnreadable, "the ledger: "+r.f.Fleet.Note)
`,
		"", "?"},
	{"the pause", lawtest.S8, "guards.go",
		`		r.refuse(RulePause, ReasonPaused, pause.Reason)
		return
`,
		"", "?"},
	{"the finding pause", "a refusal can be explained", "guards.go",
		`	r.pass(RulePause, "none")
`,
		"", "?"},
	{"the fleet's limits", lawtest.S6, "guards.go",
		`		r.refuse(RuleFleet, reason, saw)
		return
`,
		"", "?"},
	{"the finding fleet", "a refusal can be explained", "guards.go",
		`	r.pass(RuleFleet, saw)
`,
		"", "?"},
	{"an instance that is not there", lawtest.S4, "guards.go",
		`		r.unread(RuleFound, m.Failure, ReasonNotFound, m.Note)
`,
		"", "?"},
	{"the finding found", "a refusal can be explained", "guards.go",
		`	r.pass(RuleFound, r.f.Instance.Value.Name)
`,
		"", "?"},
	{"an instance that is not Running", lawtest.S4, "guards.go",
		`		r.refuse(RuleRunning, ReasonNotRunning, status)
		return
`,
		"", "?"},
	{"the finding running", "a refusal can be explained", "guards.go",
		`	r.pass(RuleRunning, "Running")
`,
		"", "?"},
	{"a list of locks that cannot be read", lawtest.S4, "guards.go",
		`		r.refuse(RuleSecurityLock, ReasonUnreadable, "OperationLocks is missing or malformed")
		return
`,
		"", "?"},
	{"a security lock is named as one", "the contract: security-locked", "guards.go",
		`		if strings.EqualFold(strings.TrimSpace(lock), "security") {
`,
		`		if lock == "security" {
`,
		"?"},
	{"a security lock", lawtest.S4, "guards.go",
		`		r.refuse(RuleSecurityLock, ReasonSecurityLocked, security)
`,
		"", "?"},
	{"the finding security-lock", "a refusal can be explained", "guards.go",
		`		r.pass(RuleSecurityLock, security)
`,
		"", "?"},
	{"every other lock", lawtest.S4, "guards.go",
		`		r.refuse(RuleOtherLock, ReasonLocked, other)
`,
		"", "?"},
	{"the finding other-lock", "a refusal can be explained", "guards.go",
		`		r.pass(RuleOtherLock, other)
`,
		"", "?"},
	{"pay as you go does not expire", "a date in 2099 means nothing", "guards.go",
		`	case m.ChargeType == "PostPaid":
		r.pass(RuleExpiry, "PostPaid")
`,
		"", "?"},
	{"a charge type of tomorrow", "unreadable is no", "guards.go",
		`		r.refuse(RuleExpiry, ReasonUnreadable, "charge type "+quoted(m.ChargeType))
`,
		"", "?"},
	{"a subscription without a date", "unreadable is no", "guards.go",
		`		r.refuse(RuleExpiry, ReasonUnreadable, "PrePaid without an ExpiredTime that can be read")
`,
		"", "?"},
	{"a date on a clock that is not known", "unreadable is no", "guards.go",
		`	case !r.f.Instance.clockAgrees():
		r.refuse(RuleExpiry, ReasonUnreadable, clockDispute)
`,
		"", "?"},
	{"a subscription that has run out", lawtest.S4, "guards.go",
		`		r.refuse(RuleExpiry, ReasonExpired, "since "+stamp(m.ExpiredTime))
`,
		"", "?"},
	{"at its second", lawtest.S4, "guards.go", "case !r.f.Instance.Date.Before(m.ExpiredTime):",
		"case r.f.Instance.Date.After(m.ExpiredTime):", "?"},
	{"the finding expiry", "a refusal can be explained", "guards.go",
		`		r.pass(RuleExpiry, "PostPaid")
`,
		"", "?"},
	{"an instance without the tag", "deny is the default", "guards.go",
		"case !tagged && p.Untagged != GrantNone:", "case !tagged:", "?"},
	{"graceful is no force", "S3 and the owner's tag", "guards.go",
		`case value == string(GrantGraceful):
		return GrantGraceful, value`,
		`case value == string(GrantGraceful):
		return GrantFull, value`,
		"?"},
	{"the whole ladder is", "the owner's tag", "guards.go", "case value == string(GrantFull):",
		"case false:", "?"},
	{"no other value grants anything", "deny is the default", "guards.go",
		`return GrantNone, p.OptInTag + "=" + quoted(value)`,
		`return GrantFull, p.OptInTag + "=" + quoted(value)`, "?"},
	{"an instance that is not opted in", lawtest.S4, "guards.go",
		`		r.refuse(RuleOptIn, ReasonNotOptedIn, saw)
		return
`,
		"", "?"},
	{"the finding opt-in", "a refusal can be explained", "guards.go",
		`	r.pass(RuleOptIn, saw)
`,
		"", "?"},
	{"platform events that cannot be read", lawtest.S4, "guards.go",
		`		r.unread(RulePlatform, platform.Failure, ReasonUnreadable, platform.Note)
`,
		"", "?"},
	{"the reason that we are here does not block", "the guards", "guards.go",
		"if curesType(e.Type) {", "if false {", "?"},
	{"the platform acts", lawtest.S4, "guards.go", `if e.Status == "Executing" {`, "if false {",
		"?"},
	{"only announced types may act soon", "the guards", "guards.go",
		`|| !planned(e.Type) {
			continue`,
		`{
			continue`,
		"?"},
	{"Scheduled and Inquiring ones", "the guards", "guards.go",
		`if (e.Status != "Scheduled" && e.Status != "Inquiring") || !planned(e.Type) {`,
		"if !planned(e.Type) {", "?"},
	{"an action without a time", "unreadable is no", "guards.go",
		`		case e.NotBefore.IsZero():
`,
		`		case false:
`,
		"?"},
	{"an inquiry without a time waits for its owner, and blocks nothing",
		"the platform is about to act", "guards.go",
		`case e.NotBefore.IsZero() && e.Status == "Inquiring":`, "case false:", "?"},
	{"only an inquiry", "unreadable is no", "guards.go",
		`case e.NotBefore.IsZero() && e.Status == "Inquiring":`, "case e.NotBefore.IsZero():",
		"?"},
	{"a time on a clock that is not known", "unreadable is no", "guards.go",
		`		case !platform.clockAgrees():
`,
		`		case false:
`,
		"?"},
	{"an action within 30 minutes", "the platform is about to act", "guards.go",
		"case e.NotBefore.Sub(platform.Date) <= platformSoon:", "case false:", "?"},
	{"not 30 minutes and more", "the platform is about to act", "guards.go",
		"case e.NotBefore.Sub(platform.Date) <= platformSoon:",
		"case e.NotBefore.Sub(platform.Date) < platformSoon:", "?"},
	{"the finding platform", "a refusal can be explained", "guards.go",
		`	r.pass(RulePlatform, waits)
`,
		`	_ = waits
`,
		"?"},
	{"the guest's crash is announced", "the platform is about to act", "guards.go",
		`return eventType == "InstanceFailure.Reboot" ||`, "return", "?"},
	{"a host's failure is", "the platform is about to act", "guards.go",
		`strings.HasPrefix(eventType, "SystemFailure.") ||`, "", "?"},
	{"a planned maintenance is", "the platform is about to act", "guards.go",
		`strings.HasPrefix(eventType, "SystemFailure.") ||
		strings.HasPrefix(eventType, "SystemMaintenance.")`,
		`strings.HasPrefix(eventType, "SystemFailure.")`, "?"},
	{"heartbeats that cannot be read tell nothing", "unreadable is no", "guards.go",
		`	if !v.OK() {
		return pulseUnsettled, v.Note`,
		`	if false {
		return pulseUnsettled, v.Note`,
		"?"},
	{"none was ever heard", "the guards", "guards.go",
		`	if v.Value.Heartbeat.IsZero() {
		return pulseUnheard,`,
		`	if false {
		return pulseUnheard,`,
		"?"},
	{"a heartbeat on a clock that is not known", "unreadable is no", "guards.go",
		`	case !v.clockAgrees():
		return pulseUnsettled, clockDispute
`,
		"", "?"},
	{"a heartbeat of the future", "unreadable is no", "guards.go",
		`case age < -MaxSkew:
		return pulseUnsettled`,
		`case false:
		return pulseUnsettled`,
		"?"},
	{"two minutes of it are clocks that differ", "a clock may differ a little", "guards.go",
		`case age < -MaxSkew:
		return pulseUnsettled`,
		`case age <= -MaxSkew:
		return pulseUnsettled`,
		"?"},
	{"a fresh heartbeat", lawtest.S4, "guards.go", "case age < p.HeartbeatFresh:",
		"case false:", "?"},
	{"at the limit it is not fresh", "the guards", "guards.go", "case age < p.HeartbeatFresh:",
		"case age <= p.HeartbeatFresh:", "?"},
	{"where no heartbeat counts none is asked", "REMEDY_SECOND_CHECK=none", "guards.go",
		`	case !r.p.SecondCheck:
`,
		`	case false:
`,
		"?"},
	{"a guest that is alive does not hang", lawtest.S4, "guards.go",
		`		r.refuse(RuleHeartbeat, ReasonGuestAlive, saw)
`,
		"", "?"},
	{"a heartbeat that cannot be read", "unreadable is no", "guards.go",
		`		r.unread(RuleHeartbeat, r.f.Vitals.Failure, ReasonUnreadable, saw)
`,
		"", "?"},
	{"or not be understood", "unreadable is no", "guards.go",
		`	case state == pulseUnsettled:
		r.refuse(RuleHeartbeat, ReasonUnreadable, saw)
`,
		"", "?"},
	{"the finding heartbeat", "a refusal can be explained", "guards.go",
		`		r.pass(RuleHeartbeat, saw)
`,
		"", "?"},
	{"a strong alarm needs no second signal", "the guards", "guards.go",
		"if !weak(r.f.Alarm) || !r.p.SecondCheck {", "if !r.p.SecondCheck {", "?"},
	{"where heartbeats do not count none is needed", "REMEDY_SECOND_CHECK=none", "guards.go",
		"if !weak(r.f.Alarm) || !r.p.SecondCheck {", "if !weak(r.f.Alarm) {", "?"},
	{"an agent that never reported cannot fall silent", "a weak alarm needs a second signal",
		"guards.go",
		`		r.refuse(RuleHang, ReasonUnconfirmedHang, "the alarm is weak, and "+saw)
`,
		"", "?"},
	{"the finding hang", "a refusal can be explained", "guards.go",
		`		r.pass(RuleHang, saw)
`,
		"", "?"},
	{"what comes from outside is kept short", "no flood", "guards.go",
		`	if len(s) > 80 {
`,
		`	if false {
`,
		"?"},
	{"REMEDY_FORCE=never", "the operator allows force", "guards.go",
		`	case !r.p.Force:
`,
		`	case false:
`,
		"?"},
	{"force needs the whole grant", "S3 and the owner's tag", "guards.go",
		`	case grant != GrantFull:
`,
		`	case false && grant != GrantFull:
`,
		"?"},
	{"the finding force", "a refusal can be explained", "guards.go",
		`		r.pass(RuleForce, "two graceful attempts were accepted and seen to fail")
`,
		"", "?"},

	// Curable.
	{"a product's own event", "deny is the default", "curable.go",
		"if row.Event == event && row.Product == product {", "if row.Event == event {", "?"},
	{"missing data is weak", "a weak alarm needs a second signal", "curable.go",
		"return curable(a.Product, a.Event).Weak || a.State == events.StateInsufficientData",
		"return curable(a.Product, a.Event).Weak", "?"},
	{"CloudMonitor's silent agent is weak", "a weak alarm needs a second signal", "curable.go",
		"return curable(a.Product, a.Event).Weak || a.State == events.StateInsufficientData",
		"return a.State == events.StateInsufficientData", "?"},

	// Records.
	{"an incident is found among those that ended", lawtest.Liveness, "record.go",
		`		if r.Recent[i].ID == incident {
`,
		`		if false {
`,
		"?"},
	{"an end leaves no owner", "the stored form", "record.go",
		`	done.Owner, done.LeaseUntil = "", time.Time{}
`,
		"", "?"},
	{"an end is remembered", lawtest.S6, "record.go",
		`	r.Recent = append(slices.Clone(r.Recent), done)
`,
		`	r.Recent = slices.Clone(r.Recent)
`,
		"?"},
	{"as long as it matters", "the stored form", "record.go",
		"return now.Sub(i.EndedAt) >= p.Retention()",
		"return now.Sub(i.EndedAt) > p.Retention()", "?"},
	{"not shorter", lawtest.S6, "record.go", "return now.Sub(i.EndedAt) >= p.Retention()",
		"return now.Sub(i.EndedAt) >= p.Retention()/2", "?"},
	{"so are keys of alarms", "the stored form", "record.go",
		"if now.Sub(at) < p.KeyRetention() {", "if now.Sub(at) <= p.KeyRetention() {", "?"},
	{"one closes the incident that one names", "the operator", "record.go",
		"if r.Open == nil || r.Open.ID != incident {", "if r.Open == nil {", "?"},
	{"a reset waits for the open incident", "the operator", "record.go",
		`	if r.Open != nil {
		return r, 0, false`,
		`	if false {
		return r, 0, false`,
		"?"},
	{"a reset tells how many it forgave", "the operator", "record.go",
		`		if !r.Recent[i].Forgiven {
`,
		`		if true {
`,
		"?"},
	{"only a restart is a recovery", "S5 is about recoveries", "record.go",
		"e.Verdict == VerdictRestarted && e.EndedAt.After(last)", "e.EndedAt.After(last)", "?"},
	{"the last recovery", lawtest.S5, "record.go",
		"e.Verdict == VerdictRestarted && e.EndedAt.After(last)",
		"e.Verdict == VerdictRestarted", "?"},
	{"a forgiven incident has no cool-down", "the operator", "record.go",
		"!e.Forgiven && e.EndedAt.After(last)", "e.EndedAt.After(last)", "?"},
	{"the last end", lawtest.S6, "record.go", "!e.Forgiven && e.EndedAt.After(last)",
		"!e.Forgiven", "?"},
	{"a forgiven incident is not spent", "the operator", "record.go",
		"!e.Forgiven && e.OpenedAt.After(since)", "e.OpenedAt.After(since)", "?"},
	{"nor one from before the window", "the budget", "record.go",
		"!e.Forgiven && e.OpenedAt.After(since)", "!e.Forgiven", "?"},
	{"to the nanosecond", "the budget", "record.go", "!e.Forgiven && e.OpenedAt.After(since)",
		"!e.Forgiven && !e.OpenedAt.Before(since)", "?"},
	{"without an incident there is no cool-down", "the operator's view", "record.go",
		`	if ended.IsZero() {
		return ended
	}
`,
		"", "?"},
	{"below the budget one may at once", "the operator's view", "record.go",
		"if r.Spent(now.Add(-p.IncidentWindow)) < p.MaxIncidents {",
		"if r.Spent(now.Add(-p.IncidentWindow)) <= p.MaxIncidents {", "?"},
	{"forgiven ones do not fill it", "the operator's view", "record.go",
		`		if e := &r.Recent[i]; !e.Forgiven {
			opened`,
		`		if e := &r.Recent[i]; true {
			opened`,
		"?"},
	{"a rehearsal that was refused is no void opening", "the stored form", "record.go",
		"return i.Verdict == VerdictRefused && len(i.Attempts) == 0",
		"return i.Verdict == VerdictRefused", "?"},
	{"nor is one that was observed", lawtest.S6, "record.go",
		"return i.Verdict == VerdictRefused && len(i.Attempts) == 0",
		"return len(i.Attempts) == 0", "?"},
	{"a rejected attempt stays rejected", "the contract: outcome", "incident.go",
		`	case a.Answer == AnswerRejected:
		return OutcomeRejected`,
		`	case false:
		return OutcomeRejected`,
		"?"},
	{"a change shares no attempts with its origin", "the caller's record stays as it was",
		"incident.go", "append(make([]Attempt, 0, len(i.Attempts)+1), i.Attempts...)",
		"i.Attempts", "?"},
	{"what cannot have been sent is not unconfirmed", "the contract: outcome", "incident.go",
		"if a.Fate == FateOpen && a.sent() {", "if a.Fate == FateOpen {", "?"},
	{"what has its fate keeps it", "the contract: outcome", "incident.go",
		"if a.Fate == FateOpen && a.sent() {", "if a.sent() {", "?"},
	{"a forced attempt that ECS did not take is no force", "the contract: forced",
		"incident.go", "return a.Force && a.sent() })", "return a.Force })", "?"},
	{"a rejected attempt was not sent", "the contract: refused", "incident.go",
		"return a.Answer != AnswerRejected && a.Answer != AnswerNotExecuted",
		"return a.Answer != AnswerNotExecuted", "?"},
	{"nor one that was not executed", "the contract: refused", "incident.go",
		"return a.Answer != AnswerRejected && a.Answer != AnswerNotExecuted",
		"return a.Answer != AnswerRejected", "?"},

	// The fleet's record.
	{"an ended pause is over", "the operator", "fleet.go",
		"return !p.Since.IsZero() && (p.Until.IsZero() || now.Before(p.Until))",
		"return !p.Since.IsZero()", "?"},
	{"a pause without an end goes on", lawtest.S8, "fleet.go",
		"return !p.Since.IsZero() && (p.Until.IsZero() || now.Before(p.Until))",
		"return !p.Since.IsZero() && now.Before(p.Until)", "?"},
	{"a pause's end is its end", "the operator", "fleet.go",
		"return !p.Since.IsZero() && (p.Until.IsZero() || now.Before(p.Until))",
		"return !p.Since.IsZero() && (p.Until.IsZero() || !now.After(p.Until))", "?"},
	{"beginnings of an hour ago are forgotten", "the stored form", "fleet.go",
		"return now.Sub(b.At) >= time.Hour", "return now.Sub(b.At) > time.Hour", "?"},
	{"not earlier", lawtest.S6, "fleet.go", "return now.Sub(b.At) >= time.Hour",
		"return now.Sub(b.At) >= time.Hour/2", "?"},
	{"an incident's beginning counts", lawtest.S6, "fleet.go",
		`	return fl.begun(incident, now)
`,
		`	return fl
`,
		"?"},
	{"a void opening's does not", "S6 costs only what was done", "fleet.go",
		`	if ended.Void() {
`,
		`	if false {
`,
		"?"},
	{"what was claimed does", lawtest.S6, "fleet.go",
		`	if ended.Void() {
`,
		`	if true {
`,
		"?"},
	{"one incident's slot is given back", lawtest.S6, "fleet.go",
		"func(s Slot) bool { return s.Incident == ended.ID })",
		"func(s Slot) bool { return true })", "?"},
	{"a change leaves the record that it was made from", "the caller's record stays as it was",
		"fleet.go",
		`	fl.Open = slices.Clone(fl.Open)
`,
		"", "?"},
	{"and its beginnings", "the caller's record stays as it was", "fleet.go",
		`slices.DeleteFunc(slices.Clone(fl.Begun), func(b Begun) bool {
		return now.Sub`,
		`slices.DeleteFunc(fl.Begun, func(b Begun) bool {
		return now.Sub`,
		"?"},
	{"a resumption tells whether there was a pause", "the operator", "fleet.go",
		`	paused := fl.Paused.On(now)
`,
		`	paused := fl.Paused != Pause{}
`,
		"?"},
	{"a pause is written anew once a day", lawtest.S8, "fleet.go",
		"if !fl.Paused.On(now) || now.Sub(fl.Written) <= 24*time.Hour {", "if true {", "?"},
	{"and not more often", "every process writes the fleet's record", "fleet.go",
		"if !fl.Paused.On(now) || now.Sub(fl.Written) <= 24*time.Hour {",
		"if !fl.Paused.On(now) || now.Sub(fl.Written) < 24*time.Hour {", "?"},
	{"without a pause there is no need", "every process writes the fleet's record", "fleet.go",
		"if !fl.Paused.On(now) || now.Sub(fl.Written) <= 24*time.Hour {",
		"if now.Sub(fl.Written) <= 24*time.Hour {", "?"},
	{"a pause is not idle", lawtest.S8, "fleet.go",
		"return len(fl.Open) == 0 && fl.Paused == (Pause{})", "return len(fl.Open) == 0", "?"},
	{"nor is a slot", lawtest.S6, "fleet.go",
		"return len(fl.Open) == 0 && fl.Paused == (Pause{})", "return fl.Paused == (Pause{})",
		"?"},
	{"a slot counts while its incident may be under way", lawtest.S6, "fleet.go",
		"return now.Before(s.OpenedAt.Add(p.longest())) || now.Before(s.LeaseUntil)",
		"return now.Before(s.LeaseUntil)", "?"},
	{"and while its lease runs", lawtest.S6, "fleet.go",
		"return now.Before(s.OpenedAt.Add(p.longest())) || now.Before(s.LeaseUntil)",
		"return now.Before(s.OpenedAt.Add(p.longest()))", "?"},
	{"not for ever", lawtest.Liveness, "fleet.go",
		`		if fl.Open[i].counts(p, now) {
`,
		`		if i >= 0 {
`,
		"?"},
	{"the longest incident is claimed at its limit, and watched", lawtest.S6, "policy.go",
		"return p.IncidentLimit + p.AttemptTimeout + p.BootGrace", "return p.IncidentLimit",
		"?"},
	{"no more than REMEDY_FLEET_CONCURRENT", lawtest.S6, "fleet.go",
		"case busy >= p.FleetConcurrent:", "case busy > p.FleetConcurrent:", "?"},
	{"no more than REMEDY_FLEET_HOURLY", lawtest.S6, "fleet.go", "case begun >= p.FleetHourly:",
		"case begun > p.FleetHourly:", "?"},
	{"of the last hour", lawtest.S6, "fleet.go",
		`		if now.Sub(b.At) < time.Hour {
`,
		`		if now.Sub(b.At) <= time.Hour {
`,
		"?"},
	{"only what has a slot is freed", "no write for nothing", "fleet.go",
		"return fl.freed(ended, now), fl.slot(ended.ID) != nil",
		"return fl.freed(ended, now), true", "?"},
	{"another region's slots are swept there", "two functions, two regions", "fleet.go",
		`elsewhere := slot.Region != "" && slot.Region != region`, "elsewhere := false", "?"},
	{"a slot without a region is swept", lawtest.Liveness, "fleet.go",
		`elsewhere := slot.Region != "" && slot.Region != region`,
		"elsewhere := slot.Region != region", "?"},
	{"another mode's incidents are left their time", "observe reboots nothing", "fleet.go",
		"early := book != p.Book() && !now.After(slot.OpenedAt.Add(p.IncidentLimit))",
		"early := false", "?"},
	{"and then ended", lawtest.Liveness, "fleet.go",
		"early := book != p.Book() && !now.After(slot.OpenedAt.Add(p.IncidentLimit))",
		"early := book != p.Book()", "?"},
	{"to the nanosecond", "at the limit is within it", "fleet.go",
		"!now.After(slot.OpenedAt.Add(p.IncidentLimit))",
		"now.Before(slot.OpenedAt.Add(p.IncidentLimit))", "?"},
	{"observe mode ends what enforce left", lawtest.Liveness, "fleet.go",
		`		return []Book{BookObserve, BookEnforce}
`,
		`		return []Book{BookObserve}
`,
		"?"},
	{"observe mode has its own book", "a rehearsal never blocks the real thing", "policy.go",
		`	if p.Mode == ModeObserve {
		return BookObserve`,
		`	if false {
		return BookObserve`,
		"?"},

	// Policy.
	{"a mode of tomorrow refuses everything", lawtest.S8, "policy.go",
		"return p.Mode != ModeEnforce && p.Mode != ModeObserve", "return p.Mode == ModeOff",
		"?"},
	{"a rule's name may hold slashes", "the guards", "policy.go",
		"path.Match(withoutSlash(glob), withoutSlash(name))", "path.Match(glob, name)", "?"},
	{"ends are kept for the cool-down", lawtest.S6, "policy.go",
		"return max(p.KeyRetention(), p.Cooldown)", "return p.KeyRetention()", "?"},
	{"keys are kept for a day", lawtest.S6, "policy.go",
		"return max(24*time.Hour, p.IncidentWindow)", "return p.IncidentWindow", "?"},
	{"and for the budget's window", lawtest.S6, "policy.go",
		"return max(24*time.Hour, p.IncidentWindow)", "return 24 * time.Hour", "?"},
	{"a window without a place is never open", "unreadable is no", "policy.go",
		`	if w.Location == nil {
		return false
	}
`,
		`	if w.Location == nil {
		w.Location = time.UTC
	}
`,
		"?"},
	{"a window is in its own time", "the guards", "policy.go", "local := t.In(w.Location)",
		"local := t", "?"},
	{"its end is not within it", "the guards", "policy.go",
		`w.From <= minute && minute < w.To
`,
		`w.From <= minute && minute <= w.To
`,
		"?"},
	{"its beginning is", "the guards", "policy.go",
		`w.Days[today] && w.From <= minute && minute < w.To
`,
		`w.Days[today] && w.From < minute && minute < w.To
`,
		"?"},
	{"it may end on the next day", "the guards", "policy.go",
		"|| w.Days[yesterday] && minute < w.To", "|| false && w.Days[yesterday]", "?"},

	// Steps and results.
	{"a claim is the write of a record", "what watchers are told", "step.go",
		`	if s.Do != DoWrite || s.Write.Record == nil {
		return nil
	}
`,
		"", "?"},
	{"an opening has no attempt", "what watchers are told", "step.go",
		"return len(open.Attempts) == 0 && open.ResolvedAt", "return open.ResolvedAt", "?"},
	{"is no other's that was resolved", "what watchers are told", "step.go",
		"open.ResolvedAt.IsZero() && s.Seen", "s.Seen", "?"},
	{"and is no renewal", "what watchers are told", "step.go",
		` && s.Seen.Incident == nil
`,
		`
`,
		"?"},
	{"an end is written into a record", "what watchers are told", "step.go",
		"return s.Do == DoWrite && s.Seen.Ending != nil && s.Write.Record != nil",
		"return s.Do == DoWrite && s.Seen.Ending != nil", "?"},
	{"the newest finding of a rule counts", "a refusal can be explained", "result.go",
		`				all[i] = finding
`,
		"", "?"},
	{"a result tells of an incident only after its first claim", "the contract", "result.go",
		"m.incident != nil && len(m.incident.Attempts) > 0 {", "m.incident != nil {", "?"},
	{"a sweep's result tells of the incident's alarm", "the contract", "result.go",
		`	if m.f.Swept {
`,
		`	if false {
`,
		"?"},

	// Facts.
	{"times of ECS count only if it says what time it is", "unreadable is no", "facts.go",
		"return !r.Date.IsZero() && r.Date.Sub(r.At).Abs() <= MaxSkew",
		"return r.Date.Sub(r.At).Abs() <= MaxSkew", "?"},
	{"and if its clock is near ours", "unreadable is no", "facts.go",
		"return !r.Date.IsZero() && r.Date.Sub(r.At).Abs() <= MaxSkew",
		"return !r.Date.IsZero()", "?"},
	{"at most two minutes away", "a clock may differ a little", "facts.go",
		"return !r.Date.IsZero() && r.Date.Sub(r.At).Abs() <= MaxSkew",
		"return !r.Date.IsZero() && r.Date.Sub(r.At).Abs() < MaxSkew", "?"},
	{"an incident is where it was opened", "the region of a call", "facts.go",
		`	case f.Record.OK() && f.Record.Value.Open != nil:
		return f.Record.Value.Open.Region
`,
		"", "?"},
	{"an alarm says where", "the region of a call", "facts.go",
		`	case f.Alarm.Region != "":
		return f.Alarm.Region
`,
		"", "?"},
	{"a slot says where", "the region of a call", "facts.go",
		`case f.Swept && f.Slot.Region != "":`, "case false:", "?"},
	{"an old reading of the platform is forgotten like the others", lawtest.S4, "facts.go",
		`	if f.Platform.before(before) {
		f.Platform = Reading[[]PlatformEvent]{}
	}
`,
		"", "?"},
	{"and of the heartbeat", lawtest.S4, "facts.go",
		`	if f.Vitals.before(before) {
		f.Vitals = Reading[Vitals]{}
	}
`,
		"", "?"},
	{"and of the instance", lawtest.S4, "facts.go",
		`	if f.Instance.before(before) {
		f.Instance = Reading[Instance]{}
	}
`,
		"", "?"},
	{"and a rehearsal", "observe mode rehearses afresh", "facts.go",
		`	if !f.Rehearsal.At.IsZero() && f.Rehearsal.At.Before(before) {
		f.Rehearsal = Reply{}
	}
`,
		"", "?"},
}
