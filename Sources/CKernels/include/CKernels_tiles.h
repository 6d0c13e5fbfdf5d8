// Products on matrix tiles; a part of CKernels.h.
#ifndef LOCKSTEP_CKERNELS_TILES_H
#define LOCKSTEP_CKERNELS_TILES_H

#include <stdbool.h>
#include <stddef.h>

// tile_products.c: what lk_multiply_pairs does, on matrix tiles (AMX), 32 rows and columns of C at a time, for
// bfloat16 A and B. B stands in panels of 32 columns, (columns/32, inner/2, 32) pairs along the extent summed
// over, whole multiples of 32; A as it is, or in blocks of 32 rows, (inner/32, 2, 16, 32) each. Zeros stand for
// what is missing.
enum { LK_TILE_BLOCK = 32 };

// Whether the processor has them and the system saves them for this program, which is asked here.
bool lk_has_tiles(void);

typedef struct {
    size_t rows, columns, inner;
    int part;
    ptrdiff_t seen;
    size_t row_a;            // numbers from one row of A to the next of a tile's 16,
    size_t step_a;           // from 32 terms to the next 32,
    size_t half_a, block_a;  // from 16 rows to the next 16, and from 32 to the next 32
    size_t panel_b;          // from one panel of B to the next
    size_t row_c;
    bool padded;             // A's tiles are whole
    bool narrow;             // C is bfloat16
    bool streams;            // C goes past the caches; its rows begin at whole cache lines
} lk_tile_product;

// Panels of B that are made ready, 32 terms of 32 columns at a time.
typedef struct {
    const void *x;
    size_t stride;         // numbers from one stored row to the next
    size_t extent, inner;  // columns and terms
    bool transposed;       // x is (columns, inner), else (inner, columns)
    size_t panel;          // numbers from one panel to the next
    void *y;
} lk_tile_packing;

static inline size_t lk_tile_steps(const lk_tile_packing *packing) {
    return (packing->extent + LK_TILE_BLOCK - 1) / LK_TILE_BLOCK * ((packing->inner + 31) / 32);
}
// Some of its steps.
void lk_pack_tile_steps(const lk_tile_packing *packing, size_t first, size_t end);
// A in blocks; x (rows, inner), or (inner, rows) where it is transposed.
void lk_pack_tile_rows(
    const void *x, size_t stride, size_t rows, size_t inner, bool transposed, void *y);
// Sums begin with `partial` (blocks of 32 × 32, those of 32 rows of A one after the other) and, where they are
// not all made yet, go to `sums`, which lies so and may be the same, instead of C. Both and `bias`, `start` may
// be NULL. Emulated: in plain C that rounds as the processor does.
void lk_multiply_tiles(
    const lk_tile_product *shape, const void *a, const void *panels, const float *bias,
    const float *start, const float *partial, float *sums, void *c, bool emulated);

#endif
