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
)

// delivery is one event as it will reach the function again.
type delivery struct {
	at      time.Time // when it arrives
	payload []byte
	alarms  []alarm
	// unfinished: it is of an audit line after which another result of the same alarm follows.
	unfinished bool
}

// alarm is what a report must know of an alarm before it is replayed.
type alarm struct {
	key, instance string
	time          time.Time // zero: it does not say
	firing        bool
	resolved      bool
	reported      bool // within its event, by a replay
}

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
		if !r.delivery.at.Equal(at) {
			at = r.delivery.at
			clear(told)
		}
		if r.delivery.news(told) && !do(&r.delivery) {
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

// news reports whether the delivery is not one that another audit line tells of as well: an alarm
// that waited, or was asked for again, has more lines than one.
func (d *delivery) news(told map[[2]string]bool) bool {
	if len(d.alarms) != 1 {
		return true
	}
	key := [2]string{d.alarms[0].key, d.alarms[0].instance}
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

// next reads the next delivery; io.EOF: there is none.
func (r *reader) next() error {
	if r.memory != nil {
		if r.at == len(r.memory.index) {
			return io.EOF
		}
		e := r.memory.index[r.at]
		r.at++
		return r.read(bytes.NewReader(r.memory.bytes[e.from:e.to]))
	}
	return r.read(r.file)
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

// The form of a delivery in a run: its order, its alarms, its payload; numbers are varints, and
// texts begin with their length. It lives as long as a replay.

const (
	flagUnfinished = 1 << iota
	flagFiring
	flagResolved
	flagTimeless
)

func (d *delivery) append(b []byte, e *entry) []byte {
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
		a := &d.alarms[i]
		flags := byte(0)
		if a.firing {
			flags |= flagFiring
		}
		if a.resolved {
			flags |= flagResolved
		}
		if a.time.IsZero() {
			flags |= flagTimeless
		}
		b = append(b, flags)
		b = binary.AppendVarint(b, a.time.Unix())
		b = binary.AppendUvarint(b, uint64(a.time.Nanosecond()))
		b = appendText(b, a.key)
		b = appendText(b, a.instance)
	}
	b = binary.AppendUvarint(b, uint64(len(d.payload)))
	return append(b, d.payload...)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// source is what a delivery is read from.
type source interface {
	io.Reader
	io.ByteReader
}

// read reads a delivery. io.EOF: there is none; within one the end is another error.
func (r *reader) read(in source) error {
	var failed error
	number := func() uint64 {
		n, err := binary.ReadUvarint(in)
		failed = cmp.Or(failed, err)
		return n
	}
	signed := func() int64 {
		n, err := binary.ReadVarint(in)
		failed = cmp.Or(failed, err)
		return n
	}
	flags := func() byte {
		b, err := in.ReadByte()
		failed = cmp.Or(failed, err)
		return b
	}
	text := func() string {
		n := number()
		if failed != nil {
			return ""
		}
		r.buffer = slices.Grow(r.buffer[:0], int(n))[:n]
		_, err := io.ReadFull(in, r.buffer)
		failed = cmp.Or(failed, err)
		return string(r.buffer)
	}
	d := &r.delivery
	r.order.sec = signed()
	if failed != nil {
		return failed
	}
	r.order.nsec, r.order.n = int32(number()), number()
	d.at = time.Unix(r.order.sec, int64(r.order.nsec)).UTC()
	d.unfinished = flags()&flagUnfinished != 0
	r.order.unfinished = d.unfinished
	d.alarms = d.alarms[:0]
	for n := number(); n > 0 && failed == nil; n-- {
		var a alarm
		f, sec := flags(), signed()
		nsec := number()
		if f&flagTimeless == 0 {
			a.time = time.Unix(sec, int64(nsec)).UTC()
		}
		a.firing, a.resolved = f&flagFiring != 0, f&flagResolved != 0
		a.key, a.instance = text(), text()
		d.alarms = append(d.alarms, a)
	}
	n := number()
	if failed == nil {
		// A payload of its own: an invocation may go on while the next delivery is read.
		d.payload = make([]byte, n)
		_, failed = io.ReadFull(in, d.payload)
	}
	if errors.Is(failed, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return failed
}
