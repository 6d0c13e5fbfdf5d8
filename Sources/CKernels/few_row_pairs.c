// Before the intrinsics, which are functions of a header: a product's bits must not depend on whether the loop that it
// stands in is unrolled. Sums here say their order.
#pragma clang fp reassociate(off)
#include "few_rows.h"
#include "pairs.h"

// Products of few rows of bfloat16 numbers with a bfloat16 weight, on processors that multiply such numbers
// in pairs (AVX-512 BF16). A weight is read once; eight rows take about as long as that reading. Sums are
// float32, added up in an order that does not depend on how many rows there are.

enum { LANES = 32 };

#if defined(__x86_64__)

VECTOR_INLINE __m512bh numbers_at(const bf16 *p, __mmask32 mask, bool whole) {
    return (__m512bh)(whole ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi16(mask, p));
}

// `columns` rows of w (columns of the product) times `rows` rows of x into sums (rows, STRIP); columns times
// rows is a multiple of QUAD.
VECTOR_INLINE void few_row_tile(
    const bf16 *w, size_t stride_w, const bf16 *x, size_t stride_x, size_t inner,
    const int rows, const int columns, const int height, float *sums) {
    __m512 totals[TALL * QUAD];
    UNROLL for (int t = 0; t < rows * columns; t++) totals[t] = _mm512_setzero_ps();
    for (size_t i = 0; i < inner; i += LANES) {
        bool whole = i + LANES <= inner;
        __mmask32 mask = whole ? ~0u : first_of(inner - i);
        const char *next = (const char *)(w + (size_t)columns * i) + AHEAD;
        UNROLL for (int line = 0; line < columns; line++) ASK_AHEAD(next + 64 * line);
        __m512bh weights[QUAD];
        UNROLL for (int c = 0; c < columns; c++)
            weights[c] = numbers_at(w + (size_t)c * stride_w + i, mask, whole);
        UNROLL for (int r = 0; r < height; r++) {
            __m512bh input = numbers_at(x + (size_t)r * stride_x + i, mask, whole);
            UNROLL for (int c = 0; c < columns; c++)
                totals[r * columns + c] =
                    _mm512_dpbf16_ps(totals[r * columns + c], input, weights[c]);
        }
    }
    UNROLL for (int t = 0; t < rows * columns; t += QUAD) {
        f32x4 four;
        SUMS_OF_LANES16(four, totals[t], totals[t + 1], totals[t + 2], totals[t + 3]);
        UNROLL for (int k = 0; k < QUAD; k++)
            sums[(t + k) / columns * STRIP + (t + k) % columns] = four[k];
    }
}

// A tile of up to eight rows: two columns of many rows, four of few, so that totals stay in registers.
VECTOR_INLINE void few_row_tiles(
    const lk_few_rows *s, const bf16 *w, const bf16 *x, size_t rows, size_t width, float *sums) {
    size_t sw = s->stride_w, sx = s->stride_x, k = s->inner, c = 0;
    switch (rows) {
#define TILES(ROWS, HEIGHT, COLUMNS)                                                               \
    for (; c + COLUMNS <= width; c += COLUMNS)                                                     \
        few_row_tile(w + c * sw, sw, x, sx, k, ROWS, COLUMNS, HEIGHT, sums + c);                   \
    break;
    case 1: TILES(1, 1, 4)
    case 2: TILES(2, 2, 4)
    case 3: TILES(3, 3, 4)
    case 4: TILES(4, 4, 4)
    case 5: TILES(6, 5, 2)
    case 6: TILES(6, 6, 2)
    case 7: TILES(8, 7, 2)
    default: TILES(8, 8, 2)
#undef TILES
    }
    for (; c < width; c++)
        for (size_t r = 0; r < rows; r++) {
            float last[TALL * STRIP];
            few_row_tile(w + c * sw, 0, x + r * sx, 0, k, 1, 4, 1, last);
            sums[r * STRIP + c] = last[0];
        }
}

VECTOR void lk_few_row_pairs(
    const lk_few_rows *s, const void *w, const void *x, int type_y, void *y) {
    float sums[TALL * STRIP];
    for (size_t first = 0; first < s->columns; first += STRIP) {
        size_t width = s->columns - first < STRIP ? s->columns - first : STRIP;
        const bf16 *weights = (const bf16 *)w + first * s->stride_w;
        for (size_t row = 0; row < s->rows; row += TALL) {
            size_t rows = s->rows - row < TALL ? s->rows - row : TALL;
            few_row_tiles(s, weights, (const bf16 *)x + row * s->stride_x, rows, width, sums);
            for (size_t r = 0; r < rows; r++)
                DISPATCH(type_y, finish, s, sums + r * STRIP, width, row + r, first, y)
        }
    }
}

#else

void lk_few_row_pairs(
    const lk_few_rows *s, const void *w, const void *x, int type_y, void *y) {}

#endif
