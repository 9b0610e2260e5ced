package events

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// claim is what one field says.
type claim struct{ in, field, value string }

func (c claim) String() string { return c.in + c.field + " says " + quote(c.value) }

// claims collects what all the fields of one alarm say about the same few things. An alarm names
// its instance up to four times, and only if all of them agree is it known which machine is meant.
type claims struct {
	instances, regions, accounts []claim

	foreign   string   // why it is not about an ECS instance
	nobody    string   // why the instance that it names is not the one that the alarm is about
	bad       []fault  // fields from which nothing may be guessed
	conflicts []string // other contradictions
	doubt     string   // why the alarm is weak
}

// use takes over the faults of an object. It comes last: reading a field may find one.
func (c *claims) use(o *object) {
	for _, f := range o.bad {
		if !slices.Contains(c.bad, f) {
			c.bad = append(c.bad, f)
		}
	}
}

// join adds what an envelope says.
func (c *claims) join(outer *claims) {
	if outer == nil {
		return
	}
	c.instances = append(c.instances, outer.instances...)
	c.regions = append(c.regions, outer.regions...)
	c.accounts = append(c.accounts, outer.accounts...)
	c.bad = append(c.bad, outer.bad...)
	c.foreign = first(c.foreign, outer.foreign)
}

func put(list *[]claim, in, field, value string) {
	if value != "" {
		*list = append(*list, claim{in, field, value})
	}
}

// resource takes an ARN such as acs:ecs:cn-hangzhou:1234567890123456:instance/i-bp1..., or the bare
// id that some contents give instead.
func (c *claims) resource(in, field, value string) {
	if !strings.HasPrefix(value, "acs:") {
		put(&c.instances, in, field, value)
		return
	}
	parts := strings.SplitN(value, ":", 5)
	if len(parts) < 5 {
		put(&c.instances, in, field, value) // not well-formed, which settle notices
		return
	}
	kind, id, _ := strings.Cut(parts[4], "/")
	put(&c.regions, in, field, parts[2])
	if parts[1] != "ecs" || kind != "instance" {
		c.foreign = fmt.Sprintf("%s%s is %s, not an ECS instance", in, field, quote(value))
		return
	}
	put(&c.accounts, in, field, parts[3])
	put(&c.instances, in, field, id)
}

// dimensions takes the object that a metric alarm is about, in every spelling that was ever
// documented: Java's Map.toString (document 60714), a JSON array of objects (its 2018 edition), a
// JSON object, and strings of these (document 119889).
func (c *claims) dimensions(o *object, name string) {
	in := name + "."
	one := func(d object) {
		put(&c.instances, in, "instanceId", d.text("instanceId"))
		put(&c.accounts, in, "userId", d.text("userId"))
		c.use(&d)
	}
	switch raw := o.json(name); {
	case raw == "":
		one(javaMap(o.text(name)))
	case raw[0] == '{':
		one(readObject(raw, 0, nil))
	case raw[0] == '[':
		n := 0
		for element := range elements(raw) {
			// A rule watches one object: a hundred can only be abuse.
			if n++; n > 100 || element[0] != '{' {
				o.spoil(name, severalValues)
				return
			}
			one(readObject(element, 0, nil))
		}
	}
}

// javaMap reads {userId=1, instanceId=i-1}. Nothing in it is escaped, so a value may forge a second
// instanceId; a key given twice is then bad, whichever came first.
func javaMap(text string) object {
	o := object{form: true}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "{"), "}")
	for pair := range strings.SplitSeq(text, ",") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			// An edition of the documentation has a stray parenthesis behind the user's id.
			o.add(strings.TrimSpace(key), strings.TrimSuffix(strings.TrimSpace(value), ")"))
		}
	}
	return o
}

// settle decides what all claims together say, and keeps the first of the problems in the order
// that Problem documents.
func (c *claims) settle(a *Alarm) {
	problem := func(p Problem, note string) {
		if a.Problem == "" {
			a.Problem, a.Note = p, note
		}
	}
	if len(c.bad) > 0 {
		problem(ProblemContradiction, faults(c.bad))
	}
	if c.foreign != "" {
		problem(ProblemNotECS, c.foreign)
	}
	if c.nobody != "" {
		problem(ProblemNoInstance, c.nobody)
	}
	if len(c.instances) == 0 {
		problem(ProblemNoInstance, "no field names an instance")
	}
	for _, instance := range c.instances {
		if p := instanceProblem(instance.value); p != "" {
			problem(p, fmt.Sprintf("%s, which is no instance id", instance))
		}
	}
	instance, conflict := agree(c.instances)
	if conflict != "" {
		problem(ProblemContradiction, conflict)
	}
	if a.Problem == "" {
		a.Instance = strings.Clone(instance)
	}

	region, conflict := agree(c.regions)
	if conflict != "" {
		problem(ProblemContradiction, conflict)
	}
	for _, conflict := range c.conflicts {
		problem(ProblemContradiction, conflict)
	}
	if a.Region = c.region(); a.Region == "" && region != "" {
		problem(ProblemRegion, fmt.Sprintf("%s, which is no region id", c.regions[0]))
	}

	account, conflict := agree(c.accounts)
	a.Account = clean(account)
	if conflict != "" {
		conflict = TwoAccounts + conflict
	}
	a.Weak = c.doubt != ""
	a.Note = clean(sentences(a.Note, c.doubt, conflict))
}

// region is the one that all claims name; empty where it is none, and where only fields name it
// from which nothing may be guessed.
func (c *claims) region() string {
	region, _ := agree(c.regions)
	sure := slices.ContainsFunc(c.regions, func(r claim) bool {
		return !slices.ContainsFunc(c.bad, func(f fault) bool { return f.field == r.field })
	})
	if !sure || !ValidRegion(region) {
		return ""
	}
	return strings.Clone(region)
}

// sentences joins those that there are.
func sentences(all ...string) string {
	return strings.Join(slices.DeleteFunc(all, func(s string) bool { return s == "" }), "; ")
}

// agree returns what all claims say, or the first two that disagree.
func agree(list []claim) (value, conflict string) {
	for _, c := range list {
		if c.value != list[0].value {
			return "", fmt.Sprintf("%s, but %s", list[0], c)
		}
	}
	if len(list) == 0 {
		return "", ""
	}
	return list[0].value, ""
}

// faults names every field from which nothing may be guessed, and why.
func faults(list []fault) string {
	var all []string
	for _, f := range list {
		all = append(all, f.field+" "+f.why)
	}
	return sentences(all...)
}

// instanceProblem says why id is not the id of an instance that can exist; empty if it can. Real
// ids are "i-" and 17 to 20 lower-case letters and digits; those of before 2016 are shorter.
func instanceProblem(id string) Problem {
	prefix, rest, ok := strings.Cut(id, "-")
	if !ok || prefix == "" || !only(prefix, "az") || !only(rest, "az", "09") {
		return ProblemPlaceholder // <resource-id>, {instanceId}, i-bp1****
	}
	if prefix != "i" {
		return ProblemNotECS // rm-, lb-, d-, eni-
	}
	if len(rest) < 9 || len(rest) > 40 {
		return ProblemPlaceholder // i-12345, i-testhost
	}
	for _, word := range []string{"test", "example", "sample", "demo", "instance", "resource",
		"placeholder"} {
		// real ids begin with a code of the region, such as bp1 or 2ze
		if strings.HasPrefix(rest, word) {
			return ProblemPlaceholder
		}
	}
	if strings.Contains(rest, "xxxxx") || strings.Count(rest, rest[:1]) == len(rest) ||
		strings.HasPrefix("1234567890123456789012345678901234567890", rest) {
		return ProblemPlaceholder
	}
	return ""
}

// only reports whether every byte of s is in one of the ranges, each given as its first and last
// byte.
func only(s string, ranges ...string) bool {
	for i := range len(s) {
		in := false
		for _, r := range ranges {
			in = in || r[0] <= s[i] && s[i] <= r[1]
		}
		if !in {
			return false
		}
	}
	return true
}

// oneOf reports whether s is one of the words.
func oneOf(s string, words ...string) bool { return slices.Contains(words, s) }

const maxString = 512 // bytes of a string in an Alarm

// clean makes a string that strangers wrote fit to be kept and printed: valid, bounded, no control
// characters and no marks that reorder text on a terminal. What is replaced stays visible, so that
// no name turns into another one. The result shares no memory with the payload.
func clean(s string) string {
	s = clip(s, maxString)
	if only(s, " ~") {
		return strings.Clone(s)
	}
	printable := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return utf8.RuneError
	}, s)
	// A replacement is longer than the byte that it replaces. Map returns s itself where nothing is
	// to be replaced, and that is a part of the payload.
	return strings.Clone(clip(printable, maxString))
}

// clip cuts s to n bytes without cutting a character.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// quote shows a value in a note.
func quote(s string) string {
	if len(s) > 60 {
		return fmt.Sprintf("%q...", clip(s, 60))
	}
	return fmt.Sprintf("%q", s)
}
