package osssim

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// Fault is a way to misbehave. A request with a bad signature is refused before any.
type Fault string

// The faults.
const (
	// FaultHang gives no answer until the caller gives up.
	FaultHang Fault = "hang"

	// FaultRefuse answers AccessDenied: the policy does not allow it.
	FaultRefuse Fault = "refuse"

	// FaultFull answers UserDisable. A bucket has no limit; what makes it take no more is an
	// account in arrears.
	FaultFull Fault = "full"

	// FaultBusy answers 503: try again.
	FaultBusy Fault = "busy"

	// FaultWrongBody gets other bytes than were put, and confirms others than were sent.
	FaultWrongBody Fault = "wrong-body"

	// FaultHugeBody answers with 64 MiB.
	FaultHugeBody Fault = "huge-body"

	// FaultHugeHeader answers with a header of 512 KiB.
	FaultHugeHeader Fault = "huge-header"

	// FaultRedirect sends the caller to another host.
	FaultRedirect Fault = "redirect"

	// FaultGarbage answers with an error that is not from OSS, as a proxy does.
	FaultGarbage Fault = "garbage"

	// FaultEcho answers with an error whose every field holds the request's Authorization and
	// token.
	FaultEcho Fault = "echo"

	// FaultLost does what was asked, and breaks the connection without an answer.
	FaultLost Fault = "lost"
)

// Elsewhere is the address that FaultRedirect sends to.
const Elsewhere = "https://elsewhere.example.com/"

// Break makes requests for an operation, or for any if it is empty, meet a fault from now on; an
// empty fault mends it.
func (s *Server) Break(o Operation, f Fault) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.faults[o] = f
}

// misbehave answers as the fault has it, and reports false if the request is to be done as usual.
func (s *Server) misbehave(w http.ResponseWriter, r *http.Request, q request, f Fault) bool {
	call := Call{Operation: q.operation, Key: q.key, Code: string(f)}
	refuse := func(p *problem) {
		call.Code = p.code
		s.record(call)
		s.fail(w, p)
	}
	switch f {
	case FaultHang:
		s.record(call)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case FaultRefuse:
		refuse(&problem{403, "AccessDenied", "You have no right to access this object because " +
			"of bucket acl."})
	case FaultFull:
		refuse(&problem{403, "UserDisable", "UserDisable"})
	case FaultBusy:
		refuse(&problem{503, "ServiceUnavailable", "Please reduce your request rate."})
	case FaultEcho:
		everything := r.Header.Get("Authorization") + " " + r.Header.Get("X-Oss-Security-Token")
		w.Header().Set("X-Oss-Request-Id", everything)
		refuse(&problem{403, everything, everything})
	case FaultGarbage:
		s.record(call)
		w.Header().Del("X-Oss-Request-Id")
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, "<html><h1>502 Bad Gateway</h1>"+Elsewhere)
	case FaultRedirect:
		s.record(call)
		w.Header().Set("Location", Elsewhere)
		w.WriteHeader(http.StatusTemporaryRedirect)
	case FaultHugeHeader:
		s.record(call)
		w.Header().Set("X-Oss-Meta-Much", strings.Repeat("x", 512<<10))
		w.WriteHeader(http.StatusOK)
	case FaultHugeBody:
		s.record(call)
		chunk := bytes.Repeat([]byte("x"), 1<<20)
		for range 64 {
			if _, err := w.Write(chunk); err != nil {
				break
			}
		}
	case FaultWrongBody:
		if q.operation != OperationGet && q.operation != OperationPut {
			return false
		}
		s.record(call)
		w.Header().Set("X-Oss-Hash-Crc64ecma", "1")
		io.WriteString(w, "something else")
	case FaultLost:
		s.record(call)
		s.do(&answer{header: http.Header{}}, q, r.Header)
		panic(http.ErrAbortHandler)
	default:
		return false
	}
	return true
}

// mostInProcess is how much of an answer's body RoundTrip keeps: more than any caller reads.
const mostInProcess = 8 << 20

// answer is a response that is kept.
type answer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *answer) Header() http.Header { return a.header }

func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	if a.body.Len()+len(p) > mostInProcess {
		return 0, errors.New("nobody reads this much")
	}
	return a.body.Write(p)
}

// RoundTrip implements http.RoundTripper in process, without a socket, so that it works in a
// virtual time too. Hosts are those of OSS in the server's region, and addresses of this machine.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.known(r.URL.Host) {
		return nil, &net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true}
	}
	inner := r.Clone(r.Context())
	if inner.Host == "" {
		inner.Host = r.URL.Host
	}
	if inner.Body == nil {
		inner.Body = http.NoBody
	}
	defer inner.Body.Close()
	a := &answer{header: http.Header{}}
	if err := s.serve(a, inner); err != nil {
		return nil, err
	}
	a.WriteHeader(http.StatusOK)
	return &http.Response{
		Status: http.StatusText(a.status), StatusCode: a.status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header, ContentLength: int64(a.body.Len()), Request: r,
		Body: io.NopCloser(bytes.NewReader(a.body.Bytes())),
	}, nil
}

// serve answers a request, or returns the error that a broken connection is to its caller.
func (s *Server) serve(a *answer, r *http.Request) (err error) {
	defer func() {
		switch broke := recover(); {
		case broke == nil:
		case broke == http.ErrAbortHandler && r.Context().Err() != nil:
			err = context.Cause(r.Context())
		case broke == http.ErrAbortHandler:
			err = io.ErrUnexpectedEOF
		default:
			panic(broke)
		}
	}()
	s.ServeHTTP(a, r)
	return nil
}
