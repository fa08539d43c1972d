package recon

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Checkpoint keeps the finished slices of a run that may end early, so that the next run of the same scan and recipe goes on from
// them. Its methods are called from one goroutine.
type Checkpoint interface {
	// Load returns what Save was given for slice index of the scan, and false when there is none.
	Load(ctx context.Context, method Method, index int) (SliceResult, bool, error)
	Save(ctx context.Context, method Method, index int, result SliceResult) error
}

// slicePieces begins the names of all pieces of JobCheckpoints.
const slicePieces = "slices/"

// JobCheckpoint keeps the slices of one job as pieces in a blob store, where a worker on any host finds them.
type JobCheckpoint struct {
	Blobs    Blobs
	Job      string // ID
	Software Software
}

var _ Checkpoint = JobCheckpoint{}

// Load implements Checkpoint. A piece that cannot be read back counts as absent: its slice is computed again.
func (c JobCheckpoint) Load(ctx context.Context, method Method, index int) (SliceResult, bool, error) {
	var result SliceResult
	data, err := c.Blobs.Piece(ctx, c.piece(method, index))
	switch {
	case CodeOf(err) == NotFound:
		return result, false, nil
	case err != nil:
		return result, false, fmt.Errorf("load a finished slice: %w", err)
	}
	sum, body, ok := bytes.Cut(data, []byte("\n"))
	var saved savedSlice
	if !ok || string(sum) != digest(body) || gob.NewDecoder(bytes.NewReader(body)).Decode(&saved) != nil {
		return SliceResult{}, false, nil
	}
	return saved.result(), true, nil
}

// Save implements Checkpoint.
func (c JobCheckpoint) Save(ctx context.Context, method Method, index int, result SliceResult) error {
	const head = 2*sha256.Size + len("\n")
	piece := bytes.NewBuffer(make([]byte, head, 4096+4*(len(result.Magnitude)+len(result.Spread))))
	if err := gob.NewEncoder(piece).Encode(newSavedSlice(result)); err != nil {
		return fmt.Errorf("encode a finished slice: %w", err)
	}
	data := piece.Bytes()
	copy(data, digest(data[head:])+"\n")
	if err := c.Blobs.PutPiece(ctx, c.piece(method, index), data); err != nil {
		return fmt.Errorf("store a finished slice: %w", err)
	}
	return nil
}

// savedSlice is a SliceResult with its pixels as bytes, which gob takes as they are: numbers it would pack one by one.
type savedSlice struct {
	Result            SliceResult // without pixels
	Magnitude, Spread []byte      // float32, little endian
}

func newSavedSlice(r SliceResult) savedSlice {
	s := savedSlice{Magnitude: pack(r.Magnitude), Spread: pack(r.Spread)}
	r.Magnitude, r.Spread = nil, nil
	s.Result = r
	return s
}

func (s savedSlice) result() SliceResult {
	r := s.Result
	r.Magnitude, r.Spread = unpack(s.Magnitude), unpack(s.Spread)
	return r
}

func pack(v []float32) []byte {
	b, err := binary.Append(nil, binary.LittleEndian, v)
	if err != nil {
		panic(err) // float32 has a size
	}
	return b
}

// unpack is the inverse of pack; of nothing it is nil.
func unpack(b []byte) []float32 {
	if len(b) == 0 {
		return nil
	}
	v := make([]float32, len(b)/4)
	if _, err := binary.Decode(b, binary.LittleEndian, v); err != nil {
		panic(err) // there are as many bytes
	}
	return v
}

// Clear deletes the slices of the job.
func (c JobCheckpoint) Clear(ctx context.Context) error {
	return c.Blobs.DeletePieces(ctx, slicePieces+c.Job+"/")
}

// piece names a slice. What it was made with is part of it: two workers may be of other versions, or have other networks, devices or
// precisions, and the report names one of each.
func (c JobCheckpoint) piece(method Method, index int) string {
	made, err := json.Marshal(struct {
		Made
		Software
	}{method.Made(), c.Software})
	if err != nil {
		panic(err) // both always have a JSON form
	}
	return fmt.Sprintf("%s%s/%s/%s/%d", slicePieces, c.Job, method.Name, digest(made)[:16], index)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
