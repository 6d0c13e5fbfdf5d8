#include "vectors.h"

// Attention of few queries over cached keys and values, for one group of heads and one part of the keys.
//
// Keys lie by blocks of sixteen tokens, (tokens/16, size, 16), so that a vector holds one dimension of
// sixteen keys and no sum runs across lanes. Values lie (tokens, size).

void lk_place_keys(
    int type, const void *x, size_t tokens, size_t size, size_t first, void *keys) {
    bool wide = type == LK_FLOAT32;
    for (size_t t = 0; t < tokens; t++) {
        size_t to = (first + t) / 16 * 16 * size + (first + t) % 16;
        for (size_t d = 0; d < size; d++) {
            if (wide)
                ((f32 *)keys)[to + d * 16] = ((const f32 *)x)[t * size + d];
            else
                ((bf16 *)keys)[to + d * 16] = ((const bf16 *)x)[t * size + d];
        }
    }
}

void lk_gather_keys(int type, const void *keys, size_t tokens, size_t size, void *y) {
    bool wide = type == LK_FLOAT32;
    for (size_t t = 0; t < tokens; t++) {
        size_t from = t / 16 * 16 * size + t % 16;
        for (size_t d = 0; d < size; d++) {
            if (wide)
                ((f32 *)y)[t * size + d] = ((const f32 *)keys)[from + d * 16];
            else
                ((bf16 *)y)[t * size + d] = ((const bf16 *)keys)[from + d * 16];
        }
    }
}

// The part's keys that query row r sees: [*low, *high).
INLINE void seen(const lk_cached_part *part, size_t r, size_t *low, size_t *high) {
    size_t query = part->first_query + r % part->queries;
    size_t end = part->first_key + part->keys;
    size_t last = query + 1 < end ? query + 1 : end;
    size_t first = part->window && query + 1 > part->window ? query + 1 - part->window : 0;
    *high = last > part->first_key ? last - part->first_key : 0;
    *low = first > part->first_key ? first - part->first_key : 0;
    if (*low > *high) *low = *high;
}

// Scores of row r from its products with the keys low..<high: scaled, squeezed into ±softcap, or with
// a bias by distance.
INLINE void score(const lk_cached_part *part, size_t r, size_t low, size_t high, float *s) {
    float scale = part->scale, cap = part->softcap;
    for (size_t i = low; i < high; i++) s[i] *= scale;
    if (cap > 0) {
        for (size_t i = low; i < high; i++)
            s[i] = cap * (1.0f - 2.0f / (1.0f + exponential(s[i] * (2.0f / cap))));
    }
    if (part->slopes) {
        size_t query = part->first_query + r % part->queries;
        float slope = part->slopes[r], distance = (float)part->first_key - (float)query;
        for (size_t i = low; i < high; i++) s[i] += slope * (distance + (float)(int32_t)i);
    }
    if (part->bias) {
        size_t query = part->first_query + r % part->queries;
        const float *bias = part->bias + r / part->queries * part->bias_width
            + ((ptrdiff_t)part->first_key - (ptrdiff_t)query);
        for (size_t i = low; i < high; i++) s[i] += bias[i];
    }
}

// e^(s − top) of a row's scores; the top and the sum go to `partial`.
INLINE void soften(float *s, size_t low, size_t high, float *partial) {
    float sum = 0;
    float top = maximum(s + low, high - low);
    for (size_t i = low; i < high; i++) {
        float e = exponential(s[i] - top);
        s[i] = e;
        sum += e;
    }
    partial[0] = high > low ? top : -INFINITY;
    partial[1] = sum;
}

// Sums of ROWS rows over the keys begin..<end, WIDTH · 16 dimensions of the values at a time.
#define DEFINE_VALUES(TYPE)                                                                        \
    INLINE void add_values_##TYPE(                                                                 \
        const TYPE *values, size_t size, const float *scores, size_t begin, size_t end,            \
        float *y, const int ROWS, const int WIDTH) {                                               \
        f32x16 sums[4][2] = {{{0}}};                                                               \
        for (size_t k = begin; k < end; k++) {                                                     \
            UNROLL for (int j = 0; j < WIDTH; j++) {                                               \
                f32x16 value;                                                                      \
                LOAD16_##TYPE(value, values + k * size + j * 16);                                  \
                UNROLL for (int i = 0; i < ROWS; i++)                                              \
                    sums[i][j] += value * scores[i * LK_PART_KEYS + k];                            \
            }                                                                                      \
        }                                                                                          \
        UNROLL for (int i = 0; i < ROWS; i++)                                                      \
            UNROLL for (int j = 0; j < WIDTH; j++)                                                 \
                STORE16(y + i * (2 + size) + j * 16, sums[i][j]);                                  \
    }
FOR_EACH_TYPE(DEFINE_VALUES)

// ROWS rows of queries; scores are (ROWS, LK_PART_KEYS), partials (ROWS, 2 + size).
#define DEFINE_PART(TYPE)                                                                          \
    INLINE void part_rows_##TYPE(                                                                  \
        const lk_cached_part *part, const float *q, size_t r, const TYPE *keys,                    \
        const TYPE *values, float *scores, float *partials, const int ROWS) {                      \
        size_t size = part->size, begin = part->keys, end = 0, lows[4], highs[4];                  \
        for (int i = 0; i < ROWS; i++) {                                                           \
            seen(part, r + i, &lows[i], &highs[i]);                                                \
            begin = lows[i] < begin ? lows[i] : begin;                                             \
            end = highs[i] > end ? highs[i] : end;                                                 \
        }                                                                                          \
        for (size_t k = begin / 32 * 32; k < end; k += 32) {                                       \
            f32x16 sums[4][2] = {{{0}}};                                                           \
            const TYPE *block = keys + k * size, *ahead = values + k * size;                       \
            for (size_t d = 0; d < size; d++) {                                                    \
                f32x16 left, right;                                                                \
                LOAD16_##TYPE(left, block + d * 16);                                               \
                LOAD16_##TYPE(right, block + (size + d) * 16);                                     \
                UNROLL for (int line = 0; line < 32 * (int)sizeof *values; line += 64)             \
                    __builtin_prefetch((const char *)(ahead + d * 32) + line, 0, 3);               \
                UNROLL for (int i = 0; i < ROWS; i++) {                                            \
                    sums[i][0] += left * q[i * size + d];                                          \
                    sums[i][1] += right * q[i * size + d];                                         \
                }                                                                                  \
            }                                                                                      \
            UNROLL for (int i = 0; i < ROWS; i++) {                                                \
                STORE16(scores + i * LK_PART_KEYS + k, sums[i][0]);                                \
                STORE16(scores + i * LK_PART_KEYS + k + 16, sums[i][1]);                           \
            }                                                                                      \
        }                                                                                          \
        for (int i = 0; i < ROWS; i++) {                                                           \
            float *s = scores + i * LK_PART_KEYS;                                                  \
            score(part, r + i, lows[i], highs[i], s);                                              \
            soften(s, lows[i], highs[i], partials + i * (2 + size));                               \
            for (size_t k = begin; k < lows[i]; k++) s[k] = 0;                                     \
            for (size_t k = highs[i]; k < end; k++) s[k] = 0;                                      \
        }                                                                                          \
        size_t d = 0;                                                                              \
        for (; d + 32 <= size; d += 32)                                                            \
            add_values_##TYPE(values + d, size, scores, begin, end, partials + 2 + d, ROWS, 2);    \
        if (d + 16 <= size) {                                                                      \
            add_values_##TYPE(values + d, size, scores, begin, end, partials + 2 + d, ROWS, 1);    \
            d += 16;                                                                               \
        }                                                                                          \
        for (; d < size; d++) {                                                                    \
            for (int i = 0; i < ROWS; i++) {                                                       \
                float sum = 0;                                                                     \
                for (size_t k = begin; k < end; k++)                                               \
                    sum += scores[i * LK_PART_KEYS + k] * load_##TYPE(values + k * size + d);      \
                partials[i * (2 + size) + 2 + d] = sum;                                            \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    CLONES static void part_##TYPE(                                                                \
        const lk_cached_part *part, const float *q, const TYPE *keys, const TYPE *values,          \
        float *partials) {                                                                         \
        float scores[4 * LK_PART_KEYS];                                                            \
        size_t size = part->size, r = 0;                                                           \
        for (; r + 4 <= part->rows; r += 4, q += 4 * size, partials += 4 * (2 + size))             \
            part_rows_##TYPE(part, q, r, keys, values, scores, partials, 4);                       \
        switch (part->rows - r) {                                                                  \
        case 3: part_rows_##TYPE(part, q, r, keys, values, scores, partials, 3); break;            \
        case 2: part_rows_##TYPE(part, q, r, keys, values, scores, partials, 2); break;            \
        case 1: part_rows_##TYPE(part, q, r, keys, values, scores, partials, 1); break;            \
        default: break;                                                                            \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_PART)

void lk_cached_attention(
    const lk_cached_part *part, int type, const float *q, const void *keys, const void *values,
    float *partials) {
    DISPATCH(type, part, part, q, keys, values, partials)
}

#define DEFINE_MERGE(TYPE)                                                                         \
    CLONES static void merge_##TYPE(                                                               \
        const float *partials, size_t parts, size_t stride, size_t size, TYPE *y) {                \
        float top = -INFINITY, total = 0, sums[LK_LARGEST_HEAD];                                   \
        for (size_t i = 0; i < parts; i++)                                                         \
            top = partials[i * stride] > top ? partials[i * stride] : top;                         \
        for (size_t d = 0; d < size; d++) sums[d] = 0;                                             \
        for (size_t i = 0; i < parts; i++) {                                                       \
            const float *partial = partials + i * stride;                                          \
            if (partial[1] == 0) continue;                                                         \
            float weight = exponential(partial[0] - top);                                          \
            total += partial[1] * weight;                                                          \
            for (size_t d = 0; d < size; d++) sums[d] += partial[2 + d] * weight;                  \
        }                                                                                          \
        float over = total != 0 ? 1.0f / total : 0;                                                \
        for (size_t d = 0; d < size; d++) store_##TYPE(y + d, sums[d] * over);                     \
    }
FOR_EACH_TYPE(DEFINE_MERGE)

void lk_merge_attention(
    const float *partials, size_t parts, size_t stride, size_t size, int type, void *y) {
    DISPATCH(type, merge, partials, parts, stride, size, y)
}
