// Matrix tiles: sixteen rows of 64 bytes, of which the processor multiplies two at once and adds the products to
// a third (AMX). The same names stand for its instructions and for plain C that does what they do: the loops
// of tile_loops.h are one text, tested on every machine.
// Source: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2, TDPBF16PS.
#ifndef LOCKSTEP_TILES_H
#define LOCKSTEP_TILES_H

#include "pairs.h"

// A tile has 16 rows: of A 32 numbers each, of B 16 pairs, of C 16 sums. Blocks of C are two tiles high and
// wide: four of the eight tiles.
enum { SIDE = 16, BLOCK = 2 * SIDE, TERMS = 32, STEP = BLOCK * TERMS };

// A block of C that is made, but not yet stored.
typedef struct {
    const float *sums;  // (32, 32); NULL: none
    size_t at;          // of its first number in C
    size_t rows, columns;
    const float *bias;  // of its columns, or NULL
    const float *start; // C's beginning, or NULL
} tile_block;

// What the instructions do, a register being an array of its own.
typedef union {
    bf16 numbers[SIDE][TERMS];
    float sums[SIDE][SIDE];
} plain_tile;

INLINE void plain_load(plain_tile *t, const void *p, size_t bytes) {
    for (size_t i = 0; i < SIDE; i++) memcpy(t->numbers[i], (const char *)p + i * bytes, 64);
}

INLINE void plain_store(const plain_tile *t, void *p, size_t bytes) {
    for (size_t i = 0; i < SIDE; i++) memcpy((char *)p + i * bytes, t->sums[i], 64);
}

// Numbers below the smallest normal one count as zeros.
INLINE float plain_flushed(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

// Sums of even and of odd terms, then both.
CLONES static void plain_multiply(plain_tile *c, const plain_tile *a, const plain_tile *b) {
#pragma clang fp reassociate(off)
    for (size_t m = 0; m < SIDE; m++)
        for (size_t n = 0; n < SIDE; n++) {
            float sums[2] = {0, 0};
            for (size_t k = 0; k < TERMS; k++) {
                float x = plain_flushed(load_bf16(&a->numbers[m][k]));
                float y = plain_flushed(load_bf16(&b->numbers[k / 2][2 * n + k % 2]));
                sums[k % 2] = plain_flushed(fmaf(x, y, sums[k % 2]));
            }
            float sum = plain_flushed(sums[0] + sums[1]);
            c->sums[m][n] = plain_flushed(plain_flushed(c->sums[m][n]) + sum);
        }
}

#endif
