package main

import (
	"cmp"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// showPage opens a page. Where neither a browser nor a person is there to see
// it, waiting would never end.
func (a *app) showPage(url string) error {
	err := a.openBrowser(url)
	if err != nil && !term.IsTerminal(int(os.Stderr.Fd())) {
		return usageError(errors.New(a.say("usage.login_browser")))
	}
	return err
}

// openBrowser shows an address in the person's browser: that of $BROWSER, or
// the desktop's own.
func (a *app) openBrowser(url string) error {
	args := a.browser()
	if len(args) == 0 {
		return errors.New("open browser: there is none")
	}
	c := exec.Command(args[0], append(args[1:], url)...)
	if err := c.Start(); err != nil {
		return err
	}
	go func() { _ = c.Wait() }() // it may run on after us
	return nil
}

func (a *app) browser() []string {
	first, _, _ := strings.Cut(a.getenv("BROWSER"), ":")
	switch {
	case runtime.GOOS == "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"}
	case strings.TrimSpace(first) != "":
		return strings.Fields(first)
	case runtime.GOOS == "darwin":
		return []string{"open"}
	case cmp.Or(a.getenv("DISPLAY"), a.getenv("WAYLAND_DISPLAY")) == "":
		return nil // xdg-open would look for a browser in the terminal
	}
	return []string{"xdg-open"}
}
