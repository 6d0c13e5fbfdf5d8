#include "elements.h"

// Every rank makes the same update, and a range may start anywhere. Without fused or reordered
// operations a weight gets the same bits on every processor and at every place of a vector loop.
#define EXACT _Pragma("clang fp contract(off) reassociate(off)")

// The formula of PyTorch's AdamW (Loshchilov and Hutter 2017, arXiv:1711.05101, algorithm 2):
// decay first, then w −= lr/c₁ · m / (√v/√c₂ + ε).
#define DEFINE_ADAMW(TYPE, COPY)                                                                   \
    CLONES static void adamw_##TYPE(                                                               \
        const lk_update *u, float *w, const float *g, float *m, float *v, TYPE *copy, size_t n) {  \
        EXACT                                                                                      \
        float decay = 1.0f - u->learning_rate * u->weight_decay;                                   \
        float rate = u->learning_rate / u->correction1, root = 1.0f / sqrtf(u->correction2);       \
        float b1 = u->beta1, b2 = u->beta2, rest1 = u->rest1, rest2 = u->rest2;                    \
        float epsilon = u->epsilon, scale = u->gradient_scale;                                     \
        for (size_t i = 0; i < n; i++) {                                                           \
            float gradient = g[i] * scale;                                                         \
            float first = b1 * m[i] + rest1 * gradient;                                            \
            float second = b2 * v[i] + rest2 * gradient * gradient;                                \
            float weight = w[i] * decay - rate * first / (sqrtf(second) * root + epsilon);         \
            m[i] = first;                                                                          \
            v[i] = second;                                                                         \
            w[i] = weight;                                                                         \
            if (COPY) store_##TYPE(copy + i, weight);                                              \
        }                                                                                          \
    }
DEFINE_ADAMW(f32, 0)
DEFINE_ADAMW(bf16, 1)
DEFINE_ADAMW(f16, 1)

void lk_adamw(
    const lk_update *update, float *weights, const float *gradients, float *first, float *second,
    int copy_type, void *copy, size_t n) {
    DISPATCH(copy_type, adamw, update, weights, gradients, first, second, copy, n)
}

// Chen et al. 2023, arXiv:2302.06675, algorithm 2: the sign of an interpolation moves the weight.
#define DEFINE_LION(TYPE, COPY)                                                                    \
    CLONES static void lion_##TYPE(                                                                \
        const lk_update *u, float *w, const float *g, float *m, TYPE *copy, size_t n) {            \
        EXACT                                                                                      \
        float decay = 1.0f - u->learning_rate * u->weight_decay, rate = u->learning_rate;          \
        float b1 = u->beta1, b2 = u->beta2, rest1 = u->rest1, rest2 = u->rest2;                    \
        float scale = u->gradient_scale;                                                           \
        for (size_t i = 0; i < n; i++) {                                                           \
            float gradient = g[i] * scale;                                                         \
            float mix = b1 * m[i] + rest1 * gradient;                                              \
            float sign = mix > 0 ? 1.0f : (mix < 0 ? -1.0f : 0.0f);                                \
            float weight = w[i] * decay - rate * sign;                                             \
            m[i] = b2 * m[i] + rest2 * gradient;                                                   \
            w[i] = weight;                                                                         \
            if (COPY) store_##TYPE(copy + i, weight);                                              \
        }                                                                                          \
    }
DEFINE_LION(f32, 0)
DEFINE_LION(bf16, 1)
DEFINE_LION(f16, 1)

void lk_lion(
    const lk_update *update, float *weights, const float *gradients, float *first, int copy_type,
    void *copy, size_t n) {
    DISPATCH(copy_type, lion, update, weights, gradients, first, copy, n)
}

// The formula of PyTorch's SGD: decay joins the gradient, the buffer starts at the first gradient
// (correction1 = 0 marks that step). beta1 is the momentum.
#define DEFINE_SGD(TYPE, COPY)                                                                     \
    CLONES static void sgd_##TYPE(                                                                 \
        const lk_update *u, bool nesterov, float *w, const float *g, float *m, TYPE *copy,         \
        size_t n) {                                                                                \
        EXACT                                                                                      \
        float momentum = u->beta1, started = u->correction1 == 0 ? 0.0f : 1.0f;                    \
        float scale = u->gradient_scale, decay = u->weight_decay, rate = u->learning_rate;         \
        for (size_t i = 0; i < n; i++) {                                                           \
            float gradient = g[i] * scale + decay * w[i];                                          \
            float step = gradient;                                                                 \
            if (momentum != 0) {                                                                   \
                float buffer = started * momentum * m[i] + gradient;                               \
                m[i] = buffer;                                                                     \
                step = nesterov ? gradient + momentum * buffer : buffer;                           \
            }                                                                                      \
            w[i] -= rate * step;                                                                   \
            if (COPY) store_##TYPE(copy + i, w[i]);                                                \
        }                                                                                          \
    }
DEFINE_SGD(f32, 0)
DEFINE_SGD(bf16, 1)
DEFINE_SGD(f16, 1)

void lk_sgd(
    const lk_update *update, bool nesterov, float *weights, const float *gradients, float *first,
    int copy_type, void *copy, size_t n) {
    DISPATCH(copy_type, sgd, update, nesterov, weights, gradients, first, copy, n)
}

// Squares and sums in float64: neither overflow nor loss of small terms.
CLONES double lk_sum_of_squares(const float *x, size_t n) {
    double total = 0;
    for (size_t i = 0; i < n; i++) total += (double)x[i] * (double)x[i];
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
