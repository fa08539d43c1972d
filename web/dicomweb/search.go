package dicomweb

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/dicomio"
	"github.com/closer-mri/closer/web/dicomweb/request"
)

// level is a level of the query model, and what a search there returns (PS3.18 tables 10.6.3-3 to 10.6.3-5).
type level int

const (
	study level = iota
	series
	object
)

var returned = [][]string{
	study: {
		"00080005", "00080020", "00080030", "00080050", "00080056", "00080061", "00080090", "00080201", "00081030", "00081190",
		"00100010", "00100020", "00100030", "00100040", "0020000D", "00200010", "00201206", "00201208",
	},
	series: {
		"00080005", "00080021", "00080031", "00080060", "00080201", "0008103E", "00081190", "00180015", "0020000D", "0020000E",
		"00200011", "00200052", "00201209", "00400244", "00400245", "00400275",
	},
	object: {
		"00080005", "00080016", "00080018", "00080056", "00080201", "00081190", "0020000D", "0020000E", "00200013", "00280008",
		"00280010", "00280011", "00280100",
	},
}

// entity is a study, a series or an instance.
type entity struct {
	instances []*instance
	derived   dicomio.Attributes // what no single file says
}

// search answers QIDO-RS at a level, below the study and series of the path.
func (s *server) search(at level) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q, err := request.ParseQuery(r.URL.Query())
		if err != nil {
			s.problem(w, r, err)
			return
		}
		if !acceptsJSON(r) {
			notAcceptable(w, r)
			return
		}
		all, err := s.index.instances(r.Context())
		if err != nil {
			s.problem(w, r, err)
			return
		}
		underStudy, underSeries := chi.URLParam(r, "study"), chi.URLParam(r, "series")
		base := s.baseURL(r)
		var found []entity
		for _, e := range group(at, within(all, underStudy, underSeries, ""), base) {
			if e.matches(q) {
				found = append(found, e)
			}
		}
		found, left := request.Page(q, found)
		tags := slices.Concat(returned[at], q.Include, slices.Collect(maps.Keys(q.Keys)))
		if at > study && underStudy == "" {
			tags = append(tags, returned[study]...)
		}
		if at == object && underSeries == "" {
			tags = append(tags, returned[series]...)
		}
		out := make([]dicomio.Attributes, len(found))
		for i, e := range found {
			out[i] = e.attributes(tags, q.All, base)
		}
		if left > 0 {
			w.Header().Add("Warning", fmt.Sprintf(`299 closer "There are %d additional results that can be requested"`, left))
		}
		if len(q.Ignored) > 0 {
			w.Header().Add("Warning", `299 closer "Parameters that name no attribute were ignored"`)
		}
		writeDICOMJSON(w, out)
	}
}

// group makes the entities of a level from instances that are in order.
func group(at level, all []*instance, base string) []entity {
	studies := map[string][]*instance{}
	perSeries := map[string]int{}
	for _, in := range all {
		studies[in.study] = append(studies[in.study], in)
		perSeries[in.series]++
	}
	key := func(in *instance) string { return [...]string{in.study, in.series, in.uid}[at] }
	place := map[string]int{}
	var out []entity
	for _, in := range all {
		i, known := place[key(in)]
		if !known {
			i = len(out)
			place[key(in)] = i
			members := studies[in.study]
			out = append(out, entity{derived: dicomio.Attributes{
				"00080056": text("CS", "ONLINE"),
				"00080061": text("CS", distinct(members, func(in *instance) string { return in.text("00080060") })...),
				"00081190": text("UR", base+in.path(at)),
				"00201206": count(len(distinct(members, func(in *instance) string { return in.series }))),
				"00201208": count(len(members)),
				"00201209": count(perSeries[in.series]),
			}})
		}
		out[i].instances = append(out[i].instances, in)
	}
	return out
}

// path is where the entity of a level that the instance belongs to is retrieved.
func (in *instance) path(at level) string {
	return "/studies/" + in.study + [...]string{"", "/series/" + in.series, "/series/" + in.series + "/instances/" + in.uid}[at]
}

// distinct are the values that are not empty, each once, sorted.
func distinct(all []*instance, value func(*instance) string) []string {
	set := map[string]bool{}
	for _, in := range all {
		set[value(in)] = true
	}
	delete(set, "")
	return slices.Sorted(maps.Keys(set))
}

// matches reports whether, for every key, the entity or one of its instances matches.
func (e entity) matches(q request.Query) bool {
	for tag, key := range q.Keys {
		if a, ok := e.derived[tag]; ok {
			if !request.Matches(a, key, q.Fuzzy) {
				return false
			}
		} else if !slices.ContainsFunc(e.instances, func(in *instance) bool { return request.Matches(in.attributes[tag], key, q.Fuzzy) }) {
			return false
		}
	}
	return true
}

// attributes are those of the tags, or all, of the entity; what files say is that of the first.
func (e entity) attributes(tags []string, all bool, base string) dicomio.Attributes {
	first := e.instances[0]
	out := dicomio.Attributes{}
	if all {
		maps.Copy(out, first.metadata(base))
		maps.DeleteFunc(out, func(tag string, _ dicomio.Attribute) bool { return strings.HasPrefix(tag, "7FE0") })
	}
	for _, tag := range tags {
		if a, ok := first.attributes[tag]; ok && a.BulkDataURI == "" && a.VR != "SQ" {
			out[tag] = a
		} else if ok {
			out[tag] = absolute(a, base+first.path(object)+"/bulkdata/")
		}
		if a, ok := e.derived[tag]; ok {
			out[tag] = a
		}
	}
	return out
}

// metadata is everything that the file says, bulk data by absolute URI.
func (in *instance) metadata(base string) dicomio.Attributes {
	return absoluteAll(in.attributes, base+in.path(object)+"/bulkdata/")
}

func absoluteAll(attributes dicomio.Attributes, prefix string) dicomio.Attributes {
	out := make(dicomio.Attributes, len(attributes))
	for tag, a := range attributes {
		out[tag] = absolute(a, prefix)
	}
	return out
}

func absolute(a dicomio.Attribute, prefix string) dicomio.Attribute {
	if a.BulkDataURI != "" {
		a.BulkDataURI = prefix + a.BulkDataURI
	}
	if a.VR == "SQ" {
		items := make([]any, len(a.Value))
		for i, item := range a.Value {
			items[i] = item
			if nested, ok := item.(dicomio.Attributes); ok {
				items[i] = absoluteAll(nested, prefix)
			}
		}
		a.Value = items
	}
	return a
}

func text(vr string, values ...string) dicomio.Attribute {
	a := dicomio.Attribute{VR: vr}
	for _, v := range values {
		a.Value = append(a.Value, v)
	}
	return a
}

func count(n int) dicomio.Attribute {
	return dicomio.Attribute{VR: "IS", Value: []any{json.Number(fmt.Sprint(n))}}
}
