#include "quantized.h"

// `count` ≤ n numbers, then zeros: a row's last block may be shorter.
INLINE void padded(const float *x, size_t count, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] = i < count ? x[i] : 0;
}

// NaN where there is an infinity or a NaN, so that the whole block shows it.
INLINE float largest_magnitude(const float *x, size_t n) {
    float most = 0, nothing = 0;
    for (size_t i = 0; i < n; i++) {
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
        nothing += x[i] * 0.0f;
    }
    return most + nothing;
}

// The nearest code; halves away from zero. Source: quantize_row_q8_0_ref of ggml-quants.c.
CLONES static void encode_q8_0(const float *x, uint8_t *block) {
    float d = largest_magnitude(x, 32) / 127.0f;
    float inverse = d > 0 ? 1.0f / d : 0;
    f16 stored;
    store_f16(&stored, d);
    memcpy(block, &stored, 2);
    int8_t *q = (int8_t *)block + 2;
    for (size_t i = 0; i < 32; i++) {
        float scaled = d > 0 ? x[i] * inverse : 0;
        int whole = (int)scaled;
        float rest = scaled - (float)whole;
        q[i] = (int8_t)(whole + (rest >= 0.5f) - (rest <= -0.5f));
    }
}

// The code of the nearest value: how many midpoints between values lie below.
// Source: dQuantizeNF4 of bitsandbytes' kernels.cu, whose decision tree has these thresholds.
CLONES static void encode_nf4(const float *x, uint8_t *block) {
    static const float midpoints[15] = {
        -0.8480964004993439f, -0.6106329262256622f, -0.4599952697753906f, -0.33967943489551544f,
        -0.23460740596055984f, -0.13791173323988914f, -0.045525018125772476f,
        0.03979014977812767f, 0.1202552504837513f, 0.2035212516784668f, 0.2920137718319893f,
        0.3893125355243683f, 0.5016634166240692f, 0.6427869200706482f, 0.8614784181118011f,
    };
    float most = largest_magnitude(x, 64);
    float inverse = most > 0 ? 1.0f / most : 0;
    memcpy(block, &most, 4);
    uint8_t codes[64];
    for (size_t i = 0; i < 64; i++) {
        float scaled = x[i] * inverse;
        int code = 0;
        for (size_t j = 0; j < 15; j++) code += scaled > midpoints[j];
        codes[i] = (uint8_t)code;
    }
    for (size_t half = 0; half < 2; half++)
        for (size_t i = 0; i < 16; i++)
            block[4 + half * 16 + i] =
                (uint8_t)(codes[half * 32 + i] | codes[half * 32 + 16 + i] << 4);
}

void lk_quantize(
    int format, const float *x, size_t rows, size_t columns, void *y, size_t row_bytes) {
    size_t width = lk_block_columns(format), bytes = lk_block_bytes(format);
    float part[LARGEST_BLOCK];
    for (size_t r = 0; r < rows; r++, x += columns) {
        uint8_t *block = (uint8_t *)y + r * row_bytes;
        for (size_t c = 0; c < columns; c += width, block += bytes) {
            const float *numbers = x + c;
            if (columns - c < width) {
                padded(numbers, columns - c, part, width);
                numbers = part;
            }
            if (format == LK_FORMAT_q8_0)
                encode_q8_0(numbers, block);
            else
                encode_nf4(numbers, block);
        }
    }
}
