package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/chatkeep/chatkeep/config"
	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
)

// The present connection is trusted by its UUID, whatever it is called.
func TestNetworkOfNetworkManager(t *testing.T) {
	const officeUUID = "2c1b7e0a-8a3e-4f7e-9d43-6f0c6e5b1d02"
	bus := fakebus.Start(t)
	s := newSession(t)
	s.env["DBUS_SYSTEM_BUS_ADDRESS"] = bus.Address()
	s.write("chatkeep.yaml", "sources: ["+s.path("chats")+"]\nremote: local:"+s.path("remote")+"\n")
	says := func(code int, want string, args ...string) {
		t.Helper()
		out, notes, got := s.run(args...)
		if got != code || !strings.Contains(out+notes, want) {
			t.Errorf("%v: exit code %d\n%s%s\nwant %s", args, got, out, notes, want)
		}
	}
	says(exitDone, fakebus.HomeName+", which is not trusted", "network")
	says(exitDone, "home is trusted: 1 connection", "network", "trust", "home")
	says(exitDone, fakebus.HomeName+", which is trusted as home", "network", "list")
	says(exitDone, "is correct", "config", "check")

	bus.SetConnection(officeUUID, fakebus.HomeName, fakebus.WiFi) // of the same name
	bus.SetMetered(fakebus.Metered)
	says(exitDone, fakebus.HomeName+", which is not trusted", "network")
	says(exitDone, "may cost by the byte", "network")
	says(exitDone, "office is trusted: 1 connection", "network", "trust", "office")
	d := s.object(exitDone, "network").(map[string]any)["connection"].(map[string]any)
	if d["uuid"] != officeUUID || d["as"] != "office" || d["trusted"] != true || d["metered"] != "yes" {
		t.Errorf("%v", d)
	}
	cfg, err := config.Load(s.path("chatkeep.yaml"))
	if err != nil || !slices.Equal(cfg.Network.Trusted, []string{"home", "office"}) {
		t.Errorf("%v, %v", cfg, err)
	}
	a := &app{getenv: func(k string) string { return s.env[k] }}
	r, err := a.rules(cfg)
	if err != nil || !slices.Equal(r.Trusted, []string{fakebus.HomeUUID, officeUUID}) {
		t.Errorf("%+v, %v", r, err)
	}

	bus.SetConnection("", "", "")
	says(exitDone, "Not connected", "network")
	says(exitFailed, "not connected to any network", "network", "trust", "cafe")
	bus.StopNM()
	says(exitDone, "NetworkManager does not answer", "network")
	says(exitFailed, "nmcli connection", "network", "trust", "cafe")
	if info, err := os.Stat(s.path("state", "networks.json")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of networks: %v, %v", info, err)
	}
}

func TestNetworkJSONShapes(t *testing.T) {
	s := newSession(t)
	s.env["DBUS_SYSTEM_BUS_ADDRESS"] = "unix:path=" + s.path("nobody")
	s.write("chatkeep.yaml", "remote: local:"+s.path("remote")+"\n")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"network", "trust", "home", "--uuid", "11111111-2222-3333-4444-555555555555"}, []string{"name", "uuids"}},
		{[]string{"network"}, []string{"connection", "unasked", "trusted", "trusted.name", "trusted.uuids"}},
		{[]string{"network", "distrust", "home"}, []string{"name", "uuids"}},
	} {
		got := keys(s.object(exitDone, c.args...), "")
		for _, want := range c.want {
			if !slices.Contains(got, want) {
				t.Errorf("%v --json has no %s: %v", c.args, want, got)
			}
		}
	}
}
