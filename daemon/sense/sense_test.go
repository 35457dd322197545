package sense_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/chatkeep/chatkeep/daemon/policy"
	"github.com/chatkeep/chatkeep/daemon/sense"
	"github.com/chatkeep/chatkeep/daemon/sense/fakebus"
)

// late is when a test gives up.
const late = 20 * time.Second

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), late)
	t.Cleanup(cancel)
	return ctx
}

// open watches a bus until the test ends.
func open(t *testing.T, o sense.Options) *sense.Sense {
	t.Helper()
	if o.Proc == "" {
		o.Proc = t.TempDir() // no figures of this computer
	}
	s := sense.Open(deadline(t), o)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// await waits until the conditions are as is says.
func await(t *testing.T, s *sense.Sense, what string, is func(policy.Conditions) bool) policy.Conditions {
	t.Helper()
	end := time.After(late)
	for {
		c := s.Now()
		if is(c) {
			return c
		}
		select {
		case <-s.Changed():
		case <-end:
			t.Fatalf("waited for: %s; got %+v", what, c)
		}
	}
}

func TestEverythingIsAsked(t *testing.T) {
	bus := fakebus.Start(t)
	proc := t.TempDir()
	write(t, filepath.Join(proc, "pressure", "cpu"), "some avg10=12.50 avg60=1.00 avg300=0.00 total=1\nfull avg10=99.00 avg60=0.00 avg300=0.00 total=0\n")
	c := open(t, sense.Options{Bus: bus.Address(), Disk: t.TempDir(), Proc: proc}).Now()
	if c.Free <= 0 {
		t.Errorf("free: %d", c.Free)
	}
	c.Free = 1
	want := policy.Conditions{
		Online: policy.Yes, Portal: policy.No, Metered: policy.No, Network: fakebus.HomeUUID, NetworkName: fakebus.HomeName, Wireless: policy.Yes,
		VPN: policy.No, OnBattery: policy.No, Battery: 80, Free: 1, Pressure: 12.5,
	}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got  %+v\nwant %+v", c, want)
	}
}

func TestNetworkSignals(t *testing.T) {
	const y, n, u = policy.Yes, policy.No, policy.Unknown
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address()})
	type seen struct {
		online, portal, metered, wireless, vpn policy.Answer
		network                                string
	}
	home := seen{online: y, portal: n, metered: n, wireless: y, vpn: n, network: fakebus.HomeUUID}
	with := func(change func(*seen)) seen { w := home; change(&w); return w }
	// A step is told from the one before it, so each ends at another view.
	for _, step := range []struct {
		name string
		do   func()
		want seen
	}{
		{"metered", func() { bus.SetMetered(fakebus.Metered) }, with(func(w *seen) { w.metered = y })},
		{"cost unknown", func() { bus.SetMetered(fakebus.MeteredUnknown) }, with(func(w *seen) { w.metered = u })},
		{"guessed to be metered", func() { bus.SetMetered(fakebus.GuessMetered) }, with(func(w *seen) { w.metered = y })},
		{"guessed not to be", func() { bus.SetMetered(fakebus.GuessUnmetered) }, home},
		{"portal", func() { bus.SetConnectivity(fakebus.Portal) }, with(func(w *seen) { w.online, w.portal = n, y })},
		{"limited", func() { bus.SetConnectivity(fakebus.Limited) }, with(func(w *seen) { w.online = n })},
		{"full", func() { bus.SetConnectivity(fakebus.Full) }, home},
		{"offline", func() { bus.SetConnectivity(fakebus.Offline) }, with(func(w *seen) { w.online = n })},
		{"nobody checks, connected", func() { bus.SetConnectivity(fakebus.ConnectivityUnknown) }, with(func(w *seen) { w.portal = u })},
		{"nobody checks, asleep", func() { bus.SetState(10) }, with(func(w *seen) { w.online, w.portal = n, u })},
		{"nobody checks, on a network without a way out", func() { bus.SetState(60) }, with(func(w *seen) { w.online, w.portal = u, u })},
		{"back", func() { bus.SetConnectivity(fakebus.Full) }, home},
		{"a plugin's VPN beside it", func() { bus.SetVPN(true) }, with(func(w *seen) { w.vpn = y })},
		{"which goes down", func() { bus.SetConnectionState(3, true) }, home},
		{"and up", func() { bus.SetConnectionState(2, true) }, with(func(w *seen) { w.vpn = y })},
		{"and away", func() { bus.SetVPN(false) }, home},
		{"all goes through a VPN", func() { bus.SetTunnel("vpn", true) }, with(func(w *seen) { w.vpn = y })},
		{"cable", func() { bus.SetConnection("uuid-2", "Office", fakebus.Ethernet) }, with(func(w *seen) { w.wireless, w.network = n, "uuid-2" })},
		{"all goes through wireguard", func() { bus.SetTunnel("wireguard", true) }, with(func(w *seen) { w.wireless, w.network, w.vpn = n, "uuid-2", y })},
		{"no connection", func() { bus.SetConnection("", "", "") }, with(func(w *seen) { w.wireless, w.network = u, "" })},
		{"home", func() { bus.SetConnection(fakebus.HomeUUID, fakebus.HomeName, fakebus.WiFi) }, home},
	} {
		step.do()
		await(t, s, step.name, func(c policy.Conditions) bool {
			return seen{c.Online, c.Portal, c.Metered, c.Wireless, c.VPN, c.Network} == step.want
		})
	}
}

func TestPowerSignals(t *testing.T) {
	bus := fakebus.Start(t)
	s := open(t, sense.Options{Bus: bus.Address()})
	bus.SetOnBattery(true)
	await(t, s, "on battery", func(c policy.Conditions) bool { return c.OnBattery == policy.Yes })
	bus.SetBattery(19.6)
	await(t, s, "19 percent", func(c policy.Conditions) bool { return c.Battery == 19 })
	bus.SetBattery(-1)
	await(t, s, "no battery", func(c policy.Conditions) bool { return c.Battery == -1 && c.OnBattery == policy.Yes })
	bus.SetOnBattery(false)
	await(t, s, "plugged in", func(c policy.Conditions) bool { return c.OnBattery == policy.No })
}

// Where somebody else made the way out, NetworkManager knows of none.
func TestConnectionOfSomeoneElse(t *testing.T) {
	const v4 = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n" +
		"eth0\t0001A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n" +
		"eth0\t00000000\t0101A8C0\t%s\t0\t0\t0\t00000000\t0\t0\t0\n"
	const v6 = "fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n" +
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 fe800000000000000000000000000001 00000400 00000001 00000000 %s     %s\n"
	for name, tt := range map[string]struct {
		v4, v6 string
		want   policy.Answer
	}{
		"none":            {want: policy.No},
		"by IPv4":         {v4: fmt.Sprintf(v4, "0003"), want: policy.Unknown},
		"down":            {v4: fmt.Sprintf(v4, "0002"), want: policy.No},
		"rejected":        {v4: fmt.Sprintf(v4, "0203"), want: policy.No},
		"by IPv6":         {v6: fmt.Sprintf(v6, "00000003", "eth0"), want: policy.Unknown},
		"IPv6, to itself": {v6: fmt.Sprintf(v6, "00000003", "lo"), want: policy.No},
		"IPv6, rejected":  {v6: fmt.Sprintf(v6, "00200200", "eth0"), want: policy.No},
		"garbage":         {v4: "a\nb c d e f g h i\n", v6: "\n00 00\n", want: policy.No},
	} {
		t.Run(name, func(t *testing.T) {
			bus := fakebus.Start(t)
			bus.SetConnectivity(fakebus.Offline)
			proc := t.TempDir()
			write(t, filepath.Join(proc, "self", "net", "route"), tt.v4)
			write(t, filepath.Join(proc, "self", "net", "ipv6_route"), tt.v6)
			s := open(t, sense.Options{Bus: bus.Address(), Proc: proc})
			if c := s.Now(); c.Online != policy.No {
				t.Errorf("with a connection of its own: %+v", c)
			}
			bus.SetConnection("", "", "")
			await(t, s, "online is told by the route", func(c policy.Conditions) bool { return c.Network == "" && c.Online == tt.want })
		})
	}
}

func TestKernelFigures(t *testing.T) {
	gone := filepath.Join(t.TempDir(), "gone")
	for text, want := range map[string]float64{
		"some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n":                      0,
		"full avg10=1.00 avg60=0.00\nsome avg10=99.99 avg60=0.00 avg300=0.00\n": 99.99,
		"":                          -1,
		"some avg10=NaN avg60=0.00": -1,
		"some avg60=1.00":           -1,
		"some\n":                    -1,
	} {
		proc := t.TempDir()
		write(t, filepath.Join(proc, "pressure", "cpu"), text)
		c := open(t, sense.Options{Bus: "unix:path=" + gone, Proc: proc}).Now()
		if c.Pressure != want || slices.Contains(c.Unasked, "pressure") != (want < 0) {
			t.Errorf("%q: %+v", text, c)
		}
	}
	c := open(t, sense.Options{Bus: "unix:path=" + gone, Disk: gone}).Now()
	if c.Free != -1 || !slices.Equal(c.Unasked, []string{"bus", "pressure", "disk"}) {
		t.Errorf("no disk: %+v", c)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
