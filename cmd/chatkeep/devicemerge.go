package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/repo/format"
)

func (a *app) deviceMergeCommand() *cobra.Command {
	var p place
	var keep []string
	c := &cobra.Command{
		Use: "merge", Short: a.say("cmd.device.merge"), Long: a.say("cmd.device.merge") + "\n\n" + a.say("cmd.device.merge.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if len(keep) > 0 && p.identity == "" {
				return usageError(errors.New(a.say("usage.together", "one", "--keep", "two", "--identity")))
			}
			return a.change(c.Context(), p, "device.merged", func(ctx context.Context, o *opened) error { return merge(ctx, o, keep) })
		},
	}
	p.signFlags(a, c)
	neverAsks(a, c)
	c.Flags().StringArrayVar(&keep, "keep", nil, a.say("flag.keep"))
	return c
}

// merge makes one of two lists; those named to keep belong, whoever removed
// them.
func merge(ctx context.Context, o *opened, keep []string) error {
	var ids []format.DeviceID
	for _, name := range keep {
		d, err := o.DeviceNamed(name)
		if err != nil {
			return err
		}
		ids = append(ids, d.ID)
	}
	return o.Merge(ctx, ids...)
}
