#include "elements.h"

// Products of small square matrices (n, n), block by block; and rotations made of their skew parts.

// c = beta · c + op(a) · op(b) for each block.
CLONES void lk_block_products(
    const float *a, const float *b, float *c, size_t blocks, size_t n, bool transpose_a,
    bool transpose_b, float beta) {
    for (size_t block = 0; block < blocks; block++) {
        const float *x = a + block * n * n, *y = b + block * n * n;
        float *z = c + block * n * n;
        for (size_t row = 0; row < n; row++) {
            float *target = z + row * n;
            for (size_t column = 0; column < n; column++)
                target[column] = beta == 0 ? 0 : beta * target[column];
            for (size_t inner = 0; inner < n; inner++) {
                float factor = transpose_a ? x[inner * n + row] : x[row * n + inner];
                if (transpose_b) {
                    for (size_t column = 0; column < n; column++)
                        target[column] += factor * y[column * n + inner];
                } else {
                    for (size_t column = 0; column < n; column++)
                        target[column] += factor * y[inner * n + column];
                }
            }
        }
    }
}

// Skew matrices of their upper triangles, row by row without the diagonal.
void lk_skew(const float *upper, float *q, size_t blocks, size_t n) {
    for (size_t block = 0; block < blocks; block++, q += n * n) {
        for (size_t row = 0; row < n; row++) {
            q[row * n + row] = 0;
            for (size_t column = row + 1; column < n; column++) {
                float value = *upper++;
                q[row * n + column] = value;
                q[column * n + row] = -value;
            }
        }
    }
}

// upper += the gradient of lk_skew's argument where that of its result is dq.
void lk_skew_gradient(const float *dq, float *upper, size_t blocks, size_t n) {
    for (size_t block = 0; block < blocks; block++, dq += n * n) {
        for (size_t row = 0; row < n; row++) {
            for (size_t column = row + 1; column < n; column++)
                *upper++ += dq[row * n + column] - dq[column * n + row];
        }
    }
}

// The diagonal of each block += value.
void lk_add_diagonal(float *x, float value, size_t blocks, size_t n) {
    for (size_t block = 0; block < blocks; block++)
        for (size_t row = 0; row < n; row++) x[(block * n + row) * n + row] += value;
}
