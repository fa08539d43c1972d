package dicomio

import (
	"bytes"
	"strings"
	"unicode/utf8"

	codings "golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// codeSet is a set of characters that stands in one half of the code table: G0 has the bytes below 0x80, G1 the others (PS3.5 6.1.2).
type codeSet struct {
	number string // in the ISO registry, with which the defined terms of SpecificCharacterSet end
	escape string // what follows ESC to invoke it
	half   int    // 0 for G0, 1 for G1
	size   int    // of a character, in bytes
	rune   func(c []byte) rune
}

// codeSets are those of PS3.3 tables C.12-2 to C.12-4. ISO-IR 14 differs from ASCII in 5C, which delimits values there too, and 7E.
var codeSets = []codeSet{
	{"6", "(B", 0, 1, func(c []byte) rune { return rune(c[0]) }},
	{"14", "(J", 0, 1, func(c []byte) rune { return rune(c[0]) }},
	{"13", ")I", 1, 1, halfWidthKatakana},
	{"100", "-A", 1, 1, single(charmap.ISO8859_1)},
	{"101", "-B", 1, 1, single(charmap.ISO8859_2)},
	{"109", "-C", 1, 1, single(charmap.ISO8859_3)},
	{"110", "-D", 1, 1, single(charmap.ISO8859_4)},
	{"126", "-F", 1, 1, single(charmap.ISO8859_7)},
	{"127", "-G", 1, 1, single(charmap.ISO8859_6)},
	{"138", "-H", 1, 1, single(charmap.ISO8859_8)},
	{"144", "-L", 1, 1, single(charmap.ISO8859_5)},
	{"148", "-M", 1, 1, single(charmap.ISO8859_9)},
	{"166", "-T", 1, 1, single(charmap.Windows874)},
	{"203", "-b", 1, 1, single(charmap.ISO8859_15)},
	{"87", "$B", 0, 2, double(japanese.EUCJP)},
	{"159", "$(D", 0, 2, double(japanese.EUCJP, 0x8F)},
	{"149", "$)C", 1, 2, double(korean.EUCKR)},
	{"58", "$)A", 1, 2, double(simplifiedchinese.GBK)},
}

func halfWidthKatakana(c []byte) rune {
	if c[0] < 0xA1 || c[0] > 0xDF {
		return utf8.RuneError
	}
	return '\uFF61' + rune(c[0]-0xA1)
}

func single(m *charmap.Charmap) func([]byte) rune {
	return func(c []byte) rune { return m.DecodeByte(c[0]) }
}

// double decodes characters of two bytes by an encoding that has them with their high bits set, behind a prefix.
func double(e codings.Encoding, prefix ...byte) func([]byte) rune {
	return func(c []byte) rune {
		out, _ := e.NewDecoder().Bytes(append(bytes.Clone(prefix), c[0]|0x80, c[1]|0x80))
		r, _ := utf8.DecodeRune(out) // U+FFFD first where there is no such character
		return r
	}
}

// charset decodes the texts of a data set: either all of a value at once, or by code sets.
type charset struct {
	whole   codings.Encoding // nil when there are code sets, or for UTF-8
	utf8    bool
	initial [2]*codeSet // G0 and G1 where a text begins; G1 is nil when no set is named for it
}

// newCharset reads the value of SpecificCharacterSet, the defined terms of PS3.3 C.12.1.1.2. A set that is not known is taken for
// none: it must not keep anybody from the images. Escape sequences are followed whether or not their sets are named.
func newCharset(value []byte) charset {
	first := texts(value)[0]
	c := charset{initial: [2]*codeSet{&codeSets[0], nil}}
	switch name := first[strings.LastIndexAny(first, " _-")+1:]; name {
	case "192":
		c.utf8 = true
	case "GB18030", "GBK":
		c.whole = simplifiedchinese.GB18030 // GBK is a part of it
	default:
		for i, set := range codeSets {
			if set.half == 1 && set.number == name {
				c.initial[1] = &codeSets[i]
			}
		}
	}
	return c
}

// decode turns the value of an element of a VR into UTF-8, delimiters included. What is no character becomes U+FFFD.
func (c charset) decode(value []byte, vr string) string {
	switch {
	case c.utf8:
		return strings.ToValidUTF8(string(value), "\uFFFD")
	case c.whole != nil:
		out, _ := c.whole.NewDecoder().Bytes(value) // the decoder of GB18030 knows no error
		return string(out)
	}
	const esc = 0x1B
	delimiters, out, halves := delimitersOf(vr), []byte{}, c.initial
	for len(value) > 0 {
		b, set := value[0], halves[value[0]>>7]
		n := 1
		switch {
		case b == esc:
			if invoked := escaped(value[1:]); invoked != nil {
				halves[invoked.half] = invoked
				n += len(invoked.escape)
			} else {
				out = utf8.AppendRune(out, utf8.RuneError)
			}
		case set == nil:
			var r rune
			if r, n = utf8.DecodeRune(value); r == utf8.RuneError {
				r = rune(b) // Latin-1, as most who name no set mean
			}
			out = utf8.AppendRune(out, r)
		case b <= ' ' || set.size == 1 && b < 0x80: // a space or control character is the same in all sets
			out = append(out, b)
			if b < ' ' || strings.IndexByte(delimiters, b) >= 0 {
				halves = c.initial // PS3.5 6.1.2.5.3
			}
		case set.size == 2 && (len(value) < 2 || value[1]>>7 != b>>7 || value[1]&0x7F <= ' '):
			out = utf8.AppendRune(out, utf8.RuneError)
		default:
			n = set.size
			out = utf8.AppendRune(out, set.rune(value[:n]))
		}
		value = value[n:]
	}
	return string(out)
}

// escaped is the code set whose escape sequence begins text, nil when there is none.
func escaped(text []byte) *codeSet {
	for i, set := range codeSets {
		if bytes.HasPrefix(text, []byte(set.escape)) {
			return &codeSets[i]
		}
	}
	return nil
}

// delimitersOf are the characters that separate the parts of a text.
func delimitersOf(vr string) string {
	switch vr {
	case "PN":
		return `\^=`
	case "LT", "ST", "UT", "UR": // one value, in which a backslash is a character
		return ""
	}
	return `\`
}

// texts are the values of an element of a VR in UTF-8, without their padding.
func (c charset) texts(value []byte, vr string) []string {
	return texts([]byte(c.decode(value, vr)))
}
