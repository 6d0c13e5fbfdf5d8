#include "elements.h"

// Philox4x32-10. Source: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3", SC11.
INLINE void philox(uint64_t key, uint64_t counter, uint32_t out[4]) {
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    uint32_t c0 = (uint32_t)counter, c1 = (uint32_t)(counter >> 32), c2 = 0, c3 = 0;
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)0xD2511F53 * c0, p1 = (uint64_t)0xCD9E8D57 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0, n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    out[0] = c0, out[1] = c1, out[2] = c2, out[3] = c3;
}

// In (0, 1): never 0, so that its logarithm is finite.
INLINE double unit(uint32_t bits) { return ((double)bits + 0.5) * 0x1p-32; }

// Box and Muller 1958: number 2j and 2j+1 come from one pair of uniforms.
void lk_random_normal(uint64_t key, uint64_t start, float deviation, float *y, size_t n) {
    for (uint64_t pair = start / 2; 2 * pair < start + n; pair++) {
        uint32_t bits[4];
        philox(key, pair, bits);
        double radius = deviation * sqrt(-2.0 * log(unit(bits[0])));
        double angle = 6.283185307179586 * unit(bits[1]);
        uint64_t position = 2 * pair;
        if (position >= start) y[position - start] = (float)(radius * cos(angle));
        if (position + 1 < start + n) y[position + 1 - start] = (float)(radius * sin(angle));
    }
}

void lk_random_uniform(uint64_t key, uint64_t start, float low, float high, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits[4];
        philox(key, start + i, bits);
        y[i] = low + (high - low) * (float)unit(bits[0]);
    }
}
