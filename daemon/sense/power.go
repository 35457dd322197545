package sense

import (
	"context"
	"errors"

	"github.com/godbus/dbus/v5"

	"github.com/chatkeep/chatkeep/daemon/policy"
)

// UPower. Its display device stands for all batteries and supplies together.
const (
	powerName    = "org.freedesktop.UPower"
	powerPath    = dbus.ObjectPath("/org/freedesktop/UPower")
	powerDevice  = powerName + ".Device"
	powerDisplay = powerPath + "/devices/DisplayDevice"
)

// power is what UPower said.
type power struct {
	known     bool
	onBattery policy.Answer
	percent   int // -1: there is no battery
}

func powerPeer() *peer {
	return &peer{
		name: powerName,
		rules: [][]dbus.MatchOption{
			changes(powerName, powerName, dbus.WithMatchObjectPath(powerPath)),
			changes(powerName, powerDevice, dbus.WithMatchObjectPath(powerDisplay)),
		},
		cares: map[string][]string{powerName: {"OnBattery"}, powerDevice: {"IsPresent", "Percentage"}},
		read: func(ctx context.Context, a asker) (func(*Sense), error) {
			p, err := readPower(ctx, a)
			return func(s *Sense) { s.facts.power = p }, err
		},
		lost: func(s *Sense) { s.facts.power = power{} },
	}
}

// readPower asks UPower. One that has no display device still knows whether
// the computer is plugged in.
func readPower(ctx context.Context, a asker) (power, error) {
	props, err := a.all(ctx, powerPath, powerName)
	if err != nil {
		return power{}, err
	}
	p := power{known: true, percent: -1}
	if on, ok := get[bool](props, "OnBattery"); ok {
		p.onBattery = answer(on)
	}
	display, err := a.all(ctx, powerDisplay, powerDevice)
	if _, answered := errors.AsType[dbus.Error](err); err != nil && !answered {
		return power{}, err
	}
	present, _ := get[bool](display, "IsPresent")
	if percent, ok := get[float64](display, "Percentage"); ok && present && percent >= 0 {
		p.percent = int(min(percent, 100))
	}
	return p, nil
}

// describe enters p into c.
func (p power) describe(c *policy.Conditions) { c.OnBattery, c.Battery = p.onBattery, p.percent }
