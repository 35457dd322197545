package fakecloud

import (
	"net/http"
	"strings"
)

// classify says what a request to Google is for.
func (d *Drive) classify(r *http.Request) Kind {
	switch hostOf(r) {
	case googleTokens:
		return KindToken
	case googleConsent, googleWeb:
		return KindConsent
	}
	rest, upload := strings.CutPrefix(r.URL.Path, "/upload")
	parts := strings.Split(strings.TrimPrefix(rest, "/drive/v3/"), "/")
	switch {
	case upload && r.URL.Query().Has("upload_id"):
		return KindChunk
	case upload && r.Method == http.MethodPatch:
		return KindUpdate
	case upload:
		return KindCreate
	case parts[0] == "about":
		return KindAbout
	case parts[0] == "changes":
		return KindChanges
	case parts[0] == "files" && len(parts) == 1:
		return classifyFiles(r)
	case parts[0] == "files" && len(parts) == 2:
		return d.classifyFile(r, parts[1])
	case parts[0] == "files" && parts[2] == "copy":
		return KindCreate
	}
	return KindOther
}

// classifyFiles looks at a listing or a creation without content.
func classifyFiles(r *http.Request) Kind {
	if r.Method == http.MethodPost {
		if strings.Contains(string(peek(r)), `"`+driveFolder+`"`) {
			return KindFolder
		}
		return KindCreate
	}
	q := strings.ReplaceAll(r.URL.Query().Get("q"), " ", "")
	switch {
	case strings.Contains(q, "mimeType='"+driveFolder+"'") && !strings.Contains(q, "trashed=true"): // for folders alone
		return KindFolder
	case !strings.Contains(q, "name='"):
		return KindList
	}
	return KindLookup
}

func (d *Drive) classifyFile(r *http.Request, id string) Kind {
	switch {
	case id == "generateIds":
		return KindIDs
	case r.Method == http.MethodDelete:
		return KindDelete
	case r.Method == http.MethodPatch && strings.Contains(strings.ReplaceAll(string(peek(r)), " ", ""), `"trashed":true`):
		return KindDelete
	case r.Method == http.MethodPatch:
		return KindUpdate
	case r.URL.Query().Get("alt") == "media":
		return KindDownload
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if f := d.Nodes[id]; f != nil && f.MimeType == driveFolder || id == "root" || id == "appDataFolder" {
		return KindFolder
	}
	return KindGet
}
