package providers

import "context"

// Bounded is a Remote that knows how much it takes now.
type Bounded interface {
	// Room returns how many bytes of large objects can be put now, and the error
	// that a Put beyond that would return: ErrLimit or ErrQuota. Unknown and no
	// error mean that no end is known.
	Room(ctx context.Context) (left int64, why error)
}

// Room asks the remote behind a Reliable, if it knows.
func (r *reliable) Room(ctx context.Context) (int64, error) {
	left, why := r.room(ctx)
	if own := r.allowance.left(); own != Unknown && (left == Unknown || own < left) {
		return own, r.allowance.used()
	}
	return left, why
}

func (r *reliable) room(ctx context.Context) (int64, error) {
	b, ok := r.remote.(Bounded)
	if !ok {
		return Unknown, nil
	}
	type answer struct {
		left int64
		why  error
	}
	a, err := await(ctx, func() (answer, error) {
		left, why := b.Room(ctx)
		return answer{left, why}, nil
	}, nil)
	if err != nil {
		return Unknown, nil // the caller sees soon enough that ctx has ended
	}
	return a.left, a.why
}
