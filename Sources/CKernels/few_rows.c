#include "vectors.h"

// Products of one to eight rows with a weight: each weight is read once, in order, and that reading is
// what they cost. Sums are float32.

enum { STEP = 4, TALL = 4, WIDE = 512, DEEP = 8 };

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

// STEP rows of w (columns of the product) or one, times ROWS rows of x; sums[r][c]. A sum is added up in the same
// order whatever it is computed beside, so that a row's answer does not depend on its company.
#define DEFINE_TILE(TYPE, LANES)                                                                   \
    INLINE void tile##LANES##_##TYPE(                                                              \
        const TYPE *w, size_t stride_w, const float *x, size_t stride_x, size_t inner,             \
        const int COLUMNS, const int ROWS, float sums[TALL][STEP]) {                               \
        _Pragma("clang fp reassociate(off)")                                                       \
        f32x##LANES totals[TALL][STEP] = {{{0}}};                                                  \
        size_t i = 0;                                                                              \
        for (; i + LANES <= inner; i += LANES) {                                                   \
            f32x##LANES inputs[TALL];                                                              \
            UNROLL for (int r = 0; r < ROWS; r++)                                                  \
                memcpy(&inputs[r], x + r * stride_x + i, sizeof *inputs);                          \
            if (COLUMNS == STEP) {                                                                 \
                const char *next = (const char *)(w + STEP * i) + AHEAD;                           \
                UNROLL for (size_t b = 0; b < LANES * STEP * sizeof *w; b += 64)                   \
                    __builtin_prefetch(next + b, 0, 3);                                            \
            }                                                                                      \
            UNROLL for (int c = 0; c < COLUMNS; c++) {                                             \
                f32x##LANES weights;                                                               \
                LOAD##LANES##_##TYPE(weights, w + c * stride_w + i);                               \
                UNROLL for (int r = 0; r < ROWS; r++) totals[r][c] += weights * inputs[r];         \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int r = 0; r < ROWS; r++) {                                                    \
            UNROLL for (int c = 0; c < COLUMNS; c++) {                                             \
                float sum = 0;                                                                     \
                ADD_LANES##LANES(sum, totals[r][c]);                                               \
                for (size_t k = i; k < inner; k++)                                                 \
                    sum += x[r * stride_x + k] * load_##TYPE(w + c * stride_w + k);                \
                sums[r][c] = sum;                                                                  \
            }                                                                                      \
        }                                                                                          \
    }

// W (columns, inner): as nn.Linear keeps it. HEIGHT rows of x at a time, whose sums the registers hold.
#define DEFINE_ROW_PRODUCT(TYPE, LANES, HEIGHT, TARGET)                                            \
    DEFINE_TILE(TYPE, LANES)                                                                       \
    INLINE void columns##LANES##_##TYPE(                                                           \
        const lk_few_rows *shape, const TYPE *w, const float *x, size_t c, const int COLUMNS,      \
        int type_y, void *y) {                                                                     \
        size_t sw = shape->stride_w, sx = shape->stride_x, k = shape->inner;                       \
        for (size_t r = 0; r < shape->rows; r += HEIGHT, x += HEIGHT * sx) {                       \
            size_t height = shape->rows - r < HEIGHT ? shape->rows - r : HEIGHT;                   \
            float sums[TALL][STEP];                                                                \
            switch (height) {                                                                      \
            case 1: tile##LANES##_##TYPE(w, sw, x, sx, k, COLUMNS, 1, sums); break;                \
            case 2: tile##LANES##_##TYPE(w, sw, x, sx, k, COLUMNS, 2, sums); break;                \
            case 3: tile##LANES##_##TYPE(w, sw, x, sx, k, COLUMNS, 3, sums); break;                \
            default: tile##LANES##_##TYPE(w, sw, x, sx, k, COLUMNS, HEIGHT, sums);                 \
            }                                                                                      \
            for (size_t i = 0; i < height; i++)                                                    \
                for (size_t j = 0; j < COLUMNS; j++)                                               \
                    finish(shape, sums[i][j], r + i, c + j, type_y, y);                            \
        }                                                                                          \
    }                                                                                              \
    TARGET static void rows##LANES##_##TYPE(                                                       \
        const lk_few_rows *shape, const TYPE *w, const float *x, int type_y, void *y) {            \
        size_t c = 0, n = shape->columns, sw = shape->stride_w;                                    \
        for (; c + STEP <= n; c += STEP)                                                           \
            columns##LANES##_##TYPE(shape, w + c * sw, x, c, STEP, type_y, y);                     \
        for (; c < n; c++) columns##LANES##_##TYPE(shape, w + c * sw, x, c, 1, type_y, y);         \
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
FOR_EACH_TYPE(DEFINE_COLUMN_PRODUCT)

// Sixteen registers of eight lanes hold the sums of three rows, 32 of sixteen those of four.
#define DEFINE_NARROW(TYPE) DEFINE_ROW_PRODUCT(TYPE, 8, 3, NARROW_CLONES)
FOR_EACH_TYPE(DEFINE_NARROW)
#if defined(__x86_64__)
#define DEFINE_BROAD(TYPE) DEFINE_ROW_PRODUCT(TYPE, 16, 4, BROAD)
FOR_EACH_TYPE(DEFINE_BROAD)
#endif

void lk_few_row_product(
    const lk_few_rows *shape, int type_w, const void *w, const float *x, int type_y, void *y) {
    if (!shape->columns_first) {
        DISPATCH(type_w, columns, shape, w, x, type_y, y)
        return;
    }
#if defined(__x86_64__)
    if (__builtin_cpu_supports("x86-64-v4")) {
        DISPATCH(type_w, rows16, shape, w, x, type_y, y)
        return;
    }
#endif
    DISPATCH(type_w, rows8, shape, w, x, type_y, y)
}
