package cloud

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path"
	"slices"
	"strings"
	"syscall"

	gdrive "google.golang.org/api/drive/v3"
	"google.golang.org/api/googleapi"

	"github.com/chatkeep/chatkeep/providers"
)

// what Drive is asked to say of a file.
const createdFields = "id,name,size,md5Checksum,sha1Checksum,sha256Checksum,trashed,modifiedTime"

// create makes a file with an id that was chosen before: if its answer is lost,
// the next try is told that it is there, and no second file of the name
// appears. Then there is true, and maybe not all of it was read.
func (d *driveAPI) create(ctx context.Context, name providers.Name, in io.Reader) (f *gdrive.File, there bool, err error) {
	folder, err := d.folders.FindDir(ctx, folderOf(name), true)
	if err != nil {
		return nil, false, err
	}
	id, err := d.ids.begin(ctx, name, d.generate)
	if err != nil {
		return nil, false, err
	}
	f, err = d.svc.Files.Create(&gdrive.File{Id: id, Name: path.Base(string(name)), Parents: []string{folder}, MimeType: "application/octet-stream"}).
		Media(in, googleapi.ChunkSize(d.chunk), googleapi.ContentType("application/octet-stream")).
		SupportsAllDrives(true).Fields(createdFields).Context(ctx).Do()
	if isGoogle(err, http.StatusConflict) {
		there = true
		f, err = d.svc.Files.Get(id).SupportsAllDrives(true).Fields(createdFields).Context(ctx).Do()
		if err == nil && f.Name != path.Base(string(name)) { // the id was used for another object
			d.ids.forget(name)
			return nil, false, errLost
		}
	}
	switch {
	case isGoogle(err, http.StatusNotFound), isGoogle(err, http.StatusGone), isGoogle(err, http.StatusBadRequest):
		return nil, false, d.lost(ctx, name, err)
	case err != nil:
		return nil, false, err
	case f.Trashed: // somebody threw the folder away
		if err := d.remove(ctx, id); err != nil {
			return nil, false, err
		}
		return nil, false, d.lost(ctx, name, errLost)
	}
	d.ids.done(name, id)
	return f, there, nil
}

// errLost says that an upload has to begin anew.
var errLost = providers.Fail(providers.ErrTemporary, errors.New("the upload was lost on the way"))

// lost forgets all that an upload stood on: its session, its id, the folders.
// One of them is gone, or was never good. If it is our own folder, it says so.
func (d *driveAPI) lost(ctx context.Context, name providers.Name, cause error) error {
	d.ids.forget(name)
	if isGoogle(cause, http.StatusBadRequest) {
		d.ids.distrust()
	}
	d.folders.Flush()
	if err := d.checkRoot(ctx); err != nil {
		return err
	}
	return providers.Fail(providers.ErrTemporary, textOnly(cause))
}

// discard deletes an object that is not what was sent. Its id is known until it
// is gone: the next try meets it under that id, whatever listings say.
func (d *driveAPI) discard(ctx context.Context, name providers.Name, id string) error {
	if err := d.remove(ctx, id); err != nil {
		return err
	}
	d.ids.forget(name)
	return nil
}

// delete removes every file of a name, past the trash, and also what listings
// don't have yet.
func (d *driveAPI) delete(ctx context.Context, name providers.Name) error {
	all := d.ids.known(name)
	found, err := d.named(ctx, name)
	if err != nil {
		return err
	}
	for _, f := range found {
		if !slices.Contains(all, f.Id) {
			all = append(all, f.Id)
		}
	}
	for _, id := range all {
		if err := d.remove(ctx, id); err != nil {
			return err
		}
	}
	d.ids.forget(name) // not before: the next try must find what listings don't have
	return nil
}

// named lists the files of a name. There is none in a folder that isn't there.
func (d *driveAPI) named(ctx context.Context, name providers.Name) ([]*gdrive.File, error) {
	folder, err := d.folders.FindDir(ctx, folderOf(name), false)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	query := fmt.Sprintf("'%s' in parents and name='%s' and mimeType!='%s' and trashed=false", quoted(folder), quoted(path.Base(string(name))), folderType)
	list, err := d.svc.Files.List().Q(query).Fields("files(id)").PageSize(1000).Context(ctx).Do()
	if isGoogle(err, http.StatusNotFound) { // somebody deleted the folder
		d.folders.Flush()
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return list.Files, nil
}

func folderOf(name providers.Name) string { return strings.TrimPrefix(path.Dir(string(name)), ".") }

// generate asks for ids. Each names one file that may be created later.
func (d *driveAPI) generate(ctx context.Context, n int64) ([]string, error) {
	made, err := d.svc.Files.GenerateIds().Count(n).Space("drive").Context(ctx).Do()
	if err != nil {
		return nil, err
	}
	return made.Ids, nil
}

// remove deletes a file for good.
func (d *driveAPI) remove(ctx context.Context, id string) error {
	err := d.svc.Files.Delete(id).SupportsAllDrives(true).Context(ctx).Do()
	if isGoogle(err, http.StatusNotFound) {
		return nil
	}
	return err
}

// sumsOf are the checksums Drive reports.
func sumsOf(f *gdrive.File) map[providers.Algorithm]string {
	sums := map[providers.Algorithm]string{}
	for alg, sum := range map[providers.Algorithm]string{"md5": f.Md5Checksum, "sha1": f.Sha1Checksum, providers.SHA256: f.Sha256Checksum} {
		if sum != "" {
			sums[alg] = sum
		}
	}
	return sums
}

// patient lets the Google library try a request three times; by itself it would
// go on until its context ends. The rest of the patience is
// providers.Reliable's, which also keeps to the wait a service asks for.
type patient struct{ http.RoundTripper }

const mostTries = 3

func (p patient) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := p.RoundTripper.RoundTrip(req)
	uploading, _ := req.Context().Value(triesKey{}).(*tries)
	if req.Context().Err() != nil {
		return resp, err
	}
	if err != nil {
		if uploading.again() && isCut(err) {
			return nil, fmt.Errorf("%w (%w)", io.ErrUnexpectedEOF, err) // which the library tries again
		}
		return nil, impatient{err}
	}
	if resp.StatusCode < 500 && resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusRequestTimeout {
		uploading.wentWell()
		return resp, nil
	}
	if uploading.again() && retryAfter(resp.Header) == 0 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, impatient{googleapi.CheckResponse(resp)}
}

// isCut fits a connection that ended in the middle of a request.
var isCut = oneOf(io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE)

// impatient is a failure that the library must not try again: it looks at what
// errors unwrap to, and at some words, so this one shows neither, but for those
// who ask for a type.
type impatient struct{ err error }

func (e impatient) Error() string {
	return strings.NewReplacer("connection refused", "refused", "connection reset by peer", "the connection was cut", "broken pipe", "the connection was cut").Replace(e.err.Error())
}
func (e impatient) As(to any) bool { return errors.As(e.err, to) }
func (e impatient) Is(to error) bool {
	return to != io.ErrUnexpectedEOF && to != net.ErrClosed && errors.Is(e.err, to)
}

type triesKey struct{}

// tries counts the failures of one upload since something last went well. Nil
// is for all that is no upload.
type tries struct{ failed int }

func (t *tries) again() bool {
	if t == nil {
		return false
	}
	t.failed++
	return t.failed < mostTries
}

func (t *tries) wentWell() {
	if t != nil {
		t.failed = 0
	}
}
