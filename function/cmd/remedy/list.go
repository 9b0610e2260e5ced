package main

import (
	"ecs-remedy/events"
	"ecs-remedy/function/internal/ecssim"
)

// drillable is what a drill can be given, in the form of --json.
type drillable struct {
	Guests  []listing `json:"guests"`  // for --guest
	Faults  []listing `json:"faults"`  // for --fault
	Samples []listing `json:"samples"` // for FILE
}

// listing is one of them, with a sentence that says what it is.
type listing struct {
	Name  string `json:"name"`
	Title string `json:"title"`
}

// list prints the guests, the faults and the samples that a drill can be given, with a sentence
// each.
func list(c *console, asJSON bool) error {
	var all drillable
	for _, g := range ecssim.Guests() {
		all.Guests = append(all.Guests, listing{g.Name, g.Title})
	}
	for _, f := range ecssim.Faults() {
		all.Faults = append(all.Faults, listing{f.Name, f.Title})
	}
	for _, s := range events.Samples() {
		all.Samples = append(all.Samples, listing{s.Name, s.Teaches})
	}
	if asJSON {
		return printJSON(c, all)
	}
	p := newPage(c)
	p.table("Guests, for --guest", rows(all.Guests))
	p.gap()
	p.table("Faults, for --fault", rows(all.Faults))
	p.gap()
	p.table("Samples, for FILE", rows(all.Samples))
	return p.err
}

// rows are names and what they mean, as a table has them.
func rows(all []listing) [][2]string {
	table := make([][2]string, len(all))
	for i, one := range all {
		table[i] = [2]string{one.Name, one.Title}
	}
	return table
}

// grid prints a table whose columns are as wide as what is in them: cells under their headings,
// those of rightward columns at the right. On a page that is too narrow for it each row is its
// first cell, and below that the others, each beside its heading.
func (p *page) grid(headings []string, rightward []bool, rows [][]string) {
	widths := make([]int, len(headings))
	total := 0
	for i, heading := range headings {
		widths[i] = wide(heading)
		for _, row := range rows {
			widths[i] = max(widths[i], wide(row[i]))
		}
		total += 2 + widths[i]
	}
	if total <= p.width {
		for _, row := range append([][]string{headings}, rows...) {
			line := ""
			for i, text := range row {
				if space := pad(text, widths[i]); rightward[i] {
					line += "  " + space + text
				} else {
					line += "  " + text + space
				}
			}
			p.print(line)
		}
		return
	}
	for _, row := range rows {
		p.print("  " + row[0])
		var fields [][2]string
		for i := 1; i < len(headings); i++ {
			fields = append(fields, [2]string{headings[i], row[i]})
		}
		p.pairs(4, widest(fields), fields)
	}
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
