package web

import (
	"context"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// holding is an intake that holds one scan.
type holding struct {
	recon.Intake
	held recon.Held
}

func (in holding) Held(context.Context, string) (recon.Held, error) { return in.held, nil }

// A scan that has no job is shown, whether it is open or was committed just before the server died.
func TestScanWithoutJobIsShown(t *testing.T) {
	for state, input := range map[string]recon.Blob{"open": {}, "committed": {SHA256: strings.Repeat("b", 64), Size: 7}} {
		held := recon.Held{Scan: strings.Repeat("a", 32), Instances: 2, Size: 6, Input: input}
		s := start(t, func(c *Config) { c.Intake = holding{held: held} })
		if got := get[openScan](s, "/api/v1/scans/"+held.Scan); got.Held != held || got.State != state || len(got.Jobs) != 0 {
			t.Errorf("%+v, want the %s scan %+v", got, state, held)
		}
	}
}
