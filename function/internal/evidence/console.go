package evidence

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// mostLog is how many bytes of a cleaned log are kept, its tail: what it said last is why it
	// hangs.
	mostLog = 256 << 10

	// mostLine is how many bytes of one cleaned line are kept, its beginning.
	mostLine = 4 << 10

	// mostRun is how many equal characters that cannot be shown are written out one by one. A guest
	// that died leaves pages of zero bytes.
	mostRun = 4
)

// CleanConsole makes a console's log from outside harmless text: UTF-8 in lines that end with a
// newline. It is the log's tail, of 256 KiB at most; where that is not all, a first line in
// brackets says how much is left out. Cleaning what was cleaned changes nothing.
//
//   - A line ends at \n, \r\n, \r\r\n or a \r alone, which are all the same.
//   - What cannot be shown is shown by its number: a control character or a byte that is no UTF-8
//     as \x1b, another invisible character (which could turn a line around) as \u202e. More than
//     four of the same are one with their count, \x00{4096}. Tabs, and backslashes that were there,
//     stay. So an escape sequence is text: \x1b[31m.
//   - A line of more than 4 KiB ends with how many bytes of it are left out, in brackets.
func CleanConsole(raw []byte) []byte {
	type cleaned struct {
		text  []byte
		start int // where the line begins in raw
	}
	var lines []cleaned // the last one first
	size := 0
	rest := bytes.TrimRight(raw, "\r\n")
	for more := len(rest) > 0; more && size <= mostLog; {
		var line []byte
		start := len(rest)
		rest, line, more = lastLine(rest)
		start -= len(line)
		lines = append(lines, cleaned{cleanLine(line), start})
		size += len(lines[len(lines)-1].text) + 1
	}
	most := mostLog
	if len(rest) > 0 {
		most -= longestNotice
	}
	for size > most {
		last := len(lines) - 1
		size -= len(lines[last].text) + 1
		lines = lines[:last]
		most = mostLog - longestNotice
	}
	if len(lines) == 0 {
		return nil
	}
	clean := make([]byte, 0, size+longestNotice)
	if first := lines[len(lines)-1].start; first > 0 {
		clean = fmt.Appendf(clean, "[the first %d of %d bytes are left out]\n", first, len(raw))
	}
	for _, line := range slices.Backward(lines) {
		clean = append(append(clean, line.text...), '\n')
	}
	return clean
}

// longestNotice is more than a text in brackets can have that says what is left out.
const longestNotice = 80

// lastLine splits a text at its last line break, which belongs to neither part; without one, all of
// it is its last line, and there is no more.
func lastLine(text []byte) (before, line []byte, more bool) {
	i := bytes.LastIndexAny(text, "\r\n")
	if i < 0 {
		return nil, text, false
	}
	line = text[i+1:]
	if text[i] == '\n' {
		for i > 0 && text[i-1] == '\r' {
			i--
		}
	}
	return text[:i], line, true
}

// cleanLine writes a line so that it can be shown.
func cleanLine(line []byte) []byte {
	var b []byte
	fits, kept := 0, 0 // where to cut if it gets too long: in line, and in b
	for i := 0; i < len(line); {
		if len(b) <= mostLine-longestNotice {
			fits, kept = i, len(b)
		}
		r, size := utf8.DecodeRune(line[i:])
		if r == '\t' || unicode.IsGraphic(r) && !(r == utf8.RuneError && size == 1) {
			b = append(b, line[i:i+size]...)
			i += size
		} else {
			one, count := line[i:i+size], 1
			for bytes.HasPrefix(line[i+count*size:], one) {
				count++
			}
			i += count * size
			text := byNumber(r, one)
			if count > mostRun {
				text = fmt.Sprintf("%s{%d}", text, count)
				count = 1
			}
			b = append(b, strings.Repeat(text, count)...)
		}
		if len(b) > mostLine {
			return fmt.Appendf(b[:kept:kept], " [%d bytes are left out]", len(line)-fits)
		}
	}
	return b
}

// byNumber writes a character that cannot be shown.
func byNumber(r rune, raw []byte) string {
	switch {
	case r == utf8.RuneError, r < 0x80: // the one byte
		return fmt.Sprintf(`\x%02x`, raw[0])
	case r > 0xffff:
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}
