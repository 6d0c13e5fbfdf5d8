// Sixteen float32 numbers at a time, or eight, loaded from any element type. For loops that the compiler would
// not keep in registers by itself. Macros, not functions: a vector argument would tie a clone to
// another's calling convention.
#ifndef LOCKSTEP_VECTORS_H
#define LOCKSTEP_VECTORS_H

#include "elements.h"

typedef float f32x16 __attribute__((vector_size(64)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x8 __attribute__((vector_size(32)));
typedef uint16_t u16x8 __attribute__((vector_size(16)));
typedef _Float16 f16x8 __attribute__((vector_size(16)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef _Float16 f16x16 __attribute__((vector_size(32)));

#define LOAD_f32(N, V, P) memcpy(&(V), (P), sizeof(V))
#define LOAD_bf16(N, V, P)                                                                         \
    do {                                                                                           \
        u16x##N narrow_;                                                                           \
        memcpy(&narrow_, (P), sizeof narrow_);                                                     \
        u32x##N wide_ = __builtin_convertvector(narrow_, u32x##N) << 16;                           \
        memcpy(&(V), &wide_, sizeof wide_);                                                        \
    } while (0)
#define LOAD_f16(N, V, P)                                                                          \
    do {                                                                                           \
        f16x##N narrow_;                                                                           \
        memcpy(&narrow_, (P), sizeof narrow_);                                                     \
        (V) = __builtin_convertvector(narrow_, f32x##N);                                           \
    } while (0)
#define LOAD16_f32(V, P) LOAD_f32(16, V, P)
#define LOAD16_bf16(V, P) LOAD_bf16(16, V, P)
#define LOAD16_f16(V, P) LOAD_f16(16, V, P)
#define LOAD8_f32(V, P) LOAD_f32(8, V, P)
#define LOAD8_bf16(V, P) LOAD_bf16(8, V, P)
#define LOAD8_f16(V, P) LOAD_f16(8, V, P)
#define STORE16(P, V) memcpy((P), &(V), 64)

// FOUR = the sums of the sixteen or eight numbers of each of A, B, C and D: of each group of four lanes
// (0 + 2) + (1 + 3), then of the groups in pairs.
#define SUMS_OF_LANES16(FOUR, A, B, C, D)                                                          \
    do {                                                                                           \
        f32x16 first_ = __builtin_shufflevector(                                                   \
                   A, B, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)                 \
            + __builtin_shufflevector(                                                             \
                   A, B, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);              \
        f32x16 second_ = __builtin_shufflevector(                                                  \
                   C, D, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)                 \
            + __builtin_shufflevector(                                                             \
                   C, D, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);              \
        f32x16 groups_ = __builtin_shufflevector(                                                  \
                   first_, second_, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)      \
            + __builtin_shufflevector(                                                             \
                   first_, second_, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31);   \
        (FOUR) = (__builtin_shufflevector(groups_, groups_, 0, 1, 2, 3)                            \
                  + __builtin_shufflevector(groups_, groups_, 4, 5, 6, 7))                         \
            + (__builtin_shufflevector(groups_, groups_, 8, 9, 10, 11)                             \
               + __builtin_shufflevector(groups_, groups_, 12, 13, 14, 15));                       \
    } while (0)
#define SUMS_OF_LANES8(FOUR, A, B, C, D)                                                           \
    do {                                                                                           \
        f32x8 first_ = __builtin_shufflevector(A, B, 0, 8, 1, 9, 4, 12, 5, 13)                     \
            + __builtin_shufflevector(A, B, 2, 10, 3, 11, 6, 14, 7, 15);                           \
        f32x8 second_ = __builtin_shufflevector(C, D, 0, 8, 1, 9, 4, 12, 5, 13)                    \
            + __builtin_shufflevector(C, D, 2, 10, 3, 11, 6, 14, 7, 15);                           \
        f32x8 groups_ = __builtin_shufflevector(first_, second_, 0, 1, 8, 9, 4, 5, 12, 13)         \
            + __builtin_shufflevector(first_, second_, 2, 3, 10, 11, 6, 7, 14, 15);                \
        (FOUR) = __builtin_shufflevector(groups_, groups_, 0, 1, 2, 3)                             \
            + __builtin_shufflevector(groups_, groups_, 4, 5, 6, 7);                               \
    } while (0)

#define UNROLL _Pragma("clang loop unroll(full)")

#endif
