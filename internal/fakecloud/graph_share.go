package fakecloud

import (
	"crypto/rand"
	"net/http"
	"slices"
	"strings"
	"time"
)

// grant is a permission: somebody's, or everybody's who has a link.
type grant struct {
	ID    string
	Roles []string
	Who   string // an e-mail address or the id of a user
	Link  *sharingLink
}

type sharingLink struct {
	Type, Scope, URL string
	Password         bool
	Expires          *time.Time
}

// createLink makes a link to an item, or answers the one there is.
func (c *graphCall) createLink(string) *refusal {
	f, err := c.need()
	if err != nil {
		return err
	}
	var ask struct {
		Type, Scope, Password string
		ExpirationDateTime    *time.Time
	}
	if err := c.readBody(&ask); err != nil {
		return err
	}
	if ask.Scope == "" {
		ask.Scope = "anonymous"
	}
	if !slices.Contains([]string{"view", "edit", "embed"}, ask.Type) || ask.Type == "embed" && c.d.Type != "personal" {
		return errInvalid("The link type is not supported.")
	}
	for _, old := range f.Grants {
		if l := old.Link; l != nil && l.Type == ask.Type && l.Scope == ask.Scope && !l.Password && ask.Password == "" && ask.ExpirationDateTime == nil {
			writeJSON(c.w, http.StatusOK, c.grantJSON(old))
			return nil
		}
	}
	role := "read"
	if ask.Type == "edit" {
		role = "write"
	}
	made := &grant{ID: rand.Text(), Roles: []string{role}, Link: &sharingLink{
		Type: ask.Type, Scope: ask.Scope, URL: c.linkURL(), Password: ask.Password != "", Expires: ask.ExpirationDateTime,
	}}
	c.addGrant(f, made)
	writeJSON(c.w, http.StatusCreated, c.grantJSON(made))
	return nil
}

func (c *graphCall) linkURL() string {
	if c.d.Type == "personal" {
		return "https://1drv.ms/u/s!" + rand.Text()
	}
	if c.d.Type == "documentLibrary" {
		return "https://" + siteFiles + "/:u:/g/E" + rand.Text()
	}
	user := strings.NewReplacer("@", "_", ".", "_").Replace(c.a.address())
	return "https://" + c.d.Host + "/:u:/g/personal/" + user + "/E" + rand.Text()
}

func (c *graphCall) addGrant(f *node, g *grant) {
	f.Grants, f.Shared = append(f.Grants, g), true
	c.d.Files.touch(f)
}

// invite gives people access to an item.
func (c *graphCall) invite(string) *refusal {
	f, err := c.need()
	if err != nil {
		return err
	}
	var ask struct {
		Recipients []struct{ Email, Alias, ObjectID string }
		Roles      []string
	}
	if err := c.readBody(&ask); err != nil {
		return err
	}
	if len(ask.Recipients) == 0 || !validRoles(ask.Roles) {
		return errInvalid("Recipients and roles are required.")
	}
	made := []any{}
	for _, r := range ask.Recipients {
		who := r.Email + r.ObjectID + r.Alias
		if who == "" || strings.EqualFold(who, c.a.address()) || who == c.a.UserID {
			return errInvalid("You cannot share with yourself.").because("sharingFailed")
		}
		g := &grant{ID: rand.Text(), Roles: ask.Roles, Who: who}
		c.addGrant(f, g)
		made = append(made, c.grantJSON(g))
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"value": made})
	return nil
}

func validRoles(roles []string) bool {
	return len(roles) > 0 && !slices.ContainsFunc(roles, func(role string) bool {
		return role != "read" && role != "write"
	})
}

// grantJSON is a permission. Who has it stands in other places for a business
// than for a person.
func (c *graphCall) grantJSON(g *grant) map[string]any {
	p := map[string]any{"id": g.ID, "roles": g.Roles, "shareId": "u!" + g.ID}
	who := map[string]any{"user": map[string]any{"id": g.Who, "displayName": g.Who}}
	switch {
	case g.Link != nil:
		p["link"] = map[string]any{"type": g.Link.Type, "scope": g.Link.Scope, "webUrl": g.Link.URL,
			"application": map[string]any{"id": "48", "displayName": "OneDrive"}}
		p["hasPassword"] = g.Link.Password
		if g.Link.Expires != nil {
			p["expirationDateTime"] = g.Link.Expires.UTC().Format(time.RFC3339)
		}
	case c.d.Type == "personal":
		p["grantedTo"] = who
		p["invitation"] = map[string]any{"email": g.Who, "signInRequired": true}
	default:
		p["grantedToIdentitiesV2"] = []any{who}
	}
	return p
}

// listGrants answers who may do what. For a business the owner is one of them;
// for a person only as long as the item never was shared, as far as rclone's
// suite can tell.
func (c *graphCall) listGrants(string) *refusal {
	f, err := c.need()
	if err != nil {
		return err
	}
	all := []any{}
	for _, g := range f.Grants {
		all = append(all, c.grantJSON(g))
	}
	owner := map[string]any{"id": guid("owner of " + f.ID), "roles": []string{"owner"}}
	if c.d.Type != "personal" {
		owner["grantedToV2"] = c.a.identity()
		all = append(all, owner)
	} else if !f.Shared {
		owner["grantedTo"] = c.a.identity()
		all = append(all, owner)
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"value": all})
	return nil
}

// findGrant finds a permission of an item by its id.
func (c *graphCall) findGrant(id string) (f *node, at int, err *refusal) {
	if f, err = c.need(); err != nil {
		return nil, 0, err
	}
	at = slices.IndexFunc(f.Grants, func(g *grant) bool { return g.ID == id })
	if at < 0 {
		return nil, 0, errItemNotFound
	}
	return f, at, nil
}

func (c *graphCall) patchGrant(id string) *refusal {
	f, at, err := c.findGrant(id)
	if err != nil {
		return err
	}
	var ask struct{ Roles []string }
	if err := c.readBody(&ask); err != nil {
		return err
	}
	g := f.Grants[at]
	if !validRoles(ask.Roles) || g.Link != nil && c.d.Type != "personal" {
		return errInvalid("Only the roles of a person's permission can be changed.")
	}
	g.Roles = ask.Roles
	c.d.Files.touch(f)
	writeJSON(c.w, http.StatusOK, c.grantJSON(g))
	return nil
}

func (c *graphCall) deleteGrant(id string) *refusal {
	f, at, err := c.findGrant(id)
	if err != nil {
		return err
	}
	f.Grants = slices.Delete(f.Grants, at, at+1)
	c.d.Files.touch(f)
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}
