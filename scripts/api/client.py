"""The official openai client at a server, and what the checks of scripts/check_api.py ask again and again."""

import json
import urllib.error
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
