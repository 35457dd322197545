package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/sources"
	"github.com/chatkeep/chatkeep/sources/profile"
)

func (a *app) accountsCommand() *cobra.Command {
	return &cobra.Command{
		Use: "accounts", Short: a.say("cmd.accounts"), Long: a.say("cmd.accounts") + "\n\n" + a.say("cmd.accounts.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.accounts(c.Context()) },
	}
}

type categoryJSON struct {
	Category  string `json:"category"`
	Files     int    `json:"files"`
	Bytes     int64  `json:"bytes"`
	Databases int    `json:"databases"`
	Priority  int    `json:"priority"`
	LeftOut   bool   `json:"left_out"`
}

type leftJSON struct {
	Reason string `json:"reason"`
	Files  int    `json:"files"`
	Bytes  int64  `json:"bytes"`
}

type noteJSON struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

type accountJSON struct {
	App        string         `json:"app"`
	Profile    string         `json:"profile"`
	Layout     string         `json:"layout"`
	Name       string         `json:"name"`
	Root       string         `json:"root"`
	Place      string         `json:"place"`
	Network    string         `json:"network"` // kind of network file system, or empty
	Locks      string         `json:"locks"`
	Categories []categoryJSON `json:"categories"`
	LeftOut    []leftJSON     `json:"left_out"`
	Notes      []noteJSON     `json:"notes"`
}

type lookedJSON struct {
	App   string `json:"app"`
	Path  string `json:"path"`
	How   string `json:"how"`
	Found bool   `json:"found"`
}

type accountsJSON struct {
	Accounts []accountJSON `json:"accounts"`
	Looked   []lookedJSON  `json:"looked"`
}

// accounts shows what there is on this computer, or what the configuration
// takes of it.
func (a *app) accounts(ctx context.Context) error {
	entries, chosen, err := a.entries(ctx)
	if err != nil {
		return err
	}
	doc := accountsJSON{[]accountJSON{}, []lookedJSON{}}
	for i := range entries {
		e := &entries[i]
		for _, acc := range e.accounts {
			d, err := a.account(ctx, e, acc)
			if err != nil {
				return err
			}
			a.tellAccount(d)
			doc.Accounts = append(doc.Accounts, *d)
		}
		for _, l := range e.looked {
			doc.Looked = append(doc.Looked, lookedJSON{e.source.App, escape(l.Path), string(l.How), l.Found})
		}
	}
	switch {
	case len(doc.Accounts) == 0:
		a.tell("accounts.none")
		a.tellLooked(entries)
	case chosen:
		a.tellMissing(entries)
	}
	return a.document(doc)
}

// entries are the sources that the user chose in the configuration, or all
// apps we know where it names none or there is none.
func (a *app) entries(ctx context.Context) (list []entry, chosen bool, err error) {
	cfg, err := a.loadConfig()
	if err == nil && len(cfg.Sources) > 0 {
		list, err = configured(ctx, cfg)
		return list, true, err
	}
	if err != nil && (a.config != "" || !hint.Is(err, config.CodeMissing)) {
		return nil, false, err
	}
	for _, app := range profile.Apps() {
		e := entry{source: config.Source{App: app}, name: app}
		if err := e.find(ctx, &config.Config{}, profile.Builtin()); err != nil {
			return nil, false, err
		}
		list = append(list, e)
	}
	return list, false, nil
}

// account looks at one account.
func (a *app) account(ctx context.Context, e *entry, acc sources.Account) (*accountJSON, error) {
	d := &accountJSON{App: acc.Kind(), Name: acc.Name(), Root: escape(acc.Root()), Place: escape(acc.Root()),
		Categories: []categoryJSON{}, LeftOut: []leftJSON{}, Notes: []noteJSON{}}
	if code, values := a.folderRemark(e); code != "" {
		a.noteOn(d, code, values...)
	}
	survey, err := a.survey(ctx, d, acc)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, sources.ErrVanished):
		a.noteOn(d, "gone")
		return d, nil
	case err != nil:
		_, text, _ := a.explain(err)
		d.Notes = append(d.Notes, noteJSON{"failed", text})
		return d, nil
	}
	for _, n := range survey.Categories {
		d.Categories = append(d.Categories, categoryJSON{n.Category, n.Files, n.Bytes, n.Databases, n.Priority, n.LeftOut})
	}
	for _, n := range survey.Left {
		d.LeftOut = append(d.LeftOut, leftJSON{string(n.Reason), n.Files, n.Bytes})
	}
	for _, path := range survey.Waiting {
		a.noteOn(d, "waiting", "path", printable(path))
	}
	if survey.Unreadable > 0 {
		a.noteOn(d, "unreadable", "count", survey.Unreadable)
	}
	return d, nil
}

// folderRemark says that a folder is an app's, if it is.
func (a *app) folderRemark(e *entry) (code string, values []any) {
	values = []any{"path", printable(e.source.Folder), "app", a.appName(e.of), "word", e.of}
	switch {
	case e.of == "":
		return "", nil
	case e.app != nil:
		return "recognised", values
	}
	return "is_app", values
}

// survey counts what an account holds, and fills in what is special to apps.
func (a *app) survey(ctx context.Context, d *accountJSON, acc sources.Account) (*profile.Survey, error) {
	x, ok := acc.(*profile.Account)
	if !ok {
		return countFolder(ctx, acc)
	}
	d.Profile, d.Layout, d.Root = x.Profile().Name, x.Profile().Layout, escape(x.Beside())
	d.Network, d.Locks = x.Network(), string(x.Locks())
	if d.Network != "" {
		a.noteOn(d, "network", "kind", d.Network)
	}
	return x.Survey(ctx)
}

// countFolder counts what a plain folder's rules keep.
func countFolder(ctx context.Context, acc sources.Account) (*profile.Survey, error) {
	v, err := acc.View(ctx)
	if err != nil {
		return nil, err
	}
	defer v.Close()
	s, n := &profile.Survey{}, profile.Count{}
	err = v.Walk(ctx, func(e sources.Entry) error {
		n.Category, n.Priority = e.Category, e.Priority
		if e.Type == sources.File {
			n.Files++
			n.Bytes += e.Size
		}
		return nil
	}, func(k sources.Skipped) {
		if k.Reason == sources.Unreadable {
			s.Unreadable++
		}
	})
	if n.Files > 0 {
		s.Categories = append(s.Categories, n)
	}
	return s, err
}

func (a *app) noteOn(d *accountJSON, code string, values ...any) {
	d.Notes = append(d.Notes, noteJSON{code, a.say("accounts."+code, values...)})
}

// appName is what people call an app.
func (a *app) appName(app string) string {
	switch app {
	case "wechat", "qq", "signal", "folder":
		return a.say("app." + app)
	}
	return app
}

func (a *app) tellAccount(d *accountJSON) {
	app := strings.TrimRight(a.appName(d.App)+" "+d.Layout, " ") // a folder has no layout
	a.tell("accounts.title", "app", app, "name", printable(d.Name))
	a.detail("accounts.place", "path", printable(d.Place))
	rows := [][]string{append([]string{""}, strings.Split(a.say("accounts.header"), "\t")...)}
	for _, n := range d.Categories {
		databases, left := "", ""
		if n.Databases > 0 {
			databases = count(uint64(n.Databases))
		}
		if n.LeftOut {
			left = a.say("accounts.left_category")
		}
		rows = append(rows, []string{"", a.say("category." + n.Category), n.Category, count(uint64(n.Files)), size(uint64(n.Bytes)), databases, left})
	}
	if len(d.Categories) > 0 {
		a.table(rows)
	}
	for _, n := range d.LeftOut {
		if n.Reason == string(profile.NeverKept) {
			a.detail("accounts.app_temporary", "app", a.appName(d.App), "count", n.Files, "size", size(uint64(n.Bytes)))
		}
	}
	for _, n := range d.Notes {
		a.printf("  %s\n", n.Text)
	}
	a.printf("\n")
}

// tellMissing names the apps of which no account was found.
func (a *app) tellMissing(entries []entry) {
	for i, e := range entries {
		if len(e.accounts) == 0 {
			a.tell("accounts.none_of", "app", a.appName(e.source.App))
			a.tellLooked(entries[i : i+1])
		}
	}
}

// tellLooked says where accounts were looked for.
func (a *app) tellLooked(entries []entry) {
	a.tell("accounts.looked")
	for _, e := range entries {
		for _, l := range e.looked {
			a.detail("accounts."+string(l.How), "path", printable(l.Path))
		}
	}
	a.tell("accounts.elsewhere")
}
