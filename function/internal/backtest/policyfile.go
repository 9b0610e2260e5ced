package backtest

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"

	"ecs-remedy/function/internal/config"
)

// ReadPolicy reads a second policy: lines NAME=VALUE with the names of the function's environment.
// Empty lines and those that begin with # are left out, and so are the word export and quotes
// around a value. What it does not name has its default. environ comes on top of it, in the form of
// os.Environ. The error joins a *BadLine for everything that is wrong, or is of the reader.
func ReadPolicy(name string, r io.Reader, environ ...string) (config.Config, error) {
	var given []string
	var wrong []error
	at := map[string]int{}
	lines := bufio.NewScanner(r)
	n := 0
	for lines.Scan() {
		n++
		line := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
		if line == "" || line[0] == '#' {
			continue
		}
		key, value, found := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		key, value = strings.TrimSpace(key), strings.TrimSpace(value)
		if len(value) >= 2 && (value[0] == '"' || value[0] == '\'') &&
			value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		switch {
		case !found:
			wrong = append(wrong, &BadLine{name, n, "not NAME=VALUE"})
		case !strings.HasPrefix(key, "REMEDY_"):
			wrong = append(wrong, &BadLine{name, n, strconv.Quote(shortened(key)) +
				": no such variable; all of them begin with REMEDY_"})
		case at[key] != 0:
			wrong = append(wrong, &BadLine{name, n, shortened(key) + " is given on line " +
				strconv.Itoa(at[key]) + " already"})
		default:
			at[key] = n
			given = append(given, key+"="+value)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		wrong = append(wrong, &BadLine{name, n + 1, "the line is too long"})
	} else if err != nil {
		return config.Config{}, err
	}
	// Once as it is, so that nothing that comes on top of it hides what is wrong with it.
	ledger := "REMEDY_LEDGER=mem:"
	if at["REMEDY_LEDGER"] != 0 {
		ledger = "=" // nothing at all
	}
	c, err := config.Load(append(given[:len(given):len(given)], ledger))
	if err == nil {
		c, err = config.Load(append(given, environ...))
	}
	if err != nil {
		wrong = append(wrong, located(name, err, at)...)
	}
	return c, errors.Join(wrong...)
}

// located puts the problems of a configuration at their lines.
func located(name string, err error, at map[string]int) []error {
	all := []error{err}
	if joined, is := err.(interface{ Unwrap() []error }); is {
		all = joined.Unwrap()
	}
	for i, err := range all {
		var problem config.Problem
		if errors.As(err, &problem) && at[problem.Variable] != 0 {
			all[i] = &BadLine{name, at[problem.Variable], problem.Error()}
		} else {
			all[i] = &BadLine{name, 1, err.Error()}
		}
	}
	return all
}

func shortened(name string) string {
	if runes := []rune(name); len(runes) > 60 {
		return string(runes[:60]) + "…"
	}
	return name
}
