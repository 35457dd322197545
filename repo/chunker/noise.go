package chunker

import "github.com/klauspost/compress"

const (
	// samples of sampleSize bytes are looked at, spread over the content.
	samples    = 8
	sampleSize = 1 << 10
	// noiseMost is the estimate up to which a sample is noise. Random bytes
	// reach 0.09, Base64 has 0.22, text 0.35 and more.
	noiseMost = 0.1
)

// Noise reports whether data looks like random bytes from end to end, as
// pictures, videos and everything encrypted do: it does not compress, and is
// not changed in small places.
func Noise(data []byte) bool {
	if len(data) <= samples*sampleSize {
		return compress.Estimate(data) <= noiseMost
	}
	for i := range samples {
		at := (len(data) - sampleSize) / (samples - 1) * i
		if compress.Estimate(data[at:at+sampleSize]) > noiseMost {
			return false
		}
	}
	return true
}
