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

// ln x for x in (0, 1], absolute error below 3e-7. Source: Cephes logf.
INLINE float natural_logarithm(float x) {
#pragma clang fp reassociate(off)
    uint32_t bits = bits_of(x);
    int32_t exponent = (int32_t)(bits >> 23) - 126;
    float m = float_of((bits & 0x007fffff) | 0x3f000000);  // [1/2, 1)
    bool small = m < 0.707106781f;
    float e = (float)(small ? exponent - 1 : exponent);
    m = (small ? 2.0f * m : m) - 1.0f;
    float z = m * m;
    float p = 7.0376836292e-2f;
    p = p * m - 1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m - 1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m - 1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m - 2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    float y = p * m * z - 2.12194440e-4f * e - 0.5f * z;
    return m + y + 0.693359375f * e;
}

// cos and sin of 2π·turns for turns in [0, 1), absolute error below 2e-7. Source: Cephes sinf, cosf
// on |angle| ≤ π/4.
INLINE void circle(float turns, float *cosine, float *sine) {
    int32_t quadrant = (int32_t)(turns * 4.0f + 0.5f);
    float x = (turns - 0.25f * (float)quadrant) * 6.2831853072f;
    float z = x * x;
    float s = ((-1.9515295891e-4f * z + 8.3321608736e-3f) * z - 1.6666654611e-1f) * z * x + x;
    float c = ((2.443315711809948e-5f * z - 1.388731625493765e-3f) * z + 4.166664568298827e-2f)
        * z * z - 0.5f * z + 1.0f;
    bool swapped = quadrant & 1;
    float a = swapped ? s : c, b = swapped ? c : s;
    *cosine = (quadrant + 1) & 2 ? -a : a;
    *sine = quadrant & 2 ? -b : b;
}

// Box and Muller 1958: numbers 2j and 2j+1 of a stream come from its pair j of uniforms.
CLONES static void normal_pairs(
    uint64_t key, uint64_t first, float deviation, float *restrict cosines,
    float *restrict sines, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits[4];
        philox(key, first + i, bits);
        // (0, 1): never 0, so that the logarithm is finite; 24 bits, so that 1 is not reached.
        float u = ((float)(bits[0] >> 8) + 0.5f) * 0x1p-24f;
        float turns = (float)(bits[1] >> 8) * 0x1p-24f;
        float radius = deviation * sqrtf(-2.0f * natural_logarithm(u));
        float c, s;
        circle(turns, &c, &s);
        cosines[i] = radius * c;
        sines[i] = radius * s;
    }
}

void lk_random_normal(uint64_t key, uint64_t start, float deviation, float *y, size_t n) {
    enum { PAIRS = 512 };
    float cosines[PAIRS], sines[PAIRS];
    uint64_t end = start + n, pairs = (end + 1) / 2;
    for (uint64_t first = start / 2; first < pairs; first += PAIRS) {
        size_t count = pairs - first < PAIRS ? pairs - first : PAIRS;
        normal_pairs(key, first, deviation, cosines, sines, count);
        for (size_t i = 0; i < count; i++) {
            uint64_t position = 2 * (first + i);
            if (position >= start) y[position - start] = cosines[i];
            if (position + 1 >= start && position + 1 < end) y[position + 1 - start] = sines[i];
        }
    }
}

// Numbers of lk_random_normal beyond cutoff deviations are taken from the same place of other streams.
void lk_random_redraw(
    uint64_t key, uint64_t start, float deviation, float cutoff, float *y, size_t n) {
    float bound = cutoff * deviation;
    for (size_t i = 0; i < n; i++) {
        for (uint64_t stream = 1; fabsf(y[i]) > bound; stream++) {
            lk_random_normal(key + stream * 0x9E3779B97F4A7C15, start + i, deviation, y + i, 1);
        }
    }
}

void lk_random_uniform(uint64_t key, uint64_t start, float low, float high, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits[4];
        philox(key, start + i, bits);
        y[i] = low + (high - low) * (float)unit(bits[0]);
    }
}
