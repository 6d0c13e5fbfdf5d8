// What the products of few rows with a weight have in common, of one number at a time and of pairs.
#ifndef LOCKSTEP_FEW_ROWS_H
#define LOCKSTEP_FEW_ROWS_H

#include "elements.h"

// The most rows whose sums are made at once, sums that are made together of a row, those that one step of adding up
// the lanes gives.
enum { TALL = 8, STRIP = 64, QUAD = 4 };

// Four short rows read side by side are no stream that the processor's prefetcher recognizes; asking
// for the bytes of a tile in the order in which they lie makes it twice as fast. In bytes ahead, and into the
// second cache: the first has too few places for lines that are on their way from memory.
enum { AHEAD = 8192 };
#define ASK_AHEAD(P) __builtin_prefetch(P, 0, 2)

// y = sums (+ bias) (+ y) of one row's columns from `first` on, in y's type. A loop a case: a vector's masked
// load of no bias, at address 0, takes hundreds of cycles.
#define DEFINE_FINISH(TYPE)                                                                        \
    INLINE void finish_##TYPE(                                                                     \
        const lk_few_rows *shape, float *sums, size_t width, size_t row, size_t first, TYPE *y) {  \
        y += row * shape->stride_y + first;                                                        \
        if (shape->bias)                                                                           \
            for (size_t c = 0; c < width; c++) sums[c] += shape->bias[first + c];                  \
        if (shape->accumulate)                                                                     \
            for (size_t c = 0; c < width; c++) sums[c] += load_##TYPE(y + c);                      \
        for (size_t c = 0; c < width; c++) store_##TYPE(y + c, sums[c]);                           \
    }
FOR_EACH_TYPE(DEFINE_FINISH)

#endif
