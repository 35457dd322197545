package main

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/i18n"
)

// app is one run of the program.
type app struct {
	args   []string
	out    io.Writer // results
	notes  io.Writer // everything else
	getenv func(string) string
	say    func(key string, values ...any) string

	config string
	json   bool
	code   int  // exit code of a command that did its work
	silent bool // the command has printed its JSON document

	command string // as it is typed, once it has run
	peeking bool   // it was said that another process is at work here

	contact contact       // with the remote
	linger  *atomic.Int64 // how long the command may take to end after Ctrl-C; nil where nobody waits for it

	// pause is what a command does between two looks at what others are to do,
	// and a job between two tries; nil: it waits so long.
	pause func(context.Context, time.Duration) error

	// clock is the computer's, on the wall; nil: time.Now. Deadlines of services
	// and how long something took don't go by it.
	clock func() time.Time
}

// now is the time on the clock.
func (a *app) now() time.Time {
	if a.clock == nil {
		return time.Now()
	}
	return a.clock()
}

func newApp(args []string) *app {
	lang := i18n.Match(langFlag(args), os.Getenv("CHATKEEP_LANG"), os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))
	return &app{args: args, out: os.Stdout, notes: os.Stderr, getenv: os.Getenv, say: i18n.For(lang).Say, json: jsonFlag(args), linger: new(atomic.Int64)}
}

// langFlag finds --lang before flags are parsed: their descriptions depend on
// it.
func langFlag(args []string) string {
	for i, arg := range args {
		if arg == "--lang" && i+1 < len(args) {
			return args[i+1]
		}
		if v, ok := strings.CutPrefix(arg, "--lang="); ok {
			return v
		}
	}
	return ""
}

// jsonFlag tells how to report an error in the flags themselves.
func jsonFlag(args []string) bool {
	for _, arg := range args {
		if arg == "--json" || arg == "--json=true" {
			return true
		}
	}
	return false
}

// execute runs the command and returns the exit code.
func (a *app) execute(ctx context.Context) int {
	root := a.root()
	root.SetArgs(a.args)
	root.SetOut(a.out)
	root.SetErr(a.notes)
	c, err := root.ExecuteContextC(ctx)
	a.command = c.CommandPath()
	if err != nil && ctx.Err() != nil && !hint.Is(err, CodeLeft) {
		err = ctx.Err()
	}
	a.remember(err)
	if err != nil {
		return a.fail(err)
	}
	return a.code
}

// root builds the commands.
func (a *app) root() *cobra.Command {
	cobra.EnableCommandSorting = false
	root := &cobra.Command{
		Use:           "chatkeep",
		Short:         a.say("cmd.root"),
		Long:          a.say("cmd.root") + "\n\n" + a.say("cmd.root.more"),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          a.unknownCommand,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SuggestionsMinimumDistance = 2
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetHelpCommand(a.helpCommand(root))
	root.SetUsageTemplate(a.usageTemplate())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError(a.wrongFlag(err)) })
	f := root.PersistentFlags()
	f.StringVar(&a.config, "config", "", a.say("flag.config"))
	f.BoolVar(&a.json, "json", false, a.say("flag.json"))
	a.json = jsonFlag(a.args) // for errors in the flags themselves
	f.String("lang", "", a.say("flag.lang"))
	f.BoolP("help", "h", false, a.say("flag.help"))
	root.PersistentPreRunE = a.checkLang
	root.AddCommand(a.demoCommand(), a.accountsCommand(), a.initCommand(), a.backupCommand(), a.snapshotsCommand(), a.lsCommand(),
		a.findCommand(), a.diffCommand(), a.restoreCommand(), a.pullCommand(), a.verifyCommand(), a.statusCommand(), a.historyCommand(), a.pauseCommand(), a.resumeCommand(), a.reloadCommand(), a.daemonCommand(), a.confirmShrinkCommand(), a.deviceCommand(), a.recoverCommand(), a.recoveryCommand(), a.hotcopyCommand(), a.remoteCommand(), a.networkCommand(), a.notifyCommand(), a.serviceCommand(), a.configCommand(), a.versionCommand())
	quietUse(root)
	return root
}

// quietUse leaves cobra's own English "[flags]" out of the usage lines.
func quietUse(c *cobra.Command) {
	c.DisableFlagsInUseLine = true
	for _, sub := range c.Commands() {
		quietUse(sub)
	}
}

func (a *app) helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: "help " + a.say("help.command"), Short: a.say("cmd.help"),
		RunE: func(_ *cobra.Command, args []string) error {
			c, _, err := root.Find(args)
			if err != nil || c == nil {
				return a.unknownCommand(root, args)
			}
			return c.Help()
		},
	}
}

func (a *app) checkLang(c *cobra.Command, _ []string) error {
	lang, err := c.Flags().GetString("lang")
	if err == nil && lang != "" && !i18n.Known(lang) && !strings.HasPrefix(strings.ToLower(lang), "zh") {
		err = usageError(errors.New(a.say("usage.lang", "name", lang, "known", i18n.Languages())))
	}
	return err
}

func (a *app) unknownCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	known := c.SuggestionsFor(args[0])
	text := a.say("usage.unknown_command", "name", args[0])
	if len(known) > 0 {
		text += a.say("config.nearest", "nearest", known[0])
	}
	return usageError(errors.New(text))
}

// exactly accepts a number of arguments, and names what is missing.
func (a *app) exactly(names ...string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usageError(errors.New(a.say("usage.missing", "name", names[len(args)])))
		}
		return a.atMost(len(names))(nil, args)
	}
}

func (a *app) atMost(n int) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) > n {
			return usageError(errors.New(a.say("usage.too_many", "name", args[n])))
		}
		return nil
	}
}

// wrongFlag says in the user's language what is wrong with the flags.
func (a *app) wrongFlag(err error) error {
	dashed := func(name string) string {
		if len(name) == 1 {
			return "-" + name
		}
		return "--" + name
	}
	if e, ok := errors.AsType[*pflag.NotExistError](err); ok {
		return errors.New(a.say("usage.flag_unknown", "flag", printable(dashed(e.GetSpecifiedName()))))
	}
	if e, ok := errors.AsType[*pflag.ValueRequiredError](err); ok {
		return errors.New(a.say("usage.flag_needs", "flag", dashed(e.GetSpecifiedName())))
	}
	if e, ok := errors.AsType[*pflag.InvalidValueError](err); ok {
		return errors.New(a.say("usage.flag_value", "flag", dashed(e.GetFlag().Name), "value", printable(e.GetValue())))
	}
	if e, ok := errors.AsType[*pflag.InvalidSyntaxError](err); ok {
		return errors.New(a.say("usage.flag_unknown", "flag", printable(e.GetSpecifiedFlag())))
	}
	return err
}

func usageError(err error) error { return hint.New("usage", err) }

// usageTemplate is cobra's help in the user's language.
func (a *app) usageTemplate() string {
	return a.say("help.usage") + `{{if .Runnable}}
  {{.UseLine}}{{end}}{{if .HasAvailableSubCommands}}
  {{.CommandPath}} ` + a.say("help.command") + `{{end}}{{if .HasAvailableSubCommands}}

` + a.say("help.commands") + `{{range .Commands}}{{if .IsAvailableCommand}}
  {{rpad .Name .NamePadding }} {{.Short}}{{end}}{{end}}{{end}}{{if .HasAvailableLocalFlags}}

` + a.say("help.flags") + `
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}{{if .HasAvailableInheritedFlags}}

` + a.say("help.global") + `
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}
`
}
