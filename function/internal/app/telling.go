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

// This file is what people get to see of an invocation besides its answer: the audit lines, the page of
// an incident that ended, and messages. None of it changes what is done, and all of it is bounded in
// time: it comes when everything else is done.

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
}

// Keep implements handle.Evidence.
func (t *telling) Keep(ctx context.Context, order remedy.EvidenceOrder) remedy.Reading[remedy.Evidence] {
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

// finish writes the pages of incidents that have ended, and tells people. It returns when ctx ends. A
// panic is a line in the log: what was to be told about is done, and must not be asked for again.
func (t *telling) finish(ctx context.Context, sweeps bool) {
	defer func() {
		if p := recover(); p != nil {
			t.Untold(fmt.Errorf("a defect of this program: %T", p))
		}
	}()
	written := t.pages(ctx)
	news := make([]notify.News, 0, len(t.results))
	for i := range t.results {
		r := &t.results[i]
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
	if t.notifier == nil {
		return
	}
	defer t.f.sender.Close()
	t.Untold(t.notifier.Tell(ctx, news...)...)
	if sweeps {
		t.Untold(t.notifier.Flush(ctx)...)
	}
}

// pages writes the pages of all incidents that have ended, and reports which there are now. They have
// REMEDY_EVIDENCE_TIMEOUT together, whatever the store does meanwhile: people must still hear of them.
func (t *telling) pages(ctx context.Context) []bool {
	written := make([]bool, len(t.results))
	if t.store == nil {
		return written
	}
	ctx, cancel := context.WithTimeout(ctx, t.f.config.Evidence.Timeout)
	defer cancel()
	done := make([]chan error, len(t.results))
	slots := make(chan struct{}, pagesAtOnce)
	for i := range t.results {
		r := &t.results[i]
		if r.Ended == nil || len(r.Attempts) == 0 {
			continue
		}
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
				err = t.page(ctx, r)
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
			t.Untold(fmt.Errorf("the page of %s was not written: %w", t.results[i].Incident, err))
		}
	}
	return written
}

// pagesAtOnce is how many pages are made at once: each may hold some megabytes of pictures.
const pagesAtOnce = 4

const noTimeForPage = "the store did not take it in time"

// page writes the page of an incident beside its evidence, and its result. A later end of the same
// incident replaces both; telling the same end again does not, for the first who told it knew more.
func (t *telling) page(ctx context.Context, r *remedy.Result) error {
	story := report.Story{Result: *r, Name: r.Name, Entries: timeline.Of(r.Ended),
		Place: r.Evidence, Exhibits: t.exhibits[r.Incident], Missing: t.missing[r.Incident],
		Invocation: t.requestID, Version: Version()}
	if r.Evidence != "" && !t.kept[r.Incident][remedy.EvidenceBefore] {
		t.earlier(ctx, &story)
	}
	var page pageBuffer
	if err := t.words.Page(&page, time.Now(), story); err != nil {
		return err
	}
	result, err := json.MarshalIndent(story.Result, "", "  ")
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
	return errors.Join(put(report.ResultFile, append(result, '\n')), put(pageName, page))
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

// OpenEvidence opens the place where evidence is kept, with the credentials of an invocation or of an
// operator; nil: none is kept. The returned func closes it. Base carries what goes to OSS; nil: the
// network. The error says what is wrong, and holds no secret.
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

// OpenSender returns what sends messages to everybody who is told. Base carries them; nil: the network.
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
