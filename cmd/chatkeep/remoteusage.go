package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/providers/cloud"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

func (a *app) remoteUsageCommand() *cobra.Command {
	var named string
	c := &cobra.Command{
		Use: "usage", Short: a.say("cmd.remote.usage"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.remoteUsage(c.Context(), named) },
	}
	c.Flags().StringVar(&named, "remote", "", a.say("flag.remote"))
	return c
}

type ownJSON struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

type dayJSON struct {
	Limit int64 `json:"limit"`
	Used  int64 `json:"used"`
}

type usageJSON struct {
	Remote        string    `json:"remote"`
	Account       string    `json:"account,omitempty"`
	Quota         quotaJSON `json:"quota"`
	Own           ownJSON   `json:"chatkeep"`
	PerDay        *int64    `json:"bytes_per_day"` // at the present rate; null if it can't be told yet
	DaysUntilFull *int64    `json:"days_until_full"`
	Today         *dayJSON  `json:"today,omitempty"` // the day's upload limit
}

// remoteUsage says how full the place of the backups is.
func (a *app) remoteUsage(ctx context.Context, named string) error {
	where, err := a.target(named)
	if err != nil {
		return err
	}
	bare, err := a.reach(where).openBare(ctx)
	if err != nil {
		return err
	}
	remote := providers.Reliable(bare, hurried)
	defer remote.Close()
	u, err := usageOf(ctx, bare)
	if err != nil {
		return err
	}
	a.contact.usage = usageToKeep(u, a.now())
	d := usageJSON{Remote: where.String(), Account: u.Account, Quota: quotaOf(u)}
	if d.Own, err = ownUse(ctx, remote); err != nil {
		return err
	}
	rate, known, err := a.rate(ctx, remote)
	if err != nil {
		return err
	}
	if known {
		d.PerDay = &rate
		d.DaysUntilFull = daysUntilFull(u.Free, rate)
	}
	if t, ok := bare.(interface{ Today() (cloud.Today, bool) }); ok {
		if today, limited := t.Today(); limited {
			d.Today = &dayJSON{today.Limit, today.Sent}
		}
	}
	a.tellUsage(&d, u, bare.Traits().LocalPath != "")
	return a.document(d)
}

func usageOf(ctx context.Context, bare providers.Remote) (providers.Usage, error) {
	if r, ok := bare.(providers.Accountant); ok {
		return r.Usage(ctx)
	}
	return providers.Usage{Total: providers.Unknown, Used: providers.Unknown, Free: providers.Unknown, Trashed: providers.Unknown}, nil
}

func usageToKeep(u providers.Usage, at time.Time) *lastUsage {
	if u.Used == providers.Unknown && u.Free == providers.Unknown && u.Account == "" {
		return nil
	}
	return &lastUsage{Account: masked(u.Account), Used: u.Used, Free: u.Free, Time: at.UTC().Truncate(time.Second)}
}

// ownUse counts the repository's objects, in one listing.
func ownUse(ctx context.Context, remote providers.Remote) (o ownJSON, err error) {
	err = remote.List(ctx, "", providers.ListOptions{}, func(info providers.Info) error {
		if _, err := format.ParseName(string(info.Name)); err == nil {
			o.Objects++
			o.Bytes += info.Size
		}
		return nil
	})
	if err != nil {
		return o, fmt.Errorf("list %s: %w", remote, err)
	}
	return o, nil
}

// rate is how many bytes this device sends in a day, if it is a member of the
// repository there and that can be told yet.
func (a *app) rate(ctx context.Context, remote providers.Remote) (perDay int64, known bool, err error) {
	o, err := a.openToLook(ctx, remote, false)
	if hint.Is(err, "not_member") || hint.Is(err, repo.CodeNoKey) || hint.Is(err, repo.CodeOtherRepository) || hint.Is(err, repo.CodeNotRepository) || hint.Is(err, repo.CodeLocked) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	defer o.state.Close() // the remote stays open
	device := o.Device()
	if device == nil {
		return 0, false, nil
	}
	list, err := o.Snapshots(ctx, device.ID)
	if err != nil {
		return 0, false, err
	}
	perDay, known = perDayOf(list, time.Now())
	a.alarms(o.Alarms())
	return perDay, known, nil
}

const (
	rateWindow = 30 * 24 * time.Hour
	rateLeast  = 48 * time.Hour // of history, before anything is said
)

// perDayOf is the rate of the snapshots of the last 30 days. It counts from the
// first complete one on: what was there before chatkeep came is sent only once.
func perDayOf(list []*repo.Snapshot, now time.Time) (int64, bool) {
	var from time.Time
	var sum uint64
	for _, s := range list {
		at := time.Unix(0, s.Time)
		switch {
		case now.Sub(at) > rateWindow:
		case from.IsZero() && s.Partial:
		case from.IsZero():
			from = at
		default:
			sum += s.Counts.Uploaded
		}
	}
	span := now.Sub(from)
	if from.IsZero() || span < rateLeast {
		return 0, false
	}
	return int64(float64(sum) / span.Hours() * 24), true
}

// daysUntilFull is nil where there is no end in sight.
func daysUntilFull(free, perDay int64) *int64 {
	if free == providers.Unknown || perDay <= 0 {
		return nil
	}
	days := free / perDay
	return &days
}

// daysFor is in how many days so many bytes are sent at a limit a day.
func daysFor(bytes, limit uint64) int64 {
	if limit == 0 {
		return 0
	}
	return int64(math.Ceil(float64(bytes) / float64(limit)))
}

func (a *app) tellUsage(d *usageJSON, u providers.Usage, folder bool) {
	a.tell("usage.place", "remote", d.Remote)
	if d.Account != "" {
		a.detail("remotetest.account", "account", printable(d.Account))
	}
	a.tellQuota(u, folder)
	a.detail("usage.own", "objects", count(uint64(d.Own.Objects)), "bytes", size(uint64(d.Own.Bytes)))
	switch {
	case d.PerDay == nil:
		a.detail("usage.rate.unknown")
	case d.DaysUntilFull == nil:
		a.detail("usage.rate", "bytes", size(uint64(*d.PerDay)))
	default:
		a.detail("usage.full", "bytes", size(uint64(*d.PerDay)), "count", *d.DaysUntilFull)
	}
	if d.Today != nil {
		a.detail("usage.today", "used", size(uint64(d.Today.Used)), "limit", size(uint64(d.Today.Limit)))
	}
}
