// Package image keeps databases as images: a base, and layers of what changed
// since, so that a backup uploads only the blocks that differ.
//
// Its words: an image is cut into blocks of 4,096 bytes, whatever pages the
// database has; the block table ([Table]) is what this device knows of the
// image as last published; a [Delta] collects a capture and knows which of its
// blocks the table doesn't have; a [Plan] says what becomes of it: a layer, a
// merge of layers or a new base; the proof is a hash over the hashes of all
// blocks. [Apply] is the one way back.
//
// The package knows nothing of databases, packs or keys. Chunks come from and
// go to functions of the caller.
package image

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

const (
	// BlockSize is what tables and proofs count in, in bytes.
	BlockSize = 4096
	// SegmentSize is that of a chunk of a base; the last may be shorter.
	SegmentSize = 1 << 20
	// MaxLayer is the most bytes a layer may have, which is what a chunk may.
	MaxLayer = 4 << 20
	// maxLength of an image this package writes, so that an int32 counts blocks.
	maxLength = 1 << 42
)

// ErrProof: an image is not what its proof says.
var ErrProof = errors.New("the image is not what its proof says")

// Hash is the SHA-256 of a block, which may be a short last one.
type Hash = [sha256.Size]byte

func blocksOf(length uint64) int { return int((length + BlockSize - 1) / BlockSize) }

// blockLength returns how many bytes block i of an image has.
func blockLength(length uint64, i int) int {
	return int(min(length-uint64(i)*BlockSize, BlockSize))
}

var zeros [BlockSize]byte

var zeroHash = sha256.Sum256(zeros[:])

// zeroBlock returns the hash of n zero bytes.
func zeroBlock(n int) Hash {
	if n == BlockSize {
		return zeroHash
	}
	return sha256.Sum256(zeros[:n])
}

// Prove reads an image and returns an error wrapping [ErrProof] unless it has
// the length and the proof.
func Prove(ctx context.Context, r io.Reader, length uint64, proof [32]byte) error {
	sum, n := sha256.New(), uint64(0)
	buf, hashes := make([]byte, SegmentSize), make([]byte, 0, SegmentSize/BlockSize*sha256.Size)
	for {
		got, err := io.ReadFull(r, buf)
		n += uint64(got)
		sum.Write(appendHashes(hashes, buf[:got]))
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			break
		}
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("prove image: %w", err)
		}
	}
	if n != length {
		return fmt.Errorf("%w: %d bytes, not %d", ErrProof, n, length)
	}
	if [32]byte(sum.Sum(nil)) != proof {
		return ErrProof
	}
	return nil
}

// appendHashes appends the hashes of p's blocks.
func appendHashes(list, p []byte) []byte {
	for len(p) > 0 {
		h := sha256.Sum256(p[:min(len(p), BlockSize)])
		list = append(list, h[:]...)
		p = p[min(len(p), BlockSize):]
	}
	return list
}
