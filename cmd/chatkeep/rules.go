package main

import (
	"fmt"
	"slices"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/sources/folder"
	"github.com/chatkeep/chatkeep/sources/profile"
)

// rules are what the configuration says of network, power and disk. A trusted
// network that this computer doesn't know is a mistake in it: nothing would be
// sent there, though its user means the opposite.
func (a *app) rules(cfg *config.Config) (policy.Rules, error) {
	known, err := a.networks()
	if err != nil {
		return policy.Rules{}, err
	}
	first := firstOf(cfg)
	n, p := cfg.Network, cfg.Power
	r := policy.Rules{
		Local:         cfg.Remote.Type == "local",
		Metered:       allowed(n.OnMetered, first),
		Untrusted:     allowed(n.Elsewhere, first),
		NoVPN:         allowed(n.WithoutVPN, first),
		OnBattery:     allowed(p.OnBattery, first),
		LeastBattery:  int(p.LeastBattery),
		LeastFree:     int64(cfg.LeastFree),
		MostPressure:  float64(p.Busy),
		Urgent:        urgentOf(cfg, first),
		Overdue:       cfg.Overdue.After.Duration(),
		OverdueUpload: int64(cfg.Overdue.Upload),
	}
	var unknown config.Errors
	for i, name := range n.Trusted {
		found := known.named(name)
		if found == nil {
			unknown = append(unknown, cfg.Mistake(fmt.Sprintf("network.trusted[%d]", i), "network_unknown", "value", name))
			continue
		}
		r.Trusted = append(r.Trusted, found.UUIDs...)
	}
	if err := unknown.Bad(); err != nil {
		return policy.Rules{}, err
	}
	return r, nil
}

// allowed turns the words of the configuration into what may be sent; nil is
// everything.
func allowed(a config.Allowance, first []string) *policy.Allowed {
	switch a.Word {
	case config.AllowNothing:
		return &policy.Allowed{}
	case config.AllowFirst:
		return &policy.Allowed{Categories: first}
	}
	if a.Categories == nil {
		return nil
	}
	return &policy.Allowed{Categories: words(a.Categories)}
}

// urgentOf are the categories that are not kept waiting for days. Where only
// folders are backed up there would be none, and so it is what is in them.
func urgentOf(cfg *config.Config, first []string) []string {
	for _, s := range cfg.Sources {
		e := entry{source: s}
		if e.recognise(cfg, profile.Builtin()); e.source.App != "" {
			return first
		}
	}
	if slices.Contains(first, folder.Category) {
		return first
	}
	return append(slices.Clone(first), folder.Category)
}

// firstOf are the categories that go before all others: those of the
// configuration, else those that every profile puts first.
func firstOf(cfg *config.Config) []string {
	if len(cfg.First) > 0 {
		return words(cfg.First)
	}
	var first []string
	for _, c := range profile.Categories() {
		if c.Priority == 0 {
			first = append(first, c.Name)
		}
	}
	return first
}
