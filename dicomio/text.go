package dicomio

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Greatest lengths of values (PS3.5 table 6.2-1).
const (
	maxDS = 16
	maxCS = 16
	maxSH = 16
	maxLO = 64
	maxPN = 64
	maxST = 1024
	maxLT = 10240
)

// decimal formats v as a decimal string: the shortest text of at most 16 characters that is closest to v.
func decimal(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return "0" // also for -0; callers check finiteness where it matters
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	for digits := 15; len(s) > maxDS; digits-- {
		s = strconv.FormatFloat(v, 'g', digits, 64)
	}
	return s
}

// known is decimal, or empty where 0 means unknown.
func known(v float64) string {
	if v > 0 && !math.IsInf(v, 0) {
		return decimal(v)
	}
	return ""
}

// text makes s a single value of at most n bytes: the backslash, which separates values, becomes a slash, and what is beyond is cut
// off. The standard counts characters, checkers count bytes.
func text(s string, n int) string {
	s = plain(strings.ReplaceAll(strings.ToValidUTF8(s, " "), `\`, "/"))
	if len(s) > n {
		for !utf8.RuneStart(s[n]) {
			n--
		}
		s = strings.TrimSpace(s[:n])
	}
	return s
}

// plain is s with spaces for control characters, and none around it.
func plain(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s))
}

// code makes s a code string: upper case letters, digits, space and underscore, at most 16 characters.
func code(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == ' ', r == '_':
			return r
		}
		return '_'
	}, strings.ToUpper(s))
	return strings.TrimSpace(s[:min(len(s), maxCS)])
}
