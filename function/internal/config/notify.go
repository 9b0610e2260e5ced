package config

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// The forms of message that an address can take. They are the words of #as=.
const (
	FormDingTalk = "dingtalk"
	FormFeishu   = "feishu" // Lark is the same service abroad
	FormWeCom    = "wecom"
	FormSlack    = "slack"
	FormJSON     = "json" // {"results": […]}
)

// Address is where notifications go. Whoever has it can write to the group, so it is a secret, and
// is shown as its host.
type Address struct {
	Form          string // FormDingTalk or another
	URL           Secret // as given, without the fragment
	SigningSecret Secret // of a robot that checks signatures; empty: none
	Host          string // host or host:port, for messages
}

// robot is what the addresses of a service look like, as its console gives them. Sources: DingTalk
// "Custom robot access", Feishu "Custom bot usage guide", WeCom "Group robot configuration"
// (91770), Slack "Incoming webhooks".
type robot struct {
	form  string
	hosts []string
	path  string // what the path begins with; more must follow it, unless query says otherwise
	query string // the parameter that names the robot; empty: the path does
	signs bool   // its robots can have a signing secret
}

var robots = []robot{
	{form: FormDingTalk, hosts: []string{"oapi.dingtalk.com"}, query: "access_token", signs: true},
	{form: FormFeishu, hosts: []string{"open.feishu.cn", "open.larksuite.com"},
		path: "/open-apis/bot/v2/hook/", signs: true},
	{form: FormWeCom, hosts: []string{"qyapi.weixin.qq.com"}, query: "key"},
	{form: FormSlack, hosts: []string{"hooks.slack.com"}, path: "/services/"},
	{form: FormJSON},
}

// addresses reads notification addresses that white space separates, or the word none. Each has one
// problem at most, which names its number and its host, and nothing else of it.
func addresses(into *[]Address) parser {
	return func(value string, fail fail) {
		if value == "none" {
			return
		}
		for i, raw := range strings.Fields(value) {
			a, trouble := address(raw)
			if trouble == nil {
				*into = append(*into, a)
				continue
			}
			which := "address " + strconv.Itoa(i+1)
			if a.Host != "" {
				which += " (" + a.Host + ")"
			}
			fail(trouble.cure, "%s %s", which, trouble.wrong)
		}
	}
}

// notifyTrouble is what is wrong with an address, in words that hold nothing of it.
type notifyTrouble struct{ wrong, cure string }

// address reads one address. With trouble, its Host is set where it is sure to be one: half a
// password can stand where a host belongs. The errors of net/url are dropped because their text
// holds the address.
func address(raw string) (a Address, trouble *notifyTrouble) {
	const form = "https://HOST/PATH, as the service's console gives it; http:// for a loopback " +
		"address only"
	text, fragment, _ := strings.Cut(raw, "#")
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Scheme != "https" && u.Scheme != "http" {
		return a, &notifyTrouble{"is not an HTTPS URL", form}
	}
	// An unescaped / ? or # ends the host in the middle of a password, whose rest then has the @.
	torn := strings.Contains(u.EscapedPath()+u.RawQuery+fragment, "@") &&
		(u.User != nil || u.Port() != "" || !strings.Contains(u.Host, "."))
	if torn || u.User != nil {
		if !torn && isHost(u) {
			a.Host = u.Host
		}
		return a, &notifyTrouble{"has a user or a password", "leave out all before the @"}
	}
	if !isHost(u) {
		return a, &notifyTrouble{"has no host, or one that cannot be", form}
	}
	a.Host, a.URL = u.Host, Secret(text)
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if u.Scheme == "http" && !loopback(name) {
		return a, &notifyTrouble{"is not encrypted, and not on this machine", form}
	}
	options, trouble := fragmentOptions(fragment)
	if trouble != nil {
		return a, trouble
	}
	a.SigningSecret, a.Form = Secret(options["secret"]), options["as"]
	if a.Form == "" {
		a.Form = FormJSON
		for _, r := range robots {
			if slices.Contains(r.hosts, name) {
				a.Form = r.form
			}
		}
	}
	which := slices.IndexFunc(robots, func(r robot) bool { return r.form == a.Form })
	if which < 0 {
		return a, &notifyTrouble{"has an unknown form after as=", "one of " + formWords()}
	}
	r := robots[which]
	if a.SigningSecret != "" && !r.signs {
		return a, &notifyTrouble{"has a signing secret, which " + r.form + " has no use for",
			"leave out secret="}
	}
	// Only the service's own host is known to need this: what stands in between for it, such as a
	// proxy of the house, may know the robot by itself.
	if slices.Contains(r.hosts, name) {
		const whole = "copy the robot's whole address from the service's console"
		rest, begins := strings.CutPrefix(u.Path, r.path)
		switch {
		case r.query != "" && u.Query().Get(r.query) == "":
			return a, &notifyTrouble{"names no robot: it lacks " + r.query, whole}
		case !begins || r.query == "" && strings.Trim(rest, "/") == "":
			return a, &notifyTrouble{"names no robot: its path is not " + r.path + "…", whole}
		}
	}
	return a, nil
}

// fragmentOptions reads what follows the # of an address: secret=… and as=…, separated by &, each
// once at most. Values may be percent-encoded; a plus sign is one, for secrets can hold it.
func fragmentOptions(fragment string) (map[string]string, *notifyTrouble) {
	const form = "after the # only secret=SECRET and as=FORM, with & between them; write & # % @ " +
		"of a secret as %26 %23 %25 %40"
	options := map[string]string{}
	if fragment == "" {
		return options, nil
	}
	for pair := range strings.SplitSeq(fragment, "&") {
		key, value, _ := strings.Cut(pair, "=")
		value, err := url.PathUnescape(value)
		odd := func(r rune) bool { return r < ' ' || r > '~' }
		switch {
		case key != "secret" && key != "as":
			return nil, &notifyTrouble{"has something unknown after the #", form}
		case options[key] != "":
			return nil, &notifyTrouble{"has " + key + "= twice", form}
		case value == "" || err != nil || strings.ContainsFunc(value, odd):
			return nil, &notifyTrouble{"has nothing that can be read after " + key + "=", form}
		}
		options[key] = value
	}
	return options, nil
}

// formWords lists what as= can be.
func formWords() string {
	var words []string
	for _, r := range robots {
		words = append(words, r.form)
	}
	return strings.Join(words, ", ")
}

// isHost reports whether the URL's host is a name or an address, with a port that can be: it is
// shown, so nothing else may pass for one.
func isHost(u *url.URL) bool {
	if port, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && (err != nil ||
		port == 0) {
		return false
	}
	odd := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
			strings.ContainsRune("-._:[]", r))
	}
	return u.Hostname() != "" && len(u.Host) <= 253 && !strings.ContainsFunc(u.Host, odd)
}
