#include "pairs.h"

// Products of matrices on processors that multiply bfloat16 numbers in pairs (AVX-512 BF16). B lies
// ready in panels of PANEL columns, so that a tile of C is made in registers: for each pair of the
// extent summed over, four vectors of B against six pairs of A, each spread over a vector as it is
// loaded. Source: Goto and van de Geijn 2008, Anatomy of High-Performance Matrix Multiplication,
// section 4.

enum { PANEL = 64, VECTOR_LANES = 16, TILE_ROWS = 6, TILE_VECTORS = 4, AHEAD = 8, LINE = 64 };

#if defined(__x86_64__)
bool lk_has_pair_products(void) {
    return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw")
        && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}

VECTOR_INLINE void store_sums(
    void *c, size_t at, bool narrow, bool streams, __mmask16 last, __m512 sums) {
    if (streams && last == 0xffff)
        _mm512_stream_ps((float *)c + at, sums);
    else if (!narrow && last == 0xffff)
        _mm512_storeu_ps((float *)c + at, sums);
    else if (!narrow)
        _mm512_mask_storeu_ps((float *)c + at, last, sums);
    else if (last == 0xffff)
        _mm256_storeu_si256((__m256i *)((bf16 *)c + at), (__m256i)_mm512_cvtneps_pbh(sums));
    else
        _mm256_mask_storeu_epi16((bf16 *)c + at, last, (__m256i)_mm512_cvtneps_pbh(sums));
}

// `rows` rows of `vectors` vectors of C from `at` on; the last vector's numbers outside `last` stay.
VECTOR_INLINE void multiply_tile(
    const lk_pair_product *s, const bf16 *a, const bf16 *b, const float *bias, const float *start,
    void *c, size_t at, size_t first, size_t inner, const int rows, const int vectors,
    __mmask16 last) {
    __m512 sums[TILE_ROWS][TILE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) {
        __mmask16 mask = v + 1 < vectors ? 0xffff : last;
        __m512 same = bias ? _mm512_maskz_loadu_ps(mask, bias + v * VECTOR_LANES)
                           : _mm512_setzero_ps();
        UNROLL for (int r = 0; r < rows; r++) {
            sums[r][v] = same;
            if (!start) continue;
            const float *own = start + at + r * s->row_c + v * VECTOR_LANES;
            sums[r][v] = _mm512_add_ps(same, _mm512_maskz_loadu_ps(mask, own));
            __builtin_prefetch(own + rows * s->row_c);
        }
    }
    a += first * s->pair_a;
    b += first * 2 * PANEL;
    for (size_t pair = first; pair < inner / 2; pair++, a += s->pair_a, b += 2 * PANEL) {
        __m512bh w[TILE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++)
            w[v] = (__m512bh)_mm512_loadu_si512(b + 2 * v * VECTOR_LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            __m512bh x = (__m512bh)_mm512_set1_epi32(pair_at(a + r * s->row_a));
            UNROLL for (int v = 0; v < vectors; v++)
                sums[r][v] = _mm512_dpbf16_ps(sums[r][v], x, w[v]);
        }
    }
    if (inner % 2) {
        UNROLL for (int r = 0; r < rows; r++) {
            __m512bh x = (__m512bh)_mm512_set1_epi32(a[r * s->row_a]);
            UNROLL for (int v = 0; v < vectors; v++) {
                __m512bh w = (__m512bh)_mm512_loadu_si512(b + 2 * v * VECTOR_LANES);
                sums[r][v] = _mm512_dpbf16_ps(sums[r][v], x, w);
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < vectors; v++)
            store_sums(
                c, at + r * s->row_c + v * VECTOR_LANES, s->narrow, s->streams,
                v + 1 < vectors ? 0xffff : last, sums[r][v]);
}

// Rows r … of C for one panel of B, of which `vectors` vectors count, as far as queries see keys.
VECTOR_INLINE void multiply_rows(
    const lk_pair_product *s, size_t r, const bf16 *a, const bf16 *b, const float *bias,
    const float *start, void *c, size_t column, const int rows, const int vectors,
    __mmask16 last) {
    size_t at = r * s->row_c + column, first = 0, inner = s->inner;
    ptrdiff_t seen = s->seen + (ptrdiff_t)r + rows - 1 - (ptrdiff_t)column;
    ptrdiff_t before = (ptrdiff_t)r - s->seen + 1;
    a += r * s->row_a;
    if (s->part == LK_COLUMNS_SEEN && seen <= 0) return;
    if (s->part == LK_INNER_SEEN) {
        seen += (ptrdiff_t)column;
        if (seen < (ptrdiff_t)inner) inner = seen > 0 ? (size_t)(seen + 1) / 2 * 2 : 0;
    }
    if (s->part == LK_INNER_SEEING && before > 0) first = (size_t)before / 2;
    if (first > inner / 2) first = inner / 2;
    if (s->part != LK_COLUMNS_SEEN || seen > (vectors - 1) * VECTOR_LANES)
        multiply_tile(s, a, b, bias, start, c, at, first, inner, rows, vectors, last);
    else if (vectors > 3 && seen > 2 * VECTOR_LANES)
        multiply_tile(s, a, b, bias, start, c, at, first, inner, rows, 3, 0xffff);
    else if (vectors > 2 && seen > VECTOR_LANES)
        multiply_tile(s, a, b, bias, start, c, at, first, inner, rows, 2, 0xffff);
    else
        multiply_tile(s, a, b, bias, start, c, at, first, inner, rows, 1, 0xffff);
}

// Fetches the next `count` lines and goes on behind them.
VECTOR_INLINE void fetch(lk_lines *lines, size_t *at, size_t count) {
    for (; count > 0 && lines->rows > 0; count--) {
        _mm_prefetch((const char *)lines->first + *at, _MM_HINT_T1);
        *at += LINE;
        if (*at < lines->bytes) continue;
        *at = 0;
        lines->first = (const char *)lines->first + lines->stride;
        lines->rows--;
    }
}

// All rows of C for one panel of B.
VECTOR_INLINE void multiply_panel(
    const lk_pair_product *s, const bf16 *a, const bf16 *b, const float *bias, const float *start,
    void *c, size_t column, const int vectors, __mmask16 last, lk_lines next) {
    size_t tiles = s->rows / TILE_ROWS + 1, lines = (next.bytes + LINE - 1) / LINE * next.rows;
    size_t share = (lines + tiles - 1) / tiles, at = 0, r = 0;
    for (; r + TILE_ROWS <= s->rows; r += TILE_ROWS) {
        fetch(&next, &at, share);
        multiply_rows(s, r, a, b, bias, start, c, column, TILE_ROWS, vectors, last);
    }
    switch (s->rows - r) {
    case 5: multiply_rows(s, r, a, b, bias, start, c, column, 5, vectors, last); break;
    case 4: multiply_rows(s, r, a, b, bias, start, c, column, 4, vectors, last); break;
    case 3: multiply_rows(s, r, a, b, bias, start, c, column, 3, vectors, last); break;
    case 2: multiply_rows(s, r, a, b, bias, start, c, column, 2, vectors, last); break;
    case 1: multiply_rows(s, r, a, b, bias, start, c, column, 1, vectors, last); break;
    default: break;
    }
}

VECTOR void lk_multiply_pairs(
    const lk_pair_product *s, const void *a, const void *panels, const float *bias,
    const float *start, void *c, const lk_lines *next) {
    const bf16 *b = panels;
    const lk_lines lines = next ? *next : (lk_lines){0};
    for (size_t column = 0; column < s->columns; column += PANEL, b += s->panel_b) {
        size_t n = s->columns - column < PANEL ? s->columns - column : PANEL;
        size_t vectors = (n + VECTOR_LANES - 1) / VECTOR_LANES;
        __mmask16 last = (__mmask16)(0xffffu >> (vectors * VECTOR_LANES - n));
        const float *biases = bias ? bias + column : NULL;
        switch (vectors) {
        case 4: multiply_panel(s, a, b, biases, start, c, column, 4, last, lines); break;
        case 3: multiply_panel(s, a, b, biases, start, c, column, 3, last, lines); break;
        case 2: multiply_panel(s, a, b, biases, start, c, column, 2, last, lines); break;
        default: multiply_panel(s, a, b, biases, start, c, column, 1, last, lines); break;
        }
    }
    if (s->streams) _mm_sfence();
}

VECTOR void lk_pair_rows(
    const void *numbers, size_t stride, size_t rows, size_t columns, size_t width, size_t panel,
    void *pairs) {
    uint16_t indices[32];
    for (uint16_t i = 0; i < 32; i++) indices[i] = i / 2 + 32 * (i % 2);
    const __m512i first = _mm512_loadu_si512(indices);
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
    const bf16 *x = numbers;
    bf16 *y = pairs;
    for (size_t r = 0; r < rows; r += 2, x += 2 * stride, y += 2 * width) {
        for (size_t i = 0; i < columns; i += 32) {
            __mmask32 mask = first_of(columns - i);
            __builtin_prefetch(x + AHEAD * stride + i);
            __builtin_prefetch(x + (AHEAD + 1) * stride + i);
            __m512i upper = _mm512_maskz_loadu_epi16(mask, x + i);
            __m512i lower = _mm512_maskz_loadu_epi16(r + 1 < rows ? mask : 0, x + stride + i);
            bf16 *out = y + i / width * panel + 2 * (i % width);
            _mm512_storeu_si512(out, _mm512_permutex2var_epi16(upper, first, lower));
            _mm512_storeu_si512(out + 32, _mm512_permutex2var_epi16(upper, second, lower));
        }
    }
}

VECTOR void lk_pair_columns(
    const void *numbers, size_t stride, size_t rows, size_t columns, size_t panel, void *pairs) {
    const bf16 *x = numbers;
    for (size_t r = 0; r < rows; r += 16) {
        bf16 *y = (bf16 *)pairs + r / PANEL * panel + 2 * (r % PANEL);
        for (size_t i = 0; i < columns; i += 32) {
            __mmask32 mask = first_of(columns - i);
            __m512i tile[16];
            UNROLL for (size_t j = 0; j < 16; j++)
                __builtin_prefetch(x + (r + 16 + j) * stride + i);
            UNROLL for (size_t j = 0; j < 16; j++)
                tile[j] = _mm512_maskz_loadu_epi16(
                    r + j < rows ? mask : 0, x + (r + j) * stride + i);
            transpose(tile);
            size_t height = (columns - i + 1) / 2;
            UNROLL for (size_t j = 0; j < 16; j++)
                if (j < height) _mm512_storeu_si512(y + (i + 2 * j) * PANEL, tile[j]);
        }
    }
}

#else

bool lk_has_pair_products(void) { return false; }
void lk_multiply_pairs(
    const lk_pair_product *s, const void *a, const void *panels, const float *bias,
    const float *start, void *c, const lk_lines *next) {}
void lk_pair_rows(
    const void *numbers, size_t stride, size_t rows, size_t columns, size_t width, size_t panel,
    void *pairs) {}
void lk_pair_columns(
    const void *numbers, size_t stride, size_t rows, size_t columns, size_t panel, void *pairs) {}

#endif
