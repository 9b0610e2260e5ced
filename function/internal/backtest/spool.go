package backtest

import (
	"bufio"
	"bytes"
	"cmp"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"ecs-remedy/events"
)

// delivery is one event as it will reach the function again.
type delivery struct {
	at     time.Time // when it arrives
	alarms []alarm
	// payload is kept where it holds no alarms, being malformed: the function is to say so itself.
	payload []byte
	// unfinished: it is of an audit line after which another result of the same alarm follows.
	unfinished bool
}

// alarm is an alarm that was decoded, once, when it was read.
type alarm struct {
	events.Alarm
	// key is what it is called in a report: its Key, or what the audit line called it.
	key string
}

// firing and resolved are what an alarm says of its instance. One that cannot be relied on does not
// say that all is well.
func (a *alarm) firing() bool {
	return a.State == events.StateFiring || a.State == events.StateInsufficientData
}

func (a *alarm) resolved() bool { return a.State == events.StateResolved && a.Problem == "" }

// runBytes is how much of a history is sorted at once, in memory.
const runBytes = 16 << 20

// spool holds deliveries and gives them back in the order of time, those of one time as they came.
// What is more than fits one run goes to a temporary file, so that a history may be longer than the
// memory.
type spool struct {
	file *os.File // nil: all is in the run
	runs []span   // in the file, each sorted
	run  run      // the one that is being filled
	size int64    // of the file
	seen uint64   // deliveries so far
	// audited: there are deliveries that others may make superfluous.
	audited bool

	limit int // of a run, in bytes; zero: runBytes
}

type span struct{ from, size int64 }

// run is encoded deliveries, and where they are.
type run struct {
	bytes []byte
	index []entry
}

// entry is the order of a delivery, and where it is.
type entry struct {
	sec        int64
	nsec       int32
	unfinished bool
	n          uint64
	from, to   int
}

// compare puts deliveries in order. Those of audit lines that are not the last word about their
// alarm come after those that are, which make them superfluous.
func (e *entry) compare(o *entry) int {
	unfinished := func(e *entry) int {
		if e.unfinished {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(e.sec, o.sec), cmp.Compare(e.nsec, o.nsec),
		cmp.Compare(unfinished(e), unfinished(o)), cmp.Compare(e.n, o.n))
}

func (s *spool) add(d *delivery) error {
	e := entry{sec: d.at.Unix(), nsec: int32(d.at.Nanosecond()), unfinished: d.unfinished,
		n: s.seen, from: len(s.run.bytes)}
	s.seen++
	s.audited = s.audited || d.unfinished
	s.run.bytes = d.append(s.run.bytes, &e)
	e.to = len(s.run.bytes)
	s.run.index = append(s.run.index, e)
	if len(s.run.bytes) >= cmp.Or(s.limit, runBytes) {
		return s.flush()
	}
	return nil
}

// flush writes the run to the file.
func (s *spool) flush() error {
	if s.file == nil {
		file, err := os.CreateTemp("", "remedy-backtest-")
		if err != nil {
			return err
		}
		s.file = file
		os.Remove(file.Name()) // where that works, nothing is left whatever becomes of us
	}
	s.run.sort()
	out := bufio.NewWriterSize(s.file, 1<<18)
	from := s.size
	for _, e := range s.run.index {
		n, err := out.Write(s.run.bytes[e.from:e.to])
		if s.size += int64(n); err != nil {
			return err
		}
	}
	s.runs = append(s.runs, span{from, s.size - from})
	s.run.bytes, s.run.index = s.run.bytes[:0], s.run.index[:0]
	return out.Flush()
}

// finish ends the adding: nothing but each may come after it.
func (s *spool) finish() error {
	if s.file == nil {
		s.run.sort()
		return nil
	}
	var err error
	if len(s.run.index) > 0 {
		err = s.flush()
	}
	s.run = run{}
	return err
}

// close drops what is held.
func (s *spool) close() error {
	if s.file == nil {
		return nil
	}
	name := s.file.Name()
	err := s.file.Close()
	if gone := os.Remove(name); gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	s.file = nil
	return err
}

func (r *run) sort() {
	slices.SortFunc(r.index, func(a, b entry) int { return a.compare(&b) })
}

// each calls with every delivery in order, which is valid until the call ends, until it says no.
// Several may go on at once.
func (s *spool) each(do func(*delivery) bool) error {
	var merged merge
	defer merged.close()
	if s.file == nil {
		r := &reader{memory: &s.run}
		if err := r.next(); err == nil {
			merged = append(merged, r)
		}
	}
	for _, span := range s.runs {
		section := io.NewSectionReader(s.file, span.from, span.size)
		r := &reader{file: bufio.NewReaderSize(section, 1<<16)}
		if err := r.next(); err != nil {
			return fmt.Errorf("the temporary file: %w", err)
		}
		merged = append(merged, r)
	}
	heap.Init(&merged)
	told := map[[2]string]bool{} // by audit lines of this moment
	var at time.Time
	for len(merged) > 0 {
		r := merged[0]
		if s.audited && !r.delivery.at.Equal(at) {
			at = r.delivery.at
			clear(told)
		}
		if (!s.audited || r.delivery.news(told)) && !do(&r.delivery) {
			return nil
		}
		switch err := r.next(); {
		case err == nil:
			heap.Fix(&merged, 0)
		case errors.Is(err, io.EOF):
			heap.Pop(&merged)
		default:
			return fmt.Errorf("the temporary file: %w", err)
		}
	}
	return nil
}

// aheadOf is how many deliveries are read at once while others are replayed.
const aheadOf = 128

// ahead is each for a caller that takes its time: the next deliveries are read meanwhile.
func (s *spool) ahead(do func(*delivery)) error {
	full, empty := make(chan []delivery, 1), make(chan []delivery, 3)
	for range cap(empty) {
		empty <- make([]delivery, 0, aheadOf)
	}
	failed := make(chan error, 1)
	go func() {
		defer close(full)
		some := <-empty
		failed <- s.each(func(d *delivery) bool {
			n, one := len(some), *d
			some = some[:n+1]
			one.alarms = append(some[n].alarms[:0], d.alarms...) // in the room of an earlier one
			if some[n] = one; n+1 == aheadOf {
				full <- some
				some = (<-empty)[:0]
			}
			return true
		})
		full <- some
	}()
	for some := range full {
		for i := range some {
			do(&some[i])
		}
		empty <- some
	}
	return <-failed
}

// news reports whether the delivery is not one that another audit line tells of as well: an alarm
// that waited, or was asked for again, has more lines than one.
func (d *delivery) news(told map[[2]string]bool) bool {
	if len(d.alarms) != 1 {
		return true
	}
	key := [2]string{d.alarms[0].key, d.alarms[0].Instance}
	if d.unfinished && told[key] {
		return false
	}
	told[key] = true
	return true
}

// reader is a run that is read.
type reader struct {
	memory   *run
	at       int // of memory
	file     *bufio.Reader
	buffer   []byte
	order    entry
	delivery delivery
}

// next reads the next delivery; io.EOF: there is none. Within one the end is another error.
func (r *reader) next() error {
	if r.memory != nil {
		if r.at == len(r.memory.index) {
			return io.EOF
		}
		e := r.memory.index[r.at]
		r.at++
		_, skip := binary.Uvarint(r.memory.bytes[e.from:e.to])
		return r.read(r.memory.bytes[e.from+skip : e.to])
	}
	size, err := binary.ReadUvarint(r.file)
	if err != nil {
		return err
	}
	r.buffer = slices.Grow(r.buffer[:0], int(size))[:size]
	if _, err := io.ReadFull(r.file, r.buffer); err != nil {
		return io.ErrUnexpectedEOF
	}
	return r.read(r.buffer)
}

// merge is a heap of readers, the one whose delivery comes first on top.
type merge []*reader

func (m merge) Len() int           { return len(m) }
func (m merge) Less(i, j int) bool { return m[i].order.compare(&m[j].order) < 0 }
func (m merge) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }

// Push and Pop are for package heap.
func (m *merge) Push(x any) { *m = append(*m, x.(*reader)) }

func (m *merge) Pop() any {
	last := len(*m) - 1
	x := (*m)[last]
	*m = (*m)[:last]
	return x
}

func (m *merge) close() { *m = nil }

// The form of a delivery in a run: its length, its order, its alarms, the payload that has none.
// Numbers are varints; the lengths of an alarm's texts come before all of them. It lives as long as
// a replay.

const (
	flagUnfinished = 1 << iota
	flagTimeless
	flagWeak
	flagRenamed // its key is another one in reports
)

// texts are all texts of an alarm, in the order in which a run has them.
func (a *alarm) texts() [16]*string {
	return [...]*string{(*string)(&a.Format), &a.Name, &a.Rule, (*string)(&a.State), &a.Level,
		&a.Key, &a.Account, &a.Region, &a.Instance, &a.Product, &a.Event, &a.EventStatus,
		&a.Metric, &a.RawState, (*string)(&a.Problem), &a.Note}
}

func (d *delivery) append(b []byte, e *entry) []byte {
	from := len(b)
	b = binary.AppendVarint(b, e.sec)
	b = binary.AppendUvarint(b, uint64(e.nsec))
	b = binary.AppendUvarint(b, e.n)
	flags := byte(0)
	if d.unfinished {
		flags = flagUnfinished
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(len(d.alarms)))
	for i := range d.alarms {
		b = d.alarms[i].append(b)
	}
	b = append(b, d.payload...)
	// The length goes before what it is the length of.
	var size [binary.MaxVarintLen64]byte
	return slices.Insert(b, from, size[:binary.PutUvarint(size[:], uint64(len(b)-from))]...)
}

func (a *alarm) append(b []byte) []byte {
	flags := byte(0)
	if a.Time.IsZero() {
		flags |= flagTimeless
	}
	if a.Weak {
		flags |= flagWeak
	}
	if a.key != a.Key {
		flags |= flagRenamed
	}
	b = append(b, flags)
	b = binary.AppendVarint(b, a.Time.Unix())
	b = binary.AppendUvarint(b, uint64(a.Time.Nanosecond()))
	texts := a.texts()
	for _, text := range texts {
		b = binary.AppendUvarint(b, uint64(len(*text)))
	}
	if flags&flagRenamed != 0 {
		b = binary.AppendUvarint(b, uint64(len(a.key)))
	}
	for _, text := range texts {
		b = append(b, *text...)
	}
	if flags&flagRenamed != 0 {
		b = append(b, a.key...)
	}
	return b
}

// errTorn is of a temporary file that does not hold what was written to it.
var errTorn = errors.New("it does not hold what was written to it")

// parser reads what append wrote. After its end, everything is zero and torn is set.
type parser struct {
	left []byte
	torn bool
}

func (p *parser) number() uint64 {
	n, size := binary.Uvarint(p.left)
	return p.read(size, n)
}

func (p *parser) signed() int64 {
	n, size := binary.Varint(p.left)
	return int64(p.read(size, uint64(n)))
}

func (p *parser) read(size int, n uint64) uint64 {
	if size <= 0 {
		p.torn, p.left = true, nil
		return 0
	}
	p.left = p.left[size:]
	return n
}

func (p *parser) flags() byte {
	if len(p.left) == 0 {
		p.torn = true
		return 0
	}
	b := p.left[0]
	p.left = p.left[1:]
	return b
}

// text takes so many bytes.
func (p *parser) text(size uint64) []byte {
	if uint64(len(p.left)) < size {
		p.torn, p.left = true, nil
		return nil
	}
	b := p.left[:size]
	p.left = p.left[size:]
	return b
}

// read reads a delivery.
func (r *reader) read(b []byte) error {
	p := parser{left: b}
	d := &r.delivery
	r.order.sec, r.order.nsec, r.order.n = p.signed(), int32(p.number()), p.number()
	d.at = time.Unix(r.order.sec, int64(r.order.nsec)).UTC()
	d.unfinished = p.flags()&flagUnfinished != 0
	r.order.unfinished = d.unfinished
	d.alarms = d.alarms[:0]
	for n := p.number(); n > 0 && !p.torn; n-- {
		d.alarms = append(d.alarms, p.alarm())
	}
	d.payload = nil
	if len(p.left) > 0 {
		d.payload = bytes.Clone(p.left) // an invocation may go on while the next one is read
	}
	if p.torn {
		return errTorn
	}
	return nil
}

// alarm reads an alarm, whose texts are parts of one.
func (p *parser) alarm() (a alarm) {
	flags := p.flags()
	sec, nsec := p.signed(), p.number()
	if flags&flagTimeless == 0 {
		a.Time = time.Unix(sec, int64(nsec)).UTC()
	}
	a.Weak = flags&flagWeak != 0
	texts := a.texts()
	all := texts[:]
	if flags&flagRenamed != 0 {
		all = append(all, &a.key)
	}
	var sizes [len(texts) + 1]uint64
	sum := uint64(0)
	for i := range all {
		sizes[i] = p.number()
		sum += sizes[i]
	}
	text := string(p.text(sum))
	if p.torn {
		return alarm{}
	}
	for i, size := range sizes[:len(all)] {
		*all[i], text = text[:size], text[size:]
	}
	if flags&flagRenamed == 0 {
		a.key = a.Key
	}
	return a
}
