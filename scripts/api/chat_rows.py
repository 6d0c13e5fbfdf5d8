"""Rows of scripts/check_api.py: models and chat completions."""

import json

import openai

from api.client import LeftOut, expect, refused, row

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
