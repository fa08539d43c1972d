// Stockham's autosort algorithm for any length. LANES transforms are computed side by side, so that each operation is one on vectors
// of consecutive floats, which the compiler maps to what the processor has.
#include "fft.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4)));
typedef struct { vec re, im; } cvec; // one element of all lanes

#if defined(__x86_64__) && defined(__linux__)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("avx2", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

// pass is the butterflies of one radix: in[q + s(p + mj)], j < radix, to out[q + s(radix·p + k)], turned by exp(−2πi pk/(m·radix)), for
// all q < s and p < m.
typedef struct { int radix, s, m, n; const float *turns; } pass;

// put stores v, turned by −2πi·turn/n.
INLINE void put(cvec *out, const float *turns, int turn, vec re, vec im)
{
	float c = turns[2 * turn], s = turns[2 * turn + 1];
	out->re = c * re + s * im;
	out->im = c * im - s * re;
}

INLINE void radix2(cvec *restrict out, const cvec *restrict in, pass f)
{
	for (int p = 0; p < f.m; p++)
		for (int q = 0; q < f.s; q++) {
			const cvec *a = in + q + f.s * p, *b = a + f.s * f.m;
			cvec *to = out + q + f.s * 2 * p;
			to->re = a->re + b->re;
			to->im = a->im + b->im;
			put(to + f.s, f.turns, p * f.s, a->re - b->re, a->im - b->im);
		}
}

INLINE void radix4(cvec *restrict out, const cvec *restrict in, pass f)
{
	for (int p = 0; p < f.m; p++)
		for (int q = 0; q < f.s; q++) {
			const cvec *a = in + q + f.s * p, *b = a + f.s * f.m, *c = b + f.s * f.m, *d = c + f.s * f.m;
			vec sr = a->re + c->re, si = a->im + c->im, dr = a->re - c->re, di = a->im - c->im;
			vec tr = b->re + d->re, ti = b->im + d->im, er = b->re - d->re, ei = b->im - d->im;
			cvec *to = out + q + f.s * 4 * p;
			to->re = sr + tr;
			to->im = si + ti;
			put(to + f.s, f.turns, p * f.s, dr + ei, di - er);
			put(to + 2 * f.s, f.turns, 2 * p * f.s, sr - tr, si - ti);
			put(to + 3 * f.s, f.turns, 3 * p * f.s, dr - ei, di + er);
		}
}

// odd takes any odd radix r. With x_j ± x_{r−j} outputs k and r−k need real coefficients alone:
// x_0 + Σ cos(2πjk/r) (x_j + x_{r−j}) ∓ i Σ sin(2πjk/r) (x_j − x_{r−j}), j = 1 … (r−1)/2.
INLINE void odd(cvec *restrict out, const cvec *restrict in, cvec *restrict sums, pass f)
{
	int half = f.radix / 2, unit = f.n / f.radix;
	cvec *differences = sums + half + 1;
	for (int p = 0; p < f.m; p++)
		for (int q = 0; q < f.s; q++) {
			const cvec *x = in + q + f.s * p;
			cvec *to = out + q + f.s * f.radix * p;
			cvec total = sums[0] = x[0];
			for (int j = 1; j <= half; j++) {
				const cvec *a = x + f.s * f.m * j, *b = x + f.s * f.m * (f.radix - j);
				sums[j].re = a->re + b->re;
				sums[j].im = a->im + b->im;
				differences[j].re = a->re - b->re;
				differences[j].im = a->im - b->im;
				total.re += sums[j].re;
				total.im += sums[j].im;
			}
			to[0] = total;
			for (int k = 1; k <= half; k++) {
				cvec a = sums[0], b = {0};
				for (int j = 1, turn = 0; j <= half; j++) {
					turn += k * unit;
					if (turn >= f.n)
						turn -= f.n;
					float c = f.turns[2 * turn], s = f.turns[2 * turn + 1];
					a.re += c * sums[j].re;
					a.im += c * sums[j].im;
					b.re += s * differences[j].re;
					b.im += s * differences[j].im;
				}
				put(to + k * f.s, f.turns, p * k * f.s, a.re + b.im, a.im - b.re);
				put(to + (f.radix - k) * f.s, f.turns, p * (f.radix - k) * f.s, a.re - b.im, a.im + b.re);
			}
		}
}

// load reads lanes transforms with element ⌊n/2⌋ first. The inverse transform is the forward one with real and imaginary parts exchanged.
INLINE void load(cvec *x, const float *src, int lanes, ptrdiff_t stride, ptrdiff_t distance, int n, int inverse)
{
	for (int j = 0; j < n; j++) {
		const float *from = src + 2 * stride * (j < n - n / 2 ? j + n / 2 : j - (n - n / 2));
		for (int l = 0; l < lanes; l++) {
			x[j].re[l] = from[2 * distance * l + inverse];
			x[j].im[l] = from[2 * distance * l + !inverse];
		}
	}
}

INLINE void store(float *dst, const cvec *x, int lanes, ptrdiff_t stride, ptrdiff_t distance, int n, int inverse)
{
	float scale = 1 / sqrt(n);
	for (int j = 0; j < n; j++) {
		float *to = dst + 2 * stride * (j < n - n / 2 ? j + n / 2 : j - (n - n / 2));
		vec re = scale * x[j].re, im = scale * x[j].im;
		for (int l = 0; l < lanes; l++) {
			to[2 * distance * l + inverse] = re[l];
			to[2 * distance * l + !inverse] = im[l];
		}
	}
}

FOR_EACH_PROCESSOR
void fft_many(float complex *dst, const float complex *src, ptrdiff_t count, ptrdiff_t stride, ptrdiff_t distance, int n, int inverse,
	const int *radices, const float *turns)
{
	cvec *memory = malloc((3 * (size_t)n + 1) * sizeof(cvec)), *sums = memory + 2 * n;
	if (!memory)
		abort(); // as Go does
	for (ptrdiff_t i = 0; i < count; i += LANES) {
		int lanes = count - i < LANES ? count - i : LANES;
		cvec *x = memory, *y = memory + n;
		if (lanes < LANES)
			memset(x, 0, n * sizeof(cvec)); // lanes without a transform: arithmetic on denormal numbers is slow
		load(x, (const float *)(src + i * distance), lanes, stride, distance, n, inverse);
		pass f = {.s = 1, .m = n, .n = n, .turns = turns};
		for (const int *r = radices; *r; r++) {
			f.radix = *r;
			f.m /= f.radix;
			if (f.radix == 4)
				radix4(y, x, f);
			else if (f.radix == 2)
				radix2(y, x, f);
			else
				odd(y, x, sums, f);
			f.s *= f.radix;
			cvec *t = x;
			x = y;
			y = t;
		}
		store((float *)(dst + i * distance), x, lanes, stride, distance, n, inverse);
	}
	free(memory);
}
