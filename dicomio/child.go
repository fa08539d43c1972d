package dicomio

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"math"
	"os"

	"github.com/closer-mri/closer/internal/sandbox"
	"github.com/closer-mri/closer/recon"
)

// task is the name of Parse in the sandbox.
const task = "dicom"

func init() { sandbox.Register(task, serve) }

// The memory of the child: the file, its inflated form, and its pixels as float32.
var childLimits = sandbox.Limits{Memory: 4 << 30}

// maxReply bounds the description of one instance in a reply, in bytes.
const maxReply = 64 << 20

// reply is what the child answers: an error text, or an instance whose pixels follow as little-endian float32.
type reply struct {
	Error    string `json:",omitempty"`
	Decode   int    `json:",omitempty"` // bytes of an object that follows and that the parent is to decode before it goes on
	Instance Instance
	Frames   int
}

// serve is the child's side: for every file, its length and bytes in, the length of a reply, the reply and its pixels out.
func serve(_ *os.File, in io.Reader, out io.Writer) error {
	for {
		var n uint64
		if err := binary.Read(in, binary.LittleEndian, &n); err != nil {
			return nil // the parent has no more files
		}
		if n > MaxFile {
			return errors.New("the DICOM file is too large")
		}
		file := make([]byte, n)
		if _, err := io.ReadFull(in, file); err != nil {
			return nil
		}
		w := bufio.NewWriterSize(out, 1<<16)
		instance, err := parse(file, func(object []byte) ([]byte, error) { return askParent(in, w, object) })
		if err := answer(w, instance, err); err != nil {
			return errors.New("the DICOM file cannot be passed on")
		}
		if err := w.Flush(); err != nil {
			return nil
		}
	}
}

// askParent has the parent decode the pixels of an object.
func askParent(in io.Reader, out *bufio.Writer, object []byte) ([]byte, error) {
	if err := describeReply(out, reply{Decode: len(object)}); err != nil {
		return nil, err
	}
	out.Write(object)
	if err := out.Flush(); err != nil {
		return nil, err
	}
	var n uint64
	if err := binary.Read(in, binary.LittleEndian, &n); err != nil {
		return nil, err
	}
	raw := make([]byte, n)
	_, err := io.ReadFull(in, raw)
	return raw, err
}

// answer writes a reply.
func answer(w io.Writer, instance Instance, parseErr error) error {
	r := reply{Instance: instance, Frames: len(instance.Frames)}
	if parseErr != nil {
		r.Error = parseErr.Error()
	}
	if err := describeReply(w, r); err != nil {
		return err
	}
	var row []byte
	for _, frame := range instance.Frames {
		row = row[:0]
		for _, v := range frame.Pixels {
			row = binary.LittleEndian.AppendUint32(row, math.Float32bits(v))
		}
		if _, err := w.Write(row); err != nil {
			return err
		}
	}
	return nil
}

// describeReply writes the head of a reply.
func describeReply(w io.Writer, r reply) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := binary.Write(w, binary.LittleEndian, uint32(len(text))); err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// child parses files in one sandboxed process, started at the first.
type child struct{ process *sandbox.Process }

// Close ends the process.
func (c *child) Close() {
	if c.process != nil {
		c.process.Close()
		c.process = nil
	}
}

// parse is Parse in the child. f is any open file that the child may read.
func (c *child) parse(ctx context.Context, f *os.File, data []byte) (Instance, error) {
	if c.process == nil {
		p, err := sandbox.Start(ctx, task, f, childLimits)
		if err != nil {
			return Instance{}, ended(err)
		}
		c.process = p
	}
	var instance Instance
	err := c.process.Do(ctx, func(r io.Reader, w io.Writer) error {
		if err := binary.Write(w, binary.LittleEndian, uint64(len(data))); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
		var object []byte
		var err error
		if instance, object, err = receive(r); err != nil || object == nil {
			return err
		}
		raw, failed := decompress(ctx, object)
		if err := binary.Write(w, binary.LittleEndian, uint64(len(raw))); err != nil { // none when it failed
			return err
		}
		if _, err := w.Write(raw); err != nil {
			return err
		}
		instance, object, err = receive(r)
		switch {
		case failed != nil && err != nil:
			return failed // says more than the child can
		case object != nil:
			return garbled
		}
		return err
	})
	return instance, ended(err)
}

var garbled = refuse("the file could not be read safely: the reader's answer is not valid")

// receive reads a reply: an instance, or an object to be decoded.The child has parsed a hostile file and may be in its hands, so nothing that it says is taken on
// trust.
func receive(r io.Reader) (Instance, []byte, error) {
	var n uint32
	if err := binary.Read(r, binary.LittleEndian, &n); err != nil {
		return Instance{}, nil, err
	}
	if n > maxReply {
		return Instance{}, nil, garbled
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return Instance{}, nil, err
	}
	var answer reply
	if err := json.Unmarshal(text, &answer); err != nil {
		return Instance{}, nil, garbled
	}
	if answer.Error != "" {
		return Instance{}, nil, refuse("%.500s", answer.Error)
	}
	if answer.Decode < 0 || answer.Decode > MaxFile {
		return Instance{}, nil, garbled
	}
	if answer.Decode > 0 {
		object := make([]byte, answer.Decode)
		_, err := io.ReadFull(r, object)
		return Instance{}, object, err
	}
	in := answer.Instance
	if in.Rows < 1 || in.Cols < 1 || in.Rows > math.MaxUint16 || in.Cols > math.MaxUint16 ||
		answer.Frames != len(in.Frames) || len(in.Frames) > maxPixels/(in.Rows*in.Cols) {
		return Instance{}, nil, garbled
	}
	raw := make([]byte, 4*in.Rows*in.Cols)
	for i := range in.Frames {
		if _, err := io.ReadFull(r, raw); err != nil {
			return Instance{}, nil, err
		}
		pixels := make([]float32, in.Rows*in.Cols)
		for k := range pixels {
			pixels[k] = math.Float32frombits(binary.LittleEndian.Uint32(raw[4*k:]))
		}
		in.Frames[i].Pixels = pixels
	}
	return in, nil, nil
}

// ended turns the end of a child into an error for users.
func ended(err error) error {
	var e *sandbox.Error
	var said *recon.Error
	if errors.As(err, &said) || !errors.As(err, &e) {
		return err
	}
	code := recon.Invalid
	switch e.Reason {
	case sandbox.Canceled:
		code = recon.Canceled
	case sandbox.Setup, sandbox.Stalled:
		code = recon.Unavailable
	}
	return &recon.Error{Code: code, Message: e.Message, Cause: err}
}
