package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// medians returns one usage per cell: each figure's median by itself.
func (r *results) medians() map[key]usage {
	out := map[key]usage{}
	for k, list := range r.cells {
		out[k] = usage{
			CPU:     median(list, func(u usage) time.Duration { return u.CPU }),
			Wall:    median(list, func(u usage) time.Duration { return u.Wall }),
			Peak:    median(list, func(u usage) int64 { return u.Peak }),
			Stored:  median(list, func(u usage) int64 { return u.Stored }),
			Objects: median(list, func(u usage) int { return u.Objects }),
			Read:    median(list, func(u usage) int64 { return u.Read }),
			Asked:   middle(list, func(u usage) int { return u.Asked.all() }).Asked,
			Exit:    slices.MaxFunc(list, func(a, b usage) int { return cmp.Compare(a.Exit, b.Exit) }).Exit,
		}
	}
	return out
}

// median is the middle one of the figures, the lower of two.
func median[T cmp.Ordered](list []usage, figure func(usage) T) T {
	figures := make([]T, len(list))
	for i, u := range list {
		figures[i] = figure(u)
	}
	slices.Sort(figures)
	return figures[(len(figures)-1)/2]
}

// middle is the usage whose figure is the median.
func middle(list []usage, figure func(usage) int) usage {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b usage) int { return cmp.Compare(figure(a), figure(b)) })
	return sorted[(len(sorted)-1)/2]
}

var heads = []string{"step", "program", "CPU s", "wall s", "peak", "stored", "objects", "read", "exit", "CPU, ours ÷ its", "stored, ours ÷ its"}

// table prints all cells in Markdown, with its columns lined up.
func table(out io.Writer, cells map[key]usage, rows, programs []string) {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	line(w, heads)
	line(w, slices.Repeat([]string{"---"}, len(heads)))
	for _, row := range rows {
		ours := cells[key{row, "chatkeep"}]
		for _, p := range programs {
			if u, ok := cells[key{row, p}]; ok {
				line(w, cellLine(row, p, u, ours))
			}
		}
	}
	w.Flush()
}

func line(w io.Writer, cols []string) {
	fmt.Fprintf(w, "| %s\t|\n", strings.Join(cols, "\t| "))
}

func cellLine(row, program string, u, ours usage) []string {
	stored, objects := "", ""
	if u.Stored != 0 || u.Objects != 0 {
		stored, objects = size(u.Stored), fmt.Sprint(u.Objects)
	}
	read := ""
	if u.Read != 0 {
		read = size(u.Read)
	}
	cpu, bytes := "", ""
	if program != "chatkeep" {
		cpu, bytes = ratio(ours.CPU.Seconds(), u.CPU.Seconds()), ratio(float64(ours.Stored), float64(u.Stored))
	}
	return []string{row, program, seconds(u.CPU), seconds(u.Wall), size(u.Peak), stored, objects, read, fmt.Sprint(u.Exit), cpu, bytes}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f", d.Seconds()) }

// ratio is ours against theirs, or nothing if there is nothing to compare.
func ratio(ours, theirs float64) string {
	if ours <= 0 || theirs <= 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", ours/theirs)
}

// size writes bytes with three digits or so, in powers of 1000.
func size(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	v := float64(n)
	for _, unit := range []string{"B", "kB", "MB", "GB"} {
		switch {
		case v >= 999.5 && unit != "GB":
			v /= 1000
		case unit == "B" || v >= 99.5:
			return fmt.Sprintf("%s%.0f %s", sign, v, unit)
		case v >= 9.95:
			return fmt.Sprintf("%s%.1f %s", sign, v, unit)
		default:
			return fmt.Sprintf("%s%.2f %s", sign, v, unit)
		}
	}
	return ""
}
