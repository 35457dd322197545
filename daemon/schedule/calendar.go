package schedule

import (
	"time"

	"github.com/robfig/cron/v3"
)

// allHours is the hour field of a schedule for every hour of the day.
const allHours = 1<<24 - 1

// calendar is a schedule by the clock on the wall.
//
// The expression is asked only about wall times that are written as if they
// were UTC, where every day has 24 hours; which moment a wall time is, and
// whether there is one, is decided here. Asked in a zone, robfig/cron leaves
// out what the clock leaves out and repeats what the clock repeats.
type calendar struct {
	text   string
	spec   *cron.SpecSchedule // in UTC
	zone   *time.Location     // nil: the computer's own
	rhythm bool               // for every hour of the day
}

func (c *calendar) String() string { return c.text }

// Next returns the first slot after t.
func (c *calendar) Next(t time.Time) time.Time {
	zone := c.zone
	if zone == nil {
		zone = time.Local
	}
	next := c.nextFixed
	if c.rhythm {
		next = c.nextInRhythm
	}
	slot := next(t.Round(0).In(zone))
	if slot.IsZero() {
		return slot
	}
	return slot.In(t.Location())
}

// nextFixed finds the next wall time that fits and isn't past.
func (c *calendar) nextFixed(t time.Time) time.Time {
	for wall := nextFit(c.spec, wallAt(t)); !wall.IsZero(); wall = nextFit(c.spec, wall) {
		// The first moment of a wall time never comes before that of an
		// earlier one, so the first that is after t is the next.
		if slot := firstMoment(wall, t.Location()); slot.After(t) {
			return slot
		}
	}
	return time.Time{}
}

// firstMoment returns when a clock in zone first shows wall: where it is put
// back over wall, the first of two moments; where it is put forward over wall,
// the moment that happens.
func firstMoment(wall time.Time, zone *time.Location) time.Time {
	const mostOffset = 26 * time.Hour // more than any zone had
	for t := wall.Add(-mostOffset).In(zone); ; {
		start, end := t.ZoneBounds()
		moment := wall.Add(-time.Duration(offset(t)) * time.Second).In(zone)
		switch {
		case !start.IsZero() && moment.Before(start):
			return start
		case end.IsZero() || moment.Before(end):
			return moment
		}
		t = end
	}
}

// nextInRhythm finds the next moment at which the wall shows a time that fits.
func (c *calendar) nextInRhythm(t time.Time) time.Time {
	after, in := t, t
	for {
		_, end := in.ZoneBounds()
		slot := c.fitAfter(after, offset(in))
		if old, ok := c.oldRhythm(after, in); ok {
			slot = old
		}
		if slot.IsZero() || end.IsZero() || slot.Before(end) {
			return slot
		}
		after, in = end.Add(-1), end
	}
}

// oldRhythm returns the first slot after t of the rhythm before the clock's
// last change, if it still counts: a clock that changes by half an hour, as on
// Lord Howe Island, brings a schedule out of step, and then the old rhythm
// goes on until the new one begins, so that no hole is longer than others. A
// change by whole hours leaves the schedule in step. The time in is in the
// zone's current period, and t isn't before it by more than an instant.
func (c *calendar) oldRhythm(t, in time.Time) (time.Time, bool) {
	change, _ := in.ZoneBounds()
	if change.IsZero() || !t.Before(change.Add(time.Hour)) {
		return time.Time{}, false
	}
	before := change.Add(-1)
	if (offset(in)-offset(before))%3600 == 0 {
		return time.Time{}, false
	}
	first, old := c.fitAfter(before, offset(in)), c.fitAfter(t, offset(before))
	return old, !old.IsZero() && old.Before(change.Add(time.Hour)) && old.Before(first)
}

// fitAfter returns the first moment after t at which a clock that is offset
// seconds ahead of UTC shows a time that fits.
func (c *calendar) fitAfter(t time.Time, offset int) time.Time {
	ahead := time.Duration(offset) * time.Second
	wall := nextFit(c.spec, t.UTC().Add(ahead))
	if wall.IsZero() {
		return wall
	}
	return wall.Add(-ahead).In(t.Location())
}

// nextFit returns the first time after t that fits. The spec looks five years
// ahead, but a 29th of February can be eight away.
func nextFit(spec *cron.SpecSchedule, t time.Time) time.Time {
	next := spec.Next(t)
	if next.IsZero() {
		next = spec.Next(t.AddDate(4, 0, 0))
	}
	return next
}

// wallAt returns what the clock shows at t, as if that were UTC.
func wallAt(t time.Time) time.Time {
	return t.UTC().Add(time.Duration(offset(t)) * time.Second)
}

// offset returns how many seconds t's clock is ahead of UTC.
func offset(t time.Time) int {
	_, seconds := t.Zone()
	return seconds
}
