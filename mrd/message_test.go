package mrd

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"
)

// session is one of every message that is read, as a client sends them.
func session() []byte {
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) }
	put(ConfigFile)
	b.Write(make([]byte, configSize))
	for _, kind := range []Kind{ConfigText, Header, Text} {
		put(kind)
		put(uint32(5))
		b.WriteString("words")
	}
	readout := make([]byte, HeadSize)
	readout[34], readout[38], readout[176] = 3, 2, 1 // samples, coils, dimensions of the trajectory
	put(Acquisition)
	b.Write(readout)
	b.Write(bytes.Repeat([]byte{1}, 3*4))
	b.Write(bytes.Repeat([]byte{2}, 3*2*8))
	waveform := make([]byte, waveformHead)
	waveform[28], waveform[30] = 4, 2
	put(Waveform)
	b.Write(waveform)
	b.Write(make([]byte, 4*2*4))
	put(Close)
	return b.Bytes()
}

func TestSession(t *testing.T) {
	in := NewReader(bytes.NewReader(append(session(), "behind it"...)))
	for _, want := range []Message{
		{ConfigFile, make([]byte, 1024)}, {ConfigText, []byte("words")}, {Header, []byte("words")}, {Text, []byte("words")},
		{Kind: Acquisition}, {Kind: Waveform}, {Kind: Close},
	} {
		m, err := in.Next()
		if err != nil || m.Kind != want.Kind || want.Body != nil && !bytes.Equal(m.Body, want.Body) {
			t.Fatalf("got %v %q, %v; want %v %q", m.Kind, m.Body, err, want.Kind, want.Body)
		}
		if m.Kind == Acquisition {
			head, trajectory, samples := m.Readout()
			if len(head) != HeadSize || !bytes.Equal(trajectory, bytes.Repeat([]byte{1}, 12)) || !bytes.Equal(samples, bytes.Repeat([]byte{2}, 48)) {
				t.Errorf("the readout is %d, %v and %v", len(head), trajectory, samples)
			}
		}
	}
}

// A stream that ends between messages has ended; in a message it was cut.
func TestCutSession(t *testing.T) {
	whole := session()
	ends := map[int]bool{0: true}
	for in, r := NewReader(nil), bytes.NewReader(whole); r.Len() > 0; {
		in.from = r
		if _, err := in.Next(); err != nil {
			t.Fatal(err)
		}
		ends[len(whole)-r.Len()] = true
	}
	for n := range whole {
		in, err := NewReader(bytes.NewReader(whole[:n])), error(nil)
		for err == nil {
			_, err = in.Next()
		}
		if want := map[bool]error{true: io.EOF, false: io.ErrUnexpectedEOF}[ends[n]]; !errors.Is(err, want) || !ends[n] && errors.Is(err, io.EOF) {
			t.Errorf("cut after %d bytes: %v, want %v", n, err, want)
		}
	}
}

// FuzzReader: whatever comes, it ends, no message is larger than it may be, and a readout has its three parts.
func FuzzReader(f *testing.F) {
	f.Add(session())
	f.Add([]byte{3, 0, 255, 255, 255, 255})
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := NewReader(bytes.NewReader(stream))
		for {
			m, err := in.Next()
			if err != nil {
				return
			}
			if len(m.Body) > HeadSize+maxReadout {
				t.Fatalf("a message of %d bytes", len(m.Body))
			}
			if m.Kind == Acquisition {
				if head, trajectory, samples := m.Readout(); len(head)+len(trajectory)+len(samples) != len(m.Body) {
					t.Fatal("a readout with something left over")
				}
			}
		}
	})
}
