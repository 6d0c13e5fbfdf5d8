#include "native.h"

// Rows of heads lie far apart, where the processor does not foresee them.
enum { LINE = 64, ROWS_AHEAD = 16, LANES = 16 };

// Rotary position embedding: (a, b) → (a cos − b sin, b cos + a sin) for dimensions i and
// i + rotated/2, or with `pairs` for 2i and 2i + 1. Source: Su et al. 2021, arXiv:2104.09864, eq. 34,
// whose pairing is the second; the first is that of Hugging Face's rotate_half.
#define DEFINE_HEADS(TYPE)                                                                         \
    CLONES static void pack_##TYPE(                                                                \
        const TYPE *x, size_t stride, size_t tokens, size_t size, const float *cosine,             \
        const float *sine, size_t rotated, bool pairs, TYPE *y) {                                  \
        size_t half = rotated / 2, paired = pairs ? half : 0, halved = pairs ? 0 : half;           \
        for (size_t t = 0; t < tokens; t++, x += stride, y += size) {                              \
            for (size_t i = 0; i < size; i += LINE / sizeof(TYPE))                                 \
                __builtin_prefetch(x + ROWS_AHEAD * stride + i);                                   \
            const float *c = cosine + t * half, *s = sine + t * half;                              \
            for (size_t i = 0; i < paired; i++) {                                                  \
                float a = load_##TYPE(x + 2 * i), b = load_##TYPE(x + 2 * i + 1);                  \
                store_##TYPE(y + 2 * i, a * c[i] - b * s[i]);                                      \
                store_##TYPE(y + 2 * i + 1, b * c[i] + a * s[i]);                                  \
            }                                                                                      \
            for (size_t i = 0; i < halved; i++) {                                                  \
                float a = load_##TYPE(x + i), b = load_##TYPE(x + half + i);                       \
                store_##TYPE(y + i, a * c[i] - b * s[i]);                                          \
                store_##TYPE(y + half + i, b * c[i] + a * s[i]);                                   \
            }                                                                                      \
            memcpy(y + rotated, x + rotated, (size - rotated) * sizeof(TYPE));                     \
        }                                                                                          \
    }                                                                                              \
    CLONES static void unpack_##TYPE(                                                              \
        const float *x, size_t tokens, size_t size, const float *cosine, const float *sine,        \
        size_t rotated, bool pairs, TYPE *y, size_t stride) {                                      \
        size_t half = rotated / 2, paired = pairs ? half : 0, halved = pairs ? 0 : half;           \
        for (size_t t = 0; t < tokens; t++, x += size, y += stride) {                              \
            for (size_t i = 0; i < size; i += LINE / sizeof(TYPE))                                 \
                __builtin_prefetch(y + ROWS_AHEAD * stride + i, 1);                                \
            const float *c = cosine + t * half, *s = sine + t * half;                              \
            for (size_t i = 0; i < paired; i++) {                                                  \
                float a = x[2 * i], b = x[2 * i + 1];                                              \
                store_##TYPE(y + 2 * i, a * c[i] + b * s[i]);                                      \
                store_##TYPE(y + 2 * i + 1, b * c[i] - a * s[i]);                                  \
            }                                                                                      \
            for (size_t i = 0; i < halved; i++) {                                                  \
                float a = x[i], b = x[half + i];                                                   \
                store_##TYPE(y + i, a * c[i] + b * s[i]);                                          \
                store_##TYPE(y + half + i, b * c[i] - a * s[i]);                                   \
            }                                                                                      \
            for (size_t i = rotated; i < size; i++) store_##TYPE(y + i, x[i]);                     \
        }                                                                                          \
    }                                                                                              \
    CLONES static void products_##TYPE(                                                            \
        const TYPE *x, size_t stride_x, const TYPE *y, size_t stride_y, size_t rows, size_t size,  \
        float *sums) {                                                                             \
        for (size_t r = 0; r < rows; r++, x += stride_x, y += stride_y) {                          \
            float sum = 0;                                                                         \
            for (size_t i = 0; i < size; i += LINE / sizeof(TYPE)) {                               \
                __builtin_prefetch(x + ROWS_AHEAD * stride_x + i);                                 \
                __builtin_prefetch(y + ROWS_AHEAD * stride_y + i);                                 \
            }                                                                                      \
            for (size_t i = 0; i < size; i++) sum += load_##TYPE(x + i) * load_##TYPE(y + i);      \
            sums[r] = sum;                                                                         \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_HEADS)

void lk_pack_head(
    int type, const void *x, size_t stride, size_t tokens, size_t size, const float *cosine,
    const float *sine, size_t rotated, bool pairs, void *y) {
    DISPATCH(type, pack, x, stride, tokens, size, cosine, sine, rotated, pairs, y)
}

void lk_unpack_head(
    const float *x, size_t tokens, size_t size, const float *cosine, const float *sine,
    size_t rotated, bool pairs, int type, void *y, size_t stride) {
    DISPATCH(type, unpack, x, tokens, size, cosine, sine, rotated, pairs, y, stride)
}

void lk_row_products(
    int type, const void *x, size_t stride_x, const void *y, size_t stride_y, size_t rows,
    size_t size, float *sums) {
    DISPATCH(type, products, x, stride_x, y, stride_y, rows, size, sums)
}

// The keys that query row r may see: [*low, *high) of the strip's columns.
INLINE void visible(const lk_strip *strip, size_t r, size_t *low, size_t *high) {
    size_t query = strip->first_query + r, end = strip->first_key + strip->columns;
    size_t last = strip->ahead < end ? query + 1 + strip->ahead : end;
    if (strip->key_ends) last = (size_t)strip->key_ends[r];
    if (last > end) last = end;
    size_t first = strip->window && query + 1 > strip->window ? query + 1 - strip->window : 0;
    *high = last > strip->first_key ? last - strip->first_key : 0;
    *low = first > strip->first_key ? first - strip->first_key : 0;
    if (*low > *high) *low = *high;
}

// The key of a query's dropout mask; the key's position is the index. Both count whole positions, so
// that masks do not repeat however long the sequence is. Source: the finaliser of SplitMix64.
INLINE uint64_t row_key(uint64_t key, size_t query) {
    uint64_t z = key + 0x9E3779B97F4A7C15u * ((uint64_t)query + 1);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

// Where the keys of a query's own segment lie, [first, end) of [low, high).
typedef struct {
    int32_t own;
    size_t low, high, first, end;
    bool mixed;  // with others between them
} segment_keys;

// Narrows [low, high) to the keys of the query's own segment; of those between, scores of other segments
// count as −∞. `last` is what was found for the row before, of the same segment most often.
INLINE void narrow_to_segment(
    const lk_strip *strip, size_t r, segment_keys *last, size_t *low, size_t *high,
    float *scores) {
    const int32_t *segments = strip->key_segments;
    int32_t own = strip->query_segments[r];
    bool same = r > 0 && own == last->own && *low == last->low;
    if (!same || *high != last->high) {
        size_t first = same && last->first <= *high ? last->first : *low, end = *high;
        while (first < end && segments[first] != own) first++;
        while (end > first && segments[end - 1] != own) end--;
        int32_t others = 0;
        for (size_t i = first; i < end; i++) others |= segments[i] != own;
        *last = (segment_keys){own, *low, *high, first, end, others != 0};
    }
    *low = last->first;
    *high = last->end;
    if (last->mixed)
        for (size_t i = *low; i < *high; i++)
            scores[i] = segments[i] == own ? scores[i] : -INFINITY;
}

// Widens [low, high) to whole vectors where the strip has the columns, hiding what that adds: the loops
// over it then have no rest to do one by one.
INLINE void widen_to_vectors(const lk_strip *strip, size_t *low, size_t *high, float *scores) {
    if (*low == *high) return;
    size_t first = *low - *low % LANES, end = (*high + LANES - 1) / LANES * LANES;
    if (end > strip->columns) end = strip->columns;
    for (size_t i = first; i < *low; i++) scores[i] = -INFINITY;
    for (size_t i = *high; i < end; i++) scores[i] = -INFINITY;
    *low = first;
    *high = end;
}

// For loops over [low, high): one vector at a time.
#define BY_VECTORS _Pragma("clang loop vectorize_width(16) interleave_count(1)")
#define BY_VECTORS_IN_PLACE                                                                        \
    _Pragma("clang loop vectorize(assume_safety) vectorize_width(16) interleave_count(1)")

// Whether scores are more than q·k times the scale.
INLINE bool adjusts_scores(const lk_strip *strip) {
    return strip->softcap > 0 || strip->slope != 0 || strip->bias;
}

// From a bias at distance 0 to that of row r and the strip's first column.
INLINE ptrdiff_t first_distance(const lk_strip *strip, size_t r) {
    return (ptrdiff_t)strip->first_key - (ptrdiff_t)(strip->first_query + r);
}

// Scales the scores, squeezes them into ±softcap or adds slope · (key − query) or the bias by distance.
// Source: Gemma 2, arXiv:2408.00118, section 2; ALiBi, arXiv:2108.12409, section 3; T5, arXiv:1910.10683,
// section 2.1.
INLINE void adjust_scores(const lk_strip *strip, size_t r, size_t low, size_t high, float *scores) {
    float scale = strip->scale, cap = strip->softcap, slope = strip->slope;
    if (cap > 0) {
        float inner = scale / cap;
        for (size_t i = low; i < high; i++)
            scores[i] = cap * hyperbolic_tangent(scores[i] * inner);
        return;
    }
    if (strip->bias) {
        const float *bias = strip->bias + first_distance(strip, r);
        for (size_t i = low; i < high; i++) scores[i] = scores[i] * scale + bias[i];
        return;
    }
    float distance = (float)strip->first_key - (float)(strip->first_query + r);
    for (size_t i = low; i < high; i++)
        scores[i] = scores[i] * scale + slope * (distance + (float)(int32_t)i);
}

// A row by the processor's own conversions, where it has them.
#define NO_NATIVE_ROWS(TYPE)                                                                       \
    INLINE bool softmax_row_##TYPE(float *scores, float scale, TYPE *p, float *log_sum, size_t n) {\
        return false;                                                                              \
    }                                                                                              \
    INLINE bool gradient_row_##TYPE(                                                               \
        const float *scores, float scale, float log_sum, const float *dp, float delta, TYPE *p,    \
        TYPE *ds, size_t n) {                                                                      \
        return false;                                                                              \
    }
NO_NATIVE_ROWS(f32)
NO_NATIVE_ROWS(f16)
INLINE bool softmax_row_bf16(float *scores, float scale, bf16 *p, float *log_sum, size_t n) {
    return native_softmax(scores, scale, p, log_sum, n);
}
INLINE bool gradient_row_bf16(
    const float *scores, float scale, float log_sum, const float *dp, float delta, bf16 *p,
    bf16 *ds, size_t n) {
    return native_softmax_gradient(scores, scale, log_sum, dp, delta, p, ds, n);
}

#define DEFINE_STRIPS(TYPE)                                                                        \
    CLONES static void softmax_##TYPE(                                                             \
        const lk_strip *strip, float *scores, TYPE *p, float *log_sums) {                          \
        segment_keys last = {0};                                                                   \
        for (size_t r = 0; r < strip->rows; r++, scores += strip->columns, p += strip->columns) {  \
            size_t low, high;                                                                      \
            visible(strip, r, &low, &high);                                                        \
            if (strip->key_segments) narrow_to_segment(strip, r, &last, &low, &high, scores);      \
            if (adjusts_scores(strip)) adjust_scores(strip, r, low, high, scores);                 \
            if (low == high) {                                                                     \
                for (size_t i = 0; i < strip->columns; i++) store_##TYPE(p + i, 0);                \
                log_sums[r] = INFINITY;                                                            \
                continue;                                                                          \
            }                                                                                      \
            widen_to_vectors(strip, &low, &high, scores);                                          \
            for (size_t i = 0; i < low; i++) store_##TYPE(p + i, 0);                               \
            for (size_t i = high; i < strip->columns; i++) store_##TYPE(p + i, 0);                 \
            float sum = 0, scale = adjusts_scores(strip) ? 1.0f : strip->scale;                    \
            if (!strip->dropout_threshold                                                          \
                && softmax_row_##TYPE(scores + low, scale, p + low, log_sums + r, high - low))     \
                continue;                                                                          \
            float top = maximum(scores + low, high - low) * scale;                                 \
            BY_VECTORS                                                                             \
            for (size_t i = low; i < high; i++) {                                                  \
                float e = exponential(scores[i] * scale - top);                                    \
                scores[i] = e;                                                                     \
                sum += e;                                                                          \
            }                                                                                      \
            log_sums[r] = top + logf(sum);                                                         \
            float over = sum != 0 ? 1.0f / sum : 0;                                                \
            BY_VECTORS_IN_PLACE                                                                    \
            for (size_t i = low; i < high; i++) store_##TYPE(p + i, scores[i] * over);             \
            if (!strip->dropout_threshold) continue;                                               \
            uint64_t key = row_key(strip->dropout_key, strip->first_query + r);                    \
            uint32_t threshold = strip->dropout_threshold, first = (uint32_t)strip->first_key;     \
            float kept = strip->dropout_scale;                                                     \
            for (size_t i = low; i < high; i++) {                                                  \
                bool keeps = mixed_bits(key, first + (uint32_t)i) >= threshold;                    \
                store_##TYPE(p + i, keeps ? load_##TYPE(p + i) * kept : 0);                        \
            }                                                                                      \
        }                                                                                          \
    }                                                                                              \
    CLONES static void softmax_gradient_##TYPE(                                                    \
        const lk_strip *strip, float *scores, const float *log_sums, const float *deltas,          \
        const float *dp, TYPE *p, TYPE *ds) {                                                      \
        size_t columns = strip->columns;                                                           \
        segment_keys last = {0};                                                                   \
        for (size_t r = 0; r < strip->rows;                                                        \
             r++, scores += columns, dp += columns, p += columns, ds += columns) {                 \
            size_t low, high;                                                                      \
            visible(strip, r, &low, &high);                                                        \
            if (strip->key_segments) narrow_to_segment(strip, r, &last, &low, &high, scores);      \
            if (adjusts_scores(strip)) adjust_scores(strip, r, low, high, scores);                 \
            widen_to_vectors(strip, &low, &high, scores);                                          \
            float scale = strip->scale, lse = log_sums[r], delta = deltas[r];                      \
            for (size_t i = 0; i < low; i++) {                                                     \
                store_##TYPE(p + i, 0);                                                            \
                store_##TYPE(ds + i, 0);                                                           \
            }                                                                                      \
            for (size_t i = high; i < columns; i++) {                                              \
                store_##TYPE(p + i, 0);                                                            \
                store_##TYPE(ds + i, 0);                                                           \
            }                                                                                      \
            if (strip->bias_gradient) {                                                            \
                uint64_t key = row_key(strip->dropout_key, strip->first_query + r);                \
                uint32_t threshold = strip->dropout_threshold, first = (uint32_t)strip->first_key; \
                float kept = threshold ? strip->dropout_scale : 1.0f;                              \
                float *bias_gradient = strip->bias_gradient + first_distance(strip, r);            \
                BY_VECTORS_IN_PLACE                                                                \
                for (size_t i = low; i < high; i++) {                                              \
                    float value = exponential(scores[i] - lse);                                    \
                    bool keeps = mixed_bits(key, first + (uint32_t)i) >= threshold;                \
                    float keep = keeps ? kept : 0.0f;                                              \
                    float slope = value * (dp[i] * keep - delta);                                  \
                    bias_gradient[i] += slope;                                                     \
                    store_##TYPE(p + i, value * keep);                                             \
                    store_##TYPE(ds + i, slope * scale);                                           \
                }                                                                                  \
            } else if (adjusts_scores(strip)) {                                                    \
                uint64_t key = row_key(strip->dropout_key, strip->first_query + r);                \
                uint32_t threshold = strip->dropout_threshold, first = (uint32_t)strip->first_key; \
                float kept = threshold ? strip->dropout_scale : 1.0f;                              \
                float over = strip->softcap > 0 ? 1.0f / strip->softcap : 0;                       \
                BY_VECTORS_IN_PLACE                                                                \
                for (size_t i = low; i < high; i++) {                                              \
                    float value = exponential(scores[i] - lse), capped = scores[i] * over;         \
                    bool keeps = mixed_bits(key, first + (uint32_t)i) >= threshold;                \
                    float keep = keeps ? kept : 0.0f;                                              \
                    float inner = value > 0 ? 1.0f - capped * capped : 0.0f;               \
                    float slope = value * (dp[i] * keep - delta) * scale * inner;                  \
                    store_##TYPE(p + i, value * keep);                                             \
                    store_##TYPE(ds + i, slope);                                                   \
                }                                                                                  \
            } else if (strip->dropout_threshold) {                                                 \
                uint64_t key = row_key(strip->dropout_key, strip->first_query + r);                \
                uint32_t threshold = strip->dropout_threshold, first = (uint32_t)strip->first_key; \
                float kept = strip->dropout_scale;                                                 \
                BY_VECTORS_IN_PLACE                                                                \
                for (size_t i = low; i < high; i++) {                                              \
                    float value = exponential(scores[i] * scale - lse);                            \
                    bool keeps = mixed_bits(key, first + (uint32_t)i) >= threshold;                \
                    float keep = keeps ? kept : 0.0f;                                              \
                    float slope = value * (dp[i] * keep - delta) * scale;                          \
                    store_##TYPE(p + i, value * keep);                                             \
                    store_##TYPE(ds + i, slope);                                                   \
                }                                                                                  \
            } else if (!gradient_row_##TYPE(                                                       \
                           scores + low, scale, lse, dp + low, delta, p + low, ds + low,           \
                           high - low)) {                                                          \
                BY_VECTORS_IN_PLACE                                                                \
                for (size_t i = low; i < high; i++) {                                              \
                    float value = exponential(scores[i] * scale - lse);                            \
                    float slope = value * (dp[i] - delta) * scale;                                 \
                    store_##TYPE(p + i, value);                                                    \
                    store_##TYPE(ds + i, slope);                                                   \
                }                                                                                  \
            }                                                                                      \
        }                                                                                          \
    }
FOR_EACH_TYPE(DEFINE_STRIPS)

void lk_softmax_strip(
    const lk_strip *strip, float *scores, int type, void *probabilities, float *log_sums) {
    DISPATCH(type, softmax, strip, scores, probabilities, log_sums)
}

void lk_softmax_strip_gradient(
    const lk_strip *strip, float *scores, const float *log_sums, const float *deltas,
    const float *dprobabilities, int type, void *probabilities, void *dscores) {
    DISPATCH(
        type, softmax_gradient, strip, scores, log_sums, deltas, dprobabilities, probabilities,
        dscores)
}
