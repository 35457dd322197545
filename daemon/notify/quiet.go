package notify

import "time"

// Quiet are the hours in which nothing mild is sent, on this computer's clock.
// From may be later than To: over midnight. Equal: none.
type Quiet struct{ From, To time.Duration }

// holds reports whether t lies in the quiet hours. It goes by what a clock on
// the wall shows, so that it is right also on the days the clock is changed.
func (q Quiet) holds(t time.Time) bool {
	t = t.Local()
	wall := time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	if q.From <= q.To {
		return q.From <= wall && wall < q.To
	}
	return wall >= q.From || wall < q.To
}

// end returns when quiet hours that hold at t end, or t if there are none. It
// looks at each minute: no arithmetic with the hours of a day is right on all
// days.
func (q Quiet) end(t time.Time) time.Time {
	const most = 50 * 60 // a change of the clock can make two quiet hours one
	for range most {
		if !q.holds(t) {
			return t
		}
		t = t.Add(time.Minute).Truncate(time.Minute)
	}
	return t
}
