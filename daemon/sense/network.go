package sense

import (
	"context"
	"errors"
	"slices"

	"github.com/godbus/dbus/v5"

	"github.com/chatkeep/chatkeep/daemon/policy"
)

// NetworkManager.
const (
	networkName   = "org.freedesktop.NetworkManager"
	networkPath   = dbus.ObjectPath("/org/freedesktop/NetworkManager")
	networkActive = networkName + ".Connection.Active"
)

// network is what NetworkManager said.
type network struct {
	known          bool
	online, portal policy.Answer
	metered        policy.Answer
	wireless, vpn  policy.Answer
	uuid, name     string
	bypassed       bool // it has no connection, but the kernel may have one of someone else's making
}

func networkPeer() *peer {
	return &peer{
		name: networkName,
		rules: [][]dbus.MatchOption{
			changes(networkName, networkName, dbus.WithMatchObjectPath(networkPath)),
			changes(networkName, networkActive, dbus.WithMatchPathNamespace(networkPath+"/ActiveConnection")),
		},
		cares: map[string][]string{
			networkName:   {"Connectivity", "State", "Metered", "PrimaryConnection", "ActiveConnections"},
			networkActive: {"State", "Uuid", "Id", "Type", "Vpn", "Default", "Default6", "Devices", "SpecificObject"},
		},
		read: func(ctx context.Context, a asker) (func(*Sense), error) {
			n, err := readNetwork(ctx, a)
			return func(s *Sense) { s.facts.network = n }, err
		},
		lost: func(s *Sense) { s.facts.network = network{} },
	}
}

// changes is the rule for changed properties of one interface at some path of
// one owner.
func changes(owner, iface string, where dbus.MatchOption) []dbus.MatchOption {
	return []dbus.MatchOption{
		dbus.WithMatchSender(owner), where, dbus.WithMatchInterface(propertiesName),
		dbus.WithMatchMember("PropertiesChanged"), dbus.WithMatchArg(0, iface),
	}
}

// readNetwork asks NetworkManager for everything.
func readNetwork(ctx context.Context, a asker) (network, error) {
	props, err := a.all(ctx, networkPath, networkName)
	if err != nil {
		return network{}, err
	}
	var up []connection
	paths, _ := get[[]dbus.ObjectPath](props, "ActiveConnections")
	for _, path := range paths {
		c, err := readConnection(ctx, a, path)
		if _, gone := errors.AsType[dbus.Error](err); gone {
			continue // and a signal says so
		}
		if err != nil {
			return network{}, err
		}
		if c.up {
			up = append(up, c)
		}
	}
	n := network{known: true, vpn: answer(slices.ContainsFunc(up, connection.tunnel))}
	n.online, n.portal = reach(props)
	switch metered, _ := get[uint32](props, "Metered"); metered {
	case 1, 3: // yes, and guessed
		n.metered = policy.Yes
	case 2, 4:
		n.metered = policy.No
	}
	primary, _ := get[dbus.ObjectPath](props, "PrimaryConnection")
	if c, ok := carrier(up, primary); ok {
		n.uuid, n.name, n.wireless = c.uuid, c.name, answer(c.kind == "802-11-wireless")
	}
	n.bypassed = n.online == policy.No && n.portal != policy.Yes && len(primary) <= 1
	return n, nil
}

// reach tells whether the internet can be reached, and whether a portal is in
// the way.
func reach(props properties) (online, portal policy.Answer) {
	connectivity, _ := get[uint32](props, "Connectivity")
	switch connectivity {
	case 4:
		return policy.Yes, policy.No
	case 2:
		return policy.No, policy.Yes
	case 1, 3: // none, and limited
		return policy.No, policy.No
	}
	switch state, _ := get[uint32](props, "State"); { // nobody checks the connectivity
	case state >= 70: // connected, globally
		return policy.Yes, policy.Unknown
	case state >= 10 && state <= 50: // asleep, disconnected, connecting, connected locally
		return policy.No, policy.Unknown
	}
	return policy.Unknown, policy.Unknown
}

// connection is an active connection.
type connection struct {
	path             dbus.ObjectPath
	uuid, name, kind string
	up               bool // and not on its way up or down
	vpn              bool // by a plugin
	main             bool // has a default route
	over             dbus.ObjectPath
	devices          []dbus.ObjectPath
}

func readConnection(ctx context.Context, a asker, path dbus.ObjectPath) (connection, error) {
	props, err := a.all(ctx, path, networkActive)
	c := connection{path: path}
	c.uuid, _ = get[string](props, "Uuid")
	c.name, _ = get[string](props, "Id")
	c.kind, _ = get[string](props, "Type")
	c.vpn, _ = get[bool](props, "Vpn")
	c.over, _ = get[dbus.ObjectPath](props, "SpecificObject")
	c.devices, _ = get[[]dbus.ObjectPath](props, "Devices")
	v4, _ := get[bool](props, "Default")
	v6, _ := get[bool](props, "Default6")
	c.main = v4 || v6
	state, _ := get[uint32](props, "State")
	c.up = state == 2
	return c, err
}

// tunnel reports whether c is a VPN. Interfaces of kind tun are not counted:
// virtual machines have them too.
func (c connection) tunnel() bool { return c.vpn || c.kind == "vpn" || c.kind == "wireguard" }

// radios are the kinds of connections that leave the computer by themselves.
var radios = []string{"802-11-wireless", "802-3-ethernet", "gsm", "cdma", "bluetooth", "pppoe", "adsl"}

// carrier returns the connection that the computer is on: the primary one, or
// what carries it if that is a VPN. If several may, there is no telling.
func carrier(up []connection, primary dbus.ObjectPath) (connection, bool) {
	i := slices.IndexFunc(up, func(c connection) bool { return c.path == primary })
	if i < 0 {
		return connection{}, false
	}
	first := up[i]
	if !first.tunnel() {
		return first, true
	}
	for _, carries := range []func(connection) bool{
		func(c connection) bool { return c.path == first.over },
		func(c connection) bool {
			return slices.ContainsFunc(c.devices, func(d dbus.ObjectPath) bool { return slices.Contains(first.devices, d) })
		},
		func(c connection) bool { return c.main },
		func(c connection) bool { return slices.Contains(radios, c.kind) },
	} {
		var found []connection
		for _, c := range up {
			if !c.tunnel() && carries(c) {
				found = append(found, c)
			}
		}
		if len(found) == 1 {
			return found[0], true
		}
	}
	return connection{}, false
}

// describe enters n into c.
func (n network) describe(c *policy.Conditions) {
	c.Online, c.Portal, c.Metered, c.Wireless, c.VPN = n.online, n.portal, n.metered, n.wireless, n.vpn
	c.Network, c.NetworkName = n.uuid, n.name
}

func answer(yes bool) policy.Answer {
	if yes {
		return policy.Yes
	}
	return policy.No
}
