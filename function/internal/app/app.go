// Package app wires the program: configuration in, a function that handles invocations out. main,
// the CLI and the tests share it; it is the only package that knows the adapters.
package app

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/notify"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
)

// Seams are where time, randomness and the network come in. The zero Seams are the real ones.
type Seams struct {
	Clock     handle.Clock      // nil: RealClock
	Transport http.RoundTripper // to ECS; nil: the network
	Outside   http.RoundTripper // to OSS and to those who are told; nil: the network
	Store     ledger.Store      // nil: the configured one
	Watcher   handle.Watcher    // nil: nobody watches
	Name      func() string     // names of owners; nil: random
}

// Function handles invocations; one per process, safe for concurrent use.
type Function struct {
	config config.Config
	seams  Seams
	out    io.Writer
	store  ledger.Store // nil where every invocation opens its own, with its own credentials
	tally  notify.Tally
	sender *notify.Sender // nil: nobody is told

	together handle.Together // of all its invocations
}

// New wires a function that writes its audit lines to out. The error names what could not be
// opened, and the cure.
func New(c config.Config, out io.Writer, seams Seams) (*Function, error) {
	if err := ecs.CheckEnvironment(); err != nil {
		return nil, err
	}
	if seams.Clock == nil {
		seams.Clock = RealClock{}
	}
	if seams.Name == nil {
		seams.Name = rand.Text
	}
	f := &Function{config: c, seams: seams, out: out, store: seams.Store}
	if f.store == nil && c.Ledger.Kind != config.LedgerTablestore {
		store, err := OpenStore(c, ecs.Credentials{})
		if err != nil {
			return nil, Unopened(err)
		}
		f.store = store
	}
	if len(c.Notify) > 0 {
		var err error
		if f.sender, err = OpenSender(c, seams.Outside); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Close closes the ledger.
func (f *Function) Close() error {
	if f.sender != nil {
		f.sender.Close()
	}
	if f.store == nil {
		return nil
	}
	return f.store.Close()
}

// OpenStore opens the configured ledger. Only Tablestore needs credentials: those of the
// invocation, or of the operator.
func OpenStore(c config.Config, credentials ecs.Credentials) (ledger.Store, error) {
	limit := c.Policy.CallLimit()
	switch c.Ledger.Kind {
	case config.LedgerMemory:
		return ledger.NewMem(), nil
	case config.LedgerBolt:
		return ledger.OpenBolt(c.Ledger.Path)
	case config.LedgerRedis:
		return ledger.OpenRedis(c.Ledger.URL.Reveal(), limit)
	case config.LedgerTablestore:
		return ledger.OpenTablestore(ledger.TablestoreOptions{
			Instance: c.Ledger.Instance, Region: c.Ledger.Region, Table: c.Ledger.Table, VPC: c.VPC,
			Endpoint:    c.Ledger.Endpoint,
			AccessKeyID: credentials.AccessKeyID, AccessKeySecret: credentials.AccessKeySecret,
			SecurityToken: credentials.SecurityToken, Limit: limit,
		})
	}
	return nil, fmt.Errorf("ledger kind %q is not known", c.Ledger.Kind)
}

// Credentials open the account; they are secrets.
type Credentials = ecs.Credentials

// Invocation is what the platform says of one delivery of an event.
type Invocation struct {
	RequestID   string
	Credentials Credentials
	Account     string
	Region      string
	Retry       int
	Deadline    time.Time
}

// Invoke handles one event. What it returns is encoded as JSON: a handle.Response, or a
// handle.HTTPResponse for an event of an HTTP trigger. Its error is *handle.Pending or
// *handle.Malformed.
func (f *Function) Invoke(ctx context.Context, invocation Invocation, payload []byte) (any, error) {
	begun := time.Now()
	request, isHTTP := events.HTTP(payload)
	handler, told, done, err := f.handler(invocation, f.config.Policy.Mode == remedy.ModeEnforce)
	if err != nil { // no credentials, or no ledger: no event can be handled until that is mended
		if isHTTP {
			return handle.HTTPNotReady(request, f.config.HTTPToken.Reveal()), nil
		}
		return handle.NotReady(
			report.In(f.config.Lang).Reporter(f.out, invocation.RequestID, Version()),
			payload,
			err,
		)
	}
	defer done()
	if isHTTP {
		answer := handler.HandleHTTP(ctx, invocation.about(), request, payload)
		last, cancel := bounded(ctx, begun.Add(httpFinish))
		defer cancel()
		told.finish(last, false)
		return answer, nil
	}
	until := invocation.Deadline.Add(-time.Second)
	told.begin(ctx, until)
	defer told.end() // where the handling panics
	response, err := handler.Handle(ctx, invocation.about(), payload)
	last, cancel := bounded(ctx, until)
	defer cancel()
	told.finish(last, response.Swept)
	return response, err
}

// httpFinish is when an HTTP request is answered at the latest: CloudMonitor waits 5 s.
const httpFinish = 4500 * time.Millisecond

// Explain says what would be done about one event now, and does nothing: see
// handle.Handler.Explain. The error is *handle.Malformed or one of the set-up.
func (f *Function) Explain(
	ctx context.Context,
	invocation Invocation,
	payload []byte,
	rehearse bool,
) (
	[]handle.Explanation, error) {
	handler, _, done, err := f.handler(invocation, false)
	if err != nil {
		return nil, err
	}
	defer done()
	return handler.Explain(ctx, invocation.about(), payload, rehearse)
}

// about is the part of the invocation that the path knows of.
func (i Invocation) about() handle.Invocation {
	return handle.Invocation{
		Account:  i.Account,
		Region:   i.Region,
		Retry:    i.Retry,
		Deadline: i.Deadline,
	}
}

// handler makes what handles one invocation, which may reboot or only looks, with its own
// credentials, and what it tells. The returned func closes what only it used.
func (f *Function) handler(invocation Invocation, reboots bool) (
	*handle.Handler, *telling, func(), error) {
	cloud, err := OpenCloud(f.config, invocation.Credentials, invocation.Region, f.seams)
	if err != nil {
		return nil, nil, nil, err
	}
	if reboots {
		cloud.ExpectReboots()
	}
	store, done := f.store, cloud.Close
	if store == nil {
		if store, err = OpenStore(f.config, invocation.Credentials); err != nil {
			cloud.Close()
			return nil, nil, nil, err
		}
		done = func() {
			cloud.Close()
			store.Close() // nothing is lost with it: every write was answered before
		}
	}
	words := report.In(f.config.Lang) // made with the first invocation, for they are many
	told := &telling{Reporter: words.Reporter(f.out, invocation.RequestID, Version()), f: f,
		requestID: invocation.RequestID, words: words, console: cloud,
		exhibits: map[string][]report.Exhibit{}, missing: map[string][]string{},
		kept: map[string]map[remedy.EvidenceStage]bool{}, news: make(chan struct{}, 1)}
	closeRest := done
	kept, closeEvidence, err := OpenEvidence(
		f.config,
		invocation.Credentials,
		invocation.Region,
		true,
		f.seams.Outside,
	)
	if err != nil { // evidence is in nobody's way
		told.Untold(fmt.Errorf("no evidence is kept: %w", err))
	}
	told.store = kept
	done = func() {
		closeEvidence()
		closeRest()
	}
	if f.sender != nil {
		told.notifier, err = newNotifier(f.config, words, store, &f.tally, f.sender)
		if err != nil {
			told.Untold(fmt.Errorf("nobody is told: %w", err))
		}
	}
	book := ledger.New(store, f.config.Policy, f.seams.Clock.Now)
	handler := &handle.Handler{
		Policy: f.config.Policy, Reserve: f.config.Reserve, Clock: f.seams.Clock,
		Ledger: book, Signs: book, Version: Version(), Cloud: cloud, Rebooter: cloud,
		Reporter: told, Watcher: f.seams.Watcher, Together: &f.together,
		Name: f.seams.Name, HTTPToken: f.config.HTTPToken.Reveal(),
	}
	if told.store != nil {
		handler.Evidence = told
	}
	return handler, told, done, nil
}
