package fakebus

import "github.com/godbus/dbus/v5"

const (
	upName    = "org.freedesktop.UPower"
	upPath    = dbus.ObjectPath("/org/freedesktop/UPower")
	upDevice  = upName + ".Device"
	upDisplay = upPath + "/devices/DisplayDevice"
)

func newUPower() *peer {
	return &peer{name: upName, objects: map[dbus.ObjectPath]properties{
		upPath:    {upName: {"OnBattery": false}},
		upDisplay: {upDevice: {"Type": uint32(2), "IsPresent": true, "Percentage": 80.0}},
	}}
}

// SetOnBattery unplugs the computer, or plugs it in.
func (b *Bus) SetOnBattery(on bool) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.check(b.upower.set(upPath, upName, map[string]any{"OnBattery": on}))
}

// SetBattery sets how full the battery is. A negative number takes it out.
func (b *Bus) SetBattery(percent float64) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.check(b.upower.set(upDisplay, upDevice, map[string]any{"IsPresent": percent >= 0, "Percentage": max(percent, 0)}))
}

// StopUPower ends UPower, StartUPower starts it again.
func (b *Bus) StopUPower()  { b.leave(b.upower) }
func (b *Bus) StartUPower() { b.enter(b.upower) }

// HangUPower lets UPower answer nothing, or again.
func (b *Bus) HangUPower(on bool) { b.upower.hang(on) }
