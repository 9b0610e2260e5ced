package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/evidence"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/notify"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
	"ecs-remedy/function/internal/timeline"
)

// This file is what people get to see of an invocation besides its answer: the audit lines, the
// page of an incident that ended, and messages. None of it changes what is done, and all of it is
// bounded in time. A result is told soon after it is there, beside whatever else the invocation
// still does: of a batch, one alarm may be done with in a minute and another one in an hour.

// pageName is an incident's page among its evidence; its result is beside it, as report.ResultFile.
const pageName = "incident.html"

// mostExhibits is how many bytes of evidence an invocation holds for the pages that it may write.
const mostExhibits = 8 << 20

// telling is what one invocation has to tell. It is the handler's Reporter and its Evidence.
type telling struct {
	*report.Reporter
	f         *Function
	requestID string
	words     *report.Words
	store     evidence.Store // nil: no evidence is kept
	console   evidence.Console
	notifier  *notify.Notifier

	mu       sync.Mutex
	results  []remedy.Result
	exhibits map[string][]report.Exhibit // by incident
	missing  map[string][]string
	kept     map[string]map[remedy.EvidenceStage]bool // which were asked for
	held     int                                      // bytes

	news    chan struct{} // has room for one: there are results that nobody was told of
	stop    chan struct{} // nil: nothing is told before the end
	stopped chan struct{}
}

// Report writes a result's audit line, and keeps the result for those who are told.
func (t *telling) Report(result *remedy.Result) {
	t.Reporter.Report(result)
	_, worth := notify.Worth(*result)
	if result.Ended == nil && !worth {
		return // most alarms of a storm
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.results = append(t.results, *result)
	select {
	case t.news <- struct{}{}:
	default: // it is known already
	}
}

// gather is how long results are brought together: many come at once, and a robot takes few
// messages.
const gather = time.Second

// begin tells results beside the handling of the others, until finish, or until the given time.
func (t *telling) begin(ctx context.Context, until time.Time) {
	if t.store == nil && t.notifier == nil {
		return
	}
	t.stop, t.stopped = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(t.stopped)
		for {
			select {
			case <-t.news:
			case <-t.stop:
				return
			}
			select {
			case <-time.After(gather):
			case <-t.stop:
				return
			}
			ctx, cancel := bounded(ctx, until)
			t.tell(ctx)
			cancel()
		}
	}()
}

// end lets begin's work come to its end, which has bounds of its own. It may be called again.
func (t *telling) end() {
	if t.stop != nil {
		close(t.stop)
		<-t.stopped
		t.stop = nil
	}
}

// bounded is a context for what people must hear of, even of an invocation that was given up. Until
// is when it ends; the zero time less a second: the invocation has no deadline.
func bounded(ctx context.Context, until time.Time) (context.Context, context.CancelFunc) {
	ctx = context.WithoutCancel(ctx)
	if until.Year() <= 1 {
		return ctx, func() {}
	}
	return context.WithDeadline(ctx, until)
}

// Keep implements handle.Evidence.
func (t *telling) Keep(
	ctx context.Context,
	order remedy.EvidenceOrder,
) remedy.Reading[remedy.Evidence] {
	kept := evidence.Take(ctx, t.console, t.store, order.Region, order.Incident,
		evidence.Moment(order.Stage))
	value := remedy.Evidence{Kept: kept.Names(), Missing: kept.Missing()}
	if len(value.Kept) > 0 {
		value.Place = evidence.Where(t.f.config.Evidence.Name, order.Incident)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.kept[order.Incident] == nil {
		t.kept[order.Incident] = map[remedy.EvidenceStage]bool{}
	}
	t.kept[order.Incident][order.Stage] = true
	t.missing[order.Incident] = append(t.missing[order.Incident], value.Missing...)
	for _, item := range []evidence.Item{kept.Screenshot, kept.Log} {
		if item.Content == nil || t.held+len(item.Content) > mostExhibits {
			continue
		}
		t.held += len(item.Content)
		exhibit := report.Exhibit{Name: item.Name, Stage: int(order.Stage)}
		if item.Name == kept.Log.Name {
			exhibit.Log = string(item.Content)
			exhibit.Marks = Marks(exhibit.Log)
		} else {
			exhibit.Picture = item.Content
		}
		t.exhibits[order.Incident] = append(t.exhibits[order.Incident], exhibit)
	}
	return remedy.Reading[remedy.Evidence]{Value: value}
}

// Marks are the lines of a console's log to look at.
func Marks(log string) []report.Mark {
	var marks []report.Mark
	for _, m := range evidence.Marks(log) {
		marks = append(marks, report.Mark{Line: m.Line, Kind: report.MarkKind(m.Kind)})
	}
	return marks
}

// finish tells what nobody was told of yet. It returns when ctx ends.
func (t *telling) finish(ctx context.Context, sweeps bool) {
	t.end()
	t.tell(ctx)
	if t.notifier == nil {
		return
	}
	defer t.f.sender.Close()
	defer t.defect()
	if sweeps {
		t.Untold(t.notifier.Flush(ctx)...)
	}
}

// defect, deferred, makes a panic a line in the log: what was to be told of is done, and must not
// be asked for again.
func (t *telling) defect() {
	if p := recover(); p != nil {
		t.Untold(fmt.Errorf("a defect of this program: %T", p))
	}
}

// tell writes the pages of the incidents that have ended since it was called last, and tells
// people.
func (t *telling) tell(ctx context.Context) {
	defer t.defect()
	t.mu.Lock()
	results := t.results
	t.results = nil
	t.mu.Unlock()
	if len(results) == 0 {
		return
	}
	written := t.pages(ctx, results)
	news := make([]notify.News, 0, len(results))
	for i := range results {
		r := &results[i]
		item := notify.News{Result: *r, Name: r.Name}
		if r.Ended != nil {
			item.Took = max(0, r.Ended.EndedAt.Sub(r.Ended.OpenedAt))
			if at := r.Ended.Alarm.Time; !at.IsZero() && at.Before(r.Ended.EndedAt) {
				item.Took = r.Ended.EndedAt.Sub(at)
			}
			if written[i] {
				item.Page = evidence.Where(t.f.config.Evidence.Name, r.Incident) + pageName
			}
		}
		news = append(news, item)
	}
	if t.notifier != nil {
		t.Untold(t.notifier.Tell(ctx, news...)...)
	}
}

// pages writes the pages of all incidents that have ended, and reports which there are now. They
// have REMEDY_EVIDENCE_TIMEOUT together, and half of the time that is left at most, whatever the
// store does meanwhile: people must still hear of them.
func (t *telling) pages(ctx context.Context, results []remedy.Result) []bool {
	written := make([]bool, len(results))
	if t.store == nil {
		return written
	}
	limit := t.f.config.Evidence.Timeout
	if last, bounded := ctx.Deadline(); bounded {
		left := time.Until(last)
		limit = min(limit, left/2, left-leastForTelling)
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	done := make([]chan error, len(results))
	slots := make(chan struct{}, pagesAtOnce)
	for i := range results {
		r := &results[i]
		if r.Ended == nil || len(r.Attempts) == 0 {
			continue
		}
		story, whole := t.story(r)
		done[i] = make(chan error, 1) // with room, so that nobody needs to wait for it
		go func() {
			err := errors.New("a defect of this program")
			defer func() {
				recover()
				done[i] <- err
			}()
			select {
			case slots <- struct{}{}:
				defer func() { <-slots }()
				if !whole {
					t.earlier(ctx, &story)
				}
				err = t.page(ctx, story)
			case <-ctx.Done():
				err = errors.New(noTimeForPage)
			}
		}()
	}
	for i, end := range done {
		if end == nil {
			continue
		}
		var err error
		select {
		case err = <-end:
		case <-ctx.Done():
			select {
			case err = <-end: // both at once
			default:
				err = errors.New(noTimeForPage)
			}
		}
		if written[i] = err == nil; err != nil {
			t.Untold(fmt.Errorf("the page of %s was not written: %w", results[i].Incident, err))
		}
	}
	return written
}

// leastForTelling is what pages leave of the time, so that a message can still be sent.
const leastForTelling = 400 * time.Millisecond

// pagesAtOnce is how many pages are made at once: each may hold some megabytes of pictures.
const pagesAtOnce = 4

const noTimeForPage = "the store did not take it in time"

// story is what a page tells of an incident that has ended, as far as this invocation knows: whole
// is false where an earlier one kept evidence of it. The exhibits are given up: they are many
// bytes.
func (t *telling) story(r *remedy.Result) (story report.Story, whole bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	story = report.Story{Result: *r, Name: r.Name, Entries: timeline.Of(r.Ended),
		Place: r.Evidence, Exhibits: t.exhibits[r.Incident], Missing: t.missing[r.Incident],
		Invocation: t.requestID, Version: Version()}
	for _, x := range story.Exhibits {
		t.held -= len(x.Picture) + len(x.Log)
	}
	delete(t.exhibits, r.Incident)
	return story, r.Evidence == "" || t.kept[r.Incident][remedy.EvidenceBefore]
}

// page writes the page of an incident beside its evidence, and its result. A later end of the same
// incident replaces both; telling the same end again does not, for the first who told it knew more.
func (t *telling) page(ctx context.Context, story report.Story) error {
	r := &story.Result
	var page pageBuffer
	if err := t.words.Page(&page, time.Now(), story); err != nil {
		return err
	}
	result, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	put := func(name string, content []byte) error {
		err := t.store.Put(ctx, r.Incident, name, content, !r.Retold)
		if r.Retold && errors.Is(err, evidence.ErrExists) {
			return nil
		}
		return err
	}
	// The second is tried even where the first failed: it may be the one that fits.
	failed := put(report.ResultFile, append(result, '\n'))
	if err := put(pageName, page); err != nil {
		return err
	}
	return failed
}

// earlier adds to a story what another invocation kept before this one took the incident up. From a
// bucket nothing is read: the function's role may only write there.
func (t *telling) earlier(ctx context.Context, story *report.Story) {
	if t.f.config.Evidence.Kind != config.EvidenceDir {
		story.Missing = append([]string{t.words.Earlier()}, story.Missing...)
		return
	}
	found := report.Story{Result: story.Result}
	t.words.Gather(ctx, t.store, Marks, &found)
	story.Missing = append(slices.Clone(story.Missing), found.Missing...)
	if len(found.Exhibits) > 0 { // what this invocation kept is among them
		story.Exhibits, story.Missing = found.Exhibits, found.Missing
	}
}

// pageBuffer takes a page.
type pageBuffer []byte

func (b *pageBuffer) Write(p []byte) (int, error) {
	*b = append(*b, p...)
	return len(p), nil
}

// OpenEvidence opens the place where evidence is kept, with the credentials of an invocation or of
// an operator; nil: none is kept. The returned func closes it. Base carries what goes to OSS; nil:
// the network. The error says what is wrong, and holds no secret.
func OpenEvidence(c config.Config, keys ecs.Credentials, region string, internal bool,
	base http.RoundTripper) (evidence.Store, func(), error) {
	switch c.Evidence.Kind {
	case config.EvidenceDir:
		store, err := evidence.OpenDir(c.Evidence.Path)
		if err != nil {
			return nil, func() {}, err
		}
		return store, func() {}, nil
	case config.EvidenceOSS:
		store, err := evidence.OpenOSS(evidence.OSSOptions{Bucket: c.Evidence.Bucket,
			Prefix: c.Evidence.Prefix, Region: region, Internal: internal,
			Endpoint: c.Evidence.Endpoint, Base: base,
			Keys: evidence.Keys{ID: keys.AccessKeyID, Secret: keys.AccessKeySecret,
				Token: keys.SecurityToken}})
		if err != nil {
			return nil, func() {}, err
		}
		return store, store.Close, nil
	}
	return nil, func() {}, nil
}

// OpenSender returns what sends messages to everybody who is told. Base carries them; nil: the
// network.
func OpenSender(c config.Config, base http.RoundTripper) (*notify.Sender, error) {
	addresses := make([]notify.Address, len(c.Notify))
	for i, a := range c.Notify {
		addresses[i] = notify.Address{Form: notify.Form(a.Form), URL: a.URL.Reveal(),
			Secret: a.SigningSecret.Reveal(), Host: a.Host}
	}
	return notify.NewSender(addresses, base, time.Now)
}

// newNotifier tells people, over one ledger.
func newNotifier(c config.Config, words *report.Words, store ledger.Store, tally *notify.Tally,
	sender *notify.Sender) (*notify.Notifier, error) {
	return notify.New(notify.Options{Sender: sender, Ledger: store, Tally: tally, Now: time.Now,
		IsConflict: func(err error) bool { return errors.Is(err, ledger.ErrConflict) },
		Prefix:     string(c.Policy.Book()),
		Words:      func(n notify.Notice) notify.Message { return message(words, n) },
	})
}

// message is a notice in words.
func message(words *report.Words, n notify.Notice) notify.Message {
	worded := words.Notice(report.News{Result: &n.Result, Kind: string(n.Kind), Name: n.Name,
		Took: n.Took, Page: n.Page, More: n.More, Since: n.Since, Overdue: n.Overdue})
	m := notify.Message{Title: worded.Title, Text: worded.Text,
		Page: notify.Fact{Label: worded.Page.Label, Value: worded.Page.Value}}
	for _, line := range worded.Lines {
		m.Facts = append(m.Facts, notify.Fact{Label: line.Label, Value: line.Value})
	}
	return m
}
