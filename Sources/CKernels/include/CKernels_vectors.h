// Products of float32 vectors; a part of CKernels.h.
#ifndef LOCKSTEP_CKERNELS_VECTORS_H
#define LOCKSTEP_CKERNELS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>

// vector_products.c: C (rows, columns) = A · B (+ bias) (+ start), sums in float32, on processors with AVX2 and
// FMA. A stands in panels of 6 rows, (rows/6, inner, 6), B in panels of 16 columns, (columns/16, inner, 16), both
// float32 whatever they were made of; zeros stand for what the last panels lack.
enum { LK_VECTOR_ROWS = 6, LK_VECTOR_COLUMNS = 16 };

// Whether the processor has AVX2, FMA and conversions from half precision.
bool lk_has_vector_products(void);

typedef struct {
    size_t rows, columns, inner;
    size_t row_c;   // numbers from one row of C to the next
    int type_c;
    bool streams;   // C (float32) goes past the caches; its rows begin at whole cache lines
} lk_vector_product;

// `start` (float32) has rows `row_start` numbers apart and may be C; bias (columns); both may be NULL.
void lk_multiply_vectors(
    const lk_vector_product *shape, const float *a, const float *b, const float *bias,
    const float *start, size_t row_start, void *c);

// Panels of x: of A (extent = rows) or of B (extent = columns). x lies (extent, inner), or (inner, extent) where
// it is `transposed`; `stride` numbers from one stored row to the next.
typedef struct {
    int type;
    const void *x;
    size_t stride, extent, inner;
    bool transposed;
} lk_vector_packing;

void lk_pack_vector_rows(const lk_vector_packing *packing, float *panels);
void lk_pack_vector_columns(const lk_vector_packing *packing, float *panels);

#endif
