#include "vectors.h"

// Products of one to eight rows with a weight: each weight is read once, in order, and that reading is
// what they cost. Sums are float32.

enum { STEP = 4, WIDE = 512, DEEP = 8 };

// Four short rows read side by side are no stream that the processor's prefetcher recognizes; asking
// for the bytes of a tile in the order in which they lie makes it twice as fast. In bytes ahead.
enum { AHEAD = 4096 };

// y = sum (+ bias) (+ y), in y's type.
INLINE void finish(
    const lk_few_rows *shape, float sum, size_t row, size_t column, int type, void *y) {
    size_t at = row * shape->stride_y + column;
    if (shape->bias) sum += shape->bias[column];
    if (type == LK_FLOAT32) {
        f32 *p = (f32 *)y + at;
        *p = shape->accumulate ? *p + sum : sum;
    } else if (type == LK_BFLOAT16) {
        bf16 *p = (bf16 *)y + at;
        store_bf16(p, shape->accumulate ? load_bf16(p) + sum : sum);
    } else {
        f16 *p = (f16 *)y + at;
        store_f16(p, shape->accumulate ? load_f16(p) + sum : sum);
    }
}

// COLUMNS rows of w (columns of the product) times ROWS rows of x; sums[r][c]. Additions keep their order,
// so that a row's sums do not depend on how many rows there are.
#define DEFINE_TILE(TYPE)                                                                          \
    INLINE void tile_##TYPE(                                                                       \
        const TYPE *w, size_t stride_w, const float *x, size_t stride_x, size_t inner,             \
        const int COLUMNS, const int ROWS, float sums[2][STEP]) {                                  \
        _Pragma("clang fp reassociate(off)")                                                       \
        f32x16 totals[2][STEP] = {{{0}}};                                                          \
        size_t i = 0;                                                                              \
        for (; i + 16 <= inner; i += 16) {                                                         \
            f32x16 inputs[2];                                                                      \
            UNROLL for (int r = 0; r < ROWS; r++) LOAD16_f32(inputs[r], x + r * stride_x + i);     \
            if (COLUMNS == STEP) {                                                                 \
                const char *next = (const char *)(w + STEP * i) + AHEAD;                           \
                UNROLL for (size_t b = 0; b < 16 * STEP * sizeof *w; b += 64)                      \
                    __builtin_prefetch(next + b, 0, 3);                                            \
            }                                                                                      \
            UNROLL for (int c = 0; c < COLUMNS; c++) {                                             \
                f32x16 weights;                                                                    \
                LOAD16_##TYPE(weights, w + c * stride_w + i);                                      \
                UNROLL for (int r = 0; r < ROWS; r++) totals[r][c] += weights * inputs[r];         \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int r = 0; r < ROWS; r++) {                                                    \
            UNROLL for (int c = 0; c < COLUMNS; c++) {                                             \
                float sum = 0;                                                                     \
                ADD_LANES(sum, totals[r][c]);                                                      \
                for (size_t k = i; k < inner; k++)                                                 \
                    sum += x[r * stride_x + k] * load_##TYPE(w + c * stride_w + k);                \
                sums[r][c] = sum;                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

// W (columns, inner): as nn.Linear keeps it.
#define DEFINE_ROW_PRODUCT(TYPE)                                                                   \
    DEFINE_TILE(TYPE)                                                                              \
    CLONES static void rows_##TYPE(                                                                \
        const lk_few_rows *shape, const TYPE *w, const float *x, int type_y, void *y) {            \
        size_t n = shape->columns, sw = shape->stride_w, sx = shape->stride_x, k = shape->inner;   \
        for (size_t c = 0; c < n; c += STEP, w += STEP * sw) {                                     \
            size_t width = n - c < STEP ? n - c : STEP;                                            \
            for (size_t r = 0; r < shape->rows; r += 2) {                                          \
                size_t height = shape->rows - r < 2 ? 1 : 2;                                       \
                const float *input = x + r * sx;                                                   \
                float sums[2][STEP] = {{0}};                                                       \
                if (width == STEP && height == 1) {                                                \
                    tile_##TYPE(w, sw, input, sx, k, STEP, 1, sums);                               \
                } else if (width == STEP) {                                                        \
                    tile_##TYPE(w, sw, input, sx, k, STEP, 2, sums);                               \
                } else {                                                                           \
                    for (size_t j = 0; j < width; j++) {                                           \
                        float column[2][STEP] = {{0}};                                             \
                        tile_##TYPE(w + j * sw, sw, input, sx, k, 1, 1, column);                   \
                        sums[0][j] = column[0][0];                                                 \
                        if (height == 1) continue;                                                 \
                        tile_##TYPE(w + j * sw, sw, input + sx, sx, k, 1, 1, column);              \
                        sums[1][j] = column[0][0];                                                 \
                    }                                                                              \
                }                                                                                  \
                for (size_t i = 0; i < height; i++)                                                \
                    for (size_t j = 0; j < width; j++)                                             \
                        finish(shape, sums[i][j], r + i, c + j, type_y, y);                        \
            }                                                                                      \
        }                                                                                          \
    }

// W (inner, columns): as GPT-2's Conv1D keeps it. Sums of a strip of columns stay in the first cache.
#define DEFINE_COLUMN_PRODUCT(TYPE)                                                                \
    CLONES static void columns_##TYPE(                                                             \
        const lk_few_rows *shape, const TYPE *w, const float *x, int type_y, void *y) {            \
        float sums[8][WIDE];                                                                       \
        size_t sw = shape->stride_w;                                                               \
        for (size_t first = 0; first < shape->columns; first += WIDE) {                            \
            size_t width = shape->columns - first < WIDE ? shape->columns - first : WIDE;          \
            memset(sums, 0, sizeof sums);                                                          \
            for (size_t k = 0; k < shape->inner; k += DEEP) {                                      \
                size_t depth = shape->inner - k < DEEP ? shape->inner - k : DEEP;                  \
                const TYPE *block = w + k * sw + first;                                            \
                for (size_t r = 0; r < shape->rows; r++) {                                         \
                    const float *input = x + r * shape->stride_x + k;                              \
                    float *sum = sums[r];                                                          \
                    if (depth < DEEP) {                                                            \
                        for (size_t d = 0; d < depth; d++)                                         \
                            for (size_t c = 0; c < width; c++)                                     \
                                sum[c] += input[d] * load_##TYPE(block + d * sw + c);              \
                        continue;                                                                  \
                    }                                                                              \
                    size_t c = 0;                                                                  \
                    for (; c + 16 <= width; c += 16) {                                             \
                        f32x16 total;                                                              \
                        LOAD16_f32(total, sum + c);                                                \
                        UNROLL for (int d = 0; d < DEEP; d++) {                                    \
                            f32x16 weights;                                                        \
                            LOAD16_##TYPE(weights, block + d * sw + c);                            \
                            total += weights * input[d];                                           \
                        }                                                                          \
                        STORE16(sum + c, total);                                                   \
                    }                                                                              \
                    for (; c < width; c++)                                                         \
                        for (size_t d = 0; d < DEEP; d++)                                          \
                            sum[c] += input[d] * load_##TYPE(block + d * sw + c);                  \
                }                                                                                  \
            }                                                                                      \
            for (size_t r = 0; r < shape->rows; r++)                                               \
                for (size_t c = 0; c < width; c++)                                                 \
                    finish(shape, sums[r][c], r, first + c, type_y, y);                            \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_ROW_PRODUCT)
FOR_EACH_TYPE(DEFINE_COLUMN_PRODUCT)

void lk_few_row_product(
    const lk_few_rows *shape, int type_w, const void *w, const float *x, int type_y, void *y) {
    if (shape->columns_first) {
        DISPATCH(type_w, rows, shape, w, x, type_y, y)
    } else {
        DISPATCH(type_w, columns, shape, w, x, type_y, y)
    }
}
