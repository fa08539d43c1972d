package store

import (
	"cmp"
	"context"
	"io"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/closer-mri/closer/recon"
)

// Blobs is a blob store that has been opened.
//
// Content that was damaged in the store is found when it is read: Open's reader compares what it gave with the name and ends in an
// error instead of io.EOF when they differ. It is also an io.Seeker; after a seek to anywhere but the beginning it cannot tell.
type Blobs interface {
	recon.Blobs
	io.Closer
}

// DefaultMinFreeBytes is what a blob store wants to find free on its disk.
const DefaultMinFreeBytes = 1 << 30

// BlobOptions bound a blob store. The zero value is usable: each field says what its zero means.
type BlobOptions struct {
	// MinFreeBytes and MinFreePercent are what must be free on the disk for Ready to return nil. They apply to directories, and
	// elsewhere to the disk of Spool. 0 bytes is DefaultMinFreeBytes, a negative number no limit; 0 percent is no limit.
	MinFreeBytes   int64
	MinFreePercent float64
	// Spool is where S3 and mem keep content while its name is not known yet; "" is the system's directory for temporary files.
	// The files there have no name and vanish with the process.
	Spool string
	// Silence is how long object storage may say nothing, and take nothing, while something is asked of it; 0 is DefaultSilence.
	Silence time.Duration
}

// DefaultSilence is above what storage takes to put the parts of a large object together.
const DefaultSilence = time.Minute

// OpenBlobs opens the store at a place: a directory ("/path", "path" or "file:///path"), S3-compatible storage ("s3://bucket", with
// the region and, elsewhere than at Amazon, endpoint and use_path_style=true as query; prefix=closer/ keeps to a part of the
// bucket; credentials as the AWS tools take them), or "mem://", a new empty store in memory.
func OpenBlobs(ctx context.Context, place string) (Blobs, error) {
	return BlobOptions{}.Open(ctx, place)
}

// Open opens the store at a place, as OpenBlobs does, with these options.
func (opts BlobOptions) Open(ctx context.Context, place string) (Blobs, error) {
	if opts.MinFreeBytes == 0 {
		opts.MinFreeBytes = DefaultMinFreeBytes
	}
	opts.Silence = cmp.Or(opts.Silence, DefaultSilence)
	scheme, _, isURL := strings.Cut(place, "://")
	switch {
	case place == "":
		return nil, recon.Errorf(recon.Invalid, "no place was given for the files")
	case !isURL:
		return openDir(place, opts)
	case scheme == "file":
		u, err := url.Parse(place)
		if err != nil || u.Host != "" || u.Path == "" {
			return nil, recon.Errorf(recon.Invalid, "%s is not of the form file:///path", place)
		}
		return openDir(u.Path, opts)
	case scheme == "s3" || scheme == "mem":
		return openBucket(ctx, place, opts)
	default:
		return nil, recon.Errorf(recon.Invalid, "files cannot be kept at %s://: use a directory, s3:// or mem://", scheme)
	}
}

var (
	validSHA256 = regexp.MustCompile(`^[0-9a-f]{64}$`)
	validWord   = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)
)

// contentKey is the path of content within a store; "" for what cannot be the name of content.
func contentKey(sha256 string) string {
	if !validSHA256.MatchString(sha256) {
		return ""
	}
	return dirContent + "/" + sha256[:2] + "/" + sha256
}

func checkPiece(name string) error {
	for word := range strings.SplitSeq(name, "/") {
		if !validWord.MatchString(word) || word == "." || word == ".." {
			return recon.Errorf(recon.Invalid, "%q cannot be the name of a piece", name)
		}
	}
	return nil
}

// checkPrefix allows what a name can begin with: "", whole words and a slash, or words of which the last may be incomplete.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	return checkPiece(prefix + "x") // completes the last word: "a/" and "a/." may begin a name
}

func noContent() error { return recon.Errorf(recon.NotFound, "there is no such content") }
func noPiece() error   { return recon.Errorf(recon.NotFound, "there is no such piece") }
