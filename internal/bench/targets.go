package main

import (
	"fmt"
	"io"
)

// target is one of the numbers of docs/DESIGN.md, part 10.
type target struct {
	what      string
	got, most float64
	unit      string
	full      bool // means something only at full size
}

// targets prints which numbers were reached. Those that a run like this can't
// tell are not listed: requests to a cloud, the idle daemon, a terabyte in the
// repository.
func targets(out io.Writer, list []target, full bool) {
	fmt.Fprintln(out)
	for _, t := range list {
		if t.full && !full {
			continue
		}
		fmt.Fprintln(out, t)
	}
	fmt.Fprintln(out)
}

// String is the target with its outcome.
func (t target) String() string {
	verdict := "reached"
	switch {
	case t.got == 0 || t.most == 0:
		return fmt.Sprintf("- not measured: %s", t.what)
	case t.got > t.most:
		verdict = "NOT REACHED"
	}
	return fmt.Sprintf("- %s: %s: %.2f%s, at most %.2f%s", verdict, t.what, t.got, t.unit, t.most, t.unit)
}

func (r *results) targets() []target {
	cells := r.medians()
	ours := func(row string) usage { return cells[key{row, "chatkeep"}] }
	peer := func(row, program string) usage { return cells[key{row, program}] }
	day, hour := ours(rowDay), ours(rowHour)
	return []target{
		{rowFirst + ", CPU", ours(rowFirst).CPU.Seconds(), 10, " s", true},
		{rowSame + ", CPU", ours(rowSame).CPU.Seconds(), 0.5, " s", true},
		{rowDay + ", stored", mb(day.Stored), 1.1 * mb(r.day.Bytes+r.day.Rewritten), " MB", false},
		{rowDay + ", objects", float64(day.Objects), 4, "", false},
		{rowHour + ", stored", mb(hour.Stored), 1, " MB", false},
		{rowHour + ", objects", float64(hour.Objects), 3, "", false},
		{rowRestore + ", CPU against restic's", ours(rowRestore).CPU.Seconds(), 0.85 * peer(rowRestore, "restic").CPU.Seconds(), " s", false},
		{rowRestore + ", wall against cp -a's", ours(rowRestore).Wall.Seconds(), 1.1 * peer(rowRestore, copyProgram).Wall.Seconds(), " s", false},
		{rowOne + ", CPU", ours(rowOne).CPU.Seconds(), 0.3, " s", false},
		{"peak memory in all of this", mb(peakOf(cells)), 100, " MB", true},
	}
}

// seriesTargets are those of one database. What a plain one takes is what its
// first backup took of its size.
func (r *results) seriesTargets(s *series) []target {
	cells := r.medians()
	ours := func(row string) usage { return cells[key{row, "chatkeep"}] }
	first, restored := ours(s.begin()), ours(s.end())
	takes := float64(first.Stored) / float64(s.size)
	most := func(times float64, n int64) float64 { return times * mb(n) * takes }
	reads := target{s.end() + ", read", mb(restored.Read), most(1.6, int64(s.size)), " MB", false}
	if s.chain > 0 {
		all := first.Stored + ours(s.chained()).Stored
		return []target{{s.chained() + ", stored with the first", mb(all), most(2, int64(s.size)+r.changed[s.chained()]), " MB", false}, reads}
	}
	many, few := ours(s.row(rowMany)), ours(s.row(rowFew))
	return []target{
		{s.row(rowMany) + ", stored", mb(many.Stored), 1.1 * mb(r.changed[s.row(rowMany)]), " MB", false},
		{s.row(rowMany) + ", objects", float64(many.Objects), 4, "", false},
		{s.row(rowFew) + ", stored", mb(few.Stored), 1, " MB", false},
		{s.row(rowFew) + ", objects", float64(few.Objects), 3, "", false},
		reads,
	}
}

func mb(n int64) float64 { return float64(n) / 1e6 }

// peakOf is the most memory chatkeep had in any step.
func peakOf(cells map[key]usage) (peak int64) {
	for k, u := range cells {
		if k.program == "chatkeep" {
			peak = max(peak, u.Peak)
		}
	}
	return peak
}
