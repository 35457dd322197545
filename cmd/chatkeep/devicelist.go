package main

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

func (a *app) deviceListCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "list", Short: a.say("cmd.device.list"), Long: a.say("cmd.device.list") + "\n\n" + a.say("cmd.device.list.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.deviceList(c.Context(), p) },
	}
	p.signFlags(a, c)
	return c
}

type memberJSON struct {
	ID       string `json:"id"`
	Name     string `json:"name"`
	Role     string `json:"role"`
	This     bool   `json:"this"`
	Revoked  bool   `json:"revoked"`
	Joined   string `json:"joined"`
	LastSeen string `json:"last_seen,omitempty"` // time of its newest snapshot
	Sequence uint64 `json:"sequence"`            // of it; 0: none yet
	Client   string `json:"client"`              // program that made it
}

type requestJSON struct {
	Words  string `json:"words"`
	Other  string `json:"other_words"` // the same in the other language
	Device string `json:"device"`      // its id
	Role   string `json:"role"`
	Time   string `json:"time"`
}

type membersJSON struct {
	Devices  []memberJSON  `json:"devices"`
	Requests []requestJSON `json:"requests"`
	Refused  int           `json:"refused"` // requests that do not count
	Alarms   []alarm       `json:"alarms"`
}

// deviceList shows who belongs, and who asks to.
func (a *app) deviceList(ctx context.Context, p place) error {
	o, err := a.open(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	list, err := members(ctx, o.Repo)
	if err != nil {
		return err
	}
	requests, refused, err := o.Requests(ctx)
	if err != nil {
		return err
	}
	a.tellMembers(list)
	a.tellRequests(requests, refused)
	doc := membersJSON{Devices: list, Requests: []requestJSON{}, Refused: refused}
	for _, q := range requests {
		words, other := a.bothWordsOf(q.Fingerprint())
		doc.Requests = append(doc.Requests, requestJSON{words, other, q.Device.String(), q.Role.String(), q.Time.UTC().Format(time.RFC3339)})
	}
	doc.Alarms = a.alarms(o.Alarms())
	return a.document(doc)
}

// members are all devices with their newest snapshots, those that were removed
// last.
func members(ctx context.Context, r *repo.Repo) ([]memberJSON, error) {
	var own format.DeviceID
	if d := r.Device(); d != nil {
		own = d.ID
	}
	devices := slices.Clone(r.Devices())
	slices.SortStableFunc(devices, func(x, y format.Device) int {
		switch {
		case x.Revoked == y.Revoked:
			return 0
		case x.Revoked:
			return 1
		}
		return -1
	})
	list := []memberJSON{}
	for _, d := range devices {
		m := memberJSON{ID: d.ID.String(), Name: r.DeviceName(d.ID), Role: d.Role.String(), This: d.ID == own, Revoked: d.Revoked,
			Joined: stamp(d.Joined), Client: d.Client}
		s, err := r.Head(ctx, d.ID)
		if err != nil {
			return nil, err
		}
		if s != nil {
			m.LastSeen, m.Sequence, m.Client = stamp(s.Time), s.Seq, cmp.Or(s.Client, d.Client)
		}
		list = append(list, m)
	}
	return list, nil
}

func (a *app) tellMembers(list []memberJSON) {
	rows := [][]string{strings.Split(a.say("device.list.header"), "\t")}
	for _, m := range list {
		var remarks []string
		if m.This {
			remarks = append(remarks, a.say("device.list.this"))
		}
		if m.Revoked {
			remarks = append(remarks, a.say("device.list.revoked"))
		}
		newest := ""
		if m.Sequence > 0 {
			newest = strconv.FormatUint(m.Sequence, 10)
		}
		rows = append(rows, []string{printable(m.Name), a.say("role." + m.Role), day(m.Joined), minute(m.LastSeen), newest, printable(m.Client), strings.Join(remarks, ", ")})
	}
	a.table(rows)
}

// tellRequests shows who asks to join.
func (a *app) tellRequests(list []*repo.Request, refused int) {
	if len(list) > 0 {
		a.printf("\n")
		a.tell("device.list.requests", "count", len(list))
	}
	for _, q := range list {
		a.printf("  %s\n", a.requestText(q))
	}
	if len(list) > 0 {
		a.tell("device.list.approve")
	}
	if refused > 0 {
		a.note("device.list.refused", "count", refused)
	}
}

// day and minute are a time of JSON as a table shows it.
func day(stamp string) string { return shortTime(stamp, "2006-01-02") }

func minute(stamp string) string { return shortTime(stamp, "2006-01-02 15:04") }

func shortTime(stamp, layout string) string {
	t, err := time.Parse(time.RFC3339Nano, stamp)
	if err != nil {
		return ""
	}
	return t.Local().Format(layout)
}
