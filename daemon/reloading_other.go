//go:build !linux

package daemon

// reloading is what a supervisor wants to hear when the configuration is being
// read. There is none here.
func reloading() string { return "RELOADING=1" }
