package snapshot

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	"github.com/chatkeep/chatkeep/internal/durable"
)

// pullNodes keeps the nodes of a source's tree, by their ids, so that the next
// pull finds what changed without reading the old tree. It is a repo.Keeper:
// what is lost costs a request, and whoever reads proves.
type pullNodes struct {
	path string
	mu   sync.Mutex
	old  *os.File // nil if there is none
	more *os.File // what was read in this pull
	end  int64    // of more
	at   map[[32]byte]*keptNode
	read int64 // bytes of old
}

// keptNode says where a node lies.
type keptNode struct {
	fresh bool // in more
	used  bool
	at    int64
	n     int
}

const nodeHead = 32 + 4 // id, length

// maxNode is what a chunk has at most.
const maxNode = 4 << 20

// openPullNodes opens what was kept. temp is a folder for what is new.
func openPullNodes(path, temp string) (*pullNodes, error) {
	k := &pullNodes{path: path, at: map[[32]byte]*keptNode{}}
	var err error
	if k.old, err = os.Open(path); errors.Is(err, fs.ErrNotExist) {
		k.old, err = nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read kept nodes: %w", err)
	}
	k.scan()
	if k.more, err = os.CreateTemp(temp, "nodes-"); err != nil {
		return nil, errors.Join(fmt.Errorf("keep nodes: %w", err), k.closeOld())
	}
	return k, nil
}

// scan finds the nodes. The first head that can't be right ends it.
func (k *pullNodes) scan() {
	if k.old == nil {
		return
	}
	in := bufio.NewReaderSize(k.old, 64<<10)
	for {
		var head [nodeHead]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		n := int(binary.LittleEndian.Uint32(head[32:]))
		if n == 0 || n > maxNode {
			return
		}
		if _, err := in.Discard(n); err != nil {
			return
		}
		k.at[[32]byte(head[:32])] = &keptNode{at: k.read + nodeHead, n: n}
		k.read += int64(nodeHead + n)
	}
}

// Kept implements repo.Keeper.
func (k *pullNodes) Kept(id [32]byte) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	node := k.at[id]
	if node == nil {
		return nil
	}
	data, err := k.bytes(node)
	if err != nil {
		return nil
	}
	node.used = true
	return data
}

func (k *pullNodes) bytes(node *keptNode) ([]byte, error) {
	f := k.old
	if node.fresh {
		f = k.more
	}
	data := make([]byte, node.n)
	_, err := f.ReadAt(data, node.at)
	return data, err
}

// Keep implements repo.Keeper. A failure costs the next pull a request.
func (k *pullNodes) Keep(id [32]byte, data []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(data) == 0 || len(data) > maxNode {
		return
	}
	if _, err := k.more.WriteAt(data, k.end); err != nil {
		return
	}
	k.at[id] = &keptNode{fresh: true, used: true, at: k.end, n: len(data)}
	k.end += int64(len(data))
}

// save writes what is kept from now on: all of it, or, once most of that is of
// trees that are gone, what this pull used.
func (k *pullNodes) save() error {
	if k.end == 0 {
		return nil
	}
	used := int64(0)
	for _, node := range k.at {
		if node.used {
			used += int64(node.n)
		}
	}
	lean := k.read+k.end > 2*used+1<<20
	f, err := durable.Create(k.path, 0o600)
	if err != nil {
		return err
	}
	defer f.Abort()
	out := bufio.NewWriterSize(f, 64<<10)
	for id, node := range k.at {
		if lean && !node.used {
			continue
		}
		data, err := k.bytes(node)
		if err != nil {
			continue
		}
		if _, err := out.Write(binary.LittleEndian.AppendUint32(id[:], uint32(node.n))); err != nil {
			return err
		}
		if _, err := out.Write(data); err != nil {
			return err
		}
	}
	if err := errors.Join(out.Flush(), k.closeOld()); err != nil {
		return err
	}
	k.end = 0
	return f.Commit()
}

func (k *pullNodes) closeOld() error {
	if k.old == nil {
		return nil
	}
	err := k.old.Close()
	k.old = nil
	return err
}

// close gives up the files. Nothing can be read after it.
func (k *pullNodes) close() error {
	err := errors.Join(k.closeOld(), k.more.Close(), os.Remove(k.more.Name()))
	k.at = nil
	return err
}
