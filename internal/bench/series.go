package main

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"time"
)

// The steps of one database, and what its rows are called.
const (
	rowMany     = "+1000 messages"
	rowFew      = "+40 messages"
	rowMoved    = "a checkpoint moves them"
	rowVacuum   = "VACUUM"
	rowRestored = "restore after that"
)

// A chain of backups is long for chatkeep alone: a peer that stores anew what
// lies around each page that changed would need 50 GB and half an hour for 60
// backups of 1 GiB. Beside its peers it is shorter, and the database smaller.
const (
	longChain   = 60
	shortChain  = 10
	chainShrink = 8
)

// series is one database of one size, and what happens to it.
type series struct {
	kind  string // the step that makes it
	name  string
	size  sizeFlag
	chain int  // so many backups in a row; 0: one step of each kind
	alone bool // without peers
}

func (o *options) series() (list []series) {
	for _, kind := range []struct{ step, name string }{{stepEncrypted, "encrypted"}, {stepPlain, "plain"}} {
		small := max(o.databaseSize/chainShrink/minDatabase*minDatabase, minDatabase)
		list = append(list,
			series{kind.step, kind.name, o.databaseSize, 0, false},
			series{kind.step, kind.name, small, shortChain, false},
			series{kind.step, kind.name, o.databaseSize, longChain, true})
	}
	return list
}

// row is what a row of this series is called.
func (s *series) row(what string) string { return fmt.Sprintf("%s, %s: %s", s.name, s.size, what) }

// chained is the row of backups in a row.
func (s *series) chained() string { return s.row(fmt.Sprintf("%d × %s", s.chain, rowMany)) }

// begin is the first row: the chains' is another database.
func (s *series) begin() string {
	if s.chain > 0 {
		return s.row(fmt.Sprintf("%s of %d", rowFirst, s.chain+1))
	}
	return s.row(rowFirst)
}

// end is the last row.
func (s *series) end() string {
	if s.chain > 0 {
		return s.row(fmt.Sprintf("restore after %d", s.chain+1))
	}
	return s.row(rowRestored)
}

func (s *series) rows() []string {
	if s.chain > 0 {
		return []string{s.begin(), s.chained(), s.end()}
	}
	return []string{s.begin(), s.row(rowMany), s.row(rowFew), s.row(rowMoved), s.row(rowVacuum), s.end()}
}

// compareDatabases measures all series and prints their table and targets.
func (o *options) compareDatabases(ctx context.Context, out, log io.Writer) error {
	res := newResults()
	var list []program
	for n := range o.rounds {
		for i, s := range o.series() {
			own := *o
			own.dir, own.databaseSize = o.path(fmt.Sprint("series-", n, "-", i)), s.size
			r := &round{options: &own, results: res, ctx: ctx, log: log}
			var missing []string
			var err error
			if r.list, missing, err = own.programs(ctx); err != nil {
				return err
			}
			if n == 0 && i == 0 {
				list = r.list
				introduceDatabases(out, o, list, missing)
			}
			if s.alone {
				r.list = r.list[:1]
			}
			if err := r.series(&s); err != nil {
				return err
			}
		}
	}
	var rows []string
	var goals []target
	for _, s := range o.series() {
		rows = append(rows, s.rows()...)
		goals = append(goals, res.seriesTargets(&s)...)
	}
	table(out, res.medians(), rows, names(list))
	targets(out, goals, true)
	res.complain(out)
	return nil
}

func introduceDatabases(out io.Writer, o *options, list []program, missing []string) {
	fmt.Fprintf(out, "one database of %s, %d round(s), %d CPUs, all read from a warm page cache\n\n", o.databaseSize, o.rounds, runtime.NumCPU())
	fmt.Fprintf(out, "chatkeep keeps it as its app's, with the log merged into it; the peers keep database, log and the log's index as they lie there.\n"+
		"The pages of %s are in the database, those of %s in the log; of many in a row, half are here and half are there.\n\n", rowMany, rowFew)
	introducePrograms(out, list, missing)
}

// series does all steps of one database, and drops it.
func (r *round) series(s *series) error {
	fmt.Fprintf(r.log, "bench: %s: %s, %d in a row\n", time.Now().Format(time.TimeOnly), s.row(""), s.chain)
	if err := r.change(s.kind); err != nil {
		return err
	}
	if err := r.setUp(); err != nil {
		return err
	}
	err := r.backup(s.begin())
	if err == nil && s.chain > 0 {
		err = r.chain(s)
	}
	if err == nil && s.chain == 0 {
		err = r.single(s)
	}
	if err == nil {
		err = r.restoreAll(s.end())
	}
	if err == nil && !r.keep {
		err = removeAll(r.dir)
	}
	return err
}

func (r *round) single(s *series) error {
	for _, step := range []struct{ change, row string }{{stepManyMoved, rowMany}, {stepFew, rowFew}, {stepMove, rowMoved}, {stepVacuum, rowVacuum}} {
		var err error
		if r.changed[s.row(step.row)], err = r.grown(step.change); err != nil {
			return err
		}
		if err := r.backup(s.row(step.row)); err != nil {
			return err
		}
	}
	return nil
}

// chain makes backups in a row, and notes their sum.
func (r *round) chain(s *series) error {
	links := *r
	links.results = newResults()
	total := int64(0)
	for n := range s.chain {
		step := stepMany
		if n%2 == 1 {
			step = stepManyMoved
		}
		changed, err := links.grown(step)
		if err != nil {
			return err
		}
		total += changed
		if err := links.backup(s.chained()); err != nil {
			return err
		}
	}
	r.backups, r.failed = links.backups, append(r.failed, links.failed...)
	r.changed[s.chained()] = total
	for k, list := range links.cells {
		r.cells[k] = append(r.cells[k], sum(list))
	}
	return nil
}

// grown changes the database, and returns by how much.
func (r *round) grown(step string) (int64, error) {
	if err := r.change(step); err != nil {
		return 0, err
	}
	s, err := r.summary(step)
	return s.Rewritten, err
}

// sum is what several backups cost together.
func sum(list []usage) (all usage) {
	for _, u := range list {
		all.CPU += u.CPU
		all.Wall += u.Wall
		all.Stored += u.Stored
		all.Objects += u.Objects
		all.Peak = max(all.Peak, u.Peak)
		all.Exit = max(all.Exit, u.Exit)
	}
	return all
}
