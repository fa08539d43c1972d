package request

import (
	"slices"
	"strconv"
	"strings"
)

// MediaRange is one entry of an Accept header.
type MediaRange struct {
	Name   string            // lower case, "multipart/related" or "*/*"
	Params map[string]string // names in lower case, values unquoted
	Q      float64
}

// ParseAccept reads an Accept header, best first. It takes what clients send: parameters quoted or not, although
// type=application/dicom must be quoted by the letter.
func ParseAccept(header string) []MediaRange {
	var all []MediaRange
	for _, entry := range splitUnquoted(header, ',') {
		parts := splitUnquoted(entry, ';')
		m := MediaRange{Name: strings.ToLower(strings.TrimSpace(parts[0])), Params: map[string]string{}, Q: 1}
		if m.Name == "" {
			continue
		}
		for _, part := range parts[1:] {
			name, value, _ := strings.Cut(part, "=")
			name, value = strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`)
			m.Params[name] = value
			if q, err := strconv.ParseFloat(value, 64); name == "q" && err == nil {
				m.Q = min(q, 1)
			}
		}
		if m.Q > 0 {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b MediaRange) int {
		switch {
		case a.Q > b.Q:
			return -1
		case a.Q < b.Q:
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

// Covers reports whether the range Covers a media type such as image/png.
func (m MediaRange) Covers(mediaType string) bool {
	major, _, _ := strings.Cut(mediaType, "/")
	return m.Name == mediaType || m.Name == "*/*" || m.Name == major+"/*"
}
