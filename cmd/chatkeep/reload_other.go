//go:build !unix

package main

import "os"

// reloadSignals make the daemon read its configuration again: here, only
// "chatkeep reload" does.
var reloadSignals []os.Signal
