package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Address is where messages go. URL and Secret are secrets: whatever prints an Address, fmt with
// any verb, JSON or slog, prints its host.
type Address struct {
	Form   Form
	URL    string // https, or http on this machine; no fragment
	Secret string // that the robot checks signatures with; empty: it checks none
	Host   string // as it is shown
}

// String implements fmt.Stringer.
func (a Address) String() string { return a.Host }

// Format implements fmt.Formatter. String alone would let verbs through that do not fit text.
func (a Address) Format(f fmt.State, _ rune) { io.WriteString(f, a.Host) }

// MarshalJSON implements json.Marshaler.
func (a Address) MarshalJSON() ([]byte, error) { return json.Marshal(a.Host) }

// LogValue implements slog.LogValuer.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.Host) }

// Failure is why a message did not reach one address. It holds nothing of the address but its host,
// and nothing of what a server said but numbers and words that this package knows.
type Failure struct {
	Number int    // of the address, the first being 1
	Host   string // of the address
	Why    string // in words for an operator
}

// Error names the address by number and host.
func (f *Failure) Error() string {
	return fmt.Sprintf("notify: address %d (%s): %s", f.Number, f.Host, f.Why)
}

// Sender sends messages to addresses. It may be used concurrently.
type Sender struct {
	targets []target
	carry   http.RoundTripper
	pool    *http.Transport // nil where somebody else's is used
	now     func() time.Time
}

// target is an address, ready to send to.
type target struct {
	Address
	number  int
	at      url.URL
	service service
}

// Limits of what is waited for and read. The context is the limit of the whole.
const (
	connectLimit = 2 * time.Second
	answerLimit  = 3 * time.Second
	longestReply = 64 << 10 // bytes, of headers and of the body
)

// NewSender returns a Sender. A nil transport is the network. The clock is for signatures, which
// both DingTalk and Feishu take for an hour. The error names what is wrong by number and host.
func NewSender(addresses []Address, transport http.RoundTripper, now func() time.Time) (
	*Sender, error) {
	s := &Sender{carry: transport, now: now}
	for i, a := range addresses {
		t := target{Address: a, number: i + 1}
		u, err := url.Parse(a.URL)
		var known bool
		t.service, known = services[a.Form]
		if err != nil || u.Host == "" || u.User != nil ||
			u.Scheme != "https" && u.Scheme != "http" {
			return nil, t.failed("not the URL of a robot or a hook")
		}
		if !known {
			return nil, t.failed("no such form of message")
		}
		u.Fragment, u.RawFragment = "", ""
		t.at = *u
		s.targets = append(s.targets, t)
	}
	if transport == nil {
		s.pool = &http.Transport{
			DialContext:            (&net.Dialer{Timeout: connectLimit}).DialContext,
			TLSHandshakeTimeout:    connectLimit,
			ResponseHeaderTimeout:  answerLimit,
			IdleConnTimeout:        answerLimit,
			MaxResponseHeaderBytes: longestReply,
			DisableCompression:     true, // so that a short answer is short
		}
		s.carry = s.pool
	}
	return s, nil
}

// Hosts are the addresses as they can be shown, in order.
func (s *Sender) Hosts() []string {
	hosts := make([]string, len(s.targets))
	for i, t := range s.targets {
		hosts[i] = t.Host
	}
	return hosts
}

// Send sends the messages to every address: to all addresses at once, and to each one message after
// the other, once. It returns when all of that is done or the context has ended, and leaves nothing
// running. Each error is a *Failure; there is none for what arrived.
func (s *Sender) Send(ctx context.Context, messages ...Message) []error {
	failures := make([][]error, len(s.targets))
	var group sync.WaitGroup
	for i, t := range s.targets {
		group.Go(func() {
			for sent, m := range messages {
				if ctx.Err() != nil {
					failures[i] = append(failures[i], t.failed(fmt.Sprintf(
						"%d of %d messages were not sent: no time was left",
						len(messages)-sent, len(messages))))
					return
				}
				if why := s.send(ctx, t, m); why != "" {
					failures[i] = append(failures[i], t.failed(why))
				}
			}
		})
	}
	group.Wait()
	var all []error
	for _, some := range failures {
		all = append(all, some...)
	}
	return all
}

// Close closes the connections that were kept. What is frozen between two invocations must hold
// none: the other end gives them up meanwhile. The Sender can be used again.
func (s *Sender) Close() {
	if s.pool != nil {
		s.pool.CloseIdleConnections()
	}
}

func (t target) failed(why string) error { return &Failure{t.number, t.Host, why} }

// send sends one message once, and says why it was not taken; empty: it was. It uses no
// http.Client, which would follow redirects and put the address into its errors. A panic is a
// reason, too: it would end the process, with all that other invocations are at.
func (s *Sender) send(ctx context.Context, t target, m Message) (why string) {
	defer func() {
		if recover() != nil {
			why = "a defect of this program"
		}
	}()
	at, sign := t.service.signed(t.Secret, t.at, s.now())
	body, err := t.service.encode(m, sign)
	if err != nil {
		return "the message cannot be encoded"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(),
		bytes.NewReader(body))
	if err != nil {
		return "not the URL of a robot or a hook"
	}
	request.Header.Set("Content-Type", "application/json; charset=utf-8")
	request.Header.Set("User-Agent", "ecs-remedy")
	response, err := s.carry.RoundTrip(request)
	if err != nil {
		return transportTrouble(ctx, err)
	}
	defer response.Body.Close()
	if response.StatusCode/100 == 3 {
		return httpStatus(response.StatusCode) + ", a redirect, which is not followed"
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, longestReply+1))
	switch {
	case err != nil:
		return transportTrouble(ctx, err)
	case len(answer) > longestReply:
		return fmt.Sprintf("%s, and an answer of more than %d KiB", httpStatus(response.StatusCode),
			longestReply>>10)
	}
	return t.service.refusal(response.StatusCode, answer)
}

// transportTrouble words an error of the transport. Its own words are not used: they can hold the
// address, and what a server sent.
func transportTrouble(ctx context.Context, err error) string {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var record tls.RecordHeaderError
	var timeout interface{ Timeout() bool }
	const perhaps = "; whether it was told is not known"
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "the call was given up"
	case errors.As(err, &dns):
		return "the host's name does not resolve: is it right, and the network open?"
	case errors.As(err, &op) && op.Op == "dial":
		return "no connection: is the network open?"
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time" + perhaps
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname),
		errors.As(err, &record):
		return "its certificate is not trusted, or it does not speak TLS"
	default:
		return "the connection broke before there was a whole answer" + perhaps
	}
}
