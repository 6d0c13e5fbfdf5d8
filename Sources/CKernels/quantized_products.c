// Before the intrinsics, which are functions of a header: a product's bits must not depend on whether the loop that it
// stands in is unrolled. Sums here say their order.
#pragma clang fp reassociate(off)
#define NUMBER float
#include "quantized_vectors.h"

#if defined(__x86_64__)

// A four-bit code picks its weight from a register of the block's sixteen possible weights, so that
// decoding costs one shuffle for sixteen columns.

#define VECTOR __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")))

// Of sixteen bytes the weights of the low nibbles and of the high ones; the shuffle looks at the lowest
// four bits only.
DECODING __m512 low(const uint8_t *q, __m512 table) {
    return _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(sixteen(q)), table);
}

DECODING __m512 high(const uint8_t *q, __m512 table) {
    return _mm512_permutexvar_ps(_mm512_srli_epi32(_mm512_cvtepu8_epi32(sixteen(q)), 4), table);
}

DECODING weights weights_q4_0(const uint8_t *block, size_t part) {
    __m512 table = table_q4_0(block);
    return (weights){low(block + 2, table), high(block + 2, table)};
}

DECODING weights weights_q4_1(const uint8_t *block, size_t part) {
    __m512 table = table_q4_1(block);
    return (weights){low(block + 4, table), high(block + 4, table)};
}

DECODING weights weights_nf4(const uint8_t *block, size_t part) {
    __m512 table = table_nf4(block);
    const uint8_t *q = block + 4 + 16 * part;
    return (weights){low(q, table), high(q, table)};
}

DECODING weights weights_q8_0(const uint8_t *block, size_t part) { return decoded_q8_0(block); }

DECODING weights weights_q4_k(const uint8_t *block, size_t part) {
    __m512 table = table_q4_k(block, part);
    const uint8_t *q = block + 16 + part / 2 * 32;
    return part % 2 == 0 ? (weights){low(q, table), low(q + 16, table)}
                         : (weights){high(q, table), high(q + 16, table)};
}

DECODING weights weights_q6_k(const uint8_t *block, size_t part) {
    return decoded_q6_k(block, part);
}

// A few rows and tokens at a time, whose sums stay in registers; ROWS · TOKENS is at most 16, and each number
// of x is loaded once for all rows. A sum is added up in the same order whatever it is computed beside.
#define DEFINE_FEW(NAME, COLUMNS, BYTES, ROWS, TOKENS)                                             \
    VECTOR static void few_##NAME##_##ROWS##_##TOKENS(                                             \
        const uint8_t *matrix, size_t row_bytes, size_t blocks, const float *x, size_t stride,     \
        float *sums, size_t step) {                                                                \
        __m512 kept[ROWS][TOKENS];                                                                 \
        UNROLL for (size_t r = 0; r < ROWS; r++)                                                   \
            UNROLL for (size_t t = 0; t < TOKENS; t++) kept[r][t] = _mm512_setzero_ps();           \
        const uint8_t *next = matrix + AHEAD;                                                      \
        for (size_t b = 0; b < blocks; b++, matrix += BYTES) {                                     \
            for (size_t i = 0; i < ROWS * BYTES; i += 64) __builtin_prefetch(next + i, 0, 3);      \
            next += ROWS * BYTES;                                                                  \
            UNROLL for (size_t part = 0; part < COLUMNS / 32; part++, x += 32) {                   \
                weights w[ROWS];                                                                   \
                UNROLL for (size_t r = 0; r < ROWS; r++)                                           \
                    w[r] = weights_##NAME(matrix + r * row_bytes, part);                           \
                UNROLL for (size_t t = 0; t < TOKENS; t++) {                                       \
                    __m512 first = _mm512_loadu_ps(x + t * stride);                                \
                    __m512 second = _mm512_loadu_ps(x + t * stride + 16);                          \
                    UNROLL for (size_t r = 0; r < ROWS; r++) {                                     \
                        kept[r][t] = _mm512_fmadd_ps(w[r].first, first, kept[r][t]);               \
                        kept[r][t] = _mm512_fmadd_ps(w[r].second, second, kept[r][t]);             \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (size_t r = 0; r < ROWS; r++)                                                   \
            UNROLL for (size_t t = 0; t < TOKENS; t++)                                             \
                sums[t * step + r] += sum_of_lanes(kept[r][t]);                                     \
    }

FOR_EACH_FAST_FORMAT(DEFINE_PRODUCTS)

size_t lk_fast_products(
    int format, const uint8_t *matrix, size_t row_bytes, size_t rows, size_t columns,
    const float *x, size_t stride_x, size_t tokens, float *sums) {
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw")
        || !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq"))
        return 0;
    switch (format) {
#define CASE(NAME, COLUMNS, BYTES)                                                                 \
    case LK_FORMAT_##NAME:                                                                         \
        all_tokens(                                                                                \
            all_##NAME, matrix, row_bytes, rows, columns / COLUMNS, x, stride_x, tokens, sums);    \
        return columns / COLUMNS * COLUMNS;
        FOR_EACH_FAST_FORMAT(CASE)
#undef CASE
    default: return 0;
    }
}

#else

size_t lk_fast_products(
    int format, const uint8_t *matrix, size_t row_bytes, size_t rows, size_t columns,
    const float *x, size_t stride_x, size_t tokens, float *sums) {
    return 0;
}

#endif
