package evidence

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync/atomic"
	"unicode"

	"ecs-remedy/function/internal/remedy"
)

// Console is what shows an instance's console. Both methods are called at once, and with a context
// that ends; each may be asked once in 10 seconds (ECS document "GetInstanceScreenshot"). Notes of
// readings hold no URL and no secret.
type Console interface {
	// Screenshot returns the bytes of a picture.
	Screenshot(ctx context.Context, region, instance string) remedy.Reading[[]byte]

	// Console returns the log of the serial console since the last start.
	Console(ctx context.Context, region, instance string) remedy.Reading[[]byte]
}

// Kept is what Take kept of a moment, and what not. Every text of it is safe to show.
type Kept struct {
	Screenshot, Log Item
}

// Item is a file that was to be kept.
type Item struct {
	Name string // of the file in the incident's folder; empty: it was not kept
	Why  string // it was not kept, in a few words; empty if it was
	Code string // of ECS or OSS, where one of them gave an error code
	// Content is what was kept by this call; nil where it was there already, or is not kept.
	Content []byte
}

// Names are those of the files that are kept.
func (k Kept) Names() []string {
	names := []string{}
	for _, item := range []Item{k.Screenshot, k.Log} {
		if item.Name != "" {
			names = append(names, item.Name)
		}
	}
	return names
}

// Missing says what was not kept and why, a phrase each.
func (k Kept) Missing() []string {
	missing := []string{}
	for _, item := range []struct {
		what string
		Item
	}{{"no screenshot: ", k.Screenshot}, {"no console log: ", k.Log}} {
		if item.Name == "" {
			part := item.what + item.Why
			if item.Code != "" && !strings.Contains(item.Why, item.Code) {
				part += " (" + item.Code + ")"
			}
			missing = append(missing, part)
		}
	}
	return missing
}

// Take asks the console for a screenshot and a log in parallel, cleans both, and stores them in the
// incident's folder, as N-screenshot.jpg or N-screenshot.png and N-console.txt, where N is the
// moment. What is there already is not overwritten and counts as kept: another invocation was
// there first.
//
// It returns when both are done, or when ctx ends; what is not stored by then may still be, and
// counts as not kept. It never panics, and takes no longer than ctx even if the console or the
// store ignore it: their goroutines are left behind.
func Take(ctx context.Context, console Console, store Store, region, incident string,
	moment Moment) Kept {
	switch {
	case CheckIncident(incident) != nil:
		return neither("the incident's id is none")
	case moment < MomentFirst || moment > MomentEnd:
		return neither("there is no such moment of an incident")
	}
	instance, _, _ := strings.Cut(incident, "/")
	first := strconv.Itoa(int(moment)) + "-"
	screenshot := begin(ctx, store, incident,
		func() remedy.Reading[[]byte] { return console.Screenshot(ctx, region, instance) },
		func(raw []byte) (file, error) {
			select {
			case decoding <- struct{}{}:
				defer func() { <-decoding }()
			case <-ctx.Done():
				return file{}, ctx.Err()
			}
			clean, ending, err := CleanScreenshot(raw)
			return file{first + "screenshot." + ending, clean}, err
		})
	log := begin(ctx, store, incident,
		func() remedy.Reading[[]byte] { return console.Console(ctx, region, instance) },
		func(raw []byte) (file, error) {
			clean := CleanConsole(raw)
			if len(clean) == 0 {
				return file{}, errEmpty
			}
			return file{first + "console.txt", clean}, nil
		})
	return Kept{Screenshot: screenshot.wait(ctx), Log: log.wait(ctx)}
}

// neither is what was kept where nothing was even asked for.
func neither(why string) Kept { return Kept{Item{Why: why}, Item{Why: why}} }

// decoding is held while a picture is decoded: a process with many incidents shall not decode as
// many pictures at once, each of which may take some tens of megabytes.
var decoding = make(chan struct{}, 1)

// file is what is to be stored.
type file struct {
	name    string
	content []byte
}

// task fetches and stores one file on a goroutine of its own.
type task struct {
	done chan Item
	late atomic.Pointer[string] // why nothing is kept, should it end now
}

// What a task is at when its time ends.
var (
	noTime    = "there was no time for it"
	lateECS   = "ECS did not answer in time"
	lateClean = "there was no time to look at it"
	lateStore = "the store did not take it in time"
)

// begin starts a task.
func begin(ctx context.Context, store Store, incident string,
	read func() remedy.Reading[[]byte], clean func(raw []byte) (file, error)) *task {
	t := &task{done: make(chan Item, 1)} // with room, so that nobody needs to wait for it
	t.late.Store(&noTime)
	if ctx.Err() != nil {
		return t
	}
	t.late.Store(&lateECS)
	go func() {
		result := Item{Why: "it could not be handled"}
		defer func() {
			// Of anybody's panic: a reboot matters more than its evidence.
			recover()
			if result.Name == "" && ctx.Err() != nil { // that is why, whatever was made of it
				result = Item{Why: *t.late.Load()}
			}
			t.done <- result
		}()
		reading := read()
		if !reading.OK() {
			result = unread(reading)
			return
		}
		t.late.Store(&lateClean)
		f, err := clean(reading.Value)
		if err != nil {
			result = Item{Why: "what ECS gave was not kept: " + err.Error()}
			return
		}
		t.late.Store(&lateStore)
		result = stored(f, store.Put(ctx, incident, f.name, f.content, false))
	}()
	return t
}

// wait returns what became of a task, when it is done or ctx ends.
func (t *task) wait(ctx context.Context) Item {
	select {
	case item := <-t.done:
		return item
	case <-ctx.Done():
	}
	select {
	case item := <-t.done: // both at once
		return item
	default:
		return Item{Why: *t.late.Load()}
	}
}

// stored says what became of a file that was put.
func stored(f file, err error) Item {
	switch {
	case err == nil:
		return Item{Name: f.name, Content: f.content}
	case errors.Is(err, ErrExists):
		return Item{Name: f.name}
	}
	item := Item{Why: "the store failed"}
	var failure *Failure
	if errors.As(err, &failure) {
		item.Why = failure.Error()
		item.Code = failure.Code
	}
	return item
}

const longestNote = 300 // characters of what a reading says of itself

// unread says why a console gave nothing.
func unread(r remedy.Reading[[]byte]) Item {
	item := Item{Why: r.Note, Code: r.Code}
	odd := func(c rune) bool { return !unicode.IsPrint(c) }
	if r.Note == "" || strings.Contains(r.Note, "://") || strings.ContainsFunc(r.Note, odd) {
		item.Why = "ECS did not give it"
	}
	if !isWord(r.Code, upperCase+".-_") || len(r.Code) > longestToken {
		item.Code = ""
	}
	if runes := []rune(item.Why); len(runes) > longestNote {
		item.Why = string(runes[:longestNote]) + "…"
	}
	return item
}
