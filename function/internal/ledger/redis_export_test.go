package ledger

import (
	"crypto/x509"

	"github.com/redis/go-redis/v9"
)

// Trust makes the store trust certificates that the machine does not.
func (r *Redis) Trust(pool *x509.CertPool) { r.tls.RootCAs = pool }

// AddHook lets a test into what the client's library does.
func (r *Redis) AddHook(hook redis.Hook) { r.client().AddHook(hook) }
