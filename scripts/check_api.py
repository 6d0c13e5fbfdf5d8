#!/usr/bin/env python3
"""The official openai client against `lockstep api`: every endpoint, every option.

    python3 -m pip install openai
    scripts/check_api.py http://127.0.0.1:8000/v1 [KEY]
    scripts/check_api.py http://127.0.0.1:8000/v1 --only tools,seed

Starts nothing: give the address of a server, of a chat model for most rows. Rows about vectors and scores
are asked of whatever model the server lists that can do it, and named as left out where none can. Prints a
table; exit status 1 where a row fails. Tried with openai 3.57.0.
"""

import argparse
import base64
import json
import socket
import struct
import sys
import time
import urllib.parse
import urllib.request

import openai

ROWS = []


def row(name):
    """Notes a check under the name of what it checks."""

    def note(function):
        ROWS.append((name, function))
        return function

    return note


class LeftOut(Exception):
    """The server has no model for a row."""


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def refused(call, kind, word):
    """Whether a call is refused with a kind of error that names a word."""
    try:
        call()
    except kind as error:
        expect(word in str(error), f"the message lacks '{word}': {error}")
        return
    raise AssertionError(f"accepted, expected {kind.__name__}")


class Server:
    """The client, and what the rows ask again and again."""

    def __init__(self, base, key):
        self.base = base
        self.key = key
        self.client = openai.OpenAI(base_url=base, api_key=key, max_retries=0, timeout=300)
        self.root = base.removesuffix("/v1")
        self.model = self.client.models.list().data[0].id

    def chat(self, question="Name three colours.", **options):
        options.setdefault("max_tokens", 24)
        options.setdefault("temperature", 0)
        messages = options.pop("messages", [{"role": "user", "content": question}])
        return self.client.chat.completions.create(
            model=options.pop("model", self.model), messages=messages, **options)

    def complete(self, prompt="The capital of France is", **options):
        options.setdefault("max_tokens", 12)
        options.setdefault("temperature", 0)
        return self.client.completions.create(model=self.model, prompt=prompt, **options)

    def get(self, path, **headers):
        request = urllib.request.Request(self.root + path, headers=self.headers(headers))
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()

    def post(self, path, body):
        request = urllib.request.Request(
            self.root + path, data=json.dumps(body).encode(),
            headers=self.headers({"content-type": "application/json"}))
        try:
            with urllib.request.urlopen(request, timeout=300) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def headers(self, more):
        return {"authorization": f"Bearer {self.key}", **more}

    def figure(self, name):
        for line in self.get("/metrics").splitlines():
            if line.startswith(f"lockstep:{name} "):
                return float(line.split()[1])
        raise AssertionError(f"/metrics lacks {name}")


# Models


@row("models.list, models.retrieve")
def models(server):
    listed = server.client.models.list()
    expect(listed.object == "list" and listed.data[0].object == "model", listed)
    one = server.client.models.retrieve(server.model)
    expect(one.id == server.model and one.created > 0 and one.owned_by, one)
    refused(lambda: server.client.models.retrieve("gpt-9"), openai.NotFoundError, "gpt-9")


@row("a wrong key (where one is set)")
def key(server):
    other = openai.OpenAI(base_url=server.base, api_key="wrong", max_retries=0)
    if server.key == "none":
        raise LeftOut("no key is set")
    refused(lambda: other.models.list(), openai.AuthenticationError, "key")


# Chat


@row("chat: answer, usage, finish_reason")
def chat(server):
    answer = server.chat()
    choice = answer.choices[0]
    expect(choice.message.role == "assistant" and choice.message.content, choice)
    expect(choice.finish_reason in ("stop", "length"), choice.finish_reason)
    usage = answer.usage
    expect(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens, usage)
    expect(usage.completion_tokens <= 24 and answer.object == "chat.completion", answer)
    expect(answer._request_id.startswith("req-"), answer._request_id)


@row("chat: stream equals the whole answer")
def stream(server):
    whole = server.chat().choices[0]
    chunks = list(server.chat(stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    expect(text == whole.message.content, f"{text!r}, whole {whole.message.content!r}")
    expect(chunks[0].choices[0].delta.role == "assistant", chunks[0])
    expect(chunks[-1].choices[0].finish_reason == whole.finish_reason, chunks[-1])
    expect(len({chunk.id for chunk in chunks}) == 1, "several ids")
    expect(len(chunks) > 5, f"{len(chunks)} chunks")


@row("chat: client.chat.completions.stream()")
def helper(server):
    with server.client.chat.completions.stream(
            model=server.model, max_tokens=64, temperature=0, stop=["e", "o"],
            messages=[{"role": "user", "content": "Say hello."}]) as events:
        kinds = {event.type for event in events}
        final = events.get_final_completion()
    expect("content.delta" in kinds and "content.done" in kinds, kinds)
    expect(final.choices[0].finish_reason == "stop", final)


@row("chat: stream_options.include_usage")
def stream_usage(server):
    chunks = list(server.chat(stream=True, stream_options={"include_usage": True}))
    expect(chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0, chunks[-1])
    expect(all(chunk.usage is None for chunk in chunks[:-1]), "usage before the end")


@row("chat: n, whole and streamed")
def several(server):
    answer = server.chat(n=3, temperature=1, seed=7)
    expect([choice.index for choice in answer.choices] == [0, 1, 2], answer)
    texts = [choice.message.content for choice in answer.choices]
    expect(len(set(texts)) > 1, texts)
    streamed = ["", "", ""]
    for chunk in server.chat(n=3, temperature=1, seed=7, stream=True):
        streamed[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    expect(streamed == texts, f"{streamed}, whole {texts}")


@row("chat: stop, one and several")
def stops(server):
    free = server.chat(max_tokens=40).choices[0].message.content
    word = free.split()[3]
    cut = server.chat(max_tokens=40, stop=word).choices[0]
    expect(cut.message.content == free[:free.index(word)], (cut.message.content, word))
    expect(cut.finish_reason == "stop", cut.finish_reason)
    more = server.chat(max_tokens=40, stop=["ZZZZ", word]).choices[0]
    expect(more.message.content == cut.message.content, more)
    streamed = server.chat(max_tokens=40, stop=word, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in streamed)
    expect(text == cut.message.content, text)


@row("chat: seed")
def seed(server):
    texts = [server.chat(temperature=1.2, seed=number).choices[0].message.content
             for number in (5, 5, 6)]
    expect(texts[0] == texts[1] != texts[2], texts)


@row("chat: temperature, top_p, top_k, min_p, penalties")
def sampling(server):
    greedy = server.chat().choices[0].message.content
    expect(server.chat(temperature=2, top_p=1e-9).choices[0].message.content == greedy, "top_p")
    for options in ({"top_k": 1}, {"min_p": 1.0}):
        text = server.chat(temperature=2, extra_body=options).choices[0].message.content
        expect(text == greedy, options)
    # A completion without an end in sight repeats itself.
    long = server.complete("A list: apple, apple, apple,", max_tokens=60).choices[0].text
    for options in ({"presence_penalty": 2}, {"frequency_penalty": 2},
                    {"extra_body": {"repetition_penalty": 1.5}}):
        text = server.complete("A list: apple, apple, apple,", max_tokens=60, **options)
        expect(text.choices[0].text != long, options)


@row("chat: logit_bias")
def bias(server):
    _, ids = server.post("/tokenize", {"content": " purple"})
    expect(ids["count"] >= 1, ids)
    answer = server.chat(max_tokens=4, logit_bias={str(ids["tokens"][0]): 100})
    expect("pur" in answer.choices[0].message.content, answer.choices[0].message.content)


@row("chat: logprobs, top_logprobs, whole and streamed")
def logprobs(server):
    answer = server.chat(logprobs=True, top_logprobs=3, max_tokens=8)
    entries = answer.choices[0].logprobs.content
    expect(len(entries) == answer.usage.completion_tokens, len(entries))
    joined = b"".join(bytes(entry.bytes) for entry in entries).decode()
    expect(joined == answer.choices[0].message.content, joined)
    for entry in entries:
        expect(len(entry.top_logprobs) == 3 and entry.logprob <= 0, entry)
        expect(entry.top_logprobs[0].token == entry.token, entry)
    streamed = [entry for chunk in server.chat(
        logprobs=True, top_logprobs=3, max_tokens=8, stream=True)
        for entry in (chunk.choices[0].logprobs.content if chunk.choices[0].logprobs else [])]
    expect([e.logprob for e in streamed] == [e.logprob for e in entries], "streamed differ")


@row("chat: max_completion_tokens, max_tokens")
def counts(server):
    for option in ("max_tokens", "max_completion_tokens"):
        answer = server.client.chat.completions.create(
            model=server.model, temperature=0, **{option: 5},
            messages=[{"role": "user", "content": "Tell me a long story."}])
        expect(answer.usage.completion_tokens == 5, answer.usage)
        expect(answer.choices[0].finish_reason == "length", answer.choices[0])


@row("chat: system, developer, assistant, content parts")
def roles(server):
    for role in ("system", "developer"):
        answer = server.chat(messages=[
            {"role": role, "content": "You answer in one word."},
            {"role": "user", "content": [{"type": "text", "text": "Is the sky"},
                                         {"type": "text", "text": "blue?"}]},
            {"role": "assistant", "content": "Yes."},
            {"role": "user", "content": "Sure?"}])
        expect(answer.choices[0].message.content is not None, answer)
    refused(lambda: server.chat(messages=[{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,aa"}}]}]),
        openai.BadRequestError, "images")


@row("chat: harmless options (user, metadata, store)")
def harmless(server):
    server.chat(user="me", metadata={"a": "b"}, store=False, max_tokens=1)
    refused(lambda: server.chat(extra_body={"best_guess": 1}), openai.BadRequestError, "best_guess")


WEATHER = {"type": "function", "function": {
    "name": "weather", "description": "The weather in a city.",
    "parameters": {"type": "object", "additionalProperties": False, "required": ["city", "unit"],
                   "properties": {"city": {"type": "string", "maxLength": 24},
                                  "unit": {"enum": ["celsius", "fahrenheit"]}}}}}
CLOCK = {"type": "function", "function": {
    "name": "clock", "parameters": {"type": "object", "properties": {}}}}


def with_tools(server):
    """Leaves a row out where the model's template has no tools."""
    try:
        server.chat("Hello!", tools=[WEATHER], max_tokens=1)
    except openai.BadRequestError as error:
        if "found tools" in str(error):
            raise LeftOut("the model's template has no tools; try template=qwen") from None
        raise


@row("chat: tools required, by name, auto, none")
def tools(server):
    with_tools(server)
    for choice in ("required", {"type": "function", "function": {"name": "weather"}}):
        answer = server.chat("What is the weather in Paris?", tools=[WEATHER], tool_choice=choice,
                             max_tokens=120)
        call = answer.choices[0].message.tool_calls[0]
        arguments = json.loads(call.function.arguments)
        expect(call.function.name == "weather" and call.type == "function", call)
        expect(set(arguments) == {"city", "unit"}, arguments)
        expect(arguments["unit"] in ("celsius", "fahrenheit"), arguments)
        expect(answer.choices[0].finish_reason == "tool_calls", answer.choices[0])
    for choice in ("auto", "none"):
        answer = server.chat("Hello!", tools=[WEATHER, CLOCK], tool_choice=choice)
        expect(answer.choices[0].finish_reason in ("stop", "length", "tool_calls"), answer)


@row("chat: tools streamed, and the tool's answer sent back")
def tools_streamed(server):
    with_tools(server)
    name, arguments, identity, finish = "", "", "", ""
    for chunk in server.chat("What is the weather in Paris?", tools=[WEATHER], stream=True,
                             tool_choice="required", max_tokens=120):
        for call in chunk.choices[0].delta.tool_calls or []:
            name += call.function.name or ""
            arguments += call.function.arguments or ""
            identity = identity or call.id
        finish = chunk.choices[0].finish_reason or finish
    expect(name == "weather" and finish == "tool_calls", (name, finish))
    json.loads(arguments)
    answer = server.chat(messages=[
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": identity, "type": "function",
             "function": {"name": name, "arguments": arguments}}]},
        {"role": "tool", "tool_call_id": identity, "content": "18 degrees and rain"}],
        tools=[WEATHER])
    expect(answer.usage.completion_tokens > 0, answer)


@row("chat: response_format json_object")
def json_object(server):
    answer = server.chat("Describe a cat as JSON.", response_format={"type": "json_object"},
                         max_tokens=400, temperature=1, seed=1)
    choice = answer.choices[0]
    if choice.finish_reason == "stop":
        expect(isinstance(json.loads(choice.message.content), dict), choice)
    expect(choice.message.content.lstrip().startswith("{"), choice)


@row("chat: response_format json_schema, client.beta parse")
def json_schema(server):
    schema = {"type": "object", "additionalProperties": False, "required": ["name", "legs", "wild"],
              "properties": {"name": {"type": "string", "minLength": 1, "maxLength": 12},
                             "legs": {"type": "integer"}, "wild": {"type": "boolean"}}}
    answer = server.chat("Describe a cat.", max_tokens=200, response_format={
        "type": "json_schema",
        "json_schema": {"name": "animal", "strict": True, "schema": schema}})
    value = json.loads(answer.choices[0].message.content)
    expect(set(value) == {"name", "legs", "wild"}, value)
    expect(isinstance(value["legs"], int) and isinstance(value["wild"], bool), value)
    expect(answer.choices[0].finish_reason == "stop", answer)
    try:
        from pydantic import BaseModel
    except ImportError:
        return

    class Animal(BaseModel):
        wild: bool
        kind: str

    parsed = server.client.chat.completions.parse(
        model=server.model, messages=[{"role": "user", "content": "Describe a wolf."}],
        response_format=Animal, max_tokens=200, temperature=0)
    expect(isinstance(parsed.choices[0].message.parsed, Animal), parsed)


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
    start = time.monotonic()
    while server.figure("requests_processing") == before:
        expect(time.monotonic() - start < 10, "it does not run")
        time.sleep(0.01)
    connection.close()
    start = time.monotonic()
    while server.figure("requests_processing") > before:
        expect(time.monotonic() - start < 10, "still running after 10 s")
        time.sleep(0.01)
    return f"after {1000 * (time.monotonic() - start):.0f} ms"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("key", nargs="?", default="none")
    parser.add_argument("--only", default="", help="words of the rows to run, with commas between")
    options = parser.parse_args()
    words = [word for word in options.only.split(",") if word]
    server = Server(options.base, options.key)
    failed = 0
    for name, function in ROWS:
        if words and not any(word in name for word in words):
            continue
        start = time.monotonic()
        try:
            note = function(server) or ""
            outcome = "ok"
        except LeftOut as reason:
            outcome, note = "left out", str(reason)
        except Exception as error:  # a row's failure is a line of the table
            outcome, note = "FAILED", f"{type(error).__name__}: {str(error)[:300]}"
            failed += 1
        print(f"{name:58} {outcome:9} {time.monotonic() - start:6.2f} s  {note}", flush=True)
    print(f"openai {openai.__version__}: {failed} failed" if failed else
          f"openai {openai.__version__}: all passed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
