// Package policy decides what may be sent now. It is one pure function of the
// rules, of what is known of the computer and its connection, and of the time.
//
// What is not known never forbids anything: a computer without NetworkManager
// backs up as any program would, and status says what could not be asked.
package policy

import "time"

// Answer is what is known of a yes-or-no question.
type Answer int8

// Answers.
const (
	Unknown Answer = iota
	No
	Yes
)

// Conditions are what is known of the computer and its connection.
type Conditions struct {
	Online      Answer // the internet can be reached, as far as the system knows; behind a portal it can't
	Portal      Answer // the network wants a sign-in on a web page first
	Metered     Answer // the connection costs by the byte, or is guessed to
	Network     string // UUID of the connection; empty if unknown or none
	NetworkName string // as its owner called it, to be shown to no one else
	Wireless    Answer // the connection is Wi-Fi
	VPN         Answer // a VPN is up
	OnBattery   Answer
	Battery     int      // percent; -1 if unknown or none
	Free        int64    // bytes on the disk of the state folder; -1 if unknown
	Pressure    float64  // percent of the last ten seconds in which something had to wait for the processor; -1 if unknown
	Unasked     []string // codes of what could not be asked: bus, network_manager, upower, login1, pressure, disk
}

// Rules are what the user wants. The zero value allows everything.
type Rules struct {
	Local bool // the remote is a folder of this computer: no rule of the network holds

	Metered   *Allowed // on a metered connection; nil: everything
	Untrusted *Allowed // on a network that is not in Trusted; nil: everything
	Trusted   []string // UUIDs of connections
	NoVPN     *Allowed // while no VPN is up; nil: everything
	OnBattery *Allowed // nil: everything

	LeastBattery int      // percent, on battery: below it nothing is done; 0: none
	LeastFree    int64    // bytes: below it nothing is done; 0: none
	MostPressure float64  // percent: above it only Urgent is sent; 0: none
	Urgent       []string // the categories that don't wait for the processor, and that Overdue lets through

	Overdue       time.Duration // after so long without a backup Urgent is sent anyway; 0: never
	OverdueUpload int64         // at most so many bytes; 0: any number
}

// Decision is what may be sent now, and why not everything.
type Decision struct {
	Allowed   Allowed  `json:"allowed"`
	MaxUpload int64    `json:"max_upload,omitempty"` // bytes; 0: any number
	Overdue   bool     `json:"overdue,omitempty"`    // only because nothing was safe for so long
	Reasons   []Reason `json:"reasons,omitempty"`    // of what is not allowed, the weightiest first
}

// Codes of reasons, the weightiest first, and the values they come with.
const (
	Paused     = "paused"      // until, unless it is until the user resumes
	Offline    = "offline"     // none
	Portal     = "portal"      // none
	LowDisk    = "low_disk"    // free, least: bytes
	LowBattery = "low_battery" // percent, least
	Metered    = "metered"     // none
	Untrusted  = "untrusted"   // none
	NoVPN      = "no_vpn"      // none
	OnBattery  = "on_battery"  // none
	Busy       = "busy"        // percent, most
)

// Reason is why something may not be sent: a code for the sentences, and their
// values. No value tells where the computer is: it may be logged, and sent to
// whoever is notified.
type Reason struct {
	Code string         `json:"code"`           // one of those above
	Args map[string]any `json:"args,omitempty"` // whole numbers; until is a text, as in RFC 3339
}

// Key is the key of the reason's sentence: a short clause, such as "the
// connection is metered".
func (r Reason) Key() string {
	if r.Args["until"] != nil {
		return "policy." + r.Code + "_until"
	}
	return "policy." + r.Code
}
