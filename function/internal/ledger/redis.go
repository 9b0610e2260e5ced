package ledger

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// redisPrefix keeps our keys apart from those of others in the same database.
	redisPrefix = "ecs-remedy/"
	// redisTries is how often a call asks before it gives up. The second time is for a connection
	// that died while the process was frozen, and for an answer that was lost.
	redisTries = 2
	// redisIdle is how long a connection is kept unused: a gateway may drop it silently after that.
	redisIdle = time.Minute
	// redisPage is how many keys of the database, ours or not, one step of List looks at, roughly.
	redisPage = 1000
	// redisDoubt is how long a server may take over its side of the TLS handshake before it is
	// asked whether it speaks TLS at all: a Redis that does not takes the client's part for the
	// beginning of a command, and waits for the rest.
	redisDoubt = 300 * time.Millisecond
	// redisProbe is how long that question, and the converse one, may take.
	redisProbe = time.Second
)

// What is wrong when a server speaks Redis without TLS though it should not, or the other way
// round.
var (
	errRedisPlain  = errors.New("the server speaks no TLS")
	errRedisSecure = errors.New("the server speaks TLS")
)

// redisSwap compares and swaps in one step on the server. KEYS: the key. ARGV: expected revision,
// value, writer, expiry in Unix milliseconds or the empty string.
//
// The writer is a random name of one call of Put. When that call asks a second time because it got
// no answer, its own write is recognised by it, whatever the order in which the two requests
// arrive.
//
// A revision is the server's time in microseconds, and at least one more than the last: so it is
// still greater when the key had expired and is written anew. It fits Lua's doubles until the year
// 2255. TIME before a write needs the replication of effects, the default since Redis 5.
const redisSwap = `
local stored = redis.call('HMGET', KEYS[1], 'revision', 'writer')
local revision = stored[1] or '0'
if stored[2] == ARGV[3] then return revision end
if revision ~= ARGV[1] then return 'conflict' end
local now = redis.call('TIME')
local following = math.max(tonumber(revision) + 1, tonumber(now[1]) * 1000000 + tonumber(now[2]))
revision = string.format('%.0f', following)
redis.call('HSET', KEYS[1], 'revision', revision, 'writer', ARGV[3], 'value', ARGV[2])
if ARGV[4] == '' then redis.call('PERSIST', KEYS[1])
else redis.call('PEXPIREAT', KEYS[1], ARGV[4]) end
return revision`

// redisNotConnected is an error from before there was a connection that a request could go out on.
type redisNotConnected struct{ error }

func (n redisNotConnected) Unwrap() error { return n.error }

// Redis is a Store on a Redis server from version 5 on, or on Tair; a key is a hash with the fields
// value, revision and writer, and the server itself drops it when it expires. It uses one endpoint:
// a cluster is fine behind a proxy that presents it as one.
//
// Redis copies to its replicas after it has answered, so a failover can lose the last writes, a
// claim among them. Where that is not acceptable, set min-replicas-to-write, or use Tablestore.
//
// Where values from outside go: the URL's host into the dialer and the certificate's check, its
// user and password into AUTH, its database, a number, into SELECT; a key behind redisPrefix into a
// command's key, or into KEYS of the script; the value, its expiry and the expected revision into
// ARGV; the beginning of a key into SCAN's pattern, with everything escaped that a pattern knows.
// The protocol sends each with its length in front, and the script is always the same text: none of
// them can end its place. What SCAN gives is looked at again.
type Redis struct {
	client func() *redis.Client // made with the first call, for which start-up need not wait
	swap   func() *redis.Script // redisSwap
	name   string               // the ledger in messages
	host   string
	tls    *tls.Config // nil: without
	secret []string
	limit  time.Duration
	spoke  atomic.Bool // the server has answered as the URL's scheme lets expect
}

// OpenRedis prepares a store at a URL of the form redis://[USER][:PASSWORD]@HOST[:PORT][/DB], or
// rediss:// for TLS; it does not connect yet. Every Get, every Put and every step of a List ends
// within the limit, two tries and connecting included. A call whose context is cancelled, rather
// than out of time, while it waits for an answer ends with that wait.
//
// It switches the log of go-redis off for the whole process: whatever goes wrong is in the errors.
func OpenRedis(address string, limit time.Duration) (*Redis, error) {
	malformed := errors.New("the ledger's URL must have the form " +
		"redis://[USER][:PASSWORD]@HOST[:PORT][/DB], or rediss:// for TLS, without options; in a " +
		"password write / : @ # ? % as %2F %3A %40 %23 %3F %25")
	u, err := url.Parse(address)
	// The parser's error repeats the URL with its password, so it is not shown.
	if err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || !redisHost(u.Hostname()) ||
		u.RawQuery != "" || u.Fragment != "" {
		return nil, malformed
	}
	db := 0
	if path := strings.Trim(u.Path, "/"); path != "" {
		if db, err = strconv.Atoi(path); err != nil || db < 0 {
			return nil, malformed
		}
	}
	port := u.Port()
	if port == "" {
		port = "6379"
	}
	host := net.JoinHostPort(u.Hostname(), port)
	password, _ := u.User.Password()
	try := limit / redisTries
	r := &Redis{name: fmt.Sprintf("%s://%s/%d", u.Scheme, host, db), host: host, limit: limit}
	if u.Scheme == "rediss" {
		r.tls = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	options := &redis.Options{
		Dialer: r.dial,
		Addr:   host, Username: u.User.Username(), Password: password, DB: db,
		DialTimeout: try, ReadTimeout: try, WriteTimeout: try, PoolTimeout: try,
		ContextTimeoutEnabled: true,
		// The library would send a compare-and-swap again without telling us that it did.
		MaxRetries: -1, DialerRetries: 1,
		ConnMaxIdleTime: redisIdle,
		// Older servers and Tair know neither RESP3 nor what hangs on it.
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	logging.Disable()
	r.client = sync.OnceValue(func() *redis.Client { return redis.NewClient(options) })
	r.swap = sync.OnceValue(func() *redis.Script { return redis.NewScript(redisSwap) })
	for _, secret := range []string{password, u.User.Username()} {
		if secret != "" {
			r.secret = append(r.secret, secret, "…")
		}
	}
	return r, nil
}

// redisHost reports whether a host is a name or an address, and nothing that a message could not
// show.
func redisHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	for _, c := range []byte(host) {
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return host != ""
}

// dial connects. Every error of it is a redisNotConnected.
func (r *Redis) dial(ctx context.Context, network, address string) (net.Conn, error) {
	connection, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, redisNotConnected{err}
	}
	if r.tls == nil {
		return connection, nil
	}
	shaking, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	doubt := time.AfterFunc(redisDoubt, func() {
		if !r.spoke.Load() && redisSpeaksPlainly(shaking, address) {
			cancel(errRedisPlain)
		}
	})
	defer doubt.Stop()
	secure := tls.Client(connection, r.tls)
	err = secure.HandshakeContext(shaking)
	if err == nil {
		return secure, nil
	}
	connection.Close()
	var noTLS tls.RecordHeaderError
	switch {
	case errors.Is(context.Cause(shaking), errRedisPlain), errors.As(err, &noTLS):
		err = errRedisPlain
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET): // it hung up, without a word
		if !r.spoke.Load() && redisSpeaksPlainly(ctx, address) {
			err = errRedisPlain
		}
	}
	return nil, redisNotConnected{err}
}

// redisSpeaksPlainly asks whether a server speaks Redis without TLS. It sends nothing of ours: a
// Redis answers a PING even from somebody whom it lets do nothing else.
func redisSpeaksPlainly(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, redisProbe)
	defer cancel()
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer connection.Close()
	defer context.AfterFunc(ctx, func() { connection.Close() })()
	if _, err := connection.Write([]byte("*1\r\n$4\r\nPING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, 1)
	_, err = connection.Read(answer)
	return err == nil && (answer[0] == '+' || answer[0] == '-') // "+PONG", "-NOAUTH …", "-DENIED …"
}

// redisSpeaksTLS asks whether a server speaks TLS. It sends nothing of ours, and trusts nobody: the
// connection is closed as soon as that is known.
func redisSpeaksTLS(ctx context.Context, address string) bool {
	ctx, cancel := context.WithTimeout(ctx, redisProbe)
	defer cancel()
	connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer connection.Close()
	err = tls.Client(connection, &tls.Config{InsecureSkipVerify: true}).HandshakeContext(ctx)
	var alert *net.OpError // its refusal, in TLS
	return err == nil || errors.As(err, &alert) && alert.Op == "remote error"
}

// Get implements Store.
func (r *Redis) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if err := storeKey(key); err != nil {
		return nil, 0, err
	}
	var fields []any
	err := r.ask(ctx, func(ctx context.Context) (err error) {
		fields, err = r.client().HMGet(ctx, redisPrefix+key, "value", "revision").Result()
		return err
	})
	if err != nil {
		return nil, 0, r.failure(err)
	}
	if fields[0] == nil && fields[1] == nil {
		return nil, 0, nil
	}
	value, _ := fields[0].(string)
	text, _ := fields[1].(string)
	revision, err := strconv.ParseUint(text, 10, 64)
	if err != nil || revision == 0 || value == "" {
		return nil, 0, r.problem(fmt.Sprintf("key %s%s was not written by this program: remove it",
			redisPrefix, key), err)
	}
	return []byte(value), revision, nil
}

// Put implements Store.
func (r *Redis) Put(ctx context.Context, key string, value []byte,
	expected uint64) (uint64, error) {
	expires, err := storeAccepts(key, value)
	if err != nil {
		return 0, err
	}
	expiry := ""
	if !expires.IsZero() {
		expiry = strconv.FormatInt(expires.UnixMilli(), 10)
	}
	writer := rand.Text()
	sent := 0
	var answer string
	err = r.ask(ctx, func(ctx context.Context) (err error) {
		sent++
		answer, err = r.swap().Run(ctx, r.client(), []string{redisPrefix + key}, expected, value,
			writer, expiry).Text()
		if redisNotSent(err) {
			sent--
		}
		return err
	})
	switch {
	case err != nil:
		return 0, r.failure(err)
	case answer == "conflict" && sent == 1:
		return 0, ErrConflict
	case answer == "conflict":
		// The first request may have been carried out, and somebody may have written over it since.
		return 0, r.problem("an answer was lost, and the key has changed since: read it again "+
			"before deciding", nil)
	}
	revision, err := strconv.ParseUint(answer, 10, 64)
	if err != nil {
		return 0, r.problem("answered what no Redis answers", err)
	}
	return revision, nil
}

// List implements Lister, with SCAN: the server is never busy with it for long, however many keys
// of others the database has. It keeps the keys that it has given, for SCAN may give one again.
func (r *Redis) List(ctx context.Context, prefix string, each func(key string) error) error {
	if err := storePrefix(prefix); err != nil {
		return err
	}
	pattern := redisLiterally.Replace(redisPrefix+prefix) + "*"
	given := map[string]bool{}
	for cursor, more := uint64(0), true; more; more = cursor != 0 {
		var keys []string
		var next uint64
		err := r.ask(ctx, func(ctx context.Context) (err error) {
			keys, next, err = r.client().Scan(ctx, cursor, pattern, redisPage).Result()
			return err
		})
		if err != nil {
			return r.failure(err)
		}
		for _, key := range keys {
			key, ours := strings.CutPrefix(key, redisPrefix)
			if !ours || !strings.HasPrefix(key, prefix) || storeKey(key) != nil || given[key] {
				continue
			}
			given[key] = true
			if err := ctx.Err(); err != nil {
				return r.failure(err)
			}
			if err := each(key); err != nil {
				return err
			}
		}
		cursor = next
	}
	return nil
}

// redisLiterally escapes everything that has a meaning in a pattern of Redis (its util.c,
// stringmatchlen). Within brackets "^" and "-" have one too, but there are no brackets left.
var redisLiterally = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)

// Close implements Store.
func (r *Redis) Close() error { return r.client().Close() }

// MaxMemoryPolicy returns the server's maxmemory-policy. Only "noeviction" is safe: when memory
// runs short, an "allkeys-" policy can drop an open incident, and a "volatile-" one the ended
// incidents that cool-down and budget are counted from. It is read from INFO, because hosted
// services often forbid CONFIG.
func (r *Redis) MaxMemoryPolicy(ctx context.Context) (string, error) {
	var info string
	err := r.ask(ctx, func(ctx context.Context) (err error) {
		info, err = r.client().Info(ctx, "memory").Result()
		return err
	})
	if err != nil {
		return "", r.failure(err)
	}
	for line := range strings.Lines(info) {
		if policy, found := strings.CutPrefix(line, "maxmemory_policy:"); found {
			return strings.TrimSpace(policy), nil
		}
	}
	return "", r.problem("INFO memory does not tell maxmemory_policy: look it up in the "+
		"service's console", nil)
}

// ask runs do, which must be safe to repeat, again if the server did not answer it, each time
// within its share of the limit.
func (r *Redis) ask(ctx context.Context, do func(context.Context) error) error {
	ends := time.Now().Add(r.limit)
	var err error
	for range redisTries {
		// The context's own error says whose time is up; an error of the network would not.
		if ctx.Err() != nil {
			return ctx.Err()
		}
		try, cancel := context.WithTimeout(ctx, r.limit/redisTries)
		err = survive(func() error { return do(try) })
		cancel()
		var reply redis.Error
		if err == nil || errors.As(err, &reply) {
			r.spoke.Store(true)
			return err
		}
		if errors.Is(err, errRedisPlain) {
			return err
		}
	}
	var network net.Error
	timeout := errors.As(err, &network) && network.Timeout()
	if r.tls == nil && !r.spoke.Load() && !redisNotSent(err) && !timeout {
		// It hung up, or answered what is no Redis: that is what a server does that waits for TLS.
		left, cancel := context.WithDeadline(ctx, ends)
		defer cancel()
		if redisSpeaksTLS(left, r.host) {
			return errRedisSecure
		}
	}
	return err
}

// redisNotSent reports whether an error shows that the request never left: nobody answered the
// call, or no connection was free.
func redisNotSent(err error) bool {
	var unconnected redisNotConnected
	return errors.As(err, &unconnected) || errors.Is(err, redis.ErrPoolTimeout)
}

// redisCures says what an error that the server answers means and what helps, by the error's first
// word.
var redisCures = map[string]string{
	"NOAUTH":    "needs a password: put it into the URL, as in redis://:PASSWORD@HOST:PORT/DB",
	"WRONGPASS": "refused the user or password: check them in the URL, percent-encoded",
	"NOPERM": "the user lacks permissions: it needs HMGET, HSET, PERSIST, PEXPIREAT, TIME, EVAL " +
		"and EVALSHA on " +
		redisPrefix + "*, and SCAN to list keys",
	"READONLY":   "is a read-only replica: use the address of the primary",
	"MASTERDOWN": "is a replica that has lost its primary: use the address of the primary",
	"OOM": "is out of memory: give it more, or remove keys of others; its policy should " +
		"be noeviction",
	"MOVED": "is one node of a cluster: use a proxy endpoint, or a server that is no cluster",
	"ASK":   "is one node of a cluster: use a proxy endpoint, or a server that is no cluster",
	"CLUSTERDOWN": "is one node of a cluster that is down: use a proxy endpoint, or a server " +
		"that is no cluster",
	"WRONGTYPE": "a key under " + redisPrefix + " was not written by this program: remove it, " +
		"or use another database",
	"LOADING":    "is still loading its data: wait until it has",
	"BUSY":       "is held up by somebody's slow script: end it with SCRIPT KILL",
	"MISCONF":    "cannot write to its disk and refuses writes: see its log",
	"NOREPLICAS": "has fewer replicas than min-replicas-to-write asks for: bring them back",
}

// failure makes an error of the client printable.
func (r *Redis) failure(err error) error {
	var reply redis.Error
	var operation *net.OpError
	// a time-out, be it the context's, the connection's or the file descriptor's
	var network net.Error
	var certificate *tls.CertificateVerificationError
	var unconnected redisNotConnected
	var panicked *storePanic
	switch {
	case errors.Is(err, errRedisPlain):
		return r.problem("rediss:// asks for TLS, and "+r.host+" does not speak it: use "+
			"redis://", err)
	case errors.Is(err, errRedisSecure):
		return r.problem("redis:// asks for no TLS, and "+r.host+" speaks nothing else: use "+
			"rediss://", err)
	case errors.As(err, &panicked):
		return r.problem("the client's library failed: try again", err)
	case errors.As(err, &reply):
		code, _, _ := strings.Cut(reply.Error(), " ")
		if cure, known := redisCures[code]; known {
			return r.problem(cure+" ("+code+")", err)
		}
		// Redis before version 6 has no code for it
		if strings.Contains(reply.Error(), "invalid password") {
			return r.problem(redisCures["WRONGPASS"], err)
		}
		return r.problem("refused: "+strings.NewReplacer(r.secret...).Replace(reply.Error()), err)
	case errors.Is(err, context.Canceled):
		return r.problem("the call was cancelled", err)
	case errors.As(err, &certificate):
		return r.problem("its certificate is not trusted: check the host name in the URL, and "+
			"the certificate", err)
	case errors.As(err, &operation) && operation.Op == "dial" && !operation.Timeout():
		return r.problem("cannot be reached: check host, port, that the server runs, and its "+
			"allow list", err)
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, redis.ErrPoolTimeout):
		return r.problem(fmt.Sprintf("no answer in time (limit %s): check the network, the allow "+
			"list, and the server's load",
			r.limit), err)
	case errors.As(err, &unconnected):
		return r.problem("the TLS handshake failed: check that the server is up, speaks TLS 1.2 "+
			"or later, and asks for no certificate of ours", err)
	}
	return r.problem("the connection broke: check that the server is up, and that the URL says "+
		"rediss:// if it speaks TLS", err)
}

func (r *Redis) problem(text string, cause error) error {
	return &storeFailure{ledger: r.name, problem: text, cause: cause}
}
