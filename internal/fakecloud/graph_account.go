package fakecloud

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// AccountKind says what a Microsoft account belongs to.
type AccountKind string

// Kinds of accounts. The name of an account that nobody made before tells
// its kind: one that starts with "business" or "china" is of that kind, any
// other is personal.
const (
	Personal AccountKind = "personal"
	Business AccountKind = "business"
	China    AccountKind = "china" // a business account of the cloud run by 21Vianet
)

// microsoftUser is one Microsoft account with its drives.
type microsoftUser struct {
	Name   string
	Kind   AccountKind
	UserID string
	Drives []*OneDrive // the user's own first; a business has a site's library too
}

// OneDrive is one drive.
type OneDrive struct {
	ID     string
	Type   string // personal, business, documentLibrary
	Title  string
	Host   string // where its files are uploaded and downloaded
	Quota  int64
	Files  *namespace
	Forgot int64 // changes up to this one can't be asked for any more
}

const defaultQuota = 5 << 30

// account returns the account of a name, made if need be.
func (g *Graph) account(name string) *microsoftUser {
	for _, a := range g.Accounts {
		if a.Name == name {
			return a
		}
	}
	kind := Personal
	for _, k := range []AccountKind{Business, China} {
		if strings.HasPrefix(name, string(k)) {
			kind = k
		}
	}
	return g.open(name, kind)
}

// open makes an account.
func (g *Graph) open(name string, kind AccountKind) *microsoftUser {
	a := &microsoftUser{Name: name, Kind: kind, UserID: guid("user " + name)}
	switch kind {
	case Personal:
		a.Drives = []*OneDrive{g.format(a, "personal", "OneDrive", personalDownloads)}
	case Business:
		a.Drives = []*OneDrive{
			g.format(a, "business", "OneDrive", businessFiles),
			g.format(a, "documentLibrary", "Documents", siteFiles),
		}
	case China:
		a.Drives = []*OneDrive{g.format(a, "business", "OneDrive", chinaFiles)}
	}
	g.Accounts = append(g.Accounts, a)
	return a
}

func (g *Graph) format(a *microsoftUser, kind, title, host string) *OneDrive {
	d := &OneDrive{Type: kind, Title: title, Host: host, Quota: defaultQuota}
	sum := sha256.Sum256([]byte(kind + " of " + a.Name))
	if kind == "personal" {
		d.ID = hex.EncodeToString(sum[:8])
	} else {
		d.ID = "b!" + strings.TrimRight(base32.StdEncoding.EncodeToString(sum[:]), "=")
	}
	d.Files = newNamespace(d.itemID, g.now())
	return d
}

// itemID makes ids in the style of the drive's kind.
func (d *OneDrive) itemID(made int64) string {
	if d.Type == "personal" {
		return fmt.Sprintf("%s!%d", strings.ToUpper(d.ID), 100+made)
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", d.ID, made))
	return "01" + base32.StdEncoding.EncodeToString(sum[:20])
}

// drive returns the drive with an id, and whose it is. Ids of drives are
// compared whatever their case: Microsoft gives the same one in both.
func (g *Graph) drive(id string) (*microsoftUser, *OneDrive) {
	for _, a := range g.Accounts {
		for _, d := range a.Drives {
			if strings.EqualFold(d.ID, id) {
				return a, d
			}
		}
	}
	return nil, nil
}

// region is the cloud an account lives in.
func (a *microsoftUser) region() string {
	if a.Kind == China {
		return "cn"
	}
	return "global"
}

func (a *microsoftUser) address() string {
	switch a.Kind {
	case Business:
		return a.Name + "@contoso.com"
	case China:
		return a.Name + "@contoso.partner.onmschina.cn"
	}
	return a.Name + "@outlook.com"
}

func (a *microsoftUser) identity() map[string]any {
	return map[string]any{"user": map[string]any{
		"id": a.UserID, "displayName": "User " + a.Name, "email": a.address(),
	}}
}

// regionOf is the cloud a host belongs to.
func regionOf(host string) string {
	if strings.HasSuffix(host, ".cn") {
		return "cn"
	}
	return "global"
}

// guid makes an id that looks random from a word.
func guid(word string) string {
	sum := sha256.Sum256([]byte(word))
	h := hex.EncodeToString(sum[:])
	return h[:8] + "-" + h[8:12] + "-4" + h[13:16] + "-8" + h[17:20] + "-" + h[20:32]
}

// serveMe answers /me.
func (g *Graph) serveMe(w http.ResponseWriter, a *microsoftUser) {
	writeJSON(w, http.StatusOK, map[string]any{
		"id": a.UserID, "displayName": "User " + a.Name,
		"userPrincipalName": a.address(), "mail": a.address(),
	})
}
