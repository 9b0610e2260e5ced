package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// ledger checks the ledger, and what it tells of the function. It returns the store where there is
// one to close.
func (e *examination) ledger(ctx context.Context) ledger.Store {
	const name = "ledger"
	where := &e.Settings.Ledger
	e.report.Ledger = where.Name
	simulated := e.Scene != nil && (e.Scene.life != nil || where.Kind == config.LedgerMemory)
	if single := where.Kind == config.LedgerMemory || where.Kind == config.LedgerBolt; single &&
		e.Settings.Policy.Mode == remedy.ModeEnforce {
		e.add(name, ResultFinding, fmt.Sprintf("%s is not for mode enforce: Function Compute runs "+
			"as many processes as there are events, and only one may run with it: they could "+
			"reboot an instance twice", where.Name), sharedLedgers)
	}
	switch {
	case simulated:
		e.report.Ledger = "simulated"
		now := e.seams.Clock.Now
		store := e.Scene.ledger(ctx, e.Settings.Policy, e.Version, now)
		e.read(ctx, ledger.New(store, e.Settings.Policy, now))
		return store
	case where.Kind == config.LedgerMemory:
		e.add("function", ResultWarning, "whether it lives is not known: its ledger is the memory "+
			"of a process, which no other sees", sharedLedgers)
		return nil
	}
	settings := e.Settings
	scratch := ""
	if where.Kind == config.LedgerBolt {
		if _, err := os.Stat(where.Path); errors.Is(err, fs.ErrNotExist) {
			// It is the function that makes the file: one of another owner could lock it out.
			folder := filepath.Dir(where.Path)
			if scratch, err = os.MkdirTemp(folder, ".ecs-remedy-doctor-"); err != nil {
				e.add(name, ResultFinding, fmt.Sprintf("%s does not exist, and its folder cannot "+
					"be written", where.Name), "make the folder "+folder+", and let the function "+
					"write to it")
				return nil
			}
			defer os.RemoveAll(scratch) // a leftover would be empty
			settings.Ledger.Path = filepath.Join(scratch, "ledger.db")
		}
	}
	books, err := app.OpenLedger(settings, e.Credentials)
	if err != nil {
		for _, p := range problems(errors.Join(err)) {
			e.add(name, ResultFinding, p.Wrong, p.Cure)
		}
		return nil
	}
	took, err := ledger.Probe(ctx, books.Store)
	if err != nil {
		e.add(name, ResultFinding, err.Error(),
			"what the message says, and a REMEDY_LEDGER that is right")
		return books.Store
	}
	if scratch != "" {
		e.well(name, where.Name+" does not exist yet; its folder can be written")
		e.alive(&Function{})
		return books.Store
	}
	e.well(name, fmt.Sprintf("%s: a read and a write took %s", where.Name,
		took.Round(time.Microsecond)))
	if redis, ok := books.Store.(*ledger.Redis); ok {
		e.redis(ctx, redis)
	}
	e.read(ctx, books.Enforce.Ledger)
	return books.Store
}

// redis checks what a Redis server may do with records.
func (e *examination) redis(ctx context.Context, r *ledger.Redis) {
	const name = "ledger"
	const cure = "maxmemory-policy noeviction"
	switch policy, err := r.MaxMemoryPolicy(ctx); {
	case err != nil:
		e.add(name, ResultWarning, "whether it drops records when its memory runs short is not "+
			"known: "+err.Error(), cure)
	case policy != "noeviction":
		e.add(name, ResultFinding, "its maxmemory-policy is "+policy+": when its memory runs "+
			"short it drops open incidents, or the ended ones that cool-downs are counted from",
			cure)
	default:
		e.well(name, "its maxmemory-policy is "+policy)
	}
	before := time.Now()
	at, err := r.Clock(ctx)
	if err != nil {
		e.add(name, ResultWarning, "its clock cannot be read: "+err.Error())
		return
	}
	e.clock("the ledger's", at, before)
}

// read says what the ledger tells of the function, and of all instances at once.
func (e *examination) read(ctx context.Context, book *ledger.Ledger) {
	const name = "ledger"
	var signs []remedy.Reading[remedy.Sign]
	var own remedy.Reading[remedy.Sign] // of the configured mode
	for _, mode := range []remedy.Book{remedy.BookEnforce, remedy.BookObserve} {
		sign := book.Sign(ctx, mode)
		if !sign.OK() {
			e.add("function", ResultFinding, "its sign of life cannot be read: "+sign.Note,
				"what the message says")
			continue
		}
		if mode == e.Settings.Policy.Book() {
			own = sign
		}
		signs = append(signs, sign)
	}
	if len(signs) > 0 {
		f := LastSeen(e.seams.Clock.Now(), signs...)
		e.alive(&f)
	}
	records := book.In(e.Settings.Policy.Book())
	seen, err := records.Look(ctx)
	if err != nil {
		e.add(name, ResultFinding, err.Error(), "what the message says")
		return
	}
	e.book = records
	if pause := seen.Fleet.Paused; pause.On(seen.At) {
		e.add(name, ResultWarning, "paused since "+local(pause.Since)+" until "+ends(pause)+": "+
			pause.Reason, "remedy resume")
	}
	if seen.Fleet.LostBeside(&own) {
		e.add(name, ResultFinding, "the fleet's record was lost, and with it perhaps a pause: no "+
			"incident opens before somebody says that nothing is paused", "remedy resume, once "+
			"you know that nothing has to stay paused")
	}
	for _, id := range slices.Sorted(maps.Keys(seen.Records)) {
		if record := seen.Records[id]; !record.OK() {
			e.about("record", id, record.Note, Finding{Check: name, Result: ResultFinding,
				Saw: "a record that cannot be read", Cures: []string{
					"a version of this program that knows the record, or remove its key"}})
		}
	}
}

// ends is when a pause is over.
func ends(p remedy.Pause) string {
	if p.Until.IsZero() {
		return "resumed"
	}
	return local(p.Until)
}

// local is a time in this machine's zone, to the second, with the zone.
func local(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05Z07:00") }

// clock compares another clock with ours.
func (e *examination) clock(whose string, theirs, ours time.Time) {
	const name = "clock"
	apart := theirs.Sub(ours).Abs().Round(time.Second)
	switch {
	case apart > remedy.MaxSkew:
		e.add(name, ResultFinding, fmt.Sprintf("%s clock is %s away from ours, and beyond %s its "+
			"times mean nothing to us", whose, remedy.Age(apart),
			remedy.MaxSkew), "set the clock of this "+
			"machine by NTP, and that of the other one; Function Compute sets its own")
	case apart > time.Second: // a Date has no fractions
		e.well(name, fmt.Sprintf("%s clock is %s away from ours", whose, apart))
	default:
		e.well(name, whose+" clock agrees with ours")
	}
}
