package snapshot

import (
	"testing"

	"github.com/chatkeep/chatkeep/sources"
)

// A snapshot lacks something of what matters most if time was up before it was
// in, whatever else is left.
func TestLeftoverOfTheFirst(t *testing.T) {
	for _, level := range []int{firstLevel, allLevels} {
		var l, sum leftover
		l.add(limit{level: level}, &sources.Entry{Priority: 2, Size: 1})
		sum.join(l)
		if sum.lacks {
			t.Errorf("level %d: a video counts as what matters most", level)
		}
		l.add(limit{level: level}, &sources.Entry{Priority: firstLevel, Size: 1})
		sum.join(l)
		if !sum.lacks {
			t.Errorf("level %d: a message is left, and nobody knows", level)
		}
		held := limit{level: level, admit: func(string) bool { return false }}
		l = leftover{}
		if l.add(held, &sources.Entry{Priority: firstLevel, Size: 1}); l.lacks {
			t.Errorf("level %d: what may not be sent counts as left", level)
		}
	}
}
