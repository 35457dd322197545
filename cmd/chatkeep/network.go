package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/daemon/sense"
	"github.com/chatkeep/chatkeep/internal/hint"
)

func (a *app) networkCommand() *cobra.Command {
	list := func(c *cobra.Command, _ []string) error { return a.networkList(c.Context()) }
	name := a.say("arg.name")
	c := &cobra.Command{Use: "network", Short: a.say("cmd.network"), Long: a.say("cmd.network") + "\n\n" + a.say("cmd.network.more"),
		Args: a.unknownCommand, RunE: list}
	var uuid string
	trust := &cobra.Command{Use: "trust " + name, Short: a.say("cmd.network.trust"), Args: a.exactly(name),
		RunE: func(c *cobra.Command, args []string) error { return a.networkTrust(c.Context(), args[0], uuid) }}
	trust.Flags().StringVar(&uuid, "uuid", "", a.say("flag.uuid"))
	c.AddCommand(
		&cobra.Command{Use: "list", Short: a.say("cmd.network.list"), Args: a.atMost(0), RunE: list},
		trust,
		&cobra.Command{Use: "distrust " + name, Short: a.say("cmd.network.distrust"), Args: a.exactly(name),
			RunE: func(c *cobra.Command, args []string) error { return a.networkDistrust(c.Context(), args[0]) }},
	)
	return c
}

type connectionJSON struct {
	UUID    string `json:"uuid"`
	Name    string `json:"name"`
	As      string `json:"as,omitempty"` // the name it is trusted under
	Trusted bool   `json:"trusted"`
	Metered string `json:"metered"` // yes, no or unknown
}

type trustedJSON struct {
	Name  string   `json:"name"`
	UUIDs []string `json:"uuids"` // none: this computer doesn't know it
}

type networksJSON struct {
	Connection *connectionJSON `json:"connection"` // null: none, or not known
	Unasked    []string        `json:"unasked"`
	Trusted    []trustedJSON   `json:"trusted"`
}

// networkList shows the present connection and what is trusted.
func (a *app) networkList(ctx context.Context) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	book, err := a.networks()
	if err != nil {
		return err
	}
	now := a.present(ctx)
	d := networksJSON{Unasked: slices.Concat([]string{}, now.Unasked), Trusted: []trustedJSON{}}
	d.Connection = a.tellConnection(cfg, book, now)
	a.tellTrusted(cfg, book, &d)
	return a.document(d)
}

// present asks the system what this computer is connected to.
func (a *app) present(ctx context.Context) policy.Conditions {
	s := sense.Open(ctx, sense.Options{Bus: a.getenv("DBUS_SYSTEM_BUS_ADDRESS")})
	defer s.Close()
	return s.Now()
}

// blind reports whether nobody can be asked about connections.
func blind(now policy.Conditions) bool {
	return slices.Contains(now.Unasked, "bus") || slices.Contains(now.Unasked, "network_manager")
}

// tellConnection says what this computer is connected to, as far as that is
// known.
func (a *app) tellConnection(cfg *config.Config, book *networkBook, now policy.Conditions) *connectionJSON {
	switch {
	case blind(now):
		a.tell("network.unknown")
		return nil
	case now.Network == "":
		a.tell("network.none")
		return nil
	}
	c := &connectionJSON{UUID: now.Network, Name: now.NetworkName, Metered: answerText(now.Metered)}
	if n := book.with(now.Network); n != nil && slices.Contains(cfg.Network.Trusted, n.Name) {
		c.As, c.Trusted = n.Name, true
		a.tell("network.now_trusted", "network", printable(now.NetworkName), "name", n.Name)
	} else {
		a.tell("network.now", "network", printable(now.NetworkName))
	}
	if now.Metered == policy.Yes {
		a.detail("network.metered")
	}
	return c
}

func answerText(x policy.Answer) string {
	switch x {
	case policy.Yes:
		return "yes"
	case policy.No:
		return "no"
	}
	return "unknown"
}

// tellTrusted lists the networks of the configuration.
func (a *app) tellTrusted(cfg *config.Config, book *networkBook, d *networksJSON) {
	switch {
	case cfg.Network.Trusted == nil:
		a.tell("network.alike")
	case len(cfg.Network.Trusted) == 0:
		a.tell("network.nowhere")
	default:
		a.tell("network.list")
	}
	for _, name := range cfg.Network.Trusted {
		t := trustedJSON{Name: name, UUIDs: []string{}}
		if n := book.named(name); n != nil {
			t.UUIDs = n.UUIDs
			a.printf("  %s  %s\n", name, strings.Join(n.UUIDs, ", "))
		} else {
			a.raise(exitRemarks)
			a.detail("network.unknown_here", "name", name)
		}
		d.Trusted = append(d.Trusted, t)
	}
}

type trustJSON struct {
	Name  string   `json:"name"`
	UUIDs []string `json:"uuids"`
}

// networkTrust notes a connection under a name and puts the name into the
// configuration.
func (a *app) networkTrust(ctx context.Context, name, uuid string) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	if usable, ok := config.UsableName(name); !ok {
		return usageError(errors.New(a.say("usage.name", "name", printable(name), "usable", usable)))
	}
	if uuid, err = a.connectionToTrust(ctx, uuid); err != nil {
		return err
	}
	for _, other := range cfg.Network.Trusted {
		if strings.EqualFold(other, name) {
			name = other // as it is written there
		}
	}
	book, err := a.networks()
	if err != nil {
		return err
	}
	switch n := book.with(uuid); {
	case n == nil:
		book.add(name, uuid)
		err = book.save()
	case n.Name != name:
		err = hint.New("network_taken", errors.New("trust a network: it has a name already"), "name", n.Name)
	}
	if err != nil {
		return err
	}
	if err := a.addName("network.trusted", name); err != nil {
		return err
	}
	a.reloadDaemon(ctx)
	return a.tellTrust(name, book)
}

// connectionToTrust is the connection that a person named, or the present one.
func (a *app) connectionToTrust(ctx context.Context, uuid string) (string, error) {
	if uuid != "" {
		return a.parseUUID(uuid)
	}
	now := a.present(ctx)
	switch {
	case blind(now):
		return "", hint.New("no_network_manager", errors.New("trust a network: NetworkManager does not answer"))
	case now.Network == "":
		return "", hint.New("no_connection", errors.New("trust a network: there is no connection"))
	}
	return now.Network, nil
}

// tellTrust says what holds now.
func (a *app) tellTrust(name string, book *networkBook) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	uuids := book.named(name).UUIDs
	a.tell("network.trusted", "name", name, "count", len(uuids))
	if cfg.Network.Elsewhere.Word == config.AllowNothing {
		a.tell("network.elsewhere")
	}
	return a.document(trustJSON{name, uuids})
}

// networkDistrust takes a network's name out of the configuration, and forgets
// its connections.
func (a *app) networkDistrust(ctx context.Context, name string) error {
	cfg, err := a.loadConfig()
	if err != nil {
		return err
	}
	book, err := a.networks()
	if err != nil {
		return err
	}
	known := book.named(name)
	if known == nil && !slices.Contains(cfg.Network.Trusted, name) {
		return hint.New("network_not_trusted", errors.New("distrust a network: there is none of that name"), "name", name)
	}
	d := trustJSON{name, []string{}}
	if known != nil {
		d.UUIDs = slices.Clone(known.UUIDs)
	}
	if err := a.removeName("network.trusted", name); err != nil {
		return err
	}
	book.remove(name)
	if err := book.save(); err != nil {
		return err
	}
	a.reloadDaemon(ctx)
	a.tell("network.distrusted", "name", name)
	if len(cfg.Network.Trusted) == 1 && cfg.Network.Trusted[0] == name {
		a.tell("network.nowhere")
	}
	return a.document(d)
}
