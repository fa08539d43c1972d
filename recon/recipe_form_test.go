package recon_test

import (
	"math"
	"net/url"
	"reflect"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// FuzzParseRecipe: whatever the query, there is a valid recipe, which its form gives back, or an error that is the client's.
func FuzzParseRecipe(f *testing.F) {
	f.Add("")
	f.Add("method=tv&method=unet&mask=random&accel=2&acs=0.1&mask-seed=7&slices=1:3&initial=tv&sampler=ddim&sigma-start=0.1&steps=3&seed=9&samples=4")
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

// A recipe is refused in terms of its own values: a scan, whose width the sentence could speak of, is not there yet.
func TestRecipeErrors(t *testing.T) {
	for query, want := range map[string]string{
		"accel=4&acs=0.3":                          "mask: ACS fraction 0.3 alone is more than acceleration 4 leaves, 0.25 of the columns",
		"accel=8&acs=0.3&mask=equispaced_fraction": "mask: ACS fraction 0.3 alone is more than acceleration 8 leaves, 0.125 of the columns",
		"accel=0.5":                                "mask: acceleration 0.5 is less than 1",
		"accel=5000":                               "acceleration 5000 is not between 1 and 4096",
		"accel=-7&mask=none":                       "acceleration -7 is not between 1 and 4096",
		"slices=2:2":                               "slices 2:2 are not a range from:to with from < to",
		"slices=-1:2":                              "slices -1:2 are not a range from:to with from < to",
	} {
		form, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := recon.ParseRecipe(form); err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", query, err, want)
		}
	}
	r := recon.DefaultRecipe()
	if r.Accel = math.NaN(); r.Validate() == nil || r.Validate().Error() != "acceleration NaN is not between 1 and 4096" {
		t.Errorf("acceleration NaN: %v", r.Validate())
	}
}
