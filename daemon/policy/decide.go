package policy

import (
	"slices"
	"time"
)

// Situation is what a decision rests on besides rules and computer.
type Situation struct {
	PausedUntil   time.Time // by the user; zero: not
	PausedForever bool      // until the user resumes
	LastSafe      time.Time // newest moment before which everything is backed up; zero: never
	Since         time.Time // when this began to be looked after, for where LastSafe is zero
	Manual        bool      // the user asked for this run, right now
}

// Decide says what may be sent at now. Several rules at once allow what all of
// them allow.
//
// What the user asks for right now isn't held back by their own pause, by what
// it costs or by what else the computer does: metered, on battery, busy. Where
// it would be sent from still counts (untrusted, no VPN), and so do a missing
// connection and a full disk.
//
// After Rules.Overdue without a backup Urgent goes out all the same, as much
// of it as OverdueUpload says, but never over a pause, without a connection,
// or on the last of disk or battery.
func Decide(r Rules, c Conditions, s Situation, now time.Time) Decision {
	d := Decision{Allowed: Everything}
	d.forbid(r, c, s, now)
	forbidden := d.Allowed.None()
	d.limit(r, c, s)
	waits := func(category string) bool { return !d.Allowed.Covers(category) }
	if !forbidden && s.overdue(r, now) && slices.ContainsFunc(r.Urgent, waits) {
		d.Allowed = d.Allowed.with(r.Urgent)
		d.MaxUpload = r.OverdueUpload
		d.Overdue = true
	}
	return d
}

// forbid applies what forbids everything, overdue or not.
func (d *Decision) forbid(r Rules, c Conditions, s Situation, now time.Time) {
	switch {
	case s.Manual:
	case s.PausedForever:
		d.hold(Nothing, Paused)
	case now.Before(s.PausedUntil):
		d.hold(Nothing, Paused, "until", s.PausedUntil.Format(time.RFC3339))
	}
	switch {
	case r.Local:
	case c.Portal == Yes:
		d.hold(Nothing, Portal)
	case c.Online == No:
		d.hold(Nothing, Offline)
	}
	if r.LeastFree > 0 && c.Free >= 0 && c.Free < r.LeastFree {
		d.hold(Nothing, LowDisk, "free", c.Free, "least", r.LeastFree)
	}
	if !s.Manual && c.OnBattery == Yes && c.Battery >= 0 && c.Battery < r.LeastBattery {
		d.hold(Nothing, LowBattery, "percent", c.Battery, "least", r.LeastBattery)
	}
}

// limit applies the rules that may leave some categories.
func (d *Decision) limit(r Rules, c Conditions, s Situation) {
	if !r.Local {
		if !s.Manual && c.Metered == Yes && r.Metered != nil {
			d.hold(*r.Metered, Metered)
		}
		if r.Untrusted != nil && c.untrusted(r.Trusted) {
			d.hold(*r.Untrusted, Untrusted)
		}
		if c.VPN == No && r.NoVPN != nil {
			d.hold(*r.NoVPN, NoVPN)
		}
	}
	if s.Manual {
		return
	}
	if c.OnBattery == Yes && r.OnBattery != nil {
		d.hold(*r.OnBattery, OnBattery)
	}
	if r.MostPressure > 0 && c.Pressure > r.MostPressure {
		d.hold(Allowed{Categories: r.Urgent}, Busy, "percent", int(c.Pressure), "most", int(r.MostPressure))
	}
}

// hold allows no more than a, and says why. Pairs are names and values.
func (d *Decision) hold(a Allowed, code string, pairs ...any) {
	if a.All {
		return
	}
	reason := Reason{Code: code}
	for i := 0; i+1 < len(pairs); i += 2 {
		if reason.Args == nil {
			reason.Args = map[string]any{}
		}
		reason.Args[pairs[i].(string)] = pairs[i+1]
	}
	d.Allowed = d.Allowed.And(a)
	d.Reasons = append(d.Reasons, reason)
}

// untrusted reports whether the computer is known to be on a network that
// isn't trusted, by cable or not. One that has no name there may be any; where
// there is none, or nobody to ask about it, it is not known.
func (c Conditions) untrusted(trusted []string) bool {
	if c.Network != "" {
		return !slices.Contains(trusted, c.Network)
	}
	return c.Online == Yes && !slices.Contains(c.Unasked, "network_manager") && !slices.Contains(c.Unasked, "bus")
}

// overdue reports whether nothing was safe for too long.
func (s Situation) overdue(r Rules, now time.Time) bool {
	last := s.LastSafe
	if last.IsZero() {
		last = s.Since
	}
	return r.Overdue > 0 && !last.IsZero() && now.Sub(last) > r.Overdue
}

// StricterThan reports whether d forbids something that other allows, or
// allows less of it.
func (d Decision) StricterThan(other Decision) bool {
	if other.Allowed.None() {
		return false
	}
	return d.Allowed.StricterThan(other.Allowed) ||
		d.MaxUpload > 0 && (other.MaxUpload == 0 || d.MaxUpload < other.MaxUpload)
}
