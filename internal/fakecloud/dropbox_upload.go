package fakecloud

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strconv"
	"time"
)

// dropboxSession is a file that arrives in pieces.
type dropboxSession struct {
	Account string
	Data    []byte
	Closed  bool
	Started time.Time
}

const dropboxSessionLife = 7 * 24 * time.Hour

// dropboxCommit is where an upload goes.
type dropboxCommit struct {
	Path           string
	Mode           dropboxMode
	Autorename     bool
	ClientModified *time.Time `json:"client_modified"`
	StrictConflict bool       `json:"strict_conflict"`
	ContentHash    string     `json:"content_hash"`
}

// dropboxMode is a tag, alone or in an object; update has a revision.
type dropboxMode struct{ Tag, Update string }

func (m *dropboxMode) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &m.Tag) == nil {
		return nil
	}
	var object struct {
		Tag    string `json:".tag"`
		Update string `json:"update"`
	}
	err := json.Unmarshal(data, &object)
	m.Tag, m.Update = object.Tag, object.Update
	return err
}

// upload takes a whole file.
func (c *dropboxCall) upload() *dropboxError {
	var commit dropboxCommit
	if err := c.arg(&commit); err != nil {
		return err
	}
	data := content(c.r)
	if commit.ContentHash != "" && commit.ContentHash != dropboxHash(data) {
		return noPath("content_hash_mismatch")
	}
	f, tags := c.commit(commit, data)
	if tags != nil { // here, and here only, it isn't in a field named path
		e := noPath("path")
		e.more = map[string]any{"reason": nest(tags, nil), "upload_session_id": ""}
		e.reason = tags
		return e
	}
	return c.reply(c.describe(f))
}

// commit writes a file, or says by tags why not.
func (c *dropboxCall) commit(to dropboxCommit, data []byte) (f *node, tags []string) {
	if tag := checkPath(to.Path); tag != "" {
		return nil, []string{tag}
	}
	f = c.find(to.Path)
	room := int64(len(data))
	switch {
	case f != nil && f.Folder:
		return nil, []string{"conflict", "folder"}
	case f != nil && to.Mode.Tag == "update" && to.Mode.Update != fmt.Sprintf("%015x", f.Rev),
		f != nil && (to.Mode.Tag == "" || to.Mode.Tag == "add") && (to.StrictConflict || !bytes.Equal(f.Data, data)):
		return nil, []string{"conflict", "file"}
	case f != nil:
		room -= int64(len(f.Data))
	}
	if c.n.used()+room > c.a.Quota {
		return nil, []string{"insufficient_space"}
	}
	if f == nil {
		parent, tag := c.folder(to.Path)
		if tag != "" {
			return nil, []string{"conflict", tag}
		}
		f = c.n.add(parent, path.Base(to.Path), false, c.d.now())
	}
	c.a.write(f, data, c.d.now())
	if to.ClientModified != nil {
		f.ClientModified = *to.ClientModified
	}
	return f, nil
}

// startSession begins an upload in pieces.
func (c *dropboxCall) startSession() *dropboxError {
	var ask struct{ Close bool }
	if err := c.arg(&ask); err != nil {
		return err
	}
	c.d.Made++
	id := "pid_upload_session:" + guid("dropbox "+strconv.FormatInt(c.d.Made, 10))
	c.d.Sessions[id] = &dropboxSession{
		Account: c.a.Name, Data: keepOf(c.r, content(c.r)), Closed: ask.Close, Started: c.d.now(),
	}
	return c.reply(map[string]any{"session_id": id})
}

type dropboxOffset struct {
	Session string `json:"session_id"`
	Offset  int64
}

// session finds the session that a piece is for, or says by tags what is
// wrong with it.
func (c *dropboxCall) session(at dropboxOffset) (*dropboxSession, *dropboxError) {
	s := c.d.Sessions[at.Session]
	switch {
	case s == nil || s.Account != c.a.Name || c.d.now().Sub(s.Started) > dropboxSessionLife:
		return nil, noPath("not_found")
	case at.Offset != int64(len(s.Data)):
		e := noPath("incorrect_offset")
		e.more = map[string]any{"correct_offset": len(s.Data)}
		return nil, e
	}
	return s, nil
}

func (c *dropboxCall) appendSession() *dropboxError {
	var ask struct {
		Cursor dropboxOffset
		Close  bool
	}
	if err := c.arg(&ask); err != nil {
		return err
	}
	s, err := c.session(ask.Cursor)
	if err != nil {
		return err
	}
	chunk := content(c.r)
	if s.Closed && len(chunk) > 0 {
		return noPath("closed")
	}
	kept := keepOf(c.r, chunk)
	s.Data = append(s.Data, kept...)
	s.Closed = ask.Close && len(kept) == len(chunk)
	return c.reply(json.RawMessage("null"))
}

type dropboxFinish struct {
	Cursor dropboxOffset
	Commit dropboxCommit
}

func (c *dropboxCall) finishSession() *dropboxError {
	var ask dropboxFinish
	if err := c.arg(&ask); err != nil {
		return err
	}
	f, err := c.finish(ask, content(c.r))
	if err != nil {
		return err
	}
	return c.reply(c.describe(f))
}

// finish makes the file of a session.
func (c *dropboxCall) finish(ask dropboxFinish, last []byte) (*node, *dropboxError) {
	s, err := c.session(ask.Cursor)
	if err != nil {
		err.tags = append([]string{"lookup_failed"}, err.tags...)
		return nil, err
	}
	f, tags := c.commit(ask.Commit, append(s.Data[:len(s.Data):len(s.Data)], last...))
	if tags != nil {
		return nil, noPath(append([]string{"path"}, tags...)...)
	}
	delete(c.d.Sessions, ask.Cursor.Session)
	return f, nil
}

// finishBatch makes the files of several sessions, each for itself.
func (c *dropboxCall) finishBatch() *dropboxError {
	var ask struct{ Entries []dropboxFinish }
	if err := c.arg(&ask); err != nil {
		return err
	}
	entries := []any{}
	for _, one := range ask.Entries {
		if f, err := c.finish(one, nil); err == nil {
			entry := c.describe(f)
			entry[".tag"] = "success"
			entries = append(entries, entry)
		} else {
			entries = append(entries, map[string]any{".tag": "failure", "failure": err.union()})
		}
	}
	return c.reply(map[string]any{"entries": entries})
}
