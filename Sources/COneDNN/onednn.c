#define _GNU_SOURCE
#include "COneDNN.h"
#include <dlfcn.h>
#include <dnnl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct onednn_product {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    dnnl_primitive_t primitive;
    dnnl_memory_t a, b, bias, c;
    bool has_bias;
};

static bool describe(
    dnnl_memory_desc_t *memory, int64_t rows, int64_t columns, int64_t row, int64_t column,
    dnnl_data_type_t type) {
    dnnl_dims_t extents = {rows, columns}, strides = {row, column};
    return dnnl_memory_desc_init_by_strides(memory, 2, extents, type, strides) == dnnl_success;
}

static bool build(onednn_product *product, const onednn_shape *shape) {
    dnnl_memory_desc_t a, b, c, bias;
    dnnl_data_type_t output = shape->bfloat16_output ? dnnl_bf16 : dnnl_f32;
    if (!describe(&a, shape->m, shape->k, shape->row_a, shape->column_a, dnnl_bf16)
        || !describe(&b, shape->k, shape->n, shape->row_b, shape->column_b, dnnl_bf16)
        || !describe(&c, shape->m, shape->n, shape->row_c, 1, output)
        || !describe(&bias, 1, shape->n, shape->n, 1, dnnl_f32))
        return false;
    if (dnnl_engine_create(&product->engine, dnnl_cpu, 0) != dnnl_success) return false;
    if (dnnl_stream_create(&product->stream, product->engine, dnnl_stream_default_flags)
        != dnnl_success)
        return false;

    dnnl_matmul_desc_t operation;
    if (dnnl_matmul_desc_init(&operation, &a, &b, shape->bias ? &bias : NULL, &c) != dnnl_success)
        return false;
    dnnl_primitive_attr_t attributes;
    if (dnnl_primitive_attr_create(&attributes) != dnnl_success) return false;
    dnnl_post_ops_t sum = NULL;
    if (shape->accumulate) {
        dnnl_post_ops_create(&sum);
        dnnl_post_ops_append_sum(sum, 1.0f);
        dnnl_primitive_attr_set_post_ops(attributes, sum);
    }
    dnnl_primitive_desc_t description = NULL;
    dnnl_status_t status = dnnl_primitive_desc_create(
        &description, &operation, attributes, product->engine, NULL);
    if (sum) dnnl_post_ops_destroy(sum);
    dnnl_primitive_attr_destroy(attributes);
    if (status != dnnl_success) return false;
    status = dnnl_primitive_create(&product->primitive, description);
    dnnl_primitive_desc_destroy(description);
    product->has_bias = shape->bias;
    return status == dnnl_success
        && dnnl_memory_create(&product->a, &a, product->engine, DNNL_MEMORY_NONE) == dnnl_success
        && dnnl_memory_create(&product->b, &b, product->engine, DNNL_MEMORY_NONE) == dnnl_success
        && dnnl_memory_create(&product->c, &c, product->engine, DNNL_MEMORY_NONE) == dnnl_success
        && dnnl_memory_create(&product->bias, &bias, product->engine, DNNL_MEMORY_NONE)
            == dnnl_success;
}

onednn_product *onednn_product_create(const onednn_shape *shape) {
    onednn_product *product = calloc(1, sizeof *product);
    if (!product) return NULL;
    onednn_use_calling_thread();
    if (build(product, shape)) return product;
    onednn_product_destroy(product);
    return NULL;
}

bool onednn_product_execute(
    onednn_product *product, const void *a, const void *b, const float *bias, void *c) {
    onednn_use_calling_thread();
    dnnl_memory_set_data_handle(product->a, (void *)a);
    dnnl_memory_set_data_handle(product->b, (void *)b);
    dnnl_memory_set_data_handle(product->c, c);
    dnnl_exec_arg_t arguments[4] = {
        {DNNL_ARG_SRC, product->a}, {DNNL_ARG_WEIGHTS, product->b}, {DNNL_ARG_DST, product->c}};
    int count = 3;
    if (product->has_bias) {
        dnnl_memory_set_data_handle(product->bias, (void *)bias);
        arguments[count].arg = DNNL_ARG_BIAS;
        arguments[count++].memory = product->bias;
    }
    return dnnl_primitive_execute(product->primitive, product->stream, count, arguments)
        == dnnl_success
        && dnnl_stream_wait(product->stream) == dnnl_success;
}

bool onednn_multiply_float32(
    bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, const float *a, int64_t row_a,
    const float *b, int64_t row_b, bool accumulate, float *c, int64_t row_c) {
    onednn_use_calling_thread();
    // For some shapes oneDNN's kernel points the stack register into its buffer on the heap (its issue
    // 4845, until March 2026): a signal handled meanwhile would write its frame over what lies there.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    dnnl_status_t status = dnnl_sgemm(
        transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0f, a, row_a, b, row_b,
        accumulate ? 1.0f : 0.0f, c, row_c);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return status == dnnl_success;
}

void onednn_product_destroy(onednn_product *product) {
    if (!product) return;
    if (product->a) dnnl_memory_destroy(product->a);
    if (product->b) dnnl_memory_destroy(product->b);
    if (product->c) dnnl_memory_destroy(product->c);
    if (product->bias) dnnl_memory_destroy(product->bias);
    if (product->primitive) dnnl_primitive_destroy(product->primitive);
    if (product->stream) dnnl_stream_destroy(product->stream);
    if (product->engine) dnnl_engine_destroy(product->engine);
    free(product);
}

static bool has_instructions(int set) {
#if defined(__x86_64__)
    // The values of dnnl_cpu_isa_t grow by bits: AVX-512 core sets contain 0x27.
    return ((int)dnnl_get_effective_cpu_isa() & set) == set;
#else
    return false;
#endif
}

bool onednn_has_vectors_512(void) { return has_instructions(dnnl_cpu_isa_avx512_core); }

bool onednn_has_bfloat16(void) { return has_instructions(dnnl_cpu_isa_avx512_core_bf16); }

const char *onednn_instruction_set(void) {
    switch ((int)dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41: return "sse4.1";
    case dnnl_cpu_isa_avx: return "avx";
    case dnnl_cpu_isa_avx2: return "avx2";
    case dnnl_cpu_isa_avx512_core: return "avx512_core";
    case dnnl_cpu_isa_avx512_core_vnni: return "avx512_core_vnni";
    case dnnl_cpu_isa_avx512_core_bf16: return "avx512_core_bf16";
    case dnnl_cpu_isa_avx512_core_amx: return "avx512_core_amx";
    default: return "other";
    }
}

const char *onednn_version_text(void) {
    static char text[32];
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "%d.%d.%d", version->major, version->minor, version->patch);
    return text;
}

void onednn_use_calling_thread(void) {
    // oneDNN stands on an OpenMP runtime that we do not link; its thread count is per thread.
    static void (*set_threads)(int);
    static bool looked;
    if (!looked) {
        set_threads = (void (*)(int))dlsym(RTLD_DEFAULT, "omp_set_num_threads");
        looked = true;
    }
    if (set_threads) set_threads(1);
}
