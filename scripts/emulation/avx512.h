// AVX-512 and its bfloat16 instructions in plain C, by SIMDe, for processors that have neither. Read before every source
// of CKernels (-include), with this folder before the compiler's own, it makes the loops of pairs run anywhere, slowly.
#ifndef EMULATED_AVX512_H
#define EMULATED_AVX512_H

#define SIMDE_ENABLE_NATIVE_ALIASES
#define SIMDE_NO_NATIVE
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t __mmask16;
typedef uint32_t __mmask32;

// What SIMDe 0.7.4 lacks. Semantics: Intel's Intrinsics Guide.
#define EMULATED static inline __attribute__((always_inline))

#define WIDEN(NAME, RESULT, SOURCE, FROM, TO, COUNT)                                               \
    EMULATED RESULT NAME(SOURCE x) {                                                               \
        FROM from[COUNT];                                                                          \
        TO to[COUNT];                                                                              \
        memcpy(from, &x, sizeof from);                                                             \
        for (int i = 0; i < COUNT; i++) to[i] = (TO)from[i];                                       \
        RESULT result;                                                                             \
        memcpy(&result, to, sizeof to);                                                            \
        return result;                                                                             \
    }
WIDEN(_mm512_cvtepu8_epi32, __m512i, __m128i, uint8_t, int32_t, 16)
WIDEN(_mm512_cvtepi8_epi32, __m512i, __m128i, int8_t, int32_t, 16)
WIDEN(_mm512_cvtepu8_epi16, __m512i, __m256i, uint8_t, uint16_t, 32)
WIDEN(_mm512_cvtepu16_epi32, __m512i, __m256i, uint16_t, uint32_t, 16)
WIDEN(_mm512_cvtepi32_ps, __m512, __m512i, int32_t, float, 16)

EMULATED uint16_t emulated_bfloat16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

#define NARROW(NAME, RESULT, SOURCE, COUNT)                                                        \
    EMULATED RESULT NAME(SOURCE x) {                                                               \
        float from[COUNT];                                                                         \
        uint16_t to[COUNT];                                                                        \
        memcpy(from, &x, sizeof from);                                                             \
        for (int i = 0; i < COUNT; i++) to[i] = emulated_bfloat16(from[i]);                        \
        RESULT result;                                                                             \
        memcpy(&result, to, sizeof to);                                                            \
        return result;                                                                             \
    }
NARROW(_mm256_cvtneps_pbh, __m128bh, __m256, 8)
NARROW(_mm512_cvtneps_pbh, __m256bh, __m512, 16)

EMULATED __m512bh _mm512_cvtne2ps_pbh(__m512 upper, __m512 lower) {
    __m256bh both[2] = {_mm512_cvtneps_pbh(lower), _mm512_cvtneps_pbh(upper)};
    __m512bh result;
    memcpy(&result, both, sizeof both);
    return result;
}

#define MASKED(LOAD, STORE, TYPE, MASK, NUMBER, COUNT)                                             \
    EMULATED TYPE LOAD(MASK mask, const void *p) {                                                 \
        NUMBER to[COUNT] = {0};                                                                    \
        for (int i = 0; i < COUNT; i++)                                                            \
            if (mask >> i & 1) memcpy(&to[i], (const NUMBER *)p + i, sizeof *to);                  \
        TYPE result;                                                                               \
        memcpy(&result, to, sizeof to);                                                            \
        return result;                                                                             \
    }                                                                                              \
    EMULATED void STORE(void *p, MASK mask, TYPE x) {                                              \
        NUMBER from[COUNT];                                                                        \
        memcpy(from, &x, sizeof from);                                                             \
        for (int i = 0; i < COUNT; i++)                                                            \
            if (mask >> i & 1) memcpy((NUMBER *)p + i, &from[i], sizeof *from);                    \
    }
MASKED(_mm512_maskz_loadu_ps, _mm512_mask_storeu_ps, __m512, __mmask16, float, 16)
MASKED(_mm512_maskz_loadu_epi16, _mm512_mask_storeu_epi16, __m512i, __mmask32, uint16_t, 32)
MASKED(_mm256_maskz_loadu_epi16, _mm256_mask_storeu_epi16, __m256i, __mmask16, uint16_t, 16)

EMULATED __m256 _mm512_extractf32x8_ps(__m512 x, int half) {
    __m256 result;
    memcpy(&result, (const char *)&x + 32 * half, 32);
    return result;
}
EMULATED void _mm512_stream_ps(void *p, __m512 x) { memcpy(p, &x, 64); }
EMULATED __m512 _mm512_shuffle_f32x4(__m512 a, __m512 b, int order) {
    __m512 result;
    for (int i = 0; i < 4; i++)
        memcpy(
            (char *)&result + 16 * i,
            (const char *)(i < 2 ? &a : &b) + 16 * (order >> 2 * i & 3), 16);
    return result;
}

// No function is for another processor than this one, and every question is answered yes.
#define target(...)
#define target_clones(...)
#define __builtin_cpu_supports(...) 1

EMULATED __m512 _mm512_permute_ps(__m512 x, int places) {
    float from[16], to[16];
    memcpy(from, &x, sizeof from);
    for (int i = 0; i < 16; i++) to[i] = from[i / 4 * 4 + (places >> 2 * (i % 4) & 3)];
    __m512 result;
    memcpy(&result, to, sizeof to);
    return result;
}

#endif
