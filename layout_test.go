package closer_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/closer-mri/closer"

// allowed is the architecture: which packages of this module each package may import. A package that is not listed fails.
var allowed = map[string][]string{
	"kspace":               nil,
	"score":                {"kspace"},
	"score/graph":          {"kspace", "score"},
	"unet":                 {"kspace"},
	"recon":                {"kspace", "internal/vector"},
	"internal/vector":      nil,
	"internal/ort":         nil,
	"internal/durable":     nil,
	"internal/sandbox":     nil,
	"internal/phantom":     {"kspace"},
	"internal/store":       {"recon", "internal/durable"},
	"internal/intake":      {"recon", "dicomio", "internal/durable"},
	"internal/testkit":     {"kspace", "recon"},
	"mrd":                  nil,
	"fastmri":              {"kspace", "recon", "internal/durable", "internal/sandbox", "internal/vector"},
	"dicomio":              {"kspace", "recon", "internal/durable", "internal/sandbox", "internal/vector"},
	"web":                  {"kspace", "recon", "internal/durable", "web/routing"},
	"web/dicomweb":         {"kspace", "recon", "dicomio", "web/dicomweb/request", "web/routing"},
	"web/dicomweb/request": {"recon", "dicomio"},
	"web/pacs":             {"recon"},
	"web/routing":          nil,
	"cmd/closer":           {"internal/vector", "kspace", "score", "score/graph", "unet", "recon", "web", "web/dicomweb", "web/pacs", "internal/durable", "internal/intake", "internal/ort", "internal/sandbox", "internal/store", "internal/phantom", "fastmri", "dicomio", "mrd"},
}

func TestImportsFollowTheLayout(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && p != "." || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		pkg := filepath.ToSlash(path.Dir(p))
		may, known := allowed[pkg]
		if !known {
			t.Errorf("%s: package %s is not in the layout", p, pkg)
		}
		seen[pkg] = true
		for _, spec := range file.Imports {
			if imported, ours := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module+"/"); ours && !slices.Contains(may, imported) {
				t.Errorf("%s: %s may not import %s", p, pkg, imported)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range allowed {
		if !seen[pkg] {
			t.Errorf("the layout lists %s, which has no Go files", pkg)
		}
	}
}

// A network that was trained anew has the card that train.export wrote of it.
func TestCardsAreOfTheirNetworks(t *testing.T) {
	for _, name := range []string{"score", "unet"} {
		network, err := os.ReadFile(path.Join(name, name+".onnx"))
		if err != nil {
			t.Fatal(err)
		}
		card, err := os.ReadFile(path.Join(name, "CARD.md"))
		if err != nil {
			t.Fatal(err)
		}
		if sum := fmt.Sprintf("%x", sha256.Sum256(network)); !bytes.Contains(card, []byte(sum)) {
			t.Errorf("%s/CARD.md is of another network than %s, which %[1]s holds", name, sum)
		}
	}
}
