package pacs

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

const maxAnswer = 16 << 20 // bytes

// answer is what an archive says of the objects that it was sent (PS3.18 10.5.3).
type answer struct {
	Failed sequence `json:"00081198"`
	Stored sequence `json:"00081199"`
}

type sequence struct {
	Value []struct {
		Reason struct{ Value []uint16 } `json:"00081197"`
	}
}

// parseAnswer returns nil for an answer that says nothing in DICOM JSON.
func parseAnswer(contentType string, text []byte) *answer {
	var a answer
	if !isJSON(contentType) || json.Unmarshal(text, &a) != nil {
		return nil
	}
	return &a
}

// judgeAnswer returns nil when the archive has all n objects.
func judgeAnswer(status int, after time.Duration, said *answer, n int) error {
	switch status {
	case http.StatusOK, http.StatusAccepted, http.StatusConflict:
		if said != nil {
			return said.judge(n)
		}
		if status == http.StatusOK {
			return nil // by the status alone: some archives answer in XML
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
		code := uint16(processingFailure)
		if len(object.Reason.Value) > 0 {
			code = object.Reason.Value[0]
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
func reason(code uint16) (text string, lasting bool) {
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
