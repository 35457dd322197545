package fakecloud

import (
	"encoding/json"
	"net/http"
	"strings"
)

// dropboxKinds is what each call is for.
var dropboxKinds = map[string]Kind{
	"files/list_folder":                    KindList,
	"files/list_folder/continue":           KindList,
	"files/list_folder/get_latest_cursor":  KindChanges,
	"files/list_folder/longpoll":           KindChanges,
	"files/upload":                         KindCreate,
	"files/upload_session/start":           KindCreate,
	"files/upload_session/append_v2":       KindChunk,
	"files/upload_session/finish":          KindUpdate,
	"files/upload_session/finish_batch_v2": KindUpdate,
	"files/download":                       KindDownload,
	"files/delete_v2":                      KindDelete,
	"files/create_folder_v2":               KindFolder,
	"files/move_v2":                        KindUpdate,
	"files/copy_v2":                        KindCreate,
	"users/get_space_usage":                KindAbout,
	"users/get_current_account":            KindAbout,
}

// classify tells what a request is for. Of metadata it has to look whether it
// is a folder's, or asked for by id.
func (d *Dropbox) classify(r *http.Request) Kind {
	route := strings.TrimPrefix(r.URL.Path, "/2/")
	switch {
	case hostOf(r) == dropboxWeb:
		return KindConsent
	case r.URL.Path == "/oauth2/token":
		return KindToken
	case route == "files/get_metadata":
		return d.classifyMetadata(r)
	}
	if kind, ok := dropboxKinds[route]; ok {
		return kind
	}
	return KindOther
}

func (d *Dropbox) classifyMetadata(r *http.Request) Kind {
	body := peek(r)
	d.mu.Lock()
	defer d.mu.Unlock()
	a, err := d.caller(r)
	if err != nil {
		return KindLookup
	}
	c := &dropboxCall{d: d, r: r, a: a, n: a.Tree}
	var ask struct{ Path string }
	if json.Unmarshal(body, &ask) != nil {
		return KindLookup
	}
	f := c.find(ask.Path)
	switch {
	case f != nil && f.Folder:
		return KindFolder
	case strings.HasPrefix(ask.Path, "id:"):
		return KindGet
	}
	return KindLookup
}
