package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestNameServers(t *testing.T) {
	got := nameServers("# Termux\nnameserver 8.8.8.8\nnameserver 2001:4860:4860::8888 # six\nsearch home\nnameserver\nnameserver home.arpa\noptions timeout:1\n")
	if want := []string{"8.8.8.8:53", "[2001:4860:4860::8888]:53"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// Only where nothing stands at the usual place, Termux's is looked for.
func TestFindNames(t *testing.T) {
	before := net.DefaultResolver
	defer func() { net.DefaultResolver = before }()
	dir := t.TempDir()
	getenv := func(name string) string { return map[string]string{"PREFIX": dir}[name] }
	usual := filepath.Join(dir, "usual")
	findNames(getenv, usual)
	if net.DefaultResolver != before {
		t.Error("a file that isn't there counts")
	}
	if err := os.Mkdir(filepath.Join(dir, "etc"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "etc", "resolv.conf"), []byte("nameserver 8.8.8.8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(usual, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if findNames(getenv, usual); net.DefaultResolver != before {
		t.Error("the system's own servers are passed over")
	}
	if err := os.Remove(usual); err != nil {
		t.Fatal(err)
	}
	if findNames(getenv, usual); net.DefaultResolver == before {
		t.Error("Termux's servers are not used")
	}
}

// The servers that are named are asked, in turn, and no other.
func TestResolverAsksTheServers(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	asked := make(chan int, 100)
	go func() {
		b := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			asked <- n
			b[2], b[3] = b[2]|0x80, 3 // an answer: there is no such name
			if _, err := server.WriteTo(b[:n], from); err != nil {
				return
			}
		}
	}()
	_, err = resolver([]string{server.LocalAddr().String()}).LookupHost(context.Background(), "nobody.example.")
	if dns, ok := err.(*net.DNSError); !ok || !dns.IsNotFound {
		t.Errorf("%v", err)
	}
	if len(asked) == 0 {
		t.Error("the server was not asked")
	}
}
