package livedb

import (
	"context"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ckptPatience is how long to wait for a checkpoint of the app's to end.
const ckptPatience = 300 * time.Millisecond

// lease is the locks of tier 1. CKPT keeps checkpoints from writing the
// database. SHARED keeps the last connection from doing so on its way out,
// when it looks at no -shm. DMS lets an app that dies and starts again find
// the wal-index in use, so that it does not have to rebuild it, for which it
// would need CKPT. Transactions, readers and opening need none of the three.
type lease struct {
	db, shm *os.File
	once    sync.Once
}

// release gives the locks back: they belong to the descriptors.
func (l *lease) release() {
	l.once.Do(func() {
		l.db.Close()
		l.shm.Close()
	})
}

// locked is tier 1: a copy under locks. It returns nil where there is nobody
// that they would mean anything to.
func (c *capture) locked(ctx context.Context) (*attempt, error) {
	a, err := c.look(false)
	if err != nil || !a.locks.live || a.locks.pending || a.index == nil {
		return nil, err
	}
	at, err := c.begin(a)
	if err != nil {
		return nil, err
	}
	at.tier, at.why = 1, Writing
	l, err := c.lease(ctx, at)
	if l == nil {
		at.close()
		return nil, err
	}
	// The locks go when their time is over, whatever we are waiting for then.
	timer := time.AfterFunc(c.o.Hold, l.release)
	call(during.held)
	limited, cancel := context.WithTimeout(ctx, c.o.Hold)
	defer cancel()
	err = c.copyLocked(limited, at)
	if inTime := timer.Stop(); !inTime || limited.Err() != nil {
		at.why, c.tierless = Writing, true // too large for this; err only says so
		err = ctx.Err()
	}
	l.release()
	return at, err
}

// lease takes the locks, or returns nil. It is never the first to have the
// database open: that would vouch for a wal-index which nobody checked.
func (c *capture) lease(ctx context.Context, at *attempt) (*lease, error) {
	shm, shmStat, err := c.reach(shmSuffix, os.O_RDONLY)
	if err != nil {
		c.tierless = os.IsPermission(err)
		return nil, ignoreAccess(err)
	}
	db, st, err := c.reach("", os.O_RDONLY)
	if err != nil {
		shm.Close()
		return nil, err
	}
	l := &lease{db: db, shm: shm}
	want := map[string]fileID{"": at.id, shmSuffix: shmStat.id}
	if at.a.wal.exists {
		want[walSuffix] = at.a.wal.stat.id
	}
	ok := st.id == at.id
	for _, step := range []func() (bool, error){
		// SQLite takes PENDING for a moment before it takes SHARED. Having asked
		// for it does the same and is in nobody's way.
		func() (bool, error) { return take(db, unix.F_RDLCK, sharedBytes) },
		func() (bool, error) { return take(shm, unix.F_RDLCK, dmsByte) },
		func() (bool, error) { return taken(shm, unix.F_WRLCK, dmsByte) }, // by somebody else
		func() (bool, error) { return c.stillThere(want) },
		func() (bool, error) { return waitForCheckpoint(ctx, shm) },
		// An app that is opening the database builds the wal-index now, and needs
		// CKPT for that.
		func() (bool, error) { x, err := c.readIndex(shm); return x != nil, err },
	} {
		if ok && err == nil {
			ok, err = step()
		}
	}
	if !ok || err != nil {
		l.release()
		return nil, err
	}
	return l, nil
}

// ignoreAccess makes nothing of a -shm that is gone or that we may not read.
func ignoreAccess(err error) error {
	if os.IsNotExist(err) || os.IsPermission(err) {
		return nil
	}
	return err
}

// waitForCheckpoint takes CKPT when no checkpoint is running. A read lock is
// enough, as a checkpoint asks for a write lock; and it needs no right to write,
// which a service in its sandbox does not have.
func waitForCheckpoint(ctx context.Context, shm *os.File) (bool, error) {
	if leaveOut.checkpoint {
		return true, nil
	}
	for end := time.Now().Add(ckptPatience); ; {
		ok, err := take(shm, unix.F_RDLCK, ckptByte)
		if ok || err != nil || time.Now().After(end) {
			return ok, err
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return false, err
		}
	}
}

// copyLocked copies while no checkpoint can write the file. The WAL may still
// be restarted, once at most: a second time would need a checkpoint.
func (c *capture) copyLocked(ctx context.Context, at *attempt) error {
	if err := c.copyDatabase(ctx, at); err != nil {
		return err
	}
	for range 2 {
		done, err := c.readLocked(ctx, at)
		if done || err != nil {
			return err
		}
		at.wal.close()
		at.wal = walRead{}
	}
	return nil
}

// readLocked reads as many frames as the wal-index says. It says false if the
// WAL was restarted meanwhile.
func (c *capture) readLocked(ctx context.Context, at *attempt) (bool, error) {
	w := &at.wal
	if err := c.indexNow(w); err != nil || w.index == nil {
		return true, err // somebody died while changing it
	}
	before := *w.index
	if before.frames == 0 {
		at.why = "" // all there is is in the file
		return true, nil
	}
	if err := c.readWAL(ctx, at, before.frames); err != nil {
		return true, err
	}
	var after walRead
	if err := c.indexNow(&after); err != nil || after.index == nil {
		return true, err
	}
	if after.index.salt != before.salt || w.scan == nil || w.scan.salt != before.salt {
		return false, nil
	}
	at.why = ""
	if w.scan.frames != before.frames {
		at.why = Damaged
	}
	return true, nil
}
