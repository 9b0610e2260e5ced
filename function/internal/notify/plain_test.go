package notify

import (
	"cmp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestHostileText: what an instance can be called, and what it looks like in each service.
func TestHostileText(t *testing.T) {
	for _, row := range []struct{ text, plain, feishu, wecom, slack, why string }{
		{"web_01-a", "web_01-a", "", "", "", "an ordinary name stays as it is"},
		{"重启 🚀", "重启 🚀", "", "", "", "any script does"},
		{"took 3.5 s, 3.5s, v1.2", "took 3.5 s, 3.5s, v1.2", "", "", "", "numbers stay"},
		{"done. Next", "done. Next", "", "", "", "and so do sentences"},
		{"@all @所有人 a@b", "＠all ＠所有人 a＠b", "", "", "", "nobody is mentioned"},
		{"<at user_id=\"all\">x</at>", "<at user_id=\"all\">x</at>", "＜at user_id=\"all\"＞x＜/at＞",
			"＜at user_id=\"all\"＞x＜/at＞",
			"&lt;at user_id=\"all\"&gt;x&lt;/at&gt;", "Feishu's mention"},
		{"<@userid> <!channel>", "<＠userid> <!channel>",
			"＜＠userid＞ ＜!channel＞", "＜＠userid＞ ＜！channel＞",
			"&lt;＠userid&gt; &lt;!channel&gt;", "WeCom's and Slack's mentions"},
		{"[x](http://evil.com)", "[x](http：//evil․com)", "［x］(http：//evil․com)",
			"［x］(http：//evil․com)", "[x](http：//evil․com)", "Markdown's link"},
		{"<http://evil.com|x>", "<http：//evil․com|x>",
			"＜http：//evil․com|x＞", "＜http：//evil․com｜x＞",
			"&lt;http：//evil․com|x&gt;", "Slack's link"},
		{"www.evil.com evil.com:80/x dingtalk://x", "www․evil․com evil․com:80/x dingtalk：//x",
			"", "", "",
			"what clients make links of by themselves"},
		{"10.0.0.1 1.2.3", "10․0․0․1 1․2․3", "", "", "", "addresses, too"},
		{"InvalidId.NotFound", "InvalidId․NotFound", "", "", "",
			"an error's code is a name like a host's"},
		{"# **a** _b_ `c` ~d~ !e \\f &lt;", "# **a** _b_ `c` ~d~ !e \\f &lt;",
			"# ＊＊a＊＊ _b_ ｀c｀ ～d～ !e \\f &lt;",
			"＃ ＊＊a＊＊ ＿b＿ ｀c｀ ～d～ ！e ＼f ＆lt;", "# **a** _b_ `c` ~d~ !e \\f &amp;lt;", "markup"},
		{"a\nb\r\n\tc\u2028d", "a b   c d", "", "", "", "one line"},
		{"a\x1b[31mb\x00\x7f\u0085\u009b", "a␛[31mb␀␡ \uFFFD", "a␛［31mb␀␡ \uFFFD",
			"a␛［31mb␀␡ \uFFFD", "", "control characters are shown"},
		{"a\u202egnp.exe\u200b\ufeff\u2066\U000E0041", "agnp․exe", "", "", "",
			"nothing turns the direction, and nothing hides"},
		{"a\xff\xfeb", "a\uFFFDb", "", "", "", "broken UTF-8"},
		{"Z" + strings.Repeat("\u0301", 40) + "x", "Z\u0301\u0301\u0301x", "", "", "",
			"a pile of marks"},
	} {
		for _, service := range []struct {
			plain plain
			want  string
			name  string
		}{{plainText, row.plain, "plain"}, {feishuText, row.feishu, "feishu"},
			{wecomMarkdown, row.wecom, "wecom"}, {slackText, row.slack, "slack"}} {
			got := service.plain.cut(row.text, 1000)
			if want := cmp.Or(service.want, row.plain); got != want {
				t.Errorf("%s (%s): %q became %q, want %q",
					row.why, service.name, row.text, got, want)
			}
		}
	}
}

func TestCut(t *testing.T) {
	for _, row := range []struct {
		plain plain
		text  string
		limit int
		want  string
		why   string
	}{
		{plainText, "abcdef", 6, "abcdef", "it fits"},
		{plainText, "\u200b\u00ad\n", 6, "", "nothing to see is nothing"},
		{plainText, "abcdefg", 6, "abc…", "one byte too many; the ellipsis takes three"},
		{plainText, "重启中", 9, "重启中", "it fits"},
		{plainText, "重启中", 8, "重…", "between two runes"},
		{plainText, "重启中", 5, "…", "no room for a rune"},
		{plainText, "重启中", 2, "", "no room for anything"},
		{slackText, "ab<cd", 8, "ab&lt;cd", "it fits"},
		{slackText, "ab<cd", 7, "ab…", "never within an escape"},
		{plainText, strings.Repeat("\u200b", 100_000) + "x", 5, "",
			"what is not seen is not read for ever"},
	} {
		if got := row.plain.cut(row.text, row.limit); got != row.want {
			t.Errorf("%s: %q in %d became %q, want %q", row.why, row.text, row.limit, got, row.want)
		}
	}
}

func TestIsPlace(t *testing.T) {
	for _, row := range []struct {
		place string
		want  bool
		why   string
	}{
		{"oss://bucket/remedy/i-bp1/20261123T074201Z/incident.html", true, "an object"},
		{"dir:///var/lib/remedy/i-bp1", true, "a folder"},
		{"https://example.com/p?a=b&c=%20", true, "an address of the web"},
		{"http://example.com/", false, "nobody should follow that"},
		{"javascript://x", false, "nor that"},
		{"https://", false, "nothing"},
		{"https://u@example.com/", false, "a user"},
		{"https://example.com/)[x](", false, "Markdown"},
		{"https://example.com/ <!channel>", false, "a mention"},
		{"https://example.com/" + strings.Repeat("a", 1000), false, "too long to be shown whole"},
	} {
		if got := isPlace(row.place); got != row.want {
			t.Errorf("%s: %q is a place: %v", row.why, row.place, got)
		}
	}
}

// FuzzCut: no text comes out longer than its limit, broken, or with anything that acts.
func FuzzCut(f *testing.F) {
	f.Add("<at user_id=\"all\">[x](http://evil.com) @all &lt; a.b.c 1.2.3.4\x1b\u202e", 40)
	f.Add("１.2.ａ.b", 9)
	f.Fuzz(func(t *testing.T, text string, limit int) {
		limit = min(max(limit, 0), 5000)
		for name, p := range map[string]plain{"plain": plainText, "feishu": feishuText,
			"wecom": wecomMarkdown, "slack": slackText} {
			got := p.cut(text, limit)
			if len(got) > limit || !utf8.ValidString(got) {
				t.Fatalf("%s: %q in %d is %q", name, text, limit, got)
			}
			acts := "@"
			switch name {
			case "feishu":
				acts = "@<>[]*"
			case "wecom":
				acts = "@<>[]*`#|\\&"
			case "slack":
				acts = "@<>"
				escaped := strings.NewReplacer("&amp;", "", "&lt;", "", "&gt;", "")
				if strings.Contains(escaped.Replace(got), "&") {
					t.Fatalf("a bare & in %q", got)
				}
			}
			if strings.ContainsAny(got, acts) || strings.Contains(got, "://") {
				t.Fatalf("%s: %q became %q", name, text, got)
			}
			for _, r := range got {
				if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
					t.Fatalf("%s: %q keeps %U", name, text, r)
				}
			}
		}
	})
}
