#include "elements.h"

// y (rows, width) = the columns of table (width, columns) named by ids.
#define DEFINE_GATHER_COLUMNS(TYPE)                                                                \
    static void gather_columns_##TYPE(                                                             \
        const TYPE *table, size_t columns, const int32_t *ids, TYPE *y, size_t rows,               \
        size_t width) {                                                                            \
        for (size_t r = 0; r < rows; r++)                                                          \
            for (size_t i = 0; i < width; i++) y[r * width + i] = table[i * columns + ids[r]];     \
    }
FOR_EACH_TYPE(DEFINE_GATHER_COLUMNS)

void lk_gather_columns(
    int type, const void *table, size_t columns, const int32_t *ids, void *y, size_t rows,
    size_t width) {
    DISPATCH(type, gather_columns, table, columns, ids, y, rows, width)
}

void lk_scatter_add_columns(
    float *table, size_t columns, const int32_t *ids, const float *dy, size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < width; i++) table[i * columns + ids[r]] += dy[r * width + i];
}

// y (rows, columns) = or += factors (columns) · x (rows, columns), element by element.
#define DEFINE_SCALE_COLUMNS(TX, TY)                                                               \
    CLONES static void scale_columns_##TX##_##TY(                                                  \
        const TX *x, const float *factors, TY *y, bool add, size_t rows, size_t columns) {         \
        for (size_t r = 0; r < rows; r++, x += columns, y += columns) {                            \
            if (add)                                                                               \
                IN_PLACE for (size_t i = 0; i < columns; i++)                                      \
                    store_##TY(y + i, load_##TY(y + i) + factors[i] * load_##TX(x + i));           \
            else                                                                                   \
                IN_PLACE for (size_t i = 0; i < columns; i++)                                      \
                    store_##TY(y + i, factors[i] * load_##TX(x + i));                              \
        }                                                                                          \
    }
DEFINE_SCALE_COLUMNS(f32, f32)
DEFINE_SCALE_COLUMNS(f32, bf16)
DEFINE_SCALE_COLUMNS(f32, f16)
DEFINE_SCALE_COLUMNS(bf16, f32)
DEFINE_SCALE_COLUMNS(bf16, bf16)
DEFINE_SCALE_COLUMNS(f16, f32)
DEFINE_SCALE_COLUMNS(f16, f16)

void lk_scale_columns(
    int type_x, const void *x, const float *factors, int type_y, void *y, bool add, size_t rows,
    size_t columns) {
    if (type_x == LK_FLOAT32) {
        DISPATCH(type_y, scale_columns_f32, x, factors, y, add, rows, columns)
    } else if (type_x == LK_BFLOAT16) {
        if (type_y == LK_FLOAT32)
            scale_columns_bf16_f32(x, factors, y, add, rows, columns);
        else
            scale_columns_bf16_bf16(x, factors, y, add, rows, columns);
    } else {
        if (type_y == LK_FLOAT32)
            scale_columns_f16_f32(x, factors, y, add, rows, columns);
        else
            scale_columns_f16_f16(x, factors, y, add, rows, columns);
    }
}

// sums (columns) += Σ over rows of x · y / norms, for a range of columns of rows of `stride`.
#define DEFINE_COLUMN_PRODUCTS(TX, TY)                                                             \
    CLONES static void column_products_##TX##_##TY(                                                \
        const TX *x, const TY *y, const float *norms, float *sums, size_t rows, size_t columns,    \
        size_t stride) {                                                                           \
        enum { STRIP = 256 };                                                                      \
        float totals[STRIP];                                                                       \
        for (size_t start = 0; start < columns; start += STRIP) {                                  \
            size_t n = columns - start < STRIP ? columns - start : STRIP;                          \
            for (size_t i = 0; i < n; i++) totals[i] = 0;                                          \
            for (size_t r = 0; r < rows; r++) {                                                    \
                const TX *p = x + r * stride + start;                                              \
                const TY *q = y + r * stride + start;                                              \
                for (size_t i = 0; i < n; i++) totals[i] += load_##TX(p + i) * load_##TY(q + i);   \
            }                                                                                      \
            for (size_t i = 0; i < n; i++)                                                       \
                sums[start + i] += totals[i] / (norms[start + i] ? norms[start + i] : 1);          \
        }                                                                                          \
    }
DEFINE_COLUMN_PRODUCTS(f32, f32)
DEFINE_COLUMN_PRODUCTS(f32, bf16)
DEFINE_COLUMN_PRODUCTS(f32, f16)
DEFINE_COLUMN_PRODUCTS(bf16, bf16)
DEFINE_COLUMN_PRODUCTS(f16, f16)

void lk_add_column_products(
    int type_x, const void *x, int type_y, const void *y, const float *norms, float *sums,
    size_t rows, size_t columns, size_t stride) {
    if (type_x == LK_FLOAT32) {
        DISPATCH(type_y, column_products_f32, x, y, norms, sums, rows, columns, stride)
    } else if (type_x == LK_BFLOAT16) {
        column_products_bf16_bf16(x, y, norms, sums, rows, columns, stride);
    } else {
        column_products_f16_f16(x, y, norms, sums, rows, columns, stride);
    }
}

// norms[j] = √(squares[j] + 2s·b[j]·c[:, j] + s²·b[j]·G·b[j]), with b (outputs, rank), c (rank,
// outputs) and G (rank, rank): the norms of the rows of W + s·B·A, where c = A·Wᵀ and G = A·Aᵀ.
#define DEFINE_NORMS(TYPE)                                                                         \
    static void low_rank_norms_##TYPE(                                                             \
        const float *squares, const TYPE *b, const TYPE *c, const float *gram, float scale,        \
        float *norms, size_t outputs, size_t rank) {                                               \
        for (size_t j = 0; j < outputs; j++) {                                                     \
            double sum = squares[j];                                                               \
            for (size_t k = 0; k < rank; k++) {                                                    \
                float inner = 2 * load_##TYPE(c + k * outputs + j);                                \
                for (size_t i = 0; i < rank; i++)                                                  \
                    inner += scale * gram[k * rank + i] * load_##TYPE(b + j * rank + i);           \
                sum += (double)scale * load_##TYPE(b + j * rank + k) * inner;                      \
            }                                                                                      \
            norms[j] = sum > 0 ? sqrtf((float)sum) : 0;                                            \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_NORMS)

void lk_low_rank_norms(
    int type, const float *squares, const void *b, const void *c, const float *gram, float scale,
    float *norms, size_t outputs, size_t rank) {
    DISPATCH(type, low_rank_norms, squares, b, c, gram, scale, norms, outputs, rank)
}

// A divisor of zero, the norm of a row of zeros, counts as one.
void lk_divide_and_add(
    const float *x, const float *divisors, float addend, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = x[i] / (divisors[i] ? divisors[i] : 1) + addend;
}
