package web

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"go.yaml.in/yaml/v2"

	"github.com/closer-mri/closer/recon"
)

// The document and the router have the same operations, and the push has the recipe's parameters.
func TestOpenAPIIsTheRouter(t *testing.T) {
	s := start(t, nil)
	response, text := s.do("GET", "/openapi.yaml", nil)
	var document struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal(text, &document); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", response.Status, err)
	}
	var described, served []string
	for path, item := range document.Paths {
		for method := range item {
			if method != "parameters" {
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	err := chi.Walk(s.Config.Handler.(chi.Router), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served = append(served, method+" "+strings.Replace(plain(route), "/artifacts/*", "/artifacts/{name}", 1))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Errorf("described:\n%s\nserved:\n%s", strings.Join(described, "\n"), strings.Join(served, "\n"))
	}
	full := recon.Recipe{MaskSeed: 1, Slices: []int{0, 1}, T0: 1, NumScales: 1, SigmaStart: 1, Steps: 1, Seed: 1, Samples: 2}.Form()
	for name := range full {
		if !strings.Contains(string(text), "{name: "+name+", in: query") {
			t.Errorf("parameter %s is not described", name)
		}
	}
}
