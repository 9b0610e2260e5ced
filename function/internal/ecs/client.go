// Package ecs calls the ECS operations that a restart needs, through alibaba-cloud-sdk-go. An
// answer is a value of package remedy; no call returns an error. No value that leaves the package
// holds a URL, a key, a token or a signature.
package ecs

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"ecs-remedy/function/internal/remedy"
)

// Credentials sign the calls. Every usual way of printing them hides them.
type Credentials struct {
	AccessKeyID, AccessKeySecret string
	// of temporary credentials; empty: a long-lived AccessKey pair
	SecurityToken string
}

const hidden = "Credentials(hidden)"

// String hides the credentials.
func (Credentials) String() string { return hidden }

// GoString hides the credentials from %#v.
func (Credentials) GoString() string { return hidden }

// LogValue hides the credentials from log/slog.
func (Credentials) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the credentials from encoding/json, and so from a logged value that contains
// them.
func (Credentials) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Options are what a Client is made of.
type Options struct {
	Credentials Credentials
	// "https://HOST", or "http://" and a loopback address; empty: by region
	Endpoint string
	// use the region's VPC endpoint, which answers only inside a VPC of that region
	VPC       bool
	Region    string           // the only one that is called; empty: any that is one
	CallLimit time.Duration    // the longest that one call may take, connecting included
	Now       func() time.Time // our clock
	// Each runs do(0) to do(n-1) at once and returns when all have returned; nil: on goroutines. In
	// a virtual time that counts who is running it has to be that time's own.
	Each func(n int, do func(int))
	// carries every call, and is left alone by Close; nil: connections of the Client's own
	Base http.RoundTripper
}

// Client calls ECS for one invocation. It is safe for concurrent use.
//
// Its own connections ignore HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Function Compute needs no proxy,
// and where one is needed Options.Base can bring it. Without one, "nothing was sent" is known and
// not guessed: the gate stands at the connection to ECS itself.
type Client struct {
	keys   func() Credentials // a func, so that printing a Client prints no key
	scheme string
	host   string // the same for every region; empty: by region
	region string // the only one; empty: any
	vpc    bool
	limit  time.Duration
	now    func() time.Time
	each   func(n int, do func(int))
	// carries everything; nil: reads are carried by pool, reboots each by a transport of its own
	base http.RoundTripper
	pool *http.Transport

	strangers strangers
	lane      lane

	life context.Context // ends with Close
	end  context.CancelFunc

	connect dialer         // net.Dialer's, but for tests
	trusted *x509.CertPool // nil: the system's
}

// sdkPrints is whether the SDK prints every signed request. It looks at DEBUG once, when the
// program starts, so nothing done later can stop it.
var sdkPrints = slices.Contains(strings.Split(os.Getenv("DEBUG"), ","), "sdk")

// CheckEnvironment reports what in the process's environment makes every New fail; it can be asked
// at start.
func CheckEnvironment() error {
	if sdkPrints {
		return errors.New("DEBUG=sdk makes the ECS SDK print credentials: unset it")
	}
	return nil
}

// New returns a Client. Its error says what is missing or wrong, and holds no secret. A Client uses
// the credentials it is given and no others: never those of the environment, of a file or of a
// metadata server.
func New(o Options) (*Client, error) {
	if err := CheckEnvironment(); err != nil {
		return nil, err
	}
	switch {
	case o.Credentials.AccessKeyID == "" || o.Credentials.AccessKeySecret == "":
		return nil, errors.New(
			"no credentials for ECS: give the function a role, or set an AccessKey pair")
	case o.CallLimit <= 0 || o.Now == nil:
		return nil, errors.New("an ECS client needs a positive call limit and a clock")
	case o.Region != "" && !validRegion(o.Region):
		return nil, errors.New("an ECS client for a region that is none")
	}
	scheme, host, err := parseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	c := &Client{
		keys:   func() Credentials { return o.Credentials },
		scheme: scheme, host: host, region: o.Region, vpc: o.VPC,
		limit: o.CallLimit, now: o.Now, each: o.Each,
		base: o.Base, connect: new(net.Dialer).DialContext,
	}
	if c.each == nil {
		c.each = atOnce
	}
	c.strangers.said = make(map[string]remedy.Reading[remedy.Vitals])
	c.life, c.end = context.WithCancel(context.Background())
	c.pool = &http.Transport{
		DialContext: c.dial, DialTLSContext: c.dialTLS, MaxResponseHeaderBytes: maxHeader,
		MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second,
	}
	return c, nil
}

// atOnce runs do(0) to do(n-1) on goroutines and returns when all have returned.
func atOnce(n int, do func(int)) {
	if n == 1 {
		do(0)
		return
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { do(i) })
	}
	all.Wait()
}

// Close ends every call under way and closes every connection. A later call fails.
func (c *Client) Close() {
	c.end()
	c.closeAhead()
	c.pool.CloseIdleConnections()
}

// Machines reads instances with DescribeInstances, at most 100 a call. Every id gets a reading. ECS
// leaves out both an instance that is not there and one that the caller may not read, so either is
// Missing.
//
// It returns within twice Options.CallLimit, all pages, halvings and calls together, or as soon as
// ctx ends; what was not read by then is Unavailable.
func (c *Client) Machines(ctx context.Context, region string,
	ids []string) map[string]remedy.Reading[remedy.Instance] {
	ctx, done := c.whole(ctx)
	defer done()
	spoilt := make(map[string]remedy.Reading[remedy.Instance])
	good := sortOut(ids, func(id string) {
		spoilt[id] = unasked[remedy.Instance](c, ecs.CreateDescribeInstancesRequest(), noID)
	})
	readings, _ := readEach(c, slices.Collect(slices.Chunk(good, maxBatch)), batch[remedy.Instance]{
		absent: absent + "(allow ecs:DescribeInstances)",
		ask: func(ids []string) answers {
			text, _ := json.Marshal(ids) // of strings, which never fails
			request := ecs.CreateDescribeInstancesRequest()
			request.InstanceIds = string(text)
			request.MaxResults = requests.NewInteger(maxBatch)
			return c.read(ctx, region, question{
				request: request, turn: func(token string) { request.NextToken = token },
				list: instanceList, most: len(ids), pages: maxPages,
			}).ended()
		},
		parse: func(entry value) (string, remedy.Instance, error) {
			return parseInstance(entry, region)
		},
	})
	maps.Copy(readings, spoilt)
	return readings
}

// Heartbeats reads when Cloud Assistant last reported from each instance, with
// DescribeCloudAssistantStatus, at most 100 a call. Every id gets a reading. ECS refuses a call
// that names an instance which it does not know: see readEach. Such an id is not asked about again
// within Options.CallLimit, and apart from the others after it.
//
// It returns within twice Options.CallLimit, or as soon as ctx ends, as Machines does.
func (c *Client) Heartbeats(ctx context.Context, region string,
	ids []string) map[string]remedy.Reading[remedy.Vitals] {
	ctx, done := c.whole(ctx)
	defer done()
	spoilt := make(map[string]remedy.Reading[remedy.Vitals])
	good := sortOut(ids, func(id string) {
		request := ecs.CreateDescribeCloudAssistantStatusRequest()
		spoilt[id] = unasked[remedy.Vitals](c, request, noID)
	})
	groups, known := c.strangers.ask(c, region, good)
	readings, unknown := readEach(c, groups, batch[remedy.Vitals]{
		absent: absent + "(allow ecs:DescribeCloudAssistantStatus)",
		ask: func(ids []string) answers {
			request := ecs.CreateDescribeCloudAssistantStatusRequest()
			request.InstanceId = &ids
			return c.read(ctx, region, question{
				request: request, turn: func(token string) { request.NextToken = token },
				list: vitalsList, most: len(ids), pages: maxPages,
			}).ended()
		},
		parse: parseVitals,
	})
	c.strangers.learn(region, readings, unknown)
	maps.Copy(readings, known)
	maps.Copy(readings, spoilt)
	return readings
}

// PlatformEvents reads the instance's system events that are not over, with
// DescribeInstanceHistoryEvents. Unless it is asked for them by status, it answers with those that
// are.
//
// It returns within twice Options.CallLimit, all pages together, or as soon as ctx ends; a part of
// the events is Unavailable.
func (c *Client) PlatformEvents(ctx context.Context,
	region, id string) remedy.Reading[[]remedy.PlatformEvent] {
	request := ecs.CreateDescribeInstanceHistoryEventsRequest()
	if !validID(id) { // without one, ECS would answer with the events of the whole region
		return unasked[[]remedy.PlatformEvent](c, request, noID)
	}
	c.openAhead(region)
	ctx, done := c.whole(ctx)
	defer done()
	request.InstanceId = id
	request.InstanceEventCycleStatus = &[]string{"Executing", "Scheduled", "Inquiring"}
	request.MaxResults = requests.NewInteger(maxBatch)
	all := c.read(ctx, region, question{
		request: request, turn: func(token string) { request.NextToken = token },
		list: eventList, most: maxPages * maxBatch, pages: maxPages,
	}).ended()
	events := reading[[]remedy.PlatformEvent](all)
	for _, entry := range all.entries {
		event, err := parseEvent(entry, id)
		if err != nil {
			all.trouble = garbled(err.Error())
			return reading[[]remedy.PlatformEvent](all)
		}
		events.Value = append(events.Value, event)
	}
	return events
}

// Reboot sends one RebootInstance, once. Nothing leaves after order.SendBefore, not even when the
// process was frozen in the middle; a zero SendBefore sends nothing, but for a dry run. A dry run
// that ECS would have accepted is Accepted, with the code DryRunOperation.
func (c *Client) Reboot(ctx context.Context, order remedy.Order) remedy.Reply {
	g := &gate{now: c.now, before: order.SendBefore, always: order.DryRun}
	if !validID(order.Instance) {
		return c.reply(order, page{}, &trouble{text: noID})
	}
	if g.late() {
		return c.reply(order, page{}, &trouble{text: tooLate})
	}
	request := ecs.CreateRebootInstanceRequest()
	request.InstanceId = order.Instance
	request.ForceStop = requests.NewBoolean(order.Force)
	request.DryRun = requests.NewBoolean(order.DryRun)
	answer, trouble := c.call(ctx, order.Region, request, c.behind(g))
	var head page
	if trouble == nil {
		head, _, trouble = decode(answer.body, nil)
	}
	if trouble != nil {
		switch sent, refused := g.shut(); {
		case refused:
			trouble.sent, trouble.text = false, tooLate
		case !sent:
			trouble.sent = false
		}
	}
	return c.reply(order, head, trouble)
}

const (
	absent = "not in the answer: the instance is gone or in another region, or the function's " +
		"role may not read it "
	noID    = "not the id of an instance, so it was not asked about"
	tooLate = "not sent: it was due before now, so another invocation may have taken over"
)

// reply says what came of an order. trouble is nil after a 200 that makes sense.
func (c *Client) reply(order remedy.Order, head page, t *trouble) remedy.Reply {
	r := remedy.Reply{At: c.now(), RequestID: head.requestID}
	switch {
	case t == nil && order.DryRun:
		// It may have been executed. Whatever it was, asking again could reboot again.
		r.Answer, r.Reason = remedy.AnswerRejected, remedy.ReasonUnreadable
		r.Note = "RebootInstance answered a dry run as if it were none"
	case t == nil:
		r.Answer = remedy.AnswerAccepted
	case order.DryRun && t.code == dryRunPassed:
		r.Answer, r.Code, r.RequestID = remedy.AnswerAccepted, t.code, t.requestID
	case !t.sent:
		r.Answer, r.Code = remedy.AnswerNotExecuted, t.machineCode()
		r.Note = t.note("RebootInstance")
	default:
		class := t.class()
		r.Answer, r.Reason, r.Throttled = class.answer, class.reason, class.throttled
		r.Code, r.RequestID, r.Note = t.machineCode(), t.requestID, t.note("RebootInstance")
	}
	return r
}
