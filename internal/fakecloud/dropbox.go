package fakecloud

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	dropboxAPI     = "api.dropboxapi.com"
	dropboxContent = "content.dropboxapi.com"
	dropboxNotify  = "notify.dropboxapi.com"
	dropboxWeb     = "www.dropbox.com"
)

// Dropbox is Dropbox's API v2 with its sign-in. Accounts are made when they
// are first named. Its own methods that look at files are those of the first
// one; Account has others.
type Dropbox struct {
	Inside
	now func() time.Time

	mu sync.Mutex
	dropboxState
}

// dropboxState is all that survives a restart.
type dropboxState struct {
	Accounts []*dropboxUser
	SignIns  dropboxSignIns
	Sessions map[string]*dropboxSession
	Made     int64 // counts sessions
}

// dropboxUser is one account.
type dropboxUser struct {
	Name  string
	Tree  *namespace
	Quota int64
	Links map[string]string // shared links, by the id of what they lead to
}

const dropboxFile = "dropbox.json"

func newDropbox(now func() time.Time) *Dropbox {
	d := &Dropbox{now: now}
	d.Inside = Inside{lock: &d.mu, now: now, find: d.first}
	d.SignIns, d.Sessions = newDropboxSignIns(), map[string]*dropboxSession{}
	return d
}

func (d *Dropbox) first() store {
	if len(d.Accounts) > 0 {
		return d.Accounts[0]
	}
	return d.account("personal")
}

// Account looks into an account.
func (d *Dropbox) Account(name string) Inside {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.account(name)
	return Inside{lock: &d.mu, now: d.now, find: func() store { return d.account(name) }}
}

// account returns the account of a name, made if need be.
func (d *Dropbox) account(name string) *dropboxUser {
	for _, a := range d.Accounts {
		if a.Name == name {
			return a
		}
	}
	a := &dropboxUser{Name: name, Quota: 2 << 30, Links: map[string]string{}}
	a.Tree = newNamespace(a.id, d.now())
	d.Accounts = append(d.Accounts, a)
	return a
}

// id makes ids in Dropbox's style.
func (a *dropboxUser) id(made int64) string {
	sum := sha256.Sum256([]byte(a.Name + " " + time.Duration(made).String()))
	return "id:" + base64.RawURLEncoding.EncodeToString(sum[:16])
}

func (a *dropboxUser) names() *namespace { return a.Tree }

func (a *dropboxUser) room() *int64 { return &a.Quota }

func (a *dropboxUser) write(f *node, data []byte, now time.Time) {
	a.Tree.write(f, data, dropboxHash(data), now)
}

func (d *Dropbox) hosts() []string {
	return []string{dropboxAPI, dropboxContent, dropboxNotify, dropboxWeb}
}

func (d *Dropbox) save(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return saveState(dir, dropboxFile, &d.dropboxState)
}

func (d *Dropbox) load(dir string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := loadState(dir, dropboxFile, &d.dropboxState); err != nil {
		return err
	}
	for _, a := range d.Accounts {
		a.Tree.reindex(a.id)
	}
	return nil
}

// ServeHTTP answers a request to any of the hosts.
func (d *Dropbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answerLater(w, r, func(l *later, r *http.Request) {
		d.mu.Lock()
		defer d.mu.Unlock()
		route := strings.TrimPrefix(r.URL.Path, "/2/")
		switch {
		case hostOf(r) == dropboxWeb:
			d.authorize(l, r)
		case r.URL.Path == "/oauth2/token":
			d.token(l, r)
		case route == "files/list_folder/longpoll":
			d.longpoll(l, r)
		default:
			d.call(l, r, route)
		}
	})
}

// dropboxCall is one call of the API. Its argument is the body, or a header
// where the body is a file's.
type dropboxCall struct {
	d *Dropbox
	w *later
	r *http.Request
	a *dropboxUser
	n *namespace
}

var dropboxRoutes = map[string]func(*dropboxCall) *dropboxError{
	"files/list_folder":                        (*dropboxCall).list,
	"files/list_folder/continue":               (*dropboxCall).listOn,
	"files/list_folder/get_latest_cursor":      (*dropboxCall).latest,
	"files/get_metadata":                       (*dropboxCall).metadata,
	"files/upload":                             (*dropboxCall).upload,
	"files/upload_session/start":               (*dropboxCall).startSession,
	"files/upload_session/append_v2":           (*dropboxCall).appendSession,
	"files/upload_session/finish":              (*dropboxCall).finishSession,
	"files/upload_session/finish_batch_v2":     (*dropboxCall).finishBatch,
	"files/download":                           (*dropboxCall).download,
	"files/delete_v2":                          (*dropboxCall).delete,
	"files/create_folder_v2":                   (*dropboxCall).mkdir,
	"files/move_v2":                            (*dropboxCall).move,
	"files/copy_v2":                            (*dropboxCall).copy,
	"users/get_space_usage":                    (*dropboxCall).usage,
	"users/get_current_account":                (*dropboxCall).whoami,
	"sharing/create_shared_link_with_settings": (*dropboxCall).share,
	"sharing/list_shared_links":                (*dropboxCall).links,
}

// dropboxContentRoutes are those whose argument is in a header.
var dropboxContentRoutes = map[string]bool{
	"files/upload": true, "files/download": true, "files/upload_session/start": true,
	"files/upload_session/append_v2": true, "files/upload_session/finish": true,
}

func (d *Dropbox) call(w *later, r *http.Request, route string) {
	serve := dropboxRoutes[route]
	host := dropboxAPI
	if dropboxContentRoutes[route] {
		host = dropboxContent
	}
	if serve == nil || r.Method != http.MethodPost || hostOf(r) != host {
		dropboxText(w, http.StatusBadRequest, `Unknown API function: "`+route+`"`)
		return
	}
	a, err := d.caller(r)
	if err == nil {
		err = serve(&dropboxCall{d: d, w: w, r: r, a: a, n: a.Tree})
	}
	if err != nil {
		err.write(w)
	}
}

// arg decodes the call's argument.
func (c *dropboxCall) arg(v any) *dropboxError {
	data := []byte(c.r.Header.Get("Dropbox-API-Arg"))
	if len(data) == 0 {
		data = content(c.r)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return badCall("could not decode input as JSON")
	}
	return nil
}

func (c *dropboxCall) reply(v any) *dropboxError {
	writeJSON(c.w, http.StatusOK, v)
	return nil
}
