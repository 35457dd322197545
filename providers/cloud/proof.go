package cloud

import (
	"fmt"
	"strings"

	"github.com/rclone/rclone/fs/hash"

	"github.com/chatkeep/chatkeep/providers"
)

// proves tells whether the checksums that a service reports are of the bytes it
// stored: with keys of Amazon's or the user's, an ETag is no MD5.
func (r *remote) proves() bool {
	encryption, _ := r.get("server_side_encryption")
	customer, _ := r.get("sse_customer_algorithm")
	return !r.preset.noSums && !strings.HasPrefix(encryption, "aws:kms") && customer == ""
}

// proof compares what was sent with what a service says it stored. Where the
// sender doesn't know the checksum that the service reports, it is taken on the
// way. A nil proof takes none.
type proof struct {
	alg  providers.Algorithm
	kind hash.Type
	sums *hash.MultiHasher
}

// sumToTake returns what has to be computed for a source, or nil.
func (r *remote) sumToTake(src providers.Source) *proof {
	if r.traits.SumsCostRead {
		return nil
	}
	known := src.Sums()
	var alg providers.Algorithm
	for _, a := range r.traits.Sums {
		if known[a] != "" {
			return nil
		}
		if alg == "" {
			alg = a
		}
	}
	if alg == "" {
		return nil
	}
	sums, err := hash.NewMultiHasherTypes(hash.NewHashSet(r.sums[alg]))
	if err != nil {
		return nil // rclone can't compute what it reports; the object is read back later
	}
	return &proof{alg, r.sums[alg], sums}
}

func (p *proof) write(b []byte) {
	if p != nil {
		_, _ = p.sums.Write(b) // a hash never fails
	}
}

// prove marks the object as verified if a checksum in the service's reply is
// that of what was sent, and returns ErrCorrupt if one differs.
func (p *proof) prove(info *providers.Info, src providers.Source) error {
	if info.Size != src.Size() {
		return providers.Fail(providers.ErrCorrupt, fmt.Errorf("%d bytes were stored, %d were sent", info.Size, src.Size()))
	}
	for alg, want := range src.Sums() {
		if err := compare(info, alg, want); err != nil {
			return err
		}
	}
	if p == nil {
		return nil
	}
	want, err := p.sums.SumString(p.kind, false)
	if err != nil {
		return err
	}
	return compare(info, p.alg, want)
}

func compare(info *providers.Info, alg providers.Algorithm, want string) error {
	switch got := info.Sums[alg]; got {
	case "":
	case want:
		info.Verified = true
	default:
		return providers.Fail(providers.ErrCorrupt, fmt.Errorf("its %s is not that of what was sent", alg))
	}
	return nil
}
