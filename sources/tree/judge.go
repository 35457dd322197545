package tree

import "github.com/chatkeep/chatkeep/sources"

// Judge decides what a walk keeps. It is asked in tree order, by one
// goroutine, and completes the entries it keeps: category, priority and what
// else only the source knows.
type Judge interface {
	// Dir is asked about a folder before anybody looks into it. Within says
	// that the folder it lies in was kept, not only looked into.
	Dir(e *sources.Entry, within bool) Choice
	// File is asked about anything else. Of what could not be looked at, e has
	// only the path.
	File(e *sources.Entry, within bool) Choice
}

// Choice is what becomes of an entry.
type Choice struct {
	Take Take
	// Reason, if there is one, names an entry that is left to skipped, and Err
	// its cause.
	Reason sources.Reason
	Err    error
}

// Take says whether an entry is kept.
type Take uint8

// What a judge can say.
const (
	Leave Take = iota // it, and all that it holds, is no part of the walk
	Look              // of a folder: it is kept if something in it is
	Keep
)
