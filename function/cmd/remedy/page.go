package main

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// columns is how wide a line may be: it fits a terminal of usual width beside something else.
const columns = 100

// style is how a piece of text looks on a terminal: the parameter of an ANSI "select graphic rendition" sequence (ECMA-48).
type style string

const (
	normal style = ""
	bold   style = "1"
	faint  style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

// cell is a piece of text in one style.
type cell struct {
	text  string
	style style
}

// page prints rows of a time, a label and text that is wrapped beside them. The first error of the writer is kept, and ends
// the printing.
type page struct {
	out   io.Writer
	color bool
	shown string // the time of the last row: it is not repeated
	err   error
}

const (
	timeWidth  = 8
	labelWidth = 9
)

// newPage returns a page on the console's standard output.
func newPage(c *console) *page { return &page{out: c.out, color: c.color} }

// text prints a paragraph at the left edge.
func (p *page) text(s style, text string) {
	for _, line := range wrap(plain(text), columns) {
		p.print(p.paint(cell{line, s}))
	}
}

// gap prints an empty line, after which the next row shows its time again.
func (p *page) gap() {
	p.print("")
	p.shown = ""
}

// row prints text beside a time, which may be empty, and a label. Cells stand before the text, and its lines are aligned
// after them.
func (p *page) row(at string, label cell, text string, lead ...cell) {
	shown := at
	if at == p.shown {
		shown = ""
	}
	if at != "" {
		p.shown = at
	}
	label.text = plain(label.text)
	head := pad("", timeWidth-wide(shown)) + p.paint(cell{shown, faint}) + "  " +
		p.paint(label) + pad(label.text, labelWidth) + "  "
	width := timeWidth + 2 + max(labelWidth, wide(label.text)) + 2
	for _, c := range lead {
		c.text = plain(c.text)
		head += p.paint(c)
		width += wide(c.text)
	}
	for n, line := range wrap(plain(text), columns-width) {
		if n > 0 {
			head = strings.Repeat(" ", width)
		}
		p.print(head + line)
	}
}

// finding prints a rule's answer.
func (p *page) finding(at string, label cell, ok bool, rule, saw string) {
	mark := cell{"✓ ", green}
	if !ok {
		mark = cell{"✗ ", red}
	}
	p.row(at, label, saw, mark, cell{rule + pad(rule, 14) + " ", normal})
}

func (p *page) print(line string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, strings.TrimRight(line, " "))
	}
}

func (p *page) paint(c cell) string {
	if !p.color || c.style == normal || c.text == "" {
		return c.text
	}
	return "\x1b[" + string(c.style) + "m" + c.text + "\x1b[0m"
}

// pad is what is missing of text to the width.
func pad(text string, width int) string {
	return strings.Repeat(" ", max(0, width-wide(text)))
}

// plain takes out of text from outside whatever could move a terminal's cursor, change its colours or turn its text round.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) || r == utf8.RuneError:
			return -1
		}
		return r
	}, text)
}

// wrap breaks text into lines of at most the width, between words where it can. It returns one line at least.
func wrap(text string, width int) []string {
	var lines []string
	var line strings.Builder
	used := 0
	end := func() {
		lines = append(lines, line.String())
		line.Reset()
		used = 0
	}
	for word := range strings.FieldsSeq(text) {
		if used > 0 && used+1+wide(word) > width {
			end()
		}
		if used > 0 {
			line.WriteByte(' ')
			used++
		}
		for _, r := range word {
			if used+wide(string(r)) > width {
				end()
			}
			line.WriteRune(r)
			used += wide(string(r))
		}
	}
	end()
	return lines
}

// wide is how many columns of a terminal text takes: the letters of Chinese, Japanese and Korean take two.
func wide(text string) int {
	n := 0
	for _, r := range text {
		if n++; unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || r >= 0xFF01 && r <= 0xFF60 ||
			r >= 0x3000 && r <= 0x303F {
			n++
		}
	}
	return n
}

// elapsed is a time since the start: "+5:10", "+1:05:10".
func elapsed(d time.Duration) string {
	d = d.Round(time.Second)
	hours, minutes, seconds := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	if hours > 0 {
		return fmt.Sprintf("+%d:%02d:%02d", hours, minutes, seconds)
	}
	return fmt.Sprintf("+%d:%02d", minutes, seconds)
}
