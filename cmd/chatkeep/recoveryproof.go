package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

const (
	proofLook  = 256     // entries among which the smallest file is read
	proofWhole = 4 << 20 // bytes; of a larger file only a piece is read
)

// proveSnapshot reads a little of a snapshot in memory: the snapshot before it,
// as it is named there; its top; a part of its names; and a file. read is how
// many bytes of that.
func proveSnapshot(ctx context.Context, r *repo.Repo, s *repo.Snapshot) (read int, err error) {
	if s.Seq > 1 {
		before := format.Name{Kind: format.KindSnapshot, Device: s.Device, Seq: s.Seq - 1, Digest: s.Previous}
		if _, err := r.Snapshot(ctx, before); err != nil && !errors.Is(err, providers.ErrNotExist) { // it may have been removed as too old
			return 0, fmt.Errorf("prove %s: %w", before, err)
		}
	}
	rd, err := r.NewReader(ctx, s)
	if err != nil {
		return 0, err
	}
	defer rd.Close()
	root, err := rd.Root(ctx)
	if err != nil {
		return 0, err
	}
	small, err := smallFile(ctx, rd, root)
	if err != nil || small == nil {
		return 0, err
	}
	return proveContent(ctx, rd, small)
}

var errEnough = errors.New("enough was seen")

// smallFile returns the smallest file among the first names, nil if the
// snapshot holds none.
func smallFile(ctx context.Context, rd *repo.Reader, root *format.Root) (least *format.Content, err error) {
	seen := 0
	for _, source := range root.Sources {
		err = rd.Walk(ctx, source, nil, func(e *format.Entry, err error) error {
			if err != nil {
				return err
			}
			seen++
			if c := e.Content; c != nil && c.Length > 0 && (least == nil || easier(c, least)) {
				least = c
			}
			if seen >= proofLook && least != nil {
				return errEnough
			}
			return nil
		})
		if errors.Is(err, errEnough) {
			return least, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read the names of a snapshot: %w", err)
		}
	}
	return least, nil
}

// easier prefers small files to large ones, and any file to a database, whose
// bytes are in layers.
func easier(a, b *format.Content) bool {
	if a.Image != b.Image {
		return !a.Image
	}
	return a.Length < b.Length
}

// proveContent reads a file, or a piece of a large one or of a database. Each
// piece is proven by its id.
func proveContent(ctx context.Context, rd *repo.Reader, c *format.Content) (read int, err error) {
	refs, err := rd.DataRefs(ctx, c)
	if err != nil {
		return 0, err
	}
	whole := !c.Image && c.Length <= proofWhole
	if !whole {
		refs = refs[:min(1, len(refs))]
	}
	rd.Chunks(ctx, refs, func(_ int, data []byte, cerr error) {
		read += len(data)
		err = errors.Join(err, cerr)
	})
	if err == nil && whole && uint64(read) != c.Length {
		err = fmt.Errorf("%w: a file of %d bytes came back with %d", format.ErrMalformed, c.Length, read)
	}
	return read, err
}
