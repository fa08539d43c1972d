package dicomweb

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web/dicomweb/request"
)

// uri answers WADO-URI (PS3.18 9), which dwv and older viewers speak, as the WADO-RS request that means the same.
func (s *server) uri(rs http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path, query, err := restful(r.URL.Query())
		if err != nil {
			s.problem(w, r, err)
			return
		}
		as := r.Clone(context.WithValue(r.Context(), chi.RouteCtxKey, nil))
		before, _, _ := strings.Cut(r.RequestURI, "?")
		as.RequestURI = strings.TrimSuffix(before, r.URL.EscapedPath()) + path // of which the URIs in answers are made
		as.URL.Path, as.URL.RawPath, as.URL.RawQuery = path, "", query.Encode()
		rs.ServeHTTP(w, as)
	}
}

// restful is the path and the query of the WADO-RS request for the parameters of WADO-URI.
func restful(q url.Values) (path string, query url.Values, err error) {
	switch {
	case q.Get("requestType") != "WADO":
		return "", nil, recon.Errorf(recon.Invalid, "requestType must be WADO")
	case q.Has("anonymize"):
		return "", nil, recon.Errorf(recon.Invalid, "objects are not anonymized on the way")
	}
	for _, level := range [][2]string{{"/studies/", "studyUID"}, {"/series/", "seriesUID"}, {"/instances/", "objectUID"}} {
		uid := q.Get(level[1])
		if uid == "" || strings.Trim(uid, "0123456789.") != "" {
			return "", nil, recon.Errorf(recon.Invalid, "%s must be a UID", level[1])
		}
		path += level[0] + uid
	}
	accept := cmp.Or(q.Get("contentType"), "image/jpeg")
	if slices.ContainsFunc(request.ParseAccept(accept), func(m request.MediaRange) bool { return m.Name == dicomFile }) {
		return path, url.Values{"accept": {dicomFile + "; transfer-syntax=" + cmp.Or(q.Get("transferSyntax"), "*")}}, nil
	}
	query = url.Values{"accept": {accept}}
	if center, width := q.Get("windowCenter"), q.Get("windowWidth"); center != "" || width != "" {
		query.Set("window", center+","+width)
	}
	if rows, columns := q.Get("rows"), q.Get("columns"); rows != "" || columns != "" {
		query.Set("viewport", cmp.Or(columns, rows)+","+cmp.Or(rows, columns))
	}
	if quality := q.Get("imageQuality"); quality != "" {
		query.Set("quality", quality)
	}
	return path + "/frames/" + url.PathEscape(cmp.Or(q.Get("frameNumber"), "1")) + "/rendered", query, nil
}
