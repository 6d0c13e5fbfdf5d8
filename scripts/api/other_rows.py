"""Rows of scripts/check_api.py: completions, vectors, scores, tokens, figures, and what goes wrong."""

import base64
import json
import socket
import struct
import time
import urllib.parse

import openai

from api.client import LeftOut, expect, refused, row

# Completions


@row("completions: text, ids, lists of either, n")
def completions(server):
    whole = server.complete()
    expect(whole.object == "text_completion" and whole.choices[0].text, whole)
    _, ids = server.post("/tokenize", {"prompt": "The capital of France is"})
    expect(server.complete(ids["tokens"]).choices[0].text == whole.choices[0].text, "ids")
    several = server.complete(["The capital of France is", "One, two,"], n=2, temperature=1, seed=3)
    expect([choice.index for choice in several.choices] == [0, 1, 2, 3], several)
    lists = server.complete([ids["tokens"], ids["tokens"]])
    expect([c.text for c in lists.choices] == [whole.choices[0].text] * 2, "lists of ids")


@row("completions: stream")
def completions_streamed(server):
    whole = server.complete().choices[0].text
    chunks = list(server.complete(stream=True))
    expect("".join(chunk.choices[0].text for chunk in chunks) == whole, whole)


@row("completions: echo with logprobs (lm-eval's way)")
def echo(server):
    answer = server.complete(max_tokens=0, echo=True, logprobs=1)
    logs = answer.choices[0].logprobs
    expect(answer.choices[0].text == "The capital of France is", answer.choices[0].text)
    expect(logs.token_logprobs[0] is None and all(x <= 0 for x in logs.token_logprobs[1:]), logs)
    expect("".join(logs.tokens) == answer.choices[0].text, logs.tokens)
    expect(len(logs.top_logprobs) == len(logs.tokens) == len(logs.text_offset), logs)


@row("completions: best_of, suffix: refused by name")
def completions_refused(server):
    refused(lambda: server.complete(best_of=3), openai.BadRequestError, "best_of")
    refused(lambda: server.complete(suffix="x"), openai.BadRequestError, "suffix")


# Other endpoints


def first_that(server, call):
    """What a call gives of the first model that can do it."""
    for model in server.client.models.list().data:
        try:
            return call(model.id)
        except openai.BadRequestError as error:
            if error.code != "wrong_kind_of_model":
                raise
    raise LeftOut("no model of the server can")


@row("embeddings: float, base64, ids, lists")
def embeddings(server):
    def ask(model):
        return server.client.embeddings.create(
            model=model, input=["a cat", "a dog"], encoding_format="float")

    plain = first_that(server, ask)
    expect([entry.index for entry in plain.data] == [0, 1] and plain.usage.prompt_tokens, plain)
    # The client asks for base64 by itself where nothing is said, and decodes it.
    again = server.client.embeddings.create(model=plain.model, input="a cat")
    expect(len(again.data[0].embedding) == len(plain.data[0].embedding), "widths")
    close = max(abs(a - b) for a, b in zip(again.data[0].embedding, plain.data[0].embedding))
    # Texts of one pass share products, whose rounding depends on how many rows there are.
    expect(close < 1e-3, f"differ by {close}")
    status, raw = server.post("/v1/embeddings", {
        "model": plain.model, "input": "a cat", "encoding_format": "base64"})
    numbers = base64.b64decode(raw["data"][0]["embedding"])
    expect(status == 200 and struct.unpack("<f", numbers[:4])[0] == again.data[0].embedding[0], raw)


@row("score/evaluation (LLaMA-Factory's)")
def scores(server):
    status, answer = 0, {}
    for model in server.client.models.list().data:
        status, answer = server.post("/v1/score/evaluation", {
            "model": model.id, "messages": ["a good answer", "a bad answer"]})
        if status == 200:
            break
    if status != 200:
        expect(answer["error"]["code"] == "wrong_kind_of_model", answer)
        raise LeftOut("no reward model is served")
    expect(len(answer["scores"]) == 2 and answer["object"] == "score.evaluation", answer)


@row("tokenize, detokenize")
def tokenize(server):
    status, ids = server.post("/tokenize", {"content": "Grüße, 世界"})
    expect(status == 200 and ids["count"] == len(ids["tokens"]), ids)
    _, text = server.post("/detokenize", {"tokens": ids["tokens"]})
    expect(text["content"] == "Grüße, 世界", text)


@row("health, metrics, openapi.json")
def figures(server):
    expect(json.loads(server.get("/health")) == {"status": "ok"}, "health")
    expect(server.figure("tokens_predicted_total") > 0, "metrics")
    expect(json.loads(server.get("/openapi.json"))["openapi"].startswith("3."), "openapi")


# What goes wrong


@row("errors: 400, 404 with OpenAI's shape")
def errors(server):
    refused(lambda: server.chat(model="gpt-9"), openai.NotFoundError, "gpt-9")
    refused(lambda: server.chat(temperature=9), openai.BadRequestError, "temperature")
    refused(lambda: server.chat("word " * 20000), openai.BadRequestError, "positions")
    try:
        server.chat(top_p=7)
    except openai.BadRequestError as error:
        expect(error.param == "top_p" and error.type == "invalid_request_error", error.body)


@row("a client that hangs up frees its slot")
def hang_up(server):
    address = urllib.parse.urlparse(server.base)
    before = server.figure("requests_processing")
    body = json.dumps({"messages": [{"role": "user", "content": "Tell a story."}],
                       "max_tokens": 4000, "stream": True, "logit_bias": {"2": -100, "0": -100}})
    connection = socket.create_connection((address.hostname, address.port))
    connection.sendall((f"POST {address.path}/chat/completions HTTP/1.1\r\nhost: {address.netloc}"
                        f"\r\nauthorization: Bearer {server.key}\r\ncontent-length: {len(body)}"
                        f"\r\n\r\n{body}").encode())
    expect(b"200" in connection.recv(4096), "no answer")
    # In the middle of the stream: while the prompt is computed, a piece of it is finished first.
    start, first = time.monotonic(), server.figure("tokens_predicted_total")
    while server.figure("tokens_predicted_total") < first + 3:
        expect(time.monotonic() - start < 60, "it writes nothing")
        time.sleep(0.01)
    tokens = server.figure("tokens_predicted_total")
    connection.close()
    start = time.monotonic()
    while server.figure("requests_processing") > before:
        expect(time.monotonic() - start < 10, "still running after 10 s")
        time.sleep(0.005)
    seconds = time.monotonic() - start
    tokens = server.figure("tokens_predicted_total") - tokens
    return f"after {1000 * seconds:.0f} ms, {tokens:.0f} tokens"
