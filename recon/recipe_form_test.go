package recon_test

import (
	"net/url"
	"reflect"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// FuzzParseRecipe: whatever the query, there is a valid recipe, which its form gives back, or an error that is the client's.
func FuzzParseRecipe(f *testing.F) {
	f.Add("")
	f.Add("method=tv&method=unet&mask=random&accel=2&acs=0.1&mask-seed=7&slices=1:3&sampler=ddim&sigma-start=0.1&steps=3&seed=9&samples=4")
	f.Add("t0=0.02&num-scales=1000&protocol=score-mri-320&mask-mode=score-mri&samples=1")
	f.Add("held-out=0.05")
	f.Add("accel=NaN&steps=-1")
	f.Add("mask=none&accel=1e400")
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		r, err := recon.ParseRecipe(form)
		if err != nil {
			if recon.CodeOf(err) != recon.Invalid {
				t.Errorf("%q: %v", query, err)
			}
			return
		}
		again, err := recon.ParseRecipe(r.Form())
		if err != nil || !reflect.DeepEqual(again, r) {
			t.Errorf("%q: %+v, its form gives %+v, %v", query, r, again, err)
		}
		recon.JobID("0123", r, nil) // panics when there is no JSON form
	})
}
