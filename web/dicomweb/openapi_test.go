package dicomweb

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"go.yaml.in/yaml/v3"
)

// openapi.yaml has the resources that there are.
func TestOpenAPIIsTheRouter(t *testing.T) {
	text, err := os.ReadFile("../openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Paths map[string]map[string]any
	}
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	var described, served []string
	for path, item := range document.Paths {
		for method := range item {
			if below, ok := strings.CutPrefix(path, "/dicom-web"); ok && method != "parameters" && method != "options" {
				described = append(described, strings.ToUpper(method)+" "+below)
			}
		}
	}
	err = chi.Walk((&server{}).routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served = append(served, method+" "+strings.Replace(route, "*", "{place}", 1))
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
}
