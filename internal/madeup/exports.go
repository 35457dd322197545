package madeup

import (
	"path"
	"strings"
	"time"
)

const exportMonths = 6

// planExports plans exported chats: what is in the demo.
func (t *tree) planExports() {
	n := func(count float64) int { return max(1, int(count*t.o.Scale)) }
	d := t.dice("exports")
	t.add(&file{path: "chats/messages.db", kind: database, group: "talk", rows: max(minRows, n(16000))}, month(1))
	for m := exportMonths; m >= 1; m-- {
		for i := range n(float64(len(people))) {
			t.exportTalk(d, people[i%len(people)], m)
		}
	}
	t.exportMedia(d, n(190))
	t.add(&file{path: "files/" + monthName(month(2)) + "/" + longName(d) + ".pdf", group: "long", size: 40_000}, month(2))
	t.repeat(d, n(14), n(8), "favourites")
	t.add(&file{path: "photos/latest", kind: symlink, target: monthName(month(1))}, month(1))
}

// exportTalk plans one contact's text of one month.
func (t *tree) exportTalk(d dice, who string, m int) {
	f := &file{kind: jsonText, group: "talk", size: d.lognormal(60_000, 0.7)}
	f.path = path.Join("chats", who, monthName(month(m))+".jsonl")
	if d.IntN(4) == 0 {
		f.kind, f.path = lineText, strings.TrimSuffix(f.path, "jsonl")+"txt"
	}
	t.add(f, month(m))
}

// exportMedia plans pictures, videos and files, spread over the months.
func (t *tree) exportMedia(d dice, count int) {
	for range count {
		t.add(t.exportItem(d, month(1+d.IntN(exportMonths))))
	}
}

// exportItem thinks up one picture, video, voice message or file of a month.
func (t *tree) exportItem(d dice, m time.Time) (*file, time.Time) {
	f := &file{}
	stamp := m.AddDate(0, 0, d.IntN(28)).Add(time.Duration(d.IntN(86400)) * time.Second).Format("20060102_150405")
	switch n := d.IntN(100); {
	case n < 56:
		f.path = path.Join("photos", monthName(m), "IMG_"+stamp+".jpg")
		f.size = d.lognormal(110_000, 0.8)
	case n < 60:
		f.path = path.Join("videos", monthName(m), "VID_"+stamp+".mp4")
		f.size = min(4_000_000, d.lognormal(1_500_000, 0.6))
	case n < 72:
		f.path = path.Join("voice", monthName(m), stamp+".amr")
		f.size = d.lognormal(8_000, 0.6)
	default:
		f.path = path.Join("files", monthName(m), d.pick(fileNames))
		f.size = min(2_000_000, d.lognormal(60_000, 1))
		if strings.HasSuffix(f.path, ".txt") || strings.HasSuffix(f.path, ".csv") {
			f.kind = lineText
		}
	}
	return f, m
}

// repeat plans exact copies and hard links of pictures and files so far.
func (t *tree) repeat(d dice, copies, links int, dir string) {
	have := len(t.files)
	for tries := 0; copies+links > 0 && tries < 10_000; tries++ {
		f := t.files[d.IntN(have)]
		if f.kind != noise || f.busy || f.group == "long" {
			continue
		}
		name := path.Join(dir, path.Base(f.path))
		if copies > 0 {
			copies--
			t.copyOf(f, name, month(1))
			continue
		}
		links--
		t.linkTo(f, name)
	}
}

// exportsDay plans what a day brings.
func (t *tree) exportsDay(d dice) {
	for range t.daily.Files {
		t.add(t.exportItem(d, t.thisMonth()))
	}
}

// longName returns a name of about 240 bytes, as apps make from titles.
func longName(d dice) string {
	var b strings.Builder
	for b.Len() < 240 {
		b.WriteString(d.pick(longParts))
	}
	return strings.ToValidUTF8(b.String()[:240], "")
}

// people are the contacts; nobody is called so.
var people = []string{
	"妈妈", "爸爸", "小雨", "阿木 🌳", "周末爬山群", "楼下的猫 🐈", "Robin", "Projekt Gartenhaus",
	"team-lunch", "奶奶 ❤️", "读书会(三)", "Ms. Lindqvist",
}

var fileNames = []string{
	"合同.pdf", "合同(最终版).pdf", "报价单 2026.xlsx", "旅行计划.docx", "发票.pdf", "家谱.zip", "会议记录.txt",
	"菜谱 🍜.txt", "🎂 生日.zip", "photos-original.zip", "Steuer 2025.pdf", "budget.csv", "notes.txt",
	"presentation final (2).pptx", "ticket.pdf", "app-release.apk", "体检报告.pdf", "作业.docx",
}

var longParts = []string{"关于周末活动安排的补充说明", "以及大家需要准备的东西", "(修改稿)", "第二版", "_2026"}
