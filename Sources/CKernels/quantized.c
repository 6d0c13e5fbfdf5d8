#include "quantized.h"

#define DEFINE_ROW(NAME, COLUMNS, BYTES)                                                           \
    CLONES static void row_##NAME(                                                                 \
        const uint8_t *restrict row, size_t first, size_t count, float *restrict y) {              \
        row += first / COLUMNS * BYTES;                                                            \
        size_t skip = first % COLUMNS;                                                             \
        float part[LARGEST_BLOCK];                                                                 \
        while (count > 0) {                                                                        \
            size_t taken = COLUMNS - skip < count ? COLUMNS - skip : count;                        \
            if (taken == COLUMNS) {                                                                \
                decode_##NAME(row, y);                                                             \
            } else {                                                                               \
                decode_##NAME(row, part);                                                          \
                memcpy(y, part + skip, taken * sizeof(float));                                     \
            }                                                                                      \
            row += BYTES, y += taken, count -= taken, skip = 0;                                    \
        }                                                                                          \
    }
FOR_EACH_FORMAT(DEFINE_ROW)

void lk_decode_row(int format, const uint8_t *row, size_t first, size_t count, float *y) {
    switch (format) {
#define CASE(NAME, COLUMNS, BYTES)                                                                 \
    case LK_FORMAT_##NAME: row_##NAME(row, first, count, y); break;
        FOR_EACH_FORMAT(CASE)
#undef CASE
    default: break;
    }
}

size_t lk_block_columns(int format) {
    switch (format) {
#define CASE(NAME, COLUMNS, BYTES)                                                                 \
    case LK_FORMAT_##NAME: return COLUMNS;
        FOR_EACH_FORMAT(CASE)
#undef CASE
    default: return 0;
    }
}

size_t lk_block_bytes(int format) {
    switch (format) {
#define CASE(NAME, COLUMNS, BYTES)                                                                 \
    case LK_FORMAT_##NAME: return BYTES;
        FOR_EACH_FORMAT(CASE)
#undef CASE
    default: return 0;
    }
}

// Narrow types go by way of this many float32 numbers on the stack.
enum { PIECE = 1024 };

void lk_dequantize(
    int format, const void *matrix, size_t row_bytes, size_t first, size_t rows, size_t columns,
    int type, void *y, size_t stride) {
    const uint8_t *row = matrix;
    float wide[PIECE];
    size_t block = lk_block_columns(format);
    bool in_pairs =
        type == LK_BFLOAT16 && lk_has_quantized_pairs(format, columns) && first % block == 0;
    for (size_t r = 0; r < rows; r++, row += row_bytes) {
        if (in_pairs) {
            const uint8_t *start = row + first / block * lk_block_bytes(format);
            lk_decode_row_pairs(format, start, columns, (uint16_t *)y + r * stride);
            continue;
        }
        if (type == LK_FLOAT32) {
            lk_decode_row(format, row, first, columns, (float *)y + r * stride);
            continue;
        }
        for (size_t c = 0; c < columns; c += PIECE) {
            size_t count = columns - c < PIECE ? columns - c : PIECE;
            lk_decode_row(format, row, first + c, count, wide);
            lk_convert(LK_FLOAT32, wide, type, (uint16_t *)y + r * stride + c, count);
        }
    }
}

void lk_gather_quantized_rows(
    int format, const void *matrix, size_t row_bytes, const int32_t *ids, float *y, bool add,
    size_t rows, size_t columns) {
    float wide[PIECE];
    for (size_t r = 0; r < rows; r++, y += columns) {
        const uint8_t *row = (const uint8_t *)matrix + (size_t)ids[r] * row_bytes;
        if (!add) {
            lk_decode_row(format, row, 0, columns, y);
            continue;
        }
        for (size_t c = 0; c < columns; c += PIECE) {
            size_t count = columns - c < PIECE ? columns - c : PIECE;
            lk_decode_row(format, row, c, count, wide);
            lk_add(LK_FLOAT32, y + c, LK_FLOAT32, wide, count);
        }
    }
}

// Rows decoded at once, into numbers that stay in the first cache while all tokens are multiplied by them.
enum { SOME_ROWS = 4 };

void lk_quantized_products(
    int format, const void *matrix, size_t row_bytes, size_t rows, size_t columns, const float *x,
    size_t stride_x, size_t tokens, float *sums) {
    memset(sums, 0, tokens * rows * sizeof(float));
    size_t done = lk_fast_products(
        format, matrix, row_bytes, rows, columns, x, stride_x, tokens, sums);
    _Alignas(64) float wide[SOME_ROWS * PIECE];
    for (size_t r = 0; r < rows && done < columns; r += SOME_ROWS) {
        lk_few_rows shape = {.rows = tokens, .stride_w = PIECE, .stride_x = stride_x};
        shape.columns = rows - r < SOME_ROWS ? rows - r : SOME_ROWS;
        shape.stride_y = rows;
        shape.columns_first = shape.accumulate = true;
        for (size_t c = done; c < columns; c += PIECE) {
            shape.inner = columns - c < PIECE ? columns - c : PIECE;
            for (size_t i = 0; i < shape.columns; i++)
                lk_decode_row(
                    format, (const uint8_t *)matrix + (r + i) * row_bytes, c, shape.inner,
                    wide + i * PIECE);
            lk_few_row_product(&shape, LK_FLOAT32, wide, x + c, LK_FLOAT32, sums + r);
        }
    }
}

#define DEFINE_STORE(TYPE)                                                                         \
    CLONES static void sums_##TYPE(                                                                \
        const float *sums, const float *bias, bool add, size_t tokens, size_t rows, TYPE *y,       \
        size_t stride) {                                                                           \
        for (size_t t = 0; t < tokens; t++, sums += rows, y += stride)                             \
            for (size_t r = 0; r < rows; r++) {                                                    \
                float sum = sums[r] + (bias ? bias[r] : 0.0f);                                     \
                store_##TYPE(y + r, add ? sum + load_##TYPE(y + r) : sum);                         \
            }                                                                                      \
    }
FOR_EACH_TYPE(DEFINE_STORE)

void lk_store_sums(
    const float *sums, const float *bias, bool add, size_t tokens, size_t rows, int type, void *y,
    size_t stride) {
    DISPATCH(type, sums, sums, bias, add, tokens, rows, y, stride)
}
