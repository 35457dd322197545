package fakecloud

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// deviceCode is a sign-in that a person finishes on another device.
type deviceCode struct {
	App, User string
	Scopes    []string
	Issued    time.Time
	Account   string // who approved
	Declined  bool
	Used      bool
}

// startDevice answers the device code endpoint.
func (g *Graph) startDevice(w http.ResponseWriter, r *http.Request) {
	client := g.SignIns.app(r.PostForm.Get("client_id"))
	if client == nil || client.Region != regionOf(hostOf(r)) {
		g.aadFail(w, "AADSTS700016")
		return
	}
	device, user := "GMMhm"+rand.Text(), rand.Text()[:9]
	g.SignIns.Devices[device] = &deviceCode{
		App: client.ID, User: user, Scopes: strings.Fields(r.PostForm.Get("scope")), Issued: g.now(),
	}
	page := "https://microsoft.com/devicelogin"
	if client.Region == "cn" {
		page = "https://microsoft.com/deviceloginchina"
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"device_code": device, "user_code": user, "verification_uri": page,
		"expires_in": int(deviceCodeLife / time.Second), "interval": 1,
		"message": fmt.Sprintf("To sign in, use a web browser to open the page %s and enter the code %s to authenticate.", page, user),
	})
}

// pollDevice answers a program that waits for the person.
func (g *Graph) pollDevice(w http.ResponseWriter, r *http.Request, client *app) (code string) {
	d := g.SignIns.Devices[r.PostForm.Get("device_code")]
	switch {
	case d == nil || d.App != client.ID || d.Used:
		return "AADSTS70018"
	case g.now().Sub(d.Issued) > deviceCodeLife:
		return "AADSTS70020"
	case d.Declined:
		return "AADSTS65004"
	case d.Account == "":
		return "AADSTS70016"
	}
	d.Used = true
	g.grantAll(w, g.account(d.Account), client, d.Scopes)
	return ""
}

// ApproveDevice is the person who types the code on another device and signs
// in there.
func (g *Graph) ApproveDevice(userCode, account string) error {
	return g.decide(userCode, func(d *deviceCode) { d.Account = account })
}

// DeclineDevice is the person who types the code and says no.
func (g *Graph) DeclineDevice(userCode string) error {
	return g.decide(userCode, func(d *deviceCode) { d.Declined = true })
}

func (g *Graph) decide(userCode string, decide func(*deviceCode)) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, d := range g.SignIns.Devices {
		if strings.EqualFold(d.User, userCode) && d.Account == "" && !d.Declined {
			decide(d)
			return nil
		}
	}
	return fmt.Errorf("no device waits with the code %s", userCode)
}
