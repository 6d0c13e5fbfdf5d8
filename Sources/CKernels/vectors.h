// Sixteen float32 numbers at a time, loaded from any element type. For loops that the compiler would
// not keep in registers by itself. Macros, not functions: a vector argument would tie a clone to
// another's calling convention.
#ifndef LOCKSTEP_VECTORS_H
#define LOCKSTEP_VECTORS_H

#include "elements.h"

typedef float f32x16 __attribute__((vector_size(64)));
typedef float f32x8 __attribute__((vector_size(32)));
typedef float f32x4 __attribute__((vector_size(16)));
typedef uint32_t u32x16 __attribute__((vector_size(64)));
typedef uint16_t u16x16 __attribute__((vector_size(32)));
typedef _Float16 f16x16 __attribute__((vector_size(32)));

#define LOAD16_f32(V, P) memcpy(&(V), (P), 64)
#define LOAD16_bf16(V, P)                                                                          \
    do {                                                                                           \
        u16x16 narrow_;                                                                            \
        memcpy(&narrow_, (P), 32);                                                                 \
        u32x16 wide_ = __builtin_convertvector(narrow_, u32x16) << 16;                             \
        memcpy(&(V), &wide_, 64);                                                                  \
    } while (0)
#define LOAD16_f16(V, P)                                                                           \
    do {                                                                                           \
        f16x16 narrow_;                                                                            \
        memcpy(&narrow_, (P), 32);                                                                 \
        (V) = __builtin_convertvector(narrow_, f32x16);                                            \
    } while (0)
#define STORE16(P, V) memcpy((P), &(V), 64)

// SUM += the sixteen numbers of V.
#define ADD_LANES(SUM, V)                                                                          \
    do {                                                                                           \
        f32x8 eight_ = __builtin_shufflevector(V, V, 0, 1, 2, 3, 4, 5, 6, 7)                       \
            + __builtin_shufflevector(V, V, 8, 9, 10, 11, 12, 13, 14, 15);                         \
        f32x4 four_ = __builtin_shufflevector(eight_, eight_, 0, 1, 2, 3)                          \
            + __builtin_shufflevector(eight_, eight_, 4, 5, 6, 7);                                 \
        (SUM) += (four_[0] + four_[2]) + (four_[1] + four_[3]);                                    \
    } while (0)

#define UNROLL _Pragma("clang loop unroll(full)")

#endif
