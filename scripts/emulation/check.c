// Compares the loops of pairs of bfloat16 numbers, emulated, with sums in float64 of the same numbers. Prints a line for
// each; ends with 1 where one is wrong. Started by scripts/check_pairs.sh.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "CKernels.h"

// Float32 sums of n terms err by at most n · 2⁻²⁴ of the sum of magnitudes; n is at most 1,600 here.
static const double EXACT = 1e-4;
// A factor is rounded to bfloat16 on the way.
static const double ROUNDED = 1.0 / 256;

static double worst;
static int failed;

static float number(size_t i) { return (float)(i * 7919 % 1001) / 500 - 1; }

static uint16_t narrow(float x) { return emulated_bfloat16(x); }

static double wide(uint16_t x) {
    uint32_t bits = (uint32_t)x << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static void compare(double found, double sum, double magnitudes) {
    double error = found > sum ? found - sum : sum - found;
    error /= magnitudes + 1e-6;
    if (!(error <= worst)) worst = error;
}

static void tell(const char *name, double allowed) {
    bool right = worst <= allowed;
    printf("%-28s largest error %.1e of the magnitudes%s\n", name, worst, right ? "" : ": WRONG");
    failed |= !right;
    worst = 0;
}

static uint16_t *numbers(size_t n, size_t start) {
    uint16_t *x = malloc(n * 2 + 256);
    for (size_t i = 0; i < n; i++) x[i] = narrow(number(i + start));
    return x;
}

static void low_rank(size_t rows, size_t width, size_t rank) {
    lk_low_rank s = lk_low_rank_shape(LK_BFLOAT16, rank, width);
    uint16_t *x = numbers(rows * width, 1), *w = numbers(rank * width, 5);
    size_t packed_size = s.padded_rank * s.padded_width * 4;
    void *by_width = calloc(packed_size, 1), *by_rank = calloc(packed_size, 1);
    lk_low_rank_pack(&s, LK_BFLOAT16, w, width, 1, false, by_width, 0, s.padded_width);
    lk_low_rank_pack(&s, LK_BFLOAT16, w, width, 1, true, by_rank, 0, s.padded_width);
    float *inner = calloc(rows * s.padded_rank, 4);
    lk_low_rank_reduce(&s, LK_BFLOAT16, x, by_width, 0.5f, inner, rows);
    for (size_t r = 0; r < rows; r++)
        for (size_t k = 0; k < rank; k++) {
            double sum = 0, all = 0;
            for (size_t i = 0; i < width; i++) {
                double term = 0.5 * wide(x[r * width + i]) * wide(w[k * width + i]);
                sum += term, all += term < 0 ? -term : term;
            }
            compare(inner[r * s.padded_rank + k], sum, all);
        }
    tell("low rank: reduce", EXACT);
    float *y = calloc(rows * width + 64, 4);
    lk_low_rank_expand(&s, inner, by_rank, LK_FLOAT32, y, false, rows);
    float *sums = calloc(s.padded_rank * s.padded_width, 4);
    lk_low_rank_gather(&s, inner, LK_BFLOAT16, x, sums, rows);
    for (size_t i = 0; i < width; i++) {
        for (size_t r = 0; r < rows; r++) {
            double sum = 0, all = 0;
            for (size_t k = 0; k < rank; k++) {
                double term = inner[r * s.padded_rank + k] * wide(w[k * width + i]);
                sum += term, all += term < 0 ? -term : term;
            }
            compare(y[r * width + i], sum, all);
        }
    }
    tell("low rank: expand", ROUNDED);
    float *parts = calloc(rows * width + 64, 4);
    for (size_t first = 0; first < width; first += 32)
        lk_low_rank_expand_columns(
            &s, inner, by_rank, LK_FLOAT32, parts, first, first + 32 < width ? first + 32 : width,
            rows);
    for (size_t i = 0; i < rows * width; i++) compare(parts[i], y[i], fabs(y[i]));
    tell("low rank: expand columns", 0);
    for (size_t i = 0; i < width; i++)
        for (size_t k = 0; k < rank; k++) {
            double sum = 0, all = 0;
            for (size_t r = 0; r < rows; r++) {
                double term = inner[r * s.padded_rank + k] * wide(x[r * width + i]);
                sum += term, all += term < 0 ? -term : term;
            }
            compare(sums[k * s.padded_width + i], sum, all);
        }
    tell("low rank: gather", ROUNDED);
    free(x), free(w), free(by_width), free(by_rank), free(inner), free(y), free(parts), free(sums);
}

static void few_rows(size_t rows, size_t columns, size_t inner) {
    uint16_t *x = numbers(rows * inner, 3), *w = numbers(columns * inner, 11);
    float *y = calloc(rows * columns, 4);
    lk_few_rows shape = {
        .rows = rows, .columns = columns, .inner = inner, .stride_w = inner, .stride_x = inner,
        .stride_y = columns, .columns_first = true};
    lk_few_row_pairs(&shape, w, x, LK_FLOAT32, y);
    float *z = calloc(rows * columns, 4), *wide_x = calloc(rows * inner, 4);
    for (size_t i = 0; i < rows * inner; i++) wide_x[i] = (float)wide(x[i]);
    shape.rows = rows < 8 ? rows : 8;
    lk_few_row_product(&shape, LK_BFLOAT16, w, wide_x, LK_FLOAT32, z);
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            double sum = 0, all = 0;
            for (size_t i = 0; i < inner; i++) {
                double term = wide(x[r * inner + i]) * wide(w[c * inner + i]);
                sum += term, all += term < 0 ? -term : term;
            }
            compare(y[r * columns + c], sum, all);
            if (r < shape.rows) compare(z[r * columns + c], sum, all);
        }
    tell("few rows", EXACT);
    free(x), free(w), free(y), free(z), free(wide_x);
}

static void quantized(int format, const char *name, size_t rows, size_t tokens) {
    size_t columns = 512, row_bytes = columns / lk_block_columns(format) * lk_block_bytes(format);
    uint8_t *w = malloc(rows * row_bytes + 8192);
    for (size_t i = 0; i < rows * row_bytes; i++) w[i] = (uint8_t)((i * 2654435761u >> 7 ^ i) & 0x3b);
    uint16_t *x = numbers(tokens * columns, 7);
    float *decoded = malloc(rows * columns * 4), *sums = calloc(rows * tokens, 4);
    lk_dequantize(format, w, row_bytes, 0, rows, columns, LK_FLOAT32, decoded, columns);
    lk_quantized_pair_products(format, w, row_bytes, rows, columns, x, columns, tokens, sums);
    for (size_t t = 0; t < tokens; t++)
        for (size_t r = 0; r < rows; r++) {
            double sum = 0, all = 0;
            for (size_t i = 0; i < columns; i++) {
                double term = wide(narrow(decoded[r * columns + i])) * wide(x[t * columns + i]);
                sum += term, all += term < 0 ? -term : term;
            }
            compare(sums[t * rows + r], sum, all);
        }
    tell(name, EXACT);
    free(w), free(x), free(decoded), free(sums);
}

int main(void) {
    for (size_t rows = 1; rows <= 35; rows += rows < 9 ? 1 : 13) {
        low_rank(rows, 576, 8);
        low_rank(rows, 37, 5);
        low_rank(rows, 258, 32);
        few_rows(rows, 70, 576);
        few_rows(rows, 9, 100);
    }
#define EACH(NAME)                                                                                 \
    for (size_t tokens = 1; tokens <= 19; tokens += 3)                                             \
        quantized(LK_FORMAT_##NAME, "quantized: " #NAME, 7, tokens);
    EACH(q4_0) EACH(q4_1) EACH(q8_0) EACH(q4_k) EACH(q6_k) EACH(nf4)
    return failed;
}
