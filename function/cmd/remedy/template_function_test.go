package main

import (
	"fmt"
	"time"

	"ecs-remedy/function/internal/remedy"
)

func seconds(value any) time.Duration {
	n, _ := value.(int)
	return time.Duration(n) * time.Second
}

// longestLadder is how long an incident lasts when every attempt runs its whole time: the last one
// begins when all others are over, or at the incident's limit, may be sent for a call's time, and
// may be followed by a boot. What takes longer than an invocation, because ECS throttles, say, is
// put off and delivered again.
func longestLadder(p *remedy.Policy) time.Duration {
	attempt := p.CallLimit() + p.AttemptTimeout
	last := min(p.IncidentLimit, time.Duration(p.MaxAttempts-1)*attempt)
	return last + attempt + p.BootGrace
}

var functionChecks = []templateCheck{
	{"the handler is the file in the package", onDefault(func(s *stack, c *code) error {
		function := s.the("ALIYUN::FC3::Function")
		if got := function["Handler"]; got != c.handler || function["Runtime"] != "go1" {
			return fmt.Errorf("runtime %v calls %v, the package holds %s",
				function["Runtime"], got, c.handler)
		}
		return nil
	})},
	{"an invocation outlasts the longest ladder", onDefault(func(s *stack, c *code) error {
		got := seconds(s.the("ALIYUN::FC3::Function")["Timeout"])
		if ladder := longestLadder(&c.policy) + c.reserve; got < ladder {
			return fmt.Errorf("the timeout is %v, the ladder takes %v", got, ladder)
		}
		return nil
	})},
	{"an incident put off at its deadline is not too old to come back",
		onDefault(func(s *stack, _ *code) error {
			age := seconds(s.the("ALIYUN::FC3::AsyncInvokeConfig")["MaxAsyncEventAgeInSeconds"])
			timeout := seconds(s.the("ALIYUN::FC3::Function")["Timeout"])
			if age < 2*timeout {
				return fmt.Errorf("an event may be %v old, and the timeout is %v", age, timeout)
			}
			return nil
		})},
}

const (
	checkHandler = "the handler is the file in the package"
	checkLasts   = "an invocation outlasts the longest ladder"
	checkTooOld  = "an incident put off at its deadline is not too old to come back"
)

var functionMutations = []mutation{
	change("the handler in the template", "Handler: main", "Handler: index.handler", checkHandler),
	inCode("the handler in the code", func(c *code) { c.handler = "bootstrap" }, checkHandler),
	change("the runtime", "Runtime: go1", "Runtime: custom.debian12", checkHandler),
	// 5 attempts of 5m10s, 15m to boot, 15s to write it down: 2465 s
	change("a timeout that the ladder just fits into", "Timeout: 3600", "Timeout: 2465"),
	change("a timeout a second shorter", "Timeout: 3600", "Timeout: 2464", checkLasts),
	inCode("a longer ladder in the code", func(c *code) { c.policy.BootGrace = 35 * time.Minute },
		checkLasts),
	change("an event age a second below twice the timeout", "InSeconds: 7200", "InSeconds: 7199",
		checkTooOld),
}
