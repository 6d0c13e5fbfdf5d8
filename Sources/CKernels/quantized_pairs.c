// Before the intrinsics, which are functions of a header: a product's bits must not depend on whether the loop that it
// stands in is unrolled. Sums here say their order.
#pragma clang fp reassociate(off)
#include "pairs.h"
#define NUMBER bf16
#include "quantized_vectors.h"

// Products of few rows of bfloat16 with quantized weights, which are rounded to bfloat16 in registers: as
// where many rows are multiplied, but without writing the weights down.

#if defined(__x86_64__)

// Two conversions of sixteen take less time than the one instruction for both.
VECTOR_INLINE __m512bh rounded(__m512 first, __m512 second) {
    __m512i low = _mm512_castsi256_si512((__m256i)_mm512_cvtneps_pbh(first));
    return (__m512bh)_mm512_inserti64x4(low, (__m256i)_mm512_cvtneps_pbh(second), 1);
}

// Sixteen possible weights, twice.
VECTOR_INLINE __m512i twice(__m512 table) {
    return _mm512_broadcast_i64x4((__m256i)_mm512_cvtneps_pbh(table));
}

// A four-bit code picks its weight from a register of the block's sixteen possible ones. Bits above the
// code's make no difference there: it holds all of them twice, and no more are looked at.
VECTOR_INLINE __m512bh picked(__m128i first, __m128i second, __m512i table) {
    __m512i index = _mm512_cvtepu8_epi16(_mm256_set_m128i(second, first));
    return (__m512bh)_mm512_permutexvar_epi16(index, table);
}

// Sixteen bytes: low nibbles, then high ones.
VECTOR_INLINE __m512bh nibbles(const uint8_t *q, __m512i table) {
    __m128i codes = sixteen(q);
    return picked(codes, _mm_srli_epi16(codes, 4), table);
}

VECTOR_INLINE __m512bh weights_q4_0(const uint8_t *block, size_t part) {
    return nibbles(block + 2, twice(table_q4_0(block)));
}

VECTOR_INLINE __m512bh weights_q4_1(const uint8_t *block, size_t part) {
    return nibbles(block + 4, twice(table_q4_1(block)));
}

VECTOR_INLINE __m512bh weights_nf4(const uint8_t *block, size_t part) {
    return nibbles(block + 4 + 16 * part, twice(table_nf4(block)));
}

VECTOR_INLINE __m512bh weights_q8_0(const uint8_t *block, size_t part) {
    weights w = decoded_q8_0(block);
    return rounded(w.first, w.second);
}

VECTOR_INLINE __m512bh weights_q4_k(const uint8_t *block, size_t part) {
    const uint8_t *q = block + 16 + part / 2 * 32;
    __m128i first = sixteen(q), second = sixteen(q + 16);
    if (part % 2 != 0) first = _mm_srli_epi16(first, 4), second = _mm_srli_epi16(second, 4);
    return picked(first, second, twice(table_q4_k(block, part)));
}

VECTOR_INLINE __m512bh weights_q6_k(const uint8_t *block, size_t part) {
    weights w = decoded_q6_k(block, part);
    return rounded(w.first, w.second);
}

// A few rows and tokens at a time, whose sums stay in registers; ROWS · TOKENS is at most 16. A sum is added
// up in the same order whatever it is computed beside.
#define DEFINE_FEW(NAME, COLUMNS, BYTES, ROWS, TOKENS)                                             \
    VECTOR static void few_##NAME##_##ROWS##_##TOKENS(                                             \
        const uint8_t *matrix, size_t row_bytes, size_t blocks, const bf16 *x, size_t stride,      \
        float *sums, size_t step) {                                                                \
        __m512 kept[ROWS * TOKENS];                                                                \
        UNROLL for (size_t i = 0; i < ROWS * TOKENS; i++) kept[i] = _mm512_setzero_ps();           \
        const uint8_t *next = matrix + AHEAD;                                                  \
        for (size_t b = 0; b < blocks; b++, matrix += BYTES) {                                     \
            for (size_t i = 0; i < ROWS * BYTES; i += 64) __builtin_prefetch(next + i, 0, 3);      \
            next += ROWS * BYTES;                                                                  \
            UNROLL for (size_t part = 0; part < COLUMNS / 32; part++, x += 32)                     \
                UNROLL for (size_t r = 0; r < ROWS; r++) {                                         \
                    __m512bh w = weights_##NAME(matrix + r * row_bytes, part);                     \
                    UNROLL for (size_t t = 0; t < TOKENS; t++)                                     \
                        kept[r * TOKENS + t] = _mm512_dpbf16_ps(                                   \
                            kept[r * TOKENS + t], w,                                               \
                            (__m512bh)_mm512_loadu_si512(x + t * stride));                         \
                }                                                                                  \
        }                                                                                          \
        UNROLL for (size_t r = 0; r < ROWS; r++)                                                   \
            UNROLL for (size_t t = 0; t < TOKENS; t++)                                             \
                sums[t * step + r] = sum_of_lanes(kept[r * TOKENS + t]);                            \
    }

FOR_EACH_FAST_FORMAT(DEFINE_PRODUCTS)

// Many tokens: a few rows are decoded once, into numbers that stay in the cache, and then multiplied by four
// tokens at a time. Every sum is added up as above.
enum { SIDE = 4 };

// The sums of four vectors' numbers, each added up as sum_of_lanes does.
VECTOR_INLINE __m128 sums_of_four(__m512 a, __m512 b, __m512 c, __m512 d) {
    __m512 ab = _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
    __m512 cd = _mm512_add_ps(_mm512_shuffle_f32x4(c, d, 0x44), _mm512_shuffle_f32x4(c, d, 0xee));
    __m512 four = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    // Four lanes: of a, b, c, d; in each (0 + 2) + (1 + 3).
    __m512 two = _mm512_add_ps(four, _mm512_permute_ps(four, 0x4e));
    __m512 one = _mm512_add_ps(two, _mm512_permute_ps(two, 0xb1));
    __m512i places = _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12));
    return _mm512_castps512_ps128(_mm512_permutexvar_ps(places, one));
}

VECTOR_INLINE void decoded_tile(
    const bf16 *w, size_t columns, const bf16 *x, size_t stride, float *sums, size_t step,
    const size_t rows, const size_t tokens) {
    __m512 kept[SIDE][SIDE];
    UNROLL for (size_t r = 0; r < rows; r++)
        UNROLL for (size_t t = 0; t < tokens; t++) kept[r][t] = _mm512_setzero_ps();
    for (size_t c = 0; c < columns; c += 32) {
        __m512bh weights[SIDE];
        UNROLL for (size_t r = 0; r < rows; r++)
            weights[r] = (__m512bh)_mm512_load_si512(w + r * columns + c);
        UNROLL for (size_t t = 0; t < tokens; t++) {
            __m512bh numbers = (__m512bh)_mm512_loadu_si512(x + t * stride + c);
            UNROLL for (size_t r = 0; r < rows; r++)
                kept[r][t] = _mm512_dpbf16_ps(kept[r][t], weights[r], numbers);
        }
    }
    UNROLL for (size_t t = 0; t < tokens; t++) {
        if (rows == SIDE) {
            _mm_storeu_ps(
                sums + t * step, sums_of_four(kept[0][t], kept[1][t], kept[2][t], kept[3][t]));
            continue;
        }
        UNROLL for (size_t r = 0; r < rows; r++) sums[t * step + r] = sum_of_lanes(kept[r][t]);
    }
}

VECTOR_INLINE void decoded_tiles(
    const bf16 *w, size_t columns, const bf16 *x, size_t stride, size_t tokens, float *sums,
    size_t step, const size_t rows) {
    for (; tokens >= SIDE; tokens -= SIDE, x += SIDE * stride, sums += SIDE * step)
        decoded_tile(w, columns, x, stride, sums, step, rows, SIDE);
    switch (tokens) {
    case 1: decoded_tile(w, columns, x, stride, sums, step, rows, 1); break;
    case 2: decoded_tile(w, columns, x, stride, sums, step, rows, 2); break;
    case 3: decoded_tile(w, columns, x, stride, sums, step, rows, 3); break;
    }
}

VECTOR static void four_decoded(
    const bf16 *w, size_t columns, const bf16 *x, size_t stride, size_t tokens, float *sums,
    size_t step) {
    decoded_tiles(w, columns, x, stride, tokens, sums, step, SIDE);
}

VECTOR static void one_decoded(
    const bf16 *w, size_t columns, const bf16 *x, size_t stride, size_t tokens, float *sums,
    size_t step) {
    decoded_tiles(w, columns, x, stride, tokens, sums, step, 1);
}

#define DEFINE_MANY(NAME, COLUMNS, BYTES)                                                          \
    VECTOR static void decode_row_##NAME(const uint8_t *row, size_t blocks, bf16 *w) {             \
        for (size_t b = 0; b < blocks; b++, row += BYTES)                                          \
            UNROLL for (size_t part = 0; part < COLUMNS / 32; part++, w += 32)                     \
                _mm512_storeu_si512(w, (__m512i)weights_##NAME(row, part));                        \
    }                                                                                              \
    static void many_##NAME(                                                                       \
        const uint8_t *matrix, size_t row_bytes, size_t rows, size_t blocks, const bf16 *x,        \
        size_t stride, size_t tokens, float *sums) {                                               \
        _Alignas(64) bf16 w[SIDE * LK_MOST_DECODED_COLUMNS];                                       \
        size_t columns = blocks * COLUMNS, r = 0;                                                  \
        for (; r + SIDE <= rows; r += SIDE) {                                                      \
            for (size_t i = 0; i < SIDE; i++)                                                      \
                decode_row_##NAME(matrix + (r + i) * row_bytes, blocks, w + i * columns);     \
            four_decoded(w, columns, x, stride, tokens, sums + r, rows);                           \
        }                                                                                          \
        for (; r < rows; r++) {                                                                    \
            decode_row_##NAME(matrix + r * row_bytes, blocks, w);                                  \
            one_decoded(w, columns, x, stride, tokens, sums + r, rows);                            \
        }                                                                                          \
    }                                                                                              \
    static void any_##NAME(                                                                        \
        const uint8_t *matrix, size_t row_bytes, size_t rows, size_t blocks, const bf16 *x,        \
        size_t stride, size_t tokens, float *sums) {                                               \
        if (tokens > MOST_TOKENS && blocks * COLUMNS <= LK_MOST_DECODED_COLUMNS) {                 \
            many_##NAME(matrix, row_bytes, rows, blocks, x, stride, tokens, sums);                 \
            return;                                                                                \
        }                                                                                          \
        all_tokens(all_##NAME, matrix, row_bytes, rows, blocks, x, stride, tokens, sums);          \
    }
FOR_EACH_FAST_FORMAT(DEFINE_MANY)

bool lk_has_quantized_pairs(int format, size_t columns) {
    switch (format) {
#define CASE(NAME, COLUMNS, BYTES)                                                                 \
    case LK_FORMAT_##NAME: return columns % COLUMNS == 0 && lk_has_pair_products();
        FOR_EACH_FAST_FORMAT(CASE)
#undef CASE
    default: return false;
    }
}

void lk_quantized_pair_products(
    int format, const void *matrix, size_t row_bytes, size_t rows, size_t columns,
    const uint16_t *x, size_t stride_x, size_t tokens, float *sums) {
    switch (format) {
#define CASE(NAME, COLUMNS, BYTES)                                                                 \
    case LK_FORMAT_##NAME:                                                                         \
        any_##NAME(                                                                                \
            matrix, row_bytes, rows, columns / COLUMNS, (const bf16 *)x, stride_x, tokens, sums);  \
        break;
        FOR_EACH_FAST_FORMAT(CASE)
#undef CASE
    default: break;
    }
}

void lk_decode_row_pairs(int format, const uint8_t *row, size_t columns, uint16_t *w) {
    switch (format) {
#define CASE(NAME, COLUMNS, BYTES)                                                                 \
    case LK_FORMAT_##NAME: decode_row_##NAME(row, columns / COLUMNS, (bf16 *)w); break;
        FOR_EACH_FAST_FORMAT(CASE)
#undef CASE
    default: break;
    }
}

#else

void lk_decode_row_pairs(int format, const uint8_t *row, size_t columns, uint16_t *w) {}

bool lk_has_quantized_pairs(int format, size_t columns) { return false; }

void lk_quantized_pair_products(
    int format, const void *matrix, size_t row_bytes, size_t rows, size_t columns,
    const uint16_t *x, size_t stride_x, size_t tokens, float *sums) {}

#endif
