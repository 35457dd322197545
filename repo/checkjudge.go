package repo

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
)

// strangers notes objects of a device that is not in the roster, one each.
// Whoever was shut out doesn't know who came since.
func (c *checker) strangers() {
	if c.repo.shutOut(c.repo.roster) != "" {
		return
	}
	told := map[format.DeviceID]bool{{}: true} // zero: objects of no device
	for _, n := range slices.SortedFunc(maps.Keys(c.listed), func(a, b format.Name) int { return cmp.Compare(a.String(), b.String()) }) {
		if !told[n.Device] && c.repo.roster.Device(n.Device) == nil {
			told[n.Device] = true
			c.note(n.String(), fmt.Errorf("%w: device %s is not in the list of devices", crypto.ErrForged, n.Device))
		}
	}
}

// copies notes objects that are the copy of another one, which no device makes,
// unless it is known which of the names is the right one.
func (c *checker) copies() {
	for _, names := range c.named {
		for _, n := range names {
			if len(names) > 1 && !c.used[n] {
				c.note(n.String(), fmt.Errorf("%w: a copy of another object", crypto.ErrForged))
			}
		}
	}
}

// expect notes it if no object of a kind fits.
func (c *checker) expect(kind format.Kind, fits func(format.Name) bool, as string) {
	for n := range c.listed {
		if n.Kind == kind && fits(n) && !c.bad[n.String()] {
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
	for i, s := range list {
		c.used[s.Name] = true
		c.rosterOf(s)
		if err := c.repo.hear(ctx, s); err != nil {
			return err
		}
		newest := i+1 == len(list) || list[i+1].Device != s.Device
		for _, digest := range s.Index {
			if err := c.index(ctx, s.Device, digest, newest); err != nil {
				return err
			}
		}
	}
	return nil
}

// rosterOf notes it if the roster a snapshot was made under is not there.
func (c *checker) rosterOf(s *Snapshot) {
	for _, n := range c.named[s.Roster] {
		if n.Kind == format.KindRoster {
			return
		}
	}
	if s.Roster != c.repo.roster.Digest { // that one is looked for by its name
		c.note(rosterObject(s.Roster), providers.ErrNotExist)
	}
}

func (c *checker) index(ctx context.Context, d format.DeviceID, digest format.Digest, newest bool) error {
	name := format.Name{Kind: format.KindIndex, Device: d, Digest: digest}
	c.used[name] = true
	if _, seen := c.listed[name]; !seen {
		if err := c.missing(ctx, name); err != nil {
			return err
		}
	}
	own := c.repo.ring.Device != nil && c.repo.ring.Device.ID == d
	if own && newest {
		c.live[digest] = true
	}
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
		if own && newest {
			c.live[p.Name] = true
		}
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
	name := c.packs[p.Name].name()
	c.used[name] = true
	info, ok := c.listed[name]
	if !ok {
		return c.missing(ctx, name)
	}
	if info.Size != int64(p.Size) {
		c.note(name.String(), fmt.Errorf("%w: %d bytes instead of %d", errDigest, info.Size, p.Size))
	}
	c.sums(name, p, info)
	return nil
}

// sums holds what the remote reported when it took a pack against what it
// reports now.
func (c *checker) sums(name format.Name, p format.Pack, info providers.Info) {
	same := false
	for _, s := range p.Sums {
		got, ok := info.Sums[providers.Algorithm(s.Algorithm)]
		if ok && got != hex.EncodeToString(s.Value) {
			c.note(name.String(), errDigest)
			return
		}
		same = same || ok
	}
	if same && !c.good[p.Name] {
		c.good[p.Name] = true
		c.rep.Summed++
	}
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

// forgive takes bad packs off the list whose every chunk also lies in another
// pack: they were stored again, and readers find them there.
func (c *checker) forgive() {
	var elsewhere map[[32]byte]uint32
	for _, f := range c.packs {
		if !c.bad[f.name().String()] {
			continue
		}
		if elsewhere == nil {
			elsewhere = c.knownChunks(func(f packFact) bool { return !c.bad[f.name().String()] })
		}
		needed := slices.ContainsFunc(f.pack.Entries, func(e format.ContentsEntry) bool {
			n, ok := elsewhere[e.ID]
			return !ok || n != e.Length
		})
		if !needed {
			c.rep.Bad = slices.DeleteFunc(c.rep.Bad, func(b Bad) bool { return b.Object == f.name().String() })
		}
	}
}

// lostOwn lists this device's bad packs and indexes that its next snapshot
// would count on. What an earlier check found bad stays so until it is proven
// good: this one may not have looked as closely, or the snapshot carries over
// what was lost with a pack that no index lists any more.
func (c *checker) lostOwn() (lost []string) {
	if c.repo.ring.Device == nil {
		return nil
	}
	before := c.repo.lostObjects()
	for d := range c.live {
		name := format.Name{Kind: format.KindIndex, Device: c.repo.ring.Device.ID, Digest: d}
		if f, ok := c.packs[d]; ok {
			name = f.name()
		}
		if c.bad[name.String()] || before[d] && !c.good[d] {
			lost = append(lost, d.String())
		}
	}
	for d := range before {
		if !c.live[d] && !c.good[d] {
			lost = append(lost, d.String())
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
	r.seen.Sample.drop(lost) // they are known for what they are
	return r.state.saveSeen(r.seen)
}
