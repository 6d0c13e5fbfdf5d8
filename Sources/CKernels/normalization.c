#include "elements.h"

// y = (x − μ)/√(σ² + ε) · g + b. Source: Ba, Kiros and Hinton 2016, arXiv:1607.06450, eq. 4.
// y = x/√(mean(x²) + ε) · g. Source: Zhang and Sennrich 2019, arXiv:1910.07467, eq. 4.
#define DEFINE_NORMS(TX, TY)                                                                       \
    CLONES static void layer_##TX##_##TY(                                                          \
        const TX *x, const float *gain, const float *bias, float epsilon, TY *y, float *mean,      \
        float *inverse, size_t rows, size_t width) {                                               \
        for (size_t r = 0; r < rows; r++, x += width, y += width) {                                \
            float sum = 0, squares = 0;                                                            \
            for (size_t i = 0; i < width; i++) sum += load_##TX(x + i);                            \
            float m = sum / (float)width;                                                          \
            for (size_t i = 0; i < width; i++) {                                                   \
                float d = load_##TX(x + i) - m;                                                    \
                squares += d * d;                                                                  \
            }                                                                                      \
            float s = 1.0f / sqrtf(squares / (float)width + epsilon);                              \
            for (size_t i = 0; i < width; i++)                                                     \
                store_##TY(y + i, (load_##TX(x + i) - m) * s * gain[i] + bias[i]);                 \
            mean[r] = m;                                                                           \
            inverse[r] = s;                                                                        \
        }                                                                                          \
    }                                                                                              \
    CLONES static void layer_gradient_##TX##_##TY(                                                 \
        const TX *x, const float *gain, const float *mean, const float *inverse, const TY *dy,     \
        TX *dx, bool add, float *dgain, float *dbias, size_t rows, size_t width) {                 \
        for (size_t r = 0; r < rows; r++, x += width, dy += width, dx += width) {                  \
            float m = mean[r], s = inverse[r], sum = 0, dot = 0;                                   \
            for (size_t i = 0; i < width; i++) {                                                   \
                float normal = (load_##TX(x + i) - m) * s, d = load_##TY(dy + i);                  \
                dgain[i] += d * normal;                                                            \
                dbias[i] += d;                                                                     \
                sum += d * gain[i];                                                                \
                dot += d * gain[i] * normal;                                                       \
            }                                                                                      \
            sum /= (float)width;                                                                   \
            dot /= (float)width;                                                                   \
            for (size_t i = 0; i < width; i++) {                                                   \
                float normal = (load_##TX(x + i) - m) * s;                                         \
                float value = s * (load_##TY(dy + i) * gain[i] - sum - normal * dot);              \
                store_##TX(dx + i, add ? value + load_##TX(dx + i) : value);                       \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    CLONES static void rms_##TX##_##TY(                                                            \
        const TX *x, const float *gain, float epsilon, TY *y, float *inverse, size_t rows,         \
        size_t width) {                                                                            \
        for (size_t r = 0; r < rows; r++, x += width, y += width) {                                \
            float squares = 0;                                                                     \
            for (size_t i = 0; i < width; i++) squares += load_##TX(x + i) * load_##TX(x + i);     \
            float s = 1.0f / sqrtf(squares / (float)width + epsilon);                              \
            for (size_t i = 0; i < width; i++) store_##TY(y + i, load_##TX(x + i) * s * gain[i]);  \
            inverse[r] = s;                                                                        \
        }                                                                                          \
    }                                                                                              \
    CLONES static void rms_gradient_##TX##_##TY(                                                   \
        const TX *x, const float *gain, const float *inverse, const TY *dy, TX *dx, bool add,      \
        float *dgain, size_t rows, size_t width) {                                                 \
        for (size_t r = 0; r < rows; r++, x += width, dy += width, dx += width) {                  \
            float s = inverse[r], dot = 0;                                                         \
            for (size_t i = 0; i < width; i++) {                                                   \
                float normal = load_##TX(x + i) * s, d = load_##TY(dy + i);                        \
                dgain[i] += d * normal;                                                            \
                dot += d * gain[i] * normal;                                                       \
            }                                                                                      \
            dot /= (float)width;                                                                   \
            for (size_t i = 0; i < width; i++) {                                                   \
                float value = s * (load_##TY(dy + i) * gain[i] - load_##TX(x + i) * s * dot);      \
                store_##TX(dx + i, add ? value + load_##TX(dx + i) : value);                       \
            }                                                                                      \
        }                                                                                          \
    }
DEFINE_NORMS(f32, f32)
DEFINE_NORMS(f32, bf16)
DEFINE_NORMS(f32, f16)
DEFINE_NORMS(bf16, bf16)
DEFINE_NORMS(f16, f16)

// The input is float32 (the residual stream) or of the output's type (per-head norms).
#define DISPATCH_NORM(KERNEL, ...)                                                                 \
    if (type_x == LK_FLOAT32) {                                                                    \
        DISPATCH(type_y, KERNEL##_f32, __VA_ARGS__)                                                \
    } else if (type_x == LK_BFLOAT16) {                                                            \
        KERNEL##_bf16_bf16(__VA_ARGS__);                                                           \
    } else {                                                                                       \
        KERNEL##_f16_f16(__VA_ARGS__);                                                             \
    }

void lk_layer_norm(
    int type_x, const void *x, const float *gain, const float *bias, float epsilon, int type_y,
    void *y, float *mean, float *inverse, size_t rows, size_t width) {
    DISPATCH_NORM(layer, x, gain, bias, epsilon, y, mean, inverse, rows, width)
}

void lk_layer_norm_gradient(
    int type_x, const void *x, const float *gain, const float *mean, const float *inverse,
    int type_y, const void *dy, void *dx, bool add, float *dgain, float *dbias, size_t rows,
    size_t width) {
    DISPATCH_NORM(layer_gradient, x, gain, mean, inverse, dy, dx, add, dgain, dbias, rows, width)
}

void lk_rms_norm(
    int type_x, const void *x, const float *gain, float epsilon, int type_y, void *y,
    float *inverse, size_t rows, size_t width) {
    DISPATCH_NORM(rms, x, gain, epsilon, y, inverse, rows, width)
}

void lk_rms_norm_gradient(
    int type_x, const void *x, const float *gain, const float *inverse, int type_y, const void *dy,
    void *dx, bool add, float *dgain, size_t rows, size_t width) {
    DISPATCH_NORM(rms_gradient, x, gain, inverse, dy, dx, add, dgain, rows, width)
}
