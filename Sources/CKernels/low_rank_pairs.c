#include "low_rank_products.h"
#include "pairs.h"

#if defined(__x86_64__)

// The pairs run along the extent summed over: along the width in reduce, along the rank in expand,
// along the rows in gather. Float32 operands and `inner` are rounded to bfloat16.

enum { MOST_ROWS = 16, CHUNK = 256, TILE = 32, GROUP = 4, BLOCK = 32 };

VECTOR_INLINE __m512i narrowed(__m512 low, __m512 high) {
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

// The float32 numbers of the lower and the upper sixteen.
VECTOR_INLINE __m512 widened(__m256i numbers) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(numbers), 16));
}

// At most 32 numbers at p + at as bfloat16, zeros behind them.
VECTOR_INLINE __m512i load_pairs(int type, const void *p, size_t at, size_t n) {
    __mmask32 mask = first_of(n);
    if (type == LK_FLOAT32) {
        const float *x = (const float *)p + at;
        return narrowed(
            _mm512_maskz_loadu_ps((__mmask16)mask, x),
            _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), x + 16));
    }
    return _mm512_maskz_loadu_epi16(mask, (const bf16 *)p + at);
}

VECTOR_INLINE void load_floats(int type, const void *p, size_t at, size_t n, __m512 both[2]) {
    __mmask32 mask = first_of(n);
    if (type == LK_FLOAT32) {
        const float *x = (const float *)p + at;
        both[0] = _mm512_maskz_loadu_ps((__mmask16)mask, x);
        both[1] = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), x + 16);
    } else {
        __m512i x = _mm512_maskz_loadu_epi16(mask, (const bf16 *)p + at);
        both[0] = widened(_mm512_castsi512_si256(x));
        both[1] = widened(_mm512_extracti64x4_epi64(x, 1));
    }
}

// Whole vectors without a mask: masked stores are slow on some processors.
VECTOR_INLINE void store_floats(int type, void *p, size_t at, size_t n, const __m512 both[2]) {
    __mmask32 mask = first_of(n);
    if (type == LK_FLOAT32) {
        float *y = (float *)p + at;
        if (n >= TILE) {
            _mm512_storeu_ps(y, both[0]);
            _mm512_storeu_ps(y + 16, both[1]);
        } else {
            _mm512_mask_storeu_ps(y, (__mmask16)mask, both[0]);
            _mm512_mask_storeu_ps(y + 16, (__mmask16)(mask >> 16), both[1]);
        }
    } else {
        bf16 *y = (bf16 *)p + at;
        if (n >= TILE)
            _mm512_storeu_si512(y, narrowed(both[0], both[1]));
        else
            _mm512_mask_storeu_epi16(y, mask, narrowed(both[0], both[1]));
    }
}

// sums[j] += the rows' pairs times eight ranks' pairs.
VECTOR_INLINE void reduce_chunk(
    const bf16 *const *rows, const bf16 *w, size_t stride, size_t pairs, __m256 *sums,
    const int ROWS) {
    for (size_t i = 0; i < pairs; i++, w += stride) {
        __m256bh weights = (__m256bh)_mm256_loadu_si256((const __m256i *)w);
        UNROLL for (int j = 0; j < ROWS; j++) sums[j] = _mm256_dpbf16_ps(
            sums[j], (__m256bh)_mm256_set1_epi32(pair_at(rows[j] + 2 * i)), weights);
    }
}

// `height` rows from r on, ROWS at most, which are computed as if they were ROWS.
VECTOR_INLINE void reduce_rows(
    const lk_low_rank *s, const int type, const void *x, const bf16 *packed, float scale,
    float *inner, size_t r, size_t height, const int ROWS) {
    bf16 tile[MOST_ROWS][CHUNK];
    const bool direct = type == LK_BFLOAT16 && s->width % 2 == 0;
    for (size_t start = 0; start < s->width || start == 0; start += CHUNK) {
        size_t n = s->width - start < CHUNK ? s->width - start : CHUNK;
        const bf16 *sources[MOST_ROWS];
        for (size_t j = 0; j < ROWS; j++) {
            size_t at = (r + (j < height ? j : 0)) * s->width + start;
            sources[j] = direct ? (const bf16 *)x + at : tile[j];
            for (size_t i = 0; !direct && i < n; i += TILE)
                _mm512_storeu_si512(tile[j] + i, load_pairs(type, x, at + i, n - i));
        }
        for (size_t k = 0; k < s->padded_rank; k += LANES) {
            __m256 sums[MOST_ROWS];
            UNROLL for (int j = 0; j < ROWS; j++) sums[j] = _mm256_setzero_ps();
            const bf16 *w = packed + start * s->padded_rank + 2 * k;
            reduce_chunk(sources, w, 2 * s->padded_rank, (n + 1) / 2, sums, ROWS);
            UNROLL for (size_t j = 0; j < ROWS; j++) {
                if (j >= height) continue;
                float *out = inner + (r + j) * s->padded_rank + k;
                __m256 total = _mm256_mul_ps(sums[j], _mm256_set1_ps(scale));
                if (start > 0) total = _mm256_add_ps(total, _mm256_loadu_ps(out));
                _mm256_storeu_ps(out, total);
            }
        }
    }
}

// Eight rows, as generation often has them, take half as long as sixteen.
VECTOR_INLINE void reduce_of(
    const lk_low_rank *s, const int type, const void *x, const bf16 *packed, float scale,
    float *inner, size_t rows) {
    for (size_t r = 0; r < rows; r += MOST_ROWS) {
        size_t left = rows - r;
        if (left > MOST_ROWS / 2)
            reduce_rows(
                s, type, x, packed, scale, inner, r, left < MOST_ROWS ? left : MOST_ROWS,
                MOST_ROWS);
        else
            reduce_rows(s, type, x, packed, scale, inner, r, left, MOST_ROWS / 2);
    }
}

VECTOR void reduce_pairs(
    const lk_low_rank *s, int type, const void *x, const void *packed, float scale, float *inner,
    size_t rows) {
    if (type == LK_FLOAT32)
        reduce_of(s, LK_FLOAT32, x, packed, scale, inner, rows);
    else
        reduce_of(s, LK_BFLOAT16, x, packed, scale, inner, rows);
}

// HEIGHT rows of y = or += factors W, TILE columns at a time.
VECTOR_INLINE void expand_rows(
    const lk_low_rank *s, const bf16 *factors, const bf16 *packed, const int type, void *y,
    size_t row, bool add, const int HEIGHT) {
    for (size_t start = 0; start < s->width; start += TILE) {
        size_t n = s->width - start;
        __m512 sums[GROUP][2];
        UNROLL for (int j = 0; j < HEIGHT; j++) {
            if (add)
                load_floats(type, y, (row + (size_t)j) * s->stride + start, n, sums[j]);
            else
                sums[j][0] = sums[j][1] = _mm512_setzero_ps();
        }
        const bf16 *w = packed + start * s->padded_rank;
        for (size_t k = 0; k < s->rank; k += 2, w += 2 * TILE) {
            __m512bh low = (__m512bh)_mm512_loadu_si512(w);
            __m512bh high = (__m512bh)_mm512_loadu_si512(w + TILE);
            UNROLL for (int j = 0; j < HEIGHT; j++) {
                __m512bh pair = (__m512bh)_mm512_set1_epi32(
                    pair_at(factors + (size_t)j * s->padded_rank + k));
                sums[j][0] = _mm512_dpbf16_ps(sums[j][0], pair, low);
                sums[j][1] = _mm512_dpbf16_ps(sums[j][1], pair, high);
            }
        }
        UNROLL for (int j = 0; j < HEIGHT; j++)
            store_floats(type, y, (row + (size_t)j) * s->stride + start, n, sums[j]);
    }
}

VECTOR_INLINE void expand_of(
    const lk_low_rank *s, const float *inner, const bf16 *packed, const int type, void *y,
    bool add, size_t rows) {
    for (size_t r = 0; r < rows;) {
        int height = rows - r < GROUP ? 1 : GROUP;
        const float *from = inner + r * s->padded_rank;
        bf16 factors[GROUP * LK_MOST_RANKS];
        for (size_t i = 0; i < (size_t)height * s->padded_rank; i += LANES)
            _mm_storeu_si128(
                (__m128i *)(factors + i),
                (__m128i)_mm256_cvtneps_pbh(_mm256_loadu_ps(from + i)));
        if (height == GROUP)
            expand_rows(s, factors, packed, type, y, r, add, GROUP);
        else
            expand_rows(s, factors, packed, type, y, r, add, 1);
        r += (size_t)height;
    }
}

VECTOR void expand_pairs(
    const lk_low_rank *s, const float *inner, const void *packed, int type, void *y, bool add,
    size_t rows) {
    if (type == LK_FLOAT32)
        expand_of(s, inner, packed, LK_FLOAT32, y, add, rows);
    else
        expand_of(s, inner, packed, LK_BFLOAT16, y, add, rows);
}

// Columns start..<start + TILE of eight ranks' sums, over a block of rows. `factors` holds, for
// each two rows, the pairs of all ranks.
VECTOR_INLINE void gather_tile(
    const lk_low_rank *s, const bf16 *factors, const int type, const void *x, size_t row,
    size_t rows, size_t start, size_t n, float *sums) {
    const __m512i first = _mm512_add_epi16(
        _mm512_set1_epi32(32 << 16),
        _mm512_setr_epi32(
            0x00000, 0x10001, 0x20002, 0x30003, 0x40004, 0x50005, 0x60006, 0x70007, 0x80008,
            0x90009, 0xa000a, 0xb000b, 0xc000c, 0xd000d, 0xe000e, 0xf000f));
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(16));
    __m512 totals[LANES][2];
    UNROLL for (int j = 0; j < LANES; j++) {
        totals[j][0] = _mm512_loadu_ps(sums + (size_t)j * s->padded_width);
        totals[j][1] = _mm512_loadu_ps(sums + (size_t)j * s->padded_width + 16);
    }
    for (size_t r = 0; r < rows; r += 2, factors += 2 * s->padded_rank) {
        size_t at = (row + r) * s->width + start;
        __m512i upper = load_pairs(type, x, at, n);
        // A last row without a partner: its own numbers again, times zero.
        __m512i lower = load_pairs(type, x, r + 1 < rows ? at + s->width : at, n);
        __m512bh left = (__m512bh)_mm512_permutex2var_epi16(upper, first, lower);
        __m512bh right = (__m512bh)_mm512_permutex2var_epi16(upper, second, lower);
        UNROLL for (int j = 0; j < LANES; j++) {
            __m512bh pair = (__m512bh)_mm512_set1_epi32(pair_at(factors + 2 * j));
            totals[j][0] = _mm512_dpbf16_ps(totals[j][0], pair, left);
            totals[j][1] = _mm512_dpbf16_ps(totals[j][1], pair, right);
        }
    }
    UNROLL for (int j = 0; j < LANES; j++) {
        _mm512_storeu_ps(sums + (size_t)j * s->padded_width, totals[j][0]);
        _mm512_storeu_ps(sums + (size_t)j * s->padded_width + 16, totals[j][1]);
    }
}

VECTOR_INLINE void gather_of(
    const lk_low_rank *s, const float *inner, const int type, const void *x, float *sums,
    size_t rows) {
    bf16 factors[BLOCK * LK_MOST_RANKS];
    for (size_t r = 0; r < rows; r += BLOCK) {
        size_t height = rows - r < BLOCK ? rows - r : BLOCK;
        for (size_t i = 0; i < height; i += 2) {
            const float *upper = inner + (r + i) * s->padded_rank;
            const float *lower = upper + s->padded_rank;
            for (size_t k = 0; k < s->padded_rank; k++) {
                bf16 *pair = factors + i * s->padded_rank + 2 * k;
                store_bf16(pair, upper[k]);
                store_bf16(pair + 1, i + 1 < height ? lower[k] : 0);
            }
        }
        for (size_t start = 0; start < s->width; start += TILE)
            for (size_t k = 0; k < s->padded_rank; k += LANES)
                gather_tile(
                    s, factors + 2 * k, type, x, r, height, start, s->width - start,
                    sums + k * s->padded_width + start);
    }
}

VECTOR void gather_pairs(
    const lk_low_rank *s, const float *inner, int type, const void *x, float *sums, size_t rows) {
    if (type == LK_FLOAT32)
        gather_of(s, inner, LK_FLOAT32, x, sums, rows);
    else
        gather_of(s, inner, LK_BFLOAT16, x, sums, rows);
}

#else

void reduce_pairs(
    const lk_low_rank *s, int type, const void *x, const void *packed, float scale, float *inner,
    size_t rows) {}
void expand_pairs(
    const lk_low_rank *s, const float *inner, const void *packed, int type, void *y, bool add,
    size_t rows) {}
void gather_pairs(
    const lk_low_rank *s, const float *inner, int type, const void *x, float *sums, size_t rows) {
}

#endif
