package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// Books are the two sets of records that one ledger holds, for an operator: those of mode enforce,
// and those of mode observe.
type Books struct {
	Enforce, Observe *ledger.Records
	Store            ledger.Store
}

// OpenLedger opens the configured ledger under the operator's clock. Whoever opens it closes its
// Store.
func OpenLedger(c config.Config, credentials ecs.Credentials) (Books, error) {
	store, err := OpenStore(c, credentials)
	if err != nil {
		return Books{}, err
	}
	book := ledger.New(store, c.Policy, RealClock{}.Now)
	return Books{Enforce: book.In(remedy.BookEnforce), Observe: book.In(remedy.BookObserve),
		Store: store}, nil
}

// OpenCloud returns what calls ECS in one region (empty: in any) as the configuration says, over
// the seams' clock and transport. The error says what is missing. Whoever opens it closes it.
func OpenCloud(c config.Config, credentials ecs.Credentials, region string, seams Seams) (
	*ecs.Client, error) {
	if seams.Clock == nil {
		seams.Clock = RealClock{}
	}
	return ecs.New(ecs.Options{
		Credentials: credentials, Endpoint: c.Endpoint, VPC: c.VPC, Region: region,
		Each: seams.Clock.Each, CallLimit: c.Policy.CallLimit(), Now: seams.Clock.Now,
		Base: seams.Transport,
	})
}

// CheckEvidence writes one object of its own where evidence is kept, reads it back and removes it.
// The error holds no secret.
func CheckEvidence(
	ctx context.Context,
	c config.Config,
	keys ecs.Credentials,
	region string,
) error {
	store, done, err := OpenEvidence(c, keys, region, false, nil)
	if err != nil || store == nil {
		return err
	}
	defer done()
	const name = "doctor.txt"
	now := RealClock{}.Now()
	incident := remedy.IncidentID("i-doctor", now)
	content := []byte("remedy doctor was here at " + now.UTC().Format(time.RFC3339) + "\n")
	if err := store.Put(ctx, incident, name, content, true); err != nil {
		return fmt.Errorf("it takes no file: %w", err)
	}
	read, err := store.Get(ctx, incident, name, len(content))
	if err != nil {
		return fmt.Errorf("a file that was put cannot be read back: %w", err)
	}
	if !bytes.Equal(read, content) {
		return errors.New("a file that was put reads back as something else")
	}
	if remover, can := store.(interface {
		Remove(ctx context.Context, incident, name string) error
	}); can {
		if err := remover.Remove(ctx, incident, name); err != nil {
			return fmt.Errorf("a file of its own cannot be removed again: %w", err)
		}
	}
	return nil
}
