package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/notify"
	"github.com/chatkeep/chatkeep/providers/cloud/signin"
)

type notifyFlags struct {
	mail, to, server, user string
	replace, inConfig      bool
}

func (a *app) notifyAddCommand() *cobra.Command {
	var f notifyFlags
	name := a.say("arg.name")
	c := &cobra.Command{
		Use: "add " + name + " [" + a.say("arg.address") + "]", Short: a.say("cmd.notify.add"), Long: a.say("cmd.notify.add") + "\n\n" + a.say("cmd.notify.add.more"),
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return a.exactly(name)(c, args)
			}
			return a.atMost(2)(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			return a.notifyAdd(c.Context(), args[0], strings.Join(args[1:], ""), f)
		},
	}
	s := c.Flags()
	s.StringVar(&f.mail, "mail", "", a.say("flag.notify_mail"))
	s.StringVar(&f.server, "server", "", a.say("flag.notify_server"))
	s.StringVar(&f.user, "user", "", a.say("flag.notify_user"))
	s.StringVar(&f.to, "to", "", a.say("flag.notify_to"))
	s.BoolVar(&f.replace, "replace", false, a.say("flag.notify_replace"))
	s.BoolVar(&f.inConfig, "to-config", false, a.say("flag.notify_to_config"))
	return c
}

type addedJSON struct {
	Name    string `json:"name"`
	Service string `json:"service"`
	Used    bool   `json:"used"` // the configuration names it
}

// notifyAdd keeps the address of a channel. Nothing is sent: that is what notify
// test is for.
func (a *app) notifyAdd(ctx context.Context, name, pasted string, f notifyFlags) error {
	if err := notify.CheckName(name); err != nil {
		return err
	}
	dir, err := config.StateDir(a.getenv)
	if err != nil {
		return err
	}
	address, err := a.channelAddress(ctx, pasted, f)
	if err != nil {
		return err
	}
	channel := notify.Channel{Name: name, URL: address}
	if err := notify.Add(dir, channel, f.replace); err != nil {
		return err
	}
	a.tell("notify.added", "name", name, "service", channel.Service())
	used := slices.Contains(a.usedChannels(), name)
	switch path := config.Locate(a.config, a.getenv); {
	case used:
	case f.inConfig:
		if err := a.addName("notify", name); err != nil {
			return err
		}
		used = true
		a.tell("notify.named", "path", printable(path))
	default:
		a.tell("notify.name_it", "name", name, "path", printable(path))
	}
	a.tell("notify.try_it", "name", name)
	a.reloadDaemon(ctx)
	return a.document(addedJSON{name, channel.Service(), used})
}

// channelAddress is the address as it was given, or asked for.
func (a *app) channelAddress(ctx context.Context, pasted string, f notifyFlags) (string, error) {
	if f.mail != "" {
		return a.mailAddress(ctx, pasted, f)
	}
	for flag, value := range map[string]string{"--server": f.server, "--user": f.user, "--to": f.to} {
		if value != "" {
			return "", usageError(errors.New(a.say("usage.together", "one", flag, "two", "--mail")))
		}
	}
	var err error
	switch pasted {
	case "":
		pasted, err = a.asker()(ctx, signin.Question{Key: "notify.ask_address", Flag: "-", Secret: true})
	case "-":
		pasted, err = readInput("-", "-")
	}
	if err != nil {
		return "", err
	}
	return notify.Address(pasted)
}

// mailAddress asks for the password, if there is a user to have one.
func (a *app) mailAddress(ctx context.Context, pasted string, f notifyFlags) (string, error) {
	switch {
	case pasted != "" && pasted != "-":
		return "", usageError(errors.New(a.say("usage.too_many", "name", a.say("arg.address"))))
	case f.server == "":
		return "", usageError(errors.New(a.say("usage.together", "one", "--mail", "two", "--server")))
	case f.to == "":
		f.to = f.mail
	}
	password, err := "", error(nil)
	if f.user != "" && pasted == "-" {
		password, err = readInput("-", "-")
		password = strings.TrimSuffix(strings.TrimSuffix(password, "\n"), "\r")
	} else if f.user != "" {
		password, err = a.asker()(ctx, signin.Question{Key: "notify.ask_password", Flag: "-", Secret: true})
	}
	if err != nil {
		return "", err
	}
	return notify.Mail(f.server, f.user, password, f.mail, f.to)
}
