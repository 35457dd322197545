package main

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
)

// resolvConf is where programs look for name servers.
const resolvConf = "/etc/resolv.conf"

// findNames makes names resolve where nothing stands at the usual place. Termux
// keeps the addresses of name servers below its own prefix, and Go's own resolver
// would ask this very device, in vain.
func findNames(getenv func(string) string, usual string) {
	if _, err := os.Stat(usual); err == nil || getenv("PREFIX") == "" {
		return
	}
	text, err := os.ReadFile(filepath.Join(getenv("PREFIX"), "etc", "resolv.conf"))
	if err != nil {
		return
	}
	if servers := nameServers(string(text)); len(servers) > 0 {
		net.DefaultResolver = resolver(servers)
	}
}

// nameServers returns the addresses in a resolv.conf, with their port.
func nameServers(text string) (list []string) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != "nameserver" {
			continue
		}
		if addr, err := netip.ParseAddr(fields[1]); err == nil {
			list = append(list, netip.AddrPortFrom(addr, 53).String())
		}
	}
	return list
}

// resolver asks the servers one after the other.
func resolver(servers []string) *net.Resolver {
	var next atomic.Uint32
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		server := servers[int(next.Add(1)-1)%len(servers)]
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
}
