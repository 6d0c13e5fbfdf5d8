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

// SUM += the eight or sixteen numbers of V.
#define ADD_LANES8(SUM, V)                                                                         \
    do {                                                                                           \
        f32x4 four_ = __builtin_shufflevector(V, V, 0, 1, 2, 3)                                    \
            + __builtin_shufflevector(V, V, 4, 5, 6, 7);                                           \
        (SUM) += (four_[0] + four_[2]) + (four_[1] + four_[3]);                                    \
    } while (0)
#define ADD_LANES16(SUM, V)                                                                        \
    do {                                                                                           \
        f32x8 eight_ = __builtin_shufflevector(V, V, 0, 1, 2, 3, 4, 5, 6, 7)                       \
            + __builtin_shufflevector(V, V, 8, 9, 10, 11, 12, 13, 14, 15);                         \
        ADD_LANES8(SUM, eight_);                                                                   \
    } while (0)

#define UNROLL _Pragma("clang loop unroll(full)")

#endif
