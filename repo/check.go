package repo

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
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
	ReadBack   int // packs whose content was read and proven
	Bad        []Bad
	Alarms     []Alarm
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
	c := &checker{repo: r, opt: o, listed: map[format.Name]providers.Info{}, bad: map[string]bool{}, packs: map[format.Digest]packFact{}}
	if err := c.list(ctx); err != nil {
		return nil, err
	}
	if err := c.records(ctx); err != nil {
		return nil, err
	}
	if err := c.snapshots(ctx); err != nil {
		return nil, err
	}
	if o.Data > 0 {
		if err := c.data(ctx); err != nil {
			return nil, err
		}
	}
	c.rep.Alarms = c.otherAlarms()
	return &c.rep, r.rememberLost(c.lostOwn())
}

type checker struct {
	repo   *Repo
	opt    CheckOptions
	rep    Report
	listed map[format.Name]providers.Info
	bad    map[string]bool
	packs  map[format.Digest]packFact // all that a live index lists
	needed []*Snapshot
}

type packFact struct {
	device format.DeviceID
	pack   format.Pack
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
		if err != nil {
			c.note(string(info.Name), fmt.Errorf("%w: no object has such a name", format.ErrMalformed))
			return nil
		}
		c.listed[n] = info
		c.rep.Objects++
		c.rep.Bytes += info.Size
		if sum, ok := info.Sums[providers.SHA256]; ok && !n.Digest.IsZero() && sum != n.Digest.String() {
			c.note(n.String(), errDigest)
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

// records opens every roster, key file and secret this keyring can open, and
// looks for those that must be there.
func (c *checker) records(ctx context.Context) error {
	for n := range c.listed {
		var err error
		switch n.Kind {
		case format.KindRoster:
			_, err = c.repo.fetchRoster(ctx, n)
		case format.KindSecret:
			if c.repo.CanRead() {
				var sealed []byte
				if sealed, err = c.repo.fetch(ctx, n); err == nil {
					_, err = c.repo.ring.OpenSecret(sealed, n.Device, c.repo.roster)
				}
			}
		case format.KindKeys:
			_, err = c.repo.fetch(ctx, n) // sealed to its holder alone
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
		c.expect(format.KindSecret, func(n format.Name) bool { return n.Device == id }, "secrets/"+id.String()+"-….age")
		c.expect(format.KindKeys, func(n format.Name) bool { return n.Holder == id.String() }, "keys/"+id.String()+"-….age")
	}
	roster := format.Name{Kind: format.KindRoster, Version: c.repo.roster.Version, Digest: c.repo.roster.Digest}
	if _, ok := c.listed[roster]; !ok {
		return c.missing(ctx, roster)
	}
	return nil
}

// expect notes it if no object of a kind fits.
func (c *checker) expect(kind format.Kind, fits func(format.Name) bool, as string) {
	for n := range c.listed {
		if n.Kind == kind && fits(n) {
			return
		}
	}
	c.note(as, providers.ErrNotExist)
}

// missing notes an object that the listing doesn't show, unless it is there
// all the same.
func (c *checker) missing(ctx context.Context, n format.Name) error {
	_, err := c.repo.remote.Stat(ctx, providers.Name(n.String()))
	if errors.Is(err, providers.ErrNotExist) {
		c.note(n.String(), err)
		return nil
	}
	return err
}

// snapshots proves all chains, and that what each snapshot needs is there.
func (c *checker) snapshots(ctx context.Context) error {
	list, err := c.repo.Snapshots(ctx, format.DeviceID{})
	if err != nil {
		return err
	}
	c.needed = list
	for _, s := range list {
		if err := c.gossip(ctx, s); err != nil {
			return err
		}
		for _, digest := range s.Index {
			if err := c.index(ctx, s.Device, digest); err != nil {
				return err
			}
		}
	}
	return nil
}

// gossip holds one device's word of the others' heads against what is here.
func (c *checker) gossip(ctx context.Context, s *Snapshot) error {
	for _, h := range s.Heads {
		err := c.repo.holdAgainst(ctx, seenHead{h.Device.String(), h.Seq, h.Digest.String()})
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) index(ctx context.Context, d format.DeviceID, digest format.Digest) error {
	name := format.Name{Kind: format.KindIndex, Device: d, Digest: digest}
	if _, seen := c.listed[name]; !seen {
		if err := c.missing(ctx, name); err != nil {
			return err
		}
	}
	own := c.repo.ring.Device != nil && c.repo.ring.Device.ID == d
	if !own && !c.repo.CanRead() {
		return nil
	}
	x, err := c.repo.fetchIndex(ctx, d, digest)
	if err != nil {
		if _, ok := alarmFor("", err); !ok {
			return fmt.Errorf("read %s: %w", name, err)
		}
		c.note(name.String(), err)
		return nil
	}
	for _, p := range x.Packs {
		if err := c.pack(ctx, d, p); err != nil {
			return err
		}
	}
	return nil
}

// pack looks for one pack and compares size and checksums.
func (c *checker) pack(ctx context.Context, d format.DeviceID, p format.Pack) error {
	if _, done := c.packs[p.Name]; done {
		return nil
	}
	c.packs[p.Name] = packFact{d, p}
	name := format.Name{Kind: format.KindPack, Device: d, Digest: p.Name}
	info, ok := c.listed[name]
	if !ok {
		return c.missing(ctx, name)
	}
	if info.Size != int64(p.Size) {
		c.note(name.String(), fmt.Errorf("%w: %d bytes instead of %d", errDigest, info.Size, p.Size))
	}
	for _, s := range p.Sums {
		if got, ok := info.Sums[providers.Algorithm(s.Algorithm)]; ok && got != hex.EncodeToString(s.Value) {
			c.note(name.String(), errDigest)
		}
	}
	return nil
}

// otherAlarms are the repository's alarms that no bad object tells already.
func (c *checker) otherAlarms() []Alarm {
	return slices.DeleteFunc(c.repo.Alarms(), func(a Alarm) bool {
		if a.Object == "" {
			return false
		}
		if !c.bad[a.Object] && (a.Code == CodeDamaged || a.Code == CodeMissing || a.Code == CodeForged) {
			c.bad[a.Object] = true
			c.rep.Bad = append(c.rep.Bad, Bad{a.Object, string(a.Code), a.Err})
		}
		return c.bad[a.Object]
	})
}

// lostOwn lists this device's bad packs.
func (c *checker) lostOwn() (lost []string) {
	if c.repo.ring.Device == nil {
		return nil
	}
	for _, f := range c.packs {
		name := format.Name{Kind: format.KindPack, Device: f.device, Digest: f.pack.Name}
		if f.device == c.repo.ring.Device.ID && c.bad[name.String()] {
			lost = append(lost, f.pack.Name.String())
		}
	}
	slices.Sort(lost)
	return lost
}

func (r *Repo) rememberLost(lost []string) error {
	if r.state == nil || slices.Equal(lost, r.seen.Lost) {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Lost = lost
	return r.state.saveSeen(r.seen)
}
