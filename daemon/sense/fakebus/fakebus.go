// Package fakebus is a private system bus for tests, on a real dbus-daemon,
// with peers that speak as NetworkManager, UPower and login1.
package fakebus
