package web

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed worklist
var worklistFiles embed.FS

// worklist is the page at /: what was pushed, how far it is, and the results. The page holds no data: its script asks the API for
// them, with the key that its user types where keys are in use.
func worklist() http.HandlerFunc {
	files, err := fs.Sub(worklistFiles, "worklist")
	if err != nil {
		panic(err) // the folder is embedded above
	}
	server := http.FileServerFS(files)
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy",
			"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		server.ServeHTTP(w, r)
	}
}
