// llama.cpp's library on a GGUF file: what its server can give at most, without HTTP and text. Prints the time
// of a prompt, and tokens a second of one text and of eight in one batch, greedy.
//
//     g++ -O2 scripts/peers/llama_cpp.cpp -I LLAMA/include -I LLAMA/ggml/include -L LLAMA/build/bin -lllama -lggml \
//         -lggml-base -Wl,-rpath,LLAMA/build/bin -o llama_cpp
//     ./llama_cpp models/SmolLM2-135M-Instruct.Q4_1.gguf [threads] [tokens of the prompt]
//
// LLAMA is a checkout that was compiled with -DGGML_NATIVE=ON. Tried with ggml 0.26.0.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "llama.h"

using Clock = std::chrono::steady_clock;

static double seconds(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Row {
    llama_token token;
    int position, sequence;
    bool asks;
};

static void decode(llama_context *context, const std::vector<Row> &rows) {
    llama_batch batch = llama_batch_init((int)rows.size(), 0, 1);
    batch.n_tokens = (int)rows.size();
    for (size_t i = 0; i < rows.size(); i++) {
        batch.token[i] = rows[i].token;
        batch.pos[i] = rows[i].position;
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = rows[i].sequence;
        batch.logits[i] = rows[i].asks;
    }
    if (llama_decode(context, batch) != 0) exit(1);
    llama_batch_free(batch);
}

static void prompt(llama_context *context, int count, int sequence) {
    std::vector<Row> rows;
    for (int i = 0; i < count; i++) {
        rows.push_back({1000 + 37 * i % 20000, i, sequence, i + 1 == count});
        if (rows.size() == 512 || i + 1 == count) decode(context, rows), rows.clear();
    }
}

static llama_token best(llama_context *context, int row, int size) {
    const float *logits = llama_get_logits_ith(context, row);
    return (llama_token)(std::max_element(logits, logits + size) - logits);
}

int main(int count, char **arguments) {
    if (count < 2) return 2;
    int threads = count > 2 ? atoi(arguments[2]) : 2, length = count > 3 ? atoi(arguments[3]) : 100;
    const int tokens = 64, most = 8;
    llama_backend_init();
    llama_log_set([](ggml_log_level, const char *, void *) {}, nullptr);
    llama_model *model = llama_model_load_from_file(arguments[1], llama_model_default_params());
    if (!model) return 1;
    int size = llama_vocab_n_tokens(llama_model_get_vocab(model));
    llama_context_params params = llama_context_default_params();
    params.n_ctx = 1024 * most;
    params.n_batch = params.n_ubatch = 512;
    params.n_seq_max = most;
    params.n_threads = params.n_threads_batch = threads;
    llama_context *context = llama_init_from_model(model, params);
    printf("%s\n", llama_print_system_info());
    double least = 1e9;
    for (int trial = 0; trial < 6; trial++) {
        llama_memory_clear(llama_get_memory(context), true);
        auto start = Clock::now();
        prompt(context, length, 0);
        best(context, -1, size);
        least = std::min(least, seconds(start));
    }
    printf("prompt of %d tokens: %.0f ms, %.0f tokens/s\n", length, 1000 * least, length / least);
    for (int sequences : {1, most}) {
        double fastest = 0;
        for (int trial = 0; trial < 3; trial++) {
            llama_memory_clear(llama_get_memory(context), true);
            for (int s = 0; s < sequences; s++) prompt(context, length, s);
            std::vector<llama_token> last(sequences, 1000);
            auto start = Clock::now();
            for (int step = 0; step < tokens; step++) {
                std::vector<Row> rows;
                for (int s = 0; s < sequences; s++) rows.push_back({last[s], length + step, s, true});
                decode(context, rows);
                for (int s = 0; s < sequences; s++) last[s] = best(context, s, size);
            }
            fastest = std::max(fastest, sequences * tokens / seconds(start));
        }
        printf("%d texts: %.1f tokens/s\n", sequences, fastest);
    }
    llama_free(context);
    llama_model_free(model);
}
