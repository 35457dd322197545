package fakecloud

import (
	"net/http"
	"strings"
)

// summary is how a drive stands in a list of drives.
func (d *OneDrive) summary(a *microsoftUser) map[string]any {
	return map[string]any{
		"id": d.ID, "driveType": d.Type, "name": d.Title, "owner": a.identity(),
		"webUrl": "https://" + d.Host + "/",
	}
}

// describe is a drive with its quota. What is in the recycle bin takes room
// until it is deleted there.
func (d *OneDrive) describe(a *microsoftUser) map[string]any {
	drive := d.summary(a)
	used, deleted := d.Files.used(), d.Files.trashed()
	remaining := max(d.Quota-used-deleted, 0)
	state := "normal"
	switch {
	case remaining == 0:
		state = "exceeded"
	case remaining < d.Quota/100:
		state = "critical"
	case remaining < d.Quota/10:
		state = "nearing"
	}
	drive["quota"] = map[string]any{
		"total": d.Quota, "used": used, "deleted": deleted, "remaining": remaining, "state": state,
	}
	return drive
}

// fits reports whether there is room for n more bytes.
func (d *OneDrive) fits(n int64) bool {
	return d.Files.used()+d.Files.trashed()+n <= d.Quota
}

// serveSites answers about SharePoint sites: a business has one.
func (g *Graph) serveSites(w *later, r *http.Request, a *microsoftUser, token *accessToken, rest string) *refusal {
	if a.Kind == Personal {
		return errInvalid("This API is not supported for MSA accounts")
	}
	if !token.may("Sites.Read.All", "Sites.ReadWrite.All") {
		return errDenied
	}
	site := map[string]any{
		"id": siteFiles + "," + guid("site") + "," + guid("web"), "displayName": "Contoso", "name": "contoso",
		"webUrl": "https://" + siteFiles,
	}
	switch {
	case rest == "" && r.URL.Query().Has("search"):
		writeJSON(w, http.StatusOK, map[string]any{"value": []any{site}})
	case rest == "root" || strings.HasPrefix(rest, "root:"):
		writeJSON(w, http.StatusOK, site)
	case strings.HasSuffix(rest, "/drives"):
		list := []any{}
		for _, d := range a.Drives[1:] {
			list = append(list, d.summary(a))
		}
		writeJSON(w, http.StatusOK, map[string]any{"value": list})
	default:
		return errItemNotFound
	}
	return nil
}
