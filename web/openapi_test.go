package web

import (
	"encoding/json"
	"mime"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"

	"github.com/closer-mri/closer/recon"
)

// description is openapi.yaml, whose schemas are JSON Schema. check holds every answer that a test gets to it.
type description struct {
	document map[string]any
	mu       sync.Mutex
	compiler *jsonschema.Compiler
}

var described = sync.OnceValues(func() (*description, error) {
	d := &description{compiler: jsonschema.NewCompiler()}
	if err := yaml.Unmarshal(openAPI, &d.document); err != nil {
		return nil, err
	}
	text, err := json.Marshal(d.document)
	if err != nil {
		return nil, err
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		return nil, err
	}
	return d, d.compiler.AddResource("openapi.json", document)
})

// resolve follows the keys from the root of the document, and references on the way; where is the place as a JSON pointer.
func (d *description) resolve(keys ...string) (value map[string]any, where string) {
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	value, where = d.document, ""
	for _, key := range keys {
		next, ok := value[key].(map[string]any)
		if !ok {
			return nil, ""
		}
		value, where = next, where+"/"+escape.Replace(key)
		if reference, ok := value["$ref"].(string); ok {
			value, where = d.resolve(strings.Split(strings.TrimPrefix(reference, "#/"), "/")...)
		}
	}
	return value, where
}

// operationOf names a route as the document does.
func operationOf(route string) string {
	return strings.Replace(plain(route), "/artifacts/*", "/artifacts/{name}", 1)
}

// check fails the test when an answer is not as the document says: its status, its media type and, of JSON, its form.
func (d *description) check(t *testing.T, router chi.Router, method string, response *http.Response, body []byte) {
	t.Helper()
	path := response.Request.URL.Path
	match := chi.NewRouteContext()
	if !router.Match(match, method, path) || strings.HasPrefix(path, "/dicom-web/") {
		return
	}
	operation := []string{"paths", operationOf(match.RoutePattern()), strings.ToLower(method), "responses"}
	status := response.Status[:3]
	if answer, _ := d.resolve(append(operation, status)...); answer == nil {
		status = "default"
	}
	answer, where := d.resolve(append(operation, status)...)
	if answer == nil {
		t.Errorf("%s %s: the status %s is not described", method, path, response.Status)
		return
	}
	content, _ := answer["content"].(map[string]any)
	if len(body) == 0 || content["*/*"] != nil {
		return
	}
	media, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if content[media] == nil {
		t.Errorf("%s %s: %s with %q is not described", method, path, response.Status, media)
		return
	}
	if !strings.HasSuffix(media, "json") {
		return
	}
	d.mu.Lock()
	schema, err := d.compiler.Compile("openapi.json#" + where + "/content/" + strings.ReplaceAll(media, "/", "~1") + "/schema")
	d.mu.Unlock()
	if err != nil {
		t.Errorf("the schema of %s %s: %v", method, path, err)
		return
	}
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(string(body)))
	if err == nil {
		err = schema.Validate(value)
	}
	if err != nil {
		t.Errorf("%s %s: %s is not as described: %v\n%s", method, path, response.Status, err, body)
	}
}

// The document is OpenAPI 3.1, says the validator of the Python OpenAPI project.
func TestOpenAPIIsValid(t *testing.T) {
	python := os.Getenv("CLOSER_PYTHON")
	if python == "" {
		t.Skip("CLOSER_PYTHON names no Python; make test sets it")
	}
	if out, err := exec.Command(python, "-c", "import openapi_spec_validator").CombinedOutput(); err != nil {
		t.Skipf("%s cannot import openapi_spec_validator: %s", python, out)
	}
	if out, err := exec.Command(python, "-m", "openapi_spec_validator", "openapi.yaml").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

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
			if method != "parameters" && !strings.HasPrefix(path, "/dicom-web/") { // their own package compares those
				described = append(described, strings.ToUpper(method)+" "+path)
			}
		}
	}
	err := chi.Walk(s.Config.Handler.(chi.Router), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served = append(served, method+" "+operationOf(route))
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
	full := recon.Recipe{MaskSeed: 1, Slices: []int{0, 1}, Initial: recon.InitialTV, T0: 1, NumScales: 1, SigmaStart: 1, Steps: 1, Seed: 1, Samples: 2}.Form()
	for name := range full {
		if !strings.Contains(string(text), "{name: "+name+", in: query") {
			t.Errorf("parameter %s is not described", name)
		}
	}
}
