#include "elements.h"

#define DEFINE_DROPOUT(TX, TY)                                                                     \
    CLONES static void dropout_##TX##_##TY(                                                        \
        const TX *x, TY *y, bool add, uint32_t threshold, float scale, uint64_t key, size_t n) {   \
        for (size_t i = 0; i < n; i++) {                                                           \
            float keep = mixed_bits(key, (uint32_t)i) >= threshold ? scale : 0.0f;                 \
            float value = load_##TX(x + i) * keep;                                                 \
            store_##TY(y + i, add ? load_##TY(y + i) + value : value);                             \
        }                                                                                          \
    }
DEFINE_DROPOUT(f32, f32)
DEFINE_DROPOUT(f32, bf16)
DEFINE_DROPOUT(f32, f16)
DEFINE_DROPOUT(bf16, f32)
DEFINE_DROPOUT(bf16, bf16)
DEFINE_DROPOUT(f16, f32)
DEFINE_DROPOUT(f16, f16)

void lk_dropout(
    int type_x, const void *x, int type_y, void *y, bool add, uint32_t threshold, float scale,
    uint64_t key, size_t n) {
    if (type_x == LK_FLOAT32) {
        DISPATCH(type_y, dropout_f32, x, y, add, threshold, scale, key, n)
    } else if (type_x == LK_BFLOAT16) {
        if (type_y == LK_FLOAT32)
            dropout_bf16_f32(x, y, add, threshold, scale, key, n);
        else
            dropout_bf16_bf16(x, y, add, threshold, scale, key, n);
    } else {
        if (type_y == LK_FLOAT32)
            dropout_f16_f32(x, y, add, threshold, scale, key, n);
        else
            dropout_f16_f16(x, y, add, threshold, scale, key, n);
    }
}
