package cloud

import (
	"context"
	"fmt"

	"github.com/chatkeep/chatkeep/providers"
)

var _ providers.Bounded = (*remote)(nil)

// Room is what the day's limit leaves, or the account, whichever is less. A
// service that can't be asked now has no known end; the next upload will tell.
func (r *remote) Room(ctx context.Context) (left int64, why error) {
	left, why = r.gate.sent.left()
	u, err := r.Usage(ctx)
	if err == nil && u.Free != providers.Unknown && (left == providers.Unknown || u.Free < left) {
		full := fmt.Errorf("%w (%d bytes are free)", providers.ErrQuota, u.Free)
		left, why = u.Free, providers.Fail(providers.ErrQuota, full, "remote", r.String())
	}
	return left, why
}

// left is what may still be sent today in large packs, and what more of it is
// refused with.
func (s *sent) left() (left int64, why error) {
	return s.until(s.bound(smallPack))
}

func (s *sent) until(bound int64) (left int64, why error) {
	if s.limit <= 0 {
		return providers.Unknown, nil
	}
	now := s.now()
	s.update(now, func(state *sentState) { left = max(0, bound-state.Bytes) })
	return left, s.refuse(now)
}

// Today is the day's upload limit and what of it is used.
type Today struct{ Limit, Sent int64 }

// Today returns it without a request, or false if there is no limit.
func (r *remote) Today() (Today, bool) {
	left, why := r.gate.sent.until(r.limits.UploadPerDay)
	if why == nil {
		return Today{}, false
	}
	return Today{r.limits.UploadPerDay, r.limits.UploadPerDay - left}, true
}
