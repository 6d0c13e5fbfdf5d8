#include "elements.h"

void lk_relative_bias(
    const float *table, const int32_t *buckets, size_t heads, size_t width, float *bias) {
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < width; i++)
            bias[h * width + i] = table[(size_t)buckets[i] * heads + h];
}

void lk_relative_bias_gradient(
    const float *dbias, const int32_t *buckets, size_t heads, size_t width, float *dtable) {
    for (size_t h = 0; h < heads; h++)
        for (size_t i = 0; i < width; i++)
            dtable[(size_t)buckets[i] * heads + h] += dbias[h * width + i];
}
