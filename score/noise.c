// Philox and Box–Muller's transform as one loop without branches or calls, which the compiler vectorises.
#include "noise.h"

#include <string.h>

#if defined(__x86_64__) && defined(__linux__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

float sqrtf(float) __attribute__((const)); // without errno, which math.h's has

// philox is Philox4x32-10 (Salmon et al., SC 2011): a bijection of the counter that passes BigCrush for any key.
INLINE void philox(uint32_t c[4], uint64_t key)
{
	uint32_t k0 = key, k1 = key >> 32;
#pragma GCC unroll 10
	for (int round = 0; round < 10; round++) {
		uint64_t p0 = (uint64_t)0xD2511F53 * c[0], p1 = (uint64_t)0xCD9E8D57 * c[2];
		c[0] = (uint32_t)(p1 >> 32) ^ c[1] ^ k0;
		c[1] = (uint32_t)p1;
		c[2] = (uint32_t)(p0 >> 32) ^ c[3] ^ k1;
		c[3] = (uint32_t)p0;
		k0 += 0x9E3779B9;
		k1 += 0xBB67AE85;
	}
}

// logarithm returns ln((a + ½)/2³²) by the polynomial of Cephes' logf for ln(1 + z). Near 1, z itself is taken from the integer, so that
// small logarithms are as exact as large ones.
INLINE float logarithm(uint32_t a)
{
	int32_t near = -(a >= 0xB504F334), bits; // a mask; 2³²/√2
	float u = (float)(a ^ near) + 0.5f, m;
	memcpy(&bits, &u, 4);
	int32_t exponent = (bits - 0x3f3504f3) >> 23; // puts the mantissa in [√½, √2)
	exponent = (exponent & ~near) | (32 & near);
	bits = (bits - (exponent << 23)) ^ (INT32_MIN & near);
	memcpy(&m, &bits, 4);
	float z = m - (float)(1 + near);
	float p = 7.0376836292e-2f;
	p = p * z - 1.1514610310e-1f;
	p = p * z + 1.1676998740e-1f;
	p = p * z - 1.2420140846e-1f;
	p = p * z + 1.4249322787e-1f;
	p = p * z - 1.6668057665e-1f;
	p = p * z + 2.0000714765e-1f;
	p = p * z - 2.4999993993e-1f;
	p = p * z + 3.3333331174e-1f;
	return 0.693147181f * (float)(exponent - 32) + (z + z * z * (p * z - 0.5f));
}

// normal is Box and Muller's: radius √(−2 ln u), at the angle 2πb/2³², by the polynomials of Cephes' sinf and cosf about the nearest
// quarter turn.
INLINE void normal(float *dst, uint32_t a, uint32_t b)
{
	int32_t quarter = (b + 0x20000000) >> 30;
	float y = 1.46291808e-9f * (float)(int32_t)(b - ((uint32_t)quarter << 30)), z = y * y;
	float sin = y + y * z * ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f);
	float cos = 1 - 0.5f * z + z * z * ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f);
	float x = (float)((1 - (quarter & 1)) * (1 - (quarter & 2))), turn = (float)((quarter & 1) * (1 - (quarter & 2)));
	float radius = sqrtf(-2 * logarithm(a));
	dst[0] = radius * (x * cos - turn * sin);
	dst[1] = radius * (x * sin + turn * cos);
}

FOR_EACH_PROCESSOR
void noise_fill(float *restrict dst, uint32_t from, uint32_t pairs, uint32_t draw, uint32_t slice, uint32_t sample, uint64_t key)
{
	for (uint32_t i = 0; i < pairs; i++) {
		uint32_t c[4] = {from + i, draw, slice, sample};
		philox(c, key);
		normal(dst + 4 * (uint64_t)i, c[0], c[1]);
		normal(dst + 4 * (uint64_t)i + 2, c[2], c[3]);
	}
}
