package main

import (
	"errors"
	"time"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
	"github.com/chatkeep/chatkeep/repo"
)

type knownJSON struct {
	Present  int `json:"present"`
	ReadBack int `json:"read_back"`
}

type lastErrorJSON struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint"`
	Time string `json:"time"`
}

// remoteJSON is the place of the backups. What is not known is null, or left
// out where it is a word.
type remoteJSON struct {
	Place        string         `json:"place"`
	Login        string         `json:"login,omitempty"` // ok, expired, none; left out where there is none to make
	LoginExpires string         `json:"login_expires,omitempty"`
	Account      string         `json:"account,omitempty"`
	Used         *int64         `json:"used"` // when the service was last asked
	Free         *int64         `json:"free"`
	Proof        *knownJSON     `json:"proof,omitempty"`
	LastError    *lastErrorJSON `json:"last_error,omitempty"`
}

// lastOf is what is remembered of a snapshot.
func lastOf(device string, s *repo.Snapshot) *lastBackup {
	return &lastBackup{Device: device, Through: time.Unix(0, s.Time).UTC(), Finished: time.Unix(0, s.Finished).UTC(),
		Partial: s.Partial, Skipped: s.Counts.Skipped > 0}
}

// statusOfRemote tells of the place of the backups, without a request: it
// answered just now.
func (a *app) statusOfRemote(o *opened, d *statusJSON) {
	where := a.contact.target
	h := a.healthOf(where.Remote)
	a.noteTrouble(&h, nil)
	d.Remote = a.remoteDocument(where.Remote, h, nil)
	known, traits := o.Proof(), o.Remote().Traits()
	d.Remote.Proof = &knownJSON{known.Present, known.ReadBack}
	a.tellRemote(&d.Remote, h)
	if traits.LocalPath == "" && known.Present+known.ReadBack > 0 {
		a.detail("status.proof", "present", known.Present, "read", known.ReadBack)
	}
	if e := d.Remote.LastError; e != nil {
		d.Problems = append(d.Problems, problemJSON{Code: e.Code, Text: e.Text, Hint: e.Hint})
		a.raise(exitRemarks)
		a.detail("status.last_error", "time", h.Error.Time.Local().Format("2006-01-02 15:04"), "text", e.Text)
		a.detail("prefix.hint", "text", e.Hint)
	}
}

// remoteDocument joins the sign-in and what is remembered. failed is why the
// remote can't be used now.
func (a *app) remoteDocument(where config.Remote, h health, failed error) remoteJSON {
	d := remoteJSON{Place: where.String()}
	if h.Usage != nil {
		d.Account, d.Used, d.Free = h.Usage.Account, known(h.Usage.Used), known(h.Usage.Free)
	}
	if h.Error != nil {
		e := lastErrorJSON{Code: h.Error.Code, Time: h.Error.Time.Format(time.RFC3339)}
		e.Text, e.Hint = a.explained(h.Error)
		d.LastError = &e
	}
	d.Login, d.LoginExpires = a.loginState(where, failed)
	return d
}

// loginState is what is known of the sign-in: the file says whether there is one
// and when it ends, and the last error whether it is still taken.
func (a *app) loginState(where config.Remote, failed error) (state, expires string) {
	if !signin.SignsIn(string(where.Type)) {
		return "", ""
	}
	home, err := remoteHomeIn(a.getenv, where)
	if err != nil {
		return "none", ""
	}
	signIn, err := cloud.OpenSignIn(home)
	if err == nil && signIn.Empty() && !errors.Is(failed, providers.ErrAuth) {
		return "", "" // the place takes everybody, or can't be asked
	}
	if err != nil || signIn.Empty() {
		return "none", ""
	}
	until := signIn.Expires()
	if !until.IsZero() {
		expires = until.UTC().Format(time.RFC3339)
	}
	if errors.Is(failed, providers.ErrAuth) || !until.IsZero() && time.Now().After(until) {
		return "expired", expires
	}
	return "ok", expires
}

func (a *app) tellRemote(d *remoteJSON, h health) {
	place := printable(d.Place)
	if d.Account != "" {
		place = a.say("status.place", "remote", place, "account", printable(d.Account))
	}
	if h.Usage != nil && (d.Used != nil || d.Free != nil) {
		key := "status.kept_used"
		if d.Login == "" {
			key = "status.kept_disk"
		}
		a.detail(key, "place", place, "used", a.sizeOrUnknown(h.Usage.Used), "free", a.sizeOrUnknown(h.Usage.Free),
			"time", h.Usage.Time.Local().Format("2006-01-02"))
	} else {
		a.detail("status.kept", "place", place)
	}
	switch {
	case d.Login == "":
	case d.Login != "ok":
		a.detail("status.login." + d.Login)
	case d.LoginExpires != "":
		until, _ := time.Parse(time.RFC3339, d.LoginExpires)
		a.detail("status.login.until", "time", until.Local().Format("2006-01-02 15:04"))
	default:
		a.detail("status.login.ok")
	}
}

// isAway reports whether a place that this device has backed up to is not what
// it was: as a rule a disk that is not connected.
func (a *app) isAway(where *target, err error) bool {
	return hint.Is(err, repo.CodeNotRepository) && a.healthOf(where.Remote).Last != nil
}

// statusWithout answers from what this device remembers, as the remote can't be
// asked.
func (a *app) statusWithout(where *target, failed error) error {
	a.contact.trouble = failed
	a.raise(exitFailed)
	h := a.healthOf(where.Remote)
	h.Error = troubleOf(failed)
	d := statusJSON{Problems: []problemJSON{}, Remote: a.remoteDocument(where.Remote, h, failed)}
	e := d.Remote.LastError
	if testing := a.testing(where.Remote, failed); testing != "" {
		e.Hint = testing
	}
	d.Problems = append(d.Problems, problemJSON{Code: e.Code, Text: e.Text, Hint: e.Hint})
	if d.Remote.Login == "expired" {
		a.tell("status.signed_out", "remote", printable(d.Remote.Place))
	} else {
		a.tell("status.out_of_reach", "remote", printable(d.Remote.Place))
	}
	a.printf("\n")
	a.detail("status.trouble", "text", e.Text)
	if e.Hint != "" {
		a.detail("prefix.hint", "text", e.Hint)
	}
	a.printf("\n")
	if h.Last == nil {
		a.detail("status.not_known")
	} else {
		d.Device, d.BackedUpThrough, d.Partial = h.Last.Device, h.Last.Through.Format(time.RFC3339Nano), h.Last.Partial
		d.Last.Backup = h.Last.Finished.Format(time.RFC3339Nano)
		a.tellLast(h.Last, d.Remote.Login == "expired" || d.Remote.Login == "none")
	}
	a.tellRemote(&d.Remote, h)
	return a.document(d)
}

// tellLast says what is backed up, and when the rest comes.
func (a *app) tellLast(l *lastBackup, signIn bool) {
	key := "status.through"
	if l.Skipped || l.Partial {
		key = "status.through_but_some"
	}
	a.detail(key, "time", clock(l.Through.UnixNano()))
	if signIn {
		a.detail("status.rest_after_login")
	} else {
		a.detail("status.rest_by_itself")
	}
}

// testing is the way out of Google's 7 days, if they are why the sign-in ended.
func (a *app) testing(where config.Remote, failed error) string {
	if where.Type != "drive" || !errors.Is(failed, providers.ErrAuth) {
		return ""
	}
	if _, expires := a.loginState(where, failed); expires == "" {
		return ""
	}
	return a.say("status.testing")
}
