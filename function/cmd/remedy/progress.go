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
	out io.Writer // nil: not shown
	all int

	mu   sync.Mutex
	done int
}

// newProgress shows the bar on standard error, if that is a terminal.
func newProgress(c *console, all int) *progress {
	p := &progress{all: all}
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
	const width = 40
	if p.out == nil || p.all == 0 {
		return
	}
	full := p.done * width / p.all
	fmt.Fprintf(p.out, "\r%s%s %d of %d instances", strings.Repeat("█", full),
		strings.Repeat("░", width-full), p.done, p.all)
}

// end takes the bar away.
func (p *progress) end() {
	if p.out != nil {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
