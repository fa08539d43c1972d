#include <stdint.h>

// noise_fill writes two complex normal values, four floats, for each counter from, …, from+pairs−1: a function of the counter, draw,
// slice, sample and key alone.
void noise_fill(float *dst, uint32_t from, uint32_t pairs, uint32_t draw, uint32_t slice, uint32_t sample, uint64_t key);
