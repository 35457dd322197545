package main

import (
	"slices"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/sources/folder"
)

// claims says up to when messages are backed up, whoever makes the backup.
//
// Each snapshot that is told of has all messages, whatever media are to come:
// it is safe at once. Folders go in bit by bit: they are safe at the end, if all
// of them went.
type claims struct {
	say   func(time.Time)
	none  bool // only a part is backed up, or no messages
	early bool
	safe  time.Time
}

// newClaims are those of a backup of these sources, none for all, and of what
// may be sent.
func newClaims(cfg *config.Config, sources []string, may policy.Allowed, say func(time.Time)) *claims {
	return &claims{say: say, none: len(sources) > 0 || !makesSafe(cfg, may), early: !keepsFoldersAlone(cfg)}
}

// heard is what to tell of each snapshot, nil if nobody listens.
func (c *claims) heard() func(time.Time) {
	if c.none {
		return nil
	}
	return c.published
}

func (c *claims) published(at time.Time) {
	if c.early {
		c.say(at)
		return
	}
	c.safe = at
}

// ends says what was kept for the end, if all was done.
func (c *claims) ends(got *backupOutcome, err error) {
	if err == nil && got.Stopped == nil && !c.safe.IsZero() {
		c.say(c.safe)
	}
}

// keepsFoldersAlone reports whether what is in folders is all that counts.
func keepsFoldersAlone(cfg *config.Config) bool {
	return slices.Contains(urgentOf(cfg, firstOf(cfg)), folder.Category)
}

// makesSafe reports whether messages are among what is allowed; or, where only
// folders are backed up, what is in them.
func makesSafe(cfg *config.Config, may policy.Allowed) bool {
	if keepsFoldersAlone(cfg) {
		return may.Covers(folder.Category)
	}
	return may.Covers("messages")
}
