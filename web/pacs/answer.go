package pacs

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxAnswer = 16 << 20 // bytes

// answer is what an archive says of the objects that it was sent (PS3.18 10.5.3).
type answer struct {
	Failed sequence `json:"00081198"`
	Stored sequence `json:"00081199"`
	silent bool     // it says nothing of any object
}

type sequence struct {
	Value []instance
}

// instance is what is said of one.
type instance struct {
	Reason struct{ Value []json.Number } `json:"00081197"`
}

// parseAnswer reads an answer in DICOM JSON, which some archives put into an array, or in XML. It returns nil for what is neither, and
// no answer of an archive: the page of a proxy that asks who is there comes with 200, too.
func parseAnswer(contentType string, text []byte) *answer {
	name, _, _ := mime.ParseMediaType(contentType)
	switch {
	case len(bytes.TrimSpace(text)) == 0:
		return &answer{silent: true}
	case name == dicomJSON, name == "application/json":
		var one answer
		if json.Unmarshal(text, &one) == nil {
			return &one
		}
		var some []answer
		if json.Unmarshal(text, &some) != nil {
			return nil
		}
		for _, a := range some {
			one.add(a)
		}
		return &one
	case name == "application/dicom+xml", name == "application/xml", name == "text/xml":
		return parseXML(text)
	}
	return nil
}

func (a *answer) add(other answer) {
	a.Failed.Value = append(a.Failed.Value, other.Failed.Value...)
	a.Stored.Value = append(a.Stored.Value, other.Stored.Value...)
}

// element is one of the Native DICOM Model (PS3.19 A.1).
type element struct {
	Tag    string        `xml:"tag,attr"`
	Values []json.Number `xml:"Value"`
	Items  []struct {
		Elements []element `xml:"DicomAttribute"`
	} `xml:"Item"`
}

// parseXML reads an answer in XML, which is silent when it is of another model.
func parseXML(text []byte) *answer {
	var model struct {
		Elements []element `xml:"DicomAttribute"`
	}
	if xml.Unmarshal(text, &model) != nil {
		return nil
	}
	a := &answer{silent: true}
	for _, e := range model.Elements {
		into := map[string]*sequence{"00081198": &a.Failed, "00081199": &a.Stored}[e.Tag]
		if into == nil {
			continue
		}
		a.silent = false
		for _, item := range e.Items {
			var o instance
			for _, e := range item.Elements {
				if e.Tag == "00081197" {
					o.Reason.Value = e.Values
				}
			}
			into.Value = append(into.Value, o)
		}
	}
	return a
}

// judgeAnswer returns nil when the archive has all n objects.
func judgeAnswer(status int, after time.Duration, said *answer, n int) error {
	switch status {
	case http.StatusOK, http.StatusAccepted, http.StatusConflict:
		switch {
		case said != nil && !said.silent:
			return said.judge(n)
		case status == http.StatusOK && said != nil:
			return nil // by the status alone
		case status == http.StatusOK:
			return &failure{reason: "what answers at the archive's address does not answer as STOW-RS does (200)", after: after}
		}
		return &failure{reason: fmt.Sprintf("the archive does not take all objects and does not say why (%d)", status), lasting: status == http.StatusConflict}
	case http.StatusBadRequest, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return &failure{reason: fmt.Sprintf("the archive refuses the request (%d)", status), lasting: true}
	case http.StatusUnauthorized, http.StatusForbidden:
		return &failure{reason: fmt.Sprintf("the archive refuses the credentials (%d)", status), after: after}
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return &failure{reason: fmt.Sprintf("there is no STOW-RS at the archive's address (%d)", status), after: after}
	}
	return &failure{reason: fmt.Sprintf("the archive answers %d", status), after: after}
}

// judge returns nil when all n objects are stored, now or before.
func (a *answer) judge(n int) error {
	has, lasting := len(a.Stored.Value), true
	reasons := map[string]int{}
	for _, object := range a.Failed.Value {
		code := uint64(processingFailure)
		if len(object.Reason.Value) > 0 {
			if c, err := strconv.ParseUint(object.Reason.Value[0].String(), 10, 16); err == nil {
				code = c
			}
		}
		if code == duplicateInstance {
			has++
			continue
		}
		text, stays := reason(code)
		reasons[fmt.Sprintf("%s (%04X)", text, code)]++
		lasting = lasting && stays
	}
	switch {
	case len(reasons) > 0:
		var list []string
		for _, text := range slices.Sorted(maps.Keys(reasons)) {
			list = append(list, fmt.Sprintf("%d of %d objects: %s", reasons[text], n, text))
		}
		return &failure{reason: "the archive does not take " + strings.Join(list, ", "), lasting: lasting}
	case has < n:
		return &failure{reason: fmt.Sprintf("the archive confirms only %d of %d objects", has, n)}
	}
	return nil
}

// Failure reasons (PS3.18 table I.2-2, PS3.7 annex C).
const (
	processingFailure = 0x0110
	duplicateInstance = 0x0111 // the archive has the object
)

// reason says a failure reason in words, and whether it lasts.
func reason(code uint64) (text string, lasting bool) {
	switch {
	case code == processingFailure:
		return "processing failure", false
	case code == 0x0122:
		return "the class of objects is not supported", true
	case code == 0x0124:
		return "not authorized", false
	case code>>8 == 0xA7:
		return "out of resources", false
	case code>>8 == 0xA9:
		return "not an object of its class", true
	case code == 0xC122:
		return "the transfer syntax is not supported", true
	case code>>12 == 0xC:
		return "not understood", true
	}
	return "unknown reason", false
}
