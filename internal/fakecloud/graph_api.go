package fakecloud

import (
	"net/http"
	"strings"
)

// serveAPI answers a path of the API, below its version.
func (g *Graph) serveAPI(w *later, r *http.Request, path, host string) {
	a, token, err := g.caller(r, host)
	if err == nil {
		err = g.serveResource(w, r, a, token, path, host)
	}
	if err != nil {
		err.write(w, g.now())
	}
}

func (g *Graph) serveResource(w *later, r *http.Request, a *microsoftUser, token *accessToken, path, host string) *refusal {
	first, rest, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case path == "/me":
		if !token.may("User.Read", "User.Read.All", "User.ReadWrite") {
			return refuse(http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
		}
		g.serveMe(w, a)
		return nil
	case strings.HasPrefix(first, "sites"):
		return g.serveSites(w, r, a, token, rest)
	case path == "/me/drives":
		writeJSON(w, http.StatusOK, map[string]any{"value": []any{a.Drives[0].summary(a)}})
		return nil
	case first == "me" && (rest == "drive" || strings.HasPrefix(rest, "drive/")):
		return g.serveDrive(w, r, a, token, a.Drives[0], rest[len("drive"):], host)
	case first == "drives":
		id, below, _ := strings.Cut(rest, "/")
		owner, d := g.drive(unescape(id))
		if d == nil || owner != a {
			return errItemNotFound
		}
		if below != "" {
			below = "/" + below
		}
		return g.serveDrive(w, r, a, token, d, below, host)
	}
	return refuse(http.StatusBadRequest, "BadRequest", "Resource not found for the segment '"+first+"'.")
}

// serveDrive answers about a drive and what is on it.
func (g *Graph) serveDrive(w *later, r *http.Request, a *microsoftUser, token *accessToken, d *OneDrive, rest, host string) *refusal {
	if !token.may(neededScopes(r.Method)...) {
		return errDenied
	}
	if rest == "" {
		writeJSON(w, http.StatusOK, d.describe(a))
		return nil
	}
	c := &graphCall{g: g, w: w, r: r, a: a, d: d, host: host}
	if err := c.locate(rest); err != nil {
		return err
	}
	return c.serve()
}

func neededScopes(method string) []string {
	scopes := []string{"Files.ReadWrite", "Files.ReadWrite.All", "Sites.ReadWrite.All", "AllSites.Write"}
	if method == http.MethodGet {
		scopes = append(scopes, "Files.Read", "Files.Read.All", "Sites.Read.All", "AllSites.Read")
	}
	return scopes
}

// graphRoutes says who answers, by method and route. A route may end in an id.
var graphRoutes = map[string]func(*graphCall, string) *refusal{
	"GET ":                     (*graphCall).get,
	"PATCH ":                   (*graphCall).patch,
	"DELETE ":                  (*graphCall).delete,
	"POST permanentDelete":     (*graphCall).deleteForGood,
	"GET children":             (*graphCall).list,
	"POST children":            (*graphCall).mkdir,
	"GET delta":                (*graphCall).delta,
	"GET content":              (*graphCall).download,
	"GET contentStream":        (*graphCall).stream,
	"PUT content":              (*graphCall).put,
	"POST createUploadSession": (*graphCall).startSession,
	"POST copy":                (*graphCall).copy,
	"POST createLink":          (*graphCall).createLink,
	"POST invite":              (*graphCall).invite,
	"GET permissions":          (*graphCall).listGrants,
	"PATCH permissions":        (*graphCall).patchGrant,
	"DELETE permissions":       (*graphCall).deleteGrant,
	"GET versions":             (*graphCall).listVersions,
	"DELETE versions":          (*graphCall).deleteVersion,
}

func (c *graphCall) serve() *refusal {
	name, id, _ := strings.Cut(c.route, "/")
	if strings.HasPrefix(name, "delta(") {
		name, id = "delta", name[len("delta"):]
	}
	answer := graphRoutes[c.r.Method+" "+name]
	if answer == nil {
		return errInvalid("Resource not found for the segment '" + name + "'.")
	}
	return answer(c, unescape(id))
}
