package notify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Ledger is where processes agree on what was told. Both methods may be called concurrently.
type Ledger interface {
	// Get returns the value and its revision, or nil and 0 where nothing is stored.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)

	// Put writes a JSON object if the key's revision is still the expected one (0: nothing is
	// stored). After an error that is no conflict it is not known whether the value was written. A
	// value's top-level field "expires" (RFC 3339) says from when on it may be dropped.
	Put(ctx context.Context, key string, value []byte, expected uint64) (revision uint64, err error)
}

// The records. What they hold is a memory of messages and decides about nothing else: a record that
// cannot be read counts as an empty one, at the price of a message too many. Unknown fields are
// dropped by the next write; a change that older code must not do that to needs a new key.

// refusalsKey is the record of refusals. It is small (a line for each reason), and written by every
// process with a refusal that is worth telling.
const refusalsKey = "notify/refusals"

// toldKey, with the instance's id behind it, is the record of what was told about an instance.
const toldKey = "notify/told/"

// recordVersion is the version of both records.
const recordVersion = 1

type refusalsRecord struct {
	Version int                     `json:"version"`
	Reasons map[remedy.Reason]Quiet `json:"reasons"`
}

type toldRecord struct {
	Version int         `json:"version"`
	Told    []toldEntry `json:"told"` // the oldest first
	Expires time.Time   `json:"expires"`
}

type toldEntry struct {
	Of   string    `json:"of"` // the incident, or a hash of the alarm
	Kind Kind      `json:"kind"`
	At   time.Time `json:"at"`
}

const (
	// toldFor is how long it is remembered what was told: an event may be delivered again for 7
	// days at most (the longest MaxAsyncEventAgeInSeconds of Function Compute).
	toldFor = 8 * 24 * time.Hour

	// toldMost is how many entries are kept for an instance; one of them takes some 100 bytes.
	toldMost = 32

	// longestSubject is longer than any incident's id.
	longestSubject = 128
)

// untold returns the notices that nobody was told of yet, and writes down that they are told now.
// Refusals before any incident are not looked up: they are counted instead. Where the ledger cannot
// say, an end is among them and another kind is not.
func (n *Notifier) untold(ctx context.Context, notices []Notice) (fresh []Notice, err error) {
	var mutex sync.Mutex
	var failed int // instances
	var last error
	var group sync.WaitGroup
	keep := make([]bool, len(notices))
	instances := map[string][]int{}
	for i, x := range notices {
		switch {
		case x.Kind == KindRefused && x.Result.Incident == "":
			keep[i] = true
		case !isKey(x.Result.InstanceID): // no incident has such an instance, and nothing waits
			keep[i] = x.Kind != KindWaiting
		default:
			instances[x.Result.InstanceID] = append(instances[x.Result.InstanceID], i)
		}
	}
	slots := make(chan struct{}, 16) // calls to the ledger at once
	for _, instance := range slices.Sorted(maps.Keys(instances)) {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			which := instances[instance]
			isNew, err := n.firstTime(ctx, instance, notices, which)
			mutex.Lock()
			defer mutex.Unlock()
			for j, i := range which {
				end := notices[i].Kind == KindFailed || notices[i].Kind == KindRestarted
				keep[i] = isNew[j] && (err == nil || end)
			}
			if err != nil {
				failed, last = failed+1, err
			}
		})
	}
	group.Wait()
	if failed > 0 {
		err = fmt.Errorf("notify: what was told already of %d instances is not known: %w",
			failed, last)
	}
	for i, x := range notices {
		if keep[i] {
			fresh = append(fresh, x)
		}
	}
	return fresh, err
}

// firstTime reports for each of an instance's notices whether it is told for the first time, and
// writes down that it is. With an error what is not known to be old is new.
func (n *Notifier) firstTime(ctx context.Context, instance string, notices []Notice, which []int) (
	[]bool, error) {
	isNew := slices.Repeat([]bool{true}, len(which))
	err := n.change(ctx, toldKey+instance, func(stored []byte) any {
		now := n.Now().UTC()
		var record toldRecord
		if json.Unmarshal(stored, &record) != nil {
			record = toldRecord{}
		}
		record.Told = slices.DeleteFunc(record.Told, func(e toldEntry) bool {
			return now.Sub(e.At) > toldFor || len(e.Of) > longestSubject
		})
		changed := false
		for j, i := range which {
			of, kind := subject(notices[i].Result), notices[i].Kind
			isNew[j] = !slices.ContainsFunc(record.Told, func(e toldEntry) bool {
				return e.Of == of && e.Kind == kind
			})
			if isNew[j] {
				record.Told = append(record.Told, toldEntry{Of: of, Kind: kind, At: now})
				changed = true
			}
		}
		if !changed {
			return nil
		}
		record.Told = record.Told[max(0, len(record.Told)-toldMost):]
		record.Version, record.Expires = recordVersion, now.Add(toldFor)
		return record
	})
	return isNew, err
}

// subject is what a notice is told once of: the incident, or the alarm where there is none. An
// alarm's id can be any text of any length, so it is hashed.
func subject(r remedy.Result) string {
	if r.Incident != "" && len(r.Incident) <= longestSubject {
		return r.Incident
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", r.Incident, r.Alarm.ID, r.Alarm.Name,
		r.Alarm.Time.UTC().Format(time.RFC3339Nano)))
	return "alarm " + hex.EncodeToString(sum[:12])
}

// isKey reports whether an instance's id can be part of a ledger's key.
func isKey(id string) bool {
	for _, r := range id {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-') {
			return false
		}
	}
	return id != "" && len(id) <= 64
}

// refused counts the refusals among the notices, and returns those that are told now: one for each
// reason at most.
func (n *Notifier) refused(ctx context.Context, notices []Notice) (due []Notice, err error) {
	groups := map[remedy.Reason][]Notice{}
	for _, x := range notices {
		if x.Kind == KindRefused {
			groups[x.Result.Reason] = append(groups[x.Result.Reason], x)
		}
	}
	if len(groups) == 0 {
		return nil, nil
	}
	if due, err = n.Tally.count(ctx, groups, n.countAll); err != nil {
		return nil, fmt.Errorf("notify: counting refusals: %w", err)
	}
	return due, nil
}

// countAll writes down that there were these refusals, and returns those that are told now.
func (n *Notifier) countAll(ctx context.Context, groups map[remedy.Reason][]Notice) (
	[]Notice, error) {
	return n.changeRefusals(ctx, func(now time.Time,
		reasons map[remedy.Reason]Quiet) (due []Notice, changed bool) {
		for _, reason := range slices.Sorted(maps.Keys(groups)) {
			group := groups[reason]
			known := reasons[reason]
			tell, more, next := known.Told(now, len(group), example(group[len(group)-1]))
			reasons[reason] = next
			if tell {
				notice := group[0]
				notice.More, notice.Since = more, known.Since
				due = append(due, notice)
			}
		}
		return due, true
	})
}

// overdue returns what is told now of refusals that were only counted so far.
func (n *Notifier) overdue(ctx context.Context) (due []Notice, err error) {
	due, err = n.changeRefusals(ctx, func(now time.Time,
		reasons map[remedy.Reason]Quiet) (due []Notice, changed bool) {
		for _, reason := range slices.Sorted(maps.Keys(reasons)) {
			known := reasons[reason]
			tell, more, next := known.Overdue(now)
			if !tell {
				continue
			}
			reasons[reason] = next
			due = append(due, Notice{
				Kind: KindRefused, More: more, Since: known.Since, Overdue: true,
				News: News{Name: known.Last.Name, Result: remedy.Result{
					Verdict: remedy.VerdictRefused, Reason: reason,
					InstanceID: known.Last.InstanceID, Region: known.Last.Region,
				}},
			})
		}
		return due, len(due) > 0
	})
	if err != nil {
		return nil, fmt.Errorf("notify: reading the count of refusals: %w", err)
	}
	return due, nil
}

// example is a notice's refusal, short enough for the record.
func example(x Notice) Refusal {
	const longest = 128
	short := func(s string) string { return plainText.cut(s, longest) }
	return Refusal{InstanceID: short(x.Result.InstanceID), Name: short(x.Name),
		Region: short(x.Result.Region)}
}

// changeRefusals lets decide change the refusals' record. What it returns as due is told only if
// its own write was the one that counted.
func (n *Notifier) changeRefusals(ctx context.Context,
	decide func(time.Time, map[remedy.Reason]Quiet) ([]Notice, bool)) (due []Notice, err error) {
	err = n.change(ctx, refusalsKey, func(stored []byte) any {
		var record refusalsRecord
		if json.Unmarshal(stored, &record) != nil || record.Reasons == nil {
			record = refusalsRecord{Reasons: map[remedy.Reason]Quiet{}}
		}
		maps.DeleteFunc(record.Reasons, func(r remedy.Reason, _ Quiet) bool { return !refusals[r] })
		changed := false
		if due, changed = decide(n.Now().UTC(), record.Reasons); !changed {
			return nil
		}
		record.Version = recordVersion
		return record
	})
	if err != nil {
		return nil, err
	}
	return due, nil
}

// change reads a record, lets decide say what it becomes (nil: it stays), and writes that, again
// and again until nobody else wrote in between, or the context ends. With an error it is not known
// whether what decide said last was written. A panic is an error: it would end the process, with
// all that other invocations are at.
func (n *Notifier) change(ctx context.Context, key string, decide func(stored []byte) any) (
	err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a defect of this program: %T", p)
		}
	}()
	key = n.Prefix + key
	for {
		stored, revision, err := n.Ledger.Get(ctx, key)
		if err != nil {
			return err
		}
		next := decide(stored)
		if next == nil {
			return nil
		}
		value, err := json.Marshal(next)
		if err != nil {
			return err
		}
		if _, err = n.Ledger.Put(ctx, key, value, revision); err == nil {
			return nil
		}
		if ctx.Err() != nil || !n.IsConflict(err) {
			return err
		}
	}
}
