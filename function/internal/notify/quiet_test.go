package notify

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func TestQuietTold(t *testing.T) {
	last := Refusal{InstanceID: "i-last"}
	at := func(ago time.Duration, count int) Quiet {
		return Quiet{Since: noon.Add(-ago), Count: count}
	}
	for _, row := range []struct {
		known Quiet
		n     int
		tell  bool
		more  int
		next  Quiet
		why   string
	}{
		{Quiet{}, 1, true, 0, Quiet{Since: noon}, "the first one is told"},
		{Quiet{}, 500, true, 499, Quiet{Since: noon},
			"one message for a batch, with the others' number"},
		{at(0, 0), 1, false, 0, Quiet{noon, 1, last},
			"the second one at the same moment is counted"},
		{at(10*time.Minute-1, 7), 2, false, 0, Quiet{noon.Add(-10*time.Minute + 1), 9, last},
			"just within ten minutes"},
		{at(10*time.Minute, 7), 2, true, 8, Quiet{Since: noon},
			"ten minutes: 7 before, and 1 beside it"},
		{at(1000*time.Hour, 0), 1, true, 0, Quiet{Since: noon}, "long ago"},
		{at(-2*time.Minute, 0), 1, false, 0, Quiet{noon.Add(2 * time.Minute), 1, last},
			"another process's clock may be that far ahead"},
		{at(-2*time.Minute-1, 3), 1, true, 3, Quiet{Since: noon}, "no clock is further ahead"},
		{at(time.Hour, -5), 1, true, 0, Quiet{Since: noon}, "a negative count is none"},
		{at(0, most), most, false, 0, Quiet{noon, 2 * most, last}, "nothing overflows"},
		{at(time.Hour, 1<<62), 1, true, most, Quiet{Since: noon}, "a huge count is cut"},
		{Quiet{}, 0, true, 0, Quiet{Since: noon}, "none is one"},
	} {
		tell, more, next := row.known.Told(noon, row.n, last)
		if tell != row.tell || more != row.more || next != row.next {
			t.Errorf("%s: told %v, %d more, then %+v; want %v, %d, %+v", row.why, tell, more, next,
				row.tell, row.more, row.next)
		}
	}
}

func TestQuietOverdue(t *testing.T) {
	for _, row := range []struct {
		known Quiet
		tell  bool
		more  int
		why   string
	}{
		{Quiet{}, false, 0, "nothing is known"},
		{Quiet{Since: noon.Add(-time.Hour)}, false, 0, "all was told"},
		{Quiet{Since: noon.Add(-10*time.Minute + 1), Count: 3}, false, 0, "not yet"},
		{Quiet{Since: noon.Add(-10 * time.Minute), Count: 3}, true, 3, "its time has come"},
		{Quiet{Since: noon.Add(-10 * time.Minute), Count: -3}, false, 0,
			"a negative count is none"},
		{Quiet{Count: 3}, true, 3, "a count without a time"},
	} {
		tell, more, next := row.known.Overdue(noon)
		want := row.known
		if row.tell {
			want = Quiet{Since: noon}
		}
		if tell != row.tell || more != row.more || next != want {
			t.Errorf("%s: told %v, %d more, then %+v", row.why, tell, more, next)
		}
	}
}
