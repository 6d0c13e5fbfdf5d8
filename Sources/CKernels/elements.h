// Loads and stores of the three element types, and the vector clones of every kernel.
#ifndef LOCKSTEP_ELEMENTS_H
#define LOCKSTEP_ELEMENTS_H

#include "CKernels.h"
#include <math.h>
#include <stdint.h>
#include <string.h>

// One clone per instruction set, chosen by the loader: one binary serves every x86-64 node.
#if defined(__x86_64__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
// Of loops that have another shape where vectors are of sixteen numbers.
#define NARROW_CLONES __attribute__((target_clones("arch=x86-64-v3", "default")))
// With vectors of sixteen in one register, where the clone for x86-64-v4 would split them in two.
#define BROAD __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")))
#else
#define CLONES
#define NARROW_CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float f32;
typedef uint16_t bf16;
typedef _Float16 f16;

INLINE uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

INLINE float float_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

INLINE float load_f32(const f32 *p) { return *p; }
INLINE void store_f32(f32 *p, float value) { *p = value; }

INLINE float load_bf16(const bf16 *p) { return float_of((uint32_t)*p << 16); }

// Rounds to nearest even; a NaN stays a (quiet) NaN.
INLINE void store_bf16(bf16 *p, float value) {
    uint32_t bits = bits_of(value);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    uint32_t quiet = (bits >> 16) | 0x40;
    *p = (bf16)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

// A float32 of the halves that `split` makes. The lower one, as a signed number, is what rounding
// took away.
INLINE float joined(bf16 upper, uint16_t lower) {
    return float_of(((uint32_t)upper << 16) + (uint32_t)(int32_t)(int16_t)lower);
}

// The upper half rounded, ties away from zero: so the lower half tells which way, and the two give
// the number back. (Ties to even would leave that open.) A NaN stays a quiet NaN.
INLINE void split(float value, bf16 *upper, uint16_t *lower) {
    uint32_t bits = bits_of(value);
    bits = (bits & 0x7fffffff) > 0x7f800000 ? (bits & 0x80000000) | 0x7fc00000 : bits;
    *upper = (bf16)((bits + 0x8000) >> 16);
    *lower = (uint16_t)bits;
}

INLINE float load_f16(const f16 *p) { return (float)*p; }
INLINE void store_f16(f16 *p, float value) { *p = (f16)value; }

// exp(x) by 2^n · p(r), |r| ≤ ln2/2; relative error below 2e-7. Source: Cephes expf. Adding 1.5 · 2^23
// rounds to the nearest n and leaves it in the lowest bits. A NaN passes through.
INLINE float exponential(float x) {
#pragma clang fp reassociate(off)
    float clamped = x > 88.7f ? 88.7f : x;
    clamped = clamped < -87.3f ? -87.3f : clamped;
    float shifted = clamped * 1.44269504f + 12582912.0f, n = shifted - 12582912.0f;
    float r = clamped - n * 0.693359375f;
    r = r + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    float result = p * float_of((bits_of(shifted) << 23) + 0x3f800000u);
    return x < -87.3f ? 0.0f : result;
}

INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

// tanh: the Taylor series for |x| < 1/4, above it by the exponential. Relative error below 1e-6.
INLINE float hyperbolic_tangent(float x) {
    float z = x * x;
    float small = x
        * (1.0f
           + z * (-0.3333333333f
                  + z * (0.1333333333f + z * (-0.0539682540f + z * 0.0218694885f))));
    float large = 1.0f - 2.0f / (1.0f + exponential(2.0f * fabsf(x)));
    large = x < 0 ? -large : large;
    return fabsf(x) < 0.25f ? small : large;
}

// erf: the Taylor series for |x| < 1/2, above it 1 − erfc with the Chebyshev fit of Press et al.,
// Numerical Recipes, 2nd edition, section 6.2 (erfcc). Absolute error below 2e-7.
INLINE float error_function(float x) {
    float a = fabsf(x);
    float z = x * x;
    float small = x
        * (1.128379167f
           + z * (-0.3761262582f
                  + z * (0.1128358514f
                         + z * (-0.0268538140f + z * (0.0051998730f + z * -0.00080001933f)))));
    float t = 1.0f / (1.0f + 0.5f * a);
    float poly = -1.26551223f
        + t * (1.00002368f
               + t * (0.37409196f
                      + t * (0.09678418f
                             + t * (-0.18628806f
                                    + t * (0.27886807f
                                           + t * (-1.13520398f
                                                  + t * (1.48851587f
                                                         + t * (-0.82215223f
                                                                + t * 0.17087277f))))))));
    float large = 1.0f - t * exponential(-z + poly);
    large = x < 0 ? -large : large;
    return a < 0.5f ? small : large;
}

// The largest of n numbers, NaN passed over; sixteen running maxima keep the loop vectorizable.
INLINE float maximum(const float *x, size_t n) {
    float tops[16];
    size_t i = 0;
    for (size_t j = 0; j < 16; j++) tops[j] = -INFINITY;
    for (; i + 16 <= n; i += 16)
        for (size_t j = 0; j < 16; j++) tops[j] = x[i + j] > tops[j] ? x[i + j] : tops[j];
    for (; i < n; i++) tops[0] = x[i] > tops[0] ? x[i] : tops[0];
    for (size_t j = 1; j < 16; j++) tops[0] = tops[j] > tops[0] ? tops[j] : tops[0];
    return tops[0];
}

// For loops whose output may be their input, element for element.
#define IN_PLACE _Pragma("clang loop vectorize(assume_safety)")

// 32 well-mixed bits of (key, index): the counter-based source of dropout masks.
// Source: the finaliser of MurmurHash3, applied twice with both halves of the key.
INLINE uint32_t mixed_bits(uint64_t key, uint32_t index) {
    uint32_t h = index * 0x9E3779B1u ^ (uint32_t)key;
    h ^= h >> 16;
    h *= 0x85EBCA6Bu;
    h ^= h >> 13;
    h += (uint32_t)(key >> 32);
    h *= 0xC2B2AE35u;
    h ^= h >> 16;
    h *= 0x7FEB352Du;
    h ^= h >> 15;
    return h;
}

// Calls KERNEL##_f32, _bf16 or _f16.
#define DISPATCH(TYPE, KERNEL, ...)                                                                \
    switch (TYPE) {                                                                                \
    case LK_FLOAT32: KERNEL##_f32(__VA_ARGS__); break;                                             \
    case LK_BFLOAT16: KERNEL##_bf16(__VA_ARGS__); break;                                           \
    default: KERNEL##_f16(__VA_ARGS__); break;                                                     \
    }

#define FOR_EACH_TYPE(DEFINE)                                                                      \
    DEFINE(f32)                                                                                    \
    DEFINE(bf16)                                                                                   \
    DEFINE(f16)

#endif
