// Package sdbox runs a test inside a real systemd: as PID 1 of fresh
// namespaces, on a throw-away copy of this machine's own root.
package sdbox
