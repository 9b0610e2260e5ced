package main

import (
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// columns is how wide a line is where nobody can tell how wide the terminal is: it fits one of
// usual width beside something else.
const columns = 100

// narrowest is how wide a page is at least: a terminal below that breaks its lines by itself.
const narrowest = 40

// fitting is how wide a page on a terminal of that width is; zero: it is not known.
func fitting(width int) int {
	if width <= 0 {
		return columns
	}
	return max(width, narrowest)
}

// style is how a piece of text looks on a terminal: the parameter of an ANSI "select graphic
// rendition" sequence (ECMA-48).
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

// page prints rows of a time, a label and text that is wrapped beside them. The first error of the
// writer is kept, and ends the printing.
type page struct {
	out   io.Writer
	color bool
	width int    // of a line
	shown string // the time of the last row: it is not repeated
	err   error
}

const (
	timeWidth  = 8
	labelWidth = 9
	fieldWidth = 16 // of a field's or a rule's name before the text, with its mark

	// tabular is how wide a page is at least whose rows have columns: all of them, or none.
	tabular = timeWidth + 2 + labelWidth + 2 + fieldWidth + 1 + readable
)

// newPage returns a page on the console's standard output.
func newPage(c *console) *page {
	return &page{out: c.out, color: c.color, width: fitting(c.width)}
}

// text prints a paragraph at the left edge.
func (p *page) text(s style, text string) {
	for _, line := range wrap(plain(text), p.width) {
		p.print(p.paint(cell{line, s}))
	}
}

// gap prints an empty line, after which the next row shows its time again.
func (p *page) gap() {
	p.print("")
	p.shown = ""
}

// row prints text beside a time, which may be empty, and a label. Cells stand before the text, and
// its lines are aligned after them.
func (p *page) row(at string, label cell, text string, lead ...cell) {
	shown := at
	if at == p.shown {
		shown = ""
	}
	if at != "" {
		p.shown = at
	}
	label.text = plain(label.text)
	for i := range lead {
		lead[i].text = plain(lead[i].text)
	}
	text = plain(text)
	head := pad("", timeWidth-wide(shown)) + p.paint(cell{shown, faint}) + "  " +
		p.paint(label) + pad(label.text, labelWidth) + "  "
	width := timeWidth + 2 + max(labelWidth, wide(label.text)) + 2
	for _, c := range lead {
		head += p.paint(c)
		width += wide(c.text)
	}
	if p.width < tabular {
		p.narrowRow(cell{shown, faint}, label, text, lead)
		return
	}
	p.beside(head, width, text)
}

// narrowRow is a row of a page that has no room for columns: what is known of it stands side by
// side as far as it goes, and the text below that.
func (p *page) narrowRow(at, label cell, text string, lead []cell) {
	head, width := "", 0
	add := func(gap string, c cell) {
		head += gap + p.paint(c)
		width += wide(gap + c.text)
	}
	for _, c := range []cell{at, label} {
		if c.text != "" {
			add("", c)
			add("", cell{"  ", normal})
		}
	}
	if width == 0 && len(lead) == 0 { // it goes on from the row before
		add(pad("", below), cell{})
	} else if width == 0 {
		add("  ", cell{})
	}
	for i, c := range lead {
		if i == len(lead)-1 {
			c.text = strings.TrimRight(c.text, " ")
		}
		add("", c)
	}
	if len(lead) > 0 {
		add("  ", cell{})
	}
	if width+wide(text) <= p.width {
		p.print(head + text)
		return
	}
	p.beside(head, p.width, text)
}

// narrow reports whether text has no room beside a head of that width: neither all of it, nor
// enough to be read.
func (p *page) narrow(width int, text string) bool {
	room := p.width - width
	return width > below && room < readable && wide(text) > room
}

const (
	// readable is how much room text needs beside something: with less it would be a word a line.
	readable = 24
	// below is how far text is indented that has no such room, and stands below instead.
	below = 6
)

// beside prints text after a head of that width, and its further lines below its first. A word that
// has no room there, such as a long id, gets a line of its own, further left. Where the page is too
// narrow for both, all of the text stands below the head.
func (p *page) beside(head string, width int, text string) {
	if p.narrow(width, text) {
		if strings.TrimSpace(head) != "" {
			p.print(head)
		}
		head, width = strings.Repeat(" ", below), below
	}
	for _, line := range wrap(text, p.width-width) {
		if room := p.width - wide(line); room < width && head != "" {
			if strings.TrimSpace(head) != "" {
				p.print(head)
			}
			p.print(strings.Repeat(" ", max(0, room)) + line)
		} else {
			p.print(head + line)
		}
		head = strings.Repeat(" ", width)
	}
}

// finding prints a rule's answer.
func (p *page) finding(at string, label cell, ok bool, rule, saw string) {
	mark := cell{"✓ ", green}
	if !ok {
		mark = cell{"✗ ", red}
	}
	p.row(at, label, saw, mark, cell{rule + pad(rule, fieldWidth-wide(mark.text)) + " ", normal})
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

// plain takes out of text from outside whatever could move a terminal's cursor, change its colours
// or turn its text round.
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

// wrap breaks text into lines of the width, at its spaces, and between the letters of Chinese,
// Japanese and Korean, which have none. What holds together is never broken: a word or an id that
// is wider gets a line of its own. It returns one line at least.
func wrap(text string, width int) []string {
	var lines []string
	var line strings.Builder
	used := 0
	for word := range strings.FieldsSeq(text) {
		space := 1
		for part := range parts(word) {
			if used > 0 && used+space+wide(part) > width {
				lines = append(lines, line.String())
				line.Reset()
				used = 0
			}
			if used > 0 && space > 0 {
				line.WriteByte(' ')
				used++
			}
			line.WriteString(part)
			used += wide(part)
			space = 0
		}
	}
	return append(lines, line.String())
}

// parts are the pieces of a word between which a line may end: before and after every wide letter,
// but not before a mark that ends something, nor after one that begins it.
func parts(word string) iter.Seq[string] {
	const ends, begins = "，。、；：！？）」』】》〉”’", "（「『【《〈“‘"
	return func(yield func(string) bool) {
		from, last := 0, rune(0)
		for at, r := range word {
			apart := at > 0 && (wide(string(r)) > 1 || wide(string(last)) > 1)
			if apart && !strings.ContainsRune(ends, r) && !strings.ContainsRune(begins, last) {
				if !yield(word[from:at]) {
					return
				}
				from = at
			}
			last = r
		}
		yield(word[from:])
	}
}

// wide is how many columns of a terminal text takes: the letters of Chinese, Japanese and Korean
// take two.
func wide(text string) int {
	n := 0
	for _, r := range text {
		letter := unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul)
		if n++; letter || r >= 0xFF01 && r <= 0xFF60 || r >= 0x3000 && r <= 0x303F {
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
