package repo

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
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
	c := &checker{repo: r, opt: o, listed: map[format.Name]providers.Info{},
		named: map[format.Digest][]format.Name{}, used: map[format.Name]bool{}, bad: map[string]bool{},
		good: map[format.Digest]bool{}, packs: map[format.Digest]packFact{}, live: map[format.Digest]bool{}}
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
	c.forgive()
	c.rep.Alarms = c.otherAlarms()
	broken, err := c.brokenKept()
	if err != nil {
		return nil, err
	}
	return &c.rep, errors.Join(r.rememberLost(c.lostOwn()), r.rememberBroken(broken))
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
		if err != nil && !strings.Contains(string(info.Name), "/") {
			return nil // a person's own file beside the repository's folders
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

// records opens every roster, key file and secret this keyring can open, and
// looks for those that must be there.
func (c *checker) records(ctx context.Context) error {
	for n := range c.listed {
		var err error
		switch n.Kind {
		case format.KindRoster:
			_, err = c.repo.fetchRoster(ctx, n)
			c.used[n] = err == nil
		case format.KindSecret:
			var sealed []byte
			if sealed, err = c.repo.fetch(ctx, n); err == nil && c.repo.CanRead() {
				_, err = c.repo.ring.OpenSecret(sealed, n.Device, c.repo.roster)
				c.used[n] = err == nil
			}
		case format.KindKeys:
			err = c.keyFile(ctx, n)
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

// keyFile proves a key file's bytes, and if it is this device's own also who
// signed it. The others' are sealed to their holders alone.
func (c *checker) keyFile(ctx context.Context, n format.Name) error {
	sealed, err := c.repo.fetch(ctx, n)
	own := c.repo.ring.Device
	if err != nil || own == nil || n.Holder != own.ID.String() {
		return err
	}
	f, err := trust.OpenKeyFile(sealed, own.ID.String(), own.Identity)
	if err != nil {
		return err
	}
	if f.ByRoot() {
		_, err = f.SignedByRoot(c.repo.ring.Root)
	} else {
		_, err = f.SignedByMember(c.repo.ring.Root, c.repo.roster)
	}
	return err
}

// strangers notes objects of a device that is not in the roster, one each.
func (c *checker) strangers() {
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
		if err := c.gossip(ctx, s); err != nil {
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
// good: this one may not have looked as closely.
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
