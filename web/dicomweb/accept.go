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

// pack decides how bytes of a media type in a transfer syntax are sent, where a range that names no syntax takes every one.
func pack(r *http.Request, mediaType, syntax string) packing {
	return packWhere(r, mediaType, func(ts string) bool { return ts == "" || ts == "*" || ts == syntax })
}

// packAs is pack for a syntax that the client must name, or *.
func packAs(r *http.Request, mediaType, syntax string) packing {
	return packWhere(r, mediaType, func(ts string) bool { return ts == "*" || ts == syntax })
}

func packWhere(r *http.Request, mediaType string, takes func(syntax string) bool) packing {
	for _, m := range accepted(r) {
		if !takes(m.Params["transfer-syntax"]) {
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
