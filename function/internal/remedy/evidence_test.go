package remedy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// keeping is an alarm that opens an incident, where evidence is kept for three seconds at most.
func keeping(change func(*candidate)) *candidate {
	c := opens()
	c.EvidenceLimit = 3 * time.Second
	c.Evidence = Reading[Evidence]{Value: Evidence{Place: "dir:///kept/" + InstanceID + "/",
		Kept: []string{"1-screenshot.png", "1-console.txt"}}}
	if change != nil {
		change(c)
	}
	return c
}

// toClaim goes on until an attempt is claimed, and returns the step that claims it.
func (c *candidate) toClaim(t *testing.T) Step {
	t.Helper()
	for step := c.ask(); ; step = c.after(step) {
		if step.Claims() != nil {
			return step
		}
		if step.Do == DoAnswer || step.Do == DoWait {
			t.Fatalf("no claim: %+v", step)
		}
	}
}

// saw is what the finding about the evidence says; empty: there is none.
func saw(findings []Finding) string {
	i := slices.IndexFunc(findings, func(f Finding) bool { return f.Rule == RuleEvidence })
	if i < 0 {
		return ""
	}
	if !findings[i].OK {
		return "it refuses"
	}
	return findings[i].Saw
}

// TestEvidenceBeforeTheFirstAttempt: it is asked for when the incident has its record and its slot,
// so that its id is fixed and nothing else stands in the way; once; and whatever comes of it, the
// attempt is claimed.
func TestEvidenceBeforeTheFirstAttempt(t *testing.T) {
	at := func(d time.Duration) func(*candidate) {
		return func(c *candidate) { c.ClaimBy = c.Now.Add(d) }
	}
	for _, row := range []struct {
		why    string
		change func(*candidate)
		asks   int
		limit  time.Duration // of the question
		saw    string
	}{
		{"kept", nil, 1, 3 * time.Second, "kept 1-screenshot.png and 1-console.txt"},
		{"a part is missing", func(c *candidate) {
			c.Evidence.Value.Kept = c.Evidence.Value.Kept[1:]
			c.Evidence.Value.Missing = []string{"no screenshot: Throttling"}
		}, 1, 3 * time.Second, "kept 1-console.txt; no screenshot: Throttling"},
		{"all is missing, and each says why", func(c *candidate) {
			c.Evidence.Value.Kept = nil
			c.Evidence.Value.Missing = []string{"no screenshot: Throttling",
				"no console: Throttling"}
		}, 1, 3 * time.Second, "no screenshot: Throttling; no console: Throttling"},
		{"nothing came of it", func(c *candidate) {
			c.Evidence.Failure, c.Evidence.Note = FailureUnavailable, "no answer in time"
		}, 1, 3 * time.Second, "nothing was kept: unavailable no answer in time"},
		{"it takes as long as it may", func(c *candidate) { c.takes = time.Hour }, 1,
			3 * time.Second, "kept 1-screenshot.png and 1-console.txt"},
		{"it is switched off", func(c *candidate) { c.EvidenceLimit = 0 }, 0, 0, ""},
		{"no longer than a call, so that no lease runs out in it",
			func(c *candidate) { c.Lease, c.Poll = 6*time.Second, time.Second }, 1, 2 * time.Second,
			"kept 1-screenshot.png and 1-console.txt"},
		{"what is left until the last moment of a claim, less the time for the claim",
			at(2 * time.Second), 1, 1500 * time.Millisecond,
			"kept 1-screenshot.png and 1-console.txt"},
		{"a moment is left", at(500*time.Millisecond + time.Nanosecond), 1, time.Nanosecond,
			"kept 1-screenshot.png and 1-console.txt"},
		{"none is left", at(500 * time.Millisecond), 0, 0, "nothing was kept: there was no time"},
		{"none is left of the invocation's time", func(c *candidate) {
			c.StopAt = c.Now.Add(400 * time.Millisecond)
		}, 0, 0, "nothing was kept: there was no time"},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := keeping(row.change)
			asks, limit := 0, time.Duration(0)
			step := c.first(t)
			for ; step.Claims() == nil; step = c.one(step) {
				if step.Do == DoAnswer {
					t.Fatalf("no claim: %+v", step)
				}
				if step.Do == DoRead && step.Sources.Has(SourceEvidence) {
					asks, limit = asks+1, step.Evidence.Limit
				}
			}
			if asks != row.asks || limit != row.limit {
				t.Errorf("asked %d times, for %v; want %d times, for %v", asks, limit, row.asks,
					row.limit)
			}
			if got := saw(step.Seen.Findings); got != row.saw {
				t.Errorf("it found %q, want %q", got, row.saw)
			}
			want := ""
			if row.asks > 0 && c.Evidence.Failure == "" {
				want = c.Evidence.Value.Place
			}
			if got := step.Write.Record.Open.Evidence; got != want {
				t.Errorf("the incident says that it is at %q, want %q", got, want)
			}
		})
	}
	t.Run("the order, and the limit", func(t *testing.T) {
		c := keeping(nil)
		var asked Step
		for next := c.first(t); ; next = c.one(next) {
			if next.Do == DoRead && next.Sources.Has(SourceEvidence) {
				asked = next
				break
			}
			if next.Claims() != nil {
				t.Fatal("claimed, and nothing was asked for")
			}
		}
		if want := []string{"record", "fleet"}; !slices.Equal(c.wrote, want) {
			t.Errorf("written before: %v, want %v", c.wrote, want)
		}
		open := c.told.Record.Value.Open
		want := EvidenceOrder{Region: "cn-hangzhou", Instance: InstanceID, Incident: open.ID,
			Stage: EvidenceBefore, Limit: 3 * time.Second}
		if asked.Evidence != want || asked.Sources != SourceEvidence {
			t.Errorf("asked for %+v, want %+v", asked.Evidence, want)
		}
	})
}

// first is Next's first step for the candidate, and one does a step and asks for the next: unlike
// ask and after they pass over nothing.
func (c *candidate) first(t *testing.T) Step {
	t.Helper()
	c.told = c.Facts
	c.told.Record, c.told.Fleet, c.told.Sign = Reading[Record]{}, Reading[Fleet]{}, Reading[Sign]{}
	c.told.Evidence = Reading[Evidence]{}
	c.told.forgetLive()
	return c.next()
}

func (c *candidate) one(step Step) Step {
	if c.steps++; c.steps > 100 {
		panic("Next asks and writes without end")
	}
	c.do(&step)
	c.told.Ask(c.Now)
	return c.next()
}

// TestEvidenceMakesReadingsOld: what was read before it may be too old for a claim after it, and is
// read again.
func TestEvidenceMakesReadingsOld(t *testing.T) {
	for _, row := range []struct {
		why   string
		takes time.Duration
		again bool
	}{
		{"as old as a reading may be", 2 * time.Second, false},
		{"older", 2*time.Second + time.Nanosecond, true},
	} {
		c := keeping(func(c *candidate) {
			c.Lease, c.Poll = 6*time.Second, time.Second // CallLimit is 2 s
			c.takes = 2 * time.Second
		})
		c.Now = c.Now.Add(row.takes - 2*time.Second) // since the readings
		c.meanwhile = func(c *candidate) {           // they are fresh when they are asked for again
			c.Instance.At, c.Vitals.At, c.Platform.At = c.Now, c.Now, c.Now
			c.Instance.Date, c.Vitals.Date, c.Platform.Date = c.Now, c.Now, c.Now
		}
		c.toClaim(t)
		after := c.read[slices.Index(c.read, "evidence"):]
		if again := slices.Contains(after, "machine"); again != row.again {
			t.Errorf("%s: after it %v were read", row.why, after)
		}
	}
}

// TestEvidenceBeforeForce: before a forced attempt it is asked for once more, and not before a
// retry.
func TestEvidenceBeforeForce(t *testing.T) {
	for _, row := range []struct {
		why    string
		failed int
		want   EvidenceStage // 0: none
	}{
		{"a graceful retry", 1, 0},
		{"a forced attempt", 2, EvidenceForce},
	} {
		c := incident(row.failed-1, isFailed)
		c.EvidenceLimit = 3 * time.Second
		c.Evidence = Reading[Evidence]{Value: Evidence{Kept: []string{"2-console.txt"}}}
		var stage EvidenceStage
		next := c.first(t)
		for ; next.Claims() == nil; next = c.one(next) {
			if next.Do == DoAnswer {
				t.Fatalf("%s: %+v", row.why, next)
			}
			if next.Do == DoRead && next.Sources.Has(SourceEvidence) {
				stage = next.Evidence.Stage
			}
		}
		if stage != row.want {
			t.Errorf("%s: evidence of stage %d, want %d", row.why, stage, row.want)
		}
		if got := saw(next.Findings); (got == "kept 2-console.txt") != (row.want != 0) {
			t.Errorf("%s: it found %q", row.why, got)
		}
	}
}

// TestEvidenceAfterTheEnd: after a failed end, when that is written and before it is told; and
// after no other.
func TestEvidenceAfterTheEnd(t *testing.T) {
	refused := incident(0, isRejected)
	refused.last().Reason, refused.last().Code = ReasonDiskError, "DiskError"
	spent := incident(2, isFailed)
	spent.MaxAttempts = 3
	lost := opens() // a slot whose incident the ledger does not know
	lost.Fleet.Value.Open = []Slot{{Incident: IncidentID(InstanceID, Start), Instance: InstanceID,
		Region: "cn-hangzhou", OpenedAt: Start}}
	for _, row := range []struct {
		why  string
		c    *candidate
		want Verdict
		asks bool
	}{
		{"nothing helped", spent, VerdictFailed, true},
		{"ECS refused", refused, VerdictRefused, false},
		{"nothing is known to have been sent", lost, VerdictFailed, false},
	} {
		t.Run(row.why, func(t *testing.T) {
			c := row.c
			c.EvidenceLimit = 3 * time.Second
			c.Evidence = Reading[Evidence]{Value: Evidence{Place: "dir:///kept/x/",
				Kept: []string{"3-console.txt"}}}
			asked := false
			next := c.first(t)
			for ; next.Do != DoAnswer; next = c.one(next) {
				if next.Do == DoRead && next.Sources.Has(SourceEvidence) {
					asked = true
					if next.Evidence.Stage != EvidenceFailed || c.told.Record.Value.Open != nil {
						t.Errorf("asked for stage %d, while %+v is open", next.Evidence.Stage,
							c.told.Record.Value.Open)
					}
				}
			}
			if next.Verdict != row.want || asked != row.asks {
				t.Fatalf("%s/%s, asked: %v", next.Verdict, next.Reason, asked)
			}
			if !row.asks {
				return
			}
			r := next.Result
			if r.Evidence != "dir:///kept/x/" ||
				!strings.Contains(saw(r.Findings), "3-console.txt") ||
				r.Ended == nil ||
				r.Ended.Verdict != row.want {
				t.Errorf("the result says %+v", r)
			}
		})
	}
}

// TestEvidenceOfEveryStage: what was kept before the first attempt is no answer to what is asked
// before force, nor is what was kept of another incident; and the findings tell of all stages.
func TestEvidenceOfEveryStage(t *testing.T) {
	earlier := func(of string, stage EvidenceStage) Reading[Evidence] {
		return Reading[Evidence]{At: Start, Value: Evidence{Incident: of, Stage: stage,
			Place: "dir:///elsewhere/"}}
	}
	for _, row := range []struct {
		why     string
		earlier Reading[Evidence]
		place   string
	}{
		{"an earlier stage", earlier(IncidentID(InstanceID, Start), EvidenceBefore),
			"dir:///kept/"},
		{"another incident", earlier("i-other/20261121T000000Z", EvidenceForce), "dir:///kept/"},
	} {
		c := incident(1, isFailed)
		c.EvidenceLimit = 3 * time.Second
		c.Evidence = Reading[Evidence]{Value: Evidence{Place: "dir:///kept/",
			Kept: []string{"2-console.txt"}}}
		c.Seen.Findings = []Finding{{RuleEvidence, true, "kept 1-console.txt"}}
		next := c.first(t)
		c.told.Evidence = row.earlier
		for ; next.Claims() == nil; next = c.one(next) {
			if next.Do == DoAnswer {
				t.Fatalf("%s: %+v", row.why, next)
			}
		}
		if !slices.Contains(c.read, "evidence") {
			t.Errorf("%s: nothing is asked for", row.why)
		}
		if got := saw(next.Seen.Findings); got != "kept 1-console.txt; kept 2-console.txt" {
			t.Errorf("%s: it found %q", row.why, got)
		}
		if got := next.Write.Record.Open.Evidence; got != row.place {
			t.Errorf("%s: it is at %q, want %q", row.why, got, row.place)
		}
	}
	c := incident(0, isWorked)
	c.last().BackAt = c.Now.Add(-time.Minute)
	c.Vitals.Value.Heartbeat = c.Now
	next := c.first(t)
	c.told.Evidence = earlier("i-other/20261121T000000Z", EvidenceForce)
	for ; next.Do != DoAnswer; next = c.one(next) {
	}
	if next.Verdict != VerdictRestarted || next.Result.Evidence != "" {
		t.Errorf("%s/%s at %q: another incident's evidence is none of this one's", next.Verdict,
			next.Reason, next.Result.Evidence)
	}
}
