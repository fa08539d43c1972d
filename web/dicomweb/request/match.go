package request

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/closer-mri/closer/dicomio"
)

// Texts are the values of an attribute as texts: a person name as its component groups.
func Texts(a dicomio.Attribute) []string {
	var all []string
	for _, v := range a.Value {
		switch v := v.(type) {
		case string:
			all = append(all, v)
		case json.Number:
			all = append(all, v.String())
		case dicomio.PersonName:
			for _, group := range []string{v.Alphabetic, v.Ideographic, v.Phonetic} {
				if group != "" {
					all = append(all, group)
				}
			}
		}
	}
	return all
}

// Matches reports whether one of the values matches the key (PS3.4 C.2.2.2): an empty key matches everything, UIDs and
// modalities may be listed, dates and times may be a range, text may hold the wildcards * and ?. Letters match in either case.
func Matches(a dicomio.Attribute, key string, fuzzy bool) bool {
	if key == "" || key == "*" {
		return true
	}
	for _, value := range Texts(a) {
		if matchesOne(a.VR, value, key, fuzzy) {
			return true
		}
	}
	return false
}

func matchesOne(vr, value, key string, fuzzy bool) bool {
	switch vr {
	case "UI", "CS":
		for _, one := range strings.FieldsFunc(key, func(r rune) bool { return r == '\\' || r == ',' }) {
			if one = strings.TrimSpace(one); one == value || vr == "CS" && wildcard(one, value) {
				return true
			}
		}
		return false
	case "DA", "TM", "DT":
		return inRange(value, key)
	case "IS", "DS", "US", "SS", "UL", "SL", "FL", "FD", "UV", "SV":
		want, err1 := strconv.ParseFloat(key, 64)
		got, err2 := strconv.ParseFloat(value, 64)
		return err1 == nil && err2 == nil && want == got
	case "PN":
		return wildcard(key, value) || fuzzy && similar(key, value)
	}
	return wildcard(key, value)
}

// inRange reports whether a date or time is the key, or within the range that it gives. Values may leave out what is least
// significant: 10 is every time from 10:00:00 until 10:59:59.
func inRange(value, key string) bool {
	clean := strings.NewReplacer(":", "", ".", "").Replace
	value, key = clean(value), clean(key)
	from, to, isRange := strings.Cut(key, "-")
	if !isRange {
		to = from
	}
	return value >= from && (to == "" || value <= to || strings.HasPrefix(value, to))
}

// wildcard reports whether text is the pattern, in which * stands for any characters and ? for one.
func wildcard(pattern, text string) bool {
	p, s := []rune(strings.ToLower(pattern)), []rune(strings.ToLower(text))
	i, j, star, mark := 0, 0, -1, 0
	for j < len(s) {
		switch {
		case i < len(p) && p[i] == '*':
			star, mark = i, j
			i++
		case i < len(p) && (p[i] == '?' || p[i] == s[j]):
			i++
			j++
		case star >= 0: // let the last star take one more
			mark++
			i, j = star+1, mark
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// similar reports whether every word of the key begins a word of the name.
func similar(key, name string) bool {
	words := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune("^= ,*?", r) })
	}
	for _, want := range words(key) {
		found := false
		for _, word := range words(name) {
			found = found || strings.HasPrefix(word, want)
		}
		if !found {
			return false
		}
	}
	return true
}
