package dicomweb

import (
	"context"
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

// levelOf is the level of an attribute: that of a study or a series is the same in all of its instances.
func levelOf(tag string) level {
	for l := study; l < object; l++ {
		if slices.Contains(returned[l], tag) {
			return l
		}
	}
	return object
}

// derivedTags are attributes that no single file says.
var derivedTags = []string{"00080056", "00080061", "00081190", "00201206", "00201208", "00201209"}

// entity is a study, a series or an instance.
type entity struct {
	study    []*shelf  // all series of the study that it is, or belongs to
	series   *shelf    // that it is, or belongs to; nil for a study
	instance *instance // that it is; nil for a study or series
	derived  dicomio.Attributes
}

// first is the instance that stands for the entity.
func (e entity) first() *instance {
	switch {
	case e.instance != nil:
		return e.instance
	case e.series != nil:
		return e.series.first()
	}
	return e.study[0].first()
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
		underStudy, underSeries, base := chi.URLParam(r, "study"), chi.URLParam(r, "series"), s.baseURL(r)
		found, err := s.find(r.Context(), at, underStudy, underSeries, q, base)
		if err != nil {
			s.problem(w, r, err)
			return
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
		for i := range found {
			if err := s.derive(r.Context(), &found[i], base); err != nil {
				s.problem(w, r, err)
				return
			}
			out[i] = found[i].attributes(tags, q.All, base)
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

// find returns the entities of a level, below a study and a series where they are not "", that match a query.
func (s *server) find(ctx context.Context, at level, underStudy, underSeries string, q request.Query, base string) ([]entity, error) {
	scope, err := s.index.find(ctx, underStudy, "")
	if err != nil {
		return nil, err
	}
	common := maps.Clone(q.Keys) // what can rule out a whole series
	maps.DeleteFunc(common, func(tag, _ string) bool { return levelOf(tag) == object || slices.Contains(derivedTags, tag) })
	var found []entity
	match := func(e entity) error {
		ok, err := s.matches(ctx, &e, q.Keys, q.Fuzzy, base)
		if ok {
			found = append(found, e)
		}
		return err
	}
	for len(scope) > 0 {
		n := 1
		for n < len(scope) && scope[n].study == scope[0].study {
			n++
		}
		e := entity{study: scope[:n:n]}
		scope = scope[n:]
		if at == study {
			if err := match(e); err != nil {
				return nil, err
			}
			continue
		}
		for _, e.series = range e.study {
			if underSeries != "" && e.series.uid != underSeries {
				continue
			}
			if at == series {
				if err := match(e); err != nil {
					return nil, err
				}
				continue
			}
			if ok, err := s.matches(ctx, &e, common, q.Fuzzy, base); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
			all, err := s.index.instances(ctx, e.series)
			if err != nil {
				return nil, err
			}
			for _, in := range all {
				if err := match(entity{study: e.study, series: e.series, instance: in}); err != nil {
					return nil, err
				}
			}
		}
	}
	return found, nil
}

// derive sets what no single file says.
func (s *server) derive(ctx context.Context, e *entity, base string) error {
	if e.derived != nil {
		return nil
	}
	at, modalities, total := study, map[string]bool{}, 0
	for _, m := range e.study {
		n, err := s.index.count(ctx, m)
		if err != nil {
			return err
		}
		total += n
		modalities[m.first().text("00080060")] = true
	}
	delete(modalities, "")
	e.derived = dicomio.Attributes{
		"00080056": text("CS", "ONLINE"),
		"00080061": text("CS", slices.Sorted(maps.Keys(modalities))...),
		"00201206": count(len(e.study)),
		"00201208": count(total),
	}
	if e.series != nil {
		n, err := s.index.count(ctx, e.series)
		if err != nil {
			return err
		}
		e.derived["00201209"] = count(n)
		at = series
	}
	if e.instance != nil {
		at = object
	}
	e.derived["00081190"] = text("UR", base+e.first().path(at))
	return nil
}

// matches reports whether, for every key, the entity or one of its instances matches.
func (s *server) matches(ctx context.Context, e *entity, keys map[string]string, fuzzy bool, base string) (bool, error) {
	for tag, key := range keys {
		ok, err := s.matchesOne(ctx, e, tag, base, func(a dicomio.Attribute) bool { return request.Matches(a, key, fuzzy) })
		if err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

func (s *server) matchesOne(ctx context.Context, e *entity, tag, base string, matches func(dicomio.Attribute) bool) (bool, error) {
	if slices.Contains(derivedTags, tag) {
		err := s.derive(ctx, e, base)
		return matches(e.derived[tag]), err
	}
	if e.instance != nil {
		return matches(e.instance.attributes[tag]), nil
	}
	members := e.study
	if e.series != nil {
		members = []*shelf{e.series}
	}
	for _, m := range members {
		if matches(m.first().attributes[tag]) {
			return true, nil
		}
		if levelOf(tag) < object {
			continue
		}
		all, err := s.index.instances(ctx, m)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(all, func(in *instance) bool { return matches(in.attributes[tag]) }) {
			return true, nil
		}
	}
	return false, nil
}

// path is where the entity of a level that the instance belongs to is retrieved.
func (in *instance) path(at level) string {
	return "/studies/" + in.study + [...]string{"", "/series/" + in.series, "/series/" + in.series + "/instances/" + in.uid}[at]
}

// attributes are those of the tags, or all, of the entity; what files say is that of the first.
func (e entity) attributes(tags []string, all bool, base string) dicomio.Attributes {
	first := e.first()
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
