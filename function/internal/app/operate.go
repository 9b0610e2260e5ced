package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// Load reads the configuration as [config.Load] does. Besides, it looks whether the folder is there
// of a ledger that is a file, so that this, too, is told with everything else that is wrong.
func Load(environ []string) (config.Config, error) {
	c, err := config.Load(environ)
	where := c.Ledger
	if err != nil { // then c is empty: only its ledger is asked for
		only := slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
			return !strings.HasPrefix(entry, ledgerVariable+"=")
		})
		ledger, unreadable := config.Load(only)
		if unreadable != nil {
			return c, err // which says so
		}
		where = ledger.Ledger
	}
	if where.Kind != config.LedgerBolt {
		return c, err
	}
	folder := filepath.Dir(where.Path)
	if _, missing := os.Stat(folder); !errors.Is(missing, fs.ErrNotExist) {
		return c, err
	}
	all := []error{}
	if joined, several := err.(interface{ Unwrap() []error }); several {
		all = append(all, joined.Unwrap()...)
	}
	return config.Config{}, errors.Join(append(all, config.Problem{Variable: ledgerVariable,
		Value: where.Name, Wrong: "there is no folder " + folder,
		Cure: "the path of a file in a folder that exists"})...)
}

const ledgerVariable = "REMEDY_LEDGER"

// Unopened is the error of [OpenStore] as a problem of the configuration, with the variable's name
// and a cure.
func Unopened(err error) error {
	return config.Problem{Variable: ledgerVariable, Wrong: err.Error(),
		Cure: "what that says, or another ledger"}
}

// Books are the two sets of records that one ledger holds, for an operator: those of mode enforce,
// and those of mode observe.
type Books struct {
	Enforce, Observe *ledger.Records
	Store            ledger.Store
}

// OpenLedger opens the configured ledger under the operator's clock. Its error is that of
// [Unopened]. Whoever opens it closes its Store.
func OpenLedger(c config.Config, credentials ecs.Credentials) (Books, error) {
	store, err := OpenStore(c, credentials)
	if err != nil {
		return Books{}, Unopened(err)
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
