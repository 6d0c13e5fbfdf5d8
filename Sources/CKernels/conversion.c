#include "elements.h"

#define DEFINE_CONVERT(FROM, TO)                                                                   \
    CLONES static void convert_##FROM##_##TO(const FROM *x, TO *y, size_t n) {                     \
        for (size_t i = 0; i < n; i++) store_##TO(y + i, load_##FROM(x + i));                      \
    }
#define DEFINE_ADD(FROM, TO)                                                                       \
    CLONES static void add_##FROM##_##TO(const FROM *x, TO *y, size_t n) {                         \
        for (size_t i = 0; i < n; i++) store_##TO(y + i, load_##TO(y + i) + load_##FROM(x + i));   \
    }
#define DEFINE_PAIRS(DEFINE)                                                                       \
    DEFINE(f32, f32) DEFINE(f32, bf16) DEFINE(f32, f16)                                            \
    DEFINE(bf16, f32) DEFINE(bf16, bf16) DEFINE(bf16, f16)                                         \
    DEFINE(f16, f32) DEFINE(f16, bf16) DEFINE(f16, f16)
DEFINE_PAIRS(DEFINE_CONVERT)
DEFINE_PAIRS(DEFINE_ADD)

#define DISPATCH_TO(KERNEL, FROM, TO, X, Y, N)                                                     \
    switch (TO) {                                                                                  \
    case LK_FLOAT32: KERNEL##_##FROM##_f32(X, Y, N); break;                                        \
    case LK_BFLOAT16: KERNEL##_##FROM##_bf16(X, Y, N); break;                                      \
    default: KERNEL##_##FROM##_f16(X, Y, N); break;                                                \
    }
#define DISPATCH_PAIR(KERNEL, FROM, TO, X, Y, N)                                                   \
    switch (FROM) {                                                                                \
    case LK_FLOAT32: DISPATCH_TO(KERNEL, f32, TO, X, Y, N) break;                                  \
    case LK_BFLOAT16: DISPATCH_TO(KERNEL, bf16, TO, X, Y, N) break;                                \
    default: DISPATCH_TO(KERNEL, f16, TO, X, Y, N) break;                                          \
    }

void lk_convert(int from, const void *x, int to, void *y, size_t n) {
    if (from == to) {
        memcpy(y, x, n * (from == LK_FLOAT32 ? 4 : 2));
        return;
    }
    DISPATCH_PAIR(convert, from, to, x, y, n)
}

void lk_add(int type_y, void *y, int type_x, const void *x, size_t n) {
    DISPATCH_PAIR(add, type_x, type_y, x, y, n)
}

#define DEFINE_ROWS(TYPE)                                                                          \
    CLONES static void scale_##TYPE(TYPE *y, float factor, size_t n) {                             \
        for (size_t i = 0; i < n; i++) store_##TYPE(y + i, load_##TYPE(y + i) * factor);           \
    }                                                                                              \
    CLONES static void columns_##TYPE(float *y, const TYPE *x, size_t rows, size_t columns,        \
                                      size_t stride) {                                             \
        for (size_t r = 0; r < rows; r++)                                                          \
            for (size_t c = 0; c < columns; c++) y[c] += load_##TYPE(x + r * stride + c);          \
    }                                                                                              \
    CLONES static void fill_##TYPE(TYPE *y, const float *row, size_t rows, size_t columns,         \
                                   size_t stride) {                                                \
        for (size_t r = 0; r < rows; r++)                                                          \
            for (size_t c = 0; c < columns; c++) store_##TYPE(y + r * stride + c, row[c]);         \
    }
FOR_EACH_TYPE(DEFINE_ROWS)

void lk_scale(int type, void *y, float factor, size_t n) { DISPATCH(type, scale, y, factor, n) }

void lk_add_columns(float *y, int type, const void *x, size_t rows, size_t columns, size_t stride) {
    DISPATCH(type, columns, y, x, rows, columns, stride)
}

void lk_fill_rows(int type, void *y, const float *row, size_t rows, size_t columns, size_t stride) {
    DISPATCH(type, fill, y, row, rows, columns, stride)
}

CLONES void lk_add_rows(float *y, const float *row, size_t rows, size_t columns, size_t stride) {
    for (size_t r = 0; r < rows; r++, y += stride)
        for (size_t c = 0; c < columns; c++) y[c] += row[c];
}

CLONES void lk_split(const float *x, uint16_t *upper, uint16_t *lower, size_t n) {
    for (size_t i = 0; i < n; i++) split(x[i], upper + i, lower + i);
}

CLONES void lk_join(const uint16_t *upper, const uint16_t *lower, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = joined(upper[i], lower[i]);
}
