package main

import (
	"strings"

	"github.com/mattn/go-runewidth"
)

// table prints rows in columns, by the width that a terminal gives each
// character: a Chinese one takes two places.
func (a *app) table(rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], runewidth.StringWidth(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(runewidth.FillRight(cell, widths[i]+2))
		}
		a.printf("%s\n", strings.TrimRight(line.String(), " "))
	}
}
