package notify

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// plain makes text from outside harmless in a message, and cuts it. The zero plain does what every
// service needs; swap adds what one service's markup needs.
type plain struct {
	// swap returns what stands for a rune of harmless text, whose neighbours it is given (0: none).
	swap func(before, r, after rune) string
}

// plainText is for text that nothing interprets.
var plainText = plain{}

// ellipsis marks what was cut.
const ellipsis = "…"

// cut returns s harmless and in limit bytes at most, as much of it as there is room for, cut
// between two runes and never within what stands for one.
//
// Look-alikes stand for what could act, because escaping differs between a service's own clients
// where it is documented at all, and an invisible character in between would be dropped by some: a
// full-width @, a full-width colon before a slash, and a leader dot within what could be a host's
// name. Characters that are not seen, or that turn the direction of text, are left out, and control
// characters are shown.
func (p plain) cut(s string, limit int) string {
	runes := harmless(s, limit)
	var b strings.Builder
	fits := 0 // the length up to which there is still room for the ellipsis
	for i, r := range runes {
		var before, after rune
		if i > 0 {
			before = runes[i-1]
		}
		if i+1 < len(runes) {
			after = runes[i+1]
		}
		if p.swap == nil {
			b.WriteRune(r)
		} else {
			b.WriteString(p.swap(before, r, after))
		}
		if b.Len() <= limit-len(ellipsis) {
			fits = b.Len()
		}
		if b.Len() > limit {
			if limit < len(ellipsis) {
				return ""
			}
			return b.String()[:fits] + ellipsis
		}
	}
	return b.String()
}

// harmless is what every service needs. It looks at not much more text than limit bytes can show,
// and makes no more than a few runes too many of it.
func harmless(s string, limit int) []rune {
	if enough := 16 * (limit + 64); len(s) > enough { // much of it may be left out
		s = s[:enough]
	}
	s = strings.TrimSpace(strings.ToValidUTF8(s, string(utf8.RuneError)))
	var out []rune
	marks := 0 // combining marks in a row
	for _, r := range s {
		if len(out) > limit+8 {
			break
		}
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Z, r):
			r = ' '
		case r < ' ':
			r += '␀'
		case r == 0x7f:
			r = '␡'
		case r < 0xa0 && r > 0x7f:
			r = utf8.RuneError
		case unicode.In(r, unicode.Cf, unicode.Co, unicode.Variation_Selector,
			unicode.Other_Default_Ignorable_Code_Point):
			continue
		case r == '@':
			r = '＠'
		}
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		}
		if marks > 3 { // no script needs more, and a pile of them covers the lines above
			continue
		}
		out = append(out, r)
	}
	unlink(out)
	return out
}

// unlink changes what chat clients make links of by themselves: scheme://, and names and addresses
// of hosts. A number with one dot stays what it is.
func unlink(text []rune) {
	at := func(i int) rune {
		if i < 0 || i >= len(text) {
			return 0
		}
		return text[i]
	}
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	dot := func(r rune) bool { return r == '.' || r == '․' }
	number := func(i int) bool { // of a dot: no host's name ends like 3.5s
		from, to := i-1, i+1
		for word(at(from)) {
			from--
		}
		for word(at(to)) {
			to++
		}
		return unicode.IsDigit(at(i+1)) && !dot(at(from)) && !(dot(at(to)) && word(at(to+1)))
	}
	for i, r := range text {
		switch {
		case r == ':' && at(i+1) == '/':
			text[i] = '：'
		case r == '.' && word(at(i-1)) && word(at(i+1)) && !number(i):
			text[i] = '․'
		}
	}
}

// isPlace reports whether a page's place can be shown as it is: an address of the web, an object or
// a file, without anything that a service's markup could take for its own.
func isPlace(s string) bool {
	scheme, rest, found := strings.Cut(s, "://")
	switch scheme {
	case "https", "oss", "dir":
	default:
		return false
	}
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-._/:?=&%+,", r))
	}
	return found && rest != "" && len(s) <= 1000 && !strings.ContainsFunc(s, odd)
}

// fullWidth returns a swap that replaces the given ASCII characters by their full-width forms.
func fullWidth(these string) func(before, r, after rune) string {
	return func(_, r, _ rune) string {
		if strings.ContainsRune(these, r) {
			r += '！' - '!'
		}
		return string(r)
	}
}

// feishuText: text messages have tags (<at user_id="all">), and clients of late read some Markdown
// in them. No escape is documented.
var feishuText = plain{fullWidth("<>[]*~`")}

// wecomMarkdown: headings, bold, links, quotes, <font>, <@userid>, and entities. No escape is
// documented. An underscore within a word is no markup, and names are full of them.
var wecomMarkdown = plain{func(before, r, after rune) string {
	word := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	if r == '_' && word(before) && word(after) {
		return "_"
	}
	return fullWidth("<>[]*~`#|\\!&_")(before, r, after)
}}

// slackText: Slack documents the three characters, and how it takes them back. Its other markup is
// switched off in the message.
var slackText = plain{func(_, r, _ rune) string {
	switch r {
	case '&':
		return "&amp;"
	case '<':
		return "&lt;"
	case '>':
		return "&gt;"
	}
	return string(r)
}}
