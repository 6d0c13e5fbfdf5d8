#include "low_rank_products.h"

// Products with a matrix of at most some dozens of rows (the rank), for operands of any type. Each
// reads the large operand once, in order; sums are float32. The ranks are padded with zeros to full
// vectors, the widths to full tiles, so that only the large operand has ends to look after.

enum { ROWS = 8, CHUNK = 256, TILE = 32, GROUP = 4 };

static size_t rounded_up(size_t n, size_t step) { return (n + step - 1) / step * step; }

lk_low_rank lk_low_rank_shape(int type, size_t rank, size_t width) {
    return (lk_low_rank){
        .rank = rank,
        .width = width,
        .stride = width,
        .padded_rank = rounded_up(rank, LANES),
        .padded_width = rounded_up(width, TILE),
        .pairs = type == LK_BFLOAT16 && lk_has_pair_products(),
    };
}

// Where element (k, i) of the matrix lies in its packed form: for expand all ranks of a tile of columns, then the next
// tile; for reduce all ranks of a column, then the next. So each is read as one stream.
INLINE size_t place(const lk_low_rank *s, bool rank_first, size_t k, size_t i) {
    size_t tile = i / TILE * TILE * s->padded_rank, at = i % TILE;
    if (!s->pairs) return rank_first ? tile + k * TILE + at : i * s->padded_rank + k;
    return rank_first ? tile + 2 * (k / 2 * TILE + at) + k % 2
                      : 2 * (i / 2 * s->padded_rank + k) + i % 2;
}

#define DEFINE_PACK(TYPE)                                                                          \
    INLINE void pack_##TYPE(                                                                       \
        const lk_low_rank *s, const TYPE *w, size_t stride_rank, size_t stride_width,              \
        const bool rank_first, void *packed, size_t first, size_t last) {                          \
        for (size_t k = 0; k < s->padded_rank; k++) {                                              \
            for (size_t i = first; i < last; i++) {                                                \
                bool inside = k < s->rank && i < s->width;                                         \
                float value = inside ? load_##TYPE(w + k * stride_rank + i * stride_width) : 0;    \
                size_t at = place(s, rank_first, k, i);                                            \
                if (s->pairs)                                                                      \
                    store_bf16((bf16 *)packed + at, value);                                        \
                else                                                                               \
                    ((float *)packed)[at] = value;                                                 \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    CLONES static void pack_any_##TYPE(                                                            \
        const lk_low_rank *s, const TYPE *w, size_t stride_rank, size_t stride_width,              \
        bool rank_first, void *packed, size_t first, size_t last) {                                \
        if (rank_first)                                                                            \
            pack_##TYPE(s, w, stride_rank, stride_width, true, packed, first, last);               \
        else                                                                                       \
            pack_##TYPE(s, w, stride_rank, stride_width, false, packed, first, last);              \
    }
FOR_EACH_TYPE(DEFINE_PACK)

void lk_low_rank_pack(
    const lk_low_rank *shape, int type, const void *w, size_t stride_rank, size_t stride_width,
    bool rank_first, void *packed, size_t first, size_t last) {
    DISPATCH(type, pack_any, shape, w, stride_rank, stride_width, rank_first, packed, first, last)
}

// inner (rows, padded rank) = scale · x (rows, width) Wᵀ. Eight ranks side by side in a vector,
// eight rows at a time: no sums across lanes.
#define DEFINE_REDUCE(TYPE)                                                                        \
    CLONES static void reduce_##TYPE(                                                              \
        const lk_low_rank *s, const TYPE *x, const float *packed, float scale, float *inner,       \
        size_t rows) {                                                                             \
        float tile[ROWS][CHUNK];                                                                   \
        for (size_t r = 0; r < rows; r += ROWS) {                                                  \
            size_t height = rows - r < ROWS ? rows - r : ROWS;                                     \
            for (size_t start = 0; start < s->width || start == 0; start += CHUNK) {               \
                size_t n = s->width - start < CHUNK ? s->width - start : CHUNK;                    \
                for (size_t j = 0; j < ROWS; j++) {                                                \
                    const TYPE *p = x + (r + (j < height ? j : 0)) * s->width + start;             \
                    for (size_t i = 0; i < n; i++) tile[j][i] = load_##TYPE(p + i);                \
                }                                                                                  \
                for (size_t k = 0; k < s->padded_rank; k += LANES) {                               \
                    f32x8 sums[ROWS] = {{0}};                                                      \
                    const float *w = packed + start * s->padded_rank + k;                          \
                    for (size_t i = 0; i < n; i++, w += s->padded_rank) {                          \
                        f32x8 weights;                                                             \
                        memcpy(&weights, w, sizeof weights);                                       \
                        UNROLL for (int j = 0; j < ROWS; j++) sums[j] += weights * tile[j][i];     \
                    }                                                                              \
                    for (size_t j = 0; j < height; j++) {                                          \
                        float *out = inner + (r + j) * s->padded_rank + k;                         \
                        f32x8 total = sums[j] * scale, before;                                     \
                        memcpy(&before, out, sizeof before);                                       \
                        if (start > 0) total += before;                                            \
                        memcpy(out, &total, sizeof total);                                         \
                    }                                                                              \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_REDUCE)

// HEIGHT rows of y (…, width) = or += inner (…, padded rank) W, W (tiles, padded rank, TILE).
#define DEFINE_EXPAND(TYPE)                                                                        \
    INLINE void expand_rows_##TYPE(                                                                \
        const lk_low_rank *s, const float *inner, const float *packed, TYPE *y, bool add,          \
        const int HEIGHT) {                                                                        \
        for (size_t start = 0; start < s->width; start += TILE) {                                  \
            size_t n = s->width - start < TILE ? s->width - start : TILE;                          \
            float ends[GROUP][TILE] = {{0}};                                                       \
            f32x16 sums[GROUP][2] = {{{0}}};                                                       \
            if (add && n == TILE) {                                                                \
                UNROLL for (int j = 0; j < HEIGHT; j++)                                            \
                    UNROLL for (int v = 0; v < 2; v++)                                             \
                        LOAD16_##TYPE(sums[j][v], y + j * s->stride + start + 16 * v);             \
            } else if (add) {                                                                      \
                for (int j = 0; j < HEIGHT; j++)                                                   \
                    for (size_t i = 0; i < n; i++)                                                 \
                        ends[j][i] = load_##TYPE(y + j * s->stride + start + i);                   \
                UNROLL for (int j = 0; j < HEIGHT; j++)                                            \
                    UNROLL for (int v = 0; v < 2; v++) LOAD16_f32(sums[j][v], ends[j] + 16 * v);   \
            }                                                                                      \
            const float *w = packed + start * s->padded_rank;                                      \
            for (size_t k = 0; k < s->rank; k++, w += TILE) {                                      \
                f32x16 weights[2];                                                                 \
                UNROLL for (int v = 0; v < 2; v++) LOAD16_f32(weights[v], w + 16 * v);             \
                UNROLL for (int j = 0; j < HEIGHT; j++)                                            \
                    UNROLL for (int v = 0; v < 2; v++)                                             \
                        sums[j][v] += weights[v] * inner[j * s->padded_rank + k];                  \
            }                                                                                      \
            UNROLL for (int j = 0; j < HEIGHT; j++)                                                \
                UNROLL for (int v = 0; v < 2; v++) STORE16(ends[j] + 16 * v, sums[j][v]);          \
            for (int j = 0; j < HEIGHT; j++) {                                                     \
                TYPE *p = y + j * s->stride + start;                                               \
                if (n == TILE)                                                                     \
                    UNROLL for (size_t i = 0; i < TILE; i++) store_##TYPE(p + i, ends[j][i]);      \
                else                                                                               \
                    for (size_t i = 0; i < n; i++) store_##TYPE(p + i, ends[j][i]);                \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    CLONES static void expand_##TYPE(                                                              \
        const lk_low_rank *s, const float *inner, const float *packed, TYPE *y, bool add,          \
        size_t rows) {                                                                             \
        size_t r = 0;                                                                              \
        for (; r + GROUP <= rows; r += GROUP)                                                      \
            expand_rows_##TYPE(                                                                    \
                s, inner + r * s->padded_rank, packed, y + r * s->stride, add, GROUP);             \
        for (; r < rows; r++)                                                                      \
            expand_rows_##TYPE(s, inner + r * s->padded_rank, packed, y + r * s->stride, add, 1);  \
    }
FOR_EACH_TYPE(DEFINE_EXPAND)

// sums (padded rank, padded width) += innerᵀ x, with x (rows, width). A tile of sums stays in
// registers.
#define DEFINE_GATHER(TYPE)                                                                        \
    CLONES static void gather_##TYPE(                                                              \
        const lk_low_rank *s, const float *inner, const TYPE *x, float *sums, size_t rows) {       \
        for (size_t start = 0; start < s->width; start += 16) {                                    \
            size_t n = s->width - start < 16 ? s->width - start : 16;                              \
            for (size_t k = 0; k < s->padded_rank; k += LANES) {                                   \
                f32x16 totals[LANES];                                                              \
                float *out = sums + k * s->padded_width + start;                                   \
                UNROLL for (int j = 0; j < LANES; j++)                                             \
                    LOAD16_f32(totals[j], out + j * s->padded_width);                              \
                const float *factors = inner + k;                                                  \
                const TYPE *p = x + start;                                                         \
                for (size_t r = 0; r < rows; r++, p += s->width, factors += s->padded_rank) {      \
                    f32x16 numbers;                                                                \
                    if (n == 16) {                                                                 \
                        LOAD16_##TYPE(numbers, p);                                                 \
                    } else {                                                                       \
                        float ends[16] = {0};                                                      \
                        for (size_t i = 0; i < n; i++) ends[i] = load_##TYPE(p + i);               \
                        LOAD16_f32(numbers, ends);                                                 \
                    }                                                                              \
                    UNROLL for (int j = 0; j < LANES; j++) totals[j] += numbers * factors[j];      \
                }                                                                                  \
                UNROLL for (int j = 0; j < LANES; j++)                                             \
                    STORE16(out + j * s->padded_width, totals[j]);                                 \
            }                                                                                      \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_GATHER)

void lk_low_rank_reduce(
    const lk_low_rank *shape, int type, const void *x, const void *packed, float scale,
    float *inner, size_t rows) {
    if (shape->pairs) {
        reduce_pairs(shape, type, x, packed, scale, inner, rows);
    } else {
        DISPATCH(type, reduce, shape, x, packed, scale, inner, rows)
    }
}

void lk_low_rank_expand(
    const lk_low_rank *shape, const float *inner, const void *packed, int type, void *y, bool add,
    size_t rows) {
    if (shape->pairs) {
        expand_pairs(shape, inner, packed, type, y, add, rows);
    } else {
        DISPATCH(type, expand, shape, inner, packed, y, add, rows)
    }
}

void lk_low_rank_expand_columns(
    const lk_low_rank *shape, const float *inner, const void *packed, int type, void *y,
    size_t first, size_t last, size_t rows) {
    lk_low_rank part = *shape;
    part.width = last - first;
    const char *w = (const char *)packed + place(shape, true, 0, first) * (shape->pairs ? 2 : 4);
    char *numbers = (char *)y + first * (type == LK_FLOAT32 ? 4 : 2);
    lk_low_rank_expand(&part, inner, w, type, numbers, true, rows);
}

void lk_low_rank_gather(
    const lk_low_rank *shape, const float *inner, int type, const void *x, float *sums,
    size_t rows) {
    if (shape->pairs) {
        gather_pairs(shape, inner, type, x, sums, rows);
    } else {
        DISPATCH(type, gather, shape, inner, x, sums, rows)
    }
}

void lk_low_rank_add_sums(
    const lk_low_rank *shape, const float *sums, float *gradient, size_t stride_rank,
    size_t stride_width, size_t first, size_t last) {
    for (size_t k = 0; k < shape->rank; k++)
        for (size_t i = first; i < last; i++)
            gradient[k * stride_rank + i * stride_width] += sums[k * shape->padded_width + i];
}
