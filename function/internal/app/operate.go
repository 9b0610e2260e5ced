package app

import (
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// Books are the two sets of records that one ledger holds, for an operator: those of mode enforce, and those of mode observe.
type Books struct {
	Enforce, Observe *ledger.Records
	Store            ledger.Store
}

// OpenLedger opens the configured ledger under the operator's clock. Whoever opens it closes its Store.
func OpenLedger(c config.Config, credentials ecs.Credentials) (Books, error) {
	store, err := OpenStore(c, credentials)
	if err != nil {
		return Books{}, err
	}
	book := ledger.New(store, c.Policy, RealClock{}.Now)
	return Books{Enforce: book.In(remedy.BookEnforce), Observe: book.In(remedy.BookObserve),
		Store: store}, nil
}

// OpenCloud returns what calls ECS in one region (empty: in any) as the configuration says, over the seams' clock and transport. The error says what is
// missing. Whoever opens it closes it.
func OpenCloud(c config.Config, credentials ecs.Credentials, region string, seams Seams) (
	*ecs.Client, error) {
	if seams.Clock == nil {
		seams.Clock = RealClock{}
	}
	return ecs.New(ecs.Options{
		Credentials: credentials, Endpoint: c.Endpoint, VPC: c.VPC, Region: region,
		Each: seams.Clock.Each, CallLimit: c.Policy.CallLimit(), Now: seams.Clock.Now, Base: seams.Transport,
	})
}
