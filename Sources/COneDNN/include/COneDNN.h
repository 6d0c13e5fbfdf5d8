// Matrix products through oneDNN: a primitive and its memories, made once for a shape.
#ifndef LOCKSTEP_CONEDNN_H
#define LOCKSTEP_CONEDNN_H

#include <stdbool.h>
#include <stdint.h>

typedef struct onednn_product onednn_product;

typedef struct {
    int64_t m, n, k;             // C (m, n) = A (m, k) · B (k, n)
    int64_t row_a, column_a;     // strides in elements
    int64_t row_b, column_b;
    int64_t row_c;
    bool bfloat16_output;        // otherwise float32
    bool accumulate;             // C += A·B
    bool bias;                   // + bias (n), float32
} onednn_shape;

// A and B are bfloat16. Returns NULL where oneDNN has no such product.
onednn_product *onednn_product_create(const onednn_shape *shape);
// Not for two threads at once on one product.
bool onednn_product_execute(
    onednn_product *product, const void *a, const void *b, const float *bias, void *c);
void onednn_product_destroy(onednn_product *product);

// C (m, n) = A · B (+ C), float32, all stored row by row with rows `row_…` elements apart; a transposed
// operand is stored as A (k, m) or B (n, k). On the calling thread.
bool onednn_multiply_float32(
    bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t row_a,
    const float *b, int64_t row_b, bool accumulate, float *c, int64_t row_c);

// Whether this processor has AVX-512.
bool onednn_has_vectors_512(void);
// Whether it has instructions for bfloat16.
bool onednn_has_bfloat16(void);
// The name of the instruction set that oneDNN would use.
const char *onednn_instruction_set(void);
const char *onednn_version_text(void);
// Makes oneDNN use the calling thread alone: our own threads divide the work.
void onednn_use_calling_thread(void);

#endif
