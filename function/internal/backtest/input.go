package backtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ecs-remedy/events"
)

// BadLine is something in the input that is no alarm.
type BadLine struct {
	File string
	Line int
	Why  string
}

// Error says where, and why.
func (b *BadLine) Error() string { return b.File + ":" + strconv.Itoa(b.Line) + ": " + b.Why }

// Input says what to read, and how.
type Input struct {
	Files []string  // files, folders, and - for Stdin
	Stdin io.Reader // of "-"
	// Bad is told of every line that is no alarm. Where it returns an error, that ends the reading;
	// nil: the first one does.
	Bad func(*BadLine) error
	// Read is told, now and then, how many bytes were read of how many; the number of all is 0
	// where it is not known. nil: nobody asks.
	Read func(bytes, all int64)

	Assumed Assumptions
	// Metrics are those of the policy. An audit line does not say which metric its alarm was about.
	Metrics []string
}

// History is past alarms in the order of time.
type History struct {
	spool   spool
	Alarms  int    // how many there are, all deliveries together
	Account string // the function's; empty: no alarm names one
	Region  string
	start   time.Time // when the oldest alarm that has a time arrived
	// when the oldest alarms arrived that name an account, and a region
	accountAt, regionAt time.Time
}

// Close drops the history, and its temporary file where it needed one.
func (h *History) Close() error { return h.spool.close() }

// Read reads past alarms: JSON lines with one payload each, files that hold one payload, folders of
// either, and audit lines, as they are or within a field of a log export. It takes as much memory
// as a part of a history, however long that is; what is more goes to a temporary file. The error is
// a *BadLine, or what the operating system said.
func Read(in Input) (*History, error) {
	files, all, err := in.list()
	if err != nil {
		return nil, err
	}
	h := &History{Account: in.Assumed.Account, Region: in.Assumed.Region}
	err = in.pipeline(files, all, h)
	if err == nil {
		err = h.spool.finish()
	}
	if err != nil {
		h.Close()
		return nil, err
	}
	if h.Region == "" {
		h.Region = "cn-hangzhou" // none of the alarms cares
	}
	if h.start.IsZero() {
		h.start = time.Unix(0, 0).UTC() // none of them has a time
	}
	return h, nil
}

// list resolves folders into their files, and adds up the sizes.
func (in *Input) list() (files []string, all int64, err error) {
	for _, name := range in.Files {
		if name == "-" {
			return slices.Concat(in.Files), 0, in.check()
		}
	}
	for _, name := range in.Files {
		info, err := os.Stat(name)
		if err != nil {
			return nil, 0, cause(name, err)
		}
		if !info.IsDir() {
			files, all = append(files, name), all+info.Size()
			continue
		}
		before := len(files)
		err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if strings.HasPrefix(entry.Name(), ".") && path != name {
				if entry.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
				files, all = append(files, path), all+info.Size()
			}
			return nil
		})
		if err != nil {
			return nil, 0, cause(name, err)
		}
		if len(files) == before {
			return nil, 0, fmt.Errorf("%s: there is no file in it", name)
		}
	}
	return files, all, nil
}

// check refuses folders beside standard input: their files would have to be listed.
func (in *Input) check() error {
	for _, name := range in.Files {
		if info, err := os.Stat(name); name != "-" && err == nil && info.IsDir() {
			return fmt.Errorf("%s: a folder cannot be read beside standard input", name)
		}
	}
	return nil
}

// cause is an error of a file with its name once.
func cause(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// chunk is some lines on their way through a decoder.
type chunk struct {
	file    string
	first   int // number of the first line
	lines   [][]byte
	text    []byte // what the lines point into
	bytes   int64
	failed  error // of the file
	decoded []decoded
	done    chan struct{}
}

// decoded is what became of one line: a delivery, something wrong, or nothing at all.
type decoded struct {
	line    int
	d       delivery
	account string
	region  string
	wrong   string
	empty   bool
}

const (
	chunkBytes = 256 << 10
	chunkLines = 512
)

// pipeline reads, decodes side by side, and collects in order.
func (in *Input) pipeline(files []string, all int64, h *History) error {
	workers := runtime.GOMAXPROCS(0)
	work, order := make(chan *chunk), make(chan *chunk, 2*workers)
	quit := make(chan struct{})
	var group sync.WaitGroup
	defer group.Wait()
	defer close(quit)
	group.Go(func() {
		defer close(order)
		defer close(work)
		lines := bufio.NewReaderSize(nil, events.MaxPayload+1)
		for _, name := range files {
			if !in.split(name, lines, work, order, quit) {
				return
			}
		}
	})
	for range workers {
		group.Go(func() {
			for c := range work {
				for i, line := range c.lines {
					one := in.decode(line)
					one.line = c.first + i
					c.decoded = append(c.decoded, one)
				}
				close(c.done)
			}
		})
	}
	collector := collector{in: in, h: h, all: all}
	for c := range order {
		<-c.done
		if err := collector.take(c); err != nil {
			return err
		}
	}
	return nil
}

// split reads a file and hands out its lines. False: nobody wants more.
func (in *Input) split(name string, lines *bufio.Reader, work, order chan<- *chunk,
	quit <-chan struct{}) bool {
	send := func(c *chunk) bool {
		c.done = make(chan struct{})
		for _, to := range []chan<- *chunk{order, work} {
			select {
			case to <- c:
			case <-quit:
				return false
			}
		}
		return true
	}
	shown, file := name, io.Reader(in.Stdin)
	if name == "-" {
		shown = "standard input"
	} else {
		opened, err := os.Open(name)
		if err != nil {
			return send(&chunk{failed: cause(name, err)})
		}
		defer opened.Close()
		file = opened
	}
	lines.Reset(file)
	if whole := wholePayload(lines); whole != nil {
		return send(&chunk{file: shown, first: 1, lines: [][]byte{whole}, bytes: int64(len(whole))})
	}
	number := 0
	c := &chunk{file: shown, first: 1}
	for {
		line, err := lines.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return send(c) && send(&chunk{file: shown, first: number + 1,
				lines: [][]byte{bytes.Clone(line)}}) // too long, which its decoder will say
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return send(c) && send(&chunk{failed: cause(shown, err)})
		}
		if len(line) > 0 {
			number++
			from := len(c.text)
			c.text = append(c.text, line...)
			c.lines = append(c.lines, c.text[from:len(c.text):len(c.text)])
			c.bytes += int64(len(line))
		}
		if err != nil {
			return send(c)
		}
		if len(c.text) >= chunkBytes || len(c.lines) >= chunkLines {
			if !send(c) {
				return false
			}
			c = &chunk{file: shown, first: number + 1, text: make([]byte, 0, chunkBytes)}
		}
	}
}

// wholePayload is a file that is one payload over several lines, as JSON that was made for people
// is; nil: it is lines.
func wholePayload(r *bufio.Reader) []byte {
	head, _ := r.Peek(1 << 12)
	trimmed := bytes.TrimLeft(head, "\xef\xbb\xbf \t\r\n")
	if len(trimmed) == 0 || trimmed[0] != '{' && trimmed[0] != '[' {
		return nil
	}
	if line, _, found := bytes.Cut(trimmed, []byte("\n")); !found || json.Valid(line) {
		return nil // one line that is longer than the head, or one that is whole
	}
	text, err := r.Peek(events.MaxPayload + 1)
	if !errors.Is(err, io.EOF) || !json.Valid(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))) {
		return nil
	}
	return bytes.Clone(text)
}

// decode makes a delivery of one line.
func (in *Input) decode(line []byte) (one decoded) {
	line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))
	if len(line) == 0 {
		one.empty = true
		return one
	}
	payload, unfinished, key, audited := in.audit(line)
	if !audited {
		payload = line
	}
	alarms, err := events.Decode(payload)
	if err != nil && !audited {
		one.wrong = strings.TrimPrefix(err.Error(), events.ErrMalformed.Error()+": ")
		return one
	}
	if len(alarms) == 1 && !audited {
		switch a := &alarms[0]; {
		case a.Format == events.FormatTimer:
			one.wrong = "it is a timer's event, and no alarm"
			return one
		case a.Problem == events.ProblemNotAnAlarm:
			one.wrong = "it is no alarm: " + a.Note
			return one
		}
	}
	one.d = delivery{unfinished: unfinished}
	if len(alarms) == 0 {
		one.d.payload = payload
	}
	for i := range alarms {
		a := &alarms[i]
		if !audited {
			key = a.Key
		}
		one.d.alarms = append(one.d.alarms, alarm{*a, key})
		if a.Time.After(one.d.at) {
			one.d.at = a.Time
		}
		if one.account == "" && a.Account != ownAccount {
			one.account = a.Account
		}
		if one.region == "" {
			one.region = a.Region
		}
	}
	if published := published(line); published.After(one.d.at) && !one.d.at.IsZero() {
		one.d.at = published
	}
	return one
}

// published is when a topic of MNS took the message in, where the line is one; an alarm that was
// late there is late here, too.
func published(line []byte) time.Time {
	if !bytes.Contains(line, []byte(`"PublishTime"`)) {
		return time.Time{}
	}
	var envelope struct {
		TopicName   string
		PublishTime json.RawMessage
	}
	if json.Unmarshal(line, &envelope) != nil || envelope.TopicName == "" {
		return time.Time{}
	}
	ms, err := strconv.ParseInt(strings.Trim(string(envelope.PublishTime), `"`), 10, 64)
	if err != nil || ms < 1e12 || ms > 1e13 { // milliseconds of the years 2001 to 2286
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// collector puts deliveries into the history, in the order of the input.
type collector struct {
	in   *Input
	h    *History
	all  int64
	read int64
	last time.Time // of the delivery before: one without a time comes with it
}

func (c *collector) take(chunk *chunk) error {
	if chunk.failed != nil {
		return chunk.failed
	}
	for i := range chunk.decoded {
		one := &chunk.decoded[i]
		switch {
		case one.empty:
			continue
		case one.wrong != "":
			bad := &BadLine{chunk.file, one.line, one.wrong}
			if c.in.Bad == nil {
				return bad
			}
			if err := c.in.Bad(bad); err != nil {
				return err
			}
			continue
		}
		if err := c.add(one); err != nil {
			return err
		}
	}
	if c.read += chunk.bytes; c.in.Read != nil {
		c.in.Read(c.read, c.all)
	}
	return nil
}

func (c *collector) add(one *decoded) error {
	h, d := c.h, &one.d
	if d.at.IsZero() {
		d.at = c.last
	} else {
		d.at = d.at.Add(c.in.Assumed.Delay)
		c.last = d.at
		if earlier(d.at, h.start) {
			h.start = d.at
		}
	}
	h.Alarms += max(1, len(d.alarms))
	// The function is supposed to be where the oldest alarm is from.
	if c.in.Assumed.Account == "" && one.account != "" && earlier(d.at, h.accountAt) {
		h.Account, h.accountAt = one.account, d.at
	}
	if c.in.Assumed.Region == "" && one.region != "" && earlier(d.at, h.regionAt) {
		h.Region, h.regionAt = one.region, d.at
	}
	return h.spool.add(d)
}

// earlier reports whether a comes before b; anything comes before the zero time, which is none.
func earlier(a, b time.Time) bool { return b.IsZero() || a.Before(b) }
