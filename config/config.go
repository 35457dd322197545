// Package config turns the YAML file into a [Config] and back.
//
// The structs in this file are the manual: their comments are what
// "chatkeep config schema" and the documentation show, and example.yaml is a
// file that uses everything. To add a key, add a field with a comment and, if
// it can be wrong, a rule in check.go; a key that is planned but not built
// stands in later.
//
// Reading is strict. Unknown keys, wrong types and units, duplicates and keys
// whose feature does not work yet are refused with line, column and the
// nearest valid word, and all mistakes are reported at once. An [Error] is a
// code with values; its sentences in the user's languages belong to
// internal/i18n under config.<code>, and the English one also stands here, for
// logs. A Config keeps the position of each value, so that what a later
// package finds wrong can be said with its line too: see [Config.At].
//
// Secrets never stand in the YAML.
package config

import (
	"reflect"
	"time"
)

// Config is the whole file.
type Config struct {
	// Device names this computer in the repository, as in "laptop/latest".
	// Letters, digits, dot, dash and underscore, at most 80 bytes. Left out,
	// it is the host name.
	Device string `yaml:"device" jsonschema:"minLength=1"`

	// Sources is what is backed up: chat apps, such as wechat, and folders. A
	// single one may stand alone, without a list. Left out, this computer backs
	// nothing up: it pulls or restores what others do.
	Sources Sources `yaml:"sources,omitempty"`

	// First lists the categories that are backed up before all others, in this
	// order: messages, contacts, session, config, voice, favorites, moments,
	// stickers, avatars, media_index, phone_backup, images, files, videos,
	// search_index, cache, other. Left out, they go in this order. Everything is
	// kept all the same.
	First []Category `yaml:"first,omitempty,flow" jsonschema:"uniqueItems=true"`

	// LeaveOut lists the categories of chat apps that are not backed up. What
	// no category is known for is other. Left out, everything is kept but what
	// an app makes again by itself: see chatkeep accounts.
	LeaveOut []Category `yaml:"leave_out,omitempty,flow" jsonschema:"uniqueItems=true"`

	// Remote is where the backups are kept, as TYPE:FOLDER or as a group of
	// keys.
	Remote Remote `yaml:"remote" jsonschema:"required"`

	// Schedule says when the daemon does what.
	Schedule Schedule `yaml:"schedule,omitempty"`

	// Pull is a folder that the daemon keeps at the latest state.
	Pull Pull `yaml:"pull,omitempty"`

	// Network bounds what goes over the line.
	Network Network `yaml:"network,omitempty"`

	// Power says what the daemon sends on battery, and while the computer is
	// busy.
	Power Power `yaml:"power,omitempty"`

	// LeastFree is how much of this computer's disk stays free: with less, the
	// daemon backs nothing up. Left out, it is 256MiB, which is what a backup
	// needs for itself.
	LeastFree Size `yaml:"least_free,omitempty" jsonschema:"default=256MiB"`

	// Overdue says when network and power are asked no more.
	Overdue Overdue `yaml:"overdue,omitempty"`

	// Notify says who is told what is wrong.
	Notify Notify `yaml:"notify,omitempty"`

	// Profiles describe apps that chatkeep doesn't know by itself, so that they
	// can stand in sources.
	Profiles []Profile `yaml:"profiles,omitempty"`

	file      string
	positions positions
}

// Sources are what is backed up.
type Sources []Source

// Source is what to back up: a chat app, by its name alone or as a group of
// keys, or a folder, by its path alone or as a group of keys. A path alone
// whose folder turns out to be a chat app's is backed up as that app: see
// chatkeep accounts.
type Source struct {
	// Name is the first folder of a restore, of an app's accounts the beginning
	// of it, so it should stay as it is. Letters, digits, dot, dash and
	// underscore, at most 80 bytes, and not twice, also not in other case. Left
	// out, it is the folder's own name, or the app's.
	Name string `yaml:"name" jsonschema:"minLength=1"`

	// App is the chat app to back up: wechat, qq or signal, one layout of an
	// app, such as wechat4, or the name of one of profiles. Its accounts are
	// found by themselves. It stands instead of folder.
	App string `yaml:"app,omitempty" jsonschema:"minLength=1"`

	// Account names the accounts of the app that are wanted, by their folders,
	// with or without the four digits at the end: one, or a list. Left out, it is
	// all of them, and what lies beside them.
	Account Names `yaml:"account,omitempty,flow"`

	// Root is where the app keeps its accounts, or one account, if chatkeep
	// doesn't find it by itself: another disk, a network drive, a copy. Written
	// like folder.
	Root string `yaml:"root,omitempty" jsonschema:"minLength=1"`

	// Locks says what may be done to a database that the app writes without
	// pause: brief, if left out, may hold a shared lock for two seconds, which
	// the app takes for one more reader; none never does, and a copy may then
	// be flagged.
	Locks Locks `yaml:"locks,omitempty" jsonschema:"default=brief"`

	// LeaveOut lists categories of this app that are not backed up, besides
	// those of leave_out above.
	LeaveOut []Category `yaml:"leave_out,omitempty,flow" jsonschema:"uniqueItems=true"`

	// Folder is what to back up, with everything below. It may begin with ~
	// or $HOME; a relative one is taken from the folder this file is in.
	Folder string `yaml:"folder,omitempty" jsonschema:"minLength=1"`

	// Exclude leaves out what one of these patterns names, such as "*.tmp",
	// "cache/" for folders only, or "/top" at the top only.
	Exclude []string `yaml:"exclude,omitempty,flow" jsonschema:"uniqueItems=true"`

	// Include keeps only what one of these patterns names, if there are any.
	// Exclude wins over it.
	Include []string `yaml:"include,omitempty,flow" jsonschema:"uniqueItems=true"`

	// MaxFileSize leaves out larger files, and says so. Left out, there is no
	// limit.
	MaxFileSize Size `yaml:"max_file_size,omitempty"`

	alone bool // only text
}

// Names is one name, or a list of them.
type Names []string

// Locks is what may be done to a database.
type Locks string

// Category is a kind of content.
type Category string

// Categories returns what a Category may be, those that go first in front.
func Categories() []Category {
	return []Category{
		"messages", "contacts", "session", "config",
		"voice", "favorites", "moments", "stickers", "avatars", "media_index", "phone_backup",
		"images", "files", "videos", "search_index", "cache", "other",
	}
}

// Apps returns what Source.App may be, besides the names of Profiles.
func Apps() []string {
	return []string{"wechat", "qq", "signal", "wechat4", "wechat3", "wechat3-macos"}
}

// Remote is the place where backups are kept: TYPE:FOLDER, such as
// local:/media/disk/chatkeep or drive:chatkeep, or a group of keys. Passwords
// and tokens don't stand here: chatkeep remote login asks for them.
type Remote struct {
	// Type is the kind of service: local, a folder on this computer, also on
	// another disk or a network drive; drive (Google Drive), onedrive, dropbox,
	// webdav, s3, sftp or smb; or a service that one of these is set up for:
	// jianguoyun and openlist (webdav), tencent-cos, aliyun-oss and qiniu (s3).
	Type RemoteType `yaml:"type" jsonschema:"required"`

	// Folder is the folder there. For s3 and its kind it is BUCKET or
	// BUCKET/FOLDER, for smb SHARE or SHARE/FOLDER, for sftp a path, from the
	// home folder there unless it begins with /. For local it is a path on this
	// computer: it may begin with ~ or $HOME, and a relative one is taken from
	// the folder this file is in.
	Folder string `yaml:"folder" jsonschema:"required,minLength=1"`

	// Options says more about the service, in rclone's words: url and user for
	// webdav and openlist; provider, endpoint and region for s3; region alone
	// for tencent-cos, aliyun-oss and qiniu; host, port, user, key_file and
	// known_hosts_file for sftp; host, port, user and domain for smb; region: cn
	// for the OneDrive of China.
	Options Options `yaml:"options,omitempty"`

	// Proxy is the proxy on the way there: http://HOST:PORT, https://HOST:PORT
	// or socks5://HOST:PORT. Left out, it is that of HTTPS_PROXY in chatkeep's
	// environment, which a service doesn't get from your shell. A proxy that
	// asks for a password can only be given there.
	Proxy string `yaml:"proxy,omitempty" jsonschema:"minLength=1"`

	// CACert is a file with the certificates to trust there instead of the
	// system's, in PEM form. Written like a source's folder.
	CACert string `yaml:"ca_cert,omitempty" jsonschema:"minLength=1"`

	// PackSize is how large the objects get that hold the chats: 1MiB to
	// 128MiB. Left out, it is 64MiB, and 16MiB for webdav, jianguoyun and
	// openlist. Smaller ones suit a slow or shaky line, larger ones a place that
	// takes few files a second.
	PackSize Size `yaml:"pack_size" jsonschema:"default=64MiB"`

	// ChunkSize is how much of an object goes up in one request, and is kept in
	// memory for it, with drive (256KiB times a power of two) and onedrive (a
	// multiple of 320KiB). Left out, it is about 8MiB.
	ChunkSize Size `yaml:"chunk_size,omitempty"`

	// Transfers is how many objects go up or down at once, 1 to 16. Left out, it
	// is what the service takes well: 1 to 4.
	Transfers int `yaml:"transfers,omitempty" jsonschema:"minimum=1,maximum=16"`

	// RequestsPerMinute bounds the requests, also over restarts. Left out, it is
	// what the service allows where that is known, such as 18 for a free
	// jianguoyun account; a paid one takes 45.
	RequestsPerMinute int `yaml:"requests_per_minute,omitempty" jsonschema:"minimum=1,maximum=6000"`
}

// RemoteType is a kind of service that can keep backups.
type RemoteType string

// Options are settings of a service by their names.
type Options map[string]string

// What PackSize may be.
const (
	DefaultPackSize Size = 64 << 20
	BridgePackSize  Size = 16 << 20 // DefaultPackSize where an upload is not sure of its end
	MinPackSize     Size = 1 << 20
	MaxPackSize     Size = 128 << 20
)

// What the counts of a Remote may be.
const (
	maxTransfers = 16
	maxRequests  = 6000
)

// RemoteTypes returns what Remote.Type may be.
func RemoteTypes() []RemoteType {
	return []RemoteType{
		"local", "drive", "onedrive", "dropbox", "webdav", "s3", "sftp", "smb",
		"jianguoyun", "openlist", "tencent-cos", "aliyun-oss", "qiniu",
	}
}

// Network says how much of the line chatkeep may use, and over which lines the
// daemon sends what. It bounds nothing where the remote is local. What the
// system doesn't tell, such as whether a line is metered, forbids nothing.
type Network struct {
	// OnMetered is what is sent where it may cost by the byte, as on a phone's
	// hotspot: pause, first-only, allow, or a list of categories. Left out, it is
	// first-only, so that messages are safe and media wait for another line.
	OnMetered Allowance `yaml:"on_metered,omitempty"`

	// Trusted names the networks that are yours: one, or a list, made with
	// chatkeep network trust NAME. Left out, all networks are alike.
	Trusted Trusted `yaml:"trusted,omitempty,flow"`

	// Elsewhere is what is sent on networks that are not in trusted, like
	// on_metered. Left out, it is pause once trusted is there.
	Elsewhere Allowance `yaml:"elsewhere,omitempty"`

	// WithoutVPN is what is sent while no VPN is up, like on_metered. Left out,
	// it is allow.
	WithoutVPN Allowance `yaml:"without_vpn,omitempty"`

	// Upload is the most that goes up in a second, such as 2MiB/s. Left out, or
	// unlimited, there is no limit.
	Upload Rate `yaml:"upload,omitempty"`

	// Download is the most that comes down in a second.
	Download Rate `yaml:"download,omitempty"`

	// UploadPerDay is how much is uploaded in a day, from midnight to midnight.
	// What is complete by then is there to be restored; the rest follows on the
	// next days.
	UploadPerDay Size `yaml:"upload_per_day,omitempty"`

	// Timetable has other limits by the time of day, on this computer's clock:
	// "08:00,512KiB/s 23:00,unlimited". Each holds until the next one, the last
	// one over midnight. One rate is for both directions, UP:DOWN is for each.
	// Of these and upload and download above, the lower one holds.
	Timetable Timetable `yaml:"timetable,omitempty"`
}

// Timetable is a list of limits, in the order of their times.
type Timetable []Slot

// Slot is a limit that begins at a time of day.
type Slot struct {
	At               time.Duration // since midnight, whole minutes
	Upload, Download Rate
}

// Rate is a number of bytes in a second, written like a size: 512KiB/s, or
// unlimited, which is 0.
type Rate int64

// later lists keys that are planned but don't work in this version.
var later = map[reflect.Type][]string{
	reflect.TypeFor[Config](): {"keep"},
	reflect.TypeFor[Remote](): {"account"},
}

// laterSources are apps that are planned but don't work in this version.
var laterSources = []string{"wecom", "telegram", "whatsapp", "line", "dingtalk", "feishu"}

// other maps words from other tools to ours, for the nearest valid word.
var other = map[string]string{
	"path": "folder", "dir": "folder", "directory": "folder", "paths": "sources", "folders": "sources",
	"ignore": "exclude", "excludes": "exclude", "host": "device", "hostname": "device",
	"repository": "remote", "backend": "remote", "order": "first", "accounts": "account", "skip": "leave_out", "lock": "locks", "no": "none", "off": "none",
	"weixin": "wechat", "xwechat": "wechat", "photos": "images", "pictures": "images", "documents": "files", "text": "messages",
	"google": "drive", "gdrive": "drive", "googledrive": "drive", "google-drive": "drive", "microsoft": "onedrive",
	"file": "local", "disk": "local", "folder": "local", "dav": "webdav", "ssh": "sftp", "samba": "smb",
	"nutstore": "jianguoyun", "alist": "openlist", "cos": "tencent-cos", "tencentcos": "tencent-cos", "oss": "aliyun-oss", "aliyun": "aliyun-oss", "alibaba": "aliyun-oss", "kodo": "qiniu",
	"bwlimit": "upload", "ca": "ca_cert", "settings": "options", "http_proxy": "proxy",
	"cron": "schedule", "timezone": "zone", "tz": "zone", "check": "verify", "time": "at", "retention": "keep",
	"metered": "on_metered", "wifi": "trusted", "vpn": "without_vpn", "battery": "on_battery", "cpu": "busy",
	"never": "pause", "stop": "pause", "nothing": "pause", "first": "first-only", "always": "allow", "all": "allow", "everything": "allow",
	"notifications": "notify", "alerts": "notify", "target": "to", "devices": "device", "categories": "category",
}

// defaults fills in what the file leaves out.
func (c *Config) defaults() {
	if c.Device == "" {
		c.Device = hostName()
	}
	c.Remote.defaults()
	c.daemonDefaults()
}

func (r *Remote) defaults() {
	if r.PackSize != 0 {
		return
	}
	r.PackSize = DefaultPackSize
	switch r.Type {
	case "webdav", "jianguoyun", "openlist":
		r.PackSize = BridgePackSize
	}
}

// String returns the remote as TYPE:FOLDER.
func (r Remote) String() string { return string(r.Type) + ":" + r.Folder }
