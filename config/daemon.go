package config

import "time"

// Schedule says when the daemon does what. Each is a cron expression of five
// fields, such as "*/30 * * * *", or @hourly, @daily, @weekly, @monthly, or
// "@every 2h"; off is never. What was missed while the computer was off or
// asleep is done once when it is back.
type Schedule struct {
	// Backup is when a backup is made, besides those after new messages. Left
	// out, it is every half hour: "*/30 * * * *".
	Backup Timing `yaml:"backup,omitempty"`

	// Verify is when everything that is stored is checked, without downloading
	// it. Left out, it is @weekly.
	Verify Timing `yaml:"verify,omitempty"`

	// Pull is when the folder of pull below is brought to the latest state. Left
	// out, it is @hourly if there is one.
	Pull Timing `yaml:"pull,omitempty"`

	// Digest is when a summary is sent to those of notify, such as "0 18 * * 0"
	// for Sundays at six. Left out, none is sent.
	Digest Timing `yaml:"digest,omitempty"`

	// OnChange is how long it must be quiet after new messages until they are
	// backed up. Left out, it is 3m; off only keeps to the schedule.
	OnChange Span `yaml:"on_change,omitempty" jsonschema:"default=3m"`

	// Zone is the time zone of all that name none, such as Asia/Shanghai. Left
	// out, it is this computer's.
	Zone string `yaml:"zone,omitempty" jsonschema:"minLength=1"`
}

// Timing is when something is done: a schedule alone, or a group of keys.
type Timing struct {
	// At is the schedule: "0 3 * * *", @daily, "@every 2h", or off.
	At string `yaml:"at" jsonschema:"required,minLength=1"`

	// Zone is its time zone, such as Europe/Berlin.
	Zone string `yaml:"zone,omitempty" jsonschema:"minLength=1"`

	// Jitter puts it off by up to so long, on this computer always by the same,
	// so that many computers don't come at once. Left out, it is up to a minute,
	// and never more than a tenth of the time between two runs.
	Jitter Span `yaml:"jitter,omitempty"`
}

// never is how a Timing says that it is off.
const never = "off"

// Given reports whether there is anything to do at all.
func (t Timing) Given() bool { return t.At != "" && t.At != never }

// Pull is a folder that the daemon keeps at the latest state of what is backed
// up, as chatkeep pull does.
type Pull struct {
	// To is the folder, which can be used for nothing else. Written like a
	// source's folder.
	To string `yaml:"to" jsonschema:"required,minLength=1"`

	// Device names the devices that are wanted: one, or a list. Left out, it is
	// all of them.
	Device Names `yaml:"device,omitempty,flow"`

	// Source names the sources that are wanted: one, or a list. Left out, it is
	// all of them.
	Source Names `yaml:"source,omitempty,flow"`

	// Category lists the categories that are wanted. Left out, it is all of
	// them.
	Category []Category `yaml:"category,omitempty,flow" jsonschema:"uniqueItems=true"`

	// Mirror removes there what the source has no more. Left out, it is kept.
	Mirror bool `yaml:"mirror,omitempty"`
}

// Power says what is sent on battery, and while the computer is busy.
type Power struct {
	// OnBattery is what is sent on battery: pause, first-only, allow, or a list
	// of categories. Left out, it is allow.
	OnBattery Allowance `yaml:"on_battery,omitempty"`

	// LeastBattery is the charge below which nothing is done on battery, such as
	// 20%. Left out, there is none.
	LeastBattery Percent `yaml:"least_battery,omitempty"`

	// Busy is how much of the time something may wait for the processor, such as
	// 60%. Above it only what is in first is sent. Left out, there is no limit.
	Busy Percent `yaml:"busy,omitempty"`
}

// Overdue says when network and power are asked no more: what is in first is
// sent anyway after so long without a backup, and where only folders are backed
// up, what is in them. Your own pause still holds, and so do least_battery and
// least_free.
type Overdue struct {
	// After is how long that is. Left out, it is 3d; off always asks.
	After Span `yaml:"after,omitempty" jsonschema:"default=3d"`

	// Upload is the most that is sent then. Left out, it is 50MiB.
	Upload Size `yaml:"upload,omitempty" jsonschema:"default=50MiB"`
}

// Notify says who is told when something is wrong, and when it is right again:
// names alone, or a group of keys. They are made with chatkeep notify add,
// which keeps their secrets.
type Notify struct {
	// To names who is told: one, or a list.
	To Names `yaml:"to,omitempty,flow"`

	// Quiet are the hours in which nothing is sent that can wait, on this
	// computer's clock: "22:00-07:00". Left out, there are none.
	Quiet Hours `yaml:"quiet,omitempty"`

	// Stale is how old the newest backup may get until you are told. Left out, it
	// is 24h; off never tells.
	Stale Span `yaml:"stale,omitempty" jsonschema:"default=24h"`

	// PhoneBackup is how old the newest backup of a phone may get until you are
	// told, such as 30d. Left out, nothing is said of it.
	PhoneBackup Span `yaml:"phone_backup,omitempty"`
}

// Trusted is one name, or a list of them. An empty list trusts none, which is
// more than no list.
type Trusted []string

// Allowance is what may be sent: pause (nothing), first-only (what is in
// first), allow (everything), or a list of categories. The zero value is none
// of them.
type Allowance struct {
	Word       string // empty with Categories
	Categories []Category
}

// What an Allowance may say.
const (
	AllowNothing = "pause"
	AllowFirst   = "first-only"
	AllowAll     = "allow"
)

// Span is a time with its units, also in days: 90s, 10m, 1h30m, 3d. It is never
// zero; where it can be turned off, that is written off.
type Span time.Duration

// Off is a Span that is turned off.
const Off Span = -1

// Percent is a part of a hundred, written with its sign: 20%.
type Percent int

// Hours are a part of the day, such as 22:00-07:00, which is over midnight.
type Hours struct{ From, To time.Duration } // since midnight

// What stands for what the file leaves out.
const (
	DefaultBackup    = "*/30 * * * *"
	DefaultVerify    = "@weekly"
	DefaultPull      = "@hourly"
	DefaultOnChange  = Span(3 * time.Minute)
	DefaultOverdue   = Span(72 * time.Hour)
	DefaultUpload    = Size(50 << 20)
	DefaultStale     = Span(24 * time.Hour)
	DefaultLeastFree = Size(256 << 20)
)

// daemonDefaults fills in what the file leaves out of what the daemon does. A
// computer that backs nothing up has no schedule for it.
func (c *Config) daemonDefaults() {
	s := &c.Schedule
	if len(c.Sources) > 0 {
		orElse(&s.Backup.At, DefaultBackup)
		orElse(&s.OnChange, DefaultOnChange)
	}
	orElse(&s.Verify.At, DefaultVerify)
	if c.Pull.To != "" {
		orElse(&s.Pull.At, DefaultPull)
	}
	if c.Network.OnMetered.IsZero() {
		c.Network.OnMetered.Word = AllowFirst
	}
	if c.Network.Trusted != nil && c.Network.Elsewhere.IsZero() {
		c.Network.Elsewhere.Word = AllowNothing
	}
	orElse(&c.LeastFree, DefaultLeastFree)
	orElse(&c.Overdue.After, DefaultOverdue)
	orElse(&c.Overdue.Upload, DefaultUpload)
	orElse(&c.Notify.Stale, DefaultStale)
}

func orElse[T comparable](v *T, other T) {
	if *v == *new(T) {
		*v = other
	}
}
