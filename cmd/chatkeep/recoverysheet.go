package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/internal/i18n"
	wordlist "github.com/chatkeep/chatkeep/internal/words"
	"github.com/chatkeep/chatkeep/repo"
	"github.com/chatkeep/chatkeep/repo/format"
)

type sheetFlags struct {
	place
	out string
}

func (a *app) recoverySheetCommand() *cobra.Command {
	var f sheetFlags
	c := &cobra.Command{
		Use: "sheet", Short: a.say("cmd.recovery.sheet"), Long: a.say("cmd.recovery.sheet") + "\n\n" + a.say("cmd.recovery.sheet.more"), Args: a.atMost(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.recoverySheet(c.Context(), f) },
	}
	c.Flags().StringVar(&f.out, "out", "", a.say("flag.sheet_out"))
	f.flags(a, c)
	c.Flag("identity").Usage = a.say("flag.identity_sheet")
	return c
}

type sheetJSON struct {
	Path    string   `json:"path"`
	Remote  string   `json:"remote"`
	Words   []string `json:"words"` // the repository's, in each language
	Devices []string `json:"devices"`
	Alarms  []alarm  `json:"alarms"`
}

// recoverySheet writes a page to print: the recovery key and what somebody
// needs to know who finds it years later.
func (a *app) recoverySheet(ctx context.Context, f sheetFlags) error {
	if f.out == "" {
		f.out = a.besideConfig("recovery-sheet.html")
	}
	var err error
	if f.out, err = filepath.Abs(f.out); err != nil {
		return err
	}
	if f.identity == "" {
		if f.identity, err = a.keyBesideConfig(); err != nil {
			return err
		}
	}
	where, err := a.target(f.remote)
	if err != nil {
		return err
	}
	key, err := a.readIdentity(ctx, f.identity, f.unlock)
	if err != nil {
		return err
	}
	r, err := a.openBare(ctx, a.reach(where), key)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := a.checkSheetPlace(ctx, f.out, r); err != nil {
		return err
	}
	s := sheetOf(r, where.Remote, key)
	page, err := s.page(a.say("words.language"))
	if err != nil {
		return err
	}
	if err := durable.WriteSecret(f.out, page); err != nil {
		return err
	}
	a.tell("recovery.sheet.done", "path", printable(f.out))
	a.detail("recovery.sheet.then", "path", printable(f.out))
	return a.document(sheetJSON{f.out, s.Remote, s.Words, s.Devices, a.alarms(r.Alarms())})
}

// checkSheetPlace refuses to put the key where the backups are or where it
// would be backed up itself.
func (a *app) checkSheetPlace(ctx context.Context, out string, r *repo.Repo) error {
	refuse := func(why string) error {
		return hint.New("sheet_place", fmt.Errorf("write recovery sheet %s: it would lie in %s", out, why), "path", out)
	}
	if local := r.Remote().Traits().LocalPath; local != "" && inside(out, local) {
		return refuse("the repository")
	}
	cfg, err := a.loadConfig()
	if hint.Is(err, config.CodeMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := accounts(ctx, cfg)
	if err != nil {
		return err
	}
	for _, acc := range list {
		if inside(out, acc.Root()) {
			return refuse("the source " + acc.Name())
		}
	}
	return nil
}

// sheet is what stands on the page. The key, the place and the words stand on it
// once; everything that is said stands in both languages, for nobody knows who
// will read it.
type sheet struct {
	Rows    []string // of the key
	QR      template.HTML
	Remote  string
	Options []string // what else the place needs, without secrets
	Words   []string // in each language
	Devices []string
	Date    string
	Program string
	Format  int
	Login   string // the command that signs in; none for a folder
	Texts   []sheetText

	Restore, Recover, Without string // commands
}

// sheetText says the page's sentences in one language.
type sheetText struct {
	Lang string
	say  func(string, ...any) string
}

// Say is how the page speaks.
func (t sheetText) Say(key string) string { return t.say("sheet." + key) }

const (
	rowGroups   = 5 // of a row of the key
	groupLength = 4
)

// keyRows cuts a key into rows of groups that can be typed. The first row is
// the beginning that all keys have.
func keyRows(key string) []string {
	rest := strings.TrimPrefix(key, keyPrefix)
	rows := []string{keyPrefix}
	for row := range slices.Chunk([]byte(rest), rowGroups*groupLength) {
		var groups []string
		for group := range slices.Chunk(row, groupLength) {
			groups = append(groups, string(group))
		}
		rows = append(rows, strings.Join(groups, " "))
	}
	return rows
}

// picture is a QR code as the page takes it. It is drawn of numbers alone.
func picture(text string) template.HTML { return template.HTML(qrSVG(text)) }

func sheetOf(r *repo.Repo, where config.Remote, key *crypto.Identity) sheet {
	s := sheet{
		Rows: keyRows(key.String()), QR: picture(key.String()),
		Remote: r.Remote().String(), Date: time.Now().Format(time.DateOnly), Program: client(), Format: format.ReaderVersion,
	}
	remote := shellWord(s.Remote)
	s.Login, s.Options = loginCommand(where, remote)
	s.Restore = "chatkeep pull --remote " + remote + " --identity recovery.key --to restored"
	s.Recover = "chatkeep recover --remote " + remote + " --identity recovery.key"
	s.Without = "python3 recover.py FOLDER recovery.key restored"
	for _, lang := range i18n.Languages() {
		s.Words = append(s.Words, strings.Join(wordlist.Say(r.Words(), lang), " "))
	}
	for _, d := range r.Devices() {
		if !d.Revoked {
			s.Devices = append(s.Devices, r.DeviceName(d.ID))
		}
	}
	return s
}

// loginCommand is what signs in to a place on a bare machine, none for a folder,
// and what the place needs for that besides a secret.
func loginCommand(where config.Remote, remote string) (login string, options []string) {
	if where.Type != "local" {
		login = "chatkeep remote login --remote " + remote
	}
	for _, name := range slices.Sorted(maps.Keys(where.Options)) {
		option := name + "=" + where.Options[name]
		if config.IsSecret(name) || config.HoldsPassword(where.Options[name]) {
			continue
		}
		options = append(options, option)
		if login != "" {
			login += " --option " + shellWord(option)
		}
	}
	return login, options
}

//go:embed recoverysheet.html
var sheetPage string

// page fills the page in, the person's own language first.
func (s sheet) page(lang string) ([]byte, error) {
	languages := i18n.Languages()
	slices.SortStableFunc(languages, func(a, b string) int {
		switch {
		case a == lang:
			return -1
		case b == lang:
			return 1
		}
		return 0
	})
	for _, l := range languages {
		s.Texts = append(s.Texts, sheetText{l, i18n.For(l).Say})
	}
	t, err := template.New("sheet").Funcs(template.FuncMap{"words": strings.Fields}).Parse(sheetPage)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, s); err != nil {
		return nil, errors.New("fill in the recovery sheet: the page does not fit") // the cause could quote the key
	}
	return b.Bytes(), nil
}
