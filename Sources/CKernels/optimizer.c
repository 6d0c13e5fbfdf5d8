#include "elements.h"

// Every rank makes the same update, and a range may start anywhere. Without fused or reordered
// operations a weight gets the same bits on every processor and at every place of a vector loop.
#define EXACT _Pragma("clang fp contract(off) reassociate(off)")

// How weights lie in memory: float32 (w), with a copy in a narrower type or without, or in halves
// (copy the rounded upper ones, w the lower ones).
#define WHOLE_LOAD(I) w[I]
#define ALONE_STORE(I, X) w[I] = X
#define BF16_STORE(I, X) w[I] = X, store_bf16(copy + (I), X)
#define F16_STORE(I, X) w[I] = X, store_f16(copy + (I), X)
#define HALVES_LOAD(I) joined(copy[I], w[I])
#define HALVES_STORE(I, X) split(X, copy + (I), w + (I))
#define FOR_EACH_FORM(DEFINE)                                                                      \
    DEFINE(alone, float, float, WHOLE_LOAD, ALONE_STORE)                                           \
    DEFINE(bf16, float, bf16, WHOLE_LOAD, BF16_STORE)                                              \
    DEFINE(f16, float, f16, WHOLE_LOAD, F16_STORE)                                                 \
    DEFINE(halves, uint16_t, bf16, HALVES_LOAD, HALVES_STORE)

// Calls KERNEL##_alone, _bf16, _f16 or _halves.
#define DISPATCH_FORM(FORM, KERNEL, ...)                                                           \
    switch (FORM) {                                                                                \
    case LK_FLOAT32: KERNEL##_alone(__VA_ARGS__); break;                                           \
    case LK_BFLOAT16: KERNEL##_bf16(__VA_ARGS__); break;                                           \
    case LK_FLOAT16: KERNEL##_f16(__VA_ARGS__); break;                                             \
    default: KERNEL##_halves(__VA_ARGS__); break;                                                  \
    }

// The formula of PyTorch's AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101, algorithm 2):
// decay first, then w −= lr/c₁ · m / (√v/√c₂ + ε).
#define DEFINE_ADAMW(FORM, WEIGHT, COPY, LOAD, STORE)                                              \
    CLONES static void adamw_##FORM(                                                               \
        const lk_update *u, WEIGHT *w, const float *g, float *m, float *v, COPY *copy,             \
        size_t n) {                                                                                \
        EXACT                                                                                      \
        float decay = 1.0f - u->learning_rate * u->weight_decay;                                   \
        float rate = u->learning_rate / u->correction1, root = 1.0f / sqrtf(u->correction2);       \
        float b1 = u->beta1, b2 = u->beta2, rest1 = u->rest1, rest2 = u->rest2;                    \
        float epsilon = u->epsilon, scale = u->gradient_scale;                                     \
        for (size_t i = 0; i < n; i++) {                                                           \
            float gradient = g[i] * scale;                                                         \
            float first = b1 * m[i] + rest1 * gradient;                                            \
            float second = b2 * v[i] + rest2 * gradient * gradient;                                \
            float weight = LOAD(i) * decay - rate * first / (sqrtf(second) * root + epsilon);      \
            m[i] = first;                                                                          \
            v[i] = second;                                                                         \
            STORE(i, weight);                                                                      \
        }                                                                                          \
    }
FOR_EACH_FORM(DEFINE_ADAMW)

void lk_adamw(
    const lk_update *update, void *weights, const float *gradients, float *first, float *second,
    int form, void *copy, size_t n) {
    DISPATCH_FORM(form, adamw, update, weights, gradients, first, second, copy, n)
}

// Chen et al. 2023, arXiv:2302.06675, algorithm 2: the sign of an interpolation moves the weight.
#define DEFINE_LION(FORM, WEIGHT, COPY, LOAD, STORE)                                               \
    CLONES static void lion_##FORM(                                                                \
        const lk_update *u, WEIGHT *w, const float *g, float *m, COPY *copy, size_t n) {           \
        EXACT                                                                                      \
        float decay = 1.0f - u->learning_rate * u->weight_decay, rate = u->learning_rate;          \
        float b1 = u->beta1, b2 = u->beta2, rest1 = u->rest1, rest2 = u->rest2;                    \
        float scale = u->gradient_scale;                                                           \
        for (size_t i = 0; i < n; i++) {                                                           \
            float gradient = g[i] * scale;                                                         \
            float mix = b1 * m[i] + rest1 * gradient;                                              \
            float sign = mix > 0 ? 1.0f : (mix < 0 ? -1.0f : 0.0f);                                \
            float weight = LOAD(i) * decay - rate * sign;                                          \
            m[i] = b2 * m[i] + rest2 * gradient;                                                   \
            STORE(i, weight);                                                                      \
        }                                                                                          \
    }
FOR_EACH_FORM(DEFINE_LION)

void lk_lion(
    const lk_update *update, void *weights, const float *gradients, float *first, int form,
    void *copy, size_t n) {
    DISPATCH_FORM(form, lion, update, weights, gradients, first, copy, n)
}

// The formula of PyTorch's SGD: decay joins the gradient, the buffer starts at the first gradient
// (correction1 = 0 marks that step). beta1 is the momentum.
#define DEFINE_SGD(FORM, WEIGHT, COPY, LOAD, STORE)                                                \
    CLONES static void sgd_##FORM(                                                                 \
        const lk_update *u, bool nesterov, WEIGHT *w, const float *g, float *m, COPY *copy,        \
        size_t n) {                                                                                \
        EXACT                                                                                      \
        float momentum = u->beta1, started = u->correction1 == 0 ? 0.0f : 1.0f;                    \
        float scale = u->gradient_scale, decay = u->weight_decay, rate = u->learning_rate;         \
        for (size_t i = 0; i < n; i++) {                                                           \
            float before = LOAD(i);                                                                \
            float gradient = g[i] * scale + decay * before;                                        \
            float step = gradient;                                                                 \
            if (momentum != 0) {                                                                   \
                float buffer = started * momentum * m[i] + gradient;                               \
                m[i] = buffer;                                                                     \
                step = nesterov ? gradient + momentum * buffer : buffer;                           \
            }                                                                                      \
            float weight = before - rate * step;                                                   \
            STORE(i, weight);                                                                      \
        }                                                                                          \
    }
FOR_EACH_FORM(DEFINE_SGD)

void lk_sgd(
    const lk_update *update, bool nesterov, void *weights, const float *gradients, float *first,
    int form, void *copy, size_t n) {
    DISPATCH_FORM(form, sgd, update, nesterov, weights, gradients, first, copy, n)
}

// y = keep · y + share · x.
CLONES void lk_blend(float *y, float keep, const float *x, float share, size_t n) {
    EXACT
    for (size_t i = 0; i < n; i++) y[i] = keep * y[i] + share * x[i];
}

// Adam's moments, and its direction without their correction: y = m / (√v + ε).
CLONES void lk_adam_direction(
    const lk_update *u, const float *g, float *m, float *v, float *y, size_t n) {
    EXACT
    float b1 = u->beta1, b2 = u->beta2, rest1 = u->rest1, rest2 = u->rest2;
    float epsilon = u->epsilon, scale = u->gradient_scale;
    for (size_t i = 0; i < n; i++) {
        float gradient = g[i] * scale;
        float first = b1 * m[i] + rest1 * gradient;
        float second = b2 * v[i] + rest2 * gradient * gradient;
        m[i] = first;
        v[i] = second;
        y[i] = first / (sqrtf(second) + epsilon);
    }
}

// Squares and sums in float64: neither overflow nor loss of small terms.
CLONES double lk_sum_of_squares(const float *x, size_t n) {
    double total = 0;
    for (size_t i = 0; i < n; i++) total += (double)x[i] * (double)x[i];
    return total;
}

CLONES double lk_sum_of_squares_split(const uint16_t *upper, const uint16_t *lower, size_t n) {
    double total = 0;
    for (size_t i = 0; i < n; i++) {
        double x = joined(upper[i], lower[i]);
        total += x * x;
    }
    return total;
}

CLONES bool lk_all_finite(const float *x, size_t n) {
    uint32_t worst = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = bits_of(x[i]) & 0x7fffffff;
        worst = bits > worst ? bits : worst;
    }
    return worst < 0x7f800000;
}
