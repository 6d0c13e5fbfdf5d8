// What the products of few rows with quantized weights share on processors with AVX-512, whether they multiply float32
// numbers (quantized_products.c) or pairs of bfloat16 (quantized_pairs.c): decoding in registers, and the way to the loop
// for a format and a number of tokens. Each of the two says before what NUMBER is, the type of x.
#ifndef LOCKSTEP_QUANTIZED_VECTORS_H
#define LOCKSTEP_QUANTIZED_VECTORS_H

#include "quantized.h"

#if defined(__x86_64__)

// Rows read side by side are no stream that the processor's prefetcher recognizes: the bytes of a
// few rows are asked for in the order in which they lie, so many bytes before they are read.
enum { AHEAD = 4096, MOST_TOKENS = 8 };

#define UNROLL _Pragma("clang loop unroll(full)")
#define DECODING                                                                                   \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma,f16c"), always_inline))     \
    static inline

// Formats that have such loops.
#define FOR_EACH_FAST_FORMAT(DEFINE)                                                               \
    DEFINE(q4_0, 32, 18)                                                                           \
    DEFINE(q4_1, 32, 20)                                                                           \
    DEFINE(q8_0, 32, 34)                                                                           \
    DEFINE(q4_k, 256, 144)                                                                         \
    DEFINE(q6_k, 256, 210)                                                                         \
    DEFINE(nf4, 64, 36)

// Thirty-two weights in the order of their columns.
typedef struct {
    __m512 first, second;
} weights;

DECODING __m512 codes(void) {
    return _mm512_setr_ps(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
}

DECODING __m512 spread_half(const uint8_t *p) {
    uint16_t bits;
    memcpy(&bits, p, 2);
    return _mm512_broadcastss_ps(_mm_cvtph_ps(_mm_cvtsi32_si128(bits)));
}

DECODING __m128i sixteen(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)p); }

// The sixteen weights that a block's four-bit codes stand for, rounded exactly as quantized.h does.
DECODING __m512 table_q4_0(const uint8_t *block) {
    return _mm512_mul_ps(spread_half(block), _mm512_sub_ps(codes(), _mm512_set1_ps(8)));
}

DECODING __m512 table_q4_1(const uint8_t *block) {
    int32_t bits;
    memcpy(&bits, block, 4);
    __m128 both = _mm_cvtph_ps(_mm_cvtsi32_si128(bits));
    return _mm512_fmadd_ps(
        _mm512_broadcastss_ps(both), codes(), _mm512_broadcastss_ps(_mm_movehdup_ps(both)));
}

DECODING __m512 table_nf4(const uint8_t *block) {
    return _mm512_mul_ps(
        _mm512_set1_ps(float_of(word_at(block))), _mm512_loadu_ps(nf4_values));
}

DECODING __m512 table_q4_k(const uint8_t *block, size_t part) {
    int scale, minimum;
    scale_and_minimum(block + 4, part, &scale, &minimum);
    return _mm512_fmsub_ps(
        _mm512_set1_ps(half_at(block) * (float)scale), codes(),
        _mm512_set1_ps(half_at(block + 2) * (float)minimum));
}

DECODING weights decoded_q8_0(const uint8_t *block) {
    __m512 d = spread_half(block);
    __m512 first = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen(block + 2)));
    __m512 second = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(sixteen(block + 18)));
    return (weights){_mm512_mul_ps(d, first), _mm512_mul_ps(d, second)};
}

DECODING weights decoded_q6_k(const uint8_t *block, size_t part) {
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

// All rows, ROWS at a time and then one by one; each is decoded once for all tokens.
#define DEFINE_TOKENS(NAME, COLUMNS, BYTES, ROWS, TOKENS)                                          \
    DEFINE_FEW(NAME, COLUMNS, BYTES, 1, TOKENS)                                                    \
    DEFINE_FEW(NAME, COLUMNS, BYTES, ROWS, TOKENS)                                                 \
    static void tokens_##NAME##_##TOKENS(                                                          \
        const uint8_t *matrix, size_t row_bytes, size_t rows, size_t blocks, const NUMBER *x,       \
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
    const uint8_t *matrix, size_t row_bytes, size_t rows, size_t blocks, const NUMBER *x,
    size_t stride, float *sums);

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

static void all_tokens(
    products *const all[MOST_TOKENS], const uint8_t *matrix, size_t row_bytes, size_t rows,
    size_t blocks, const NUMBER *x, size_t stride, size_t tokens, float *sums) {
    while (tokens > 0) {
        size_t some = tokens < MOST_TOKENS ? tokens : MOST_TOKENS;
        all[some - 1](matrix, row_bytes, rows, blocks, x, stride, sums);
        tokens -= some, x += some * stride, sums += some * rows;
    }
}
#endif

#endif
