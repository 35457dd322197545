package main

import (
	"fmt"
	"time"
)

// moment says when something was or will be, as people say it: the clock alone
// for today, the day with it otherwise. now's time zone is theirs.
func (a *app) moment(t, now time.Time) string {
	t = t.In(now.Location())
	if sameDay(t, now) {
		return t.Format("15:04")
	}
	return a.say("status.time.day_clock", "day", a.day(t, now), "clock", t.Format("15:04"))
}

// fullMoment is moment for a sentence that stands alone: "14:32 today".
func (a *app) fullMoment(t, now time.Time) string {
	t = t.In(now.Location())
	clock := t.Format("15:04")
	switch {
	case sameDay(t, now):
		return a.say("status.time.today", "clock", clock)
	case sameDay(t, now.AddDate(0, 0, -1)):
		return a.say("status.time.yesterday", "clock", clock)
	}
	return a.moment(t, now)
}

// day is a date: today, with the day of the week if it is near, and with the year if it
// is another one.
func (a *app) day(t, now time.Time) string {
	t = t.In(now.Location())
	month := a.say(fmt.Sprintf("status.month.%d", t.Month()))
	key := "status.time.day"
	switch away := now.Sub(t).Abs(); {
	case sameDay(t, now):
		key = "status.time.this_day"
	case t.Year() != now.Year() && away > 180*24*time.Hour:
		key = "status.time.day_year"
	case away < 7*24*time.Hour:
		key = "status.time.weekday"
	}
	return a.say(key, "day", t.Day(), "month", month, "year", t.Year(), "weekday", a.say(fmt.Sprintf("status.weekday.%d", t.Weekday())))
}

func sameDay(t, now time.Time) bool {
	return t.Format(time.DateOnly) == now.Format(time.DateOnly)
}

// lasted says how long something took.
func (a *app) lasted(d time.Duration) string {
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case h > 0:
		return a.say("status.lasted.hours", "hours", h, "minutes", m)
	case m > 0:
		return a.say("status.lasted.minutes", "minutes", m, "seconds", s)
	case s > 0:
		return a.say("status.lasted.seconds", "seconds", s)
	}
	return a.say("status.lasted.less")
}

// until says in how long something is to be.
func (a *app) until(t, now time.Time) string {
	left := t.Sub(now)
	switch minutes := int((left + time.Minute - 1) / time.Minute); {
	case left <= 0:
		return a.say("status.until.now")
	case minutes <= 60:
		return a.say("status.until.minutes", "count", minutes)
	}
	return a.say("status.until.at", "time", a.moment(t, now))
}
