package providers

import "context"

// List tells fn of every object once, however often the listing has to be
// begun anew.
func (r *reliable) List(ctx context.Context, prefix Name, opt ListOptions, fn func(Info) error) error {
	told := map[Name]bool{}
	var stop error // from fn
	tell := func(info Info) error {
		if told[info.Name] {
			return nil
		}
		told[info.Name] = true
		stop = fn(info)
		return stop
	}
	err := r.retry(ctx, func() error {
		err := r.list(ctx, prefix, opt, tell)
		if stop != nil {
			return nil
		}
		return err
	})
	if stop != nil {
		return stop
	}
	return err
}

// list is one try of List. fn runs in the caller's goroutine, so that a
// listing which is abandoned cannot call it any more.
func (r *reliable) list(ctx context.Context, prefix Name, opt ListOptions, fn func(Info) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found, done := make(chan Info), make(chan error, 1)
	go func() {
		done <- r.remote.List(ctx, prefix, opt, func(info Info) error {
			select {
			case found <- info:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	for {
		select {
		case info := <-found:
			if err := fn(info); err != nil {
				return err
			}
		case err := <-done:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
