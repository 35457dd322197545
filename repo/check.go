package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/image"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// CheckOptions say how deep a check goes.
type CheckOptions struct {
	// Data reads and proves this percentage of the packs (1–100); 0 reads
	// none.
	Data int
	// Progress, if not nil, is called now and then with bytes done.
	Progress func(done, total int64)
}

// Report is what a check found.
type Report struct {
	Objects    int
	Bytes      int64
	Downloaded int64
	Summed     int // objects that the remote's own checksums vouch for
	ReadBack   int // packs whose content was read and proven
	Present    int // objects of which nothing is proven but that they are there
	Bad        []Bad
	Alarms     []Alarm
	Unnoted    bool // the next backup doesn't know what to store again, since this process only looks, see PeekState
}

// Bad is an object that is not what it should be.
type Bad struct {
	Object string
	Reason string // a code: missing_object, damaged, forged, …
	Err    error
}

// OK reports whether nothing at all was found.
func (rep *Report) OK() bool { return len(rep.Bad) == 0 && len(rep.Alarms) == 0 }

// Check proves what is on the remote: that every object any snapshot needs is
// there and has the bytes its name promises, by the provider's checksums where
// it reports them, without a download; that everything signed is signed by
// whom it says; that chains have no gap. With Data it also reads packs, proves
// every chunk, and follows every tree to its last chunk.
//
// A device that can't read content checks its own packs by their bytes and
// everybody's heads. Own packs that are bad are remembered, so that the next
// backup stores their chunks again.
func (r *Repo) Check(ctx context.Context, o CheckOptions) (*Report, error) {
	c := &checker{repo: r, opt: o, listed: map[format.Name]providers.Info{},
		named: map[format.Digest][]format.Name{}, used: map[format.Name]bool{}, bad: map[string]bool{},
		good: map[format.Digest]bool{}, packs: map[format.Digest]packFact{}, live: map[format.Digest]bool{}, images: map[image.Fingerprint]bool{}}
	if err := c.list(ctx); err != nil {
		return nil, err
	}
	if err := c.records(ctx); err != nil {
		return nil, err
	}
	if err := c.snapshots(ctx); err != nil {
		return nil, err
	}
	c.strangers()
	c.copies()
	if o.Data > 0 {
		if err := c.data(ctx); err != nil {
			return nil, err
		}
	}
	c.rep.Present = c.present()
	c.forgive()
	c.rep.Alarms = c.otherAlarms()
	broken, err := c.brokenKept()
	if err != nil {
		return nil, err
	}
	lost := c.lostOwn()
	news := !slices.Equal(lost, r.seen.Lost) || !slices.Equal(broken, r.seen.Broken)
	c.rep.Unnoted = news && r.state.mayWork() != nil
	return &c.rep, errors.Join(r.rememberLost(lost), r.rememberBroken(broken))
}

// present counts what nothing was said for or against. The objects in clear
// were read.
func (c *checker) present() (n int) {
	for name := range c.listed {
		if !name.Digest.IsZero() && !c.good[name.Digest] && !c.bad[name.String()] {
			n++
		}
	}
	return n
}

type checker struct {
	repo   *Repo
	opt    CheckOptions
	rep    Report
	listed map[format.Name]providers.Info
	named  map[format.Digest][]format.Name // all names that promise the same bytes
	used   map[format.Name]bool            // snapshots that are proven, and what they name
	bad    map[string]bool
	good   map[format.Digest]bool     // objects whose bytes are proven
	packs  map[format.Digest]packFact // all that an index of a snapshot lists
	live   map[format.Digest]bool     // own packs and indexes that the newest snapshot counts on
	needed []*Snapshot
	images map[image.Fingerprint]bool // that are proven
}

type packFact struct {
	device format.DeviceID
	pack   format.Pack
}

func (f packFact) name() format.Name {
	return format.Name{Kind: format.KindPack, Device: f.device, Digest: f.pack.Name}
}

func (c *checker) note(object string, err error) {
	if c.bad[object] {
		return
	}
	a, ok := alarmFor(object, err)
	reason := string(a.Code)
	if !ok {
		reason = string(CodeDamaged)
	}
	c.bad[object] = true
	c.rep.Bad = append(c.rep.Bad, Bad{object, reason, err})
}

// list takes one listing, and holds every object against its name.
func (c *checker) list(ctx context.Context) error {
	err := c.repo.remote.List(ctx, "", providers.ListOptions{Sums: true}, func(info providers.Info) error {
		n, err := format.ParseName(string(info.Name))
		if err != nil && (!strings.Contains(string(info.Name), "/") || strings.HasPrefix(string(info.Name), providers.ProbeFolder+"/")) {
			return nil // a person's own file beside the repository's folders, or what a test of the remote left
		}
		if err != nil {
			c.note(string(info.Name), fmt.Errorf("%w: no object has such a name", format.ErrMalformed))
			return nil
		}
		c.listed[n] = info
		if !n.Digest.IsZero() {
			c.named[n.Digest] = append(c.named[n.Digest], n)
		}
		c.rep.Objects++
		c.rep.Bytes += info.Size
		if sum, ok := info.Sums[providers.SHA256]; ok && !n.Digest.IsZero() {
			c.good[n.Digest] = sum == n.Digest.String()
			if !c.good[n.Digest] {
				c.note(n.String(), errDigest)
			} else {
				c.rep.Summed++
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("list %s: %w", c.repo.remote, err)
	}
	return c.clear(ctx)
}

// clear checks the two objects in clear by what they say.
func (c *checker) clear(ctx context.Context) error {
	for name, check := range map[string]func([]byte) error{
		format.ReadmeName: func(b []byte) error {
			if string(b) != readme {
				return errDigest
			}
			return nil
		},
		format.RepositoryName: func(b []byte) error {
			id, err := parseClear(b)
			if err == nil && id != c.repo.ring.Repo {
				err = errDigest
			}
			return err
		},
	} {
		b, err := c.repo.get(ctx, name, maxClear)
		if err == nil {
			err = check(b)
		} else if _, ok := alarmFor(name, err); !ok {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if err != nil {
			c.note(name, err)
		}
	}
	return nil
}

// records opens every roster, key file, secret and statement this keyring can
// open, and looks for those that must be there.
func (c *checker) records(ctx context.Context) error {
	for n := range c.listed {
		var err error
		switch n.Kind {
		case format.KindRoster:
			_, err = c.repo.fetchRoster(ctx, n)
			if errors.Is(err, crypto.ErrNoMatch) || errors.Is(err, format.ErrNewer) {
				err = nil // opening the repository has judged it
			}
			c.used[n] = err == nil
		case format.KindSecret:
			var sealed []byte
			if sealed, err = c.repo.fetch(ctx, n); err == nil && c.repo.CanRead() {
				_, err = c.repo.ring.OpenSecret(sealed, n.Device, c.repo.roster)
				c.used[n] = err == nil
			}
		case format.KindKeys:
			err = c.keyFile(ctx, n)
		case format.KindRecord:
			_, err = c.repo.statement(ctx, n)
			c.used[n] = err == nil
		}
		if err = c.repo.beyond(err); passedOver(err) {
			continue
		}
		if err != nil {
			if _, ok := alarmFor("", err); !ok {
				return fmt.Errorf("read %s: %w", n, err)
			}
			c.note(n.String(), err)
		}
	}
	c.expect(format.KindKeys, func(n format.Name) bool { return n.Holder == format.RecoveryHolder }, "keys/recovery-….age")
	for _, d := range c.repo.roster.Devices {
		id := d.ID
		if len(c.repo.snapshots[id]) > 0 {
			c.expect(format.KindSecret, func(n format.Name) bool { return n.Device == id }, "secrets/"+id.String()+"-….age")
		}
		if !d.Revoked {
			c.expect(format.KindKeys, func(n format.Name) bool { return n.Holder == id.String() }, "keys/"+id.String()+"-….age")
		}
	}
	roster := format.Name{Kind: format.KindRoster, Version: c.repo.roster.Version, Digest: c.repo.roster.Digest}
	if _, ok := c.listed[roster]; !ok {
		return c.missing(ctx, roster)
	}
	return nil
}

// keyFile proves a key file's bytes, and if it is this holder's own also who
// signed it. The others' are sealed to their holders alone.
func (c *checker) keyFile(ctx context.Context, n format.Name) error {
	sealed, err := c.repo.fetch(ctx, n)
	if err != nil {
		return err
	}
	id := c.repo.recovery
	if own := c.repo.ring.Device; own != nil && n.Holder == own.ID.String() {
		id = own.Identity
	} else if id == nil || n.Holder != format.RecoveryHolder {
		return nil
	}
	f, err := trust.OpenKeyFile(sealed, n.Holder, id)
	if errors.Is(err, crypto.ErrNoMatch) && n.Holder == format.RecoveryHolder {
		return nil // of a recovery key before this one
	}
	if err != nil {
		return err
	}
	return f.Vouched(c.repo.ring, c.repo.rosters.believed)
}
