#include "native.h"

CLONES static float log_sum_of_exponentials(const float *x, size_t n) {
    float log_sum;
    if (native_log_sum(x, &log_sum, n)) return log_sum;
    float top = maximum(x, n), sum = 0;
    for (size_t i = 0; i < n; i++) sum += exponential(x[i] - top);
    return top + logf(sum);
}

// Numbers are made in blocks of a cache's size before they go where those were that they are made of.
enum { BLOCK = 1024 };

INLINE bool native_row_f32(const float *x, float lse, float scale, f32 *y, size_t n) {
    return false;
}
INLINE bool native_row_f16(const float *x, float lse, float scale, f16 *y, size_t n) {
    return false;
}
INLINE bool native_row_bf16(const float *x, float lse, float scale, bf16 *y, size_t n) {
    return native_probabilities(x, lse, scale, y, n);
}

// dlogits = (softmax(logits) − onehot(target)) · gradient_scale; ignored targets (< 0) give zeros.
// A row of dlogits may begin where its logits do: what is written never passes what is still to be read.
#define DEFINE_CROSS_ENTROPY(TYPE)                                                                 \
    CLONES static void probabilities_##TYPE(                                                       \
        const float *x, float lse, float scale, TYPE *y, size_t n) {                               \
        if (native_row_##TYPE(x, lse, scale, y, n)) return;                                        \
        TYPE block[BLOCK];                                                                         \
        for (size_t start = 0; start < n; start += BLOCK) {                                        \
            size_t count = n - start < BLOCK ? n - start : BLOCK;                                  \
            for (size_t i = 0; i < count; i++)                                                     \
                store_##TYPE(block + i, exponential(x[start + i] - lse) * scale);                  \
            memcpy(y + start, block, count * sizeof(TYPE));                                        \
        }                                                                                          \
    }                                                                                              \
    static void cross_entropy_##TYPE(                                                              \
        const float *logits, const int32_t *targets, float scale, TYPE *dlogits, float *losses,    \
        size_t rows, size_t width, size_t stride) {                                                \
        for (size_t r = 0; r < rows; r++, logits += width) {                                       \
            int32_t target = targets[r];                                                           \
            TYPE *row = dlogits ? dlogits + r * stride : NULL;                                     \
            losses[r] = 0;                                                                         \
            if (target < 0) {                                                                      \
                if (row) memset(row, 0, width * sizeof(TYPE));                                     \
                continue;                                                                          \
            }                                                                                      \
            float lse = log_sum_of_exponentials(logits, width);                                    \
            float chosen = logits[target];                                                         \
            losses[r] = lse - chosen;                                                              \
            if (!row) continue;                                                                    \
            probabilities_##TYPE(logits, lse, scale, row, width);                                  \
            store_##TYPE(row + target, (exponential(chosen - lse) - 1.0f) * scale);                \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_CROSS_ENTROPY)

void lk_cross_entropy(
    const float *logits, const int32_t *targets, float gradient_scale, int type, void *dlogits,
    float *losses, size_t rows, size_t width, size_t stride) {
    DISPATCH(
        type, cross_entropy, logits, targets, gradient_scale, dlogits, losses, rows, width, stride)
}

// H = log Σ e^z − Σ e^z z / Σ e^z with z = x − max x.
CLONES static float row_entropy(const float *x, size_t n) {
    float top = maximum(x, n), sum = 0, weighted = 0;
    for (size_t i = 0; i < n; i++) {
        float power = exponential(x[i] - top);
        sum += power;
        weighted += power * (x[i] - top);
    }
    return logf(sum) - weighted / sum;
}

void lk_entropies(const float *logits, float *entropies, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++) entropies[r] = row_entropy(logits + r * width, width);
}

void lk_target_log_probabilities(
    const float *logits, const int32_t *targets, float *log_probabilities, size_t rows,
    size_t width) {
    for (size_t r = 0; r < rows; r++, logits += width)
        log_probabilities[r] =
            targets[r] < 0 ? 0 : logits[targets[r]] - log_sum_of_exponentials(logits, width);
}
