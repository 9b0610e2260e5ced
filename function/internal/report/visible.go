package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// longest is how many bytes of one value from outside a page shows.
const longest = 4 << 10

// visible makes text from outside safe to look at: what has no shape of its own, or would turn
// other text round, is shown as such.
func visible(text string) string {
	text, cut := cutTo(text, longest)
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '\t':
			b.WriteRune(r)
		case r < ' ':
			b.WriteRune(0x2400 + r) // the pictures of control characters
		case r == 0x7f:
			b.WriteRune(0x2421)
		case unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs):
			fmt.Fprintf(&b, "⟨%U⟩", r)
		default:
			b.WriteRune(r)
		}
	}
	if cut {
		b.WriteRune('…')
	}
	return b.String()
}

// cutTo cuts text at a letter's boundary, and makes it valid UTF-8.
func cutTo(text string, most int) (string, bool) {
	cut := len(text) > most
	if cut {
		for most > 0 && !utf8.RuneStart(text[most]) {
			most--
		}
		text = text[:most]
	}
	return strings.ToValidUTF8(text, "\uFFFD"), cut
}
