package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/snapshot"
)

func (a *app) lsCommand() *cobra.Command {
	var p place
	c := &cobra.Command{
		Use: "ls " + a.say("arg.snapshot") + " [" + a.say("arg.path") + "]", Short: a.say("cmd.ls"),
		Args: a.between(a.atMost(2), a.atLeast(a.say("arg.snapshot"))),
		RunE: func(c *cobra.Command, args []string) error {
			within := ""
			if len(args) > 1 {
				within = strings.Trim(path.Clean("/"+args[1]), "/")
			}
			return a.ls(c.Context(), p, args[0], within)
		},
	}
	p.flags(a, c)
	return c
}

type entryJSON struct {
	Path       string `json:"path"`
	Type       string `json:"type"`
	Size       uint64 `json:"size"`
	MTime      string `json:"mtime"`
	Category   string `json:"category"`
	Consistent bool   `json:"consistent"`
}

// ls lists what a snapshot holds, or a part of it.
func (a *app) ls(ctx context.Context, p place, spec, within string) error {
	o, err := a.open(ctx, p)
	if err != nil {
		return err
	}
	defer o.Close()
	doc := []entryJSON{}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	v, err := snapshot.OpenView(ctx, o.Repo, spec)
	if err != nil {
		return err
	}
	defer v.Close()
	err = v.Walk(ctx, within, func(full string, e *format.Entry, err error) error {
		if err != nil {
			return a.lostNames(full, err)
		}
		d := entryOf(full, e)
		if a.json {
			doc = append(doc, d)
		} else {
			fmt.Fprintf(w, "%s\t%s\t  %s%s\n", sizeOf(d), clock(e.ModTime), printable(full), a.suffix(e))
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if v.Seen == 0 && within != "" {
		return hint.New(snapshot.CodeNoPath, errors.New("list: nothing at this path"), "path", within)
	}
	a.noteRemoved(o.Repo)
	a.alarms(o.Alarms())
	return a.document(doc)
}

// lostNames says that a part of a snapshot's names can't be read.
func (a *app) lostNames(full string, err error) error {
	a.raise(exitIntegrity)
	a.note("ls.lost", "path", printable(full), "cause", printable(err.Error()))
	return nil
}

func entryOf(full string, e *format.Entry) entryJSON {
	d := entryJSON{Path: escape(full), Type: typeName(e.Type), MTime: stamp(e.ModTime), Category: e.Category, Consistent: e.Unproven == nil}
	switch {
	case e.Content != nil:
		d.Size = e.Content.Length
	case e.Unproven != nil:
		d.Size = e.Unproven.Length
	}
	return d
}

func typeName(t format.EntryType) string {
	return map[format.EntryType]string{format.TypeFile: "file", format.TypeDir: "dir", format.TypeSymlink: "symlink"}[t]
}

func sizeOf(d entryJSON) string {
	if d.Type != "file" {
		return "-"
	}
	return size(d.Size)
}

func (a *app) suffix(e *format.Entry) string {
	switch e.Type {
	case format.TypeFile:
		if e.Unproven != nil {
			return "  " + a.say("ls.unproven")
		}
	case format.TypeDir:
		return "/"
	case format.TypeSymlink:
		return " -> " + printable(e.Target)
	}
	return ""
}

// between joins checks of arguments.
func (a *app) between(checks ...cobra.PositionalArgs) cobra.PositionalArgs {
	return cobra.MatchAll(checks...)
}

func (a *app) atLeast(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError(errors.New(a.say("usage.missing", "name", names[len(args)])))
		}
		return nil
	}
}
