// Package ecs calls the four ECS operations that a restart needs, through alibaba-cloud-sdk-go. An answer is a value of
// package remedy; no call returns an error. No value that leaves the package holds a URL, a key, a token or a signature.
package ecs

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"ecs-remedy/function/internal/remedy"
)

// Credentials sign the calls. Every usual way of printing them hides them.
type Credentials struct {
	AccessKeyID, AccessKeySecret string
	SecurityToken                string // of temporary credentials; empty: a long-lived AccessKey pair
}

const hidden = "Credentials(hidden)"

// String hides the credentials.
func (Credentials) String() string { return hidden }

// GoString hides the credentials from %#v.
func (Credentials) GoString() string { return hidden }

// LogValue hides the credentials from log/slog.
func (Credentials) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the credentials from encoding/json, and so from a logged value that contains them.
func (Credentials) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Options are what a Client is made of.
type Options struct {
	Credentials Credentials
	Endpoint    string            // "https://HOST", or "http://" and a loopback address; empty: by region
	VPC         bool              // use the region's VPC endpoint, which answers only inside a VPC of that region
	CallLimit   time.Duration     // the longest that one call may take, connecting included
	Now         func() time.Time  // our clock
	Base        http.RoundTripper // carries every call, and is left alone by Close; nil: connections of the Client's own
}

// Client calls ECS for one invocation. It is safe for concurrent use.
//
// Its own connections ignore HTTPS_PROXY, HTTP_PROXY and NO_PROXY. Function Compute needs no proxy, and where one is needed
// Options.Base can bring it. Without one, "nothing was sent" is known and not guessed: the gate stands at the connection
// to ECS itself.
type Client struct {
	keys   func() Credentials // a func, so that printing a Client prints no key
	scheme string
	host   string // the same for every region; empty: by region
	vpc    bool
	limit  time.Duration
	now    func() time.Time
	base   http.RoundTripper // carries everything; nil: reads are carried by pool, reboots each by a transport of its own
	pool   *http.Transport

	life context.Context // ends with Close
	end  context.CancelFunc

	connect dialer         // net.Dialer's, but for tests
	trusted *x509.CertPool // nil: the system's
}

// sdkPrints is whether the SDK prints every signed request. It looks at DEBUG once, when the program starts, so nothing
// done later can stop it.
var sdkPrints = slices.Contains(strings.Split(os.Getenv("DEBUG"), ","), "sdk")

// CheckEnvironment reports what in the process's environment makes every New fail; it can be asked at start.
func CheckEnvironment() error {
	if sdkPrints {
		return errors.New("DEBUG=sdk makes the ECS SDK print credentials: unset it")
	}
	return nil
}

// New returns a Client. Its error says what is missing or wrong, and holds no secret. A Client uses the credentials it is
// given and no others: never those of the environment, of a file or of a metadata server.
func New(o Options) (*Client, error) {
	if err := CheckEnvironment(); err != nil {
		return nil, err
	}
	switch {
	case o.Credentials.AccessKeyID == "" || o.Credentials.AccessKeySecret == "":
		return nil, errors.New("no credentials for ECS: give the function a role, or set an AccessKey pair")
	case o.CallLimit <= 0 || o.Now == nil:
		return nil, errors.New("an ECS client needs a positive call limit and a clock")
	}
	scheme, host, err := parseEndpoint(o.Endpoint)
	if err != nil {
		return nil, err
	}
	c := &Client{
		keys:   func() Credentials { return o.Credentials },
		scheme: scheme, host: host, vpc: o.VPC, limit: o.CallLimit, now: o.Now, base: o.Base,
		connect: new(net.Dialer).DialContext,
	}
	c.life, c.end = context.WithCancel(context.Background())
	c.pool = &http.Transport{
		DialContext: c.dial, DialTLSContext: c.dialTLS, MaxIdleConnsPerHost: 8, IdleConnTimeout: 30 * time.Second,
	}
	return c, nil
}

// Close ends every call under way and closes every connection. A later call fails.
func (c *Client) Close() {
	c.end()
	c.pool.CloseIdleConnections()
}

// Machines reads instances with DescribeInstances, at most 100 a call. Every id gets a reading. ECS leaves out both an
// instance that is not there and one that the caller may not read, so either is Missing.
func (c *Client) Machines(ctx context.Context, region string, ids []string) map[string]remedy.Reading[remedy.Instance] {
	const absent = "not in the answer of DescribeInstances: the instance is gone or in another region, or the function's " +
		"role may not read it (allow ecs:DescribeInstances)"
	return readEach(c, ids, absent, func(ids []string) answers {
		list, _ := json.Marshal(ids) // of strings, which never fails
		request := ecs.CreateDescribeInstancesRequest()
		request.InstanceIds = string(list)
		request.MaxResults = requests.NewInteger(maxBatch)
		return c.read(ctx, region, request, func(api *ecs.Client, token string) (response, error) {
			request.NextToken = token
			return api.DescribeInstances(request)
		}, instanceEntries)
	}, func(entry []byte) (string, remedy.Instance, error) { return parseInstance(entry, region) })
}

// Heartbeats reads when Cloud Assistant last reported from each instance, with DescribeCloudAssistantStatus, at most 100 a
// call. Every id gets a reading.
func (c *Client) Heartbeats(ctx context.Context, region string, ids []string) map[string]remedy.Reading[remedy.Vitals] {
	const absent = "not in the answer of DescribeCloudAssistantStatus: the instance is gone or in another region, or the " +
		"function's role may not read it (allow ecs:DescribeCloudAssistantStatus)"
	return readEach(c, ids, absent, func(ids []string) answers {
		request := ecs.CreateDescribeCloudAssistantStatusRequest()
		request.InstanceId = &ids
		return c.read(ctx, region, request, func(api *ecs.Client, token string) (response, error) {
			request.NextToken = token
			return api.DescribeCloudAssistantStatus(request)
		}, vitalsEntries)
	}, parseVitals)
}

// PlatformEvents reads the instance's system events that are not over, with DescribeInstanceHistoryEvents. Unless it is
// asked for them by status, it answers with those that are.
func (c *Client) PlatformEvents(ctx context.Context, region, id string) remedy.Reading[[]remedy.PlatformEvent] {
	if id == "" { // ECS would answer with the events of the whole region
		return remedy.Reading[[]remedy.PlatformEvent]{At: c.now(), Failure: remedy.FailureUnreadable, Note: noID}
	}
	request := ecs.CreateDescribeInstanceHistoryEventsRequest()
	request.InstanceId = id
	request.InstanceEventCycleStatus = &[]string{"Executing", "Scheduled", "Inquiring"}
	request.MaxResults = requests.NewInteger(maxBatch)
	all := c.read(ctx, region, request, func(api *ecs.Client, token string) (response, error) {
		request.NextToken = token
		return api.DescribeInstanceHistoryEvents(request)
	}, eventEntries)
	reading := readingOf[[]remedy.PlatformEvent](all)
	for _, entry := range all.entries {
		event, err := parseEvent(entry, id)
		if err != nil {
			return remedy.Reading[[]remedy.PlatformEvent]{
				At: all.at, Date: all.date, Failure: remedy.FailureUnreadable, Note: "DescribeInstanceHistoryEvents: " + err.Error(),
			}
		}
		reading.Value = append(reading.Value, event)
	}
	return reading
}

// Reboot sends one RebootInstance, once. Nothing leaves after order.SendBefore, not even when the process was frozen in
// the middle; a zero SendBefore sends nothing, but for a dry run. A dry run that ECS would have accepted is Accepted, with
// the code DryRunOperation.
func (c *Client) Reboot(ctx context.Context, order remedy.Order) remedy.Reply {
	g := &gate{now: c.now, before: order.SendBefore, always: order.DryRun}
	if order.Instance == "" {
		return c.reply(order, page{}, &trouble{text: noID})
	}
	if g.late() {
		return c.reply(order, page{}, &trouble{text: tooLate})
	}
	request := ecs.CreateRebootInstanceRequest()
	request.InstanceId = order.Instance
	request.ForceStop = requests.NewBoolean(order.Force)
	request.DryRun = requests.NewBoolean(order.DryRun)
	answer, trouble := c.call(ctx, order.Region, request, c.behind(g), func(api *ecs.Client) (response, error) {
		return api.RebootInstance(request)
	})
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
	noID    = "an instance id is empty"
	tooLate = "not sent: it was due before now, so another invocation may have taken over"
)

// reply says what came of an order. trouble is nil after a 200 that makes sense.
func (c *Client) reply(order remedy.Order, head page, t *trouble) remedy.Reply {
	r := remedy.Reply{At: c.now(), RequestID: head.RequestID}
	switch {
	case t == nil && order.DryRun:
		// It may have been executed. Whatever it was, asking again could reboot again.
		r.Answer, r.Reason, r.Note = remedy.AnswerRejected, remedy.ReasonUnreadable, "RebootInstance answered a dry run as if it were none"
	case t == nil:
		r.Answer = remedy.AnswerAccepted
	case order.DryRun && t.code == dryRunPassed:
		r.Answer, r.Code, r.RequestID = remedy.AnswerAccepted, t.code, t.requestID
	case !t.sent:
		r.Answer, r.Code, r.Note = remedy.AnswerNotExecuted, notSent, t.note("RebootInstance")
	default:
		class := t.class()
		r.Answer, r.Reason, r.Throttled = class.answer, class.reason, class.throttled
		r.Code, r.RequestID, r.Note = t.code, t.requestID, t.note("RebootInstance")
	}
	return r
}
