#include "native.h"
#include "pairs.h"

#if defined(__x86_64__)
enum { VECTOR_LANES = 16 };

// Does something for the numbers from i on, as many as `mask` has; all sixteen but for the last.
#define FOR_VECTORS(N, ...)                                                                        \
    do {                                                                                           \
        size_t i = 0;                                                                              \
        for (; i + VECTOR_LANES <= (N); i += VECTOR_LANES) {                                       \
            const __mmask16 mask = 0xffff;                                                         \
            __VA_ARGS__                                                                            \
        }                                                                                          \
        if (i == (N)) break;                                                                       \
        const __mmask16 mask = (__mmask16)((1u << ((N) - i)) - 1);                                 \
        __VA_ARGS__                                                                                \
    } while (0)

VECTOR_INLINE __m512 wide(const bf16 *p, __mmask16 mask) {
    __m256i narrow = _mm256_maskz_loadu_epi16(mask, p);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(narrow), 16));
}

VECTOR_INLINE void narrow(bf16 *p, __mmask16 mask, __m512 x) {
    _mm256_mask_storeu_epi16(p, mask, (__m256i)_mm512_cvtneps_pbh(x));
}

VECTOR_INLINE __m512 all(float x) { return _mm512_set1_ps(x); }

// 2^x by 2^n · 2^r, |r| ≤ 1/2, with the Taylor series of the second; relative error below 2e-7. Below
// −150 it is 0. A NaN passes through.
VECTOR_INLINE __m512 power_of_two(__m512 x) {
    x = _mm512_min_ps(all(128.0f), _mm512_max_ps(all(-151.0f), x));
    __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    __m512 r = _mm512_sub_ps(x, n), p = all(1.5403530e-4f);
    p = _mm512_fmadd_ps(p, r, all(1.3333558e-3f));
    p = _mm512_fmadd_ps(p, r, all(9.6181291e-3f));
    p = _mm512_fmadd_ps(p, r, all(5.5504109e-2f));
    p = _mm512_fmadd_ps(p, r, all(2.4022651e-1f));
    p = _mm512_fmadd_ps(p, r, all(6.9314718e-1f));
    p = _mm512_fmadd_ps(p, r, all(1.0f));
    return _mm512_scalef_ps(p, n);
}

static const float LOG2_E = 1.44269504f;

// 1 / (1 + 2^x), by Newton's step on the processor's estimate.
VECTOR_INLINE __m512 one_over_one_plus_power(__m512 x) {
    __m512 sum = _mm512_add_ps(power_of_two(_mm512_min_ps(all(125.0f), x)), all(1.0f));
    __m512 y = _mm512_rcp14_ps(sum);
    return _mm512_mul_ps(y, _mm512_fnmadd_ps(sum, y, all(2.0f)));
}

// As in activation.c.
VECTOR_INLINE __m512 gelu_sigmoid(__m512 x, __m512 squares) {
    const float factor = -2 * 0.7978845608f * LOG2_E;
    __m512 cubic = _mm512_fmadd_ps(squares, all(0.044715f * factor), all(factor));
    return one_over_one_plus_power(_mm512_mul_ps(cubic, x));
}
VECTOR_INLINE __m512 gelu_value(__m512 x) {
    return _mm512_mul_ps(x, gelu_sigmoid(x, _mm512_mul_ps(x, x)));
}
VECTOR_INLINE __m512 gelu_slope(__m512 x) {
    __m512 squares = _mm512_mul_ps(x, x), s = gelu_sigmoid(x, squares);
    __m512 inner = _mm512_fmadd_ps(squares, all(1.5957691216f * 0.134145f), all(1.5957691216f));
    __m512 rest = _mm512_mul_ps(_mm512_mul_ps(x, inner), _mm512_fnmadd_ps(s, s, s));
    return _mm512_add_ps(s, rest);
}
VECTOR_INLINE __m512 silu_sigmoid(__m512 x) {
    return one_over_one_plus_power(_mm512_mul_ps(x, all(-LOG2_E)));
}
VECTOR_INLINE __m512 silu_value(__m512 x) { return _mm512_mul_ps(x, silu_sigmoid(x)); }
VECTOR_INLINE __m512 silu_slope(__m512 x) {
    __m512 s = silu_sigmoid(x);
    return _mm512_fmadd_ps(_mm512_mul_ps(x, s), _mm512_sub_ps(all(1.0f), s), s);
}

#define DEFINE_NATIVE(KIND)                                                                        \
    VECTOR static void KIND(const bf16 *x, bf16 *y, size_t n) {                                    \
        FOR_VECTORS(n, narrow(y + i, mask, KIND##_value(wide(x + i, mask))););                     \
    }                                                                                              \
    VECTOR static void KIND##_gradient(const bf16 *x, const bf16 *dy, bf16 *dx, size_t n) {        \
        FOR_VECTORS(n, {                                                                           \
            __m512 slope = KIND##_slope(wide(x + i, mask));                                        \
            narrow(dx + i, mask, _mm512_mul_ps(wide(dy + i, mask), slope));                        \
        });                                                                                        \
    }                                                                                              \
    VECTOR static void KIND##_gated(const bf16 *g, const bf16 *u, bf16 *y, size_t n) {             \
        FOR_VECTORS(n, {                                                                           \
            __m512 value = KIND##_value(wide(g + i, mask));                                        \
            narrow(y + i, mask, _mm512_mul_ps(value, wide(u + i, mask)));                          \
        });                                                                                        \
    }                                                                                              \
    VECTOR static void KIND##_gated_gradient(                                                      \
        const bf16 *g, const bf16 *u, const bf16 *dy, bf16 *dg, bf16 *du, size_t n) {              \
        FOR_VECTORS(n, {                                                                           \
            __m512 gate = wide(g + i, mask), d = wide(dy + i, mask);                               \
            __m512 back = _mm512_mul_ps(d, wide(u + i, mask));                                     \
            narrow(du + i, mask, _mm512_mul_ps(d, KIND##_value(gate)));                            \
            narrow(dg + i, mask, _mm512_mul_ps(back, KIND##_slope(gate)));                         \
        });                                                                                        \
    }
DEFINE_NATIVE(gelu)
DEFINE_NATIVE(silu)

#define BY_KIND(SUFFIX, ...)                                                                       \
    if (!lk_has_pair_products() || (kind != 0 && kind != 2)) return false;                         \
    if (kind == 0)                                                                                 \
        gelu##SUFFIX(__VA_ARGS__);                                                                 \
    else                                                                                           \
        silu##SUFFIX(__VA_ARGS__);                                                                 \
    return true;

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

// As `maximum`: NaN is passed over.
VECTOR_INLINE float top_of(const float *x, size_t n) {
    __m512 top = all(-INFINITY);
    FOR_VECTORS(n, top = _mm512_mask_max_ps(top, mask, _mm512_maskz_loadu_ps(mask, x + i), top););
    return _mm512_reduce_max_ps(top);
}

VECTOR static void softmax(float *scores, float scale, bf16 *p, float *log_sum, size_t n) {
    float top = top_of(scores, n) * scale;
    __m512 factor = all(scale * LOG2_E), least = all(top * LOG2_E), sums = _mm512_setzero_ps();
    FOR_VECTORS(n, {
        __m512 x = _mm512_maskz_loadu_ps(mask, scores + i);
        __m512 e = power_of_two(_mm512_fmsub_ps(x, factor, least));
        sums = _mm512_mask_add_ps(sums, mask, sums, e);
        _mm512_mask_storeu_ps(scores + i, mask, e);
    });
    float sum = _mm512_reduce_add_ps(sums);
    *log_sum = top + logf(sum);
    __m512 over = all(sum != 0 ? 1.0f / sum : 0);
    FOR_VECTORS(n, {
        __m512 e = _mm512_maskz_loadu_ps(mask, scores + i);
        narrow(p + i, mask, _mm512_mul_ps(e, over));
    });
}

VECTOR static void softmax_gradient(
    const float *scores, float scale, float log_sum, const float *dp, float delta, bf16 *p,
    bf16 *ds, size_t n) {
    __m512 factor = all(scale * LOG2_E), least = all(log_sum * LOG2_E);
    FOR_VECTORS(n, {
        __m512 x = _mm512_maskz_loadu_ps(mask, scores + i);
        __m512 value = power_of_two(_mm512_fmsub_ps(x, factor, least));
        __m512 slope = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, dp + i), all(delta));
        narrow(p + i, mask, value);
        narrow(ds + i, mask, _mm512_mul_ps(_mm512_mul_ps(value, all(scale)), slope));
    });
}

// exp(x − less)
VECTOR_INLINE __m512 exponentials(const float *x, __mmask16 mask, __m512 less) {
    __m512 difference = _mm512_sub_ps(_mm512_maskz_loadu_ps(mask, x), less);
    return power_of_two(_mm512_mul_ps(difference, all(LOG2_E)));
}

VECTOR static float log_sum_of_exponentials(const float *x, size_t n) {
    float top = top_of(x, n);
    __m512 sums = _mm512_setzero_ps(), less = all(top);
    FOR_VECTORS(n, sums = _mm512_mask_add_ps(sums, mask, sums, exponentials(x + i, mask, less)););
    return top + logf(_mm512_reduce_add_ps(sums));
}

VECTOR static void probabilities(
    const float *x, float log_sum, float scale, bf16 *y, size_t n) {
    __m512 less = all(log_sum), factor = all(scale);
    FOR_VECTORS(n, {
        narrow(y + i, mask, _mm512_mul_ps(exponentials(x + i, mask, less), factor));
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
