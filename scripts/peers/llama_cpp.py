"""llama.cpp's library on a GGUF file: what its server can give at most, without HTTP and text.

    python3 -m venv v && v/bin/pip install llama-cpp-py-sync
    v/bin/python scripts/peers/llama_cpp.py models/SmolLM2-135M-Instruct.Q4_1.gguf --threads 2

Prints the time of a prompt, and tokens a second of one text and of eight in one batch, greedy. Beside it:
scripts/measure_api.py at `lockstep api`. The wheel of PyPI is compiled for the processors of `system_info`;
compile llama.cpp on the machine and put its libggml-*.so in the package's folder for those of the machine.
"""

import argparse
import time

from llama_cpp_py_sync import _cffi_bindings


class Engine:
    """A model and a context for some sequences."""

    def __init__(self, path, threads, sequences, context):
        self.lib, self.ffi = _cffi_bindings.get_lib(), _cffi_bindings.get_ffi()
        self.lib.llama_backend_init()
        params = self.lib.llama_model_default_params()
        self.model = self.lib.llama_model_load_from_file(path.encode(), params)
        self.vocabulary = self.lib.llama_model_get_vocab(self.model)
        settings = self.lib.llama_context_default_params()
        settings.n_ctx = context * sequences
        settings.n_batch = settings.n_ubatch = 512
        settings.n_seq_max = sequences
        settings.n_threads = settings.n_threads_batch = threads
        self.context = self.lib.llama_init_from_model(self.model, settings)
        self.size = self.lib.llama_vocab_n_tokens(self.vocabulary)

    def decode(self, rows):
        """rows: (token, position, sequence, whether its logits are asked for)"""
        batch = self.lib.llama_batch_init(len(rows), 0, 1)
        batch.n_tokens = len(rows)
        for index, (token, position, sequence, asks) in enumerate(rows):
            batch.token[index] = token
            batch.pos[index] = position
            batch.n_seq_id[index] = 1
            batch.seq_id[index][0] = sequence
            batch.logits[index] = asks
        if self.lib.llama_decode(self.context, batch) != 0:
            raise RuntimeError("llama_decode")
        self.lib.llama_batch_free(batch)

    def clear(self):
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)

    def prompt(self, ids, sequence):
        for start in range(0, len(ids), 512):
            part = ids[start:start + 512]
            self.decode([(token, start + index, sequence, start + index + 1 == len(ids))
                         for index, token in enumerate(part)])

    def best(self, index):
        """The likeliest token of a row of the last batch."""
        import numpy
        logits = self.lib.llama_get_logits_ith(self.context, index)
        numbers = numpy.frombuffer(self.ffi.buffer(logits, 4 * self.size), numpy.float32)
        return int(numbers.argmax())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--prompt", type=int, default=100, help="tokens")
    parser.add_argument("--tokens", type=int, default=64, help="of each answer")
    options = parser.parse_args()
    engine = Engine(options.model, options.threads, 8, 1024)
    print(engine.ffi.string(engine.lib.llama_print_system_info()).decode())
    ids = [1000 + 37 * index % 20000 for index in range(options.prompt)]
    times = []
    for _ in range(6):
        engine.clear()
        start = time.monotonic()
        engine.prompt(ids, 0)
        engine.best(-1)
        times.append(time.monotonic() - start)
    print(f"prompt of {options.prompt} tokens: {1000 * min(times):.0f} ms, "
          f"{options.prompt / min(times):.0f} tokens/s")
    for sequences in (1, 8):
        rates = []
        for _ in range(3):
            engine.clear()
            for sequence in range(sequences):
                engine.prompt(ids, sequence)
            last = [1000] * sequences
            start = time.monotonic()
            for step in range(options.tokens):
                engine.decode([(last[s], len(ids) + step, s, True) for s in range(sequences)])
                last = [engine.best(s) for s in range(sequences)]
            rates.append(sequences * options.tokens / (time.monotonic() - start))
        print(f"{sequences} texts: {max(rates):.1f} tokens/s")


if __name__ == "__main__":
    main()
