package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
)

// progress is a bar on a terminal's last line. Elsewhere it shows nothing. It is safe for
// concurrent use.
type progress struct {
	out   io.Writer // nil: not shown
	width int       // of the terminal in columns; zero: it is not known
	all   int

	mu   sync.Mutex
	done int
}

// newProgress shows the bar on standard error, if that is a terminal.
func newProgress(c *console, all int) *progress {
	p := &progress{all: all, width: c.barWidth}
	if c.live {
		p.out = c.err
	}
	p.draw()
	return p
}

// step says that one more is done.
func (p *progress) step() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.draw()
}

// draw fails silently: the bar is nothing that the answer depends on.
func (p *progress) draw() {
	if p.out == nil || p.all == 0 {
		return
	}
	fmt.Fprint(p.out, "\r"+bar(p.width, int64(p.done), int64(p.all),
		fmt.Sprintf("%d of %d instances", p.done, p.all)))
}

// bar is a line that shows how much is done, with a text beside it, on a terminal of that width
// (zero: it is not known). It leaves the last column free: a line that wraps cannot be drawn anew.
// What is too narrow for a bar gets the text only, or as much of it as there is room for.
func bar(width int, done, all int64, text string) string {
	const most, least, usual = 40, 4, 80
	if width <= 0 {
		width = usual
	}
	room := min(width-1-wide(" "+text), most)
	if room < least {
		return text[:max(0, min(len(text), width-1))]
	}
	full := int(min(done, all) * int64(room) / all)
	return strings.Repeat("█", full) + strings.Repeat("░", room-full) + " " + text
}

// end takes the bar away.
func (p *progress) end() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
