package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"
)

func (a *app) serviceStatusCommand() *cobra.Command {
	var f serviceForm
	c := &cobra.Command{
		Use: "status", Short: a.say("cmd.service.status"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.serviceStatus(c.Context(), thisComputer(), f) },
	}
	f.flags(a, c)
	return c
}

// serviceState is how the service is, in JSON.
type serviceState struct {
	Unit     string `json:"unit"`
	Load     string `json:"load"` // systemd's words
	Active   string `json:"active"`
	Sub      string `json:"sub"`
	Result   string `json:"result"`
	Enabled  bool   `json:"enabled"`
	Restarts int    `json:"restarts"`
	Text     string `json:"text"` // what the daemon says it is doing
	Linger   *bool  `json:"linger,omitempty"`
}

// serviceStatus shows how the service is. What is backed up is status's to say.
// It exits 1 if the service does not run.
func (a *app) serviceStatus(ctx context.Context, on machine, f serviceForm) error {
	m, err := a.manager(ctx, on, f)
	if err != nil {
		return err
	}
	p, err := m.properties(ctx, "LoadState", "ActiveState", "SubState", "Result", "UnitFileState", "NRestarts", "StatusText")
	if err != nil {
		return err
	}
	restarts, _ := strconv.Atoi(p["NRestarts"]) // empty if it never ran
	d := serviceState{Unit: m.service().Unit(), Load: p["LoadState"], Active: p["ActiveState"], Sub: p["SubState"], Result: p["Result"],
		Enabled: p["UnitFileState"] == "enabled", Restarts: restarts, Text: p["StatusText"]}
	switch {
	case d.Load == "not-found":
		a.tell("service.none", "unit", d.Unit)
	case d.Active == "active":
		a.tell("service.runs", "unit", d.Unit)
	default:
		a.tell("service.stopped", "unit", d.Unit, "state", d.Active+"/"+d.Sub, "result", d.Result)
	}
	if d.Text != "" {
		a.detail("service.says", "text", printable(d.Text))
	}
	if d.Load != "not-found" && !d.Enabled {
		a.detail("service.not_enabled")
	}
	if d.Restarts > 0 {
		a.detail("service.restarts", "count", d.Restarts)
	}
	if m.user == "" {
		linger := m.lingers(m.owner.Username)
		d.Linger = &linger
		if !linger && d.Load != "not-found" {
			a.detail("service.linger_off", "user", shellWord(m.owner.Username))
		}
	}
	if d.Active != "active" {
		a.raise(exitFailed)
	}
	return a.document(d)
}
