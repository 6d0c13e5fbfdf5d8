#include "native.h"

// gelu, tanh form: x/2 · (1 + tanh(√(2/π)(x + 0.044715x³))). Source: Hendrycks and Gimpel 2016,
// arXiv:1606.08415, section 2.
INLINE float gelu_tanh_value(float x) {
    float inner = 0.7978845608f * (x + 0.044715f * x * x * x);
    return x * sigmoid(2.0f * inner);
}
INLINE float gelu_tanh_slope(float x) {
    float s = sigmoid(1.5957691216f * (x + 0.044715f * x * x * x));
    return s + x * s * (1.0f - s) * 1.5957691216f * (1.0f + 0.134145f * x * x);
}
INLINE float gelu_erf_value(float x) {
    return 0.5f * x * (1.0f + error_function(x * 0.7071067812f));
}
INLINE float gelu_erf_slope(float x) {
    return 0.5f * (1.0f + error_function(x * 0.7071067812f))
        + x * 0.3989422804f * exponential(-0.5f * x * x);
}
INLINE float silu_value(float x) { return x * sigmoid(x); }
INLINE float silu_slope(float x) {
    float s = sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}
INLINE float relu_value(float x) { return x > 0 ? x : 0; }
INLINE float relu_slope(float x) { return x > 0 ? 1.0f : 0.0f; }
INLINE float tanh_value(float x) { return 2.0f * sigmoid(2.0f * x) - 1.0f; }
INLINE float tanh_slope(float x) {
    float s = sigmoid(2.0f * x);
    return 4.0f * s * (1.0f - s);
}

#define DEFINE_KIND(KIND, TYPE)                                                                    \
    CLONES static void KIND##_##TYPE(const TYPE *x, TYPE *y, size_t n) {                           \
        for (size_t i = 0; i < n; i++) store_##TYPE(y + i, KIND##_value(load_##TYPE(x + i)));      \
    }                                                                                              \
    CLONES static void KIND##_gradient_##TYPE(const TYPE *x, const TYPE *dy, TYPE *dx, size_t n) { \
        for (size_t i = 0; i < n; i++)                                                             \
            store_##TYPE(dx + i, load_##TYPE(dy + i) * KIND##_slope(load_##TYPE(x + i)));          \
    }                                                                                              \
    CLONES static void KIND##_gated_##TYPE(const TYPE *g, const TYPE *u, TYPE *y, size_t n) {      \
        for (size_t i = 0; i < n; i++)                                                             \
            store_##TYPE(y + i, KIND##_value(load_##TYPE(g + i)) * load_##TYPE(u + i));            \
    }                                                                                              \
    CLONES static void KIND##_gated_gradient_##TYPE(                                               \
        const TYPE *g, const TYPE *u, const TYPE *dy, TYPE *dg, TYPE *du, size_t n) {              \
        for (size_t i = 0; i < n; i++) {                                                           \
            float gate = load_##TYPE(g + i), d = load_##TYPE(dy + i);                              \
            float up = load_##TYPE(u + i);                                                         \
            store_##TYPE(du + i, d * KIND##_value(gate));                                          \
            store_##TYPE(dg + i, d * up * KIND##_slope(gate));                                     \
        }                                                                                          \
    }
#define DEFINE_ACTIVATIONS(TYPE)                                                                   \
    DEFINE_KIND(gelu_tanh, TYPE)                                                                   \
    DEFINE_KIND(gelu_erf, TYPE) DEFINE_KIND(silu, TYPE) DEFINE_KIND(relu, TYPE)                    \
    DEFINE_KIND(tanh, TYPE)
FOR_EACH_TYPE(DEFINE_ACTIVATIONS)

#define BY_KIND(SUFFIX, ...)                                                                       \
    switch (kind) {                                                                                \
    case 0: DISPATCH(type, gelu_tanh##SUFFIX, __VA_ARGS__) break;                                  \
    case 1: DISPATCH(type, gelu_erf##SUFFIX, __VA_ARGS__) break;                                   \
    case 2: DISPATCH(type, silu##SUFFIX, __VA_ARGS__) break;                                       \
    case 3: DISPATCH(type, relu##SUFFIX, __VA_ARGS__) break;                                       \
    default: DISPATCH(type, tanh##SUFFIX, __VA_ARGS__) break;                                      \
    }

void lk_activation(int kind, int type, const void *x, void *y, size_t n) {
    if (type == LK_BFLOAT16 && native_activation(kind, x, y, n)) return;
    BY_KIND(, x, y, n)
}

void lk_activation_gradient(
    int kind, int type, const void *x, const void *dy, void *dx, size_t n) {
    if (type == LK_BFLOAT16 && native_activation_gradient(kind, x, dy, dx, n)) return;
    BY_KIND(_gradient, x, dy, dx, n)
}

void lk_gated(int kind, int type, const void *gate, const void *up, void *y, size_t n) {
    if (type == LK_BFLOAT16 && native_gated(kind, gate, up, y, n)) return;
    BY_KIND(_gated, gate, up, y, n)
}

void lk_gated_gradient(
    int kind, int type, const void *gate, const void *up, const void *dy, void *dgate, void *dup,
    size_t n) {
    if (type == LK_BFLOAT16 && native_gated_gradient(kind, gate, up, dy, dgate, dup, n)) return;
    BY_KIND(_gated_gradient, gate, up, dy, dgate, dup, n)
}
