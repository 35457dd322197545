package sense_test

import (
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/daemon/sense"
	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
	"github.com/chatkeep/chatkeep/internal/needs"
)

// mock runs one of dbusmock's own services on the bus until the test ends, and
// returns what calls the methods of its object that change it.
func mock(t *testing.T, bus *fakebus.Bus, conn *dbus.Conn, template, name string, path dbus.ObjectPath) func(iface, method string, args ...any) []any {
	t.Helper()
	owned := make(chan *dbus.Signal, 16)
	conn.Signal(owned)
	defer conn.RemoveSignal(owned)
	if err := conn.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, name)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/python3", "-m", "dbusmock", "--system", "--template", template)
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+bus.Address())
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for came := false; !came; {
		select {
		case sig := <-owned:
			came = sig.Body[0] == name && sig.Body[2] != ""
		case <-time.After(late):
			t.Fatalf("dbusmock's %s did not come", template)
		}
	}
	return func(iface, method string, args ...any) []any {
		t.Helper()
		call := conn.Object(name, path).CallWithContext(deadline(t), iface+"."+method, 0, args...)
		if call.Err != nil {
			t.Fatalf("%s: %v", method, call.Err)
		}
		return call.Body
	}
}

// Services that others wrote, after the descriptions of the real ones, are
// understood as ours are.
func TestServicesOfDBusMock(t *testing.T) {
	needs.Have(t, needs.DBusMock)
	bus := fakebus.Start(t)
	bus.StopNM()
	bus.StopUPower()
	bus.StopLogin1()
	conn, err := dbus.Connect(bus.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const (
		mocked  = "org.freedesktop.DBus.Mock"
		nm      = "org.freedesktop.NetworkManager"
		nmPath  = dbus.ObjectPath("/org/freedesktop/NetworkManager")
		wlan    = nmPath + "/Devices/wlan0"
		upower  = "org.freedesktop.UPower"
		login1  = "org.freedesktop.login1"
		manager = login1 + ".Manager"
	)
	s := open(t, sense.Options{Bus: bus.Address()})

	network := mock(t, bus, conn, "networkmanager", nm, nmPath)
	await(t, s, "NetworkManager", func(c policy.Conditions) bool { return len(c.Unasked) == 3 })
	network(mocked, "AddWiFiDevice", "wlan0", "wlan0", int32(100))
	network(mocked, "AddAccessPoint", string(wlan), "ap1", "HomeWiFi", "00:23:F8:7E:12:BB", uint32(2), uint32(2425), uint32(5400), byte(82), uint32(256))
	network(mocked, "AddWiFiConnection", string(wlan), "home", "HomeWiFi", "wpa-psk")
	network(mocked, "AddActiveConnection", []string{string(wlan)}, string(nmPath)+"/Settings/home", string(nmPath)+"/AccessPoint/ap1", "home", uint32(2))
	// Its template lacks two properties.
	network(mocked, "AddProperty", nm, "Metered", dbus.MakeVariant(uint32(4)))
	network(mocked, "AddProperty", nm, "PrimaryConnection", dbus.MakeVariant(nmPath+"/ActiveConnection/home"))
	network(mocked, "SetConnectivity", uint32(4))
	c := await(t, s, "a connection", func(c policy.Conditions) bool { return c.Network != "" })
	if c.Online != policy.Yes || c.Portal != policy.No || c.Metered != policy.No || c.Wireless != policy.Yes || c.VPN != policy.No || c.NetworkName != "HomeWiFi" {
		t.Errorf("%+v", c)
	}
	network(mocked, "SetProperty", string(nmPath), nm, "Metered", dbus.MakeVariant(uint32(1)))
	await(t, s, "metered", func(c policy.Conditions) bool { return c.Metered == policy.Yes })
	network(mocked, "SetConnectivity", uint32(2))
	await(t, s, "portal", func(c policy.Conditions) bool { return c.Portal == policy.Yes && c.Online == policy.No })

	power := mock(t, bus, conn, "upower", upower, "/org/freedesktop/UPower")
	await(t, s, "UPower", func(c policy.Conditions) bool { return c.OnBattery == policy.No && c.Battery == -1 })
	power(mocked, "UpdateProperties", upower, map[string]dbus.Variant{"OnBattery": dbus.MakeVariant(true)})
	power(mocked, "SetupDisplayDevice", int32(2), int32(2), 55.0, 50.0, 100.0, 10.0, int64(3600), int64(0), true, "battery", uint32(1))
	await(t, s, "half full", func(c policy.Conditions) bool { return c.OnBattery == policy.Yes && c.Battery == 55 })

	s.Hold()
	login := mock(t, bus, conn, "logind", login1, "/org/freedesktop/login1")
	await(t, s, "login1", func(c policy.Conditions) bool { return len(c.Unasked) == 1 })
	locks := func(want int) {
		t.Helper()
		tick := time.NewTicker(time.Millisecond) // its copy of a lock is closed when it is idle
		defer tick.Stop()
		end := time.After(late)
		for {
			held := login(manager, "ListInhibitors")[0].([][]any)
			if len(held) == want {
				return
			}
			select {
			case <-tick.C:
			case <-end:
				t.Fatalf("locks: %v, want %d", held, want)
			}
		}
	}
	locks(2)
	login(mocked, "EmitSignal", manager, "PrepareForSleep", "b", []dbus.Variant{dbus.MakeVariant(true)})
	ends(t, s, true, sense.Sleep)
	s.Release()
	locks(0)
	login(mocked, "EmitSignal", manager, "PrepareForSleep", "b", []dbus.Variant{dbus.MakeVariant(false)})
	ends(t, s, false, sense.Awake)
	login(mocked, "EmitSignal", manager, "PrepareForShutdown", "b", []dbus.Variant{dbus.MakeVariant(true)})
	ends(t, s, true, sense.Shutdown)
}
