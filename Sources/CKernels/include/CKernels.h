// Element-wise and row-wise vector loops. Each is one small loop over contiguous numbers; threads,
// shapes and memory are the Kernels room's business. Pointers never alias unless said.
#ifndef LOCKSTEP_CKERNELS_H
#define LOCKSTEP_CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LK_FLOAT32 = 0, LK_BFLOAT16 = 1, LK_FLOAT16 = 2 };

// Tells the processor that the caller waits actively.
static inline void lk_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

// conversion.c: x (n), y (n)
void lk_convert(int from, const void *x, int to, void *y, size_t n);
void lk_add(int type_y, void *y, int type_x, const void *x, size_t n);  // y += x
void lk_scale(int type, void *y, float factor, size_t n);
void lk_add_columns(float *y, int type, const void *x, size_t rows, size_t columns, size_t stride);
void lk_fill_rows(int type, void *y, const float *row, size_t rows, size_t columns, size_t stride);
void lk_add_rows(float *y, const float *row, size_t rows, size_t columns, size_t stride);
// float32 in two arrays: the numbers rounded to bfloat16, and the lower halves of their bits.
void lk_split(const float *x, uint16_t *upper, uint16_t *lower, size_t n);
void lk_join(const uint16_t *upper, const uint16_t *lower, float *y, size_t n);

// activation.c: kind 0 gelu (tanh), 1 gelu (erf), 2 silu, 3 relu, 4 tanh
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
    size_t window;                 // positions back that are seen, the own one included; 0: all
    size_t ahead;                  // positions ahead that are seen; SIZE_MAX: all
    const int32_t *key_ends;       // by strip row, the key from which on none is seen, for `ahead`; or NULL
    const int32_t *query_segments; // by strip row, or NULL
    const int32_t *key_segments;   // by strip column, or NULL
    float scale;
    float softcap;                 // 0: none; not together with slope or bias
    float slope;                   // of ALiBi, 0: none
    const float *bias;             // at distance 0, by key − query; not together with slope; or NULL
    float *bias_gradient;          // as bias lies, or NULL
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

// pair_products.c: C (rows, columns) = A · B (+ bias) (+ start) for bfloat16 A and B, where the
// processor multiplies pairs. C is float32 or, without a start, bfloat16. B stands in panels of 64
// columns, (columns/64, inner/2, 64) pairs along the extent summed over: zeros stand for what the
// last pair lacks, anything in columns from the next multiple of 16 on.
bool lk_has_pair_products(void);

// What causality leaves of a product: row r of the queries sees `seen` + r keys.
enum {
    LK_ALL,
    LK_COLUMNS_SEEN,  // C (queries, keys): columns beyond may stay undefined
    LK_INNER_SEEN,    // A (queries, keys): zeros beyond
    LK_INNER_SEEING,  // A (keys, queries): zeros before the first query that sees the key
};

typedef struct {
    size_t rows, columns, inner;
    int part;
    ptrdiff_t seen;
    size_t row_a, pair_a;  // numbers from one row of A to the next, from one pair to the next
    size_t panel_b;        // numbers from one panel of B to the next
    size_t row_c;
    bool narrow;           // C is bfloat16
    bool streams;          // C goes past the caches; its rows begin at whole cache lines
} lk_pair_product;

// Memory that is read soon: `rows` rows of `bytes` bytes, `stride` bytes apart.
typedef struct {
    const void *first;
    size_t stride, rows, bytes;
} lk_lines;

// `start` lies like C and may be it; bias (columns); both may be NULL. Fetches `next`, unless NULL, into
// the second cache meanwhile.
void lk_multiply_pairs(
    const lk_pair_product *shape, const void *a, const void *panels, const float *bias,
    const float *start, void *c, const lk_lines *next);
// Pairs of two rows of x (rows, columns): panels of `width` columns, a multiple of 32, so many numbers
// apart. As B of inner = rows, or as A of rows = columns. An odd row gets zeros beside it.
void lk_pair_rows(
    const void *x, size_t stride, size_t rows, size_t columns, size_t width, size_t panel,
    void *pairs);
// Pairs of two columns of x (rows, columns), as B of inner = columns and columns = rows.
void lk_pair_columns(
    const void *x, size_t stride, size_t rows, size_t columns, size_t panel, void *pairs);

#include "CKernels_tiles.h"
#include "CKernels_vectors.h"

// few_rows.c: y (rows, columns) = x Wᵀ or x W (+ bias) (+ y), for few rows of float32 x: at most 8 of x W.
typedef struct {
    size_t rows, columns, inner;
    size_t stride_w, stride_x, stride_y; // elements from one stored row to the next
    bool columns_first;                  // W is (columns, inner), else (inner, columns)
    bool accumulate;
    const float *bias;                   // (columns), or NULL
} lk_few_rows;

void lk_few_row_product(
    const lk_few_rows *shape, int type_w, const void *w, const float *x, int type_y, void *y);

// few_row_pairs.c: the same of bfloat16 x and W (columns, inner), y bfloat16 or float32, where
// lk_has_pair_products; any number of rows.
void lk_few_row_pairs(
    const lk_few_rows *shape, const void *w, const void *x, int type_y, void *y);

// cached_attention.c: keys (tokens/16, size, 16), values (tokens, size), one head's.
enum { LK_PART_KEYS = 128, LK_LARGEST_HEAD = 1024 };

typedef struct {
    size_t rows;        // of queries, (heads of the group, queries)
    size_t queries;     // of one head
    size_t size;        // of a head, at most LK_LARGEST_HEAD
    size_t keys;        // of this part, at most LK_PART_KEYS
    size_t first_query; // positions
    size_t first_key;   // a multiple of LK_PART_KEYS
    size_t window;      // 0: unlimited
    float scale;
    float softcap;      // 0: none
    const float *slopes; // (rows), of a bias slope · (key − query); or NULL
    const float *bias;   // of the group's first head at distance 0, by key − query; or NULL
    size_t bias_width;   // numbers from one head's bias to the next
} lk_cached_part;

// Writes x (tokens, size) to the places of tokens `first` onwards.
void lk_place_keys(int type, const void *x, size_t tokens, size_t size, size_t first, void *keys);
// y (tokens, size) = the first tokens' keys.
void lk_gather_keys(int type, const void *keys, size_t tokens, size_t size, void *y);
// partials (rows, 2 + size): each row's largest score, Σ e^(score − largest) and the values' sum by it.
void lk_cached_attention(
    const lk_cached_part *part, int type, const float *q, const void *keys, const void *values,
    float *partials);
// y (size) = one row's attention from its parts, `stride` floats apart.
void lk_merge_attention(
    const float *partials, size_t parts, size_t stride, size_t size, int type, void *y);

// relative_bias.c: bias (heads, width) by distance from a table (buckets, heads), and its gradient.
void lk_relative_bias(
    const float *table, const int32_t *buckets, size_t heads, size_t width, float *bias);
void lk_relative_bias_gradient(
    const float *dbias, const int32_t *buckets, size_t heads, size_t width, float *dtable);

// selection.c: largest numbers of x (n); NaN never counts.
size_t lk_index_of_maximum(const float *x, size_t n); // the first one's; 0 where there is none
// The k-th largest (1 ≤ k ≤ n) by way of a heap of k numbers.
float lk_largest_threshold(const float *x, size_t n, size_t k, float *heap);
// Indices of all x ≥ threshold, ascending; at most `most` are written, all are counted.
size_t lk_indices_at_least(
    const float *x, size_t n, float threshold, int32_t *indices, size_t most);
double lk_sum_of_exponentials(const float *x, size_t n, float top, float scale); // Σ e^(scale (x−top))

// cross_entropy.c: logits (rows, width) may be overwritten by their gradient: its rows begin `stride`
// elements apart, and each may begin where its logits do.
void lk_cross_entropy(
    const float *logits, const int32_t *targets, float gradient_scale, int type, void *dlogits,
    float *losses, size_t rows, size_t width, size_t stride);
// The entropy of each row's softmax.
void lk_entropies(const float *logits, float *entropies, size_t rows, size_t width);
void lk_target_log_probabilities(
    const float *logits, const int32_t *targets, float *log_probabilities, size_t rows,
    size_t width);

// logits.c: rows of W are tokens; factors (rows) are float32
void lk_softcap(float *x, float cap, size_t n);  // x = cap · tanh(x / cap)
void lk_capped_cross_entropy(
    float *logits, const int32_t *targets, float cap, float gradient_scale, int type,
    void *dlogits, float *losses, size_t rows, size_t width, size_t stride);
void lk_inverse_row_norms(int type, const void *x, float *inverse, size_t rows, size_t width);
void lk_subtract_scaled_rows(
    float *y, int type, const void *x, const float *factors, size_t rows, size_t width);

// embedding.c
void lk_gather_rows(
    int type, const void *table, const int32_t *ids, float *y, bool add, size_t rows,
    size_t width);
void lk_gather_split_rows(
    const uint16_t *upper, const uint16_t *lower, const int32_t *ids, float *y, bool add,
    size_t rows, size_t width);
void lk_scatter_add_rows(
    float *table, const int32_t *ids, const float *dy, size_t rows, size_t width,
    size_t first_column, size_t columns);

// low_rank.c: what adapters add to a layer; see the definitions for the formulas.
void lk_gather_columns(
    int type, const void *table, size_t columns, const int32_t *ids, void *y, size_t rows,
    size_t width);
void lk_scatter_add_columns(
    float *table, size_t columns, const int32_t *ids, const float *dy, size_t rows, size_t width);
void lk_scale_columns(
    int type_x, const void *x, const float *factors, int type_y, void *y, bool add, size_t rows,
    size_t columns);
void lk_add_column_products(
    int type_x, const void *x, int type_y, const void *y, const float *norms, float *sums,
    size_t rows, size_t columns, size_t stride);
void lk_low_rank_norms(
    int type, const float *squares, const void *b, const void *c, const float *gram, float scale,
    float *norms, size_t outputs, size_t rank);
void lk_divide_and_add(const float *x, const float *divisors, float addend, float *y, size_t n);

// low_rank_products.c: products of large matrices (rows, width) with a factor W (rank, width) of at
// most LK_MOST_RANKS rows. The float32 arrays `inner` (rows, padded_rank) and `sums` (padded_rank, padded_width) are zero
// beyond the rank; a packed W takes padded_rank · padded_width · 4 bytes.
enum { LK_MOST_RANKS = 32 };

typedef struct {
    size_t rank, width, padded_rank, padded_width, stride; // stride: from one row of y to the next
    bool pairs;  // whether operands are multiplied as pairs of bfloat16 numbers
} lk_low_rank;

lk_low_rank lk_low_rank_shape(int type, size_t rank, size_t width);
// Columns first..<last of the padded width, both even. W's element (k, i) lies at
// k · stride_rank + i · stride_width. `rank_first` is for expand, else for reduce.
void lk_low_rank_pack(
    const lk_low_rank *shape, int type, const void *w, size_t stride_rank, size_t stride_width,
    bool rank_first, void *packed, size_t first, size_t last);
// inner = scale · x Wᵀ
void lk_low_rank_reduce(
    const lk_low_rank *shape, int type, const void *x, const void *packed, float scale,
    float *inner, size_t rows);
// y = or += inner W
void lk_low_rank_expand(
    const lk_low_rank *shape, const float *inner, const void *packed, int type, void *y, bool add,
    size_t rows);
// y += inner W for columns first..<last, the first a multiple of 32.
void lk_low_rank_expand_columns(
    const lk_low_rank *shape, const float *inner, const void *packed, int type, void *y,
    size_t first, size_t last, size_t rows);
// sums += innerᵀ x
void lk_low_rank_gather(
    const lk_low_rank *shape, const float *inner, int type, const void *x, float *sums,
    size_t rows);
// W's gradient += sums, for columns first..<last; strides as W's.
void lk_low_rank_add_sums(
    const lk_low_rank *shape, const float *sums, float *gradient, size_t stride_rank,
    size_t stride_width, size_t first, size_t last);

// expert_rows.c
void lk_add_scaled(int type, const void *x, float factor, float *y, size_t n);
void lk_store_scaled(int type, const float *x, float factor, void *y, size_t n);
float lk_dot(int type, const void *x, const float *y, size_t n);
// One token: logits, probabilities (experts); indices, weights (chosen).
void lk_route(
    const float *logits, size_t experts, size_t chosen, bool normalized, float *probabilities,
    int32_t *indices, float *weights);
void lk_route_gradient(
    const float *probabilities, const int32_t *indices, const float *weights,
    const float *dweights, const float *balance, size_t experts, size_t chosen, bool normalized,
    float *dlogits);

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

// Weights: float32, with a copy of type `form` where that is narrower; or, LK_HALVES, the lower
// halves, and `copy` the upper ones (see lk_split).
enum { LK_HALVES = 3 };
void lk_adamw(
    const lk_update *update, void *weights, const float *gradients, float *first, float *second,
    int form, void *copy, size_t n);
void lk_lion(
    const lk_update *update, void *weights, const float *gradients, float *first, int form,
    void *copy, size_t n);
void lk_sgd(
    const lk_update *update, bool nesterov, void *weights, const float *gradients, float *first,
    int form, void *copy, size_t n);
void lk_blend(float *y, float keep, const float *x, float share, size_t n);
void lk_adam_direction(
    const lk_update *update, const float *gradients, float *first, float *second, float *y,
    size_t n);
// block_products.c: of square matrices (blocks, n, n)
void lk_block_products(
    const float *a, const float *b, float *c, size_t blocks, size_t n, bool transpose_a,
    bool transpose_b, float beta);
void lk_skew(const float *upper, float *q, size_t blocks, size_t n);
void lk_skew_gradient(const float *dq, float *upper, size_t blocks, size_t n);
void lk_add_diagonal(float *x, float value, size_t blocks, size_t n);

// adafactor.c: of matrices (rows, columns)
void lk_row_square_means(
    const float *g, float scale, float floor, size_t rows, size_t columns, float *means);
void lk_column_square_means(
    const float *g, float scale, float floor, size_t rows, size_t count, size_t stride,
    float *means);
void lk_scale_by_factors(
    const float *g, float scale, const float *row_factors, const float *column_factors, float *y,
    size_t rows, size_t columns);

double lk_sum_of_squares(const float *x, size_t n);
double lk_sum_of_squares_split(const uint16_t *upper, const uint16_t *lower, size_t n);
bool lk_all_finite(const float *x, size_t n);

// quantized.c: weights in blocks along the columns of a row; formats are GGUF's type ids, and NF4.
enum {
    LK_FORMAT_q4_0 = 2,
    LK_FORMAT_q4_1 = 3,
    LK_FORMAT_q5_0 = 6,
    LK_FORMAT_q5_1 = 7,
    LK_FORMAT_q8_0 = 8,
    LK_FORMAT_q2_k = 10,
    LK_FORMAT_q3_k = 11,
    LK_FORMAT_q4_k = 12,
    LK_FORMAT_q5_k = 13,
    LK_FORMAT_q6_k = 14,
    LK_FORMAT_nf4 = 1000
};
size_t lk_block_columns(int format);
size_t lk_block_bytes(int format);
// y (rows, columns) = columns [first, first + columns) of the rows from `matrix` on.
void lk_dequantize(
    int format, const void *matrix, size_t row_bytes, size_t first, size_t rows, size_t columns,
    int type, void *y, size_t stride);
void lk_gather_quantized_rows(
    int format, const void *matrix, size_t row_bytes, const int32_t *ids, float *y, bool add,
    size_t rows, size_t columns);
// sums (tokens, rows) = x (tokens, columns) · Wᵀ, weights decoded in registers.
void lk_quantized_products(
    int format, const void *matrix, size_t row_bytes, size_t rows, size_t columns, const float *x,
    size_t stride_x, size_t tokens, float *sums);
// quantized_pairs.c: the same of bfloat16 numbers, the weights rounded to bfloat16, where it is there. Of many
// tokens it is fast for weights of so many columns.
enum { LK_MOST_DECODED_COLUMNS = 16384 };
bool lk_has_quantized_pairs(int format, size_t columns);
void lk_quantized_pair_products(
    int format, const void *matrix, size_t row_bytes, size_t rows, size_t columns,
    const uint16_t *x, size_t stride_x, size_t tokens, float *sums);
// y (tokens, rows) = sums + bias (+ y); bias may be NULL.
void lk_store_sums(
    const float *sums, const float *bias, bool add, size_t tokens, size_t rows, int type, void *y,
    size_t stride);
// quantized_encoding.c: formats q8_0 and nf4
void lk_quantize(
    int format, const float *x, size_t rows, size_t columns, void *y, size_t row_bytes);

// random.c: numbers of stream `key` from position `start` on
void lk_random_normal(uint64_t key, uint64_t start, float deviation, float *y, size_t n);
void lk_random_redraw(
    uint64_t key, uint64_t start, float deviation, float cutoff, float *y, size_t n);
void lk_random_uniform(uint64_t key, uint64_t start, float low, float high, float *y, size_t n);

#endif
