package report

import (
	"bytes"
	"fmt"
	"go/format"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/valyala/quicktemplate/parser"
)

// TestTemplateIsCompiled: page.qtpl.go is what go generate makes of page.qtpl. It calls what the
// tool qtc calls, of the same version: go.mod has one for both.
func TestTemplateIsCompiled(t *testing.T) {
	template, err := os.ReadFile("page.qtpl")
	if err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	err = parser.ParseNoLineComments(&raw, bytes.NewReader(template), "page.qtpl", "report")
	if err != nil {
		t.Fatal(err)
	}
	want, err := format.Source(raw.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("page.qtpl.go")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("page.qtpl.go is not made of this page.qtpl: run go generate here")
	}
}

// TestTemplateIsSafe: quicktemplate escapes a value in the same way wherever it stands, which is
// right in a text node and in a double-quoted attribute only. So values stand nowhere else.
func TestTemplateIsSafe(t *testing.T) {
	template, err := os.ReadFile("page.qtpl")
	if err != nil {
		t.Fatal(err)
	}
	values, wrong := unsafeTags(string(template))
	for _, what := range wrong {
		t.Error(what)
	}
	if values < 100 {
		t.Errorf("%d values were looked at: the template has more", values)
	}
}

// TestUnsafeTagsAreNoticed: one row for each place where a value must not stand, and beside it the
// place where it may.
func TestUnsafeTagsAreNoticed(t *testing.T) {
	for _, row := range []struct {
		template string
		safe     bool
	}{
		{`<p>{%s v %}</p>`, true},
		{`<p>{%s= v %}</p>`, false}, // not escaped
		{`<p>{%v v %}</p>`, false},  // anything, by its own String method
		{`<p>{%q v %}</p>`, false},  // for JSON
		{`<p>{%= part(v) %}</p>`, true},
		{`<p class="{%= part(v) %}">`, false}, // a part of the page is no value of an attribute
		{`<p class="a {%s v %}">{%d n %}</p>`, true},
		{`<p class={%s v %}>`, false},
		{`<p class='{%s v %}'>`, false},
		{`<p {%s v %}>`, false},
		{`<{%s v %}>`, false},
		{`<p style="{%s v %}">`, false},
		{`<p onclick="{%s v %}">`, false},
		{`<a href="{%s v %}">`, false}, // a javascript: URL has nothing to escape
		{`<a href="#{%s v %}">`, true},
		{`<img src="{%s v %}">`, false},
		{`<img src="{%s x.Picture %}">`, true}, // a data: URL that exhibit made
		{`<img src="data:{%s x.Picture %}">`, false},
		{`<style>{%s= style %}</style>`, true},
		{`<style>{%s v %}</style>`, false},
		{`<style>{%s= style %}{%s v %}</style>`, false},
		{`<script>{%s v %}</script>`, false},
		{`<!-- {%s v %} -->`, false},
		{`<p{% if a %} class="a"{% endif %}>{%s v %}</p>`, true},
		{`<p class="{% if a %}a{% else %}b{% endif %}">{%s v %}</p>`, true},
		{`<p class="{% if a %}a"{% endif %}>{%s v %}</p>`, false}, // one way, the quote stays open
		{`<p class="{% if a %}a{% else %}b"{% endif %}>{%s v %}</p>`, false},
		{`<p{% for a() %}>{% endfor %}{%s v %}</p>`, false},
		{`{% switch a %}{% case 1 %}<p>{% default %}<p{% endswitch %}>`, false},
	} {
		_, wrong := unsafeTags("{% func page() -%}\n" + row.template + "\n{% endfunc %}\n")
		if safe := len(wrong) == 0; safe != row.safe {
			t.Errorf("%s: safe is %v (%q)", row.template, safe, wrong)
		}
	}
}

var (
	tag       = regexp.MustCompile(`\{%-?\s*([^\s%]+)\s*(.*?)\s*-?%\}`)
	element   = regexp.MustCompile(`<(?i:script|style|textarea|iframe|xmp|noscript|plaintext|!--)`)
	attribute = regexp.MustCompile(`([^\s"'<>/=]*)="([^"]*)$`)
)

// unsafeTags reads a template as a browser would read the page, and lists the values that stand
// where they must not. It knows the elements and tags that the page uses; others are listed.
func unsafeTags(template string) (values int, wrong []string) {
	const sheet = "<style>{%s= style %}</style>"
	template = strings.Replace(template, sheet, "", 1)
	for _, what := range element.FindAllString(template, -1) {
		wrong = append(wrong, "an element whose content is no plain text: "+what)
	}
	var before strings.Builder // the page up to here
	where, open := inText, []place(nil)
	at := 0
	for _, m := range tag.FindAllStringSubmatchIndex(template, -1) {
		text, name, value := template[at:m[0]], template[m[2]:m[3]], template[m[4]:m[5]]
		at = m[1]
		where = where.after(text)
		before.WriteString(text)
		complain := func(why string) {
			line := 1 + strings.Count(template[:m[0]], "\n")
			wrong = append(wrong, fmt.Sprintf("line %d: %s: %s", line, template[m[0]:m[1]], why))
		}
		switch name {
		case "s", "d", "dl":
			values++
			if why := where.refuses(before.String(), value); why != "" {
				complain(why)
			}
			before.WriteString("0")
		case "=":
			if where != inText {
				complain("a part of the page stands in a tag")
			}
		case "func": // what is before it is a comment
			where, open = inText, nil
			before.Reset()
		case "endfunc":
			if where != inText || len(open) > 0 {
				complain("it ends within a tag")
			}
			before.Reset()
		case "if", "for", "switch":
			open = append(open, where)
		case "else", "elseif", "case", "default", "endif", "endfor", "endswitch":
			if len(open) == 0 || open[len(open)-1] != where {
				complain("whether it stands in a tag depends on a condition")
				return values, wrong
			}
			if strings.HasPrefix(name, "end") {
				open = open[:len(open)-1]
			}
		case "code", "stripspace", "endstripspace":
		default:
			complain("not one of the page's tags")
		}
	}
	return values, wrong
}

// place is where in HTML something stands.
type place string

const (
	inText  place = "text"
	inTag   place = "tag"
	inValue place = "value" // of an attribute, in double quotes
	inOther place = "other" // in single quotes: the page has none
)

// after is the place at the text's end.
func (p place) after(text string) place {
	for _, r := range text {
		switch {
		case p == inText && r == '<', p == inValue && r == '"':
			p = inTag
		case p == inTag && r == '>':
			p = inText
		case p == inTag && r == '"':
			p = inValue
		case p == inTag && r == '\'':
			p = inOther
		}
	}
	return p
}

// refuses says why a value must not stand here; empty if it may.
func (p place) refuses(before, value string) string {
	switch p {
	case inText:
		return ""
	case inTag, inOther:
		return "in a tag, and not in double quotes"
	}
	m := attribute.FindStringSubmatch(before)
	if m == nil {
		return "in an attribute without a name"
	}
	plain := []string{"alt", "aria-label", "aria-labelledby", "class", "content", "data-at",
		"height", "id", "lang", "text-anchor", "width", "x", "x1", "x2", "y", "y2"}
	switch name, first := m[1], m[2]; {
	case slices.Contains(plain, name), name == "href" && strings.HasPrefix(first, "#"),
		name == "src" && first == "" && value == "x.Picture":
		return ""
	}
	return "in an attribute that could run or load something"
}
