package ledger_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/ledger/ledgertest"
)

const redisPassword = "correct-horse/battery@staple"

func TestRedis(t *testing.T) {
	server := startRedis(t, "")
	ledgertest.TestStore(t, func(t *testing.T) ledger.Store {
		server.do(t, "FLUSHALL")
		return openRedis(t, "redis://"+server.address, 5*time.Second)
	})
}

// Every seventh request is lost, or its answer is: whatever a call returns has to be true all the
// same.
func TestRedisLinearizableWithFaults(t *testing.T) {
	server := startRedis(t, "")
	proxy := startProxy(t, server.address)
	count := 0
	proxy.fate = func() redisFault {
		count++
		switch {
		case count%14 == 7:
			return redisFault{loseRequest: true}
		case count%14 == 0:
			return redisFault{loseReply: true}
		}
		return redisFault{}
	}
	ledgertest.TestLinearizable(t, func(t *testing.T) ledger.Store {
		return openRedis(t, "redis://"+proxy.address, 5*time.Second)
	})
	if count < 100 {
		t.Errorf("the proxy saw %d requests, want all of them", count)
	}
}

func TestRedisURL(t *testing.T) {
	for _, row := range []struct{ why, url, name string }{
		{"the port has a default", "redis://example.com", "redis://example.com:6379/0"},
		{"a database, TLS, a user and a password", "rediss://user:secret@example.com:6380/15",
			"rediss://example.com:6380/15"},
		{"a password without a user, percent-encoded", "redis://:se%2Fcret@example.com/1",
			"redis://example.com:6379/1"},
		{"an IPv6 address", "redis://:secret@[::1]:7000", "redis://[::1]:7000/0"},
		{"an unencoded slash in the password", "redis://:se/cret@example.com", ""},
		{"an unencoded percent sign", "redis://:se%cret@example.com", ""},
		{"options are not ours to take", "redis://:secret@example.com?read_timeout=1h", ""},
		{"a database that is no number", "redis://:secret@example.com/zero", ""},
		{"a negative database", "redis://:secret@example.com/-1", ""},
		{"no host", "redis://:secret@", ""},
		{"another scheme", "http://:secret@example.com", ""},
		{"a host that no message can show on one line", "redis://:secret@a%E2%80%A8b", ""},
	} {
		store, err := ledger.OpenRedis(row.url, time.Second)
		if row.name == "" {
			if err == nil {
				t.Errorf("%s: %s was accepted", row.why, row.url)
			} else if strings.Contains(err.Error(), "cret") {
				t.Errorf("%s: the message shows the password: %v", row.why, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		// Nothing is sent: the context has ended. But the message names the ledger.
		ended, end := context.WithCancel(t.Context())
		end()
		if _, _, err := store.Get(ended, "fleet"); err == nil || !strings.HasPrefix(err.Error(),
			"ledger "+row.name+": ") {
			t.Errorf("%s: %v, want the name %s", row.why, err, row.name)
		}
		store.Close()
	}
}

// patience is how long anything may take before a test gives it up.
const patience = 90 * time.Second

// An answer may get lost before or after its request took effect. Put says what really happened, or
// that it does not know.
func TestRedisLostAnswers(t *testing.T) {
	server := startRedis(t, "")
	for _, row := range []lostAnswer{
		{"the answer is lost, the connection broken", []redisFault{{loseReply: true}},
			patience, ours, ""},
		{"the answer never comes", []redisFault{{loseReply: true, hang: true}},
			time.Second, ours, ""},
		{"the request never arrives", []redisFault{{loseRequest: true}}, patience, ours, ""},
		{"ours was written over before we asked again",
			[]redisFault{{loseReply: true, overwrite: true}}, patience,
			theirs, "the key has changed since"},
		{"theirs came first, and our request was lost",
			[]redisFault{{loseRequest: true, overwrite: true}}, patience,
			theirs, "the key has changed since"},
		{"no answer ever, though it was written",
			slices.Repeat([]redisFault{{loseReply: true, hang: true}}, 20),
			300 * time.Millisecond, ours, noAnswer},
	} {
		t.Run(row.why, func(t *testing.T) {
			// What is waited for in vain has a short limit, so that the test ends soon. Where a
			// busy machine does nothing else within that either, there is another try with more.
			for ; !row.happens(t, server); row.limit *= 4 {
				t.Logf("too little came through within %s", row.limit)
			}
		})
	}
}

const ours, theirs = `{"by":"us"}`, `{"by":"somebody else"}`

// noAnswer is how the message of a call begins whose limit is over.
const noAnswer = "no answer in time (limit "

// lostAnswer is a call of Put and what befalls its requests.
type lostAnswer struct {
	why    string
	faults []redisFault
	limit  time.Duration
	stored string // in the end
	want   string // "", "conflict", or part of an error that is none
}

// happens makes the call. It reports false where the machine may have been too slow for the limit,
// and another try with more time is to be made.
func (row lostAnswer) happens(t *testing.T, server *redisServer) bool {
	last := 4*row.limit > patience
	server.do(t, "FLUSHALL")
	direct := openRedis(t, "redis://"+server.address, patience)
	defer direct.Close()
	proxy := startProxy(t, server.address)
	store := openRedis(t, "redis://"+proxy.address, row.limit)
	defer store.Close()
	first, err := direct.Put(t.Context(), "fleet", []byte(`{}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	// The connection is there before anything is lost.
	if _, _, err := store.Get(t.Context(), "fleet"); err != nil {
		if !last && strings.Contains(err.Error(), noAnswer) {
			return false
		}
		t.Fatal(err)
	}
	faults := row.faults
	proxy.fate = func() (fault redisFault) {
		if len(faults) > 0 {
			fault, faults = faults[0], faults[1:]
		}
		return fault
	}
	proxy.overwrite = func() {
		_, at, err := direct.Get(t.Context(), "fleet")
		if err == nil {
			_, err = direct.Put(t.Context(), "fleet", []byte(theirs), at)
		}
		if err != nil {
			t.Error(err)
		}
	}
	began := time.Now()
	revision, err := store.Put(t.Context(), "fleet", []byte(ours), first)
	late := time.Since(began) > row.limit+max(time.Second, row.limit)
	value, at, wrong := direct.Get(t.Context(), "fleet")
	if wrong != nil {
		t.Fatal(wrong)
	}
	inTime := err == nil || !strings.Contains(err.Error(), noAnswer)
	came := row.want != noAnswer || string(value) == row.stored
	if !last && (late || !inTime && row.want != noAnswer || !came) {
		return false
	}
	if late {
		t.Errorf("took %s, want at most %s", time.Since(began), row.limit)
	}
	if row.want == "" && err != nil {
		t.Errorf("Put gave %v", err)
	}
	if row.want != "" && (err == nil || errors.Is(err, ledger.ErrConflict) ||
		!strings.Contains(err.Error(), row.want)) {
		t.Errorf("Put gave %v, want no conflict but %q", err, row.want)
	}
	if !inTime && !strings.Contains(err.Error(), noAnswer+row.limit.String()+")") {
		t.Errorf("Put gave %v, want its limit, %s", err, row.limit)
	}
	if string(value) != row.stored {
		t.Errorf("%s is stored, want %s", value, row.stored)
	}
	if row.want == "" && at != revision {
		t.Errorf("Put gave revision %d, but %d is stored", revision, at)
	}
	return true
}

// Whatever goes wrong, the message names the ledger, says what to do, and shows no credentials.
func TestRedisMessages(t *testing.T) {
	server := startRedis(t, redisPassword)
	silent := listen(t, func(connection net.Conn) { io.Copy(io.Discard, connection) })
	hangUp := listen(t, func(net.Conn) {})
	web := listen(t, func(connection net.Conn) {
		bufio.NewReader(connection).ReadString('\n')
		io.WriteString(connection, "HTTP/1.1 400 Bad Request\r\n\r\n")
	})
	answers := func(reply string) string {
		return listen(t, func(connection net.Conn) {
			reader := bufio.NewReader(connection)
			for {
				if _, err := reader.ReadString('\n'); err != nil {
					return
				}
				reader.Discard(reader.Buffered())
				io.WriteString(connection, reply)
			}
		}).Addr().String()
	}
	credentials := "operator:correct-horse%2Fbattery%40stapl@"
	for _, row := range []struct{ why, url, want string }{
		// No listener of a test ever gets this port.
		{"nobody listens", "redis://" + credentials + "127.0.0.1:1", "cannot be reached"},
		{"nobody answers", "redis://" + credentials + silent.Addr().String(), noAnswer},
		{"it hangs up", "redis://" + credentials + hangUp.Addr().String(), "the connection broke"},
		{"it is something else", "redis://" + credentials + web.Addr().String(),
			"the connection broke"},
		{"TLS was asked for and is not spoken", "rediss://" + credentials + web.Addr().String(),
			"rediss:// asks for TLS, and " + web.Addr().String() + " does not speak it: use " +
				"redis://"},
		{"it hangs up on TLS", "rediss://" + credentials + hangUp.Addr().String(),
			"the TLS handshake failed"},
		{"nobody answers to TLS", "rediss://" + credentials + silent.Addr().String(),
			noAnswer},
		{"the password is wrong", "redis://:correct-horse%2Fbattery%40stapl@" + server.address,
			"refused the user or password"},
		{"the password is missing", "redis://" + server.address, "needs a password"},
		{"no such database", "redis://" + credentials +
			answers("-ERR DB index is out of range\r\n") + "/999",
			"refused: ERR DB index"},
		{"a replica", "redis://" + credentials + answers("-READONLY You can't write against a "+
			"read only replica.\r\n"),
			"use the address of the primary"},
		{"a cluster", "redis://" + credentials + answers("-MOVED 3999 127.0.0.1:6381\r\n"),
			"one node of a cluster"},
		{"no permission", "redis://" + credentials +
			answers("-NOPERM User operator has no permissions to run 'hmget'\r\n"),
			"lacks permissions"},
		{"an error that repeats the password", "redis://" + credentials +
			answers("-ERR correct-horse/battery@stapl operator\r\n"),
			"refused: ERR … …"},
	} {
		limit := patience
		if row.want == noAnswer {
			limit = time.Second // it is waited for as a whole
		}
		store, err := ledger.OpenRedis(row.url, limit)
		if err != nil {
			t.Errorf("%s: %v", row.why, err)
			continue
		}
		_, _, getError := store.Get(t.Context(), "fleet")
		_, putError := store.Put(t.Context(), "fleet", []byte(`{}`), 0)
		store.Close()
		for _, err := range []error{getError, putError} {
			if err == nil || errors.Is(err, ledger.ErrConflict) {
				t.Errorf("%s: %v, want an error that is no conflict", row.why, err)
				continue
			}
			text := err.Error()
			if !strings.Contains(text, row.want) || !strings.HasPrefix(text, "ledger redis") {
				t.Errorf("%s: %q, want %q", row.why, text, row.want)
			}
			if strings.Contains(text, "horse") || strings.Contains(text, "operator") {
				t.Errorf("%s: the message shows credentials: %q", row.why, text)
			}
		}
	}
}

// The wrong scheme says so, and not only at the limit, whether the server wants a password or not.
func TestRedisWrongScheme(t *testing.T) {
	certificate, pool := redisCertificate(t)
	open, closed := startRedis(t, ""), startRedis(t, redisPassword)
	gate := startTLS(t, certificate, open.address, nil)
	rows := []struct{ why, url, want string }{
		{"TLS to a Redis without it", "rediss://" + open.address,
			"rediss:// asks for TLS, and " + open.address + " does not speak it: use redis://"},
		{"TLS to a Redis without it that wants a password", "rediss://:secret@" + closed.address,
			"rediss:// asks for TLS, and " + closed.address + " does not speak it: use redis://"},
		{"no TLS to a proxy with it", "redis://:secret@" + gate,
			"redis:// asks for no TLS, and " + gate + " speaks nothing else: use rediss://"},
	}
	if open.real {
		address := startRedisTLS(t, certificate)
		rows = append(rows, struct{ why, url, want string }{"no TLS to a Redis with it",
			"redis://:secret@" + address,
			"redis:// asks for no TLS, and " + address + " speaks nothing else: use rediss://"})
		store := openRedis(t, "rediss://"+address, patience)
		defer store.Close()
		store.Trust(pool)
		if _, err := store.Put(t.Context(), "fleet", []byte(`{}`), 0); err != nil {
			t.Errorf("the right scheme: %v", err)
		}
	}
	for _, row := range rows {
		store := openRedis(t, row.url, patience)
		began := time.Now()
		_, _, err := store.Get(t.Context(), "fleet")
		took := time.Since(began)
		store.Close()
		if err == nil || !strings.HasSuffix(err.Error(), row.want) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v, want %q", row.why, err, row.want)
		}
		if took > patience/2 {
			t.Errorf("%s: it took %s to find out", row.why, took)
		}
	}
}

// A server that speaks TLS and is slow at it is not taken for one that does not: it begins its
// handshake only after it was asked whether it speaks Redis without.
func TestRedisSlowTLS(t *testing.T) {
	certificate, pool := redisCertificate(t)
	server := startRedis(t, "")
	asked := make(chan bool)
	var connections atomic.Int32
	gate := startTLS(t, certificate, server.address, func() (serve bool) {
		switch connections.Add(1) {
		case 1:
			<-asked
			return true
		case 2:
			close(asked)
		}
		return false
	})
	store := openRedis(t, "rediss://"+gate, patience)
	defer store.Close()
	store.Trust(pool)
	if _, err := store.Put(t.Context(), "fleet", []byte(`{}`), 0); err != nil {
		t.Error(err)
	}
}

// Whatever a key holds, it is one key: ours, and nobody else's.
func TestRedisKeysStayKeys(t *testing.T) {
	server := startRedis(t, "")
	store := openRedis(t, "redis://"+server.address, 5*time.Second)
	defer store.Close()
	server.do(t, "SET", "fleet", "somebody else's")
	server.do(t, "SET", "other/fleet", "somebody else's")
	want := []string{"fleet", "other/fleet"}
	revisions, values := map[string]uint64{}, map[string]string{}
	for i, key := range []string{"fleet", "instance/i-1", "instance/../fleet",
		"instance/i-1\r\n*1\r\n$8\r\nFLUSHALL\r\n",
		"instance/i-1 fleet", "instance/i-1\nDEL fleet", "instance/*", "instance/{fleet}",
		"instance/' .. KEYS[1] .. '",
		"instance/\x00fleet", "instance/ecs-remedy/fleet", "\r\n", " ", "-",
		"$-1\r\n", "observe/fleet"} {
		values[key] = fmt.Sprintf(`{"n":%d}`, i)
		revision, err := store.Put(t.Context(), key, []byte(values[key]), 0)
		if err != nil {
			t.Errorf("Put(%q): %v", key, err)
		}
		revisions[key] = revision
		want = append(want, "ecs-remedy/"+key)
	}
	for key, revision := range revisions {
		value, at, err := store.Get(t.Context(), key)
		if err != nil || at != revision || string(value) != values[key] {
			t.Errorf("Get(%q) = %s at %d (%v), want what was put there at %d", key,
				value, at, err, revision)
		}
	}
	var got []string
	for _, key := range server.do(t, "KEYS", "*").([]any) {
		got = append(got, key.(string))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the database holds %q, want %q", got, want)
	}
}

// A listing goes through a database that others use too, in several steps.
func TestRedisListAmongOthers(t *testing.T) {
	server := startRedis(t, "")
	store := openRedis(t, "redis://"+server.address, 5*time.Second)
	defer store.Close()
	var want []string
	_, err := server.client.Pipelined(t.Context(), func(pipe redis.Pipeliner) error {
		for i := range 3000 {
			want = append(want, fmt.Sprintf("instance/i-%d", i))
			pipe.HSet(t.Context(), fmt.Sprintf("ecs-remedy/instance/i-%d", i),
				"revision", 1, "value", "{}")
			pipe.Set(t.Context(), fmt.Sprintf("instance/i-%d", i), "somebody else's", 0)
			pipe.Set(t.Context(), fmt.Sprintf("ecs-remedyX/instance/i-%d", i), "somebody else's", 0)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	proxy := startProxy(t, server.address)
	steps := 0
	proxy.fate = func() redisFault {
		steps++
		return redisFault{loseReply: steps%5 == 0}
	}
	through := openRedis(t, "redis://"+proxy.address, 5*time.Second)
	defer through.Close()
	var got []string
	err = through.List(t.Context(), "instance/", func(key string) error {
		got = append(got, key)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("List gave %d keys, want %d", len(got), len(want))
	}
	if server.real && steps < 10 { // miniredis answers all at once
		t.Errorf("it took %d requests, want several steps", steps)
	}
}

// A panic of the library is an error of that call. It may have come after the request was carried
// out.
func TestRedisPanic(t *testing.T) {
	server := startRedis(t, "")
	store := openRedis(t, "redis://"+server.address, 5*time.Second)
	defer store.Close()
	hook := &redisPanics{}
	store.AddHook(hook)
	hook.left.Store(1)
	revision, err := store.Put(t.Context(), "fleet", []byte(`{"n":1}`), 0)
	if err != nil {
		t.Fatalf("one panic after the effect: %v, want that the second try finds our own "+
			"write", err)
	}
	hook.left.Store(1 << 30)
	_, _, got := store.Get(t.Context(), "fleet")
	_, put := store.Put(t.Context(), "fleet", []byte(`{"n":2}`), revision)
	list := store.List(t.Context(), "", func(string) error { return nil })
	for call, err := range map[string]error{"Get": got, "Put": put, "List": list} {
		if err == nil || errors.Is(err, ledger.ErrConflict) ||
			!strings.Contains(err.Error(), "library failed") {
			t.Errorf("%s gave %v, want that the library failed", call, err)
		}
	}
	hook.left.Store(0)
	if value, _, err := store.Get(t.Context(), "fleet"); err != nil || string(value) != `{"n":2}` {
		t.Errorf("then Get gave %s (%v)", value, err)
	}
}

// redisPanics panics after commands were carried out.
type redisPanics struct{ left atomic.Int64 }

func (p *redisPanics) DialHook(next redis.DialHook) redis.DialHook { return next }

func (p *redisPanics) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, command redis.Cmder) error {
		err := next(ctx, command)
		if err == nil && p.left.Add(-1) >= 0 {
			panic("out of order")
		}
		return err
	}
}

func (p *redisPanics) ProcessPipelineHook(
	next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// redisCertificate is for this machine, signed by itself.
func redisCertificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// startTLS puts TLS in front of a server. wait may hold a connection up before its handshake, or
// end it.
func startTLS(t *testing.T, certificate tls.Certificate, server string,
	wait func() (serve bool)) string {
	t.Helper()
	config := &tls.Config{Certificates: []tls.Certificate{certificate}}
	return listen(t, func(client net.Conn) {
		if wait != nil && !wait() {
			return
		}
		secure := tls.Server(client, config)
		if err := secure.HandshakeContext(t.Context()); err != nil {
			return
		}
		upstream, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer upstream.Close()
		go func() {
			io.Copy(secure, upstream)
			client.Close()
		}()
		io.Copy(upstream, secure)
	}).Addr().String()
}

// startRedisTLS starts a redis-server that speaks nothing but TLS.
func startRedisTLS(t *testing.T, certificate tls.Certificate) string {
	t.Helper()
	folder := t.TempDir()
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"certificate": {Type: "CERTIFICATE", Bytes: certificate.Certificate[0]},
		"key":         {Type: "PRIVATE KEY", Bytes: key},
	} {
		if err := os.WriteFile(filepath.Join(folder, name),
			pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal(err)
	}
	return startRedisServer(t, binary, "", "--tls-cert-file", filepath.Join(folder, "certificate"),
		"--tls-key-file", filepath.Join(folder, "key"), "--tls-ca-cert-file",
		filepath.Join(folder, "certificate"),
		"--tls-auth-clients", "no")
}

// What only the real server does.
func TestRedisServer(t *testing.T) {
	server := startRedis(t, "")
	if !server.real {
		t.Skip("no redis-server in PATH, and miniredis has no CONFIG, CLIENT KILL, REPLICAOF and " +
			"INFO memory")
	}
	store := openRedis(t, "redis://"+server.address, 5*time.Second)
	defer store.Close()

	if policy, err := store.MaxMemoryPolicy(t.Context()); policy != "noeviction" || err != nil {
		t.Errorf("MaxMemoryPolicy gave %q (%v), want noeviction, the server's default", policy, err)
	}
	server.do(t, "CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
	if policy, err := store.MaxMemoryPolicy(t.Context()); policy != "allkeys-lru" || err != nil {
		t.Errorf("MaxMemoryPolicy gave %q (%v), want what was set", policy, err)
	}
	server.do(t, "CONFIG", "SET", "maxmemory-policy", "noeviction")

	must := func(value string, expected uint64) uint64 {
		t.Helper()
		revision, err := store.Put(t.Context(), "fleet", []byte(value), expected)
		if err != nil {
			t.Fatal(err)
		}
		return revision
	}
	revision := must(`{"expires":"2100-01-01T00:00:00.5Z"}`, 0)
	if at := server.do(t, "PEXPIRETIME", "ecs-remedy/fleet"); at != int64(4102444800500) {
		t.Errorf("the key expires at %v, want the time in its value", at)
	}
	revision = must(`{}`, revision)
	if left := server.do(t, "PTTL", "ecs-remedy/fleet"); left != int64(-1) {
		t.Errorf("an open incident's key expires in %v ms, want never", left)
	}

	server.do(t, "SCRIPT", "FLUSH")
	revision = must(`{"n":1}`, revision)
	server.do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	revision = must(`{"n":2}`, revision)
	server.do(t, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
	if value, at, err := store.Get(t.Context(), "fleet"); string(value) != `{"n":2}` ||
		at != revision || err != nil {
		t.Errorf("on a connection that had died: %s at %d (%v)", value, at, err)
	}

	server.do(t, "CONFIG", "SET", "maxmemory", "1")
	wantRefused := func(why, want string) {
		t.Helper()
		_, err := store.Put(t.Context(), "fleet", []byte(`{}`), revision)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", why, err, want)
		}
	}
	wantRefused("without memory", "is out of memory: give it more")
	server.do(t, "CONFIG", "SET", "maxmemory", "0")
	server.do(t, "REPLICAOF", "127.0.0.1", "1")
	wantRefused("on a replica", "use the address of the primary")
	server.do(t, "REPLICAOF", "NO", "ONE")
	server.do(t, "SET", "ecs-remedy/foreign", "text")
	if _, _, err := store.Get(t.Context(), "foreign"); err == nil ||
		!strings.Contains(err.Error(), "WRONGTYPE") {
		t.Errorf("a key of another kind: %v, want what WRONGTYPE means", err)
	}
	server.do(t, "HSET", "ecs-remedy/foreign-hash", "value", "text")
	if _, _, err := store.Get(t.Context(), "foreign-hash"); err == nil ||
		!strings.Contains(err.Error(), "remove it") {
		t.Errorf("a hash of somebody else: %v, want what to do about it", err)
	}
	must(`{"n":3}`, revision)
}

func openRedis(t *testing.T, url string, limit time.Duration) *ledger.Redis {
	t.Helper()
	store, err := ledger.OpenRedis(url, limit)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// redisServer is a redis-server, or miniredis where there is none.
type redisServer struct {
	address string
	real    bool
	client  *redis.Client
}

// do runs a command past the store.
func (s *redisServer) do(t *testing.T, command ...any) any {
	t.Helper()
	answer, err := s.client.Do(t.Context(), command...).Result()
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return answer
}

// startRedis starts a server on a free port, and stops it when the test ends.
func startRedis(t *testing.T, password string) *redisServer {
	t.Helper()
	server := &redisServer{}
	binary, err := exec.LookPath("redis-server")
	switch {
	case err == nil:
		server.address, server.real = startRedisServer(t, binary, password), true
	case os.Getenv("ECS_REMEDY_REQUIRE_REDIS") == "1":
		t.Fatal("ECS_REMEDY_REQUIRE_REDIS is 1, but there is no redis-server in PATH: apt-get " +
			"install redis-server")
	default:
		mini := miniredis.RunT(t)
		if password != "" {
			mini.RequireAuth(password)
		}
		server.address = mini.Addr()
		t.Log("using miniredis: there is no redis-server in PATH")
	}
	server.client = redis.NewClient(&redis.Options{Addr: server.address,
		Password: password, Protocol: 2})
	t.Cleanup(func() { server.client.Close() })
	return server
}

// startRedisServer runs the server; with options that begin with --tls its port is one for TLS.
func startRedisServer(t *testing.T, binary, password string, options ...string) string {
	t.Helper()
	// Somebody else may take the free port before the server does; then it ends, and another port
	// is tried.
	for range 5 {
		free := listen(t, nil)
		address := free.Addr().String()
		free.Close()
		_, port, _ := net.SplitHostPort(address)
		ports := []string{"--port", port}
		if len(options) > 0 {
			ports = []string{"--port", "0", "--tls-port", port}
		}
		command := exec.Command(binary, slices.Concat(ports, []string{"--bind", "127.0.0.1",
			"--save", "", "--appendonly", "no",
			"--dir", t.TempDir(), "--requirepass", password}, options)...)
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			command.Process.Kill()
			command.Wait()
		})
		lines := bufio.NewScanner(output)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				go io.Copy(io.Discard, output)
				t.Logf("using %s on %s", binary, address)
				return address
			}
		}
	}
	t.Fatalf("%s did not start", binary)
	return ""
}

// redisFault is what a proxy does to one request.
type redisFault struct {
	loseRequest bool // the server never sees it
	loseReply   bool // the server carries it out, and its answer is dropped
	hang        bool // the connection stays open, instead of breaking
	overwrite   bool // before the connection breaks, somebody else writes
}

// redisProxy passes on what it gets, and loses what it is told to. Requests are told apart by how
// they arrive: one at a time on a connection, and small.
type redisProxy struct {
	address   string
	mutex     sync.Mutex
	fate      func() redisFault // of the next request; set while none is under way
	overwrite func()
}

func startProxy(t *testing.T, server string) *redisProxy {
	t.Helper()
	proxy := &redisProxy{fate: func() redisFault { return redisFault{} }}
	proxy.address = listen(t, func(client net.Conn) {
		upstream, err := net.Dial("tcp", server)
		if err != nil {
			return
		}
		defer upstream.Close()
		proxy.connect(client, upstream)
	}).Addr().String()
	return proxy
}

func (p *redisProxy) connect(client, server net.Conn) {
	var losing atomic.Pointer[redisFault]
	go func() {
		defer client.Close()
		defer server.Close()
		answer := make([]byte, 64<<10)
		for {
			n, err := server.Read(answer)
			if err != nil {
				return
			}
			if fault := losing.Load(); fault == nil {
				client.Write(answer[:n])
			} else if !fault.hang {
				if fault.overwrite {
					p.overwrite()
				}
				return
			}
		}
	}()
	request := make([]byte, 64<<10)
	for {
		n, err := client.Read(request)
		if err != nil {
			return
		}
		p.mutex.Lock()
		fault := p.fate()
		p.mutex.Unlock()
		if fault.loseRequest {
			if fault.overwrite {
				p.overwrite()
			}
			client.Close()
			return
		}
		if fault.loseReply {
			losing.Store(&fault)
		}
		server.Write(request[:n])
	}
}

// listen serves each connection to a free port of the loopback interface until the test ends.
func listen(t *testing.T, serve func(net.Conn)) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mutex sync.Mutex
	var open []net.Conn
	var group sync.WaitGroup
	t.Cleanup(func() {
		listener.Close()
		mutex.Lock()
		for _, connection := range open {
			connection.Close()
		}
		mutex.Unlock()
		group.Wait()
	})
	group.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			if serve == nil {
				connection.Close()
				continue
			}
			mutex.Lock()
			open = append(open, connection)
			mutex.Unlock()
			group.Go(func() {
				defer connection.Close()
				serve(connection)
			})
		}
	})
	return listener
}
