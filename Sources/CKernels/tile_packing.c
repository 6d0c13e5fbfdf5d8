#include "tiles.h"

enum { AHEAD = 8 };

// Operands of products on tiles. A lies in blocks of 32 rows, in each (inner/32, 2, 16, 32); B in panels of 32
// columns, (inner/2, 32) pairs along `inner`. What is missing of the last tiles is zeros.

#if defined(__x86_64__)
// Transposes 16 × 16 numbers of 32 bits.
VECTOR_INLINE void transpose(__m512i x[16]) {
    __m512i y[16];
    UNROLL for (int i = 0; i < 16; i += 2) {
        y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
    UNROLL for (int i = 0; i < 16; i += 4)
        UNROLL for (int j = 0; j < 2; j++) {
            x[i + 2 * j] = _mm512_unpacklo_epi64(y[i + j], y[i + j + 2]);
            x[i + 2 * j + 1] = _mm512_unpackhi_epi64(y[i + j], y[i + j + 2]);
        }
    UNROLL for (int i = 0; i < 16; i += 8)
        UNROLL for (int j = 0; j < 4; j++) {
            y[i + j] = _mm512_shuffle_i32x4(x[i + j], x[i + j + 4], 0x88);
            y[i + j + 4] = _mm512_shuffle_i32x4(x[i + j], x[i + j + 4], 0xdd);
        }
    UNROLL for (int j = 0; j < 8; j++) {
        x[j] = _mm512_shuffle_i32x4(y[j], y[j + 8], 0x88);
        x[j + 8] = _mm512_shuffle_i32x4(y[j], y[j + 8], 0xdd);
    }
}

// Sixteen rows of 32 numbers, of which some are there.
VECTOR_INLINE void load_rows(
    const bf16 *x, size_t stride, size_t rows, size_t numbers, __m512i tile[16]) {
    __mmask32 mask = first_of(numbers);
    if (rows >= SIDE)
        UNROLL for (size_t r = 0; r < SIDE; r++) tile[r] = _mm512_maskz_loadu_epi16(mask, x + r * stride);
    else
        UNROLL for (size_t r = 0; r < SIDE; r++)
            tile[r] = _mm512_maskz_loadu_epi16(r < rows ? mask : 0, x + r * stride);
}

VECTOR_INLINE __m512i pair_indices(void) {
    uint16_t indices[32];
    for (uint16_t i = 0; i < 32; i++) indices[i] = i / 2 + 32 * (i % 2);
    return _mm512_loadu_si512(indices);
}

// Pairs of the rows 2i and 2i + 1 of x (32 rows, 32 columns), of columns 0 … 15 and 16 … 31.
VECTOR_INLINE void load_pairs(
    const bf16 *x, size_t stride, size_t rows, size_t columns, __m512i left[16], __m512i right[16]) {
    const __m512i first = pair_indices();
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
    __mmask32 mask = first_of(columns);
    UNROLL for (size_t i = 0; i < SIDE; i++, x += 2 * stride) {
        __m512i upper = _mm512_maskz_loadu_epi16(2 * i < rows ? mask : 0, x);
        __m512i lower = _mm512_maskz_loadu_epi16(2 * i + 1 < rows ? mask : 0, x + stride);
        left[i] = _mm512_permutex2var_epi16(upper, first, lower);
        right[i] = _mm512_permutex2var_epi16(upper, second, lower);
    }
}

VECTOR_INLINE void store_rows(bf16 *y, size_t stride, const __m512i tile[16]) {
    UNROLL for (size_t r = 0; r < SIDE; r++) _mm512_storeu_si512(y + r * stride, tile[r]);
}

VECTOR static void vector_step(const lk_tile_packing *p, size_t step, size_t column, bf16 *y) {
    __m512i left[16], right[16];
    size_t terms = p->inner - step * TERMS, extent = p->extent - column;
    if (p->transposed) {
        const bf16 *x = (const bf16 *)p->x + column * p->stride + step * TERMS;
        UNROLL for (size_t r = 0; r < BLOCK; r++) __builtin_prefetch(x + r * p->stride + AHEAD * TERMS, 0, 2);
        load_rows(x, p->stride, extent, terms, left);
        transpose(left);
        store_rows(y, 2 * BLOCK, left);
        if (extent <= SIDE) return;
        load_rows(x + SIDE * p->stride, p->stride, extent - SIDE, terms, right);
        transpose(right);
        store_rows(y + BLOCK, 2 * BLOCK, right);
    } else {
        const bf16 *x = (const bf16 *)p->x + step * TERMS * p->stride + column;
        UNROLL for (size_t r = 0; r < BLOCK; r++) __builtin_prefetch(x + (BLOCK + r) * p->stride, 0, 2);
        load_pairs(x, p->stride, terms, extent, left, right);
        store_rows(y, 2 * BLOCK, left);
        store_rows(y + BLOCK, 2 * BLOCK, right);
    }
}

VECTOR static void vector_rows(
    const void *x, size_t stride, size_t rows, size_t inner, bool transposed, void *y) {
    const bf16 *from = x;
    bf16 *to = y;
    __m512i upper[16], lower[16];
    for (size_t r = 0; r < rows; r += BLOCK)
        for (size_t k = 0; k < inner; k += TERMS, to += STEP) {
            if (transposed) {
                load_pairs(from + k * stride + r, stride, inner - k, rows - r, upper, lower);
                transpose(upper);
                transpose(lower);
            } else {
                load_rows(from + r * stride + k, stride, rows - r, inner - k, upper);
                load_rows(
                    from + (r + SIDE) * stride + k, stride, rows - r > SIDE ? rows - r - SIDE : 0,
                    inner - k, lower);
            }
            store_rows(to, TERMS, upper);
            store_rows(to + SIDE * TERMS, TERMS, lower);
        }
}
#else
static void vector_step(const lk_tile_packing *p, size_t step, size_t column, bf16 *y) {}
static void vector_rows(
    const void *x, size_t stride, size_t rows, size_t inner, bool transposed, void *y) {}
#endif

static void plain_step(const lk_tile_packing *p, size_t step, size_t column, bf16 *y) {
    size_t across = p->transposed ? 1 : p->stride, down = p->transposed ? p->stride : 1;
    for (size_t k = 0; k < TERMS; k++)
        for (size_t i = 0; i < BLOCK; i++) {
            bool there = step * TERMS + k < p->inner && column + i < p->extent;
            y[k / 2 * 2 * BLOCK + 2 * i + k % 2] =
                there ? ((const bf16 *)p->x)[(step * TERMS + k) * across + (column + i) * down] : 0;
        }
}

static void plain_rows(
    const void *x, size_t stride, size_t rows, size_t inner, bool transposed, void *y) {
    bf16 *to = y;
    for (size_t block = 0; block < rows; block += BLOCK)
        for (size_t step = 0; step < inner; step += TERMS)
            for (size_t r = block; r < block + BLOCK; r++)
                for (size_t k = step; k < step + TERMS; k++, to++)
                    *to = r >= rows || k >= inner
                        ? 0
                        : ((const bf16 *)x)[transposed ? k * stride + r : r * stride + k];
}

// Steps in the order in which x lies.
void lk_pack_tile_steps(const lk_tile_packing *p, size_t first, size_t end) {
    size_t panels = (p->extent + BLOCK - 1) / BLOCK, steps = (p->inner + TERMS - 1) / TERMS;
    bool vectors = lk_has_pair_products();
    for (size_t i = first; i < end; i++) {
        size_t step = p->transposed ? i % steps : i / panels;
        size_t panel = p->transposed ? i / steps : i % panels;
        bf16 *y = (bf16 *)p->y + panel * p->panel + step * STEP;
        if (vectors) vector_step(p, step, panel * BLOCK, y);
        else plain_step(p, step, panel * BLOCK, y);
    }
}

void lk_pack_tile_rows(
    const void *x, size_t stride, size_t rows, size_t inner, bool transposed, void *y) {
    if (lk_has_pair_products()) vector_rows(x, stride, rows, inner, transposed, y);
    else plain_rows(x, stride, rows, inner, transposed, y);
}

// Development only.
#include <stdlib.h>
size_t lk_tile_blocking(int which) {
    static size_t values[5];
    if (!values[0]) {
        const size_t defaults[5] = {1024, 128, 768, 1 << 20, 0};
        const char *names[5] = {"TB_ROWS", "TB_WIDTH", "TB_TERMS", "TB_HELD", "TB_STREAM"};
        for (int i = 4; i >= 0; i--) values[i] = getenv(names[i]) ? atol(getenv(names[i])) : defaults[i];
    }
    return values[which];
}
