package main

import (
	"fmt"
	"os"
)

// The rows of pulls: another computer that has a key and no state keeps a folder
// at the latest state. The peers have nothing like it: restic restores all of it
// anew, into an empty folder, since it takes links that are there for a mistake.
const (
	rowPullAll  = "pull of everything"
	rowPullSame = "pull, nothing changed"
	rowPullDay  = "pull after a day"
	rowPullMany = "pull after +1000 messages"
)

// stepSamePulled compares what chatkeep pulled with the chats.
const stepSamePulled = "compare-pulled"

// pulled is the folder that a program keeps.
func (o *options) pulled(program string) string { return o.path("pulled", program) }

// ourPulled is where chatkeep puts the chats of the one device there is.
func (o *options) ourPulled() string { return o.path("pulled", "chatkeep", "bench") }

// pulls does one row for every program that has a way to do it.
func (r *round) pulls(do func(row, program string, c command, check func(*usage) error) error, row string) error {
	for _, p := range r.list {
		if p.pull == nil {
			continue
		}
		to := r.pulled(p.name)
		if !p.merges {
			r.anew++
			to = r.pulled(fmt.Sprintf("%s-%d", p.name, r.anew))
		}
		err := os.MkdirAll(to, 0o700)
		if err == nil {
			err = do(row, p.name, p.pull(to), r.pulledSame(row, p))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// pulledSame notes a pull after which the folder is not as the chats are.
func (r *round) pulledSame(row string, p program) func(*usage) error {
	if !p.merges {
		return nil
	}
	return func(*usage) error {
		c, err := r.child(stepSamePulled)
		if err != nil {
			return err
		}
		u, said, err := measured(r.ctx, c)
		if u.Exit != 0 {
			r.failed = append(r.failed, row+", "+p.name+": "+said)
		}
		return err
	}
}
