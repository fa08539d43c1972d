package dicomweb

import (
	"net/http"
	"strings"

	"github.com/closer-mri/closer/web/dicomweb/request"
)

// accepted is what the request accepts: the accept parameter, which stands in for the header (PS3.18 8.3.3.1), or the header.
// Nothing means everything.
func accepted(r *http.Request) []request.MediaRange {
	header := strings.Join(r.Header.Values("Accept"), ",")
	if parameter := r.URL.Query()["accept"]; len(parameter) > 0 {
		header = strings.Join(parameter, ",")
	}
	if ranges := request.ParseAccept(header); len(ranges) > 0 {
		return ranges
	}
	return []request.MediaRange{{Name: "*/*"}}
}

// choose returns the first of the offers that the best range covers, "" when none does.
func choose(r *http.Request, offers ...string) string {
	for _, m := range accepted(r) {
		for _, offer := range offers {
			if m.Covers(offer) {
				return offer
			}
		}
	}
	return ""
}

func acceptsJSON(r *http.Request) bool { return choose(r, dicomJSON, "application/json") != "" }

// packing is how bytes of a media type are sent.
type packing int

const (
	refused packing = iota
	multi           // parts of multipart/related
	single          // the body
)

// pack decides how bytes of a media type in a transfer syntax are sent.
func pack(r *http.Request, mediaType, syntax string) packing {
	for _, m := range accepted(r) {
		if ts := m.Params["transfer-syntax"]; ts != "" && ts != "*" && ts != syntax {
			continue
		}
		switch inner := strings.ToLower(m.Params["type"]); {
		case m.Name == "*/*", m.Name == "multipart/*":
			return multi
		case m.Name == "multipart/related" && (inner == "" || inner == "*/*" || inner == mediaType):
			return multi
		case m.Covers(mediaType):
			return single
		}
	}
	return refused
}
