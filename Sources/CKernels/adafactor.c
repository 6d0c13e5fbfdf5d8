#include "native.h"

// Means of (scale · g)² + floor over the rows and the columns of a matrix, and g by factors of its rows and
// columns. Source: Shazeer and Stern 2018, arXiv:1804.04235, algorithm 4.

CLONES void lk_row_square_means(
    const float *g, float scale, float floor, size_t rows, size_t columns, float *means) {
    for (size_t row = 0; row < rows; row++) {
        double sum = 0;
        for (size_t column = 0; column < columns; column++) {
            float x = scale * g[row * columns + column];
            sum += (double)(x * x);
        }
        means[row] = (float)(sum / (double)columns) + floor;
    }
}

// Of `count` columns that lie `stride` apart from row to row.
CLONES void lk_column_square_means(
    const float *g, float scale, float floor, size_t rows, size_t count, size_t stride,
    float *means) {
    enum { BLOCK = 64 };
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t width = count - start < BLOCK ? count - start : BLOCK;
        double sums[BLOCK] = {0};
        for (size_t row = 0; row < rows; row++) {
            const float *x = g + row * stride + start;
            for (size_t column = 0; column < width; column++) {
                float scaled = scale * x[column];
                sums[column] += (double)(scaled * scaled);
            }
        }
        for (size_t column = 0; column < width; column++)
            means[start + column] = (float)(sums[column] / (double)rows) + floor;
    }
}

CLONES void lk_scale_by_factors(
    const float *g, float scale, const float *row_factors, const float *column_factors, float *y,
    size_t rows, size_t columns) {
    for (size_t row = 0; row < rows; row++) {
        float factor = scale * row_factors[row];
        for (size_t column = 0; column < columns; column++)
            y[row * columns + column] = factor * g[row * columns + column] * column_factors[column];
    }
}
