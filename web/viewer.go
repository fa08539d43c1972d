package web

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// viewerFiles is what `make viewer` builds from web/viewer; only a placeholder before that.
//
//go:embed all:viewer/dist
var viewerFiles embed.FS

// viewer is the application in the browser: one page for every address of it, and the files that the page names. It holds no data:
// its scripts ask the API, with the key that its user types where keys are in use.
type viewer struct {
	files fs.FS
	page  []byte // nil when the viewer was not built
}

func newViewer(files fs.FS) *viewer {
	page, err := fs.ReadFile(files, "index.html")
	if err != nil {
		return &viewer{files: files}
	}
	return &viewer{files, page}
}

func embeddedViewer() *viewer {
	files, err := fs.Sub(viewerFiles, "viewer/dist")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	return newViewer(files)
}

// viewerPolicy lets the page run and ask for what this server gives, and nothing else.
var viewerPolicy = strings.Join([]string{
	"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob:", "connect-src 'self'",
	"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
}, "; ")

func (v *viewer) servePage(w http.ResponseWriter, r *http.Request) {
	if v.page == nil {
		fail(w, r, problemf(http.StatusNotImplemented, "the viewer is not in this build: run make viewer"))
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", viewerPolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Embedder-Policy", "require-corp")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-cache")
	h.Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(v.page) // an error here is a browser that went away
}

// serveAsset sends a file whose name changes with its content: it may be kept for ever.
func (v *viewer) serveAsset(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	if info, err := fs.Stat(v.files, name); err != nil || info.IsDir() {
		fail(w, r, problemf(http.StatusNotFound, "there is nothing at this address"))
		return
	}
	w.Header().Set("Cross-Origin-Resource-Policy", "same-origin")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	sendContent(w, r, func(w http.ResponseWriter) { http.ServeFileFS(w, r, v.files, name) })
}
