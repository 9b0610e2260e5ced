package notify

import "time"

// quietFor is how long refusals of one reason are only counted after one was told.
const quietFor = 10 * time.Minute

// most is as far as refusals are counted.
const most = 1_000_000_000

// clockSkew is how far the clocks of two processes may lie apart.
const clockSkew = 2 * time.Minute

// Quiet is what is known of the refusals of one reason: when somebody was last told of them, and
// how many there were since. The zero Quiet knows of none. It is a value, and its methods are pure.
type Quiet struct {
	Since time.Time `json:"since,omitzero"`
	Count int       `json:"count"` // not told yet; 0 or more
	Last  Refusal   `json:"last,omitzero"`
}

// Refusal is one that was counted, as an example for all.
type Refusal struct {
	InstanceID string `json:"instanceId,omitempty"`
	Name       string `json:"name,omitempty"`
	Region     string `json:"region,omitempty"`
}

// Told says what n further refusals mean (1 or more, the first of which is described in full if it
// is told, and last is the last of them): whether they are told now, with how many others besides
// the one that is described, and what is known from then on.
func (q Quiet) Told(now time.Time, n int, last Refusal) (tell bool, more int, next Quiet) {
	total := q.count() + min(max(n, 1), most)
	if q.quiet(now) {
		return false, 0, Quiet{Since: q.Since, Count: total, Last: last}
	}
	return true, total - 1, Quiet{Since: now}
}

// Overdue says whether counted refusals are to be told now although there is no new one, and how
// many.
func (q Quiet) Overdue(now time.Time) (tell bool, more int, next Quiet) {
	if q.count() == 0 || q.quiet(now) {
		return false, 0, q
	}
	return true, q.count(), Quiet{Since: now}
}

// quiet reports whether the last message is so recent that there must not be another. A time that
// no clock of ours can have written yet is not believed: it could silence a reason for ever.
func (q Quiet) quiet(now time.Time) bool {
	ago := now.Sub(q.Since)
	return ago < quietFor && ago >= -clockSkew
}

// count is Count within its bounds, for it was read from outside.
func (q Quiet) count() int { return min(max(q.Count, 0), most) }
