// Package request reads what DICOMweb clients send, before anything is known of what it is about: searches, Accept headers and
// multipart bodies. It stands apart so that a fuzzer has little to carry.
package request

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/recon"
)

// maxKeys bounds the attributes that one search may name.
const maxKeys = 256

// Query is what a search asks for (PS3.18 8.3.4).
type Query struct {
	Keys          map[string]string // wanted values by tag
	Include       []string          // tags to return besides those of the level
	All           bool              // return every attribute
	Limit, Offset int               // Limit is -1 without one
	Fuzzy         bool
	Ignored       []string // names of parameters that mean nothing here
}

// ParseQuery reads the parameters of a search. A name that is neither a parameter nor an attribute is ignored, as PS3.18 8.3.4
// demands. Errors are Invalid.
func ParseQuery(values url.Values) (Query, error) {
	q := Query{Keys: map[string]string{}, Limit: -1}
	names := 0
	for name, given := range values {
		for _, v := range given {
			if names += 1 + strings.Count(v, ","); names > maxKeys {
				return Query{}, recon.Errorf(recon.Invalid, "the search names more than %d attributes", maxKeys)
			}
			var err error
			switch strings.ToLower(name) {
			case "limit":
				q.Limit, err = natural(name, v, -1)
			case "offset":
				q.Offset, err = natural(name, v, 0)
			case "fuzzymatching":
				q.Fuzzy = strings.EqualFold(v, "true")
			case "includefield":
				q.includes(v)
			case "accept", "charset":
			default:
				key, ok := dicomio.TagNamed(name)
				if !ok {
					q.Ignored = append(q.Ignored, name)
					continue
				}
				q.Keys[fmt.Sprintf("%08X", key)] = strings.TrimSpace(v)
			}
			if err != nil {
				return Query{}, err
			}
		}
	}
	slices.Sort(q.Ignored)
	return q, nil
}

// natural reads a number that is not negative; an empty text is none.
func natural(name, s string, none int) (int, error) {
	if s == "" {
		return none, nil
	}
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, recon.Errorf(recon.Invalid, "%s must be a whole number from 0", strings.ToLower(name))
	}
	return int(n), nil
}

func (q *Query) includes(list string) {
	for _, name := range strings.Split(list, ",") {
		name = strings.TrimSpace(name)
		if name == "all" {
			q.All = true
		} else if tag, ok := dicomio.TagNamed(name); ok {
			q.Include = append(q.Include, fmt.Sprintf("%08X", tag))
		}
	}
}

// Page cuts a list to what limit and offset ask for; left is how many follow.
func Page[T any](q Query, all []T) (some []T, left int) {
	all = all[min(q.Offset, len(all)):]
	if q.Limit < 0 || q.Limit >= len(all) {
		return all, 0
	}
	return all[:q.Limit], len(all) - q.Limit
}
