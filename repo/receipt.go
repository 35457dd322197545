package repo

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
)

// receipt is what a remote said of a pack when it took it.
type receipt struct {
	Verified bool                           `json:"verified,omitempty"`
	Sums     map[providers.Algorithm]string `json:"sums,omitempty"`
}

// receiptOf keeps the checksums that a later listing can be held against: only
// proven ones, and none where the remote reports the one that is the name.
func receiptOf(info providers.Info) receipt {
	r := receipt{Verified: info.Verified}
	if info.Verified && info.Sums[providers.SHA256] == "" {
		r.Sums = info.Sums
	}
	return r
}

func (r receipt) encode() []byte {
	b, err := json.Marshal(r)
	if err != nil {
		return nil // it holds nothing that can't be encoded
	}
	return b
}

// take notes a receipt. One that can't be read is none: the pack then counts as
// present, not as verified.
func (p *journaled) take(b []byte) {
	var r receipt
	if json.Unmarshal(b, &r) != nil {
		return
	}
	p.verified, p.Sums = r.Verified, nil
	for alg, text := range r.Sums {
		if value, err := hex.DecodeString(text); err == nil && len(value) > 0 {
			p.Sums = append(p.Sums, format.Sum{Algorithm: string(alg), Value: value})
		}
	}
	slices.SortFunc(p.Sums, func(a, b format.Sum) int { return cmp.Compare(a.Algorithm, b.Algorithm) })
}
