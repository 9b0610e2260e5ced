package main

import (
	kongcompletion "github.com/jotaen/kong-completion"
	"github.com/posener/complete"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/ecssim"
)

// completionCommand prints what makes a shell ask this program how a line can go on.
type completionCommand struct{ kongcompletion.Completion }

// Help says what the flags' own lines have no room for.
func (completionCommand) Help() string {
	return `Prints the line that makes the shell complete remedy's commands, flags, guests, faults
and samples; without a shell, for the one you log in with. With --code it prints the code itself.
The shell then asks the program that printed it: build one that stays where it is, and not by go
run.

Examples:

    source <(remedy completion --code bash)
    source <(remedy completion --code zsh)
    remedy completion --code fish | source

Exit status: 0, or 2 for wrong usage or a shell that is none of these.`
}

// predictors name what an argument or a flag can be, for its tag "predictor".
func predictors() kongcompletion.Option {
	var guests, faults, samples []string
	for _, g := range ecssim.Guests() {
		guests = append(guests, g.Name)
	}
	for _, f := range ecssim.Faults() {
		faults = append(faults, f.Name)
	}
	for _, s := range events.Samples() {
		samples = append(samples, s.Name)
	}
	return kongcompletion.WithPredictors(map[string]complete.Predictor{
		"guest": complete.PredictSet(guests...),
		"fault": complete.PredictSet(faults...),
		"alarm": complete.PredictOr(complete.PredictFiles("*"), complete.PredictSet(samples...)),
	})
}
