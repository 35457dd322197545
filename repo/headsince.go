package repo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
)

// KnownHead is a head that somebody remembers besides the state folder: a
// folder that is kept at the latest state, say.
type KnownHead struct {
	format.Head
	Body format.Digest // of the snapshot itself, whatever its object is called
}

// Known returns what is to be remembered of a snapshot.
func (s *Snapshot) Known() KnownHead {
	return KnownHead{format.Head{Device: s.Device, Seq: s.Seq, Digest: s.Name.Digest}, sha256.Sum256(s.Encode())}
}

func (k *KnownHead) name() format.Name {
	return format.Name{Kind: format.KindSnapshot, Device: k.Device, Seq: k.Seq, Digest: k.Digest}
}

// HeadSince is Head for somebody who remembers a head. It returns nil, after an
// alarm, if the remote now shows an older history than that, or another one.
// A known head with the number 0 is none. One that was sealed when its device was
// shut out already counts for nothing: it gives nil too, but nobody misses it. In
// the honest case all this costs no request more than Head.
func (r *Repo) HeadSince(ctx context.Context, d format.DeviceID, known KnownHead) (*Snapshot, error) {
	head, err := r.Head(ctx, d)
	if err != nil || known.Seq == 0 {
		return head, err
	}
	if head == nil || head.Seq < known.Seq {
		if x := r.roster.Device(d); x != nil && x.Revoked && !r.counts(known.Head) {
			return nil, nil
		}
		return r.stillThere(ctx, head, known)
	}
	other, err := r.otherThan(ctx, head, known)
	if err != nil {
		return nil, err
	}
	if other {
		r.alarm(Alarm{Code: CodeForked, Object: head.Name.String(), Device: r.DeviceName(d),
			Err: fmt.Errorf("the remote shows another snapshot %d than before", known.Seq)})
		return nil, nil
	}
	return head, nil
}

// stillThere returns the known head where only the listing lacks it, and raises
// the alarm if it is gone.
func (r *Repo) stillThere(ctx context.Context, head *Snapshot, known KnownHead) (*Snapshot, error) {
	name := known.name()
	_, err := r.remote.Stat(ctx, providers.Name(name.String()))
	if err == nil {
		s, err := r.Snapshot(ctx, name)
		a, ok := alarmFor(name.String(), err)
		if err != nil && !ok {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		if ok {
			r.alarm(a)
			return nil, nil
		}
		return s, nil
	}
	if !errors.Is(err, providers.ErrNotExist) {
		return nil, fmt.Errorf("look for %s: %w", name, err)
	}
	from := uint64(1)
	if head != nil {
		from = head.Seq + 1
	}
	r.alarm(Alarm{Code: CodeHeadMissing, Device: r.DeviceName(known.Device), From: from, To: known.Seq})
	return nil, nil
}

// otherThan reports whether a head that is not older than the known one belongs
// to another history, as far as the names on the remote and the head's own word
// tell.
func (r *Repo) otherThan(ctx context.Context, head *Snapshot, known KnownHead) (bool, error) {
	if head.Seq == known.Seq {
		return head.Known().Body != known.Body, nil
	}
	if head.Seq == known.Seq+1 && head.Previous != known.Digest {
		return r.differs(ctx, known, head.Previous, true)
	}
	for _, n := range r.snapshots[known.Device] {
		if n.Seq != known.Seq || n.Digest == known.Digest {
			continue
		}
		if other, err := r.differs(ctx, known, n.Digest, false); other || err != nil {
			return other, err
		}
	}
	return false, nil
}

// differs reports whether the object with a digest is another snapshot than the
// known one of the same number, and not just sealed anew. Of one that can't be
// proven, broken says: a head that follows it is no successor of the known one,
// and by itself it is nobody's history.
func (r *Repo) differs(ctx context.Context, known KnownHead, digest format.Digest, broken bool) (bool, error) {
	name := known.name()
	name.Digest = digest
	s, err := r.Snapshot(ctx, name)
	if a, ok := alarmFor(name.String(), err); ok {
		r.alarm(a)
		return broken, nil
	}
	if err != nil {
		return false, fmt.Errorf("read %s: %w", name, err)
	}
	return s.Known().Body != known.Body, nil
}
