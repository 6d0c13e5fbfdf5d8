#include "few_rows.h"
#include "vectors.h"

// Products of few rows with a weight: of up to eight rows, each weight is read once, in order, and that
// reading is what they cost. Sums are float32.

enum { STEP = 4, WIDE = 512, DEEP = 8 };

// ROWS rows of x times COLUMNS rows of w (columns of the product): sums (ROWS, STRIP). Of few rows there are
// four columns, of many fewer, so that registers hold all sums and a weight is loaded and widened once. A sum is
// added up in the same order whatever it is computed beside, so that a row's answer does not depend on its company.
#define DEFINE_TILE(TYPE, LANES)                                                                   \
    INLINE void tile##LANES##_##TYPE(                                                              \
        const TYPE *w, size_t stride_w, const float *x, size_t stride_x, size_t inner,             \
        const int COLUMNS, const int ROWS, float *sums) {                                          \
        _Pragma("clang fp reassociate(off)")                                                       \
        f32x##LANES totals[TALL * STEP] = {{0}};                                                   \
        size_t i = 0;                                                                              \
        for (; i + LANES <= inner; i += LANES) {                                                   \
            const char *next = (const char *)(w + COLUMNS * i) + AHEAD;                            \
            UNROLL for (size_t b = 0; b < LANES * COLUMNS * sizeof *w; b += 64)                    \
                ASK_AHEAD(next + b);                                                               \
            f32x##LANES weights[STEP], inputs[TALL];                                               \
            UNROLL for (int outer = 0; outer < (ROWS < COLUMNS ? COLUMNS : ROWS); outer++)         \
                UNROLL for (int within = 0; within < (ROWS < COLUMNS ? ROWS : COLUMNS); within++) { \
                    int r = ROWS < COLUMNS ? within : outer, c = ROWS < COLUMNS ? outer : within;  \
                    if (r == 0) LOAD##LANES##_##TYPE(weights[c], w + c * stride_w + i);            \
                    if (c == 0) memcpy(&inputs[r], x + r * stride_x + i, sizeof *inputs);          \
                    totals[r * COLUMNS + c] += weights[c] * inputs[r];                             \
                }                                                                                  \
        }                                                                                          \
        UNROLL for (int t = 0; t < ROWS * COLUMNS; t += QUAD) {                                    \
            f32x4 four;                                                                            \
            SUMS_OF_LANES##LANES(four, totals[t], totals[t + 1], totals[t + 2], totals[t + 3]);    \
            UNROLL for (int k = 0; k < QUAD && t + k < ROWS * COLUMNS; k++)                        \
                sums[(t + k) / COLUMNS * STRIP + (t + k) % COLUMNS] = four[k];                     \
        }                                                                                          \
        for (; i < inner; i++)                                                                     \
            for (int r = 0; r < ROWS; r++)                                                         \
                for (int c = 0; c < COLUMNS; c++)                                                  \
                    sums[r * STRIP + c] +=                                                         \
                        x[r * stride_x + i] * load_##TYPE(w + c * stride_w + i);                   \
    }

// At most MOST rows at a time.
#define TILE(TYPE, LANES, ROWS, COLUMNS, MOST)                                                     \
    UNROLL for (int r = 0; r < ROWS; r += MOST)                                                    \
        tile##LANES##_##TYPE(                                                                      \
            w + c * sw, sw, x + r * sx, sx, k, COLUMNS, ROWS - r < MOST ? ROWS - r : MOST,         \
            sums + r * STRIP + c);
#define TILES(TYPE, LANES, ROWS, COLUMNS, MOST)                                                    \
    for (; c + COLUMNS <= width; c += COLUMNS) { TILE(TYPE, LANES, ROWS, COLUMNS, MOST) }          \
    for (; c < width; c++) { TILE(TYPE, LANES, ROWS, 1, MOST) }                                    \
    break;

// W (columns, inner): as nn.Linear keeps it. MANY: the columns of a tile of more than four rows.
#define DEFINE_ROW_PRODUCT(TYPE, LANES, MANY, MOST, TARGET)                                        \
    DEFINE_TILE(TYPE, LANES)                                                                       \
    INLINE void strip##LANES##_##TYPE(                                                             \
        const TYPE *w, size_t sw, const float *x, size_t sx, size_t k, size_t width, size_t rows,  \
        float *sums) {                                                                             \
        size_t c = 0;                                                                              \
        switch (rows) {                                                                            \
        case 1: TILES(TYPE, LANES, 1, 4, MOST)                                                     \
        case 2: TILES(TYPE, LANES, 2, 4, MOST)                                                     \
        case 3: TILES(TYPE, LANES, 3, 4, MOST)                                                     \
        case 4: TILES(TYPE, LANES, 4, 4, MOST)                                                     \
        case 5: TILES(TYPE, LANES, 5, MANY, MOST)                                                  \
        case 6: TILES(TYPE, LANES, 6, MANY, MOST)                                                  \
        case 7: TILES(TYPE, LANES, 7, MANY, MOST)                                                  \
        default: TILES(TYPE, LANES, 8, MANY, MOST)                                                 \
        }                                                                                          \
    }                                                                                              \
    TARGET static void rows##LANES##_##TYPE(                                                       \
        const lk_few_rows *shape, const TYPE *w, const float *x, int type_y, void *y) {            \
        float sums[TALL * STRIP];                                                                  \
        size_t sw = shape->stride_w, sx = shape->stride_x;                                         \
        for (size_t first = 0; first < shape->columns; first += STRIP, w += STRIP * sw) {          \
            size_t left = shape->columns - first, width = left < STRIP ? left : STRIP;             \
            for (size_t row = 0; row < shape->rows; row += TALL) {                                 \
                size_t rows = shape->rows - row < TALL ? shape->rows - row : TALL;                 \
                strip##LANES##_##TYPE(                                                             \
                    w, sw, x + row * sx, sx, shape->inner, width, rows, sums);                     \
                for (size_t r = 0; r < rows; r++)                                                  \
                    DISPATCH(type_y, finish, shape, sums + r * STRIP, width, row + r, first, y)    \
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
                DISPATCH(type_y, finish, shape, sums[r], width, r, first, y)                       \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_COLUMN_PRODUCT)

// As sixteen registers of eight lanes hold, and 32 of sixteen.
#define DEFINE_NARROW(TYPE) DEFINE_ROW_PRODUCT(TYPE, 8, 4, 3, NARROW_CLONES)
FOR_EACH_TYPE(DEFINE_NARROW)
#if defined(__x86_64__)
#define DEFINE_BROAD(TYPE) DEFINE_ROW_PRODUCT(TYPE, 16, 2, 8, BROAD)
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
