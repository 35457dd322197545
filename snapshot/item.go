package snapshot

import (
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/sources"
)

// item is one entry on its way from the walk to the tree. Items are made and
// consumed in tree order; between, workers fill in the content of those that
// changed, several at a time.
type item struct {
	seen    sources.Entry
	entry   format.Entry
	old     *repo.Listed  // carried over unchanged, if set
	parent  *repo.Listed  // the path in the parent, if it was there
	was     *format.Entry // likewise for a database, also where the listing is lost
	sameAs  *item         // another name of this file, earlier in the order
	done    chan struct{}
	gone    bool   // vanished since it was seen, or left out of this pass
	left    bool   // not taken in before the next stage
	waiting bool   // not taken in before the next backup
	stays   bool   // it is as the last snapshot has it, without a look
	of      *item  // the database whose journal this is, as the last snapshot has it
	settled bool   // everything about it is known
	flagged string // reason, if the content may not be of one moment
	skipped string // reason, if there is no content at all
	read    uint64
	err     error // ends the backup
}

// entryOf is what is kept of an entry besides its content.
func entryOf(e sources.Entry) format.Entry {
	return format.Entry{
		Path: e.Path, Type: format.EntryType(e.Type), Mode: e.Mode & 0o7777, ModTime: e.ModTime.UnixNano(),
		HasOwner: e.HasOwner, UID: e.UID, GID: e.GID, Target: e.Target, Category: e.Category,
		ChangeNS: e.ChangeNS, Inode: e.Inode, DiskID: e.Device,
	}
}

// carry takes everything but the local fields from the parent.
func (it *item) carry() {
	change, inode, disk := it.entry.ChangeNS, it.entry.Inode, it.entry.DiskID
	it.old, it.entry = it.parent, it.parent.Entry // with its Sum
	it.entry.ChangeNS, it.entry.Inode, it.entry.DiskID = change, inode, disk
}

func xattrsOf(view sources.View, e sources.Entry) []format.XAttr {
	return keepXAttrs(view.XAttrs(e))
}

// keepXAttrs takes what a source told. A file system that refuses to tell has
// none: the content matters more.
func keepXAttrs(list []sources.XAttr, err error) []format.XAttr {
	if err != nil {
		return nil
	}
	var out []format.XAttr
	for _, a := range list {
		out = append(out, format.XAttr{Name: a.Name, Value: a.Value})
	}
	return out
}

// leave keeps an item as the last snapshot has it, or out if that has none. It
// still counts as changed next time.
func (it *item) leave() {
	it.left = true
	it.stay()
}

// wait is leave for a file that is being written: it is not a part of this
// backup.
func (it *item) wait() {
	it.waiting = true
	it.stay()
}

// stay takes the parent's entry as it is.
func (it *item) stay() {
	if it.parent == nil || it.parent.Type != format.TypeFile {
		it.gone = true
		return
	}
	it.old, it.entry, it.stays = it.parent, it.parent.Entry, true
}
