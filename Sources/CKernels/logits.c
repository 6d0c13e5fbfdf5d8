#include "elements.h"

// x = cap · tanh(x / cap). Source: Gemma Team 2024, arXiv:2408.00118, section 2.
CLONES void lk_softcap(float *x, float cap, size_t n) {
    float over = 1.0f / cap;
    for (size_t i = 0; i < n; i++) x[i] = cap * hyperbolic_tangent(x[i] * over);
}

CLONES static float log_sum(const float *x, size_t n) {
    float top = maximum(x, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += exponential(x[i] - top);
    return top + logf(sum);
}

// As in cross_entropy.c: the gradient may lie where the logits do.
enum { BLOCK = 1024 };

// The cross-entropy of capped logits t = cap · tanh(z / cap), and its gradient with respect to z:
// (softmax(t) − onehot(target)) · (1 − (t / cap)²) · gradient_scale. The logits are used up.
#define DEFINE_LOGITS(TYPE)                                                                        \
    CLONES static void capped_row_##TYPE(                                                          \
        const float *t, float lse, float over, float scale, TYPE *y, size_t n) {                   \
        TYPE block[BLOCK];                                                                         \
        for (size_t start = 0; start < n; start += BLOCK, t += BLOCK) {                            \
            size_t count = n - start < BLOCK ? n - start : BLOCK;                                  \
            for (size_t i = 0; i < count; i++) {                                                   \
                float u = t[i] * over;                                                             \
                store_##TYPE(block + i, exponential(t[i] - lse) * (1.0f - u * u) * scale);         \
            }                                                                                      \
            memcpy(y + start, block, count * sizeof(TYPE));                                        \
        }                                                                                          \
    }                                                                                              \
    static void capped_##TYPE(                                                                     \
        float *logits, const int32_t *targets, float cap, float scale, TYPE *dlogits,              \
        float *losses, size_t rows, size_t width, size_t stride) {                                 \
        for (size_t r = 0; r < rows; r++, logits += width) {                                       \
            int32_t target = targets[r];                                                           \
            TYPE *row = dlogits ? dlogits + r * stride : NULL;                                     \
            losses[r] = 0;                                                                         \
            if (target < 0) {                                                                      \
                if (row) memset(row, 0, width * sizeof(TYPE));                                     \
                continue;                                                                          \
            }                                                                                      \
            lk_softcap(logits, cap, width);                                                        \
            float lse = log_sum(logits, width), chosen = logits[target];                           \
            losses[r] = lse - chosen;                                                              \
            if (!row) continue;                                                                    \
            float u = chosen / cap;                                                                \
            capped_row_##TYPE(logits, lse, 1.0f / cap, scale, row, width);                         \
            store_##TYPE(                                                                          \
                row + target, (exponential(chosen - lse) - 1.0f) * (1.0f - u * u) * scale);        \
        }                                                                                          \
    }                                                                                              \
    CLONES static void inverse_norms_##TYPE(                                                       \
        const TYPE *x, float *inverse, size_t rows, size_t width) {                                \
        for (size_t r = 0; r < rows; r++, x += width) {                                            \
            float squares = 0;                                                                     \
            for (size_t i = 0; i < width; i++) squares += load_##TYPE(x + i) * load_##TYPE(x + i); \
            float norm = sqrtf(squares);                                                           \
            inverse[r] = 1.0f / (norm > 1e-12f ? norm : 1e-12f);                                   \
        }                                                                                          \
    }                                                                                              \
    CLONES static void subtract_rows_##TYPE(                                                       \
        float *y, const TYPE *x, const float *factors, size_t rows, size_t width) {                \
        for (size_t r = 0; r < rows; r++, x += width, y += width)                                  \
            for (size_t i = 0; i < width; i++) y[i] -= factors[r] * load_##TYPE(x + i);            \
    }
FOR_EACH_TYPE(DEFINE_LOGITS)

void lk_capped_cross_entropy(
    float *logits, const int32_t *targets, float cap, float gradient_scale, int type,
    void *dlogits, float *losses, size_t rows, size_t width, size_t stride) {
    DISPATCH(
        type, capped, logits, targets, cap, gradient_scale, dlogits, losses, rows, width, stride)
}

void lk_inverse_row_norms(int type, const void *x, float *inverse, size_t rows, size_t width) {
    DISPATCH(type, inverse_norms, x, inverse, rows, width)
}

void lk_subtract_scaled_rows(
    float *y, int type, const void *x, const float *factors, size_t rows, size_t width) {
    DISPATCH(type, subtract_rows, y, x, factors, rows, width)
}
