// Package snapshot says what one backup is: how the files of the sources
// become a snapshot, and how a snapshot becomes files again.
//
// It joins sources, which know what lies on this computer, and repo, which
// knows how it is kept. It knows no configuration, no schedule and no concrete
// provider or chat app.
package snapshot
