#!/usr/bin/env python3
"""How fast a server of OpenAI's API answers, alone and with many clients: tokens a second, time to the first
token, errors, and its memory. Nothing but Python is needed; any such server can be asked.

    scripts/measure_api.py http://127.0.0.1:8000/v1 --clients 1,8
    scripts/measure_api.py http://127.0.0.1:8000/v1 --clients 1,64 --seconds 300 --pid $(pgrep -x lockstep)

Each client streams one continuation after another until the time is over; those under way are finished and
count. Prompts differ in their beginning, so that nothing of them is there already; --same makes them one.
Prints a line for each number of clients, and with two or more the ratio of the last to the first.
"""

import argparse
import http.client
import json
import statistics
import sys
import threading
import time
import urllib.parse

WORDS = ("the river ran between two hills and a mill stood where it turned; people came from far away to see "
         "how wheels of wood could lift water, grind corn and saw planks, all in one day. ").split()


def prompt(number, words, same):
    """A text of so many words, another one for each number."""
    start = [] if same else [f"Story {number * 7919 % 99991}:"]
    return " ".join(start + [WORDS[(index + (0 if same else number)) % len(WORDS)] for index in range(words)])


class Counts:
    """What all clients of a round have seen."""

    def __init__(self):
        self.lock = threading.Lock()
        self.tokens, self.answers, self.errors = 0, 0, []
        self.first, self.number = [], 0

    def next(self):
        with self.lock:
            self.number += 1
            return self.number

    def add(self, tokens, first):
        with self.lock:
            self.tokens += tokens
            self.answers += 1
            self.first.append(first)

    def fail(self, error):
        with self.lock:
            self.errors.append(error)


def ask(options, address, counts):
    """One continuation as a stream."""
    body = json.dumps({
        "model": options.model, "prompt": prompt(counts.next(), options.words, options.same),
        "max_tokens": options.tokens, "temperature": 0, "stream": True,
        "stream_options": {"include_usage": True},
        "logit_bias": {str(token): -100 for token in options.never}})
    headers = {"content-type": "application/json"}
    if options.key:
        headers["authorization"] = f"Bearer {options.key}"
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=600)
    start = time.monotonic()
    connection.request("POST", address.path + "/completions", body, headers)
    answer = connection.getresponse()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {answer.read()[:200]!r}")
    first, tokens, done = None, 0, False
    for line in answer:
        if not line.startswith(b"data: "):
            continue
        if line.startswith(b"data: [DONE]"):
            done = True
            break
        event = json.loads(line[6:])
        if "error" in event:
            raise RuntimeError(str(event["error"]))
        if first is None and event.get("choices") and event["choices"][0].get("text"):
            first = time.monotonic() - start
        if event.get("usage"):
            tokens = event["usage"]["completion_tokens"]
    connection.close()
    if not done or tokens == 0:
        raise RuntimeError(f"a stream that ended early, after {tokens} tokens")
    counts.add(tokens, first if first is not None else time.monotonic() - start)


def memory(pid):
    """MiB that a process holds."""
    with open(f"/proc/{pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    return 0


def measure(options, address, clients):
    """A line for so many clients. → tokens a second, and whether all went well"""
    counts = Counts()
    end = time.monotonic() + options.seconds

    def work():
        while time.monotonic() < end:
            try:
                ask(options, address, counts)
            except Exception as error:  # counted, and told at the end
                counts.fail(f"{type(error).__name__}: {error}")
                time.sleep(0.1)

    threads = [threading.Thread(target=work) for _ in range(clients)]
    start = time.monotonic()
    sizes = []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.5)
        if options.pid:
            sizes.append(memory(options.pid))
    seconds = time.monotonic() - start
    rate = counts.tokens / seconds
    first = sorted(counts.first) or [0]
    line = (f"{clients:3} clients  {rate:8.1f} tokens/s  first token {1000 * statistics.median(first):7.0f} ms "
            f"(95 %: {1000 * first[int(0.95 * (len(first) - 1))]:.0f})  {counts.answers} answers in "
            f"{seconds:.0f} s  {len(counts.errors)} errors")
    if sizes:
        # A fifth of the time is for caches to grow to their size.
        settled = sizes[len(sizes) // 5:]
        line += f"  {settled[0]:.0f} → {settled[-1]:.0f} MiB, at most {max(sizes):.0f}"
    print(line, flush=True)
    for error in counts.errors[:3]:
        print("   ", error)
    return rate, not counts.errors


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("--clients", default="1,8")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--words", type=int, default=64, help="of each prompt")
    parser.add_argument("--tokens", type=int, default=64, help="of each answer")
    parser.add_argument("--same", action="store_true", help="one prompt for all")
    parser.add_argument("--never", default="0,1,2", help="ids that would end an answer")
    parser.add_argument("--model", default=None)
    parser.add_argument("--key", default="")
    parser.add_argument("--pid", type=int, help="of the server, for its memory")
    options = parser.parse_args()
    options.never = [int(token) for token in options.never.split(",") if token]
    address = urllib.parse.urlparse(options.base)
    if options.model is None:
        request = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        request.request("GET", address.path + "/models", headers={"authorization": f"Bearer {options.key}"})
        options.model = json.load(request.getresponse())["data"][0]["id"]
    rates = [measure(options, address, int(clients)) for clients in options.clients.split(",")]
    if len(rates) > 1:
        print(f"the last is {rates[-1][0] / max(rates[0][0], 1e-9):.2f} × the first")
    sys.exit(0 if all(good for _, good in rates) else 1)


if __name__ == "__main__":
    main()
