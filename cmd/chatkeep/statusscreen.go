package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// mostTodo is how many things to be done the screen names; the document has all.
const mostTodo = 12

// screen is the view for people: one glance, then what it rests on, then what
// to do.
func (a *app) screen(p *view) string {
	var b strings.Builder
	head, through := a.headline(p)
	fmt.Fprintf(&b, "%s\n\n", head)
	rows := a.rows(p, through)
	widest := 0
	for _, r := range rows {
		widest = max(widest, runewidth.StringWidth(r[0]))
	}
	for _, r := range rows {
		fmt.Fprintf(&b, "  %s%s\n", runewidth.FillRight(r[0], widest+3), r[1])
	}
	if len(p.todo) > 0 {
		b.WriteString("\n")
	}
	for i, t := range p.todo {
		if i == mostTodo {
			fmt.Fprintf(&b, "  %s\n", a.say("status.more", "count", len(p.todo)-mostTodo))
			break
		}
		if t.Code == "stale" { // the headline says it
			t.Text, t.Hint = t.Hint, ""
		}
		fmt.Fprintf(&b, "  %d. %s\n", i+1, indented(t.said()))
		if t.Hint != "" {
			fmt.Fprintf(&b, "     %s\n", indented(capital(t.Hint)))
		}
	}
	if tail := a.tail(p); tail != "" {
		fmt.Fprintf(&b, "\n%s\n", tail)
	}
	return b.String()
}

// said is the whole sentence.
func (t *todo) said() string {
	if t.Path != "" && t.title != "" && t.exit < exitIntegrity {
		return t.title
	}
	return t.Text
}

func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n     ") }

// headline answers at a glance. through reports whether it says what is backed
// up.
func (a *app) headline(p *view) (text string, through bool) {
	at := a.fullMoment(p.through, p.now)
	remote := printable(p.remote.Place)
	switch {
	case p.signedOut() && remote != "":
		return a.say("status.signed_out", "remote", remote), false
	case p.away:
		return a.say("status.out_of_reach", "remote", remote), false
	case p.stale >= 48:
		return a.say("status.stale_days", "count", p.stale/24), false
	case p.stale > 0:
		return a.say("status.stale_hours", "count", p.stale), false
	case p.has("device_revoked"), p.worst() == exitIntegrity, p.worst() == exitFailed && len(p.todo) > 0 && worth(p.todo[0].exit) >= worth(exitFailed):
		return a.needsYou(p), false
	case p.onlyReads && p.through.IsZero():
		return a.say("status.only_reads"), true
	case p.through.IsZero():
		return a.nothingYet(p), true
	case p.paused() && p.daemon.Paused.Until.IsZero():
		return a.say("status.paused", "time", at), true
	case p.paused():
		return a.say("status.paused_until", "until", a.fullMoment(p.daemon.Paused.Until, p.now), "time", at), true
	case p.waits():
		return a.say("status.waiting", "why", a.reasons(p.daemon.Decision.Reasons), "time", at), true
	case len(p.todo) > 0 && p.but():
		return a.say("status.through_but_and", "time", at, "count", len(p.todo)), true
	case len(p.todo) > 0:
		return a.say("status.through_and", "time", at, "count", len(p.todo)), true
	case p.but():
		return a.say("status.through_but_some", "time", at), true
	}
	return a.say("status.good", "time", at), true
}

// needsYou names what is wrong if it is one thing.
func (a *app) needsYou(p *view) string {
	for _, t := range p.todo {
		if t.title != "" && worth(t.exit) >= worth(exitFailed) {
			return a.say("status.needs_you", "what", clause(t.title))
		}
	}
	return a.say("status.needs_something")
}

// capital is sentenceCase for sentences that may begin with the name of a place.
func capital(text string) string {
	if word, _, _ := strings.Cut(text, " "); strings.ContainsAny(word, ":/.") {
		return text
	}
	return sentenceCase(text)
}

// clause lets a sentence follow a colon.
func clause(text string) string {
	for _, word := range []string{"The ", "This ", "Nothing ", "Something ", "A ", "Bringing "} {
		if strings.HasPrefix(text, word) {
			return strings.ToLower(word) + text[len(word):]
		}
	}
	return text
}

// nothingYet is the headline while there is no backup.
func (a *app) nothingYet(p *view) string {
	r := p.running()
	switch {
	case r != nil && r.Job == jobBackup:
		return a.say("status.first_runs")
	case p.paused():
		return a.say("status.never_paused")
	case p.waits():
		return a.say("status.never_waiting", "why", a.reasons(p.daemon.Decision.Reasons))
	case !p.next(jobBackup).IsZero():
		return a.say("status.never_next", "when", a.until(p.next(jobBackup), p.now))
	}
	return a.say("status.never")
}

// rows are the facts, each with its name.
func (a *app) rows(p *view, through bool) (rows [][2]string) {
	add := func(key, text string) {
		if text != "" {
			rows = append(rows, [2]string{a.say("status.row." + key), text})
		}
	}
	if !through {
		add("through", a.throughText(p))
	}
	if p.paused() && p.through.IsZero() {
		add("paused", a.pausedText(p))
	}
	add("now", a.runningText(p))
	add("last", a.lastText(p))
	if p.failingText() {
		add("tried", a.triedText(p))
	}
	add("new", a.newText(p))
	add("left", a.leftText(p))
	if p.held() && !(through && p.waits()) {
		add("held", a.heldText(p))
	}
	add("kept", a.keptText(p))
	if p.remote.Place == "" || strings.HasPrefix(p.remote.Place, "local:") { // "": the configuration can't be read
		add("check_disk", a.checkText(p))
	} else {
		add("check", a.checkText(p))
	}
	if p.proof != nil {
		add("read", a.readText(p.proof.ReadBack, p.proof.Present))
	}
	if at := p.facts.PhoneBackup; !at.IsZero() {
		add("phone", a.phoneText(p.now.Sub(at)))
	}
	add("signin", a.signInText(p))
	add("pull", a.pullText(p))
	add("unasked", a.unaskedText(p))
	if p.daemon == nil && !p.other && !p.onlyReads && !p.has("daemon_stopped") {
		add("itself", a.say("status.by_hand"))
	}
	return rows
}

func (a *app) throughText(p *view) string {
	switch {
	case p.through.IsZero() && p.daemon == nil && p.away:
		return a.say("status.not_known")
	case p.through.IsZero():
		return a.say("status.nothing")
	case p.but():
		return a.say("status.before_but_some", "time", a.fullMoment(p.through, p.now))
	}
	return a.say("status.before", "time", a.fullMoment(p.through, p.now))
}

func (a *app) pausedText(p *view) string {
	if p.daemon.Paused.Until.IsZero() {
		return a.say("status.pause_forever")
	}
	return a.say("status.pause_until", "time", a.fullMoment(p.daemon.Paused.Until, p.now))
}

// runningText is how far the job at work is.
func (a *app) runningText(p *view) string {
	r := p.running()
	if r == nil {
		return ""
	}
	text := a.say("status.running", "job", a.jobName(r.Job), "time", a.moment(r.Started, p.now))
	g := r.Progress
	if done, ok := share(g.Bytes, g.TotalBytes); ok {
		text += a.say("status.running_percent", "percent", done)
	}
	switch {
	case g.TotalFiles > 0:
		text += a.say("status.running_of", "files", count(g.Files), "total", count(g.TotalFiles))
	case g.Files > 0:
		text += a.say("status.running_files", "files", a.filesText(g.Files))
	}
	if g.Sent > 0 {
		key := "status.running_sent"
		if r.Job == jobPull {
			key = "status.running_got"
		}
		text += a.say(key, "bytes", size(g.Sent))
	}
	return text
}

// lastText is the last backup, and the next.
func (a *app) lastText(p *view) string {
	if p.finished.IsZero() {
		return ""
	}
	text := a.moment(p.finished, p.now)
	if p.backup != nil && p.backup.Ended.Sub(p.finished).Abs() < time.Minute && p.facts.Seq > 0 {
		text = a.say("status.last", "time", text, "bytes", size(p.facts.Uploaded), "lasted", a.lasted(p.backup.Ended.Sub(p.backup.Started)))
	}
	if next := p.comes(); !next.IsZero() {
		text += a.nextText(next, p.now)
	}
	return text
}

func (a *app) nextText(next, now time.Time) string {
	if !next.After(now) {
		return a.say("status.next_now")
	}
	return a.say("status.next", "time", a.moment(next, now))
}

// failingText reports whether the last backup failed and that is no problem yet,
// as it is about to be tried again.
func (p *view) failingText() bool {
	j, ok := p.job(jobBackup)
	if !ok || j.Retry.IsZero() || j.Last == nil || j.Last.Trouble == nil {
		return false
	}
	for _, t := range p.todo {
		if t.exit == exitFailed {
			return false
		}
	}
	return true
}

func (a *app) triedText(p *view) string {
	j, _ := p.job(jobBackup)
	return a.say("status.tried", "time", a.moment(j.Last.Ended, p.now), "why", a.say("error."+j.Last.Trouble.Code, a.readable(argsOf(j.Last.Trouble))), "again", a.moment(j.Retry, p.now))
}

// newText is what has come since the last backup.
func (a *app) newText(p *view) string {
	if p.daemon == nil || !p.daemon.Changes.Watching || p.through.IsZero() {
		return ""
	}
	c := p.daemon.Changes
	if c.Oldest.IsZero() {
		return a.say("status.nothing_new")
	}
	text := a.say("status.new", "time", a.moment(c.Oldest, p.now))
	if next := p.comes(); !next.IsZero() {
		text += a.say("status.new_next", "when", a.until(next, p.now))
	}
	return text
}

// leftText is what is known to be only on this computer, and why.
func (a *app) leftText(p *view) string {
	if p.left() == 0 {
		return ""
	}
	text := size(p.left())
	if n, ok := p.leftFiles(); ok && n > 0 {
		text = a.say("status.left_files", "bytes", text, "files", a.filesText(n))
	}
	switch {
	case p.facts.Held > 0 && p.held():
		text += a.say("status.because", "why", a.reasons(p.daemon.Decision.Reasons))
	case p.remote.LastError != nil && p.remote.LastError.Code == "remote_day_limit":
		text += a.say("status.because", "why", a.say("error.remote_day_limit"))
	}
	return text
}

// heldText is what the rules hold back.
func (a *app) heldText(p *view) string {
	if p.facts.Held > 0 {
		return "" // said with what waits
	}
	key := "status.held_some"
	if p.daemon.Decision.Allowed.None() {
		key = "status.held_all"
	}
	return a.say(key, "why", a.reasons(p.daemon.Decision.Reasons))
}

func (a *app) keptText(p *view) string {
	d := &p.remote
	if d.Place == "" {
		return ""
	}
	text := printable(d.Place)
	if d.Account != "" {
		text = a.say("status.place", "remote", text, "account", printable(d.Account))
	}
	if p.usage == nil || d.Used == nil && d.Free == nil {
		return text
	}
	key := "status.used"
	if d.Login == "" {
		key = "status.used_disk"
	}
	return text + a.say(key, "used", a.sizeOrUnknown(p.usage.Used), "free", a.sizeOrUnknown(p.usage.Free), "day", a.day(p.usage.Time, p.now))
}

// checkText is what the last check found.
func (a *app) checkText(p *view) string {
	if p.verify == nil {
		return ""
	}
	f := verifyFactsOf(p.verify)
	key := "status.checked"
	if f.Bad > 0 {
		key = "status.checked_bad"
	}
	return a.say(key, "day", a.day(p.verify.Ended, p.now), "objects", count(uint64(max(f.Objects, 0))), "bad", f.Bad)
}

// readText is how much of what is stored was read again, where the service
// proves nothing by itself.
func (a *app) readText(read, present int) string {
	if present == 0 {
		return a.say("status.read_all")
	}
	return a.say("status.read", "percent", 100*read/(read+present))
}

func (a *app) phoneText(age time.Duration) string {
	if days := int(age / (24 * time.Hour)); days > 0 {
		return a.say("status.phone", "count", days)
	}
	return a.say("status.phone_today")
}

func (a *app) signInText(p *view) string {
	switch d := &p.remote; {
	case d.Login == "":
		return ""
	case p.signedOut():
		return a.say("status.login.expired")
	case d.Login == "ok" && d.LoginExpires != "":
		until, _ := time.Parse(time.RFC3339, d.LoginExpires)
		return a.say("status.login.until", "time", a.moment(until, p.now))
	default:
		return a.say("status.login." + d.Login)
	}
}

// pullText is when the folder of pull was last brought up to date.
func (a *app) pullText(p *view) string {
	j, ok := p.job(jobPull)
	if !ok || p.pull == nil {
		return ""
	}
	text := a.moment(p.pull.Ended, p.now)
	if !j.Next.IsZero() && !p.paused() {
		text += a.nextText(j.Next, p.now)
	}
	return text
}

// unaskedText is what this computer could not be asked.
func (a *app) unaskedText(p *view) string {
	if p.daemon == nil {
		return ""
	}
	var list []string
	for _, code := range p.daemon.Conditions.Unasked {
		list = append(list, a.say("status.unasked."+code))
	}
	if len(list) == 0 {
		return ""
	}
	return a.say("status.unasked", "what", list)
}

// tail says what happens by itself, where something is wrong.
func (a *app) tail(p *view) string {
	switch {
	case p.signedOut():
		return a.say("status.rest_after_login")
	case p.away, p.daemon != nil && p.stale > 0:
		return a.say("status.rest_by_itself")
	}
	return ""
}
