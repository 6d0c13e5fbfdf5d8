// Before the intrinsics, which are functions of a header: a product's bits must not depend on whether the loop that it
// stands in is unrolled. Sums here say their order.
#pragma clang fp reassociate(off)
#include "quantized.h"

#if defined(__x86_64__)
#include <immintrin.h>

// A four-bit code picks its weight from a register of the block's sixteen possible weights, so that
// decoding costs one shuffle for sixteen columns and rounds exactly as quantized.h does.

// Rows read side by side are no stream that the processor's prefetcher recognizes: the bytes of a
// few rows are asked for in the order in which they lie, so many bytes before they are read.
enum { AHEAD = 4096 };

#define UNROLL _Pragma("clang loop unroll(full)")
#define VECTOR __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")))
#define VECTOR_INLINE VECTOR static inline __attribute__((always_inline))

// Thirty-two weights in the order of their columns.
typedef struct {
    __m512 first, second;
} weights;

VECTOR_INLINE __m512 codes(void) {
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

VECTOR_INLINE __m512 spread_half(const uint8_t *p) {
    uint16_t bits;
    memcpy(&bits, p, 2);
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}

VECTOR_INLINE __m128i sixteen(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }

// Of sixteen bytes the weights of the low nibbles and of the high ones; the shuffle looks at the lowest
// four bits only.
VECTOR_INLINE __m512 low(const uint8_t *q, __m512 table) {
    return _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(sixteen(q)), table);
}

VECTOR_INLINE __m512 high(const uint8_t *q, __m512 table) {
    return _mm512_permutexvar_ps(_mm512_srli_epi32(_mm512_cvtepu8_epi32(sixteen(q)), 4), table);
}

VECTOR_INLINE weights weights_q4_0(const uint8_t *block, size_t part) {
    __m512 table = _mm512_mul_ps(spread_half(block), _mm512_sub_ps(codes(), _mm512_set1_ps(8)));
    return (weights){low(block + 2, table), high(block + 2, table)};
}

VECTOR_INLINE weights weights_q4_1(const uint8_t *block, size_t part) {
    int32_t bits;
    memcpy(&bits, block, 4);
    __m128 both = _mm_cvtph_ps(_mm_cvtsi32_si128(bits));
    __m512 table = _mm512_fmadd_ps(
        _mm512_broadcastss_ps(both), codes(), _mm512_broadcastss_ps(_mm_movehdup_ps(both)));
    return (weights){low(block + 4, table), high(block + 4, table)};
}

VECTOR_INLINE weights weights_nf4(const uint8_t *block, size_t part) {
    __m512 most = _mm512_set1_ps(float_of(word_at(block)));
    __m512 table = _mm512_mul_ps(most, _mm512_loadu_ps(nf4_values));
    const uint8_t *q = block + 4 + 16 * part;
    return (weights){low(q, table), high(q, table)};
}

VECTOR_INLINE weights weights_q8_0(const uint8_t *block, size_t part) {
    __m512 d = spread_half(block);
    __m512 first = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen(block + 2)));
    __m512 second = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen(block + 18)));
    return (weights){_mm512_mul_ps(d, first), _mm512_mul_ps(d, second)};
}

VECTOR_INLINE weights weights_q4_k(const uint8_t *block, size_t part) {
    int scale, minimum;
    scale_and_minimum(block + 4, part, &scale, &minimum);
    __m512 table = _mm512_fmsub_ps(
        _mm512_set1_ps(half_at(block) * (float)scale), codes(),
        _mm512_set1_ps(half_at(block + 2) * (float)minimum));
    const uint8_t *q = block + 16 + part / 2 * 32;
    return part % 2 == 0 ? (weights){low(q, table), low(q + 16, table)}
                         : (weights){high(q, table), high(q + 16, table)};
}

VECTOR_INLINE weights weights_q6_k(const uint8_t *block, size_t part) {
    size_t half = part / 4, quarter = part % 4;
    const int8_t *scales = (const int8_t *)block + 192 + half * 8 + quarter * 2;
    float d = half_at(block + 208);
    __m512 w[2];
    UNROLL for (size_t i = 0; i < 2; i++) {
        __m128i upper = sixteen(block + 128 + half * 32 + i * 16);
        __m128i lower = sixteen(block + half * 64 + quarter % 2 * 32 + i * 16);
        if (quarter >= 2) lower = _mm_srli_epi16(lower, 4);
        upper = quarter == 0   ? _mm_slli_epi16(upper, 4)
                : quarter == 1 ? _mm_slli_epi16(upper, 2)
                : quarter == 2 ? upper
                               : _mm_srli_epi16(upper, 2);
        __m128i code = _mm_or_si128(
            _mm_and_si128(lower, _mm_set1_epi8(15)), _mm_and_si128(upper, _mm_set1_epi8(0x30)));
        __m512 q =
            _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_sub_epi8(code, _mm_set1_epi8(32))));
        w[i] = _mm512_mul_ps(_mm512_set1_ps(d * (float)scales[i]), q);
    }
    return (weights){w[0], w[1]};
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

// All rows, ROWS at a time and then one by one; each is decoded once for all tokens.
#define DEFINE_TOKENS(NAME, COLUMNS, BYTES, ROWS, TOKENS)                                          \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 1, TOKENS)                                                    \
    DEFINE_FEW(NAME, COLUMNS, BYTES, ROWS, TOKENS)                                                 \
    static void tokens_##NAME##_##TOKENS(                                                          \
        const uint8_t *matrix, size_t row_bytes, size_t rows, size_t blocks, const float *x,       \
        size_t stride, float *sums) {                                                              \
        size_t r = 0;                                                                              \
        for (; r + ROWS <= rows; r += ROWS)                                                        \
            few_##NAME##_##ROWS##_##TOKENS(                                                        \
                matrix + r * row_bytes, row_bytes, blocks, x, stride, sums + r, rows);             \
        for (; r < rows; r++)                                                                      \
            few_##NAME##_1_##TOKENS(                                                               \
                matrix + r * row_bytes, row_bytes, blocks, x, stride, sums + r, rows);             \
    }

typedef void products(
    const uint8_t *matrix, size_t row_bytes, size_t rows, size_t blocks, const float *x,
    size_t stride, float *sums);

enum { MOST_TOKENS = 8 };

#define DEFINE_PRODUCTS(NAME, COLUMNS, BYTES)                                                      \
    DEFINE_TOKENS(NAME, COLUMNS, BYTES, 4, 1)                                                      \
    DEFINE_TOKENS(NAME, COLUMNS, BYTES, 4, 2)                                                      \
    DEFINE_TOKENS(NAME, COLUMNS, BYTES, 4, 3)                                                      \
    DEFINE_TOKENS(NAME, COLUMNS, BYTES, 4, 4)                                                      \
    DEFINE_TOKENS(NAME, COLUMNS, BYTES, 2, 5)                                                      \
    DEFINE_TOKENS(NAME, COLUMNS, BYTES, 2, 6)                                                      \
    DEFINE_TOKENS(NAME, COLUMNS, BYTES, 2, 7)                                                      \
    DEFINE_TOKENS(NAME, COLUMNS, BYTES, 2, 8)                                                      \
    static products *const all_##NAME[MOST_TOKENS] = {                                             \
        tokens_##NAME##_1, tokens_##NAME##_2, tokens_##NAME##_3, tokens_##NAME##_4,                \
        tokens_##NAME##_5, tokens_##NAME##_6, tokens_##NAME##_7, tokens_##NAME##_8};

#define FOR_EACH_FAST_FORMAT(DEFINE)                                                               \
    DEFINE(q4_0, 32, 18)                                                                           \
    DEFINE(q4_1, 32, 20)                                                                           \
    DEFINE(q8_0, 32, 34)                                                                           \
    DEFINE(q4_k, 256, 144)                                                                         \
    DEFINE(q6_k, 256, 210)                                                                         \
    DEFINE(nf4, 64, 36)
FOR_EACH_FAST_FORMAT(DEFINE_PRODUCTS)

static void all_tokens(
    products *const all[MOST_TOKENS], const uint8_t *matrix, size_t row_bytes, size_t rows,
    size_t blocks, const float *x, size_t stride, size_t tokens, float *sums) {
    while (tokens > 0) {
        size_t some = tokens < MOST_TOKENS ? tokens : MOST_TOKENS;
        all[some - 1](matrix, row_bytes, rows, blocks, x, stride, sums);
        tokens -= some, x += some * stride, sums += some * rows;
    }
}

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
