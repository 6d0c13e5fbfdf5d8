// For loops over bfloat16 numbers in pairs (AVX-512 BF16): one instruction multiplies two numbers of a
// lane with two others and adds both to the lane's float32.
#ifndef LOCKSTEP_PAIRS_H
#define LOCKSTEP_PAIRS_H

#include "vectors.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define VECTOR                                                                                     \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c")))
#define VECTOR_INLINE VECTOR static inline __attribute__((always_inline))

VECTOR_INLINE int32_t pair_at(const void *p) {
    int32_t pair;
    memcpy(&pair, p, 4);
    return pair;
}

// The lanes of the first n of 32 numbers.
VECTOR_INLINE __mmask32 first_of(size_t n) { return n < 32 ? (1u << n) - 1 : ~0u; }
#endif

#endif
