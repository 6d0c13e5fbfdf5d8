#include "elements.h"

// Largest numbers of a long row (the scores of a vocabulary) in one walk: blocks whose maximum does not
// beat what is held are passed over, and nearly all blocks are.

enum { BLOCK = 256 };

CLONES static float block_maximum(const float *x, size_t n) { return maximum(x, n); }

size_t lk_index_of_maximum(const float *x, size_t n) {
    float top = -INFINITY;
    size_t best = 0;
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t count = n - start < BLOCK ? n - start : BLOCK;
        float largest = block_maximum(x + start, count);
        if (!(largest > top)) continue;
        top = largest;
        best = start;
        while (x[best] != top) best++;
    }
    return best;
}

// Restores the order of a heap with its smallest number first, after a change at its root.
static void sink(float *heap, size_t count) {
    size_t at = 0;
    float value = heap[0];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) break;
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (!(heap[child] < value)) break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = value;
}

float lk_largest_threshold(const float *x, size_t n, size_t k, float *heap) {
    for (size_t i = 0; i < k; i++) heap[i] = -INFINITY;
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t count = n - start < BLOCK ? n - start : BLOCK;
        if (!(block_maximum(x + start, count) > heap[0])) continue;
        for (size_t i = start; i < start + count; i++) {
            if (!(x[i] > heap[0])) continue;
            heap[0] = x[i];
            sink(heap, k);
        }
    }
    return heap[0];
}

size_t lk_indices_at_least(
    const float *x, size_t n, float threshold, int32_t *indices, size_t most) {
    size_t found = 0;
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t count = n - start < BLOCK ? n - start : BLOCK;
        if (!(block_maximum(x + start, count) >= threshold)) continue;
        for (size_t i = start; i < start + count; i++) {
            if (!(x[i] >= threshold)) continue;
            if (found < most) indices[found] = (int32_t)i;
            found++;
        }
    }
    return found;
}

// A block's sum is float32, the sum of blocks float64.
CLONES static float block_exponentials(const float *x, size_t n, float top, float scale) {
    float sum = 0;
    for (size_t i = 0; i < n; i++) sum += exponential((x[i] - top) * scale);
    return sum;
}

double lk_sum_of_exponentials(const float *x, size_t n, float top, float scale) {
    double sum = 0;
    for (size_t start = 0; start < n; start += BLOCK) {
        size_t count = n - start < BLOCK ? n - start : BLOCK;
        sum += (double)block_exponentials(x + start, count, top, scale);
    }
    return sum;
}
