package app_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// callTakes is how far away ECS is in these benchmarks: every answer takes this long, and so does
// every connection with its TLS handshake.
const callTakes = 5 * time.Millisecond

// distant is a World on a port of another process, callTakes away: what ECS does with its time is
// not this process's.
type distant struct {
	url     string // of ECS
	control string // of what serves untilReboot
}

// distantProcess is what a test binary is told to be a distant World: "plain" or "tls", and then
// the files of a certificate and its key.
const distantProcess = "ECS_REMEDY_DISTANT"

func TestMain(m *testing.M) {
	if as := os.Getenv(distantProcess); as != "" {
		serveDistant(strings.Fields(as))
		return
	}
	os.Exit(m.Run())
}

// newDistant starts a distant World, secure: with TLS and a certificate that this process trusts.
func newDistant(b *testing.B, secure bool) *distant {
	b.Helper()
	as := "plain"
	if secure {
		as = "tls " + trustedCertificate(b)
	}
	process := exec.Command(os.Args[0])
	process.Env = append(os.Environ(), distantProcess+"="+as)
	process.Stderr = os.Stderr
	output, err := process.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	input, err := process.StdinPipe() // it ends with us
	if err != nil {
		b.Fatal(err)
	}
	if err := process.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = input.Close()
		_ = process.Wait()
	})
	d := &distant{}
	if _, err := fmt.Fscan(output, &d.url, &d.control); err != nil {
		b.Fatal(err)
	}
	return d
}

// serveDistant is a distant World until its standard input ends. To its control, /new answers with
// a new World that has the hung instance, and /arrived with the time at which that one's reboot
// arrives, in nanoseconds.
func serveDistant(as []string) {
	var world atomic.Pointer[ecssim.World]
	arrived := make(chan int64, 1)
	ecs := httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			now, world := time.Now(), world.Load()
			if r.URL.Query().Get("Action") == "RebootInstance" {
				arrived <- now.UnixNano()
			}
			world.ServeHTTP(w, r)
		}))
	ecs.Listener = slowListener{ecs.Listener}
	if as[0] == "tls" {
		pair, err := tls.LoadX509KeyPair(as[1], as[2])
		if err != nil {
			panic(err)
		}
		ecs.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		ecs.StartTLS()
	} else {
		ecs.Start()
	}
	control := httptest.NewServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/arrived" {
				select {
				case at := <-arrived:
					fmt.Fprint(w, at)
				case <-r.Context().Done():
				}
				return
			}
			next := ecssim.New(ecssim.Real())
			next.Latency = callTakes
			next.Add(optedIn(ecssim.Guest{}))
			world.Store(next)
		}))
	fmt.Println(ecs.URL, control.URL)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// ask asks the control.
func (d *distant) ask(ctx context.Context, path string) (int64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, d.control+path, nil)
	if err != nil {
		return 0, err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || len(text) == 0 {
		return 0, err
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// slowListener gives every connection callTakes before its handshake begins.
type slowListener struct{ net.Listener }

func (l slowListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &slowConn{Conn: conn}, nil
}

type slowConn struct {
	net.Conn
	once sync.Once
}

func (c *slowConn) Read(b []byte) (int, error) {
	c.once.Do(func() { <-time.After(callTakes) })
	return c.Conn.Read(b)
}

// trustedCertificate makes a certificate for 127.0.0.1, of the kind that costs least, and lets this
// process trust it, which works before its first handshake only. It returns the files of the
// certificate and of its key.
func trustedCertificate(b *testing.B) string {
	b.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		b.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		b.Fatal(err)
	}
	folder := b.TempDir()
	file := func(name, kind string, der []byte) string {
		name = filepath.Join(folder, name)
		text := pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
		if err := os.WriteFile(name, text, 0o600); err != nil {
			b.Fatal(err)
		}
		return name
	}
	trusted := file("certificate.pem", "CERTIFICATE", certificate)
	b.Setenv("SSL_CERT_FILE", trusted)
	b.Setenv("SSL_CERT_DIR", folder)
	return trusted + " " + file("key.pem", "PRIVATE KEY", private)
}

// naive is what one would write first: it takes the instance out of the event, looks whether it is
// Running, and reboots it, with the same SDK as it comes.
func naive(endpoint string, about app.Invocation, payload []byte) error {
	var event struct {
		RegionID string `json:"regionId"`
		Content  struct {
			InstanceID string `json:"instanceId"`
		} `json:"content"`
	}
	if err := json.Unmarshal(payload, &event); err != nil {
		return err
	}
	client, err := ecs.NewClientWithStsToken(event.RegionID, about.Credentials.AccessKeyID,
		about.Credentials.AccessKeySecret, about.Credentials.SecurityToken)
	if err != nil {
		return err
	}
	scheme, host, _ := strings.Cut(endpoint, "://")
	look := ecs.CreateDescribeInstancesRequest()
	look.Scheme, look.Domain = scheme, host
	look.InstanceIds = `["` + event.Content.InstanceID + `"]`
	found, err := client.DescribeInstances(look)
	if err != nil || len(found.Instances.Instance) != 1 ||
		found.Instances.Instance[0].Status != ecssim.StatusRunning {
		return err
	}
	reboot := ecs.CreateRebootInstanceRequest()
	reboot.Scheme, reboot.Domain = scheme, host
	reboot.InstanceId = event.Content.InstanceID
	_, err = client.RebootInstance(reboot)
	return err
}

// turns are two ways of doing the same, measured by turns in one run, so that whatever else the
// machine does is in both.
type turns struct{ ours, theirs []time.Duration }

// report reports the medians, their ratio, and the ratio of the quickest tenths: on a machine that
// has other things to do, the medians say more about those.
func (r *turns) report(b *testing.B, name string) {
	at := func(all []time.Duration, tenths int) float64 {
		slices.Sort(all)
		return float64(all[len(all)*tenths/10].Microseconds()) / 1000
	}
	b.ReportMetric(at(r.ours, 5), "ours-ms")
	b.ReportMetric(at(r.theirs, 5), name+"-ms")
	b.ReportMetric(at(r.ours, 5)/at(r.theirs, 5), "ratio")
	b.ReportMetric(at(r.ours, 1)/at(r.theirs, 1), "ratio-quickest")
}

// BenchmarkRatioPath is the time from the alarm to RebootInstance's arrival at ECS, callTakes a
// call and a connection, with the ledger in memory: ours, which decodes strictly, reads three
// sources and claims, and the naive handler's two calls.
func BenchmarkRatioPath(b *testing.B) {
	for _, secure := range []bool{false, true} {
		b.Run(map[bool]string{false: "plain", true: "tls"}[secure], func(b *testing.B) {
			remote := newDistant(b, secure)
			settings := load(b, []string{"REMEDY_ECS_ENDPOINT=" + remote.url})
			var path turns
			for b.Loop() {
				function, err := app.New(settings, io.Discard, app.Seams{Store: ledger.NewMem()})
				if err != nil {
					b.Fatal(err)
				}
				path.ours = append(path.ours, remote.untilReboot(b,
					func(ctx context.Context, payload []byte) (any, error) {
						return function.Invoke(ctx, delivery(0), payload)
					}))
				path.theirs = append(path.theirs, remote.untilReboot(b,
					func(_ context.Context, payload []byte) (any, error) {
						return nil, naive(remote.url, delivery(0), payload)
					}))
			}
			b.ReportMetric(0, "ns/op") // of both together
			path.report(b, "naive")
		})
	}
}

// untilReboot is how long it takes, from the beginning of handle, until a hung instance's reboot
// arrives. handle is ended once it had its answer.
func (d *distant) untilReboot(b *testing.B,
	handle func(ctx context.Context, payload []byte) (any, error)) time.Duration {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	if _, err := d.ask(ctx, "/new"); err != nil {
		b.Fatal(err)
	}
	payload := []byte(kernelHang(instance, time.Now()))
	arrived, done := make(chan int64, 1), make(chan string, 1)
	go func() {
		if at, err := d.ask(ctx, "/arrived"); err == nil {
			arrived <- at
		}
	}()
	begun := time.Now()
	go func() {
		answer, err := handle(ctx, payload)
		done <- fmt.Sprint(answer, err)
	}()
	var at int64
	said := ""
	select {
	case at = <-arrived:
		cancel()
		<-done
	case said = <-done: // perhaps before we heard of it
		select {
		case at = <-arrived:
		case <-time.After(10 * time.Second):
			b.Fatal("it ended without a reboot: " + said)
		}
	}
	return time.Unix(0, at).Sub(begun)
}

// BenchmarkRatioStorm is an event of 5,000 alarms up to everybody's first answer. Its ratio is that
// of decoding the event and the first look at each alarm to encoding/json on the same bytes.
func BenchmarkRatioStorm(b *testing.B) {
	policy := load(b, nil).Policy
	look := func(payload []byte) {
		alarms, err := events.Decode(payload)
		if err != nil {
			b.Fatal(err)
		}
		superseded := remedy.Superseded(alarms)
		facts := remedy.Facts{Now: time.Now(), Account: account, Region: region}
		for i := range alarms {
			facts.Alarm, facts.Superseded = alarms[i], superseded[i]
			if step := remedy.Next(&policy, &facts); step.Do != remedy.DoRead {
				b.Fatalf("%+v", step)
			}
		}
	}
	for _, s := range newStorms() {
		b.Run(s.name, func(b *testing.B) {
			var got blown
			var decoding turns
			most := 0.0
			for b.Loop() {
				b.StopTimer()
				got = s.blow(b, func(payload []byte, invoke func()) {
					for range 5 {
						decoding.ours = append(decoding.ours, took(func() { look(payload) }))
						decoding.theirs = append(decoding.theirs, took(func() {
							var all any
							if err := json.Unmarshal(payload, &all); err != nil {
								b.Fatal(err)
							}
						}))
					}
					b.StartTimer()
					most = max(most, peak(invoke))
					b.StopTimer()
				})
				b.StartTimer()
			}
			b.ReportMetric(float64(got.calls), "calls/op")
			b.ReportMetric(float64(got.trips), "ledger/op")
			b.ReportMetric(most, "peak-MB")
			decoding.report(b, "json")
		})
	}
}

func took(do func()) time.Duration {
	begun := time.Now()
	do()
	return time.Since(begun)
}

// peak is the most that the heap held while do ran, above what it held before, in MB (10^6 bytes),
// garbage included.
func peak(do func()) float64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	held := func() float64 {
		metrics.Read(sample)
		return float64(sample[0].Value.Uint64()) / 1e6
	}
	runtime.GC()
	before, most := held(), 0.0
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, held()-before)
			}
		}
	}()
	do()
	close(stop)
	<-stopped
	return most
}

// endsAtReboot passes calls on, and ends the invocation once RebootInstance has been answered.
type endsAtReboot struct {
	http.RoundTripper
	end context.CancelFunc
}

func (u endsAtReboot) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := u.RoundTripper.RoundTrip(r)
	if r.URL.Query().Get("Action") == "RebootInstance" {
		u.end()
	}
	return answer, err
}

// BenchmarkAlarmToReboot is the path from a payload to RebootInstance's answer: decoding, every
// guard, three reads and the reboot through the real SDK with their signatures, and the ledger in
// memory. ECS answers at once.
func BenchmarkAlarmToReboot(b *testing.B) {
	settings := load(b, nil)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		world := ecssim.New(ecssim.Real())
		world.Add(optedIn(ecssim.Guest{}))
		ctx, cancel := context.WithCancel(b.Context())
		function, err := app.New(
			settings,
			io.Discard,
			app.Seams{Transport: endsAtReboot{world.RoundTripper(), cancel},
				Store: ledger.NewMem()},
		)
		if err != nil {
			b.Fatal(err)
		}
		payload := []byte(kernelHang(instance, time.Now()))
		b.StartTimer()
		function.Invoke(
			ctx,
			delivery(0),
			payload,
		) // pending: the invocation is ended while it waits
		b.StopTimer()
		if len(world.Reboots(instance)) != 1 {
			b.Fatalf("%d reboots", len(world.Reboots(instance)))
		}
		b.StartTimer()
	}
}
