package dicomweb

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// mediaRange is one entry of an Accept header.
type mediaRange struct {
	name   string            // lower case, "multipart/related" or "*/*"
	params map[string]string // names in lower case, values unquoted
	q      float64
}

// parseAccept reads an Accept header, best first. It takes what clients send: parameters quoted or not, although
// type=application/dicom must be quoted by the letter.
func parseAccept(header string) []mediaRange {
	var all []mediaRange
	for _, entry := range splitUnquoted(header, ',') {
		parts := splitUnquoted(entry, ';')
		m := mediaRange{name: strings.ToLower(strings.TrimSpace(parts[0])), params: map[string]string{}, q: 1}
		if m.name == "" {
			continue
		}
		for _, part := range parts[1:] {
			name, value, _ := strings.Cut(part, "=")
			name, value = strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`)
			m.params[name] = value
			if q, err := strconv.ParseFloat(value, 64); name == "q" && err == nil {
				m.q = q
			}
		}
		if m.q > 0 {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b mediaRange) int {
		switch {
		case a.q > b.q:
			return -1
		case a.q < b.q:
			return 1
		}
		return 0
	})
	return all
}

// splitUnquoted splits s at a separator outside quotes.
func splitUnquoted(s string, separator byte) []string {
	var parts []string
	quoted, start := false, 0
	for i := range len(s) {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == separator && !quoted:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// accepted is what the request accepts: the accept parameter, which stands in for the header (PS3.18 8.3.3.1), or the header.
// Nothing means everything.
func accepted(r *http.Request) []mediaRange {
	header := strings.Join(r.Header.Values("Accept"), ",")
	if parameter := r.URL.Query()["accept"]; len(parameter) > 0 {
		header = strings.Join(parameter, ",")
	}
	if ranges := parseAccept(header); len(ranges) > 0 {
		return ranges
	}
	return []mediaRange{{name: "*/*"}}
}

// covers reports whether the range covers a media type such as image/png.
func (m mediaRange) covers(mediaType string) bool {
	major, _, _ := strings.Cut(mediaType, "/")
	return m.name == mediaType || m.name == "*/*" || m.name == major+"/*"
}

// choose returns the first of the offers that the best range covers, "" when none does.
func choose(r *http.Request, offers ...string) string {
	for _, m := range accepted(r) {
		for _, offer := range offers {
			if m.covers(offer) {
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
		if ts := m.params["transfer-syntax"]; ts != "" && ts != "*" && ts != syntax {
			continue
		}
		switch inner := strings.ToLower(m.params["type"]); {
		case m.name == "*/*", m.name == "multipart/*":
			return multi
		case m.name == "multipart/related" && (inner == "" || inner == "*/*" || inner == mediaType):
			return multi
		case m.covers(mediaType):
			return single
		}
	}
	return refused
}
