#include <complex.h>
#include <stddef.h>

// So many transforms go side by side.
enum { LANES = 8 };

// fft_many computes count centred orthonormal transforms of length n: element j of transform i is at i·distance + j·stride of src,
// and of dst, which may be src. radices, whose product is n, are 4, 2 or odd; a 0 ends them. turns holds the cosine and sine of
// 2πj/n for j = 0 … n−1.
void fft_many(float complex *dst, const float complex *src, ptrdiff_t count, ptrdiff_t stride, ptrdiff_t distance, int n, int inverse,
	const int *radices, const float *turns);
