package repo

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/chatkeep/chatkeep/crypto"
	"github.com/chatkeep/chatkeep/internal/durable"
	"github.com/chatkeep/chatkeep/internal/hint"
	"github.com/chatkeep/chatkeep/providers"
	"github.com/chatkeep/chatkeep/repo/format"
	"github.com/chatkeep/chatkeep/repo/trust"
)

// JoinOptions describe a device that wants to become a member.
type JoinOptions struct {
	State  *State
	Cache  string
	Role   format.Role // asked for; whoever approves decides
	Client string      // name and version of the program
}

// Joining is a device that has asked to join and is not a member yet. Its keys
// lie in the state folder; nobody vouches for anything so far.
type Joining struct {
	keys  *trust.DeviceKeys
	repo  format.RepoID // as the remote says, in clear
	role  format.Role
	time  int64 // of the request
	words *crypto.Fingerprint
}

// joiningFile holds the keys of a device that is joining. It is secret.
const joiningFile = "joining.json"

type savedJoining struct {
	Repo  string          `json:"repository"`
	Role  format.Role     `json:"role"`
	Time  int64           `json:"time"`
	Words string          `json:"words,omitempty"` // of the repository, as a person typed them
	Keys  json.RawMessage `json:"device"`
}

// joins reports whether this device has asked to join and is no member yet.
func (s *State) joins() bool {
	_, err := os.Lstat(s.path(joiningFile))
	return err == nil && !s.HasKeys()
}

// Joining returns the state of this device's wish to join, nil if there is
// none.
func (s *State) Joining() (*Joining, error) {
	if !s.joins() {
		return nil, nil
	}
	b, err := durable.ReadSecret(s.path(joiningFile))
	if err != nil {
		return nil, err
	}
	var v savedJoining
	j := &Joining{}
	if err = json.Unmarshal(b, &v); err == nil {
		j.repo, err = format.ParseRepoID(v.Repo)
	}
	if err == nil {
		j.keys, err = trust.DecodeDeviceKeys(v.Keys)
	}
	if words, werr := hex.DecodeString(v.Words); err == nil && v.Words != "" {
		j.words = new(crypto.Fingerprint)
		if werr != nil || copy(j.words[:], words) != len(j.words) {
			err = format.ErrMalformed
		}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: a value is damaged; remove the file and join again", s.path(joiningFile))
	}
	j.role, j.time = v.Role, v.Time
	return j, nil
}

func (s *State) saveJoining(j *Joining) error {
	v := savedJoining{Repo: j.repo.String(), Role: j.role, Time: j.time, Keys: j.keys.Encode()}
	if j.words != nil {
		v.Words = hex.EncodeToString(j.words[:])
	}
	b, err := json.Marshal(v)
	if err == nil {
		err = s.mayWork()
	}
	if err != nil {
		return err
	}
	return localError(durable.ReplaceSecret(s.path(joiningFile), b))
}

// PinWords keeps what the repository's words stand for, as a person read them
// from a member device or the recovery sheet. It may be called again.
func (s *State) PinWords(f crypto.Fingerprint) error {
	j, err := s.Joining()
	if err != nil {
		return err
	}
	if j == nil {
		return hint.New(CodeNotJoining, errors.New("keep the repository's words: this device has not asked to join"))
	}
	j.words = &f
	return s.saveJoining(j)
}

func (j *Joining) request() *trust.Request { return trust.NewRequest(j.repo, j.keys, j.role, j.time) }

// Fingerprint is what this device's words stand for.
func (j *Joining) Fingerprint() crypto.Fingerprint { return j.request().Fingerprint() }

// Role is what the device asked to be.
func (j *Joining) Role() format.Role { return j.role }

// Expires is when the request no longer counts.
func (j *Joining) Expires() time.Time { return time.Unix(0, j.time).Add(trust.RequestAge) }

// HasWords reports whether the repository's words are known.
func (j *Joining) HasWords() bool { return j.words != nil }

// Join makes this device's keys and leaves a request at the repository. Called
// again it goes on with the same keys, and renews a request that is gone, or
// soon will be too old.
func Join(ctx context.Context, remote providers.Remote, o JoinOptions) (*Joining, error) {
	if err := o.State.mayWork(); err != nil {
		return nil, err
	}
	if o.State.HasKeys() {
		return nil, hint.New(CodeMember, fmt.Errorf("join %s: this device belongs to a repository (%s)", remote, o.State.dir))
	}
	r := newRepo(remote, nil, "")
	id, err := r.openClear(ctx)
	if err == nil && id == (format.RepoID{}) {
		err = hint.New(CodeDamaged, integrityError{fmt.Errorf("join %s: %s is damaged or missing", remote, format.RepositoryName)}, "object", format.RepositoryName)
	}
	if err != nil {
		return nil, err
	}
	j, err := o.State.Joining()
	if err != nil {
		return nil, err
	}
	if j == nil || j.repo != id {
		j = &Joining{repo: id}
		if j.keys, err = trust.NewDevice(); err != nil {
			return nil, err
		}
	}
	name := providers.Name(j.request().Name().String())
	_, err = remote.Stat(ctx, name)
	there := err == nil
	if err != nil && !errors.Is(err, providers.ErrNotExist) {
		return nil, fmt.Errorf("join %s: %w", remote, err)
	}
	if there && j.role == o.Role && time.Until(j.Expires()) > trust.RequestAge/2 {
		return j, nil
	}
	j.role, j.time = o.Role, now()
	if err := o.State.saveJoining(j); err != nil {
		return nil, err
	}
	if there {
		if err := remote.Delete(ctx, name); err != nil {
			return nil, fmt.Errorf("join %s: %w", remote, err)
		}
	}
	if _, err := remote.Put(ctx, name, providers.BytesSource(j.request().Encode(j.keys.Signing))); err != nil {
		return nil, fmt.Errorf("join %s: leave a request: %w", remote, err)
	}
	return j, nil
}

// FinishJoin makes this device the member that somebody has approved, and opens
// the repository. It proves that the repository is the one whose words were
// given, and that a full device of it, or its root, admitted this device with
// these very keys.
func FinishJoin(ctx context.Context, remote providers.Remote, o JoinOptions) (*Repo, error) {
	if err := o.State.mayWork(); err != nil {
		return nil, err
	}
	j, err := o.State.Joining()
	if err != nil {
		return nil, err
	}
	if j == nil {
		return nil, hint.New(CodeNotJoining, fmt.Errorf("join %s: this device has not asked to join", remote))
	}
	r := newRepo(remote, nil, "") // nothing is remembered until it is proven
	r.ring = &trust.Keyring{Repo: j.repo, Device: j.keys}
	root, err := r.rootWithWords(ctx, j)
	if err != nil {
		return nil, err
	}
	r.ring.Root = root
	names, err := r.rosterNames(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.loadRoster(ctx, names); err != nil {
		return nil, fmt.Errorf("join %s: %w", remote, err)
	}
	switch d := r.Device(); {
	case d == nil:
		return nil, notApproved(remote)
	case d.Recipient != j.keys.Identity.Recipient().String() || d.Verify != j.keys.Signing.Public():
		return nil, hint.New(CodeForged, integrityError{fmt.Errorf("join %s: it was admitted with other keys: %w", remote, crypto.ErrForged)}, "object", "roster")
	case d.Revoked:
		return nil, hint.New(CodeRevoked, fmt.Errorf("join %s: this device was shut out", remote))
	}
	if err := o.State.becomeMember(r.ring, joiningFile); err != nil {
		return nil, err
	}
	_ = remote.Delete(ctx, providers.Name(j.request().Name().String())) // it counts for nothing any more
	return Open(ctx, remote, Options{State: o.State, Cache: o.Cache})
}

// becomeMember keeps a keyring as this device's, and removes the file that held
// its keys so far.
func (s *State) becomeMember(ring *trust.Keyring, before string) error {
	if err := durable.WriteSecret(s.path(keysFile), ring.Encode()); err != nil {
		return localError(err)
	}
	if err := os.Remove(s.path(before)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// endBeginnings removes what held a member's keys before it was one, should the
// process that made it one have died there.
func (s *State) endBeginnings() error {
	for _, name := range []string{joiningFile, recoveringFile} {
		err := s.remember(func() error { return os.Remove(s.path(name)) })
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return localError(err)
		}
	}
	return nil
}

// rootWithWords returns the root key that this device's words stand for, as a
// key file for it names it.
func (r *Repo) rootWithWords(ctx context.Context, j *Joining) (root crypto.VerifyKey, err error) {
	files, err := r.keyFiles(ctx)
	if err != nil {
		return root, err
	}
	if len(files) == 0 {
		return root, notApproved(r.remote)
	}
	if j.words == nil {
		return root, hint.New(CodeWordsNeeded, fmt.Errorf("join %s: the words of the repository are not known here", r.remote))
	}
	for _, f := range files {
		if f.Repo == j.repo && trust.RootFingerprint(f.Root) == *j.words {
			return f.Root, nil
		}
	}
	return root, hint.New(CodeWrongWords, integrityError{fmt.Errorf("join %s: the repository has other words than those given", r.remote)})
}

func notApproved(remote providers.Remote) error {
	return hint.New(CodeNotApproved, fmt.Errorf("join %s: nobody has approved this device yet", remote))
}
