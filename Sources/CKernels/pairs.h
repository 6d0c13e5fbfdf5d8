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

// Transposes 16 × 16 numbers of 32 bits.
VECTOR_INLINE void transpose(__m512i x[16]) {
    __m512i y[16];
    UNROLL for (int i = 0; i < 16; i += 2) {
        y[i] = _mm512_unpacklo_epi32(x[i], x[i + 1]);
        y[i + 1] = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    }
    UNROLL for (int i = 0; i < 16; i += 4)
        UNROLL for (int j = 0; j < 2; j++) {
            x[i + 2 * j] = _mm512_unpacklo_epi64(y[i + j], y[i + j + 2]);
            x[i + 2 * j + 1] = _mm512_unpackhi_epi64(y[i + j], y[i + j + 2]);
        }
    UNROLL for (int i = 0; i < 16; i += 8)
        UNROLL for (int j = 0; j < 4; j++) {
            y[i + j] = _mm512_shuffle_i32x4(x[i + j], x[i + j + 4], 0x88);
            y[i + j + 4] = _mm512_shuffle_i32x4(x[i + j], x[i + j + 4], 0xdd);
        }
    UNROLL for (int j = 0; j < 8; j++) {
        x[j] = _mm512_shuffle_i32x4(y[j], y[j + 8], 0x88);
        x[j + 8] = _mm512_shuffle_i32x4(y[j], y[j + 8], 0xdd);
    }
}
#endif

#endif
