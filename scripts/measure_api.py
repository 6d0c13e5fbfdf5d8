#!/usr/bin/env python3
"""How fast a server of OpenAI's API answers, alone and with many clients: tokens a second, time to the first
token, errors, and its memory. Nothing but Python is needed; any such server can be asked.

    scripts/measure_api.py http://127.0.0.1:8000/v1 --clients 1,8
    scripts/measure_api.py http://127.0.0.1:8000/v1 --clients 1,64 --seconds 300 --pid $(pgrep -x lockstep)
    scripts/measure_api.py http://127.0.0.1:8000/v1 http://127.0.0.1:8080/v1 --rounds 3

Several servers are asked in turn, never two at once, with the same prompts; scripts/peers/llama_server.sh
starts llama.cpp's beside this one.
Each client streams one continuation after another until the time is over; those under way are finished and
count. Prompts differ in their beginning, so that nothing of them is there already; --same makes them one.
Prints a line for each server and number of clients; at the end, the median of several rounds, the ratio of
the last number of clients to the first, and that of the first server to each other one.
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

    def __init__(self, number):
        self.lock = threading.Lock()
        self.tokens, self.answers, self.errors = 0, 0, []
        self.first, self.number = [], number

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


def ask(options, server, counts):
    """One continuation as a stream."""
    address = server.address
    body = json.dumps({
        "model": server.model, "prompt": prompt(counts.next(), options.words, options.same),
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


def measure(options, server, clients, round_number):
    """A line for so many clients. → tokens a second, milliseconds to the first token, whether all went well"""
    counts = Counts(1000 * round_number + 100 * clients)
    end = time.monotonic() + options.seconds

    def work():
        while time.monotonic() < end:
            try:
                ask(options, server, counts)
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
        if server.pid:
            sizes.append((time.monotonic() - start, memory(server.pid)))
    seconds = time.monotonic() - start
    rate = counts.tokens / seconds
    first = sorted(counts.first) or [0]
    line = (f"{server.name}{clients:3} clients  {rate:8.1f} tokens/s  first token {1000 * statistics.median(first):7.0f} ms "
            f"(95 %: {1000 * first[int(0.95 * (len(first) - 1))]:.0f})  {counts.answers} answers in "
            f"{seconds:.0f} s  {len(counts.errors)} errors")
    if sizes:
        # What it was at one, three, five … minutes, and at the end.
        marks = [size for mark in range(60, int(seconds), 120)
                 for at, size in sizes if mark <= at < mark + 0.75][:8]
        line += "  " + " → ".join(f"{size:.0f}" for size in marks + [sizes[-1][1]]) + " MiB"
    print(line, flush=True)
    for error in counts.errors[:3]:
        print("   ", error)
    return rate, 1000 * statistics.median(first), not counts.errors


class Server:
    """A server, and the model of it that is asked."""

    def __init__(self, base, number, options):
        self.address = urllib.parse.urlparse(base)
        self.pid = options.pid[number] if number < len(options.pid) else None
        self.name = f"{self.address.netloc:21} " if len(options.bases) > 1 else ""
        self.model = options.model
        if self.model is None:
            request = http.client.HTTPConnection(self.address.hostname, self.address.port, timeout=60)
            request.request(
                "GET", self.address.path + "/models", headers={"authorization": f"Bearer {options.key}"})
            self.model = json.load(request.getresponse())["data"][0]["id"]


def compare(servers, clients, rounds):
    """The lines at the end. rounds: what `measure` gave, by (number of server, clients)."""
    rates = {key: statistics.median(r[0] for r in found) for key, found in rounds.items()}
    firsts = {key: statistics.median(r[1] for r in found) for key, found in rounds.items()}
    for number, server in enumerate(servers):
        if len(rounds[number, clients[0]]) > 1:
            for count in clients:
                print(f"{server.name}{count:3} clients  median {rates[number, count]:.1f} tokens/s, "
                      f"first token {firsts[number, count]:.0f} ms")
        if len(clients) > 1:
            ratio = rates[number, clients[-1]] / max(rates[number, clients[0]], 1e-9)
            print(f"{server.name}{clients[-1]} clients: {ratio:.2f} × the tokens/s of {clients[0]}")
        for count in clients if number else []:
            print(f"{count} clients: {servers[0].name.strip()} gives "
                  f"{rates[0, count] / max(rates[number, count], 1e-9):.2f} × the tokens/s of "
                  f"{server.name.strip()}, first token after "
                  f"{firsts[0, count] / max(firsts[number, count], 1e-9):.2f} × its time")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bases", nargs="+", metavar="BASE")
    parser.add_argument("--clients", default="1,8")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--words", type=int, default=64, help="of each prompt")
    parser.add_argument("--tokens", type=int, default=64, help="of each answer")
    parser.add_argument("--same", action="store_true", help="one prompt for all")
    parser.add_argument("--never", default="0,1,2", help="ids that would end an answer")
    parser.add_argument("--model", default=None)
    parser.add_argument("--key", default="")
    parser.add_argument("--pid", default="", help="of the servers, with commas between, for their memory")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    options.never = [int(token) for token in options.never.split(",") if token]
    options.pid = [int(pid) for pid in options.pid.split(",") if pid]
    clients = [int(count) for count in options.clients.split(",")]
    servers = [Server(base, number, options) for number, base in enumerate(options.bases)]
    rounds = {}
    for count in clients:
        for turn in range(options.rounds):
            for number, server in enumerate(servers):
                rounds.setdefault((number, count), []).append(measure(options, server, count, turn))
    compare(servers, clients, rounds)
    sys.exit(0 if all(found[2] for some in rounds.values() for found in some) else 1)


if __name__ == "__main__":
    main()
