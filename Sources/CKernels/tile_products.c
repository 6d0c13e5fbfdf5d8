#include "tiles.h"
#if defined(__linux__) && defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

// What causality leaves of a block: which of its columns and terms; false: nothing.
INLINE bool part_of_block(
    const lk_tile_product *s, size_t row, size_t rows, size_t column, size_t *columns, size_t *first,
    size_t *end) {
    ptrdiff_t seen = s->seen + (ptrdiff_t)(row + rows) - 1, unseeing = (ptrdiff_t)row - s->seen + 1;
    switch (s->part) {
    case LK_COLUMNS_SEEN:
        if (seen <= (ptrdiff_t)column) return false;
        if (seen - (ptrdiff_t)column <= SIDE && *columns > SIDE) *columns = SIDE;
        return true;
    case LK_INNER_SEEN:
        if (seen < (ptrdiff_t)*end) *end = seen > 0 ? ((size_t)seen + TERMS - 1) / TERMS * TERMS : 0;
        if (*end > s->inner) *end = s->inner;
        return true;
    case LK_INNER_SEEING:
        if (unseeing > 0) *first = (size_t)unseeing / TERMS * TERMS;
        if (*first > *end) *first = *end;
        return true;
    default: return true;
    }
}

// In plain C.
#define NAME(X) plain_##X
#define IN static inline
#define TILE_BEGIN plain_tile tiles[8];
#define TILE_END
#define STREAM_END
#define TILE_REGISTERS , plain_tile *tiles
#define TILE_ARGUMENT , tiles
#define TILE_ZERO(T) memset(&tiles[T], 0, sizeof tiles[T])
#define TILE_LOAD(T, P, BYTES) plain_load(&tiles[T], P, BYTES)
#define TILE_STORE(T, P, BYTES) plain_store(&tiles[T], P, BYTES)
#define TILE_MULTIPLY(C, A, B) plain_multiply(&tiles[C], &tiles[A], &tiles[B])
#define FINISH_ROW plain_row
static void plain_row(
    const lk_tile_product *s, const float *sums, const float *bias, const float *start, void *c,
    size_t at, size_t columns) {
    for (size_t i = 0; i < columns; i++) {
        float sum = sums[i] + (bias ? bias[i] : 0) + (start ? start[at + i] : 0);
        if (s->narrow) store_bf16((bf16 *)c + at + i, sum);
        else ((float *)c)[at + i] = sum;
    }
}
#include "tile_loops.h"
#undef NAME
#undef IN
#undef TILE_BEGIN
#undef TILE_END
#undef STREAM_END
#undef TILE_REGISTERS
#undef TILE_ARGUMENT
#undef TILE_ZERO
#undef TILE_LOAD
#undef TILE_STORE
#undef TILE_MULTIPLY
#undef TILE_STEP
#undef EACH_TILE
#undef CLEAR_TILE
#undef FINISH_ROW

#if defined(__x86_64__)
#define TILES                                                                                      \
    __attribute__((target(                                                                         \
        "amx-tile,amx-bf16,avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx2,fma,f16c")))

// Sixteen rows of 64 bytes in each of the eight tiles.
static const struct {
    uint8_t palette, start, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} configuration = {
    .palette = 1,
    .bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

#define NAME(X) native_##X
#define IN TILES static inline __attribute__((always_inline))
#define TILE_BEGIN _tile_loadconfig(&configuration);
#define TILE_END _tile_release();
#define STREAM_END _mm_sfence()
#define TILE_REGISTERS
#define TILE_ARGUMENT
#define TILE_ZERO(T) _tile_zero(T)
#define TILE_LOAD(T, P, BYTES) _tile_loadd(T, P, BYTES)
#define TILE_STORE(T, P, BYTES) _tile_stored(T, P, BYTES)
#define TILE_MULTIPLY(C, A, B) _tile_dpbf16ps(C, A, B)
#define FINISH_ROW native_row
IN void native_row(
    const lk_tile_product *s, const float *sums, const float *bias, const float *start, void *c,
    size_t at, size_t columns) {
    __mmask16 first = columns < SIDE ? (__mmask16)((1u << columns) - 1) : 0xffff;
    __mmask16 last = columns <= SIDE ? 0 : (__mmask16)((1u << (columns - SIDE)) - 1);
    __m512 x = _mm512_load_ps(sums), y = _mm512_load_ps(sums + SIDE);
    if (bias) {
        x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(first, bias));
        y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(last, bias + SIDE));
    }
    if (start) {
        x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(first, start + at));
        y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(last, start + at + SIDE));
    }
    if (s->narrow) {
        __mmask32 both = first | (__mmask32)last << SIDE;
        _mm512_mask_storeu_epi16((bf16 *)c + at, both, (__m512i)_mm512_cvtne2ps_pbh(y, x));
    } else if (s->streams && last == 0xffff) {
        _mm512_stream_ps((float *)c + at, x);
        _mm512_stream_ps((float *)c + at + SIDE, y);
    } else {
        _mm512_mask_storeu_ps((float *)c + at, first, x);
        _mm512_mask_storeu_ps((float *)c + at + SIDE, last, y);
    }
}
#include "tile_loops.h"

// The system saves tiles only for programs that asked.
static bool permitted(void) {
#if defined(__linux__)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return false;
#endif
}
bool lk_has_tiles(void) {
    // Sums are stored by AVX-512 BF16, which a virtual machine may hide.
    return __builtin_cpu_supports("amx-bf16") && __builtin_cpu_supports("amx-tile")
        && lk_has_pair_products() && permitted();
}

TILES static void multiply_natively(
    const lk_tile_product *s, const bf16 *a, const bf16 *panels, const float *bias, const float *start,
    const float *partial, float *sums, void *c) {
    native_product(s, a, panels, bias, start, partial, sums, c);
}
#else
bool lk_has_tiles(void) { return false; }
#endif

void lk_multiply_tiles(
    const lk_tile_product *s, const void *a, const void *panels, const float *bias, const float *start,
    const float *partial, float *sums, void *c, bool emulated) {
#if defined(__x86_64__)
    if (!emulated) {
        multiply_natively(s, a, panels, bias, start, partial, sums, c);
        return;
    }
#endif
    plain_product(s, a, panels, bias, start, partial, sums, c);
}
