// Loops over rows of numbers on processors that convert to bfloat16 by themselves (AVX-512 BF16). Each
// says whether it was made; where not, the caller's own loop does it.
#ifndef LOCKSTEP_NATIVE_H
#define LOCKSTEP_NATIVE_H

#include "elements.h"

bool native_activation(int kind, const bf16 *x, bf16 *y, size_t n);
bool native_activation_gradient(int kind, const bf16 *x, const bf16 *dy, bf16 *dx, size_t n);
bool native_gated(int kind, const bf16 *gate, const bf16 *up, bf16 *y, size_t n);
bool native_gated_gradient(
    int kind, const bf16 *gate, const bf16 *up, const bf16 *dy, bf16 *dgate, bf16 *dup, size_t n);

// p = softmax(scale · scores), which are used up, and log_sum = log Σ exp(scale · scores).
bool native_softmax(float *scores, float scale, bf16 *p, float *log_sum, size_t n);
// p = exp(scale · scores − log_sum), ds = p · (dp − delta) · scale; none lies where another does.
bool native_softmax_gradient(
    const float *scores, float scale, float log_sum, const float *dp, float delta, bf16 *p,
    bf16 *ds, size_t n);
// log_sum = log Σ exp(x)
bool native_log_sum(const float *x, float *log_sum, size_t n);
// y = exp(x − log_sum) · scale; y may begin where x does.
bool native_probabilities(const float *x, float log_sum, float scale, bf16 *y, size_t n);

#endif
