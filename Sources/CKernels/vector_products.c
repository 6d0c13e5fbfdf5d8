// Before the intrinsics, which are functions of a header: sums here say their order.
#pragma clang fp reassociate(off)
#include "vectors.h"

// Products of matrices on processors with AVX2 and FMA. A tile of C, 6 rows of 2 vectors, is made in registers:
// for each term two vectors of B against six numbers of A, each spread over a vector as it is loaded. Both
// operands lie ready in panels, into which they come from any element type, so that nothing else is copied.
// Source: Goto and van de Geijn 2008, Anatomy of High-Performance Matrix Multiplication, section 4.

enum { ROWS = LK_VECTOR_ROWS, COLUMNS = LK_VECTOR_COLUMNS, LANES = 8, VECTORS = COLUMNS / LANES };

#if defined(__x86_64__)
#include <immintrin.h>

#define VECTOR __attribute__((target("avx2,fma,f16c")))
#define VECTOR_INLINE VECTOR static inline __attribute__((always_inline))

bool lk_has_vector_products(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")
        && __builtin_cpu_supports("f16c");
}

// Eight numbers.
VECTOR_INLINE __m256 load_all(const void *x, size_t at, const int type) {
    if (type == LK_FLOAT32) return _mm256_loadu_ps((const float *)x + at);
    __m128i narrow = _mm_loadu_si128((const __m128i *)((const uint16_t *)x + at));
    if (type == LK_FLOAT16) return _mm256_cvtph_ps(narrow);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(narrow), 16));
}

// The first `count` of eight numbers, the others zeros.
VECTOR_INLINE __m256 load(const void *x, size_t at, size_t count, const int type) {
    if (count >= LANES) return load_all(x, at, type);
    size_t size = type == LK_FLOAT32 ? 4 : 2;
    char some[4 * LANES] = {0};
    memcpy(some, (const char *)x + at * size, count * size);
    return load_all(some, 0, type);
}

// Rounds to nearest even; a NaN stays a (quiet) NaN.
VECTOR_INLINE __m128i rounded(__m256 x) {
    __m256i bits = _mm256_castps_si256(x), upper = _mm256_srli_epi32(bits, 16);
    __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
    __m256i near = _mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd);
    __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m256i half = _mm256_blendv_epi8(_mm256_srli_epi32(near, 16), quiet, nan);
    return _mm_packus_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

VECTOR_INLINE void store_all(void *c, size_t at, const int type, __m256 x) {
    if (type == LK_FLOAT32)
        _mm256_storeu_ps((float *)c + at, x);
    else
        _mm_storeu_si128(
            (__m128i *)((uint16_t *)c + at),
            type == LK_FLOAT16 ? _mm256_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT) : rounded(x));
}

VECTOR_INLINE void store(void *c, size_t at, size_t count, const int type, __m256 x) {
    if (count >= LANES) return store_all(c, at, type, x);
    size_t size = type == LK_FLOAT32 ? 4 : 2;
    char some[4 * LANES];
    store_all(some, 0, type, x);
    memcpy((char *)c + at * size, some, count * size);
}

// `rows` rows of C from `at` on, `count` of their 16 columns.
VECTOR_INLINE void multiply_tile(
    const lk_vector_product *s, const float *a, const float *b, const float *bias,
    const float *start, size_t row_start, void *c, size_t at, size_t count, const int type,
    const bool whole, const bool streams, const int rows) {
    __m256 sums[ROWS][VECTORS];
    size_t left[VECTORS];
    UNROLL for (int v = 0; v < VECTORS; v++) {
        size_t before = (size_t)v * LANES;
        left[v] = whole ? LANES : count > before ? count - before : 0;
        __m256 same =
            bias ? load(bias, before, left[v], LK_FLOAT32) : _mm256_setzero_ps();
        UNROLL for (int r = 0; r < rows; r++) {
            sums[r][v] = same;
            if (!start) continue;
            __m256 own = load(start, r * row_start + before, left[v], LK_FLOAT32);
            sums[r][v] = _mm256_add_ps(same, own);
        }
    }
    for (size_t i = 0; i < s->inner; i++, a += ROWS, b += COLUMNS) {
        __m256 w[VECTORS];
        UNROLL for (int v = 0; v < VECTORS; v++) w[v] = _mm256_loadu_ps(b + v * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            __m256 x = _mm256_broadcast_ss(a + r);
            UNROLL for (int v = 0; v < VECTORS; v++)
                sums[r][v] = _mm256_fmadd_ps(x, w[v], sums[r][v]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < VECTORS; v++) {
            size_t place = at + r * s->row_c + v * LANES;
            if (streams)
                _mm256_stream_ps((float *)c + place, sums[r][v]);
            else
                store(c, place, left[v], type, sums[r][v]);
        }
}

// All rows of C for one panel of B.
VECTOR_INLINE void multiply_panel(
    const lk_vector_product *s, const float *a, const float *b, const float *bias,
    const float *start, size_t row_start, void *c, size_t column, const int type,
    const bool whole, const bool streams) {
    size_t count = s->columns - column, r = 0;
#define TILE(N)                                                                                    \
    multiply_tile(                                                                                 \
        s, a + r * s->inner, b, bias, start ? start + r * row_start : NULL, row_start, c,          \
        r * s->row_c + column, count, type, whole, streams, N)
    for (; r + ROWS <= s->rows; r += ROWS) TILE(ROWS);
    switch (s->rows - r) {
    case 5: TILE(5); break;
    case 4: TILE(4); break;
    case 3: TILE(3); break;
    case 2: TILE(2); break;
    case 1: TILE(1); break;
    default: break;
    }
#undef TILE
}

VECTOR_INLINE void multiply_panels(
    const lk_vector_product *s, const float *a, const float *b, const float *bias,
    const float *start, size_t row_start, void *c, const int type, const bool streams) {
    for (size_t column = 0; column < s->columns; column += COLUMNS) {
        const float *panel = b + column * s->inner;
        const float *biases = bias ? bias + column : NULL;
        const float *begin = start ? start + column : NULL;
        if (s->columns - column >= COLUMNS)
            multiply_panel(
                s, a, panel, biases, begin, row_start, c, column, type, true, streams);
        else
            multiply_panel(s, a, panel, biases, begin, row_start, c, column, type, false, false);
    }
    if (streams) _mm_sfence();
}

VECTOR void lk_multiply_vectors(
    const lk_vector_product *s, const float *a, const float *b, const float *bias,
    const float *start, size_t row_start, void *c) {
    if (s->type_c == LK_BFLOAT16)
        multiply_panels(s, a, b, bias, start, row_start, c, LK_BFLOAT16, false);
    else if (s->type_c == LK_FLOAT16)
        multiply_panels(s, a, b, bias, start, row_start, c, LK_FLOAT16, false);
    else if (s->streams)
        multiply_panels(s, a, b, bias, start, row_start, c, LK_FLOAT32, true);
    else
        multiply_panels(s, a, b, bias, start, row_start, c, LK_FLOAT32, false);
}

// Transposes 8 × 8 numbers.
VECTOR_INLINE void transpose(__m256 x[LANES]) {
    __m256 y[LANES], z[LANES];
    UNROLL for (int i = 0; i < LANES; i += 2) {
        y[i] = _mm256_unpacklo_ps(x[i], x[i + 1]);
        y[i + 1] = _mm256_unpackhi_ps(x[i], x[i + 1]);
    }
    UNROLL for (int i = 0; i < LANES; i += 4)
        UNROLL for (int j = 0; j < 2; j++) {
            z[i + 2 * j] = _mm256_shuffle_ps(y[i + j], y[i + j + 2], 0x44);
            z[i + 2 * j + 1] = _mm256_shuffle_ps(y[i + j], y[i + j + 2], 0xee);
        }
    UNROLL for (int i = 0; i < 4; i++) {
        x[i] = _mm256_permute2f128_ps(z[i], z[i + 4], 0x20);
        x[i + 4] = _mm256_permute2f128_ps(z[i], z[i + 4], 0x31);
    }
}

// The first `count` numbers, at most eight of them, and no further.
VECTOR_INLINE void store_first(float *y, __m256 x, const int count) {
    if (count >= LANES) return _mm256_storeu_ps(y, x);
    _mm_storeu_ps(y, _mm256_castps256_ps128(x));
    _mm_storel_pi((__m64 *)(y + 4), _mm256_extractf128_ps(x, 1));  // the two of six
}

// Panels of `width` of x (extent, inner).
VECTOR_INLINE void pack_rows(
    const lk_vector_packing *p, float *panels, const int width, const int type) {
    for (size_t first = 0; first < p->extent; first += (size_t)width) {
        float *y = panels + first * p->inner;
        for (size_t i = 0; i < p->inner; i += LANES) {
            size_t count = p->inner - i;
            UNROLL for (int part = 0; part < width; part += LANES) {
                __m256 x[LANES];
                UNROLL for (int j = 0; j < LANES; j++) {
                    size_t row = first + (size_t)(part + j);
                    x[j] = part + j < width && row < p->extent
                        ? load(p->x, row * p->stride + i, count, type)
                        : _mm256_setzero_ps();
                }
                transpose(x);
                UNROLL for (int j = 0; j < LANES; j++)
                    if ((size_t)j < count)
                        store_first(y + (i + (size_t)j) * (size_t)width + part, x[j], width - part);
            }
        }
    }
}

// Panels of `width` of x (inner, extent). Some terms of all panels, so that the lines they lie in are read once.
VECTOR_INLINE void pack_columns(
    const lk_vector_packing *p, float *panels, const int width, const int type) {
    enum { TERMS = 16 };
    for (size_t begin = 0; begin < p->inner; begin += TERMS) {
        size_t end = p->inner - begin < TERMS ? p->inner : begin + TERMS;
        for (size_t first = 0; first < p->extent; first += (size_t)width) {
            float *y = panels + first * p->inner;
            for (size_t i = begin; i < end; i++)
                UNROLL for (int part = 0; part < width; part += LANES) {
                    size_t at = first + (size_t)part;
                    size_t count = at < p->extent ? p->extent - at : 0;
                    if (width - part < LANES && count > (size_t)(width - part))
                        count = (size_t)(width - part);
                    // A whole vector where the row goes on: what is beyond the panel is not stored.
                    bool whole = at + LANES <= p->extent;
                    __m256 x = whole ? load_all(p->x, i * p->stride + at, type)
                                     : load(p->x, i * p->stride + at, count, type);
                    store_first(y + i * (size_t)width + part, x, width - part);
                }
        }
    }
}

VECTOR_INLINE void pack(
    const lk_vector_packing *p, float *panels, const int width, const int type) {
    if (p->transposed)
        pack_columns(p, panels, width, type);
    else
        pack_rows(p, panels, width, type);
}

#define DEFINE_PACK(NAME, WIDTH)                                                                   \
    VECTOR void NAME(const lk_vector_packing *p, float *panels) {                                  \
        switch (p->type) {                                                                         \
        case LK_BFLOAT16: pack(p, panels, WIDTH, LK_BFLOAT16); break;                              \
        case LK_FLOAT16: pack(p, panels, WIDTH, LK_FLOAT16); break;                                \
        default: pack(p, panels, WIDTH, LK_FLOAT32); break;                                        \
        }                                                                                          \
    }
DEFINE_PACK(lk_pack_vector_rows, ROWS)
DEFINE_PACK(lk_pack_vector_columns, COLUMNS)

#else

bool lk_has_vector_products(void) { return false; }
void lk_multiply_vectors(
    const lk_vector_product *s, const float *a, const float *b, const float *bias,
    const float *start, size_t row_start, void *c) {}
void lk_pack_vector_rows(const lk_vector_packing *p, float *panels) {}
void lk_pack_vector_columns(const lk_vector_packing *p, float *panels) {}

#endif
