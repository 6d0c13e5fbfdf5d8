// The products of low_rank_products.c for processors that multiply bfloat16 numbers in pairs
// (AVX-512 BF16), in low_rank_pairs.c.
#ifndef LOCKSTEP_LOW_RANK_PRODUCTS_H
#define LOCKSTEP_LOW_RANK_PRODUCTS_H

#include "vectors.h"

enum { LANES = 8 };

// As lk_low_rank_reduce, _expand and _gather; the large operand is bfloat16 or float32.
void reduce_pairs(
    const lk_low_rank *s, int type, const void *x, const void *packed, float scale, float *inner,
    size_t rows);
void expand_pairs(
    const lk_low_rank *s, const float *inner, const void *packed, int type, void *y, bool add,
    size_t rows);
void gather_pairs(
    const lk_low_rank *s, const float *inner, int type, const void *x, float *sums, size_t rows);

#endif
