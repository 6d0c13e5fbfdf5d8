#include "tiles.h"

// How many steps of 32 terms ahead memory is fetched, and how many blocks of a transposed A are made side by side.
enum { AHEAD = 8, GROUP = 8 };

// Operands of products on tiles. A lies in blocks of 32 rows, in each (inner/32, 2, 16, 32); B in panels of 32
// columns, (inner/2, 32) pairs along `inner`. What is missing of the last tiles is zeros.

#if defined(__x86_64__)
// Sixteen rows of 32 numbers; where `ragged`, some rows and numbers of these.
VECTOR_INLINE void load_rows(
    const bf16 *x, size_t stride, size_t rows, size_t numbers, const bool ragged, __m512i tile[16]) {
    __mmask32 mask = first_of(numbers);
    UNROLL for (size_t r = 0; r < SIDE; r++, x += stride)
        tile[r] = ragged ? _mm512_maskz_loadu_epi16(r < rows ? mask : 0, x) : _mm512_loadu_si512(x);
}

VECTOR_INLINE void store_rows(bf16 *y, size_t stride, const __m512i tile[16]) {
    UNROLL for (size_t r = 0; r < SIDE; r++) _mm512_storeu_si512(y + r * stride, tile[r]);
}

VECTOR_INLINE __m512i pair_indices(void) {
    static const uint16_t indices[32] = {0,  32, 1,  33, 2,  34, 3,  35, 4,  36, 5,  37, 6,  38, 7,  39,
                                         8,  40, 9,  41, 10, 42, 11, 43, 12, 44, 13, 45, 14, 46, 15, 47};
    return _mm512_loadu_si512(indices);
}

// Pairs of the rows 2i and 2i + 1 of x, 32 columns: of its columns 0 … 15, and 16 … 31.
VECTOR_INLINE void load_pair(
    const bf16 *x, size_t stride, size_t rows, size_t columns, const bool ragged, size_t i,
    __m512i *left, __m512i *right) {
    const __m512i first = pair_indices();
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
    __mmask32 mask = first_of(columns);
    x += 2 * i * stride;
    __m512i upper = ragged ? _mm512_maskz_loadu_epi16(2 * i < rows ? mask : 0, x) : _mm512_loadu_si512(x);
    __m512i lower = ragged ? _mm512_maskz_loadu_epi16(2 * i + 1 < rows ? mask : 0, x + stride)
                           : _mm512_loadu_si512(x + stride);
    *left = _mm512_permutex2var_epi16(upper, first, lower);
    *right = _mm512_permutex2var_epi16(upper, second, lower);
}

VECTOR_INLINE void transposed_step(
    const bf16 *x, size_t stride, size_t extent, size_t terms, const bool ragged, bf16 *y) {
    __m512i tile[16];
    for (size_t half = 0; half < 2 && half * SIDE < extent; half++) {
        load_rows(x + half * SIDE * stride, stride, extent - half * SIDE, terms, ragged, tile);
        transpose(tile);
        store_rows(y + half * BLOCK, 2 * BLOCK, tile);
    }
}

VECTOR_INLINE void straight_step(
    const bf16 *x, size_t stride, size_t extent, size_t terms, const bool ragged, bf16 *y) {
    UNROLL for (size_t i = 0; i < SIDE; i++) {
        __m512i left, right;
        load_pair(x, stride, terms, extent, ragged, i, &left, &right);
        _mm512_storeu_si512(y + i * 2 * BLOCK, left);
        _mm512_storeu_si512(y + i * 2 * BLOCK + BLOCK, right);
    }
}

VECTOR static void vector_step(const lk_tile_packing *p, size_t step, size_t column, bf16 *y) {
    size_t terms = p->inner - step * TERMS, extent = p->extent - column;
    bool whole = terms >= TERMS && extent >= BLOCK;
    const bf16 *x = p->x;
    if (p->transposed) {
        x += column * p->stride + step * TERMS;
        UNROLL for (size_t r = 0; r < BLOCK; r++) __builtin_prefetch(x + r * p->stride + AHEAD * TERMS);
        if (whole) transposed_step(x, p->stride, BLOCK, TERMS, false, y);
        else transposed_step(x, p->stride, extent, terms, true, y);
    } else {
        x += step * TERMS * p->stride + column;
        UNROLL for (size_t r = 0; r < BLOCK; r++) __builtin_prefetch(x + (BLOCK + r) * p->stride);
        if (whole) straight_step(x, p->stride, BLOCK, TERMS, false, y);
        else straight_step(x, p->stride, extent, terms, true, y);
    }
}

// Sixteen rows of a tile of A: those of x, or of xᵀ.
VECTOR_INLINE void row_tile(
    const bf16 *x, size_t stride, size_t rows, size_t terms, const bool ragged, bf16 *y) {
    __m512i tile[16];
    load_rows(x, stride, rows, terms, ragged, tile);
    store_rows(y, TERMS, tile);
}

VECTOR_INLINE void column_tiles(
    const bf16 *x, size_t stride, size_t rows, size_t terms, const bool ragged, bf16 *y) {
    __m512i left[16], right[16];
    UNROLL for (size_t i = 0; i < SIDE; i++)
        load_pair(x, stride, terms, rows, ragged, i, &left[i], &right[i]);
    transpose(left);
    store_rows(y, TERMS, left);
    transpose(right);
    store_rows(y + SIDE * TERMS, TERMS, right);
}

// One block of 32 rows and terms; x is its first number.
VECTOR_INLINE void block_of_rows(
    const bf16 *x, size_t stride, size_t rows, size_t terms, bool transposed, bf16 *y) {
    bool whole = rows >= BLOCK && terms >= TERMS;
    UNROLL for (size_t i = 0; i < BLOCK; i++)
        __builtin_prefetch(x + (transposed ? (BLOCK + i) * stride : i * stride + AHEAD * TERMS));
    if (transposed && whole) {
        column_tiles(x, stride, BLOCK, TERMS, false, y);
    } else if (transposed) {
        column_tiles(x, stride, rows, terms, true, y);
    } else if (whole) {
        row_tile(x, stride, SIDE, TERMS, false, y);
        row_tile(x + SIDE * stride, stride, SIDE, TERMS, false, y + SIDE * TERMS);
    } else {
        size_t below = rows > SIDE ? rows - SIDE : 0;
        row_tile(x, stride, rows, terms, true, y);
        row_tile(x + SIDE * stride, stride, below, terms, true, y + SIDE * TERMS);
    }
}

// Where x is transposed, some blocks side by side: a step then reads more of each page of memory that it touches.
VECTOR static void vector_rows(
    const void *x, size_t stride, size_t rows, size_t inner, bool transposed, void *y) {
    size_t steps = (inner + TERMS - 1) / TERMS, group = transposed ? GROUP * BLOCK : BLOCK;
    for (size_t first = 0; first < rows; first += group)
        for (size_t step = 0; step < steps; step++)
            for (size_t r = first; r < first + group && r < rows; r += BLOCK) {
                size_t k = step * TERMS;
                const bf16 *from = (const bf16 *)x + (transposed ? k * stride + r : r * stride + k);
                bf16 *to = (bf16 *)y + (r / BLOCK * steps + step) * STEP;
                block_of_rows(from, stride, rows - r, inner - k, transposed, to);
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
