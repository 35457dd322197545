package providers

import (
	"fmt"
	"strings"
	"sync"
)

// allowance is how many bytes of packs may still be put through one Reliable. A
// nil one has no end.
type allowance struct {
	most int64

	mu   sync.Mutex
	sent int64
}

func newAllowance(most int64) *allowance {
	if most <= 0 {
		return nil
	}
	return &allowance{most: most}
}

// take counts an object that is about to be put, or refuses it. What makes
// complete packs restorable is small and always goes.
func (a *allowance) take(name Name, size int64) error {
	if a == nil || !strings.HasPrefix(string(name), "packs/") {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.sent+size > a.most {
		return a.used()
	}
	a.sent += size
	return nil
}

// left is how much may still be put, or Unknown if there is no end.
func (a *allowance) left() int64 {
	if a == nil {
		return Unknown
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.most - a.sent
}

// used is the error of a Put beyond the allowance.
func (a *allowance) used() error {
	return Fail(ErrLimit, fmt.Errorf("%w: this time at most %d bytes may be sent", ErrLimit, a.most))
}
