package providers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// RetryOptions says how patient [Reliable] is. A zero field stands for its
// default.
type RetryOptions struct {
	// Tries is how often one call is made in all; 8.
	Tries int
	// Resumes is how often one reader is opened again after a cut; 8.
	Resumes int
	// LongestWait is how long a service's wish to be left alone is obeyed by
	// waiting. The error of one that asks for more is returned at once, with
	// its [RetryAfter]; 5 minutes.
	LongestWait time.Duration
	// Backoff makes the waits between the tries of one call; exponential from
	// 1 second to 1 minute, each between half and one and a half of that.
	Backoff func() backoff.BackOff
	// Sleep waits, or returns ctx.Err() as soon as ctx ends; a timer.
	Sleep func(ctx context.Context, d time.Duration) error
	// Notify is told of every failure that is tried again, before the wait.
	// It may be called concurrently; nobody is told.
	Notify func(err error, wait time.Duration)
	// Active is called whenever something gets on: bytes move, a call is
	// answered, a wait begins. It may be called often and concurrently; nobody
	// is told. One who hears nothing for longer than [LongestWait] knows that
	// something hangs.
	Active func()
	// MostSent bounds the bytes of all packs that are put, zero for any number:
	// a Put beyond it returns ErrLimit, as beyond a day's limit.
	MostSent int64
}

func (o RetryOptions) withDefaults() RetryOptions {
	if o.Tries == 0 {
		o.Tries = 8
	}
	if o.Resumes == 0 {
		o.Resumes = 8
	}
	if o.LongestWait == 0 {
		o.LongestWait = 5 * time.Minute
	}
	if o.Backoff == nil {
		o.Backoff = exponential
	}
	if o.Sleep == nil {
		o.Sleep = Sleep
	}
	if o.Notify == nil {
		o.Notify = func(error, time.Duration) {}
	}
	if o.Active == nil {
		o.Active = func() {}
	}
	return o
}

func exponential() backoff.BackOff {
	b := backoff.NewExponentialBackOff() // its default jitter is ±50 %
	b.InitialInterval, b.Multiplier, b.MaxInterval = time.Second, 2, time.Minute
	return b
}

// Sleep waits, or returns ctx.Err() as soon as ctx ends.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Reliable makes a remote that tries again what may succeed, keeps r's
// promises and adds these:
//
//   - A call that met ErrTemporary, ErrRate or ErrCorrupt is made again, after
//     a growing wait or after the one the service asked for.
//   - Every Put is verified: the size, and each checksum that both the service
//     and the source know. An object that differs is deleted and sent again,
//     and in the end reported as ErrCorrupt. A Put whose answer was lost looks
//     for its object before it sends again.
//   - A reader that is cut is opened again at the byte it had reached.
//   - Every call, though not Read, returns as soon as ctx ends, even if r does
//     not heed ctx; what r still does then has no effect on the caller. It may
//     read on from the Source it was given.
func Reliable(r Remote, opt RetryOptions) Remote {
	opt = opt.withDefaults()
	return &reliable{r, opt, newAllowance(opt.MostSent)}
}

type reliable struct {
	remote    Remote
	opt       RetryOptions
	allowance *allowance
}

func (r *reliable) String() string { return r.remote.String() }
func (r *reliable) Traits() Traits { return r.remote.Traits() }
func (r *reliable) Close() error   { return r.remote.Close() }

func (r *reliable) Stat(ctx context.Context, name Name) (info Info, err error) {
	err = r.retry(ctx, func() (err error) {
		info, err = r.stat(ctx, name)
		return err
	})
	return info, err
}

// stat is one try of Stat.
func (r *reliable) stat(ctx context.Context, name Name) (Info, error) {
	return await(ctx, func() (Info, error) { return r.remote.Stat(ctx, name) }, nil)
}

func (r *reliable) Delete(ctx context.Context, name Name) error {
	return r.retry(ctx, func() error { return r.delete(ctx, name) })
}

// delete is one try of Delete.
func (r *reliable) delete(ctx context.Context, name Name) error {
	return awaitError(ctx, func() error { return r.remote.Delete(ctx, name) })
}

func (r *reliable) MakeFolder(ctx context.Context, folder Name) error {
	return r.retry(ctx, func() error {
		return awaitError(ctx, func() error { return r.remote.MakeFolder(ctx, folder) })
	})
}

// retry makes the call until it succeeds, cannot, or has been made too often.
func (r *reliable) retry(ctx context.Context, call func() error) error {
	waits := r.opt.Backoff()
	for try := 1; ; try++ {
		err := call()
		r.opt.Active()
		if err == nil {
			return nil
		}
		if !retryable(err) {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		wait, patient := r.wait(err, waits)
		if try >= r.opt.Tries || !patient {
			return gaveUp(err, try)
		}
		if err := r.pause(ctx, err, wait); err != nil {
			return err
		}
	}
}

// wait returns how long to wait after err, or false if that is too long.
func (r *reliable) wait(err error, waits backoff.BackOff) (time.Duration, bool) {
	asked, next := RetryAfter(err), waits.NextBackOff()
	return max(asked, next), next != backoff.Stop && asked <= r.opt.LongestWait
}

func (r *reliable) pause(ctx context.Context, why error, wait time.Duration) error {
	r.opt.Notify(why, wait)
	r.opt.Active()
	return r.opt.Sleep(ctx, wait)
}

func retryable(err error) bool {
	return errors.Is(err, ErrTemporary) || errors.Is(err, ErrRate) || errors.Is(err, ErrCorrupt)
}

func gaveUp(err error, tries int) error {
	if tries == 1 {
		return err
	}
	return fmt.Errorf("%w (tried %d times)", err, tries)
}

// await returns what call returns, or ctx.Err() as soon as ctx ends. It then
// abandons the call and, if late is not nil, hands it what the call returns
// without error after all.
//
// A pacer that sleeps for minutes whatever ctx says must not keep the daemon
// from stopping.
func await[T any](ctx context.Context, call func() (T, error), late func(T)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	answers := make(chan answer, 1)
	go func() {
		value, err := call()
		answers <- answer{value, err}
	}()
	select {
	case a := <-answers:
		return a.value, a.err
	case <-ctx.Done():
		if late != nil {
			go func() {
				if a := <-answers; a.err == nil {
					late(a.value)
				}
			}()
		}
		return none, ctx.Err()
	}
}

// awaitError is await for a call that returns only an error.
func awaitError(ctx context.Context, call func() error) error {
	_, err := await(ctx, func() (struct{}, error) { return struct{}{}, call() }, nil)
	return err
}
