package phantom

import "math"

// The anatomy is drawn with counter-based random numbers: each is a pure function of a seed and keys, so that slices do not
// depend on each other or on the order in which they are made.

// mix is the finaliser of SplitMix64.
func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// uniform returns a number in [0, 1) for a seed and three keys.
func uniform(seed uint64, a, b, c int) float64 {
	return float64(mix(mix(mix(mix(seed)^uint64(a))^uint64(b))^uint64(c))>>11) / (1 << 53)
}

// normal returns a standard normal number for a seed and three keys.
func normal(seed uint64, a, b, c int) float64 {
	u, v := uniform(seed, a, b, c), uniform(seed^0xa5a5a5a5, a, b, c)
	return math.Sqrt(-2*math.Log(1-u)) * math.Cos(2*math.Pi*v)
}

// along returns a normal number that varies smoothly with z (mm): what neighbouring slices share. Its variance is 1 at every z.
func along(seed uint64, a, b int, z float64) float64 {
	const knot = 18
	k := math.Floor(z / knot)
	s, c := math.Sincos((z/knot - k) * math.Pi / 2)
	return c*normal(seed, a, b, int(k)) + s*normal(seed, a, b, int(k)+1)
}

// smoothstep rises from 0 at a to 1 at b.
func smoothstep(a, b, x float64) float64 {
	t := min(max((x-a)/(b-a), 0), 1)
	return t * t * (3 - 2*t)
}

func lerp(a, b, t float64) float64 { return a + (b-a)*t }
