package providers

import "io"

// heard returns a source whose reading is told to RetryOptions.Active. A folder
// of this computer takes a file as it is, with little to read.
func (r *reliable) heard(src Source) Source {
	if r.remote.Traits().LocalPath != "" {
		return src
	}
	return heardSource{src, r.opt.Active}
}

type heardSource struct {
	Source
	active func()
}

func (s heardSource) Open() (io.ReadCloser, error) {
	r, err := s.Source.Open()
	if err != nil {
		return nil, err
	}
	return heardReader{r, s.active}, nil
}

type heardReader struct {
	io.ReadCloser
	active func()
}

func (r heardReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	r.active()
	return n, err
}
