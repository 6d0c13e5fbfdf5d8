// Before the intrinsics, which are functions of a header: a product's bits must not depend on whether the loop that it
// stands in is unrolled. Sums here say their order.
#pragma clang fp reassociate(off)
#include "native.h"
#include "pairs.h"

#if defined(__x86_64__)
// A vector's steps wait for one another; those of several side by side do not.
enum { LANES = 16, SIDE_BY_SIDE = 8 };

#define EACH UNROLL for (int v = 0; v < count; v++)

// Does something for the numbers from i on: `count` vectors of them, of the last of which those in
// `mask` are there.
#define FOR_VECTORS(MOST, N, ...)                                                                  \
    do {                                                                                           \
        _Static_assert(MOST <= SIDE_BY_SIDE, "a function's arrays hold so many vectors");          \
        size_t i = 0;                                                                              \
        for (; i + (MOST) * LANES <= (N); i += (MOST) * LANES) {                                   \
            const int count = MOST;                                                                \
            const __mmask16 mask = 0xffff;                                                         \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
        for (; i < (N); i += LANES) {                                                              \
            const int count = 1;                                                                   \
            const __mmask16 mask = (N) - i < LANES ? (__mmask16)((1u << ((N) - i)) - 1) : 0xffff;  \
            __VA_ARGS__;                                                                           \
        }                                                                                          \
    } while (0)

VECTOR_INLINE __m512 all(float x) { return _mm512_set1_ps(x); }

// Only the last of a block's vectors is ever short.
VECTOR_INLINE void load(const float *p, __m512 *x, const int count, __mmask16 mask) {
    EACH x[v] = _mm512_maskz_loadu_ps(mask, p + v * LANES);
}
VECTOR_INLINE void store(float *p, const __m512 *x, const int count, __mmask16 mask) {
    EACH _mm512_mask_storeu_ps(p + v * LANES, mask, x[v]);
}
VECTOR_INLINE void widen(const bf16 *p, __m512 *x, const int count, __mmask16 mask) {
    EACH {
        __m512i bits = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p + v * LANES));
        x[v] = _mm512_castsi512_ps(_mm512_slli_epi32(bits, 16));
    }
}
VECTOR_INLINE void narrow(bf16 *p, const __m512 *x, const int count, __mmask16 mask) {
    EACH _mm256_mask_storeu_epi16(p + v * LANES, mask, (__m256i)_mm512_cvtneps_pbh(x[v]));
}
VECTOR_INLINE void multiply(__m512 *x, const __m512 *y, const int count) {
    EACH x[v] = _mm512_mul_ps(x[v], y[v]);
}

// 2^r for |r| ≤ 1/2, 1 at 0, by the polynomials of least relative error; computed in float32 they are
// within 1.6e-7, and within 2.9e-6 where the result is rounded to bfloat16 (4e-3).
static const float FINE[] = {1.3264727e-3f, 9.671513e-3f, 5.5507336e-2f,
                             0.24022242f,   0.693147f,    1.0f};
static const float COARSE[] = {9.5828529e-3f, 5.5906426e-2f, 0.24024099f, 0.69312418f, 1.0f};

// x = 2^x by 2^n · 2^r, for finite x.
VECTOR_INLINE void powers_of_two(__m512 *x, bool coarse, const int count) {
    __m512 n[SIDE_BY_SIDE], p[SIDE_BY_SIDE];
    const float *factors = coarse ? COARSE : FINE;
    EACH n[v] = _mm512_roundscale_ps(x[v], _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    EACH x[v] = _mm512_sub_ps(x[v], n[v]);
    EACH p[v] = _mm512_fmadd_ps(all(factors[0]), x[v], all(factors[1]));
    UNROLL for (int i = 2; i < (coarse ? 5 : 6); i++)
        EACH p[v] = _mm512_fmadd_ps(p[v], x[v], all(factors[i]));
    EACH x[v] = _mm512_scalef_ps(p[v], n[v]);
}

static const float LOG2_E = 1.44269504f;

// x = 1 / (1 + 2^x), by Newton's step on the processor's estimate; some number for a NaN, which what this
// is multiplied by then is, too.
VECTOR_INLINE void over_one_plus_powers(__m512 *x, const int count) {
    __m512 y[SIDE_BY_SIDE];
    EACH x[v] = _mm512_range_ps(x[v], all(125.0f), 2);  // the smaller magnitude, with x's sign
    powers_of_two(x, true, count);
    EACH x[v] = _mm512_add_ps(x[v], all(1.0f));
    EACH y[v] = _mm512_rcp14_ps(x[v]);
    EACH x[v] = _mm512_fnmadd_ps(x[v], y[v], all(2.0f));
    multiply(x, y, count);
}

// s: what x is multiplied by, as in activation.c.
VECTOR_INLINE void gelu_factors(const __m512 *x, __m512 *s, const int count) {
    const float factor = -2 * 0.7978845608f * LOG2_E;
    EACH s[v] = _mm512_mul_ps(x[v], x[v]);
    EACH s[v] = _mm512_fmadd_ps(s[v], all(0.044715f * factor), all(factor));
    multiply(s, x, count);
    over_one_plus_powers(s, count);
}
// Φ(−a) = exp(−a²/2) · p(1 / (1 + 0.375a)) for a ≥ 0, and Φ(a) = 1 − Φ(−a). p is the polynomial of least
// relative error, 3.2e-5 for a up to 14; results are rounded to bfloat16 (4e-3).
static const float TAIL[] = {-9.064761e-2f, 0.20029234f, 8.355579e-2f, 0.15773658f, 0.14906075f, 0.0f};
VECTOR_INLINE void gelu_erf_factors(const __m512 *x, __m512 *s, const int count) {
    __m512 t[SIDE_BY_SIDE], y[SIDE_BY_SIDE], p[SIDE_BY_SIDE];
    EACH s[v] = _mm512_range_ps(x[v], all(16.0f), 10);  // the smaller magnitude, without a sign
    EACH t[v] = _mm512_fmadd_ps(s[v], all(0.375f), all(1.0f));
    EACH s[v] = _mm512_mul_ps(s[v], s[v]);
    EACH s[v] = _mm512_mul_ps(s[v], all(-0.5f * LOG2_E));
    powers_of_two(s, true, count);
    EACH y[v] = _mm512_rcp14_ps(t[v]);
    EACH t[v] = _mm512_fnmadd_ps(t[v], y[v], all(2.0f));
    multiply(t, y, count);
    EACH p[v] = _mm512_fmadd_ps(all(TAIL[0]), t[v], all(TAIL[1]));
    UNROLL for (int i = 2; i < 6; i++)
        EACH p[v] = _mm512_fmadd_ps(p[v], t[v], all(TAIL[i]));
    multiply(s, p, count);
    EACH s[v] = _mm512_mask_sub_ps(
        s[v], _mm512_cmp_ps_mask(x[v], all(0.0f), _CMP_GT_OQ), all(1.0f), s[v]);
}
VECTOR_INLINE void silu_factors(const __m512 *x, __m512 *s, const int count) {
    EACH s[v] = _mm512_mul_ps(x[v], all(-LOG2_E));
    over_one_plus_powers(s, count);
}

// x = the slope there, of x and its factor s.
VECTOR_INLINE void gelu_slopes(__m512 *x, const __m512 *s, const int count) {
    const float factor = 1.5957691216f;
    __m512 inner[SIDE_BY_SIDE];
    EACH inner[v] = _mm512_mul_ps(x[v], x[v]);
    EACH inner[v] = _mm512_fmadd_ps(inner[v], all(factor * 0.134145f), all(factor));
    multiply(x, inner, count);
    EACH inner[v] = _mm512_fnmadd_ps(s[v], s[v], s[v]);
    EACH x[v] = _mm512_fmadd_ps(x[v], inner[v], s[v]);
}
VECTOR_INLINE void gelu_erf_slopes(__m512 *x, const __m512 *s, const int count) {
    __m512 density[SIDE_BY_SIDE];
    EACH density[v] = _mm512_range_ps(x[v], all(16.0f), 10);
    EACH density[v] = _mm512_mul_ps(density[v], density[v]);
    EACH density[v] = _mm512_mul_ps(density[v], all(-0.5f * LOG2_E));
    powers_of_two(density, true, count);
    EACH density[v] = _mm512_mul_ps(density[v], all(0.3989422804f));
    EACH x[v] = _mm512_fmadd_ps(x[v], density[v], s[v]);
}
VECTOR_INLINE void silu_slopes(__m512 *x, const __m512 *s, const int count) {
    EACH x[v] = _mm512_fnmadd_ps(x[v], s[v], x[v]);
    EACH x[v] = _mm512_fmadd_ps(x[v], s[v], s[v]);
}

#define DEFINE_NATIVE(KIND)                                                                        \
    VECTOR static void KIND(const bf16 *x, bf16 *y, size_t n) {                                    \
        FOR_VECTORS(8, n, {                                                                        \
            __m512 a[8], s[8];                                                                     \
            widen(x + i, a, count, mask);                                                          \
            KIND##_factors(a, s, count);                                                           \
            multiply(a, s, count);                                                                 \
            narrow(y + i, a, count, mask);                                                         \
        });                                                                                        \
    }                                                                                              \
    VECTOR static void KIND##_gradient(const bf16 *x, const bf16 *dy, bf16 *dx, size_t n) {        \
        FOR_VECTORS(8, n, {                                                                        \
            __m512 a[8], s[8];                                                                     \
            widen(x + i, a, count, mask);                                                          \
            KIND##_factors(a, s, count);                                                           \
            KIND##_slopes(a, s, count);                                                            \
            widen(dy + i, s, count, mask);                                                         \
            multiply(a, s, count);                                                                 \
            narrow(dx + i, a, count, mask);                                                        \
        });                                                                                        \
    }                                                                                              \
    VECTOR static void KIND##_gated(const bf16 *g, const bf16 *u, bf16 *y, size_t n) {             \
        FOR_VECTORS(8, n, {                                                                        \
            __m512 a[8], s[8];                                                                     \
            widen(g + i, a, count, mask);                                                          \
            KIND##_factors(a, s, count);                                                           \
            multiply(a, s, count);                                                                 \
            widen(u + i, s, count, mask);                                                          \
            multiply(a, s, count);                                                                 \
            narrow(y + i, a, count, mask);                                                         \
        });                                                                                        \
    }                                                                                              \
    VECTOR static void KIND##_gated_gradient(                                                      \
        const bf16 *g, const bf16 *u, const bf16 *dy, bf16 *dg, bf16 *du, size_t n) {              \
        FOR_VECTORS(4, n, {                                                                        \
            __m512 a[4], s[4], d[4], value[4];                                                     \
            widen(g + i, a, count, mask);                                                          \
            KIND##_factors(a, s, count);                                                           \
            EACH value[v] = _mm512_mul_ps(a[v], s[v]);                                             \
            KIND##_slopes(a, s, count);                                                            \
            widen(dy + i, d, count, mask);                                                         \
            widen(u + i, s, count, mask);                                                          \
            multiply(value, d, count);                                                             \
            narrow(du + i, value, count, mask);                                                    \
            multiply(a, s, count);                                                                 \
            multiply(a, d, count);                                                                 \
            narrow(dg + i, a, count, mask);                                                        \
        });                                                                                        \
    }
DEFINE_NATIVE(gelu)
DEFINE_NATIVE(gelu_erf)
DEFINE_NATIVE(silu)

#define BY_KIND(SUFFIX, ...)                                                                       \
    if (!lk_has_pair_products()) return false;                                                     \
    switch (kind) {                                                                                \
    case 0: gelu##SUFFIX(__VA_ARGS__); return true;                                                \
    case 1: gelu_erf##SUFFIX(__VA_ARGS__); return true;                                            \
    case 2: silu##SUFFIX(__VA_ARGS__); return true;                                                \
    default: return false;                                                                         \
    }

bool native_activation(int kind, const bf16 *x, bf16 *y, size_t n) { BY_KIND(, x, y, n) }
bool native_activation_gradient(int kind, const bf16 *x, const bf16 *dy, bf16 *dx, size_t n) {
    BY_KIND(_gradient, x, dy, dx, n)
}
bool native_gated(int kind, const bf16 *gate, const bf16 *up, bf16 *y, size_t n) {
    BY_KIND(_gated, gate, up, y, n)
}
bool native_gated_gradient(
    int kind, const bf16 *gate, const bf16 *up, const bf16 *dy, bf16 *dgate, bf16 *dup, size_t n) {
    BY_KIND(_gated_gradient, gate, up, dy, dgate, dup, n)
}

// Rows of scores are short: fewer side by side leave less to be done one by one.
enum { SOME = 4 };

// As `maximum`: NaN is passed over.
VECTOR_INLINE float top_of(const float *x, size_t n) {
    __m512 tops[SOME];
    UNROLL for (int v = 0; v < SOME; v++) tops[v] = all(-INFINITY);
    FOR_VECTORS(SOME, n, EACH tops[v] = _mm512_mask_max_ps(
        tops[v], mask, _mm512_maskz_loadu_ps(mask, x + i + v * LANES), tops[v]));
    __m512 left = _mm512_max_ps(tops[0], tops[1]), right = _mm512_max_ps(tops[2], tops[3]);
    return _mm512_reduce_max_ps(_mm512_max_ps(left, right));
}

// sums[v] += x[v], where the mask has them.
VECTOR_INLINE void add(__m512 *sums, const __m512 *x, const int count, __mmask16 mask) {
    EACH sums[v] = _mm512_mask_add_ps(sums[v], mask, sums[v], x[v]);
}

VECTOR_INLINE float sum_of(const __m512 sums[SOME]) {
    __m512 left = _mm512_add_ps(sums[0], sums[1]), right = _mm512_add_ps(sums[2], sums[3]);
    return _mm512_reduce_add_ps(_mm512_add_ps(left, right));
}

// x = 2^x, 0 below −150; a NaN stays one, for the second operand is taken then. x is not +∞.
VECTOR_INLINE void fine_powers_of_two(__m512 *x, const int count) {
    EACH x[v] = _mm512_max_ps(all(-151.0f), x[v]);
    powers_of_two(x, false, count);
}

// e = exp(scale · x − less)
VECTOR_INLINE void exponentials(
    const float *x, float scale, float less, __m512 *e, const int count, __mmask16 mask) {
    load(x, e, count, mask);
    EACH e[v] = _mm512_fmsub_ps(e[v], all(scale * LOG2_E), all(less * LOG2_E));
    fine_powers_of_two(e, count);
}

// e = exp(x − less), also where both are large.
VECTOR_INLINE void exponentials_below(
    const float *x, float less, __m512 *e, const int count, __mmask16 mask) {
    load(x, e, count, mask);
    EACH e[v] = _mm512_mul_ps(_mm512_sub_ps(e[v], all(less)), all(LOG2_E));
    fine_powers_of_two(e, count);
}

VECTOR static void softmax(float *scores, float scale, bf16 *p, float *log_sum, size_t n) {
    float top = top_of(scores, n) * scale;
    __m512 sums[SOME] = {0}, over[SOME];
    FOR_VECTORS(SOME, n, {
        __m512 e[SOME];
        exponentials(scores + i, scale, top, e, count, mask);
        add(sums, e, count, mask);
        store(scores + i, e, count, mask);
    });
    float sum = sum_of(sums);
    *log_sum = top + logf(sum);
    UNROLL for (int v = 0; v < SOME; v++) over[v] = all(sum != 0 ? 1.0f / sum : 0);
    FOR_VECTORS(SOME, n, {
        __m512 e[SOME];
        load(scores + i, e, count, mask);
        multiply(e, over, count);
        narrow(p + i, e, count, mask);
    });
}

VECTOR static void softmax_gradient(
    const float *scores, float scale, float log_sum, const float *dp, float delta, bf16 *p,
    bf16 *ds, size_t n) {
    FOR_VECTORS(SOME, n, {
        __m512 e[SOME], slopes[SOME];
        exponentials(scores + i, scale, log_sum, e, count, mask);
        narrow(p + i, e, count, mask);
        load(dp + i, slopes, count, mask);
        EACH slopes[v] = _mm512_sub_ps(slopes[v], all(delta));
        EACH e[v] = _mm512_mul_ps(e[v], all(scale));
        multiply(slopes, e, count);
        narrow(ds + i, slopes, count, mask);
    });
}

VECTOR static float log_sum_of_exponentials(const float *x, size_t n) {
    float top = top_of(x, n);
    __m512 sums[SOME] = {0};
    FOR_VECTORS(SOME, n, {
        __m512 e[SOME];
        exponentials_below(x + i, top, e, count, mask);
        add(sums, e, count, mask);
    });
    return top + logf(sum_of(sums));
}

VECTOR static void probabilities(
    const float *x, float log_sum, float scale, bf16 *y, size_t n) {
    FOR_VECTORS(SOME, n, {
        __m512 e[SOME];
        exponentials_below(x + i, log_sum, e, count, mask);
        EACH e[v] = _mm512_mul_ps(e[v], all(scale));
        narrow(y + i, e, count, mask);
    });
}

bool native_softmax(float *scores, float scale, bf16 *p, float *log_sum, size_t n) {
    if (!lk_has_pair_products()) return false;
    softmax(scores, scale, p, log_sum, n);
    return true;
}

bool native_softmax_gradient(
    const float *scores, float scale, float log_sum, const float *dp, float delta, bf16 *p,
    bf16 *ds, size_t n) {
    if (!lk_has_pair_products()) return false;
    softmax_gradient(scores, scale, log_sum, dp, delta, p, ds, n);
    return true;
}

bool native_log_sum(const float *x, float *log_sum, size_t n) {
    if (!lk_has_pair_products()) return false;
    *log_sum = log_sum_of_exponentials(x, n);
    return true;
}

bool native_probabilities(const float *x, float log_sum, float scale, bf16 *y, size_t n) {
    if (!lk_has_pair_products()) return false;
    probabilities(x, log_sum, scale, y, n);
    return true;
}

#else

bool native_activation(int kind, const bf16 *x, bf16 *y, size_t n) { return false; }
bool native_activation_gradient(int kind, const bf16 *x, const bf16 *dy, bf16 *dx, size_t n) {
    return false;
}
bool native_gated(int kind, const bf16 *gate, const bf16 *up, bf16 *y, size_t n) { return false; }
bool native_gated_gradient(
    int kind, const bf16 *gate, const bf16 *up, const bf16 *dy, bf16 *dgate, bf16 *dup, size_t n) {
    return false;
}
bool native_softmax(float *scores, float scale, bf16 *p, float *log_sum, size_t n) { return false; }
bool native_softmax_gradient(
    const float *scores, float scale, float log_sum, const float *dp, float delta, bf16 *p,
    bf16 *ds, size_t n) {
    return false;
}
bool native_log_sum(const float *x, float *log_sum, size_t n) { return false; }
bool native_probabilities(const float *x, float log_sum, float scale, bf16 *y, size_t n) {
    return false;
}

#endif
