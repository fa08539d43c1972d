package recon

import (
	"math"
	"net/url"
	"strconv"
	"strings"
)

// ParseRecipe reads a recipe from query parameters, which have the names of closer's flags; what is absent keeps its default.
// The error, Invalid, names the parameter. The recipe is validated.
func ParseRecipe(form url.Values) (Recipe, error) {
	r := DefaultRecipe()
	for name, values := range form {
		if name == "method" {
			r.Methods = values
			continue
		}
		if len(values) != 1 {
			return Recipe{}, Errorf(Invalid, "parameter %s is given %d times", name, len(values))
		}
		if err := r.set(name, values[0]); err != nil {
			return Recipe{}, err
		}
	}
	return r, r.Validate()
}

// Form is the inverse of ParseRecipe; what has its zero value is left out, unless the default is another.
func (r Recipe) Form() url.Values {
	form := url.Values{"method": r.Methods}
	put := func(name, value string, zero bool) {
		if !zero {
			form.Set(name, value)
		}
	}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
	put("mask", r.Mask, false)
	put("mask-mode", r.MaskMode, false)
	put("accel", number(r.Accel), false)
	put("acs", number(r.ACS), false)
	put("mask-seed", strconv.FormatUint(uint64(r.MaskSeed), 10), r.MaskSeed == 0)
	put("protocol", string(r.Protocol), false)
	put("held-out", number(r.HeldOut), r.HeldOut == 0)
	put("initial", r.Initial, r.Initial == "")
	put("sampler", r.Sampler, r.Sampler == "")
	put("t0", number(r.T0), r.T0 == 0)
	put("num-scales", strconv.Itoa(r.NumScales), r.NumScales == 0)
	put("sigma-start", number(r.SigmaStart), r.SigmaStart == 0)
	put("steps", strconv.Itoa(r.Steps), r.Steps == 0)
	put("seed", strconv.FormatUint(r.Seed, 10), r.Seed == 0)
	put("samples", strconv.Itoa(r.Samples), r.Samples <= 1)
	if len(r.Slices) == 2 {
		form.Set("slices", strconv.Itoa(r.Slices[0])+":"+strconv.Itoa(r.Slices[1]))
	}
	return form
}

// set parses the value of one parameter.
func (r *Recipe) set(name, value string) (err error) {
	switch name {
	case "mask":
		r.Mask = value
	case "mask-mode":
		r.MaskMode = value
	case "accel":
		r.Accel, err = finite(value)
	case "acs":
		r.ACS, err = finite(value)
	case "mask-seed":
		var seed uint64
		seed, err = strconv.ParseUint(value, 10, 32)
		r.MaskSeed = uint32(seed)
	case "protocol":
		r.Protocol = Protocol(value)
	case "held-out":
		r.HeldOut, err = finite(value)
	case "slices":
		r.Slices, err = ParseSlices(value)
	case "initial":
		if r.Initial = value; value == InitialUNet {
			r.Initial = "" // the same recipe, so the same job
		}
	case "sampler":
		r.Sampler = value
	case "t0":
		r.T0, err = finite(value)
	case "num-scales":
		r.NumScales, err = strconv.Atoi(value)
	case "sigma-start":
		r.SigmaStart, err = finite(value)
	case "steps":
		r.Steps, err = strconv.Atoi(value)
	case "seed":
		r.Seed, err = strconv.ParseUint(value, 10, 64)
	case "samples":
		if r.Samples, err = strconv.Atoi(value); r.Samples == 1 {
			r.Samples = 0 // the same recipe, so the same job
		}
	default:
		return Errorf(Invalid, "parameter %q is not known", name)
	}
	if err != nil {
		return &Error{Code: Invalid, Message: "parameter " + name + ": " + strconv.Quote(value) + " is not a value it can have", Cause: err}
	}
	return nil
}

// ParseSlices parses a half-open range from:to.
func ParseSlices(value string) ([]int, error) {
	from, to, ok := strings.Cut(value, ":")
	a, errA := strconv.Atoi(from)
	b, errB := strconv.Atoi(to)
	if !ok || errA != nil || errB != nil {
		return nil, Errorf(Invalid, "%q is not a range such as 4:8", value)
	}
	return []int{a, b}, nil
}

// finite parses a number that JSON can hold.
func finite(value string) (float64, error) {
	v, err := strconv.ParseFloat(value, 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = strconv.ErrRange
	}
	return v, err
}
