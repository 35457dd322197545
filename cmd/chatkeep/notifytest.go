package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/notify"
)

func (a *app) notifyTestCommand() *cobra.Command {
	return &cobra.Command{
		Use: "test [" + a.say("arg.name") + "...]", Short: a.say("cmd.notify.test"), Long: a.say("cmd.notify.test") + "\n\n" + a.say("cmd.notify.test.more"),
		RunE: func(c *cobra.Command, args []string) error { return a.notifyTest(c.Context(), args) },
	}
}

type testedJSON struct {
	Name    string     `json:"name"`
	Service string     `json:"service,omitempty"`
	OK      bool       `json:"ok"`
	Error   *errorJSON `json:"error,omitempty"`
}

type errorJSON struct {
	Code string `json:"code"`
	Text string `json:"text"`
	Hint string `json:"hint"`
}

// notifyTest sends a message to each channel that is named, or to all.
func (a *app) notifyTest(ctx context.Context, names []string) error {
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return err
	}
	list, err := notify.Channels(dir)
	if err != nil {
		return err
	}
	services := map[string]string{}
	for _, c := range list {
		services[c.Name] = c.Service()
	}
	if len(names) == 0 {
		for _, c := range list {
			names = append(names, c.Name)
		}
	}
	n, err := notify.New(notify.Options{Dir: dir, Say: a.notice})
	if err != nil {
		return err
	}
	defer n.Close()
	doc := []testedJSON{}
	for _, name := range names {
		err := n.Test(ctx, name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		doc = append(doc, a.tested(name, services[name], err))
	}
	if len(names) == 0 {
		a.tell("notify.none")
	}
	return a.document(map[string]any{"channels": doc})
}

// tested says how one went.
func (a *app) tested(name, service string, err error) testedJSON {
	if err == nil {
		a.tell("notify.works", "name", name, "service", service)
		return testedJSON{Name: name, Service: service, OK: true}
	}
	a.raise(exitFailed)
	code, text, advice := a.explain(err)
	if !a.json {
		a.complain(text, advice)
	}
	return testedJSON{name, service, false, &errorJSON{string(code), text, advice}}
}
