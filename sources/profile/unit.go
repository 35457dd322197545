package profile

import (
	"errors"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/tree"
)

var errRecent = errors.New("somebody writes here")

// isQuiet reports whether nothing in the unit e changed for as long as it
// takes to be sure that the app is done with it. What can't be looked at
// doesn't count.
func (j *judge) isQuiet(e *sources.Entry, quiet time.Duration) bool {
	recent := func(x sources.Entry) error {
		if x.Type != sources.Symlink && (j.isRecent(x.ModTime.UnixNano(), quiet) || j.isRecent(x.ChangeNS, quiet)) {
			return errRecent
		}
		return nil
	}
	if recent(*e) != nil {
		return false
	}
	err := j.Tree.Walk(j.ctx, within(e.Path), recent, func(sources.Skipped) {})
	return err == nil
}

// isRecent reports a time less than quiet ago. One far in the future is a
// clock's mistake and no reason to wait forever.
func (j *judge) isRecent(ns int64, quiet time.Duration) bool {
	age := time.Duration(j.now - ns)
	return age < quiet && age > -quiet
}

// within is a judge that keeps one folder and all below.
type within string

func (w within) Dir(e *sources.Entry, inside bool) tree.Choice {
	switch {
	case inside || e.Path == string(w):
		return tree.Choice{Take: tree.Keep}
	case strings.HasPrefix(string(w), e.Path+"/"):
		return tree.Choice{Take: tree.Look}
	}
	return tree.Choice{}
}

func (w within) File(_ *sources.Entry, inside bool) tree.Choice {
	if inside {
		return tree.Choice{Take: tree.Keep}
	}
	return tree.Choice{}
}
