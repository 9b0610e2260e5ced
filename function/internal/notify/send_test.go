package notify

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// mark is part of every secret of these tests.
const mark = "hunter2"

// hidden fails the test if an error shows a secret, or anything of an address but its host, and
// returns the errors' texts.
func hidden(t *testing.T, errs []error) []string {
	t.Helper()
	var texts []string
	for _, err := range errs {
		for layer := err; layer != nil; layer = errors.Unwrap(layer) {
			for _, shown := range []string{layer.Error(), fmt.Sprintf("%+v %#v", layer, layer)} {
				for _, secret := range []string{mark, url.QueryEscape(mark + "="),
					"access_token", "://", "sign=", "\n"} {
					if strings.Contains(shown, secret) {
						t.Errorf("%q is shown in %s", secret, shown)
					}
				}
			}
		}
		texts = append(texts, err.Error())
	}
	return texts
}

// robots is a server that behaves like all the services, each below a path of its own: it checks
// what it gets as strictly as they do, and keeps what it took.
type robots struct {
	t      *testing.T
	server *httptest.Server
	secret string
	mutex  sync.Mutex
	took   map[string][]string // by path: the texts
}

func newRobots(t *testing.T) *robots {
	r := &robots{t: t, secret: "SEC" + mark + "+/=&", took: map[string][]string{}}
	r.server = httptest.NewServer(r)
	t.Cleanup(r.server.Close)
	return r
}

// addresses are one of each service.
func (r *robots) addresses() []Address {
	host := strings.TrimPrefix(r.server.URL, "http://")
	return []Address{
		{FormDingTalk, r.server.URL + "/robot/send?access_token=" + mark + "%2B1", r.secret, host},
		{FormFeishu, r.server.URL + "/open-apis/bot/v2/hook/" + mark, r.secret, host},
		{FormWeCom, r.server.URL + "/cgi-bin/webhook/send?key=" + mark, "", host},
		{FormSlack, r.server.URL + "/services/T0/B0/" + mark, "", host},
		{FormJSON, r.server.URL + "/any/" + mark, "", host},
	}
}

// ServeHTTP implements http.Handler.
func (r *robots) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil || request.Method != http.MethodPost ||
		request.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		r.t.Errorf("%s %s: %v", request.Method, request.Header, err)
	}
	strict := func(into any) bool {
		decoder := json.NewDecoder(strings.NewReader(string(body)))
		decoder.DisallowUnknownFields()
		return decoder.Decode(into) == nil
	}
	keep := func(text string) {
		r.mutex.Lock()
		defer r.mutex.Unlock()
		r.took[request.URL.Path] = append(r.took[request.URL.Path], text)
	}
	query := request.URL.Query()
	now := time.Now()
	near := func(at time.Time) bool { return now.Sub(at).Abs() < time.Minute }
	switch request.URL.Path {
	case "/robot/send":
		var m struct {
			Msgtype string
			Text    struct{ Content string }
		}
		var ms int64
		fmt.Sscan(query.Get("timestamp"), &ms)
		want := opensslMAC(r.t, r.secret, query.Get("timestamp")+"\n"+r.secret)
		switch {
		case query.Get("access_token") != mark+"+1":
			io.WriteString(w, `{"errcode":300001,"errmsg":"token is not exist"}`)
		case !near(time.UnixMilli(ms)) || query.Get("sign") != want:
			io.WriteString(w, `{"errcode":310000,"errmsg":"sign not match, `+query.Get("sign")+`"}`)
		case !strict(&m) || m.Msgtype != "text":
			io.WriteString(w, `{"errcode":40035,"errmsg":"param error"}`)
		default:
			keep(m.Text.Content)
			io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
		}
	case "/open-apis/bot/v2/hook/" + mark:
		var m struct {
			Timestamp, Sign string
			MsgType         string `json:"msg_type"`
			Content         struct{ Text string }
		}
		readable := strict(&m)
		var s int64
		fmt.Sscan(m.Timestamp, &s)
		switch {
		case !readable || m.MsgType != "text":
			io.WriteString(w, `{"code":9499,"msg":"Bad Request","data":{}}`)
		case !near(time.Unix(s, 0)) || m.Sign != opensslMAC(r.t, m.Timestamp+"\n"+r.secret, ""):
			io.WriteString(w,
				`{"code":19021,"msg":"sign match fail or timestamp is not within one hour"}`)
		default:
			keep(m.Content.Text)
			io.WriteString(w,
				`{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}`)
		}
	case "/cgi-bin/webhook/send":
		var m struct {
			Msgtype  string
			Markdown struct{ Content string }
		}
		switch {
		case query.Get("key") != mark:
			io.WriteString(w, `{"errcode":93000,"errmsg":"invalid webhook url, hint: [1]"}`)
		case !strict(&m) || m.Msgtype != "markdown":
			io.WriteString(w, `{"errcode":40008,"errmsg":"invalid message type"}`)
		default:
			keep(m.Markdown.Content)
			io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
		}
	case "/services/T0/B0/" + mark:
		var m struct {
			Text        string
			Mrkdwn      *bool
			UnfurlLinks *bool `json:"unfurl_links"`
			UnfurlMedia *bool `json:"unfurl_media"`
		}
		off := func(b *bool) bool { return b != nil && !*b }
		if !strict(&m) || m.Text == "" || !off(m.Mrkdwn) || !off(m.UnfurlLinks) ||
			!off(m.UnfurlMedia) {
			http.Error(w, "invalid_payload", http.StatusBadRequest)
			return
		}
		keep(m.Text)
		io.WriteString(w, "ok")
	case "/any/" + mark:
		var m struct {
			Results []json.RawMessage
			More    int
		}
		if !strict(&m) {
			http.Error(w, "no", http.StatusBadRequest)
			return
		}
		keep(fmt.Sprintf("%d results, %d more", len(m.Results), m.More))
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, request)
	}
}

func sender(t *testing.T, transport http.RoundTripper, addresses ...Address) *Sender {
	t.Helper()
	s, err := NewSender(addresses, transport, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestSend sends to a robot of each service, over the network.
func TestSend(t *testing.T) {
	r := newRobots(t)
	s := sender(t, nil, r.addresses()...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	hostile := sample
	hostile.Title = "Restarted: <at user_id=\"all\">[x](http://evil.com) @all\u202e"
	if errs := s.Send(ctx, sample, hostile); len(hidden(t, errs)) > 0 {
		t.Fatal(errs)
	}
	for path, want := range map[string]string{
		"/robot/send": "Restarted: <at user_id=\"all\">[x](http：//evil․com) ＠all",
		"/open-apis/bot/v2/hook/" + mark: "Restarted: ＜at user_id=\"all\"＞［x］(http：//evil․com) " +
			"＠all",
		"/cgi-bin/webhook/send": "**Restarted: ＜at user_id=\"all\"＞［x］(http：//evil․com) ＠all**",
		"/services/T0/B0/" + mark: "Restarted: &lt;at user_id=\"all\"&gt;[x](http：//evil․com) " +
			"＠all",
		"/any/" + mark: "1 results, 0 more",
	} {
		took := r.took[path]
		if len(took) != 2 {
			t.Errorf("%s took %d messages", path, len(took))
			continue
		}
		if title, _, _ := strings.Cut(took[1], "\n"); title != want {
			t.Errorf("%s: the title is %q, want %q", path, title, want)
		}
	}
}

// TestSendRefused: each robot refuses, with status 200 or not, and each error says why.
func TestSendRefused(t *testing.T) {
	r := newRobots(t)
	wrong := r.addresses()
	for i := range wrong {
		wrong[i].Secret += "wrong"
	}
	wrong[2].URL += "wrong"
	wrong[3].URL += "wrong"
	wrong[4].URL += "wrong"
	s := sender(t, nil, wrong...)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	texts := hidden(t, s.Send(ctx, sample))
	for i, want := range []string{wrongSignature, noSignature, noRobot, "HTTP 404", "HTTP 404"} {
		if i >= len(texts) || !strings.Contains(texts[i], want) ||
			!strings.Contains(texts[i], fmt.Sprintf("address %d (127.0.0.1:", i+1)) {
			t.Errorf("address %d: want %q in %q", i+1, want, texts)
		}
	}
}

// TestHostileServers: what a server, or somebody between, can do.
func TestHostileServers(t *testing.T) {
	var followed atomic.Int32
	follow := func(http.ResponseWriter, *http.Request) { followed.Add(1) }
	other := httptest.NewServer(http.HandlerFunc(follow))
	defer other.Close()
	for name, row := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		want   string
	}{
		"a redirect": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+r.URL.String(), http.StatusTemporaryRedirect)
		}, "HTTP 307, a redirect, which is not followed"},
		"a redirect to itself with the secret": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", r.URL.String())
			w.WriteHeader(http.StatusPermanentRedirect)
		}, "HTTP 308, a redirect, which is not followed"},
		"the address in the refusal": {func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			said := r.URL.String() + string(body)
			json.NewEncoder(w).Encode(map[string]any{"errcode": 1, "errmsg": said})
		}, "errcode 1"},
		"the address instead of an answer": {func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusBadGateway)
			io.WriteString(w, r.URL.String())
		}, "HTTP 502"},
		"the address as the status line": {func(w http.ResponseWriter, r *http.Request) {
			hijack(w, r.URL.String()+" "+r.URL.String()+"\r\n\r\n")
		}, "the connection broke before there was a whole answer"},
		"the address as a header": {func(w http.ResponseWriter, r *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\n"+r.URL.String()+"\r\n\r\n")
		}, "the connection broke before there was a whole answer"},
		"endless headers": {func(w http.ResponseWriter, r *http.Request) {
			line := "A: " + strings.Repeat("b", 1000) + "\r\n"
			hijack(w, "HTTP/1.1 200 OK\r\n"+strings.Repeat(line, 200))
		}, "the connection broke before there was a whole answer"},
		"a huge answer": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, `{"errcode":0,"errmsg":"`)
			for range 64 {
				io.WriteString(w, strings.Repeat("x", 1024))
			}
			io.WriteString(w, `"}`)
		}, "HTTP 200, and an answer of more than 64 KiB"},
		"an answer that breaks off": {func(w http.ResponseWriter, r *http.Request) {
			hijack(w, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"errcode\":0")
		}, "the connection broke before there was a whole answer"},
		"a bomb": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "\x1f\x8b\x08\x00\x00\x00\x00\x00")
		}, "the answer is not one of such a robot"},
		"no answer at all": {func(w http.ResponseWriter, r *http.Request) { hijack(w, "") },
			"the connection broke before there was a whole answer"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(row.answer))
			defer server.Close()
			address := server.URL + "/x?access_token=" + mark
			s := sender(t, nil, Address{FormDingTalk, address, mark, "host"})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			texts := hidden(t, s.Send(ctx, sample))
			want := "notify: address 1 (host): " + row.want
			if len(texts) != 1 || !strings.HasPrefix(texts[0], want) {
				t.Errorf("got %q, want %q", texts, row.want)
			}
		})
	}
	if followed.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// hijack answers with raw bytes, and closes the connection.
func hijack(w http.ResponseWriter, answer string) {
	connection, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(err)
	}
	io.WriteString(connection, answer)
	connection.Close()
}

// TestNoConnection: what goes wrong before there is a server to speak to.
func TestNoConnection(t *testing.T) {
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	plainHTTP := httptest.NewServer(http.NotFoundHandler())
	defer plainHTTP.Close()
	for _, row := range []struct{ address, want string }{
		// Nobody listens at this port, and no listener of a test ever gets it.
		{"http://127.0.0.1:1", "no connection: is the network open?"},
		{untrusted.URL, "its certificate is not trusted, or it does not speak TLS"},
		{strings.Replace(plainHTTP.URL, "http:", "https:", 1),
			"its certificate is not trusted, or it does not speak TLS"},
	} {
		s := sender(t, nil, Address{FormSlack, row.address + "/" + mark, "", "host"})
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		texts := hidden(t, s.Send(ctx, sample))
		cancel()
		if len(texts) != 1 || texts[0] != "notify: address 1 (host): "+row.want {
			t.Errorf("got %q, want %q", texts, row.want)
		}
	}
}

// carrier is an in-process network.
type carrier func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (c carrier) RoundTrip(r *http.Request) (*http.Response, error) { return c(r) }

// answer is a whole response.
func answer(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{},
		Body: io.NopCloser(strings.NewReader(body))}
}

// TestTransportErrors: errors of any transport, each of which quotes the address.
func TestTransportErrors(t *testing.T) {
	for _, row := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{Err: "no such host", Name: mark},
			"the host's name does not resolve: is it right, and the network open?"},
		{&net.OpError{Op: "dial", Err: errors.New(mark)}, "no connection: is the network open?"},
		{&net.OpError{Op: "read", Err: errors.New(mark)},
			"the connection broke before there was a whole answer; whether it was told is not " +
				"known"},
		{context.DeadlineExceeded, "no answer in time; whether it was told is not known"},
		{&tls.CertificateVerificationError{Err: errors.New(mark)},
			"its certificate is not trusted, or it does not speak TLS"},
	} {
		s := sender(t, carrier(func(r *http.Request) (*http.Response, error) {
			return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: row.err}
		}), Address{FormSlack, "https://hooks.slack.com/services/" + mark, "", "host"})
		texts := hidden(t, s.Send(t.Context(), sample))
		if len(texts) != 1 || texts[0] != "notify: address 1 (host): "+row.want {
			t.Errorf("got %q, want %q", texts, row.want)
		}
	}
}

// TestSendInTime: one address hangs, one takes its time with the body; the others are told all the
// same, and nothing runs on afterwards.
func TestSendInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var taken atomic.Int32
		s := sender(t, carrier(func(r *http.Request) (*http.Response, error) {
			switch r.URL.Host {
			case "hangs":
				<-r.Context().Done()
				return nil, r.Context().Err()
			case "dribbles":
				from, to := io.Pipe()
				context.AfterFunc(r.Context(), func() { to.CloseWithError(r.Context().Err()) })
				return &http.Response{StatusCode: 200, Body: from}, nil
			}
			taken.Add(1)
			return answer(200, "ok"), nil
		}), Address{FormSlack, "https://hangs/" + mark, "", "hangs"},
			Address{FormSlack, "https://dribbles/" + mark, "", "dribbles"},
			Address{FormSlack, "https://works/" + mark, "", "works"})
		begin := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		texts := hidden(t, s.Send(ctx, sample, sample, sample))
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("it took %v", took)
		}
		if taken.Load() != 3 {
			t.Errorf("%d messages reached the address that works", taken.Load())
		}
		const late, rest = "no answer in time; whether it was told is not known",
			"2 of 3 messages were not sent: no time was left"
		want := []string{"notify: address 1 (hangs): " + late, "notify: address 1 (hangs): " + rest,
			"notify: address 2 (dribbles): " + late, "notify: address 2 (dribbles): " + rest}
		if !slices.Equal(texts, want) {
			t.Errorf("got %q, want %q", texts, want)
		}

		begin = time.Now()
		given, up := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, up)
		texts = hidden(t, s.Send(given, sample))
		const why = "the call was given up"
		want = []string{"notify: address 1 (hangs): " + why, "notify: address 2 (dribbles): " + why}
		if !slices.Equal(texts, want) || time.Since(begin) != time.Second {
			t.Errorf("after %v: %q, want %q", time.Since(begin), texts, want)
		}
		texts = hidden(t, s.Send(given, sample))
		if len(texts) != 3 || !strings.HasSuffix(texts[2],
			"1 of 1 messages were not sent: no time was left") {
			t.Errorf("too late: %q", texts)
		}
		if taken.Load() != 4 {
			t.Errorf("%d messages reached the address that works", taken.Load())
		}
	})
}

// TestHangingServer: a real connection whose other end never answers ends with the context, and the
// other end sees that.
func TestHangingServer(t *testing.T) {
	gone := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // so that the server notices when the other end is gone
		cancel()
		<-r.Context().Done()
		close(gone)
	}))
	defer server.Close()
	s := sender(t, nil, Address{FormSlack, server.URL + "/" + mark, "", "host"})
	texts := hidden(t, s.Send(ctx, sample))
	if len(texts) != 1 || !strings.Contains(texts[0], "the call was given up") {
		t.Fatalf("got %q", texts)
	}
	<-gone
}

// TestOneTryEach: nothing is retried, not even where a kept connection was closed by the other end.
func TestOneTryEach(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	var requests, connections atomic.Int32
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer connection.Close()
				reader := bufio.NewReader(connection)
				for {
					request, err := http.ReadRequest(reader)
					if err != nil {
						return
					}
					io.Copy(io.Discard, request.Body)
					if requests.Add(1)%2 == 0 {
						return // in the middle of the second one
					}
					io.WriteString(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}()
		}
	}()
	address := "http://" + listener.Addr().String() + "/" + mark
	s := sender(t, nil, Address{FormSlack, address, "", "host"})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	texts := hidden(t, s.Send(ctx, sample, sample, sample))
	if len(texts) != 1 || requests.Load() != 3 || connections.Load() != 2 {
		t.Errorf("%d requests over %d connections: %q", requests.Load(), connections.Load(), texts)
	}
}

// TestClose: no connection outlives Close.
func TestClose(t *testing.T) {
	idle, closed := make(chan struct{}, 1), make(chan struct{}, 1)
	ok := func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }
	server := httptest.NewUnstartedServer(http.HandlerFunc(ok))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateIdle:
			idle <- struct{}{}
		case http.StateClosed:
			closed <- struct{}{}
		}
	}
	server.Start()
	defer server.Close()
	s := sender(t, nil, Address{FormSlack, server.URL + "/" + mark, "", "host"})
	if errs := s.Send(t.Context(), sample); len(hidden(t, errs)) > 0 {
		t.Fatal(errs)
	}
	<-idle
	s.Close()
	<-closed
}

func TestNewSender(t *testing.T) {
	for _, row := range []struct {
		address Address
		why     string
	}{
		{Address{FormSlack, "https://a\x00b/" + mark, "", "host"}, "not a URL"},
		{Address{FormSlack, "https://u:" + mark + "@host/", "", "host"}, "a password"},
		{Address{FormSlack, "ftp://host/" + mark, "", "host"}, "another scheme"},
		{Address{FormSlack, "https:///" + mark, "", "host"}, "no host"},
		{Address{"", "https://host/" + mark, "", "host"}, "no form"},
		{Address{"teams", "https://host/" + mark, "", "host"}, "an unknown form"},
	} {
		good := Address{FormJSON, "https://good/", "", "good"}
		_, err := NewSender([]Address{good, row.address}, nil, time.Now)
		if err == nil {
			t.Errorf("%s: no error", row.why)
			continue
		}
		texts := hidden(t, []error{err})
		if !strings.HasPrefix(texts[0], "notify: address 2 (host): ") {
			t.Errorf("%s: %q", row.why, texts)
		}
	}
	s := sender(t, nil, Address{FormJSON, "https://a/#x", "", "a"},
		Address{FormSlack, "https://b/", "", "b:1"})
	if !slices.Equal(s.Hosts(), []string{"a", "b:1"}) {
		t.Error("hosts:", s.Hosts())
	}
	if errs := sender(t, nil).Send(t.Context(), sample); len(errs) > 0 {
		t.Error("nobody to tell, and", errs)
	}
}

// TestAddressesStayHidden prints addresses in every way there is.
func TestAddressesStayHidden(t *testing.T) {
	a := Address{FormDingTalk, "https://oapi.dingtalk.com/robot/send?access_token=" + mark, mark,
		"oapi.dingtalk.com"}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		fmt.Fprintf(&out, verb+"\n", a)
		fmt.Fprintf(&out, verb+"\n", &a)
		fmt.Fprintf(&out, verb+"\n", []Address{a})
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("x", "a", a)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "a", []Address{a})
	text, err := json.Marshal(map[string]any{"a": a})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(&out, string(text), a.String())
	for _, secret := range []string{mark, fmt.Sprintf("%x", mark), "access_token"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is shown in %s", secret, out.String())
		}
	}
	if strings.Count(out.String(), a.Host) < 20 {
		t.Error("the host is not shown:", out.String())
	}
}
