#include "elements.h"

#define DEFINE_GATHER(TYPE)                                                                        \
    CLONES static void gather_##TYPE(                                                              \
        const TYPE *table, const int32_t *ids, float *y, bool add, size_t rows, size_t width) {    \
        for (size_t r = 0; r < rows; r++, y += width) {                                            \
            const TYPE *row = table + (size_t)ids[r] * width;                                      \
            if (add)                                                                               \
                for (size_t i = 0; i < width; i++) y[i] += load_##TYPE(row + i);                   \
            else                                                                                   \
                for (size_t i = 0; i < width; i++) y[i] = load_##TYPE(row + i);                    \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_GATHER)

void lk_gather_rows(
    int type, const void *table, const int32_t *ids, float *y, bool add, size_t rows,
    size_t width) {
    DISPATCH(type, gather, table, ids, y, add, rows, width)
}

CLONES void lk_gather_split_rows(
    const uint16_t *upper, const uint16_t *lower, const int32_t *ids, float *y, bool add,
    size_t rows, size_t width) {
    for (size_t r = 0; r < rows; r++, y += width) {
        const uint16_t *u = upper + (size_t)ids[r] * width, *l = lower + (size_t)ids[r] * width;
        if (add)
            for (size_t i = 0; i < width; i++) y[i] += joined(u[i], l[i]);
        else
            for (size_t i = 0; i < width; i++) y[i] = joined(u[i], l[i]);
    }
}

// Adds columns [first_column, first_column + columns): threads share the work by columns, so that
// the order of additions to a row never depends on their number.
CLONES void lk_scatter_add_rows(
    float *table, const int32_t *ids, const float *dy, size_t rows, size_t width,
    size_t first_column, size_t columns) {
    for (size_t r = 0; r < rows; r++) {
        float *row = table + (size_t)ids[r] * width + first_column;
        const float *d = dy + r * width + first_column;
        for (size_t i = 0; i < columns; i++) row[i] += d[i];
    }
}
