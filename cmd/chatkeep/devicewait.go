package main

import (
	"context"
	"errors"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/providers"
)

// The pauses between two looks at what somebody else is to do.
const (
	shortestPause = time.Second
	longestPause  = 30 * time.Second
)

// waitFlag adds --wait[=TIME].
func (a *app) waitFlag(c *cobra.Command, to *time.Duration, text string) {
	c.Flags().DurationVar(to, "wait", 0, text)
	c.Flags().Lookup("wait").NoOptDefVal = "1h"
}

// await looks again and again, with growing pauses, until look says that it is
// done, limit is over or ctx ends. A line that is down for a while is waited
// for as well.
func (a *app) awaitOther(ctx context.Context, limit time.Duration, look func() (done bool, err error)) (bool, error) {
	steps := backoff.ExponentialBackOff{InitialInterval: shortestPause, Multiplier: 1.5, MaxInterval: longestPause}
	steps.Reset()
	for waited := time.Duration(0); ; {
		done, err := look()
		if done || err != nil && (ctx.Err() != nil || !errors.Is(err, providers.ErrTemporary)) {
			return done, err
		}
		if waited >= limit {
			return false, err
		}
		pause := min(steps.NextBackOff(), limit-waited)
		if err := a.rest(ctx, pause); err != nil {
			return false, err
		}
		waited += pause
	}
}

// rest pauses, or ends with ctx.
func (a *app) rest(ctx context.Context, d time.Duration) error {
	if a.pause != nil {
		return a.pause(ctx, d)
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
