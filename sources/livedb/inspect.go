package livedb

import (
	"fmt"
	"os"
	"path/filepath"
)

// Info is what a look at a database shows.
type Info struct {
	Class   Class
	Network bool  // on a file system that other computers may write to
	Plain   bool  // the file is not encrypted
	Size    int64 // of the file, bytes
	WAL     int64 // of its WAL, bytes
}

// Inspect looks at the database at path. It takes no locks, and reads next to
// nothing.
func Inspect(path string) (Info, error) {
	dir, base := filepath.Split(path)
	info, err := InspectIn(openerIn(dir), base)
	if err != nil {
		return Info{}, fmt.Errorf("look at database %s: %w", base, err)
	}
	return info, nil
}

// InspectIn is [Inspect] of a database in a folder that open knows.
func InspectIn(open Opener, base string) (Info, error) {
	s := &files{open: open, base: base}
	db, _, err := s.reach("", os.O_RDONLY)
	if err != nil {
		return Info{}, err
	}
	network := onNetwork(db)
	db.Close()
	st, err := s.look(network)
	if err != nil {
		return Info{}, err
	}
	_, plain := plainPageSize(st.page1[:])
	return Info{Class: st.class(), Network: network, Plain: plain, Size: st.db.size, WAL: st.wal.stat.size}, nil
}
