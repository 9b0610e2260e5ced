package ledger

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	// redisPrefix keeps our keys apart from those of others in the same database.
	redisPrefix = "ecs-remedy/"
	// redisTries is how often a call asks before it gives up. The second time is for a connection that died while the
	// process was frozen, and for an answer that was lost.
	redisTries = 2
	// redisIdle is how long a connection is kept unused: a gateway may drop it silently after that.
	redisIdle = time.Minute
)

// redisSwap compares and swaps in one step on the server. KEYS: the key. ARGV: expected revision, value, writer, expiry in
// Unix milliseconds or the empty string.
//
// The writer is a random name of one call of Put. When that call asks a second time because it got no answer, its own write
// is recognised by it, whatever the order in which the two requests arrive.
//
// A revision is the server's time in microseconds, and at least one more than the last: so it is still greater when the key
// had expired and is written anew. It fits Lua's doubles until the year 2255. TIME before a write needs the replication of
// effects, the default since Redis 5.
var redisSwap = redis.NewScript(`
local stored = redis.call('HMGET', KEYS[1], 'revision', 'writer')
local revision = stored[1] or '0'
if stored[2] == ARGV[3] then return revision end
if revision ~= ARGV[1] then return 'conflict' end
local now = redis.call('TIME')
local following = math.max(tonumber(revision) + 1, tonumber(now[1]) * 1000000 + tonumber(now[2]))
revision = string.format('%.0f', following)
redis.call('HSET', KEYS[1], 'revision', revision, 'writer', ARGV[3], 'value', ARGV[2])
if ARGV[4] == '' then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIREAT', KEYS[1], ARGV[4]) end
return revision`)

// Redis is a Store on a Redis server from version 5 on, or on Tair; a key is a hash with the fields value, revision and
// writer, and the server itself drops it when it expires. It uses one endpoint: a cluster is fine behind a proxy that
// presents it as one.
//
// Redis copies to its replicas after it has answered, so a failover can lose the last writes, a claim among them. Where that
// is not acceptable, set min-replicas-to-write, or use Tablestore.
type Redis struct {
	client *redis.Client
	name   string // the ledger in messages
	secret []string
	limit  time.Duration
}

// OpenRedis prepares a store at a URL of the form redis://[USER][:PASSWORD]@HOST[:PORT][/DB], or rediss:// for TLS; it does
// not connect yet. Every Get and Put ends within the limit, two tries and connecting included. A call whose context is
// cancelled, rather than out of time, while it waits for an answer ends with that wait.
//
// It switches the log of go-redis off for the whole process: whatever goes wrong is in the errors.
func OpenRedis(address string, limit time.Duration) (*Redis, error) {
	malformed := errors.New("the ledger's URL must have the form redis://[USER][:PASSWORD]@HOST[:PORT][/DB], or rediss:// " +
		"for TLS, without options; in a password write / : @ # ? % as %2F %3A %40 %23 %3F %25")
	u, err := url.Parse(address)
	// The parser's error repeats the URL with its password, so it is not shown.
	if err != nil || (u.Scheme != "redis" && u.Scheme != "rediss") || u.Hostname() == "" ||
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
	options := &redis.Options{
		Addr: host, Username: u.User.Username(), Password: password, DB: db,
		DialTimeout: try, ReadTimeout: try, WriteTimeout: try, PoolTimeout: try, ContextTimeoutEnabled: true,
		// The library would send a compare-and-swap again without telling us that it did.
		MaxRetries: -1, DialerRetries: 1,
		ConnMaxIdleTime: redisIdle,
		// Older servers and Tair know neither RESP3 nor what hangs on it.
		Protocol: 2, DisableIdentity: true,
		MaintNotificationsConfig: &maintnotifications.Config{Mode: maintnotifications.ModeDisabled},
	}
	if u.Scheme == "rediss" {
		options.TLSConfig = &tls.Config{ServerName: u.Hostname(), MinVersion: tls.VersionTLS12}
	}
	logging.Disable()
	r := &Redis{client: redis.NewClient(options), name: fmt.Sprintf("%s://%s/%d", u.Scheme, host, db), limit: limit}
	for _, secret := range []string{password, u.User.Username()} {
		if secret != "" {
			r.secret = append(r.secret, secret, "…")
		}
	}
	return r, nil
}

// Get implements Store.
func (r *Redis) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	var fields []any
	err := r.ask(ctx, func(ctx context.Context) (err error) {
		fields, err = r.client.HMGet(ctx, redisPrefix+key, "value", "revision").Result()
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
		return nil, 0, r.problem(fmt.Sprintf("key %s%s was not written by this program: remove it", redisPrefix, key), err)
	}
	return []byte(value), revision, nil
}

// Put implements Store.
func (r *Redis) Put(ctx context.Context, key string, value []byte, expected uint64) (uint64, error) {
	expires, err := storeExpiry(value)
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
		answer, err = redisSwap.Run(ctx, r.client, []string{redisPrefix + key}, expected, value, writer, expiry).Text()
		if !redisNotSent(err) {
			sent++
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
		return 0, r.problem("an answer was lost, and the key has changed since: read it again before deciding", nil)
	}
	revision, err := strconv.ParseUint(answer, 10, 64)
	if err != nil {
		return 0, r.problem("answered what no Redis answers", err)
	}
	return revision, nil
}

// Close implements Store.
func (r *Redis) Close() error { return r.client.Close() }

// MaxMemoryPolicy returns the server's maxmemory-policy. Only "noeviction" is safe: when memory runs short, an "allkeys-"
// policy can drop an open incident, and a "volatile-" one the ended incidents that cool-down and budget are counted from. It
// is read from INFO, because hosted services often forbid CONFIG.
func (r *Redis) MaxMemoryPolicy(ctx context.Context) (string, error) {
	var info string
	err := r.ask(ctx, func(ctx context.Context) (err error) {
		info, err = r.client.Info(ctx, "memory").Result()
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
	return "", r.problem("INFO memory does not tell maxmemory_policy: look it up in the service's console", nil)
}

// ask runs do, which must be safe to repeat, again if the server did not answer it, each time within its share of the limit.
func (r *Redis) ask(ctx context.Context, do func(context.Context) error) error {
	var err error
	for range redisTries {
		// The context's own error says whose time is up; an error of the network would not.
		if ctx.Err() != nil {
			return ctx.Err()
		}
		try, cancel := context.WithTimeout(ctx, r.limit/redisTries)
		err = do(try)
		cancel()
		var reply redis.Error
		if err == nil || errors.As(err, &reply) {
			return err
		}
	}
	return err
}

// redisNotSent reports whether an error shows that the request never left: nobody answered the call, or no connection was
// free.
func redisNotSent(err error) bool {
	var network *net.OpError
	return errors.As(err, &network) && network.Op == "dial" || errors.Is(err, redis.ErrPoolTimeout)
}

// redisCures says what an error that the server answers means and what helps, by the error's first word.
var redisCures = map[string]string{
	"NOAUTH":    "needs a password: put it into the URL, as in redis://:PASSWORD@HOST:PORT/DB",
	"WRONGPASS": "refused the user or password: check them in the URL, percent-encoded",
	"NOPERM": "the user lacks permissions: it needs HMGET, HSET, PERSIST, PEXPIREAT, TIME, EVAL and EVALSHA on " +
		redisPrefix + "*",
	"READONLY":    "is a read-only replica: use the address of the primary",
	"MASTERDOWN":  "is a replica that has lost its primary: use the address of the primary",
	"OOM":         "is out of memory: give it more, or remove keys of others; its policy should be noeviction",
	"MOVED":       "is one node of a cluster: use a proxy endpoint, or a server that is no cluster",
	"ASK":         "is one node of a cluster: use a proxy endpoint, or a server that is no cluster",
	"CLUSTERDOWN": "is one node of a cluster that is down: use a proxy endpoint, or a server that is no cluster",
	"WRONGTYPE":   "a key under " + redisPrefix + " was not written by this program: remove it, or use another database",
	"LOADING":     "is still loading its data: wait until it has",
	"BUSY":        "is held up by somebody's slow script: end it with SCRIPT KILL",
	"MISCONF":     "cannot write to its disk and refuses writes: see its log",
	"NOREPLICAS":  "has fewer replicas than min-replicas-to-write asks for: bring them back",
}

// failure makes an error of the client printable.
func (r *Redis) failure(err error) error {
	var reply redis.Error
	var operation *net.OpError
	var network net.Error // a time-out, be it the context's, the connection's or the file descriptor's
	var certificate *tls.CertificateVerificationError
	switch {
	case errors.As(err, &reply):
		code, _, _ := strings.Cut(reply.Error(), " ")
		if cure, known := redisCures[code]; known {
			return r.problem(cure+" ("+code+")", err)
		}
		if strings.Contains(reply.Error(), "invalid password") { // Redis before version 6 has no code for it
			return r.problem(redisCures["WRONGPASS"], err)
		}
		return r.problem("refused: "+strings.NewReplacer(r.secret...).Replace(reply.Error()), err)
	case errors.Is(err, context.Canceled):
		return r.problem("the call was cancelled", err)
	case errors.As(err, &certificate):
		return r.problem("its certificate is not trusted: check the host name in the URL, and the certificate", err)
	case errors.As(err, &operation) && operation.Op == "dial" && !operation.Timeout():
		return r.problem("cannot be reached: check host, port, that the server runs, and its allow list", err)
	case errors.As(err, &network) && network.Timeout(), errors.Is(err, redis.ErrPoolTimeout):
		return r.problem(fmt.Sprintf("no answer in time (limit %s): check the network, the allow list, and the server's load",
			r.limit), err)
	}
	return r.problem("the connection broke: check that the server is up, and that the URL says rediss:// if it speaks TLS", err)
}

func (r *Redis) problem(text string, cause error) error {
	return &storeFailure{ledger: r.name, problem: text, cause: cause}
}
