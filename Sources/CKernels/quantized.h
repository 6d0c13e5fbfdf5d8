// Block formats of quantized weights: one decoder a format, of one block to float32.
//
// Source: ggml-common.h and ggml-quants.c of https://github.com/ggml-org/llama.cpp (the block structs
// and dequantize_row_*). NF4: Dettmers et al. 2023, arXiv:2305.14314, appendix E.
// Blocks are not aligned; every product of a scale and a code is exact in float32 but Q6_K's.
#ifndef LOCKSTEP_QUANTIZED_H
#define LOCKSTEP_QUANTIZED_H

#include "elements.h"

// DEFINE(name, columns of a block, bytes of a block)
#define FOR_EACH_FORMAT(DEFINE)                                                                    \
    DEFINE(q4_0, 32, 18)                                                                           \
    DEFINE(q4_1, 32, 20)                                                                           \
    DEFINE(q5_0, 32, 22)                                                                           \
    DEFINE(q5_1, 32, 24)                                                                           \
    DEFINE(q8_0, 32, 34)                                                                           \
    DEFINE(q2_k, 256, 84)                                                                          \
    DEFINE(q3_k, 256, 110)                                                                         \
    DEFINE(q4_k, 256, 144)                                                                         \
    DEFINE(q5_k, 256, 176)                                                                         \
    DEFINE(q6_k, 256, 210)                                                                         \
    DEFINE(nf4, 64, 36)

enum { LARGEST_BLOCK = 256 };

// For loops that the compiler would unroll before it sees that they are one vector or two.
#define IN_VECTORS _Pragma("clang loop unroll(disable)")

// Quantiles of the normal distribution, as bitsandbytes has them.
static const float nf4_values[16] = {
    -1.0f, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f,
    -0.28444138169288635f, -0.18477343022823334f, -0.09105003625154495f, 0.0f,
    0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f, 0.33791524171829224f,
    0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1.0f,
};

INLINE float half_at(const uint8_t *p) {
    f16 value;
    memcpy(&value, p, 2);
    return load_f16(&value);
}

INLINE uint32_t word_at(const uint8_t *p) {
    uint32_t value;
    memcpy(&value, p, 4);
    return value;
}

// d; 16 bytes: columns i (low nibble) and i + 16 (high).
INLINE void decode_q4_0(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block);
    const uint8_t *q = block + 2;
    for (size_t i = 0; i < 16; i++) {
        y[i] = d * (float)((int)(q[i] & 15) - 8);
        y[i + 16] = d * (float)((int)(q[i] >> 4) - 8);
    }
}

// d, m; nibbles as above.
INLINE void decode_q4_1(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block), m = half_at(block + 2);
    const uint8_t *q = block + 4;
    for (size_t i = 0; i < 16; i++) {
        y[i] = d * (float)(q[i] & 15) + m;
        y[i + 16] = d * (float)(q[i] >> 4) + m;
    }
}

// d; 32 fifth bits; nibbles as above.
INLINE void decode_q5_0(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block);
    uint32_t high = word_at(block + 2);
    const uint8_t *q = block + 6;
    for (uint32_t i = 0; i < 16; i++) {
        int low = (int)((q[i] & 15u) | ((high >> i) & 1) << 4);
        int upper = (int)((q[i] >> 4) | ((high >> (i + 16)) & 1) << 4);
        y[i] = d * (float)(low - 16);
        y[i + 16] = d * (float)(upper - 16);
    }
}

// d, m; 32 fifth bits; nibbles as above.
INLINE void decode_q5_1(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block), m = half_at(block + 2);
    uint32_t high = word_at(block + 4);
    const uint8_t *q = block + 8;
    for (uint32_t i = 0; i < 16; i++) {
        y[i] = d * (float)((q[i] & 15u) | ((high >> i) & 1) << 4) + m;
        y[i + 16] = d * (float)((q[i] >> 4) | ((high >> (i + 16)) & 1) << 4) + m;
    }
}

// d; 32 signed bytes.
INLINE void decode_q8_0(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block);
    const int8_t *q = (const int8_t *)block + 2;
    for (size_t i = 0; i < 32; i++) y[i] = d * (float)q[i];
}

// 16 scales (low nibble) and minima (high) for 16 columns each; two-bit codes; d, dmin.
INLINE void decode_q2_k(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block + 80), dmin = half_at(block + 82);
    for (size_t group = 0; group < 16; group++, y += 16) {
        const uint8_t *q = block + 16 + group / 8 * 32 + group % 2 * 16;
        unsigned shift = group % 8 / 2 * 2;
        float scale = d * (float)(block[group] & 15), minimum = dmin * (float)(block[group] >> 4);
        IN_VECTORS
        for (size_t i = 0; i < 16; i++) y[i] = scale * (float)((q[i] >> shift) & 3) - minimum;
    }
}

// 256 third bits; two-bit codes; 16 six-bit scales in 12 bytes; d.
INLINE void decode_q3_k(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block + 108);
    const uint8_t *scales = block + 96;
    for (size_t group = 0; group < 16; group++, y += 16) {
        const uint8_t *q = block + 32 + group / 8 * 32 + group % 2 * 16;
        const uint8_t *high = block + group % 2 * 16;
        unsigned shift = group % 8 / 2 * 2, bit = (unsigned)group / 2;
        int low = group < 8 ? scales[group] & 15 : scales[group - 8] >> 4;
        int top = (scales[8 + group % 4] >> (group / 4 * 2)) & 3;
        float scale = d * (float)((low | top << 4) - 32);
        IN_VECTORS
        for (size_t i = 0; i < 16; i++) {
            int code = (q[i] >> shift) & 3;
            y[i] = scale * (float)(code - ((high[i] >> bit) & 1 ? 0 : 4));
        }
    }
}

// The six-bit scale and minimum of 32 columns, out of the 12 bytes of Q4_K and Q5_K.
INLINE void scale_and_minimum(const uint8_t *packed, size_t group, int *scale, int *minimum) {
    if (group < 4) {
        *scale = packed[group] & 63;
        *minimum = packed[group + 4] & 63;
    } else {
        *scale = (packed[group + 4] & 15) | (packed[group - 4] >> 6) << 4;
        *minimum = (packed[group + 4] >> 4) | (packed[group] >> 6) << 4;
    }
}

// d, dmin; 12 bytes of scales; 32 bytes for each 64 columns: i (low nibble) and i + 32 (high).
INLINE void decode_q4_k(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block), dmin = half_at(block + 2);
    for (size_t group = 0; group < 8; group++, y += 32) {
        const uint8_t *q = block + 16 + group / 2 * 32;
        unsigned shift = group % 2 * 4;
        int scale, minimum;
        scale_and_minimum(block + 4, group, &scale, &minimum);
        float factor = d * (float)scale, offset = dmin * (float)minimum;
        IN_VECTORS
        for (size_t i = 0; i < 32; i++) y[i] = factor * (float)((q[i] >> shift) & 15) - offset;
    }
}

// As Q4_K, with 256 fifth bits before the nibbles.
INLINE void decode_q5_k(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block), dmin = half_at(block + 2);
    const uint8_t *high = block + 16;
    for (unsigned group = 0; group < 8; group++, y += 32) {
        const uint8_t *q = block + 48 + group / 2 * 32;
        unsigned shift = group % 2 * 4;
        int scale, minimum;
        scale_and_minimum(block + 4, group, &scale, &minimum);
        float factor = d * (float)scale, offset = dmin * (float)minimum;
        IN_VECTORS
        for (size_t i = 0; i < 32; i++) {
            int code = ((q[i] >> shift) & 15) | ((high[i] >> group) & 1) << 4;
            y[i] = factor * (float)code - offset;
        }
    }
}

// 128 bytes of low nibbles, 64 of upper bit pairs; 16 signed scales of 16 columns each; d.
INLINE void decode_q6_k(const uint8_t *restrict block, float *restrict y) {
    float d = half_at(block + 208);
    const int8_t *scales = (const int8_t *)block + 192;
    for (size_t group = 0; group < 16; group++, y += 16) {
        // 32 columns share a place in the bytes; four such quarters make 128 columns.
        size_t half = group / 8, quarter = group % 8 / 2, start = group % 2 * 16;
        const uint8_t *q = block + half * 64 + quarter % 2 * 32 + start;
        const uint8_t *high = block + 128 + half * 32 + start;
        unsigned shift = quarter / 2 * 4, pair = (unsigned)quarter * 2;
        float scale = d * (float)scales[group];
        IN_VECTORS
        for (size_t i = 0; i < 16; i++) {
            int code = ((q[i] >> shift) & 15) | ((high[i] >> pair) & 3) << 4;
            y[i] = scale * (float)(code - 32);
        }
    }
}

// The largest magnitude, float32; 32 bytes: for each 32 columns nibbles as in Q4_0.
INLINE void decode_nf4(const uint8_t *restrict block, float *restrict y) {
    float most = float_of(word_at(block));
    const uint8_t *q = block + 4;
    for (size_t half = 0; half < 2; half++, q += 16, y += 32)
        for (size_t i = 0; i < 16; i++) {
            y[i] = most * nf4_values[q[i] & 15];
            y[i + 16] = most * nf4_values[q[i] >> 4];
        }
}

// Columns [first, first + count) of a row as float32.
void lk_decode_row(int format, const uint8_t *row, size_t first, size_t count, float *y);

// Whole blocks of a row as bfloat16, where lk_has_quantized_pairs: the same numbers, rounded.
void lk_decode_row_pairs(int format, const uint8_t *row, size_t columns, uint16_t *w);

// sums[t · rows + r] += weights of row r · x of token t over whole blocks, where there is a loop for
// the format and the processor; returns how many columns that were.
size_t lk_fast_products(
    int format, const uint8_t *matrix, size_t row_bytes, size_t rows, size_t columns,
    const float *x, size_t stride_x, size_t tokens, float *sums);

#if defined(__x86_64__)
#include <immintrin.h>

// Always the same tree: the compiler may add up _mm512_reduce_add_ps in an order of its own, which differs from
// one function to the next.
__attribute__((target("avx512f,avx512dq"), always_inline)) static inline float sum_of_lanes(__m512 x) {
    __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(x), _mm512_extractf32x8_ps(x, 1));
    __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}
#endif

#endif
