package madeup

import (
	"fmt"
	"math"
	"path"
	"strings"
	"time"
)

// accountMonths is how long the account has been in use.
const accountMonths = 60

// AccountDir is the account's own folder in a tree of shape Account: WeChat 4
// keeps one for each login, and next to them what all of them share.
func (o Options) AccountDir() string {
	t := tree{o: o}
	return path.Join("xwechat_files", o.login()+"_"+t.dice("account folder").hex(4))
}

// login is nobody's.
func (o Options) login() string {
	t := tree{o: o}
	return "wxid_madeup" + t.dice("login").hex(8)
}

// planAccount plans an app's account folder, after the tree and the counts
// that were measured on heavy users.
func (t *tree) planAccount() {
	t.home = t.o.AccountDir()
	for _, p := range accountParts {
		if p.passing && t.o.Settled {
			continue
		}
		d := t.dice("account", p.name)
		for range t.scaled(p.count) {
			f, m := p.item(t, d)
			f.group = p.name
			t.keep(f, m)
		}
	}
	t.planDatabases()
	d := t.dice("account", "repeat")
	t.repeatTalk(d, t.scaled(17_200), t.scaled(3_400))
	t.keep(&file{path: "msg/video/newest", kind: symlink, target: monthName(month(1))}, month(1))
}

// keep plans a file whose path is from the account's folder.
func (t *tree) keep(f *file, month time.Time) *file {
	f.path = path.Join(t.home, f.path)
	return t.add(f, month)
}

func (t *tree) scaled(count float64) int { return max(1, int(count*t.o.Scale)) }

// part is one kind of file in an account, with its number at scale 1. The
// numbers leave out the copies and links that repeatTalk adds.
type part struct {
	name    string
	count   float64
	item    func(*tree, dice) (*file, time.Time)
	passing bool // not in a Settled account
}

var accountParts = []part{
	{"images", 98_800, (*tree).image, false},
	{"bundles", 8_600, (*tree).bundled, false},
	{"files", 13_300, (*tree).document, false},
	{"videos", 17_000, (*tree).video, false},
	{"stickers", 1_700, (*tree).sticker, false},
	{"cache", 24_000, (*tree).cached, false},
	{"temporary", 2_500, (*tree).temporary, true},
	{"phone", 3_600, (*tree).phoneBackup, true},
	{"settings", 150, (*tree).setting, false},
}

// someMonth is any month of the account.
func someMonth(d dice) time.Time { return month(1 + d.IntN(accountMonths)) }

// chat picks a contact, few of them often, and a month in which it was active.
func (t *tree) chat(d dice) (id string, m time.Time) {
	n := max(3, t.scaled(1200))
	k := min(n-1, int(float64(n)*d.Float64()*d.Float64()*d.Float64()))
	c := t.dice("chat", fmt.Sprint(k))
	left := 1 - float64(k)/float64(n)
	active := max(2, int(accountMonths*math.Pow(left, 7)))
	start := c.IntN(accountMonths - active + 1)
	return c.hex(32), month(1 + start + d.IntN(active))
}

func (t *tree) image(d dice) (*file, time.Time) {
	id, m := t.chat(d)
	f := &file{}
	suffix := ""
	switch n := d.IntN(100); {
	case n < 40:
		suffix, f.size = "_t", d.lognormal(6_000, 0.7)
	case n < 87:
		f.size = d.lognormal(90_000, 0.9)
	default:
		suffix, f.size = "_h", d.lognormal(620_000, 0.8)
	}
	f.path = path.Join("msg/attach", id, monthName(m), "Img", d.hex(32)+suffix+".dat")
	return f, m
}

// bundled is a picture, file or video in a forwarded bundle.
func (t *tree) bundled(d dice) (*file, time.Time) {
	b := t.dice("bundle", fmt.Sprint(d.IntN(t.scaled(1500))))
	id, m := t.chat(b)
	dir := path.Join("msg/attach", id, monthName(m), "Rec", b.hex(16))
	if d.IntN(100) < 88 {
		f, _ := t.image(d)
		f.path = path.Join(dir, "Img", fmt.Sprint(d.IntN(9)))
		return f, m
	}
	f, _ := t.document(d)
	f.path = path.Join(dir, "F", path.Base(f.path))
	return f, m
}

func (t *tree) document(d dice) (*file, time.Time) {
	m := someMonth(d)
	f := &file{path: path.Join("msg/file", monthName(m), d.pick(fileNames))}
	if d.IntN(50) == 0 {
		f.path = path.Join("msg/file", monthName(m), longName(d)+".pdf")
	}
	switch n := d.Float64(); {
	case n < 0.226:
		f.size = d.logUniform(1_000, 64<<10)
	case n < 0.542:
		f.size = d.logUniform(64<<10, 1<<20)
	case n < 0.87:
		f.size = d.logUniform(1<<20, 10<<20)
	default:
		f.size = d.pareto(1.15, 10<<20, 600<<20)
	}
	if strings.HasSuffix(f.path, ".txt") || strings.HasSuffix(f.path, ".csv") {
		f.kind = lineText
	}
	return f, m
}

func (t *tree) video(d dice) (*file, time.Time) {
	m := someMonth(d)
	name := path.Join("msg/video", monthName(m), d.hex(32))
	if d.IntN(2) == 0 {
		return &file{path: name + ".mp4", size: min(200<<20, d.lognormal(4_500_000, 1.2))}, m
	}
	return &file{path: name + ".jpg", size: d.lognormal(25_000, 0.5)}, m
}

func (t *tree) sticker(d dice) (*file, time.Time) {
	id := d.hex(32)
	size := (d.lognormal(25_000, 0.9) + 15) / 16 * 16
	return &file{path: path.Join("business/emoticon/Persist", id[:2], id), size: size}, someMonth(d)
}

func (t *tree) cached(d dice) (*file, time.Time) {
	m := someMonth(d)
	kinds := []string{"Emoticon", "HttpResource", "WeAppIcon", "Sns"}
	if t.o.Settled {
		kinds = []string{"Emoticon", "Sns"}
	}
	dir := d.pick(kinds)
	if d.IntN(3) == 0 {
		dir = path.Join("Message", t.dice("chat", fmt.Sprint(d.IntN(40))).hex(32), "Thumb")
	}
	return &file{path: path.Join("cache", monthName(m), dir, d.hex(32)), size: d.lognormal(12_000, 1.2)}, m
}

// temporary is what no backup needs, downloads that never ended among it.
func (t *tree) temporary(d dice) (*file, time.Time) {
	m := someMonth(d)
	name := path.Join(d.pick([]string{"temp/ImageTemp", "temp/InputTemp", "temp/head_image", "apm_record"}), d.hex(24))
	if d.IntN(6) == 0 {
		name = path.Join("msg/video", monthName(m), d.hex(32)+".mp4.hl.tmp")
	}
	return &file{path: name, size: d.lognormal(40_000, 1.5)}, m
}

// phoneBackup is a piece of the backup that a phone left on this computer.
func (t *tree) phoneBackup(d dice) (*file, time.Time) {
	dir := path.Join("../Backup", t.dice("phone", fmt.Sprint(d.IntN(3))).hex(32))
	switch d.IntN(4) {
	case 0:
		return &file{path: path.Join(dir, "ChatPackage", d.hex(20)), size: d.logUniform(64<<10, 64<<20)}, someMonth(d)
	case 1:
		return &file{path: path.Join(dir, "files", d.hex(20)+".tar.enc"), size: d.logUniform(64<<10, 64<<20)}, someMonth(d)
	}
	return &file{path: path.Join(dir, "index", d.hex(20)), size: d.logUniform(200, 20_000)}, someMonth(d)
}

func (t *tree) setting(d dice) (*file, time.Time) {
	dir := d.pick([]string{"config", "db_storage/MMKV", "../all_users/config"})
	return &file{path: path.Join(dir, "set_"+d.hex(8)), kind: settings, size: d.logUniform(100, 64<<10)}, someMonth(d)
}

// repeatTalk plans copies and hard links: one picture sent to many chats.
func (t *tree) repeatTalk(d dice, copies, links int) {
	var candidates []*file
	for _, f := range t.files {
		if f.kind == noise && (f.group == "images" || f.group == "files" || f.group == "bundles") {
			candidates = append(candidates, f)
		}
	}
	for n := range copies + links {
		f := candidates[d.IntN(len(candidates))]
		if f.link != nil {
			continue
		}
		id, m := t.chat(d)
		name := path.Join("msg/attach", id, monthName(m), "Img", d.hex(32)+".dat")
		if f.group == "files" {
			name = path.Join("msg/file", monthName(m), path.Base(f.path))
		}
		name = path.Join(t.home, name)
		if n < copies {
			t.copyOf(f, name, m)
		} else {
			t.linkTo(f, name)
		}
	}
}

// databases are the app's, with their size in MB at scale 1. The group says
// how they change, see pagesPerMessage. Those with a recording are, in a Live
// account, what that made of so many transactions.
var databases = []struct {
	path     string
	mb       float64
	group    string
	recorded int
}{
	{LiveDatabase, 700, "", 60}, {"message/message_1.db", 610, "", 0}, {"message/message_2.db", 540, "", 0},
	{"message/message_3.db", 480, "", 0}, {"message/message_4.db", 420, "", 0}, {"message/message_5.db", 330, "", 0},
	{"message/message_6.db", 250, "", 0}, {"message/message_7.db", 180, "db newest", 0},
	{"message/message_fts.db", 1600, "db search", 0},
	{"message/biz_message_0.db", 150, "", 0}, {"message/biz_message_1.db", 300, "db some", 0},
	{"message/media_0.db", 120, "", 0}, {"message/media_1.db", 120, "", 0}, {"message/media_2.db", 120, "db some", 0},
	{"message/message_resource.db", 150, "db some", 0}, {"hardlink/hardlink.db", 45, "db some", 0},
	{"contact/contact.db", 20, "db few", 10}, {"contact/contact_fts.db", 15, "", 0},
	{"head_image/head_image.db", 250, "db few", 0}, {"sns/sns.db", 120, "db few", 0},
	{"favorite/favorite.db", 8, "", 5}, {"favorite/favorite_fts.db", 4, "", 0}, {"emoticon/emoticon.db", 3, "db few", 0},
	{"general/general.db", 5, "db few", 0}, {"bizchat/bizchat.db", 1, "", 0}, {"solitaire/solitaire.db", 1, "", 0},
	{"session/session.db", 2, "db few", 110},
}

// pagesPerMessage is how many pages a message changes in a database of a
// group. Measured: 1000 messages change 974 to 3131 pages of 4 KiB in all.
var pagesPerMessage = map[string]float64{"db newest": 1.5, "db search": 0.9, "db some": 0.1, "db few": 0.02}

// planDatabases plans those of the account, and the one of all accounts that
// anybody can open.
func (t *tree) planDatabases() {
	for _, b := range databases {
		size := int64(b.mb * 1e6 * t.o.Scale)
		group := b.group
		if group == "" {
			group = "db closed"
		}
		f := &file{path: path.Join(databaseDir, b.path), kind: pageFile, group: group, size: max(size, 4*pageSize)}
		live := t.o.Live && !t.o.MetadataOnly
		if live && b.recorded > 0 {
			f.kind, f.saved, f.played = recordedFile, b.recorded-4, b.recorded
		}
		t.keep(f, month(1))
		if live {
			t.planLog(f)
		}
	}
	name := path.Join("../all_users/login", t.o.login(), "key_info.db")
	t.keep(&file{path: name, kind: database, group: "db open", rows: 2 * minRows}, month(1))
}

// accountDay plans what a day brings.
func (t *tree) accountDay(d dice) {
	this := t.thisMonth()
	for range t.daily.Files {
		p := accountParts[0]
		switch n := d.IntN(195); {
		case n < 18:
			p = accountParts[3] // videos
		case n < 34:
			p = accountParts[2] // files
		case n < 65:
			p = accountParts[5] // cache
		}
		f, m := p.item(t, d)
		f.group = p.name
		f.path = strings.Replace(f.path, monthName(m), monthName(this), 1)
		t.keep(f, this)
	}
}
