package main

import (
	"ecs-remedy/events"
	"ecs-remedy/function/internal/ecssim"
)

// list prints the guests, the faults and the samples that a drill can be given, with a sentence
// each.
func list(c *console) error {
	var guests, faults, samples [][2]string
	for _, g := range ecssim.Guests() {
		guests = append(guests, [2]string{g.Name, g.Title})
	}
	for _, f := range ecssim.Faults() {
		faults = append(faults, [2]string{f.Name, f.Title})
	}
	for _, s := range events.Samples() {
		samples = append(samples, [2]string{s.Name, s.Teaches})
	}
	p := newPage(c)
	p.table("Guests, for --guest", guests)
	p.gap()
	p.table("Faults, for --fault", faults)
	p.gap()
	p.table("Samples, for FILE", samples)
	return p.err
}

// table prints names and what they mean under a heading.
func (p *page) table(heading string, rows [][2]string) {
	p.text(bold, heading)
	p.pairs(2, widest(rows), rows)
}

// pairs prints names and, beside them, what they mean.
func (p *page) pairs(indent, width int, rows [][2]string) {
	for _, row := range rows {
		p.beside(pad("", indent)+row[0]+pad(row[0], width)+"  ", indent+width+2, plain(row[1]))
	}
}

// widest is how wide the widest of the names is.
func widest(rows [][2]string) int {
	width := 0
	for _, row := range rows {
		width = max(width, wide(row[0]))
	}
	return width
}
