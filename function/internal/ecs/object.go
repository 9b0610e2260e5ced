package ecs

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

// Objects are not decoded by encoding/json: it takes a name in whatever case, and the last of equal
// ones, so that an answer could say Stopped to one reader and Running to us. The SDK's decoder is
// not used either: it cannot tell a missing list of locks from an empty one, one odd field of one
// instance makes it refuse a whole batch, and a hostile answer costs it gigabytes. What is decoded
// here is decoded strictly, and no list is taken further than it can be meant.

// value is a JSON value, without space around it. It is valid, which keeps the functions that scan
// it from running past its end. An empty one stands for none.
type value []byte

var (
	errContradiction = errors.New("a field is there twice, or its name in another case")
	errMany          = errors.New("a list has more elements than can be meant")
	// errShape is all that is said of a value of the wrong JSON type: the decoder's own words could
	// quote the answer.
	errShape = errors.New("an entry has a value of the wrong type")
)

// parse returns the value that a body is.
func parse(body []byte) (value, error) {
	if !json.Valid(body) {
		return nil, errShape
	}
	return bytes.Trim(body, " \t\r\n"), nil
}

// place takes a value to where it belongs, or says why it is none that can be there.
type place func(value) error

// member is a field of an object, by its name as ECS documents it.
type member struct {
	name string
	into place
}

// object is the place of an object of which the members are wanted. All of them that make sense are
// taken, and the first fault is returned: after it, it may still be known whose entry it is. One
// that is missing, or null, is left alone.
//
// A member that is there twice, or in another case than ECS's, could be believed in two ways, so it
// is a fault, whatever its value; the first one is taken. That holds of the wanted ones only:
// nothing rests on the others, and ECS itself has some that differ in case only (HostName and
// Hostname of an instance).
func object(members ...member) place {
	return func(v value) (fault error) {
		switch {
		case v.none():
			return nil
		case v[0] != '{':
			return errShape
		}
		var met uint64 // bit n: members[n]
		for i := v.space(1); v[i] != '}'; {
			nameEnd := v.stringEnd(i)
			start := v.space(v.space(nameEnd) + 1) // over the colon
			end := v.end(start)
			if n, exact := wanted(members, v[i:nameEnd].bytes()); n >= 0 {
				err := errContradiction
				if met&(1<<n) == 0 {
					met |= 1 << n
					if taken := members[n].into(v[start:end]); exact {
						err = taken
					}
				}
				if fault == nil {
					fault = err
				}
			}
			i = v.next(end)
		}
		return fault
	}
}

// wanted returns which of the members has the name, and whether in its own case; -1: none.
func wanted(members []member, name []byte) (n int, exact bool) {
	for n := range members {
		if string(name) == members[n].name {
			return n, true
		}
	}
	for n := range members {
		if bytes.EqualFold(name, []byte(members[n].name)) { // which folds as encoding/json does
			return n, false
		}
	}
	return -1, false
}

// text is the place of a string.
func text(into *string) place {
	return func(v value) error {
		switch {
		case v.none():
			return nil
		case v[0] != '"':
			return errShape
		}
		*into = string(v.bytes())
		return nil
	}
}

// raw is the place of a value of any type, which is looked at later.
func raw(into *value) place {
	return func(v value) error {
		*into = v
		return nil
	}
}

// list is a list of an answer. It ends at the first element too many, so that what it costs is
// bounded.
type list struct {
	elements []value
	known    bool // it was there as a list, and whole
}

// take is the place of the list.
func (l *list) take(v value) error {
	switch {
	case v.none():
		return nil
	case v[0] != '[':
		return errShape
	}
	for i := v.space(1); v[i] != ']'; {
		if len(l.elements) == maxBatch {
			return errMany
		}
		end := v.end(i)
		l.elements = append(l.elements, v[i:end])
		i = v.next(end)
	}
	l.known = true
	return nil
}

// none reports whether v is missing or null.
func (v value) none() bool { return len(v) == 0 || v[0] == 'n' }

// bytes returns what a string says.
func (v value) bytes() []byte {
	inside := v[1 : len(v)-1]
	if bytes.IndexByte(inside, '\\') < 0 && utf8.Valid(inside) {
		return inside
	}
	var s string
	_ = json.Unmarshal(v, &s) // it is valid
	return []byte(s)
}

// space returns the index of the first byte from i on that is no space.
func (v value) space(i int) int {
	for v[i] == ' ' || v[i] == '\t' || v[i] == '\n' || v[i] == '\r' {
		i++
	}
	return i
}

// next goes from the end of an element or a member to the next one, or to the closing bracket.
func (v value) next(i int) int {
	i = v.space(i)
	if v[i] == ',' {
		i = v.space(i + 1)
	}
	return i
}

// end returns the index behind the element or the member's value that begins at i.
func (v value) end(i int) int {
	switch v[i] {
	case '"':
		return v.stringEnd(i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch v[i] {
			case '"':
				i = v.stringEnd(i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	return i + bytes.IndexAny(v[i:], ",]} \t\r\n") // there is one behind every value inside
}

// stringEnd returns the index behind the string that begins at i.
func (v value) stringEnd(i int) int {
	for i++; v[i] != '"'; i++ {
		if v[i] == '\\' {
			i++
		}
	}
	return i + 1
}
