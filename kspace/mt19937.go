package kspace

import "math"

// mt19937 is numpy's legacy generator (numpy.random.RandomState): masks must be those that the Python codes draw from the same
// seed. Mersenne Twister after Matsumoto and Nishimura (1998); the derived draws as numpy's legacy distributions do them.
type mt19937 struct {
	state  [624]uint32
	next   int
	spare  float64 // second normal of a polar pair
	paired bool
}

// newMT19937 seeds like RandomState(seed) with one number: numpy accepts 0 ≤ seed < 2³².
func newMT19937(seed uint32) *mt19937 {
	r := &mt19937{next: 624}
	r.state[0] = seed
	for i := 1; i < 624; i++ {
		r.state[i] = 1812433253*(r.state[i-1]^r.state[i-1]>>30) + uint32(i)
	}
	return r
}

// newMT19937Key seeds like RandomState(key) with a sequence: fastMRI seeds validation masks with the characters of a file name.
func newMT19937Key(key []uint32) *mt19937 {
	r := newMT19937(19650218)
	i, j := 1, 0
	for range max(624, len(key)) {
		r.state[i] = (r.state[i] ^ (r.state[i-1]^r.state[i-1]>>30)*1664525) + key[j] + uint32(j)
		i, j = i+1, (j+1)%len(key)
		if i >= 624 {
			r.state[0] = r.state[623]
			i = 1
		}
	}
	for range 623 {
		r.state[i] = (r.state[i] ^ (r.state[i-1]^r.state[i-1]>>30)*1566083941) - uint32(i)
		i++
		if i >= 624 {
			r.state[0] = r.state[623]
			i = 1
		}
	}
	r.state[0] = 1 << 31
	return r
}

func (r *mt19937) uint32() uint32 {
	if r.next >= 624 {
		for i := range 624 {
			y := r.state[i]&(1<<31) | r.state[(i+1)%624]&(1<<31-1)
			r.state[i] = r.state[(i+397)%624] ^ y>>1 ^ (y&1)*0x9908b0df
		}
		r.next = 0
	}
	y := r.state[r.next]
	r.next++
	y ^= y >> 11
	y ^= y << 7 & 0x9d2c5680
	y ^= y << 15 & 0xefc60000
	return y ^ y>>18
}

// float64 is uniform in [0, 1) with 53 bits, as random_sample.
func (r *mt19937) float64() float64 {
	a, b := r.uint32()>>5, r.uint32()>>6
	return (float64(a)*67108864 + float64(b)) / 9007199254740992
}

// normal is standard normal by the polar method, as RandomState.standard_normal.
func (r *mt19937) normal() float64 {
	if r.paired {
		r.paired = false
		return r.spare
	}
	for {
		x, y := 2*r.float64()-1, 2*r.float64()-1
		s := x*x + y*y
		if s < 1 && s != 0 {
			f := math.Sqrt(-2 * math.Log(s) / s)
			r.spare, r.paired = f*x, true
			return f * y
		}
	}
}

// intn is uniform in 0…n−1 by masked rejection, as RandomState.randint(0, n); it draws nothing for n = 1.
func (r *mt19937) intn(n int) int {
	if n <= 1 {
		return 0
	}
	mask := uint32(n - 1)
	for shift := 1; shift < 32; shift *= 2 {
		mask |= mask >> shift
	}
	for {
		if v := int(r.uint32() & mask); v < n {
			return v
		}
	}
}
