#include "quantized.h"

#if defined(__x86_64__)
#include <immintrin.h>

// A four-bit code picks its weight from a register of the block's sixteen possible weights, so that
// decoding costs one shuffle for sixteen columns and rounds exactly as quantized.h does.

// Rows read side by side are no stream that the processor's prefetcher recognizes: the bytes of a
// few rows are asked for in the order in which they lie, so many bytes before they are read.
enum { AHEAD = 4096 };

#define VECTOR __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c")))
#define VECTOR_INLINE VECTOR static inline __attribute__((always_inline))

VECTOR_INLINE __m512 codes(void) {
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

VECTOR_INLINE __m512 spread_half(const uint8_t *p) {
    uint16_t bits;
    memcpy(&bits, p, 2);
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}

VECTOR_INLINE __m128i sixteen(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }

// Adds sixteen weights' products with each token's numbers.
VECTOR_INLINE void multiply_add(
    __m512 w, const float *x, size_t stride, size_t tokens, __m512 *sums) {
#pragma clang loop unroll(full)
    for (size_t t = 0; t < tokens; t++)
        sums[t] = _mm512_fmadd_ps(w, _mm512_loadu_ps(x + t * stride), sums[t]);
}

// Sixteen bytes: low nibbles are columns x, high ones are columns x + apart.
VECTOR_INLINE void nibbles(
    const uint8_t *q, __m512 low, __m512 high, const float *x, size_t apart, size_t stride,
    size_t tokens, __m512 *sums) {
    __m512i index = _mm512_cvtepu8_epi32(sixteen(q));
    // The shuffle looks at the lowest four bits only.
    multiply_add(_mm512_permutexvar_ps(index, low), x, stride, tokens, sums);
    multiply_add(
        _mm512_permutexvar_ps(_mm512_srli_epi32(index, 4), high), x + apart, stride, tokens, sums);
}

VECTOR_INLINE void block_q4_0(
    const uint8_t *block, const float *x, size_t stride, size_t tokens, __m512 *sums) {
    __m512 table = _mm512_mul_ps(spread_half(block), _mm512_sub_ps(codes(), _mm512_set1_ps(8)));
    nibbles(block + 2, table, table, x, 16, stride, tokens, sums);
}

VECTOR_INLINE void block_q4_1(
    const uint8_t *block, const float *x, size_t stride, size_t tokens, __m512 *sums) {
    int32_t bits;
    memcpy(&bits, block, 4);
    __m128 both = _mm_cvtph_ps(_mm_cvtsi32_si128(bits));
    __m512 table = _mm512_fmadd_ps(
        _mm512_broadcastss_ps(both), codes(), _mm512_broadcastss_ps(_mm_movehdup_ps(both)));
    nibbles(block + 4, table, table, x, 16, stride, tokens, sums);
}

VECTOR_INLINE void block_nf4(
    const uint8_t *block, const float *x, size_t stride, size_t tokens, __m512 *sums) {
    __m512 most = _mm512_set1_ps(float_of(word_at(block)));
    __m512 table = _mm512_mul_ps(most, _mm512_loadu_ps(nf4_values));
    nibbles(block + 4, table, table, x, 16, stride, tokens, sums);
    nibbles(block + 20, table, table, x + 32, 16, stride, tokens, sums);
}

VECTOR_INLINE void block_q8_0(
    const uint8_t *block, const float *x, size_t stride, size_t tokens, __m512 *sums) {
    __m512 d = spread_half(block);
    for (size_t i = 0; i < 32; i += 16) {
        __m512 q = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen(block + 2 + i)));
        multiply_add(_mm512_mul_ps(d, q), x + i, stride, tokens, sums);
    }
}

VECTOR_INLINE void block_q4_k(
    const uint8_t *block, const float *x, size_t stride, size_t tokens, __m512 *sums) {
    float d = half_at(block), dmin = half_at(block + 2);
    const uint8_t *q = block + 16;
    for (size_t pair = 0; pair < 4; pair++, q += 32, x += 64) {
        __m512 tables[2];
#pragma clang loop unroll(full)
        for (size_t i = 0; i < 2; i++) {
            int scale, minimum;
            scale_and_minimum(block + 4, 2 * pair + i, &scale, &minimum);
            tables[i] = _mm512_fmsub_ps(
                _mm512_set1_ps(d * (float)scale), codes(), _mm512_set1_ps(dmin * (float)minimum));
        }
        nibbles(q, tables[0], tables[1], x, 32, stride, tokens, sums);
        nibbles(q + 16, tables[0], tables[1], x + 16, 32, stride, tokens, sums);
    }
}

VECTOR_INLINE void block_q6_k(
    const uint8_t *block, const float *x, size_t stride, size_t tokens, __m512 *sums) {
    float d = half_at(block + 208);
    const int8_t *scales = (const int8_t *)block + 192;
    __m128i nibble = _mm_set1_epi8(15), pair = _mm_set1_epi8(0x30), middle = _mm_set1_epi8(32);
    for (size_t part = 0; part < 4; part++) {
        size_t half = part / 2, start = part % 2 * 16;
        __m128i high = sixteen(block + 128 + half * 32 + start);
        __m128i first = sixteen(block + half * 64 + start);
        __m128i second = sixteen(block + half * 64 + 32 + start);
        __m128i low[4] = {first, second, _mm_srli_epi16(first, 4), _mm_srli_epi16(second, 4)};
        __m128i upper[4] = {
            _mm_slli_epi16(high, 4), _mm_slli_epi16(high, 2), high, _mm_srli_epi16(high, 2)};
#pragma clang loop unroll(full)
        for (size_t quarter = 0; quarter < 4; quarter++) {
            __m128i code = _mm_or_si128(
                _mm_and_si128(low[quarter], nibble), _mm_and_si128(upper[quarter], pair));
            __m512 q = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_sub_epi8(code, middle)));
            __m512 scale = _mm512_set1_ps(d * (float)scales[half * 8 + quarter * 2 + part % 2]);
            multiply_add(
                _mm512_mul_ps(scale, q), x + half * 128 + quarter * 32 + start, stride, tokens,
                sums);
        }
    }
}

// A few rows and tokens at a time, whose sums stay in registers; ROWS · TOKENS is at most 16.
#define DEFINE_FEW(NAME, COLUMNS, BYTES, ROWS, TOKENS)                                             \
    VECTOR static void few_##NAME##_##ROWS##_##TOKENS(                                             \
        const uint8_t *matrix, size_t row_bytes, size_t blocks, const float *x, size_t stride,     \
        float *sums, size_t step) {                                                                \
        __m512 kept[ROWS * TOKENS];                                                                \
        _Pragma("clang loop unroll(full)")                                                         \
        for (size_t i = 0; i < ROWS * TOKENS; i++) kept[i] = _mm512_setzero_ps();                  \
        const uint8_t *next = matrix + AHEAD;                                                      \
        for (size_t b = 0; b < blocks; b++, matrix += BYTES, x += COLUMNS) {                       \
            for (size_t i = 0; i < ROWS * BYTES; i += 64) __builtin_prefetch(next + i, 0, 3);      \
            next += ROWS * BYTES;                                                                  \
            _Pragma("clang loop unroll(full)")                                                     \
            for (size_t r = 0; r < ROWS; r++)                                                      \
                block_##NAME(matrix + r * row_bytes, x, stride, TOKENS, kept + r * TOKENS);        \
        }                                                                                          \
        _Pragma("clang loop unroll(full)")                                                         \
        for (size_t r = 0; r < ROWS; r++)                                                          \
            _Pragma("clang loop unroll(full)")                                                     \
            for (size_t t = 0; t < TOKENS; t++)                                                    \
                sums[t * step + r] += _mm512_reduce_add_ps(kept[r * TOKENS + t]);                  \
    }

// All tokens of ROWS rows, 8, then 4, then 2, then 1 of them at a time.
#define DEFINE_ALL_TOKENS(NAME, ROWS)                                                              \
    VECTOR static void tokens_##NAME##_##ROWS(                                                     \
        const uint8_t *matrix, size_t row_bytes, size_t blocks, const float *x, size_t stride,     \
        size_t tokens, float *sums, size_t step) {                                                 \
        for (; tokens >= 8; tokens -= 8, x += 8 * stride, sums += 8 * step)                        \
            few_##NAME##_##ROWS##_8(matrix, row_bytes, blocks, x, stride, sums, step);             \
        for (; tokens >= 4; tokens -= 4, x += 4 * stride, sums += 4 * step)                        \
            few_##NAME##_##ROWS##_4(matrix, row_bytes, blocks, x, stride, sums, step);             \
        for (; tokens >= 2; tokens -= 2, x += 2 * stride, sums += 2 * step)                        \
            few_##NAME##_##ROWS##_2(matrix, row_bytes, blocks, x, stride, sums, step);             \
        if (tokens > 0) few_##NAME##_##ROWS##_1(matrix, row_bytes, blocks, x, stride, sums, step); \
    }

#define DEFINE_PRODUCTS(NAME, COLUMNS, BYTES)                                                      \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 1, 1)                                                         \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 1, 2)                                                         \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 1, 4)                                                         \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 1, 8)                                                         \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 2, 1)                                                         \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 2, 2)                                                         \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 2, 4)                                                         \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 2, 8)                                                         \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 4, 1)                                                         \
    DEFINE_ALL_TOKENS(NAME, 1)                                                                     \
    DEFINE_ALL_TOKENS(NAME, 2)                                                                     \
    VECTOR static void products_##NAME(                                                            \
        const uint8_t *matrix, size_t row_bytes, size_t rows, size_t blocks, const float *x,       \
        size_t stride, size_t tokens, float *sums) {                                               \
        size_t r = 0;                                                                              \
        for (; tokens == 1 && r + 4 <= rows; r += 4)                                               \
            few_##NAME##_4_1(                                                                      \
                matrix + r * row_bytes, row_bytes, blocks, x, stride, sums + r, rows);             \
        for (; r + 2 <= rows; r += 2)                                                              \
            tokens_##NAME##_2(                                                                     \
                matrix + r * row_bytes, row_bytes, blocks, x, stride, tokens, sums + r, rows);     \
        if (r < rows)                                                                              \
            tokens_##NAME##_1(                                                                     \
                matrix + r * row_bytes, row_bytes, blocks, x, stride, tokens, sums + r, rows);     \
    }

#define FOR_EACH_FAST_FORMAT(DEFINE)                                                               \
    DEFINE(q4_0, 32, 18)                                                                           \
    DEFINE(q4_1, 32, 20)                                                                           \
    DEFINE(q8_0, 32, 34)                                                                           \
    DEFINE(q4_k, 256, 144)                                                                         \
    DEFINE(q6_k, 256, 210)                                                                         \
    DEFINE(nf4, 64, 36)
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
        products_##NAME(                                                                           \
            matrix, row_bytes, rows, columns / COLUMNS, x, stride_x, tokens, sums);                \
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
