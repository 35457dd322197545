package repo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
)

// upload is a pack in the spool that waits to be put.
type upload struct{ pack format.Pack }

// sendPacks puts packs until the Writer ends.
func (w *Writer) sendPacks() {
	defer w.done.Done()
	for {
		select {
		case u := <-w.queue:
			if err := w.send(w.ctx, u.pack); err != nil {
				w.cancel(err)
				return
			}
			<-w.room
		case <-w.ctx.Done():
			return
		}
	}
}

// send puts one pack from the spool and notes its arrival.
func (w *Writer) send(ctx context.Context, p format.Pack) error {
	name := format.Name{Kind: format.KindPack, Device: w.repo.ring.Device.ID, Digest: p.Name}
	info, err := w.repo.remote.Put(ctx, providers.Name(name.String()), w.source(p))
	if err != nil {
		return fmt.Errorf("put %s: %w", name, err)
	}
	if err := w.journal.arrived(p.Name, receiptOf(info)); err != nil {
		return err
	}
	w.stats.Uploaded.Add(p.Size)
	w.stats.Objects.Add(1)
	if err := os.Remove(spoolPath(w.spool, p.Name)); err != nil {
		return fmt.Errorf("clean spool: %w", err)
	}
	return nil
}

// resume takes up the packs an interrupted run left in the journal. One that
// has arrived is only noted; one that lies whole in the spool is sent; one
// that is nowhere is dropped, and its chunks will be read again.
func (w *Writer) resume(ctx context.Context) error {
	for _, p := range w.journal.list() {
		if !p.arrived {
			ok, err := w.settle(ctx, p.Pack)
			if err != nil {
				return err
			}
			if !ok {
				w.journal.drop(p.Name)
				continue
			}
		}
		insertPack(w.index, p.Pack)
	}
	return w.sweepSpool()
}

// settle finds out what became of a pack whose arrival was not noted. What lies
// there and is not the pack goes, so that the pack can be put.
func (w *Writer) settle(ctx context.Context, p format.Pack) (ok bool, err error) {
	name := format.Name{Kind: format.KindPack, Device: w.repo.ring.Device.ID, Digest: p.Name}
	info, err := w.repo.remote.Stat(ctx, providers.Name(name.String()))
	if err != nil && !errors.Is(err, providers.ErrNotExist) {
		return false, fmt.Errorf("look for %s: %w", name, err)
	}
	there := err == nil
	if there {
		info.Confirm(w.source(p))
		if info.Size == int64(p.Size) && (info.Verified || info.Sums[providers.SHA256] == "") {
			return true, w.journal.arrived(p.Name, receiptOf(info))
		}
	}
	if !spooled(spoolPath(w.spool, p.Name), p.Name) {
		return false, nil
	}
	if w.opt.DryRun {
		return true, nil
	}
	if there {
		if err := w.repo.remote.Delete(ctx, providers.Name(name.String())); err != nil {
			return false, fmt.Errorf("put %s again: %w", name, err)
		}
	}
	return true, w.send(ctx, p)
}

// source is a pack in the spool.
func (w *Writer) source(p format.Pack) providers.Source {
	return providers.FileSource(spoolPath(w.spool, p.Name), int64(p.Size), map[providers.Algorithm]string{providers.SHA256: p.Name.String()})
}

// spooled reports whether a whole pack lies at path.
func spooled(path string, want format.Digest) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return false
	}
	return format.Digest(h.Sum(nil)) == want
}

// sweepSpool removes packs that the journal does not know: their process died
// between naming and journaling.
func (w *Writer) sweepSpool() error {
	waiting := map[string]bool{}
	for _, p := range w.journal.list() {
		if !p.arrived {
			waiting[p.Name.String()+".age"] = true
		}
	}
	entries, err := os.ReadDir(w.spool)
	if err != nil {
		return fmt.Errorf("clean spool: %w", err)
	}
	for _, e := range entries {
		if !waiting[e.Name()] {
			if err := os.Remove(w.spool + string(os.PathSeparator) + e.Name()); err != nil {
				return fmt.Errorf("clean spool: %w", err)
			}
		}
	}
	return nil
}
