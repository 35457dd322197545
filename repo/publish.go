package repo

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// maxIndexEntries is how many chunks one index object lists at most, so that
// reading it takes little memory.
const maxIndexEntries = 200_000

// maxLive is how many index objects of one device may be live.
const maxLive = 64

// Publish stores the index of the new packs and then the snapshot, in which it
// fills repository, roster, device, sequence, chain and index. The Writer must
// be flushed. Publish is the only act that makes a backup exist.
//
// Both objects are first sealed into the state folder: a process that dies on
// the way sends identical bytes next time, and never makes a second snapshot
// of the same number.
//
// sealed, if not nil, is called with the snapshot's name once it is fixed and
// before anything of it can be seen.
func (w *Writer) Publish(ctx context.Context, s *format.Snapshot, sealed func(format.Name) error) (*Snapshot, error) {
	if w.opt.DryRun {
		return nil, errors.New("publish: this is a dry run")
	}
	r := w.repo
	if err := r.stillMember(ctx); err != nil {
		return nil, err
	}
	live, objects, err := w.indexObjects(ctx)
	if err != nil {
		return nil, err
	}
	s.Repo, s.Roster, s.Device = r.ring.Repo, r.roster.Digest, r.ring.Device.ID
	s.Seq, s.Previous, s.Index = w.NextSeq(), w.previous(), live
	s.Root.Pack = w.Resolve(s.Root.Pack)
	if s.Heads, err = r.othersHeads(ctx); err != nil {
		return nil, err
	}
	for _, o := range objects {
		s.Counts.Uploaded += uint64(len(o.Sealed))
	}
	s.Counts.Uploaded += w.stats.Uploaded.Load()
	s.Counts.Objects = w.stats.Objects.Load() + uint64(len(objects))
	s.Counts.NewBytes = w.stats.NewBytes.Load()
	s.Client, s.Finished = w.opt.Client, now()
	snapshot, err := r.ring.SealSnapshot(s, r.roster)
	if err != nil {
		return nil, err
	}
	if sealed != nil {
		if err := sealed(snapshot.Name); err != nil {
			return nil, err
		}
	}
	if err := r.present(w.journal.list()); err != nil {
		return nil, err
	}
	if err := r.savePending(append(objects, snapshot)); err != nil {
		return nil, err
	}
	if err := r.finishPending(ctx); err != nil {
		return nil, err
	}
	for _, o := range append(objects, snapshot) {
		w.stats.Uploaded.Add(uint64(len(o.Sealed)))
		w.stats.Objects.Add(1)
	}
	if err := r.found(w.lost, w.owed()); err != nil {
		return nil, err
	}
	return &Snapshot{Snapshot: *s, Name: snapshot.Name}, w.journal.reset()
}

// rosterFresh is how long what was read of the devices may be used to publish
// without looking again: a look costs a request, and a device that is shut out
// in such a moment could as well have published just before.
const rosterFresh = time.Minute

// stillMember reads the list of devices again, so that a device which was shut
// out while its backup ran publishes nothing, and seals to the present epoch.
func (r *Repo) stillMember(ctx context.Context) error {
	if time.Since(r.rosters.read) < rosterFresh {
		return nil
	}
	if err := r.refresh(ctx); err != nil {
		return err
	}
	return r.mayWrite()
}

// found notes that nothing depends on the lost objects any more but on those
// that are still owed.
func (r *Repo) found(lost map[format.Digest]bool, owed []string) error {
	if len(lost) == 0 && len(owed) == 0 {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.Lost = owed
	return r.state.saveSeen(r.seen)
}

// othersHeads is this device's word on the newest snapshots of the others, so
// that whoever sees this snapshot knows if one of theirs is withheld.
func (r *Repo) othersHeads(ctx context.Context) ([]format.Head, error) {
	var heads []format.Head
	for _, d := range r.roster.Devices {
		if d.ID == r.ring.Device.ID {
			continue
		}
		if _, err := r.Head(ctx, d.ID); err != nil { // remembers it
			return nil, err
		}
		if h, ok := r.seen.head(d.ID); ok {
			heads = append(heads, h)
		}
	}
	return heads, nil
}

// indexObjects seals the new packs' index, and merges older live ones into it
// where that keeps their number small. It returns the live list, oldest first.
func (w *Writer) indexObjects(ctx context.Context) (live []format.Digest, objects []trust.Object, err error) {
	if w.head != nil {
		live = slices.Clone(w.head.Index)
	}
	packs := w.freshPacks()
	if len(packs) == 0 && !w.AnyLost() {
		return live, nil, nil
	}
	live, packs, replaced, err := w.mergeOld(ctx, live, packs)
	if err != nil {
		return nil, nil, err
	}
	for len(packs) > 0 {
		n := fill(packs)
		x := &format.Index{Repo: w.repo.ring.Repo, Device: w.repo.ring.Device.ID, Replaces: replaced, Packs: packs[:n]}
		o, err := w.repo.ring.SealIndex(x, w.repo.roster)
		if err != nil {
			return nil, nil, err
		}
		objects, live = append(objects, o), append(live, o.Name.Digest)
		packs, replaced = packs[n:], nil
	}
	return live, objects, nil
}

// freshPacks are the packs that arrived since the last publication.
func (w *Writer) freshPacks() []format.Pack {
	var packs []format.Pack
	for _, p := range w.journal.list() {
		if p.arrived {
			packs = append(packs, p.Pack)
		}
	}
	return packs
}

// fill returns how many packs go into one index object.
func fill(packs []format.Pack) int {
	entries := 0
	for i, p := range packs {
		if entries += len(p.Entries); entries > maxIndexEntries && i > 0 {
			return i
		}
	}
	return len(packs)
}

// mergeOld takes the newest live indexes into the new one while they are not
// much larger than what is new, as a log-structured merge tree does, so that
// a device with n packs has about log n live index objects. If packs are lost,
// or an index, all live indexes are written anew without them.
func (w *Writer) mergeOld(ctx context.Context, live []format.Digest, packs []format.Pack) (rest []format.Digest, all []format.Pack, replaced []format.Digest, err error) {
	size := entriesOf(packs)
	for len(live) > 0 {
		digest := live[len(live)-1]
		x, err := w.repo.fetchIndex(ctx, w.repo.ring.Device.ID, digest)
		if _, ok := alarmFor("", err); ok && w.packs != nil {
			live = live[:len(live)-1] // it was an alarm when the index was opened, and what it knew is stored again
			continue
		} else if ok {
			break
		}
		if err != nil {
			return nil, nil, nil, fmt.Errorf("merge index: %w", err)
		}
		n := entriesOf(x.Packs)
		if (n > 2*size || n+size > maxIndexEntries) && len(live) < maxLive-2 && !w.AnyLost() {
			break
		}
		keep := slices.DeleteFunc(x.Packs, func(p format.Pack) bool { return w.lost[p.Name] })
		packs = append(keep, packs...)
		size += n
		replaced, live = append(replaced, digest), live[:len(live)-1]
	}
	return live, packs, replaced, nil
}

func entriesOf(packs []format.Pack) (n int) {
	for _, p := range packs {
		n += len(p.Entries)
	}
	return n
}

// savePending keeps sealed objects in the state folder. The snapshot is the
// last; only with it does the folder count.
func (r *Repo) savePending(objects []trust.Object) error {
	if err := durable.MkdirAll(r.state.path(pendingDir), 0o700); err != nil {
		return localError(err)
	}
	for _, o := range objects {
		if err := durable.WriteFile(r.state.path(pendingDir, pendingName(o.Name)), o.Sealed, 0o600); err != nil {
			return fmt.Errorf("keep %s: %w", o.Name, localError(err))
		}
	}
	return nil
}

// pendingName flattens an object's name so that the snapshot sorts last.
func pendingName(n format.Name) string {
	prefix := "1-"
	if n.Kind == format.KindSnapshot {
		prefix = "2-"
	}
	return prefix + flatName(n)
}

// finishPending puts what an earlier publication left: first the indexes, then
// the snapshot. Without a snapshot the leftovers say nothing and go.
func (r *Repo) finishPending(ctx context.Context) error {
	objects, err := r.loadPending()
	if err != nil || len(objects) == 0 {
		return err
	}
	last := objects[len(objects)-1]
	if last.Name.Kind != format.KindSnapshot {
		return r.clearPending()
	}
	for _, o := range objects {
		if err := r.put(ctx, o); err != nil {
			return err
		}
	}
	head := format.Head{Device: last.Name.Device, Seq: last.Name.Seq, Digest: last.Name.Digest}
	if err := r.published(head, last.Name); err != nil {
		return err
	}
	if err := os.Truncate(r.state.path(journalFile), 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("empty journal: %w", err)
	}
	return r.clearPending()
}

// published notes that a snapshot of this device is on the remote.
func (r *Repo) published(h format.Head, name format.Name) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen.remember(h)
	if !slices.Contains(r.snapshots[h.Device], name) {
		r.snapshots[h.Device] = append(r.snapshots[h.Device], name)
	}
	return r.state.saveSeen(r.seen)
}

func (r *Repo) loadPending() ([]trust.Object, error) {
	entries, err := os.ReadDir(r.state.path(pendingDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read pending objects: %w", err)
	}
	var objects []trust.Object
	for _, e := range entries { // sorted by name
		_, flat, _ := strings.Cut(e.Name(), "-")
		n, err := format.ParseName(strings.ReplaceAll(flat, "_", "/"))
		if err != nil {
			continue // a temporary file of a write that was cut short
		}
		sealed, err := os.ReadFile(r.state.path(pendingDir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read pending objects: %w", err)
		}
		if trust.Digest(sealed) != n.Digest {
			return nil, r.clearPending() // a damaged disk; the packs are in the journal
		}
		objects = append(objects, trust.Object{Name: n, Sealed: sealed})
	}
	return objects, nil
}

func (r *Repo) clearPending() error {
	if err := os.RemoveAll(r.state.path(pendingDir)); err != nil {
		return fmt.Errorf("clear pending objects: %w", err)
	}
	return nil
}
