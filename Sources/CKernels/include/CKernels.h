// Element-wise and row-wise vector loops. Each is one small loop over contiguous numbers; threads,
// shapes and memory are the Kernels room's business. Pointers never alias unless said.
#ifndef LOCKSTEP_CKERNELS_H
#define LOCKSTEP_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LK_FLOAT32 = 0, LK_BFLOAT16 = 1, LK_FLOAT16 = 2 };

// conversion.c: x (n), y (n)
void lk_convert(int from, const void *x, int to, void *y, size_t n);
void lk_add(int type_y, void *y, int type_x, const void *x, size_t n);  // y += x
void lk_scale(int type, void *y, float factor, size_t n);
void lk_add_columns(float *y, int type, const void *x, size_t rows, size_t columns, size_t stride);
void lk_fill_rows(int type, void *y, const float *row, size_t rows, size_t columns, size_t stride);
void lk_add_rows(float *y, const float *row, size_t rows, size_t columns, size_t stride);

// activation.c: kind 0 gelu (tanh), 1 gelu (erf), 2 silu, 3 relu
void lk_activation(int kind, int type, const void *x, void *y, size_t n);
void lk_activation_gradient(int kind, int type, const void *x, const void *dy, void *dx, size_t n);
void lk_gated(int kind, int type, const void *gate, const void *up, void *y, size_t n);
void lk_gated_gradient(
    int kind, int type, const void *gate, const void *up, const void *dy, void *dgate, void *dup,
    size_t n);

// normalization.c: x (rows, width); statistics (rows); partial sums (width) are added to.
void lk_layer_norm(
    int type_x, const void *x, const float *gain, const float *bias, float epsilon, int type_y,
    void *y, float *mean, float *inverse, size_t rows, size_t width);
void lk_layer_norm_gradient(
    int type_x, const void *x, const float *gain, const float *mean, const float *inverse,
    int type_y, const void *dy, void *dx, bool add, float *dgain, float *dbias, size_t rows,
    size_t width);
void lk_rms_norm(
    int type_x, const void *x, const float *gain, float epsilon, int type_y, void *y,
    float *inverse, size_t rows, size_t width);
void lk_rms_norm_gradient(
    int type_x, const void *x, const float *gain, const float *inverse, int type_y, const void *dy,
    void *dx, bool add, float *dgain, size_t rows, size_t width);

// attention.c: one head; rows of `stride` elements in memory, (tokens, size) when packed.
void lk_pack_head(
    int type, const void *x, size_t stride, size_t tokens, size_t size, const float *cosine,
    const float *sine, size_t rotated, bool pairs, void *y);
void lk_unpack_head(
    const float *x, size_t tokens, size_t size, const float *cosine, const float *sine,
    size_t rotated, bool pairs, int type, void *y, size_t stride);
void lk_row_products(
    int type, const void *x, size_t stride_x, const void *y, size_t stride_y, size_t rows,
    size_t size, float *sums);

typedef struct {
    size_t rows, columns;          // of the strip of scores
    size_t first_query, first_key; // absolute positions of its corner
    size_t window;                 // 0: unlimited
    bool causal;
    const int32_t *query_segments; // by strip row, or NULL
    const int32_t *key_segments;   // by strip column, or NULL
    float scale;
    float softcap;                 // 0: none; not together with slope
    float slope;                   // of ALiBi, 0: none
    uint32_t dropout_threshold;    // 0: no dropout
    float dropout_scale;
    uint64_t dropout_key;
} lk_strip;

// Scores are used up; probabilities may be the same memory, as dscores may be dprobabilities'.
void lk_softmax_strip(
    const lk_strip *strip, float *scores, int type, void *probabilities, float *log_sums);
void lk_softmax_strip_gradient(
    const lk_strip *strip, float *scores, const float *log_sums, const float *deltas,
    const float *dprobabilities, int type, void *probabilities, void *dscores);

// cross_entropy.c: logits (rows, width) may be overwritten by their gradient (type float32).
void lk_cross_entropy(
    const float *logits, const int32_t *targets, float gradient_scale, int type, void *dlogits,
    float *losses, size_t rows, size_t width, size_t stride);
void lk_target_log_probabilities(
    const float *logits, const int32_t *targets, float *log_probabilities, size_t rows,
    size_t width);

// logits.c: rows of W are tokens. Factors (columns or rows) are float32.
void lk_softcap(float *x, float cap, size_t n);  // x = cap · tanh(x / cap)
void lk_capped_cross_entropy(
    float *logits, const int32_t *targets, float cap, float gradient_scale, int type,
    void *dlogits, float *losses, size_t rows, size_t width);
void lk_inverse_row_norms(int type, const void *x, float *inverse, size_t rows, size_t width);
void lk_scale_columns(
    int type, void *y, const float *factors, size_t rows, size_t columns, size_t stride);
void lk_add_column_products(
    float *sums, const float *x, int type, const void *y, size_t rows, size_t columns,
    size_t stride);
void lk_subtract_scaled_rows(
    float *y, int type, const void *x, const float *factors, size_t rows, size_t width);

// embedding.c
void lk_gather_rows(
    int type, const void *table, const int32_t *ids, float *y, bool add, size_t rows,
    size_t width);
void lk_scatter_add_rows(
    float *table, const int32_t *ids, const float *dy, size_t rows, size_t width,
    size_t first_column, size_t columns);

// dropout.c: y = x · mask / (1 − p); `add` adds to a float32 y.
void lk_dropout(
    int type_x, const void *x, int type_y, void *y, bool add, uint32_t threshold, float scale,
    uint64_t key, size_t n);

// optimizer.c
typedef struct {
    float learning_rate, beta1, beta2, epsilon, weight_decay;
    float rest1, rest2;             // 1 − β, rounded once
    float correction1, correction2; // 1 − βᵗ
    float gradient_scale;
} lk_update;

void lk_adamw(
    const lk_update *update, float *weights, const float *gradients, float *first, float *second,
    int copy_type, void *copy, size_t n);
void lk_lion(
    const lk_update *update, float *weights, const float *gradients, float *first, int copy_type,
    void *copy, size_t n);
void lk_sgd(
    const lk_update *update, bool nesterov, float *weights, const float *gradients, float *first,
    int copy_type, void *copy, size_t n);
double lk_sum_of_squares(const float *x, size_t n);
bool lk_all_finite(const float *x, size_t n);

// random.c: numbers of stream `key` from position `start` on
void lk_random_normal(uint64_t key, uint64_t start, float deviation, float *y, size_t n);
void lk_random_uniform(uint64_t key, uint64_t start, float low, float high, float *y, size_t n);

#endif
