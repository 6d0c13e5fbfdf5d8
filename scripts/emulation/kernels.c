// Runs the loops of CKernels on the same numbers wherever it is compiled, and writes what they compute or compares it
// with what another processor wrote: `kernels write FILE`, `kernels compare FILE`. Prints a line for each kind of loop;
// ends with 1 where one differs. Started by scripts/check_processors.sh.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "CKernels.h"

// Sums are added up in another order where vectors have another length: of n terms of the size of 1, by n · 2⁻²⁴; n is
// at most 1,000 here. A number that is rounded to 8 or 11 bits may then go to the neighbour.
static const double LIMITS[] = {[LK_FLOAT32] = 6e-5, [LK_BFLOAT16] = 1.0 / 128, [LK_FLOAT16] = 1.0 / 1024};
enum { TYPES = 3 };

static FILE *file;
static bool writes;
static int failed;
static uint64_t state = 1;

static float number(void) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (float)(int32_t)(state >> 32) * 0x1p-31f;
}

static float *floats(size_t n) {
    float *x = malloc(n * sizeof *x + 256);
    for (size_t i = 0; i < n; i++) x[i] = number();
    return x;
}

// Numbers in the given type.
static void *typed(int type, size_t n) {
    float *x = floats(n);
    void *y = malloc(n * sizeof *x + 256);
    lk_convert(LK_FLOAT32, x, type, y, n);
    free(x);
    return y;
}

static void *zeros(size_t n) { return calloc(n + 64, sizeof(float)); }

// Room for one call's numbers: kept, as a check's process is short.
#define F(N) floats(N)
#define T(N) typed(type, N)

// The largest difference since the last line, as a share of what its type allows.
static double largest;

static void see(const float *x, size_t n, int type) {
    if (writes) {
        fwrite(x, sizeof *x, n, file);
        return;
    }
    float *other = malloc(n * sizeof *x);
    if (fread(other, sizeof *x, n, file) != n) {
        puts("the file ends early: write it with the same program");
        exit(2);
    }
    for (size_t i = 0; i < n; i++) {
        if (x[i] == other[i] || (isnan(x[i]) && isnan(other[i]))) continue;
        double error = fabs((double)x[i] - other[i]) / fmax(1, fabs((double)other[i])) / LIMITS[type];
        if (!(error <= largest)) largest = error;
    }
    free(other);
}

static void see_typed(const void *x, size_t n, int type) {
    float *y = malloc(n * sizeof *y);
    lk_convert(type, x, LK_FLOAT32, y, n);
    see(y, n, type);
    free(y);
}

static void see_indices(const int32_t *x, size_t n) {
    float *y = malloc(n * sizeof *y);
    for (size_t i = 0; i < n; i++) y[i] = (float)x[i];
    see(y, n, LK_FLOAT32);
    free(y);
}

static void tell(const char *name) {
    bool right = largest <= 1;
    if (!writes) printf("%-24s at most %.4f of what is allowed%s\n", name, largest, right ? "" : ": WRONG");
    failed |= !writes && !right;
    largest = 0;
}

static int32_t *ids(size_t n, size_t most) {
    int32_t *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (int32_t)((i * 7919 + 13) % most);
    return x;
}

static void conversion(int type) {
    size_t n = 1003;
    void *x = T(n);
    for (int to = 0; to < TYPES; to++) {
        void *y = zeros(n);
        lk_convert(type, x, to, y, n);
        see_typed(y, n, to);
        void *sum = typed(to, n);
        lk_add(to, sum, type, x, n);
        see_typed(sum, n, to);
    }
    void *scaled = T(n);
    lk_scale(type, scaled, 0.37f, n);
    see_typed(scaled, n, type);
    float *columns = zeros(17), *row = F(17), *rows = F(59 * 17);
    lk_add_columns(columns, type, x, 59, 17, 17);
    see(columns, 17, LK_FLOAT32);
    void *filled = zeros(59 * 17);
    lk_fill_rows(type, filled, row, 59, 17, 17);
    see_typed(filled, 59 * 17, type);
    lk_add_rows(rows, row, 59, 17, 17);
    see(rows, 59 * 17, LK_FLOAT32);
    float *whole = F(n), *joined = zeros(n);
    uint16_t *upper = zeros(n), *lower = zeros(n);
    lk_split(whole, upper, lower, n);
    lk_join(upper, lower, joined, n);
    for (size_t i = 0; i < n; i++) joined[i] -= whole[i];
    see(joined, n, LK_FLOAT32);
    see_typed(upper, n, LK_BFLOAT16);
    float squares[] = {(float)lk_sum_of_squares(whole, n), (float)lk_sum_of_squares_split(upper, lower, n),
        (float)lk_all_finite(whole, n)};
    see(squares, 3, LK_FLOAT32);
    tell("conversion");
}

static void activations(int type) {
    size_t n = 517;
    for (int kind = 0; kind < 5; kind++) {
        void *x = T(n), *up = T(n), *dy = T(n), *y = zeros(n), *dx = zeros(n), *dup = zeros(n);
        lk_activation(kind, type, x, y, n);
        see_typed(y, n, type);
        lk_activation_gradient(kind, type, x, dy, dx, n);
        see_typed(dx, n, type);
        lk_gated(kind, type, x, up, y, n);
        see_typed(y, n, type);
        lk_gated_gradient(kind, type, x, up, dy, dx, dup, n);
        see_typed(dx, n, type);
        see_typed(dup, n, type);
    }
    void *y = zeros(n);
    lk_dropout(LK_FLOAT32, F(n), type, y, false, 1u << 30, 4.0f / 3, 77, n);
    see_typed(y, n, type);
    tell("activation, dropout");
}

static void normalization(int type) {
    size_t rows = 7, width = 131, n = rows * width;
    float *gain = F(width), *bias = F(width), *mean = zeros(rows), *inverse = zeros(rows);
    void *x = T(n), *y = zeros(n), *dy = T(n), *dx = T(n);
    float *dgain = F(width), *dbias = F(width);
    lk_layer_norm(type, x, gain, bias, 1e-5f, type, y, mean, inverse, rows, width);
    see_typed(y, n, type), see(mean, rows, LK_FLOAT32), see(inverse, rows, LK_FLOAT32);
    lk_layer_norm_gradient(type, x, gain, mean, inverse, type, dy, dx, true, dgain, dbias, rows, width);
    see_typed(dx, n, type), see(dgain, width, LK_FLOAT32), see(dbias, width, LK_FLOAT32);
    lk_rms_norm(type, x, gain, 1e-5f, type, y, inverse, rows, width);
    see_typed(y, n, type), see(inverse, rows, LK_FLOAT32);
    lk_rms_norm_gradient(type, x, gain, inverse, type, dy, dx, false, dgain, rows, width);
    see_typed(dx, n, type), see(dgain, width, LK_FLOAT32);
    tell("normalization");
}

static void attention(int type) {
    size_t tokens = 37, size = 64, stride = 192, n = tokens * size;
    float *cosine = F(tokens * 32), *sine = F(tokens * 32), *sums = zeros(tokens);
    void *x = T(tokens * stride), *other = T(tokens * stride), *packed = zeros(n), *y = T(tokens * stride);
    for (int pairs = 0; pairs < 2; pairs++) {
        lk_pack_head(type, x, stride, tokens, size, cosine, sine, 48, pairs, packed);
        see_typed(packed, n, type);
        lk_unpack_head(F(n), tokens, size, cosine, sine, 48, pairs, type, y, stride);
        see_typed(y, tokens * stride, type);
    }
    lk_row_products(type, x, stride, other, stride, tokens, size, sums);
    see(sums, tokens, LK_FLOAT32);
    int32_t segments[64];
    for (int i = 0; i < 64; i++) segments[i] = i / 20;
    lk_strip strips[] = {
        {.rows = 21, .columns = 45, .first_query = 24, .scale = 0.3f},
        {.rows = 21, .columns = 45, .first_query = 24, .window = 9, .scale = 0.3f, .softcap = 5},
        {.rows = 21, .columns = 45, .first_query = 24, .scale = 0.3f, .slope = 0.25f, .query_segments = segments,
            .key_segments = segments, .dropout_threshold = 1u << 29, .dropout_scale = 8.0f / 7, .dropout_key = 5},
    };
    for (size_t i = 0; i < sizeof strips / sizeof *strips; i++) {
        size_t rows = strips[i].rows, scores = rows * strips[i].columns;
        float *log_sums = zeros(rows), *given = F(scores);
        float *used = malloc(scores * sizeof *used);
        memcpy(used, given, scores * sizeof *used);
        void *probabilities = zeros(scores), *dscores = zeros(scores);
        lk_softmax_strip(&strips[i], used, type, probabilities, log_sums);
        see_typed(probabilities, scores, type), see(log_sums, rows, LK_FLOAT32);
        lk_softmax_strip_gradient(&strips[i], given, log_sums, F(rows), F(scores), type, probabilities, dscores);
        see_typed(probabilities, scores, type), see_typed(dscores, scores, type);
    }
    tell("attention");
}

static void cached_attention(int type) {
    if (type == LK_FLOAT16) return;
    size_t size = 48, keys = 77;
    void *stored = zeros(128 * size), *back = zeros(keys * size), *values = T(128 * size), *x = T(keys * size);
    lk_place_keys(type, x, 50, size, 0, stored);
    lk_place_keys(type, (char *)x + 50 * size * (type == LK_FLOAT32 ? 4 : 2), 27, size, 50, stored);
    lk_gather_keys(type, stored, keys, size, back);
    see_typed(back, keys * size, type);
    float slopes[] = {0.5f, 0.25f, 0.125f, 0.0625f, 0.03f};
    for (size_t rows = 1; rows <= 5; rows++) {
        lk_cached_part part = {.rows = rows, .queries = 1, .size = size, .keys = keys, .first_query = 76, .scale = 0.2f};
        if (rows % 2) part.slopes = slopes; else part.softcap = 3, part.window = 30;
        float *partials = zeros(2 * rows * (2 + size));
        lk_cached_attention(&part, type, F(rows * size), stored, values, partials);
        see(partials, rows * (2 + size), LK_FLOAT32);
        void *y = zeros(size);
        lk_merge_attention(partials, rows, 2 + size, size, type, y);
        see_typed(y, size, type);
    }
    tell("cached attention");
}

static void few_rows(int type) {
    for (size_t rows = 1; rows <= 8; rows++)
        for (int columns_first = 0; columns_first < 2; columns_first++) {
            size_t columns = 70, inner = 133, width = columns_first ? inner : columns;
            lk_few_rows shape = {.rows = rows, .columns = columns, .inner = inner, .stride_w = width,
                .stride_x = inner, .stride_y = columns, .columns_first = columns_first, .accumulate = rows % 2,
                .bias = rows % 3 ? F(columns) : NULL};
            float *y = F(rows * columns);
            lk_few_row_product(&shape, type, T(columns * inner), F(rows * inner), LK_FLOAT32, y);
            see(y, rows * columns, LK_FLOAT32);
        }
    tell("few rows");
}

static void losses(void) {
    size_t rows = 5, width = 301, n = rows * width;
    for (int type = 0; type < TYPES; type++) {
        float *logits = F(n), *found = zeros(rows);
        void *gradient = zeros(n);
        lk_cross_entropy(logits, ids(rows, width), 0.5f, type, gradient, found, rows, width, width);
        see_typed(gradient, n, type), see(found, rows, LK_FLOAT32);
        lk_capped_cross_entropy(F(n), ids(rows, width), 3, 0.5f, type, gradient, found, rows, width, width);
        see_typed(gradient, n, type), see(found, rows, LK_FLOAT32);
        lk_inverse_row_norms(type, typed(type, n), found, rows, width);
        see(found, rows, LK_FLOAT32);
        lk_subtract_scaled_rows(logits, type, typed(type, n), found, rows, width);
        see(logits, n, LK_FLOAT32);
    }
    float *x = F(n), *found = zeros(rows), *heap = zeros(40);
    lk_entropies(x, found, rows, width), see(found, rows, LK_FLOAT32);
    lk_target_log_probabilities(x, ids(rows, width), found, rows, width), see(found, rows, LK_FLOAT32);
    lk_softcap(x, 0.7f, n), see(x, n, LK_FLOAT32);
    int32_t chosen[40], first = (int32_t)lk_index_of_maximum(x, n);
    float threshold = lk_largest_threshold(x, n, 40, heap), sum = (float)lk_sum_of_exponentials(x, n, 1, 2) / (float)n;
    lk_indices_at_least(x, n, threshold, chosen, 40);
    see(&threshold, 1, LK_FLOAT32), see(&sum, 1, LK_FLOAT32), see_indices(&first, 1), see_indices(chosen, 40);
    tell("losses, selection");
}

static void embedding(int type) {
    size_t rows = 9, width = 67, tokens = 31;
    float *y = F(rows * width), *table = F(tokens * width);
    lk_gather_rows(type, T(tokens * width), ids(rows, tokens), y, true, rows, width), see(y, rows * width, LK_FLOAT32);
    lk_scatter_add_rows(table, ids(rows, tokens), y, rows, width, 3, 50), see(table, tokens * width, LK_FLOAT32);
    void *columns = zeros(rows * width), *scaled = T(rows * width);
    lk_gather_columns(type, T(tokens * width), tokens, ids(rows, tokens), columns, rows, width);
    see_typed(columns, rows * width, type);
    lk_scatter_add_columns(table, tokens, ids(rows, tokens), y, rows, width), see(table, tokens * width, LK_FLOAT32);
    lk_scale_columns(LK_FLOAT32, y, F(width), type, scaled, true, rows, width), see_typed(scaled, rows * width, type);
    float *sums = zeros(width), *norms = F(width);
    for (size_t i = 0; i < width; i++) norms[i] += 2;
    lk_add_column_products(type, columns, type, scaled, norms, sums, rows, width, width), see(sums, width, LK_FLOAT32);
    lk_divide_and_add(y, norms, 2, sums, width), see(sums, width, LK_FLOAT32);
    uint16_t *upper = zeros(tokens * width), *lower = zeros(tokens * width);
    lk_split(table, upper, lower, tokens * width);
    lk_gather_split_rows(upper, lower, ids(rows, tokens), y, false, rows, width), see(y, rows * width, LK_FLOAT32);
    float *dot = zeros(2);
    lk_add_scaled(type, columns, 0.3f, y, rows * width), see(y, rows * width, LK_FLOAT32);
    lk_store_scaled(type, y, 0.3f, columns, rows * width), see_typed(columns, rows * width, type);
    dot[0] = lk_dot(type, columns, y, rows * width) / 100, see(dot, 1, LK_FLOAT32);
    tell("embedding, rows");
}

static void low_rank(int type) {
    for (size_t rank = 3; rank <= 32; rank += 13) {
        size_t rows = 11, width = 203;
        lk_low_rank s = lk_low_rank_shape(type, rank, width);
        size_t room = s.padded_rank * s.padded_width;
        void *by_width = zeros(2 * room), *by_rank = zeros(2 * room), *w = T(rank * width), *x = T(rows * width);
        void *y = T(rows * width), *part = T(rows * width);
        float *inner = zeros(rows * s.padded_rank), *sums = zeros(room), *gradient = F(rank * width);
        lk_low_rank_pack(&s, type, w, width, 1, false, by_width, 0, s.padded_width);
        lk_low_rank_pack(&s, type, w, width, 1, true, by_rank, 0, s.padded_width);
        lk_low_rank_reduce(&s, type, x, by_width, 0.02f, inner, rows);
        lk_low_rank_expand(&s, inner, by_rank, type, y, true, rows), see_typed(y, rows * width, type);
        lk_low_rank_expand_columns(&s, inner, by_rank, type, part, 32, 160, rows), see_typed(part, rows * width, type);
        lk_low_rank_gather(&s, inner, type, x, sums, rows);
        lk_low_rank_add_sums(&s, sums, gradient, width, 1, 0, width);
        // Factors are rounded to pairs of bfloat16 where the processor multiplies those.
        see(gradient, rank * width, type == LK_BFLOAT16 ? LK_BFLOAT16 : LK_FLOAT32);
    }
    tell("low rank");
}

static void routing(void) {
    float *probabilities = zeros(16), *weights = zeros(4), *gradient = zeros(16);
    int32_t chosen[4];
    for (int normalized = 0; normalized < 2; normalized++) {
        lk_route(F(16), 16, 4, normalized, probabilities, chosen, weights);
        lk_route_gradient(probabilities, chosen, weights, F(4), F(16), 16, 4, normalized, gradient);
        see(probabilities, 16, LK_FLOAT32), see_indices(chosen, 4), see(weights, 4, LK_FLOAT32);
        see(gradient, 16, LK_FLOAT32);
    }
    tell("routing");
}

static void updates(int form) {
    size_t n = 333;
    lk_update u = {0.01f, 0.9f, 0.99f, 1e-8f, 0.1f, 0.1f, 0.01f, 0.1f, 0.01f, 0.5f};
    for (int kind = 0; kind < 3; kind++) {
        float *weights = F(n), *first = F(n), *second = F(n), *gradients = F(n);
        for (size_t i = 0; i < n; i++) second[i] = fabsf(second[i]);
        uint16_t *copy = zeros(n), *lower = zeros(n);
        void *kept = form == LK_HALVES ? (void *)lower : weights;
        if (form == LK_HALVES) lk_split(weights, copy, lower, n);
        if (kind == 0) lk_adamw(&u, kept, gradients, first, second, form, copy, n);
        if (kind == 1) lk_lion(&u, kept, gradients, first, form, copy, n);
        if (kind == 2) lk_sgd(&u, true, kept, gradients, first, form, copy, n);
        if (form == LK_HALVES) lk_join(copy, lower, weights, n);
        else if (form != LK_FLOAT32) see_typed(copy, n, form);
        see(weights, n, LK_FLOAT32), see(first, n, LK_FLOAT32), see(second, n, LK_FLOAT32);
    }
    float *y = F(n), *means = zeros(n), *q = zeros(3 * 49);
    lk_blend(y, 0.9f, F(n), 0.1f, n), see(y, n, LK_FLOAT32);
    float *second = F(n);
    for (size_t i = 0; i < n; i++) second[i] = fabsf(second[i]);
    lk_adam_direction(&u, F(n), F(n), second, y, n), see(second, n, LK_FLOAT32);
    lk_row_square_means(y, 0.5f, 1e-30f, 9, 37, means), see(means, 9, LK_FLOAT32);
    lk_column_square_means(y, 0.5f, 1e-30f, 9, 37, 37, means), see(means, 37, LK_FLOAT32);
    lk_scale_by_factors(F(n), 0.5f, F(9), F(37), y, 9, 37), see(y, n, LK_FLOAT32);
    lk_block_products(F(3 * 49), F(3 * 49), q, 3, 7, true, false, 0), see(q, 3 * 49, LK_FLOAT32);
    lk_skew(F(3 * 21), q, 3, 7), lk_add_diagonal(q, 1, 3, 7), see(q, 3 * 49, LK_FLOAT32);
    lk_skew_gradient(q, y, 3, 7), see(y, 3 * 21, LK_FLOAT32);
    tell("updates");
}

static void quantized(int format) {
    size_t columns = 512, rows = 6, bytes = columns / lk_block_columns(format) * lk_block_bytes(format);
    uint8_t *w = malloc(rows * bytes + 8192);
    for (size_t i = 0; i < rows * bytes; i++) w[i] = (uint8_t)((i * 2654435761u >> 7 ^ i) & 0x3b);
    float *y = zeros(rows * columns), *sums = zeros(5 * rows), *bias = F(rows);
    for (int type = 0; type < TYPES; type++) {
        lk_dequantize(format, w, bytes, 0, rows, columns, type, y, columns), see_typed(y, rows * columns, type);
        lk_quantized_products(format, w, bytes, rows, columns, F(5 * columns), columns, 5, sums);
        lk_store_sums(sums, bias, false, 5, rows, LK_FLOAT32, y, rows);
        for (size_t i = 0; i < 5 * rows; i++) y[i] /= 100;
        see(y, 5 * rows, LK_FLOAT32);
    }
    float *gathered = zeros(3 * columns);
    lk_gather_quantized_rows(format, w, bytes, ids(3, rows), gathered, false, 3, columns);
    see(gathered, 3 * columns, LK_FLOAT32);
    if (format == LK_FORMAT_q8_0 || format == LK_FORMAT_nf4) {
        lk_quantize(format, gathered, 3, columns, w, bytes);
        lk_dequantize(format, w, bytes, 0, 3, columns, LK_FLOAT32, gathered, columns), see(gathered, 3 * columns, LK_FLOAT32);
    }
    tell("quantized");
}

static void draws(void) {
    size_t n = 1001;
    float *y = zeros(n);
    lk_random_normal(9, 5, 0.7f, y, n), see(y, n, LK_FLOAT32);
    lk_random_redraw(9, 5, 0.7f, 1, y, n), see(y, n, LK_FLOAT32);
    lk_random_uniform(9, 5, -1, 1, y, n), see(y, n, LK_FLOAT32);
    float *bias = zeros(4 * 20), *table = F(8 * 4);
    lk_relative_bias(table, ids(20, 8), 4, 20, bias), see(bias, 80, LK_FLOAT32);
    lk_relative_bias_gradient(bias, ids(20, 8), 4, 20, table), see(table, 32, LK_FLOAT32);
    tell("draws, relative bias");
}

int main(int count, char **words) {
    writes = count == 3 && strcmp(words[1], "write") == 0;
    if (count != 3 || !(file = fopen(words[2], writes ? "wb" : "rb"))) {
        puts("kernels: expected write FILE or compare FILE");
        return 2;
    }
    for (int type = 0; type < TYPES; type++) {
        conversion(type), activations(type), normalization(type), attention(type), cached_attention(type);
        few_rows(type), embedding(type), low_rank(type), updates(type);
    }
    updates(LK_HALVES), losses(), routing(), draws();
    int formats[] = {LK_FORMAT_q4_0, LK_FORMAT_q4_1, LK_FORMAT_q5_0, LK_FORMAT_q5_1, LK_FORMAT_q8_0, LK_FORMAT_q2_k,
        LK_FORMAT_q3_k, LK_FORMAT_q4_k, LK_FORMAT_q5_k, LK_FORMAT_q6_k, LK_FORMAT_nf4};
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) quantized(formats[i]);
    fclose(file);
    return failed;
}
