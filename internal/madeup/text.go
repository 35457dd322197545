package madeup

import (
	"bufio"
	"fmt"
	"io"
	"path"
	"strings"
	"time"
)

// writeText writes one segment of a text: exactly its size in whole lines.
func (t *tree) writeText(w io.Writer, f *file, s segment) error {
	d := t.dice("text", f.key, fmt.Sprint(s.day))
	at := time.Date(2021, 1, 1, 8, 0, 0, 0, time.UTC).AddDate(0, 0, d.IntN(1800))
	if s.day > 0 {
		at = firstDay.AddDate(0, 0, s.day-1)
	}
	out := bufio.NewWriterSize(w, 64<<10)
	line := format(f, d)
	for left := s.size; left > 0; {
		at = at.Add(time.Duration(d.IntN(400)) * time.Second)
		text := line(at, d.sentence())
		if left-int64(len(text)) < 200 {
			text = exactly(left, line, at)
		}
		out.WriteString(text)
		left -= int64(len(text))
	}
	return out.Flush()
}

// exactly returns a last line of n bytes.
func exactly(n int64, line func(time.Time, string) string, at time.Time) string {
	shell := int64(len(line(at, "")))
	if n < shell {
		return strings.Repeat("\n", int(n))
	}
	return line(at, strings.Repeat("h", int(n-shell)))
}

// format returns how f writes a line that somebody said at some time. Who it
// is depends on the time alone.
func format(f *file, d dice) func(at time.Time, text string) string {
	other := path.Base(path.Dir(f.key))
	if f.group != "talk" {
		other = d.pick(people)
	}
	who := func(at time.Time) string {
		if at.Unix()%5 < 2 {
			return "me"
		}
		return other
	}
	switch f.kind {
	case jsonText:
		return func(at time.Time, text string) string {
			return fmt.Sprintf(`{"time":%q,"from":%q,"text":%q}`+"\n", at.Format(time.RFC3339), who(at), text)
		}
	case settings:
		return func(at time.Time, text string) string {
			return fmt.Sprintf("[section_%d]\nvalue=%s\n", at.Unix()%97, text)
		}
	}
	return func(at time.Time, text string) string {
		return at.Format("2006-01-02 15:04:05 ") + who(at) + "\n" + text + "\n"
	}
}

// sentence makes one up.
func (d dice) sentence() string {
	s := d.pick(openers) + d.pick(middles)
	if d.IntN(3) == 0 {
		s += d.pick(middles)
	}
	if d.IntN(4) == 0 {
		s += fmt.Sprint(" ", d.IntN(100000))
	}
	return s + d.pick(ends)
}

var (
	openers = []string{
		"你到了吗,", "我刚看到,", "哈哈,", "对了,", "明天", "今天晚上", "妈说", "好的,", "没事,", "听说",
		"By the way, ", "Just saw it: ", "Tomorrow ", "OK, ", "Honestly, ", "Have you heard, ", "",
	}
	middles = []string{
		"我们在老地方见", "记得带伞", "火车晚点了二十分钟", "饭已经做好了", "照片发你了", "孩子睡着了", "下周一起去爬山",
		"那本书看完了吗", "药放在桌上", "钥匙在花盆下面", "别忘了给奶奶打电话", "我把文件改好了", "快递放门口了",
		"the train is late again", "I left the key under the pot", "dinner is ready", "see the photo I sent",
		"let's meet at the lake", "the meeting moved to Thursday", "could you bring the charger", "it rained all day",
	}
	ends = []string{"。", "!", "?", " 😄", "…", ".", "~", " 👍", "", "。。。"}
)
