package dicomweb

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

// query is what a search asks for (PS3.18 8.3.4).
type query struct {
	keys          map[string]string // wanted values by tag
	include       []string          // tags to return besides those of the level
	all           bool              // return every attribute
	limit, offset int               // limit is -1 without one
	fuzzy         bool
	ignored       []string // names of parameters that mean nothing here
}

// parseQuery reads the parameters of a search. A name that is neither a parameter nor an attribute is ignored, as PS3.18 8.3.4
// demands.
func parseQuery(values url.Values) (query, error) {
	q := query{keys: map[string]string{}, limit: -1}
	names := 0
	for name, given := range values {
		for _, v := range given {
			if names += 1 + strings.Count(v, ","); names > maxKeys {
				return query{}, recon.Errorf(recon.Invalid, "the search names more than %d attributes", maxKeys)
			}
			var err error
			switch strings.ToLower(name) {
			case "limit":
				q.limit, err = natural(name, v, -1)
			case "offset":
				q.offset, err = natural(name, v, 0)
			case "fuzzymatching":
				q.fuzzy = strings.EqualFold(v, "true")
			case "includefield":
				q.includes(v)
			case "accept", "charset":
			default:
				key, ok := dicomio.TagNamed(name)
				if !ok {
					q.ignored = append(q.ignored, name)
					continue
				}
				q.keys[fmt.Sprintf("%08X", key)] = strings.TrimSpace(v)
			}
			if err != nil {
				return query{}, err
			}
		}
	}
	slices.Sort(q.ignored)
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

func (q *query) includes(list string) {
	for _, name := range strings.Split(list, ",") {
		name = strings.TrimSpace(name)
		if name == "all" {
			q.all = true
		} else if tag, ok := dicomio.TagNamed(name); ok {
			q.include = append(q.include, fmt.Sprintf("%08X", tag))
		}
	}
}

// page cuts a list to what limit and offset ask for; left is how many follow.
func page[T any](q query, all []T) (some []T, left int) {
	all = all[min(q.offset, len(all)):]
	if q.limit < 0 || q.limit >= len(all) {
		return all, 0
	}
	return all[:q.limit], len(all) - q.limit
}
