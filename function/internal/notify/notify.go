// Package notify tells people how the handling of alarms ended: it chooses what is worth telling,
// sees to it that nothing is told twice and that refusals do not flood anybody, and sends to chat
// robots and to whatever takes JSON.
//
// Who is told is a list of addresses, which are secrets: none of this package's errors holds any
// part of one but its host, and what a server answers is never repeated. What is told is worded
// elsewhere (Words), in the operator's language; each service's rendering makes it harmless,
// because names come from outside.
//
// Everything is bounded in time, nothing is retried, and a failure changes nothing: it is returned
// for the log.
package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Kind is what is told. An incident and kind is told once.
type Kind string

// The kinds.
const (
	KindFailed    Kind = "failed" // a human is needed
	KindRestarted Kind = "restarted"
	KindWaiting   Kind = "waiting"
	KindRefused   Kind = "refused"
)

// urgency is the order in which kinds are sent: time may run out.
var urgency = []Kind{KindFailed, KindRestarted, KindWaiting, KindRefused}

// verdictWaiting is the verdict of an alarm that waits for a slot.
const verdictWaiting remedy.Verdict = "waiting"

// refusals are the reasons of refusals that an operator should know of. The others are the policy
// at work (not opted in, outside the window, cooling down) or say that somebody else is at it.
var refusals = map[remedy.Reason]bool{
	remedy.ReasonSecurityLocked:  true,
	remedy.ReasonLocked:          true,
	remedy.ReasonExpired:         true,
	remedy.ReasonIncidentsSpent:  true,
	remedy.ReasonFleetHourly:     true,
	remedy.ReasonGuestAlive:      true,
	remedy.ReasonPlatformActing:  true,
	remedy.ReasonUnconfirmedHang: true,
	remedy.ReasonForbidden:       true,
	remedy.ReasonUnreadable:      true,
}

// Worth says whether a result is worth telling, and as what.
func Worth(r remedy.Result) (Kind, bool) {
	switch {
	case r.Verdict == remedy.VerdictRestarted:
		return KindRestarted, true
	case r.Verdict == remedy.VerdictFailed:
		return KindFailed, true
	case r.Verdict == verdictWaiting:
		return KindWaiting, true
	case r.Verdict == remedy.VerdictRefused && refusals[r.Reason]:
		return KindRefused, true
	}
	return "", false
}

// News is a result, with what it lacks to be told.
type News struct {
	Result remedy.Result
	Name   string        // of the instance, as its owner wrote it; empty: not known
	Took   time.Duration // from the alarm to the end; 0: not known
	Page   string        // where the incident's page is: https, oss:// or dir://; empty: nowhere
}

// Notice is what is going to be told: what Words makes a Message of.
type Notice struct {
	News
	Kind Kind

	// More is, of a refusal, how many further ones for the same reason there were that nobody was
	// told of, and Since the time of the last message about that, or the zero time where there was
	// none. Of an alarm that waits, More is how many further ones began to wait in the same
	// delivery.
	More  int
	Since time.Time

	// Overdue: nothing new has happened. It is told that there were More refusals since the last
	// message, of which the one in Result is the last; of that only verdict, reason, instance and
	// region are known.
	Overdue bool

	others []remedy.Result // that wait as well
}

// Message is a notice in words. Every text is plain: the rendering for a service takes care that
// nothing in it acts as markup, a mention or a link. Line breaks become spaces.
type Message struct {
	Title string // a few words, with the instance
	Text  string // one sentence: what happened
	Facts []Fact // a line each: instance, reason, what to do; 20 at most are shown
	Page  Fact   // where there is more to see; a Value that is https, oss or dir is shown as it is

	// What addresses that take JSON get: results, and how many more there were that are not among
	// them. Tell and Flush fill it in.
	Results []remedy.Result
	More    int
}

// Fact is a line of a message.
type Fact struct{ Label, Value string }

// Words words a notice. It is called from one goroutine at a time for each Tell and Flush.
type Words func(Notice) Message

// Options are what a Notifier needs. All are required unless they say otherwise.
type Options struct {
	Sender     *Sender
	Words      Words
	Ledger     Ledger
	IsConflict func(error) bool // whether an error of Ledger.Put says that somebody else wrote
	Prefix     string           // of the ledger's keys; may be empty
	Now        func() time.Time
	Budget     time.Duration // for one Tell or Flush, all in all; 0: DefaultBudget

	// Tally is shared by the Notifiers of a process that have the same ledger and prefix. It may be
	// nil where there is only one.
	Tally *Tally
}

// DefaultBudget is how long telling takes at most.
const DefaultBudget = 3 * time.Second

// leastBudget is the time below which nothing is begun: the ledger would hold that it was told, and
// nobody would have been.
const leastBudget = 300 * time.Millisecond

// Notifier tells what is worth telling, once. It may be used concurrently, and by several processes
// over one ledger.
type Notifier struct{ Options }

// New returns a Notifier. The error says what is missing.
func New(o Options) (*Notifier, error) {
	if o.Sender == nil || o.Words == nil || o.Ledger == nil || o.IsConflict == nil || o.Now == nil {
		return nil, errors.New("notify: sender, words, ledger and clock are all needed")
	}
	o.Budget = cmp.Or(o.Budget, DefaultBudget)
	if o.Tally == nil {
		o.Tally = new(Tally)
	}
	return &Notifier{o}, nil
}

// Tell tells what is worth telling of the news, to every address, most urgent first. It returns
// within the budget, and earlier if the context ends; what went wrong is in the errors, whose texts
// hold no secrets.
//
// An end or a wait is told once, and a refusal is counted (see Quiet). The ledger is written before
// anything is sent, and who loses that write does not send; so a message is lost rather than sent
// twice when a process dies between the two. Where the ledger does not answer, refusals and waits
// are not told, but ends are: an outage that nobody hears of is worse than a message too many.
func (n *Notifier) Tell(ctx context.Context, news ...News) []error {
	worth := make([]Notice, 0, len(news))
	for _, item := range news {
		if kind, tell := Worth(item.Result); tell {
			worth = append(worth, Notice{News: item, Kind: kind})
		}
	}
	if len(worth) == 0 {
		return nil
	}
	return n.within(ctx, func(ctx context.Context) ([]Notice, []error) {
		fresh, err := n.untold(ctx, worth)
		due, uncounted := n.refused(ctx, fresh)
		return append(together(fresh), due...), []error{err, uncounted}
	})
}

// together is the notices without the refusals, and with all that wait as one: a robot takes 20
// messages a minute, and the ones that say who needs help must be among them.
func together(notices []Notice) []Notice {
	var all []Notice
	waiting := -1
	for _, x := range notices {
		switch {
		case x.Kind == KindRefused:
		case x.Kind == KindWaiting && waiting >= 0:
			all[waiting].More++
			all[waiting].others = append(all[waiting].others, x.Result)
		default:
			if x.Kind == KindWaiting {
				waiting = len(all)
			}
			all = append(all, x)
		}
	}
	return all
}

// Flush tells of refusals that were counted and that no later message has told of, once their time
// has come. Whoever comes by regularly calls it: the last count would not be told otherwise. It
// costs one read of the ledger where there is nothing to tell. Budget and errors are as with Tell.
func (n *Notifier) Flush(ctx context.Context) []error {
	return n.within(ctx, func(ctx context.Context) ([]Notice, []error) {
		due, err := n.overdue(ctx)
		return due, []error{err}
	})
}

// within chooses and sends within the budget, of which choosing gets half.
func (n *Notifier) within(ctx context.Context,
	choose func(context.Context) ([]Notice, []error)) []error {
	if len(n.Sender.targets) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, n.Budget)
	defer cancel()
	deadline, _ := ctx.Deadline()
	left := time.Until(deadline)
	if left < leastBudget || ctx.Err() != nil {
		return []error{fmt.Errorf("notify: nobody was told: less than %v were left", leastBudget)}
	}
	half, done := context.WithTimeout(ctx, left/2)
	notices, errs := choose(half)
	done()
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	slices.SortStableFunc(notices, func(a, b Notice) int {
		return slices.Index(urgency, a.Kind) - slices.Index(urgency, b.Kind)
	})
	messages := make([]Message, len(notices))
	for i, notice := range notices {
		messages[i] = n.Words(notice)
		messages[i].Results = append([]remedy.Result{notice.Result}, notice.others...)
		messages[i].More = notice.More - len(notice.others)
	}
	return append(errs, n.Sender.Send(ctx, messages...)...)
}
