package mrd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Kind is what a message is.
type Kind uint16

// The messages of the protocol.
const (
	ConfigFile  Kind = 1 // name of a configuration that the server is to have
	ConfigText  Kind = 2
	Header      Kind = 3 // ISMRMRD XML
	Close       Kind = 4 // nothing follows from this side
	Text        Kind = 5 // about progress
	Acquisition Kind = 1008
	Image       Kind = 1022
	Waveform    Kind = 1026 // of the heart and the like
)

// Sizes, in bytes, of what has a fixed one, and the bounds of what has not.
const (
	HeadSize     = 340 // of an acquisition
	configSize   = 1024
	waveformHead = 40
	maxText      = 4 << 20
	maxReadout   = 32 << 20 // 512 coils of 8192 samples
)

// Message is one message.
type Message struct {
	Kind Kind
	Body []byte // a text, or an acquisition with its header; valid until the next message is read
}

// Readout parts an acquisition's Body: its header of HeadSize bytes, its trajectory, and its samples (coils, samples) of complex64.
func (m Message) Readout() (head, trajectory, samples []byte) {
	head, rest := m.Body[:HeadSize], m.Body[HeadSize:]
	n, _ := readoutSizes(head)
	return head, rest[:n], rest[n:]
}

// readoutSizes are those of the trajectory and of the samples of a readout.
func readoutSizes(head []byte) (trajectory, samples int) {
	field := func(at int) int { return int(binary.LittleEndian.Uint16(head[at:])) }
	n, coils, dimensions := field(34), field(38), field(176) // number_of_samples, active_channels, trajectory_dimensions
	return 4 * n * dimensions, 8 * n * coils
}

// Reader reads the messages of one side of a session.
type Reader struct {
	from io.Reader
	body []byte
}

// NewReader returns a Reader of a stream, which it reads no further than asked.
func NewReader(from io.Reader) *Reader { return &Reader{from: from} }

// Next returns the next message. A stream that ends between messages is io.EOF, in one io.ErrUnexpectedEOF. It allocates no more than a
// message may have, whatever its header says.
func (r *Reader) Next() (Message, error) {
	r.body = r.body[:0]
	head, err := r.take(2)
	if err != nil {
		return Message{}, err
	}
	kind := Kind(binary.LittleEndian.Uint16(head))
	r.body = r.body[:0]
	switch kind {
	case Close:
	case ConfigFile:
		_, err = r.take(configSize)
	case ConfigText, Header, Text:
		err = r.text(kind)
	case Acquisition:
		if head, err = r.take(HeadSize); err == nil {
			trajectory, samples := readoutSizes(head)
			err = r.rest(kind, trajectory+samples)
		}
	case Waveform:
		if head, err = r.take(waveformHead); err == nil {
			err = r.rest(kind, 4*int(binary.LittleEndian.Uint16(head[28:]))*int(binary.LittleEndian.Uint16(head[30:])))
		}
	case Image:
		return Message{}, errors.New("an image was sent; expected k-space")
	default:
		return Message{}, fmt.Errorf("a message of kind %d was sent, which the MRD protocol does not have", kind)
	}
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return Message{kind, r.body}, err
}

// take appends n bytes to the body and returns them.
func (r *Reader) take(n int) ([]byte, error) {
	at := len(r.body)
	r.body = append(r.body, make([]byte, n)...)
	_, err := io.ReadFull(r.from, r.body[at:])
	return r.body[at:], err
}

// text reads a text behind its length, which is no part of the body.
func (r *Reader) text(kind Kind) error {
	length, err := r.take(4)
	if err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(length)
	if n > maxText {
		return fmt.Errorf("a text (message %d) has %d bytes; expected at most %d", kind, n, maxText)
	}
	r.body = r.body[:0]
	_, err = r.take(int(n))
	return err
}

func (r *Reader) rest(kind Kind, n int) error {
	if n > maxReadout {
		return fmt.Errorf("a readout (message %d) has %d bytes; expected at most %d", kind, n, maxReadout)
	}
	_, err := r.take(n)
	return err
}

// WriteText sends a text for the other side's log.
func WriteText(to io.Writer, text string) error {
	b := binary.LittleEndian.AppendUint16(nil, uint16(Text))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	_, err := to.Write(append(b, text...))
	return err
}

// WriteClose says that nothing follows.
func WriteClose(to io.Writer) error {
	_, err := to.Write(binary.LittleEndian.AppendUint16(nil, uint16(Close)))
	return err
}
