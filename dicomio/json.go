package dicomio

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Attributes is a data set in the DICOM JSON model (PS3.18 annex F): elements by tag, eight upper-case hexadecimal digits.
type Attributes map[string]Attribute

// Attribute is one element of the DICOM JSON model. At most one of Value, InlineBinary and BulkDataURI is set; none when the
// element is empty.
type Attribute struct {
	VR           string `json:"vr"`
	Value        []any  `json:"Value,omitempty"` // string, json.Number, PersonName, Attributes, or nil for an empty one of several
	InlineBinary string `json:"InlineBinary,omitempty"`
	BulkDataURI  string `json:"BulkDataURI,omitempty"`
}

// PersonName is a value of VR PN, by component group (PS3.5 6.2.1.2).
type PersonName struct {
	Alphabetic  string `json:"Alphabetic,omitempty"`
	Ideographic string `json:"Ideographic,omitempty"`
	Phonetic    string `json:"Phonetic,omitempty"`
}

const specificCharacterSet = 0x00080005

// JSON returns the data set in the DICOM JSON model, its texts in UTF-8. Values that ReadDataSet left out, and pixels, are
// bulk data; their URI is bulk of their place: "7FE00010", or "00400555/2/00409000" for an element of the second item of a
// sequence.
func (d DataSet) JSON(bulk func(place string) string) Attributes {
	return d.json(bulk, "", newCharset(nil))
}

// json is JSON for the data set at a place, in the character sets of the data set around it unless it names its own.
func (d DataSet) json(bulk func(string) string, place string, c charset) Attributes {
	out := make(Attributes, len(d.Elements))
	if e, ok := d.Find(specificCharacterSet); ok {
		c = newCharset(e.Value)
	}
	for _, e := range d.Elements {
		if e.Tag&0xFFFF == 0 { // group lengths say nothing of the object (F.2.2)
			continue
		}
		key := fmt.Sprintf("%08X", e.Tag)
		a := Attribute{VR: e.VR}
		switch {
		case e.Tag == specificCharacterSet:
			a.Value = []any{"ISO_IR 192"}
		case e.VR == "SQ":
			for i, item := range e.Items {
				a.Value = append(a.Value, item.json(bulk, fmt.Sprintf("%s%s/%d/", place, key, i+1), c))
			}
		case e.Length > 0 && (len(e.Value) == 0 || key == "7FE00010" || key == "7FE00008" || key == "7FE00009"):
			a.BulkDataURI = bulk(place + key)
		case len(e.Value) > 0:
			a.fill(e, d.order, c)
		}
		out[key] = a
	}
	return out
}

// fill sets the value of an element that is neither a sequence nor bulk data (PS3.18 table F.2.3-1).
func (a *Attribute) fill(e Element, order byteOrder, c charset) {
	numbers := func(size int, number func(b []byte) any) {
		for b := e.Value; len(b) >= size; b = b[size:] {
			a.Value = append(a.Value, number(b))
		}
	}
	switch e.VR {
	case "AT":
		numbers(4, func(b []byte) any { return fmt.Sprintf("%04X%04X", order.Uint16(b), order.Uint16(b[2:])) })
	case "US":
		numbers(2, func(b []byte) any { return integer(int64(order.Uint16(b))) })
	case "SS":
		numbers(2, func(b []byte) any { return integer(int64(int16(order.Uint16(b)))) })
	case "UL":
		numbers(4, func(b []byte) any { return integer(int64(order.Uint32(b))) })
	case "SL":
		numbers(4, func(b []byte) any { return integer(int64(int32(order.Uint32(b)))) })
	case "UV":
		numbers(8, func(b []byte) any { return json.Number(strconv.FormatUint(order.Uint64(b), 10)) })
	case "SV":
		numbers(8, func(b []byte) any { return integer(int64(order.Uint64(b))) })
	case "FL":
		numbers(4, func(b []byte) any { return float(float64(math.Float32frombits(order.Uint32(b))), 32) })
	case "FD":
		numbers(8, func(b []byte) any { return float(math.Float64frombits(order.Uint64(b)), 64) })
	case "OB", "OD", "OF", "OL", "OV", "OW", "UN":
		a.InlineBinary = base64.StdEncoding.EncodeToString(DataSet{order: order}.LittleEndian(e)) // F.2.7
	case "ST", "LT", "UT", "UR": // one value, in which a backslash is a character
		a.Value = []any{strings.TrimRight(c.decode(e.Value, e.VR), " \x00")}
	case "PN":
		for _, s := range c.texts(e.Value, e.VR) {
			group := strings.SplitN(s+"==", "=", 4)
			a.Value = append(a.Value, orNull(PersonName{group[0], group[1], group[2]}, s))
		}
	case "DS", "IS":
		for _, s := range texts(e.Value) {
			a.Value = append(a.Value, orNull(decimalNumber(s), s))
		}
	default:
		for _, s := range c.texts(e.Value, e.VR) {
			a.Value = append(a.Value, orNull(s, s))
		}
	}
	if len(a.Value) == 1 && (a.Value[0] == nil || a.Value[0] == "") {
		a.Value = nil
	}
}

// orNull is v, or nil where the text it comes from is empty (F.2.5).
func orNull(v any, from string) any {
	if from == "" {
		return nil
	}
	return v
}

func integer(v int64) any { return json.Number(strconv.FormatInt(v, 10)) }

// float is a number, or the text that stands for what JSON numbers cannot say.
func float(v float64, bits int) any {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64), "+")
	}
	return json.Number(strconv.FormatFloat(v, 'g', -1, bits))
}

// decimalNumber is the number that a DS or IS holds, or its text when it holds none.
func decimalNumber(s string) any {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(v, 0) || math.IsNaN(v) {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	if json.Valid([]byte(s)) {
		return json.Number(s)
	}
	return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
}

// texts are the values of a text that may have several, without their padding.
func texts(value []byte) []string {
	all := strings.Split(string(value), `\`)
	for i := range all {
		all[i] = strings.Trim(all[i], " \x00")
	}
	return all
}
