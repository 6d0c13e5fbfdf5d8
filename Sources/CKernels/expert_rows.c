#include "elements.h"

#define DEFINE_ADD_SCALED(TYPE)                                                                    \
    CLONES static void add_scaled_##TYPE(const TYPE *x, float factor, float *y, size_t n) {        \
        for (size_t i = 0; i < n; i++) y[i] += factor * load_##TYPE(x + i);                        \
    }
FOR_EACH_TYPE(DEFINE_ADD_SCALED)

void lk_add_scaled(int type, const void *x, float factor, float *y, size_t n) {
    DISPATCH(type, add_scaled, x, factor, y, n)
}

#define DEFINE_STORE_SCALED(TYPE)                                                                  \
    CLONES static void store_scaled_##TYPE(const float *x, float factor, TYPE *y, size_t n) {      \
        for (size_t i = 0; i < n; i++) store_##TYPE(y + i, factor * x[i]);                         \
    }
FOR_EACH_TYPE(DEFINE_STORE_SCALED)

void lk_store_scaled(int type, const float *x, float factor, void *y, size_t n) {
    DISPATCH(type, store_scaled, x, factor, y, n)
}

#define DEFINE_DOT(TYPE)                                                                           \
    CLONES static float dot_##TYPE(const TYPE *x, const float *y, size_t n) {                      \
        float sum = 0;                                                                             \
        for (size_t i = 0; i < n; i++) sum += load_##TYPE(x + i) * y[i];                           \
        return sum;                                                                                \
    }
FOR_EACH_TYPE(DEFINE_DOT)

float lk_dot(int type, const void *x, const float *y, size_t n) {
    switch (type) {
    case LK_FLOAT32: return dot_f32(x, y, n);
    case LK_BFLOAT16: return dot_bf16(x, y, n);
    default: return dot_f16(x, y, n);
    }
}

// probabilities = softmax(logits); the `chosen` largest, in falling order, of which the first of
// equals comes first.
CLONES void lk_route(
    const float *logits, size_t experts, size_t chosen, bool normalized, float *probabilities,
    int32_t *indices, float *weights) {
    float top = maximum(logits, experts), sum = 0, kept = 0;
    for (size_t e = 0; e < experts; e++) {
        probabilities[e] = exponential(logits[e] - top);
        sum += probabilities[e];
    }
    for (size_t e = 0; e < experts; e++) probabilities[e] /= sum;
    for (size_t s = 0; s < chosen; s++) {
        size_t best = experts;
        for (size_t e = 0; e < experts; e++) {
            bool taken = false;
            for (size_t t = 0; t < s; t++) taken |= indices[t] == (int32_t)e;
            if (!taken && (best == experts || probabilities[e] > probabilities[best])) best = e;
        }
        indices[s] = (int32_t)best;
        weights[s] = probabilities[best];
        kept += weights[s];
    }
    if (normalized)
        for (size_t s = 0; s < chosen; s++) weights[s] /= kept;
}

// dlogits of lk_route from dweights, and from the gradient `balance` of every probability.
CLONES void lk_route_gradient(
    const float *probabilities, const int32_t *indices, const float *weights,
    const float *dweights, const float *balance, size_t experts, size_t chosen, bool normalized,
    float *dlogits) {
    float inner = 0, kept = 0, sum = 0;
    for (size_t s = 0; s < chosen; s++) {
        inner += dweights[s] * weights[s];
        kept += probabilities[indices[s]];
    }
    for (size_t e = 0; e < experts; e++) dlogits[e] = balance ? balance[e] : 0;
    for (size_t s = 0; s < chosen; s++)
        dlogits[indices[s]] += normalized ? (dweights[s] - inner) / kept : dweights[s];
    for (size_t e = 0; e < experts; e++) sum += dlogits[e] * probabilities[e];
    for (size_t e = 0; e < experts; e++) dlogits[e] = probabilities[e] * (dlogits[e] - sum);
}
