package repo

import (
	"encoding/json"
	"fmt"

	"github.com/chatkeep/chatkeep/repo/format"
)

// clearText is repository.json: hints for people and a polite refusal for older
// programs. Nothing in it is trusted.
type clearText struct {
	What   string `json:"what"`
	Format int    `json:"format"`
	ID     string `json:"id"`
	Hint   string `json:"hint"`
}

func encodeClear(id format.RepoID) []byte {
	b, err := json.MarshalIndent(clearText{"chatkeep repository", format.ReaderVersion, id.String(), "see README.txt"}, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return append(b, '\n')
}

func parseClear(b []byte) (format.RepoID, error) {
	var c clearText
	if err := json.Unmarshal(b, &c); err != nil || c.What != "chatkeep repository" {
		return format.RepoID{}, fmt.Errorf("%w: not a repository.json of chatkeep", format.ErrMalformed)
	}
	if c.Format > format.ReaderVersion {
		return format.RepoID{}, format.ErrNewer
	}
	return format.ParseRepoID(c.ID)
}

// readme lies in clear beside the objects, for whoever finds them.
const readme = `This folder is a chatkeep repository: encrypted backups of chats.
这个文件夹是 chatkeep 备份库，里面是加密的聊天记录备份。

Don't rename, move or delete anything in it: every file is needed.
请不要改名、移动或删除里面的任何文件，每一个都有用。

To bring the backups back you need the recovery key, a text file with one line
that begins with AGE-SECRET-KEY-PQ-1.
取回备份需要恢复密钥，它是一个文本文件，其中一行以 AGE-SECRET-KEY-PQ-1 开头。

  With chatkeep / 用 chatkeep:
    chatkeep restore latest --remote TYPE:PATH --identity recovery.key --to DIR

  Without it / 不用 chatkeep:
    every .age file is a plain age file (age 1.3 or newer, age-encryption.org),
    and what is inside begins with plain zstd frames:
      age -d -i key.txt FILE.age | zstd -dc
    keys/recovery-*.age opens with the recovery key and holds the keys of all
    the others. The program recover.py of the chatkeep project does it all with
    nothing but Python, age and zstd; docs/RECOVERY.md there explains each step.
`
