package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"sort"
	"time"
)

// Tolerance is how far the last slot may lie in the future: a clock that was
// put back by less runs nothing twice, it waits until the time comes again.
const Tolerance = time.Hour

// mostMissed is how far missed slots are counted. Finding the slot that is due
// doesn't depend on it.
const mostMissed = 4096

// farthest is how far back the newest slot is looked for where no last one is
// known. No schedule has its slots farther apart.
const farthest = longestInterval

// Due returns the newest slot of the job that is due at now, if it comes after
// the last one, and how many others since then it stands for (counted up to a
// few thousand). A caller runs the job once and keeps the slot, durably, as
// the next last one, when the run succeeded.
//
// A job of which no last slot is known (the zero time, or one that is farther
// in the future than Tolerance: the clock was put back) is due at once: better one run too
// many than none for ever.
func (j Job) Due(last, now time.Time) (slot time.Time, missed int, due bool) {
	last, now = last.Round(0), now.Round(0)
	if slot, due = j.newest(last, now); due && known(last, now) {
		missed = j.between(last, slot)
	}
	return slot, missed, due
}

// NextAfter returns when the job becomes due next, after now; a slot that is
// due already doesn't count. It is exact, the jitter included, and the zero
// time if there is none.
func (j Job) NextAfter(last, now time.Time) time.Time {
	last, now = last.Round(0), now.Round(0)
	if slot, due := j.newest(last, now); due {
		last = slot
	}
	return j.putOff(j.When.Next(last))
}

// Sane returns last, or the zero time if last is farther in the future than
// Tolerance: the clock was wrong when it was kept, and was put right since.
// Due and NextAfter take it for that by themselves, and what they are asked
// next is sane again, so that nobody has to mend what was kept.
func (j Job) Sane(last, now time.Time) time.Time {
	if last.After(now.Add(Tolerance)) {
		return time.Time{}
	}
	return last
}

// known reports whether last can be a slot that is past. Nothing ran before
// 1970, where computers without a clock begin.
func known(last, now time.Time) bool {
	return last.Unix() > 0 && !last.After(now.Add(Tolerance))
}

// newest returns the newest slot after last that is due at now.
func (j Job) newest(last, now time.Time) (time.Time, bool) {
	e, counts := j.When.(*every)
	switch {
	case counts && !known(last, now): // counts from now on
		return now.Truncate(time.Second), true
	case counts:
		n := now.Add(-j.delay(e.interval)).Sub(last) / e.interval
		if n < 1 {
			return time.Time{}, false
		}
		return last.Add(n * e.interval), true
	case !known(last, now):
		return j.newestOf(now.Add(-farthest), now)
	}
	return j.newestOf(last, now)
}

// newestOf is newest for a schedule that has its slots whatever ran. It
// bisects, so that years cost little more than days.
func (j Job) newestOf(last, now time.Time) (time.Time, bool) {
	slot := j.When.Next(last)
	if !j.isDue(slot, now) {
		return time.Time{}, false
	}
	later := func(seconds int) time.Time { return j.When.Next(slot.Add(time.Duration(seconds) * time.Second)) }
	n := sort.Search(int(now.Sub(slot)/time.Second), func(n int) bool { return !j.isDue(later(n), now) })
	if n > 0 {
		slot = later(n - 1)
	}
	return slot, true
}

// between counts the slots between two.
func (j Job) between(last, slot time.Time) int {
	n := 0
	for t := j.When.Next(last); t.Before(slot) && !t.IsZero() && n < mostMissed; t = j.When.Next(t) {
		n++
	}
	return n
}

func (j Job) isDue(slot, now time.Time) bool {
	return !slot.IsZero() && !j.putOff(slot).After(now)
}

// putOff returns when the slot is run.
func (j Job) putOff(slot time.Time) time.Time {
	if slot.IsZero() || j.Jitter <= 0 {
		return slot
	}
	next := j.When.Next(slot)
	if next.IsZero() {
		return slot.Add(j.delay(2 * j.Jitter))
	}
	return slot.Add(j.delay(next.Sub(slot)))
}

// delay returns by how much a slot is put off that has the next one after the
// given time: a share of the jitter that is this computer's and this job's
// own, and never so much that it comes after the middle of the two.
func (j Job) delay(untilNext time.Duration) time.Duration {
	most := min(j.Jitter, untilNext/2)
	if most <= 0 {
		return 0
	}
	hash := sha256.Sum256([]byte(j.Seed + "\x00" + j.Name))
	share, _ := bits.Mul64(binary.BigEndian.Uint64(hash[:]), uint64(most))
	return time.Duration(share).Truncate(time.Second)
}
