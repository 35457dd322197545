package policy

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func only(categories ...string) *Allowed { return &Allowed{Categories: categories} }

// unknown is a computer of which nothing can be asked.
var unknown = Conditions{Battery: -1, Free: -1, Pressure: -1}

// strict are rules that all say something.
var strict = Rules{
	Metered: only("messages", "contacts"), Untrusted: &Nothing, Trusted: []string{"home", "work"},
	NoVPN: only("messages"), OnBattery: only("messages", "contacts", "images"),
	LeastBattery: 20, LeastFree: 1 << 30, MostPressure: 60, Urgent: []string{"messages", "favorites"},
	Overdue: 72 * time.Hour, OverdueUpload: 50 << 20,
}

func codes(d Decision) string {
	var list []string
	for _, r := range d.Reasons {
		list = append(list, r.Code)
	}
	return strings.Join(list, " ")
}

func TestDecide(t *testing.T) {
	fine := Conditions{Online: Yes, Portal: No, Metered: No, Network: "home", VPN: Yes, OnBattery: No, Battery: 80, Free: 1 << 40}
	with := func(change func(*Conditions)) Conditions { c := fine; change(&c); return c }
	late := Situation{LastSafe: noon.Add(-73 * time.Hour)}
	for _, x := range []struct {
		why     string
		r       Rules
		c       Conditions
		s       Situation
		allowed string
		reasons string
		most    int64
	}{
		{"all is well", strict, fine, Situation{}, "everything", "", 0},
		{"nothing is known", strict, unknown, Situation{}, "everything", "", 0},
		{"metered", strict, with(func(c *Conditions) { c.Metered = Yes }), Situation{}, "messages, contacts", "metered", 0},
		{"metered and no VPN", strict, with(func(c *Conditions) { c.Metered, c.VPN = Yes, No }), Situation{}, "messages", "metered no_vpn", 0},
		{"metered, and the rule allows everything", Rules{Metered: &Everything}, with(func(c *Conditions) { c.Metered = Yes }), Situation{}, "everything", "", 0},
		{"metered, asked for", strict, with(func(c *Conditions) { c.Metered = Yes }), Situation{Manual: true}, "everything", "", 0},
		{"a network that isn't trusted", strict, with(func(c *Conditions) { c.Network = "café" }), Situation{}, "nothing", "untrusted", 0},
		{"and by cable", strict, with(func(c *Conditions) { c.Network, c.Wireless = "hotel", No }), Situation{}, "nothing", "untrusted", 0},
		{"and asked for", strict, with(func(c *Conditions) { c.Network = "café" }), Situation{Manual: true}, "nothing", "untrusted", 0},
		{"some are trusted, and everything is allowed on others", Rules{Trusted: []string{"home"}}, with(func(c *Conditions) { c.Network = "café" }), Situation{}, "everything", "", 0},
		{"none is trusted", Rules{Untrusted: only("messages")}, fine, Situation{}, "messages", "untrusted", 0},
		{"online by a network without a name", strict, with(func(c *Conditions) { c.Network = "" }), Situation{}, "nothing", "untrusted", 0},
		{"online, but nobody knows by what", strict, with(func(c *Conditions) { c.Network, c.Unasked = "", []string{"network_manager"} }), Situation{}, "everything", "", 0},
		{"no network at all", strict, with(func(c *Conditions) { c.Network, c.Online = "", No }), Situation{}, "nothing", "offline", 0},
		{"no VPN, asked for", strict, with(func(c *Conditions) { c.VPN = No }), Situation{Manual: true}, "messages", "no_vpn", 0},
		{"a portal", strict, with(func(c *Conditions) { c.Online, c.Portal = No, Yes }), Situation{}, "nothing", "portal", 0},
		{"a portal, asked for", strict, with(func(c *Conditions) { c.Online, c.Portal = No, Yes }), Situation{Manual: true}, "nothing", "portal", 0},
		{"offline without any rule", Rules{}, Conditions{Online: No, Battery: -1, Free: -1}, Situation{}, "nothing", "offline", 0},
		{"offline, to a folder", Rules{Local: true}, Conditions{Online: No, Portal: Yes}, Situation{}, "everything", "", 0},
		{"to a folder, on battery", Rules{Local: true, OnBattery: only("messages"), Metered: &Nothing}, Conditions{Metered: Yes, OnBattery: Yes}, Situation{}, "messages", "on_battery", 0},
		{"a full disk", strict, with(func(c *Conditions) { c.Free = 1<<30 - 1 }), Situation{Manual: true}, "nothing", "low_disk", 0},
		{"a disk that just suffices", strict, with(func(c *Conditions) { c.Free = 1 << 30 }), Situation{}, "everything", "", 0},
		{"a low battery", strict, with(func(c *Conditions) { c.OnBattery, c.Battery = Yes, 19 }), Situation{}, "nothing", "low_battery on_battery", 0},
		{"a low battery, asked for", strict, with(func(c *Conditions) { c.OnBattery, c.Battery = Yes, 19 }), Situation{Manual: true}, "everything", "", 0},
		{"a low battery that charges", strict, with(func(c *Conditions) { c.Battery = 19 }), Situation{}, "everything", "", 0},
		{"on battery", strict, with(func(c *Conditions) { c.OnBattery, c.Battery = Yes, 20 }), Situation{}, "messages, contacts, images", "on_battery", 0},
		{"busy", strict, with(func(c *Conditions) { c.Pressure = 60.5 }), Situation{}, "messages, favorites", "busy", 0},
		{"not busy yet", strict, with(func(c *Conditions) { c.Pressure = 60 }), Situation{}, "everything", "", 0},
		{"busy, nothing is urgent", Rules{MostPressure: 60}, with(func(c *Conditions) { c.Pressure = 61 }), Situation{}, "nothing", "busy", 0},
		{"paused", strict, fine, Situation{PausedUntil: noon.Add(time.Second)}, "nothing", "paused", 0},
		{"the pause is over", strict, fine, Situation{PausedUntil: noon}, "everything", "", 0},
		{"paused until resume", strict, fine, Situation{PausedForever: true}, "nothing", "paused", 0},
		{"paused, asked for", strict, fine, Situation{PausedForever: true, Manual: true}, "everything", "", 0},
		{"weightiest first", strict, Conditions{Online: No, Metered: Yes, Network: "café", VPN: No, OnBattery: Yes, Battery: 1, Free: 1, Pressure: 99},
			Situation{PausedForever: true}, "nothing", "paused offline low_disk low_battery metered untrusted no_vpn on_battery busy", 0},

		{"overdue, and all is well", strict, fine, late, "everything", "", 0},
		{"overdue in a café", strict, with(func(c *Conditions) { c.Network = "café" }), late, "messages, favorites", "untrusted", 50 << 20},
		{"overdue, metered", strict, with(func(c *Conditions) { c.Metered = Yes }), late, "messages, contacts, favorites", "metered", 50 << 20},
		{"overdue, and what is urgent is allowed", strict, with(func(c *Conditions) { c.Pressure = 99 }), late, "messages, favorites", "busy", 0},
		{"overdue, any number of bytes", Rules{Metered: &Nothing, Urgent: []string{"messages"}, Overdue: time.Hour}, with(func(c *Conditions) { c.Metered = Yes }), late, "messages", "metered", 0},
		{"not overdue yet", strict, with(func(c *Conditions) { c.Metered, c.VPN = Yes, No }), Situation{LastSafe: noon.Add(-72 * time.Hour)}, "messages", "metered no_vpn", 0},
		{"never safe, for long", strict, with(func(c *Conditions) { c.VPN = No }), Situation{Since: noon.Add(-73 * time.Hour)}, "messages, favorites", "no_vpn", 50 << 20},
		{"never safe, since today", strict, with(func(c *Conditions) { c.VPN = No }), Situation{Since: noon.Add(-time.Hour)}, "messages", "no_vpn", 0},
		{"never safe, since when isn't known", strict, with(func(c *Conditions) { c.VPN = No }), Situation{}, "messages", "no_vpn", 0},
		{"overdue, but nothing is urgent", Rules{Metered: &Nothing, Overdue: time.Hour}, with(func(c *Conditions) { c.Metered = Yes }), late, "nothing", "metered", 0},
		{"overdue and paused", strict, with(func(c *Conditions) { c.VPN = No }), Situation{PausedForever: true, LastSafe: late.LastSafe}, "nothing", "paused no_vpn", 0},
		{"overdue and offline", strict, with(func(c *Conditions) { c.Online = No }), late, "nothing", "offline", 0},
		{"overdue, and the disk is full", strict, with(func(c *Conditions) { c.Free, c.VPN = 1, No }), late, "nothing", "low_disk no_vpn", 0},
		{"overdue, and the battery is low", strict, with(func(c *Conditions) { c.OnBattery, c.Battery = Yes, 3 }), late, "nothing", "low_battery on_battery", 0},
	} {
		d := Decide(x.r, x.c, x.s, noon)
		if d.Allowed.String() != x.allowed || codes(d) != x.reasons || d.MaxUpload != x.most {
			t.Errorf("%s: %s (%s), at most %d bytes; want %s (%s), %d", x.why, d.Allowed, codes(d), d.MaxUpload, x.allowed, x.reasons, x.most)
		}
		if over := strings.HasPrefix(x.why, "overdue") || x.most > 0; d.Overdue && !over || x.most > 0 && !d.Overdue {
			t.Errorf("%s: overdue is %v", x.why, d.Overdue)
		}
	}
}

func TestReasonsSayWhy(t *testing.T) {
	until := noon.Add(2 * time.Hour)
	c := Conditions{Online: Yes, Network: "3f2c", NetworkName: "Café Müller", OnBattery: Yes, Battery: 7, Free: 5, Pressure: 75.5}
	got := Decide(strict, c, Situation{PausedUntil: until}, noon).Reasons
	want := []Reason{
		{"paused", map[string]any{"until": "2026-06-01T14:00:00Z"}},
		{"low_disk", map[string]any{"free": int64(5), "least": int64(1 << 30)}},
		{"low_battery", map[string]any{"percent": 7, "least": 20}},
		{"untrusted", nil},
		{"on_battery", nil},
		{"busy", map[string]any{"percent": 75, "most": 60}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for r, want := range map[string]Reason{"policy.paused_until": want[0], "policy.paused": {Code: Paused}, "policy.busy": want[5]} {
		if want.Key() != r {
			t.Errorf("%v is said by %s, want %s", want, want.Key(), r)
		}
	}
}

// rule is one line of what is promised, for the test of all combinations.
type rule struct {
	code    string
	when    bool
	allowed Allowed
	lifted  bool // for what the user asked for
	network bool // not for a folder of this computer
	hard    bool // overdue or not
}

func promised(r Rules, c Conditions, s Situation) []rule {
	return []rule{
		{"paused", s.PausedForever, Nothing, true, false, true},
		{"offline", c.Online == No && c.Portal != Yes, Nothing, false, true, true},
		{"portal", c.Portal == Yes, Nothing, false, true, true},
		{"low_disk", c.Free == 1, Nothing, false, false, true},
		{"low_battery", c.OnBattery == Yes && c.Battery == 10, Nothing, true, false, true},
		{"metered", c.Metered == Yes, *r.Metered, true, true, false},
		{"untrusted", c.Network == "café" || c.Network == "" && c.Online == Yes, *r.Untrusted, false, true, false},
		{"no_vpn", c.VPN == No, *r.NoVPN, false, true, false},
		{"on_battery", c.OnBattery == Yes, *r.OnBattery, true, false, false},
		{"busy", c.Pressure == 80, Allowed{Categories: r.Urgent}, true, false, false},
	}
}

// Every combination of conditions does what the rules promise one by one.
func TestAllCombinations(t *testing.T) {
	categories := []string{"messages", "contacts", "favorites", "images", "videos"}
	n := 0
	check := func(r Rules, c Conditions, s Situation, overdue bool) {
		n++
		allowed, hard, want := categories, false, ""
		for _, p := range promised(r, c, s) {
			if !p.when || p.lifted && s.Manual || p.network && r.Local {
				continue
			}
			want, hard = strings.TrimSpace(want+" "+p.code), hard || p.hard
			allowed = slices.DeleteFunc(slices.Clone(allowed), func(name string) bool { return !p.allowed.Covers(name) })
		}
		most := int64(0)
		for _, name := range r.Urgent {
			if overdue && !hard && !slices.Contains(allowed, name) {
				allowed, most = append(slices.Clone(allowed), name), r.OverdueUpload
			}
		}
		d := Decide(r, c, s, noon)
		bad := codes(d) != want || d.MaxUpload != most || d.Overdue != (most > 0) || d.Allowed.All != (want == "")
		for _, name := range categories {
			bad = bad || d.Allowed.Covers(name) != slices.Contains(allowed, name)
		}
		if bad {
			t.Fatalf("%+v\n%+v\nlocal %v: %+v, want %v (%s), at most %d", c, s, r.Local, d, allowed, want, most)
		}
	}
	answers := []Answer{Unknown, No, Yes}
	for _, online := range answers {
		for _, portal := range answers {
			for _, metered := range answers {
				for _, vpn := range answers {
					for _, battery := range answers {
						for _, network := range []string{"", "home", "café"} {
							for bits := range 1 << 8 {
								bit := func(i int) bool { return bits>>i&1 == 1 }
								pick := func(i int, no, yes float64) float64 {
									if bit(i) {
										return yes
									}
									return no
								}
								c := Conditions{Online: online, Portal: portal, Metered: metered, VPN: vpn, OnBattery: battery, Network: network,
									Battery: int(pick(0, -1, 10)), Free: int64(pick(1, -1, 1)), Pressure: pick(2, -1, 80)}
								if bit(3) {
									c.Battery, c.Free, c.Pressure = max(c.Battery, 80), max(c.Free, 1<<40), max(c.Pressure, 5)
								}
								r, s := strict, Situation{PausedForever: bit(4), Manual: bit(5), LastSafe: noon}
								r.Local = bit(6)
								if bit(7) {
									s.LastSafe = noon.AddDate(0, 0, -9)
								}
								check(r, c, s, bit(7))
							}
						}
					}
				}
			}
		}
	}
	if n != 3*3*3*3*3*3*256 {
		t.Errorf("%d combinations", n)
	}
}

// randomly makes rules and conditions from a few seeds.
type randomly struct{ *rand.Rand }

func (x randomly) allowed() *Allowed {
	switch x.IntN(4) {
	case 0:
		return nil
	case 1:
		return &Allowed{All: x.IntN(2) == 0}
	}
	return &Allowed{Categories: x.categories()}
}

func (x randomly) categories() (list []string) {
	for _, name := range []string{"messages", "contacts", "favorites", "images"} {
		if x.IntN(2) == 0 {
			list = append(list, name)
		}
	}
	return list
}

func (x randomly) rules() Rules {
	r := Rules{Local: x.IntN(4) == 0, Metered: x.allowed(), Untrusted: x.allowed(), NoVPN: x.allowed(), OnBattery: x.allowed(), Urgent: x.categories()}
	r.LeastBattery, r.LeastFree, r.MostPressure = x.IntN(3)*20, int64(x.IntN(3)*20), float64(x.IntN(3)*20)
	r.Overdue, r.OverdueUpload = time.Duration(x.IntN(2))*time.Hour, int64(x.IntN(2)*99)
	if x.IntN(2) == 0 {
		r.Trusted = []string{"home"}
	}
	return r
}

func (x randomly) answer() Answer { return Answer(x.IntN(3)) }

func (x randomly) conditions() Conditions {
	return Conditions{Online: x.answer(), Portal: x.answer(), Metered: x.answer(), Network: []string{"", "home", "café"}[x.IntN(3)], Wireless: x.answer(),
		VPN: x.answer(), OnBattery: x.answer(), Battery: x.IntN(101) - 1, Free: int64(x.IntN(100) - 1), Pressure: float64(x.IntN(100) - 1)}
}

func (x randomly) situation() Situation {
	return Situation{PausedForever: x.IntN(3) == 0, Manual: x.IntN(3) == 0, LastSafe: noon.Add(-time.Duration(x.IntN(3)) * time.Hour)}
}

// worse makes one thing worse, if it isn't bad already.
func (x randomly) worse(c Conditions) Conditions {
	switch x.IntN(9) {
	case 0:
		c.Online = No
	case 1:
		c.Portal = Yes
	case 2:
		c.Metered = Yes
	case 3:
		c.Network = "café"
	case 4:
		c.VPN = No
	case 5:
		c.OnBattery = Yes
	case 6:
		c.Battery = max(0, min(c.Battery, x.IntN(101)))
	case 7:
		c.Free = max(0, min(c.Free, int64(x.IntN(100))))
	case 8:
		c.Pressure = max(c.Pressure, float64(x.IntN(101)))
	}
	return c
}

// Worse conditions never allow more, a pause doesn't either, and where nothing
// is known it is as if there were no rules.
func FuzzDecide(f *testing.F) {
	for seed := range uint64(300) {
		f.Add(seed, seed*seed)
	}
	f.Fuzz(func(t *testing.T, a, b uint64) {
		x := randomly{rand.New(rand.NewPCG(a, b))}
		for range 50 {
			r, c, s := x.rules(), x.conditions(), x.situation()
			d := Decide(r, c, s, noon)
			w := x.worse(c)
			if dw := Decide(r, w, s, noon); d.StricterThan(dw) {
				t.Fatalf("%+v\n%+v\nallow %+v, but\n%+v\nallow %+v", r, c, d, w, dw)
			}
			paused := s
			paused.PausedForever = true
			if dp := Decide(r, c, paused, noon); d.StricterThan(dp) || !s.Manual && !dp.Allowed.None() {
				t.Fatalf("%+v\n%+v\n%+v allow %+v, and paused %+v", r, c, s, d, dp)
			}
			s.PausedForever = false
			if d := Decide(r, unknown, s, noon); !reflect.DeepEqual(d, Decision{Allowed: Everything}) {
				t.Fatalf("%+v without knowing anything allow %+v", r, d)
			}
			if (len(d.Reasons) == 0) != d.Allowed.All {
				t.Fatalf("%+v: reasons and what is allowed don't fit", d)
			}
		}
	})
}
