"""The rows that templates.py runs LLaMA-Factory over: three files in its three formats."""

import json

WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name of the city"},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
            "days": {"type": "array", "items": {"type": "integer"}, "description": "Days from now"},
        },
        "required": ["city"],
    },
}
SEARCH = {
    "type": "function",
    "function": {
        "name": "search",
        "description": "在网上搜索",
        "parameters": {
            "type": "object",
            "properties": {"query": {"type": "string", "description": "要搜索的内容"}},
            "required": ["query"],
        },
    },
}
LONG = " ".join(f"Sentence number {i} says little and says it slowly." for i in range(40))

ALPACA = [
    {"instruction": "Name three primary colours.", "input": "", "output": "Red, yellow and blue."},
    {"instruction": "Translate into German.", "input": "Good morning", "output": "Guten Morgen"},
    {"instruction": "用一句话介绍北京。", "input": "", "output": "北京是中国的首都，历史悠久。"},
    {"instruction": "翻译成英文", "input": "今天天气很好。", "output": "The weather is fine today."},
    {"instruction": "Say nothing.", "input": "", "output": ""},
    {
        "instruction": "And the second one?",
        "input": "",
        "output": "Yellow.",
        "history": [["Name a colour.", "Red."], ["Another?", "Blue, 蓝色。"]],
    },
    {
        "instruction": "Add them.",
        "input": "2 and 3",
        "output": "5",
        "system": "You only answer with numbers.",
    },
    {
        "instruction": "继续",
        "input": "",
        "output": "好的。",
        "system": "你是一个诗人。",
        "history": [["写一句诗", "床前明月光，"]],
    },
    {"instruction": "", "input": "Only an input here", "output": "I see."},
    {"instruction": LONG, "input": "", "output": "Short."},
    {"instruction": "Write much.", "input": "", "output": LONG},
    {"instruction": LONG, "input": "再说一遍", "output": LONG},
    {"instruction": "Count:\n1\n2\n\t3", "input": "", "output": "  4\n\n5 \n"},
    {"instruction": "What does {{content}} mean?", "input": "", "output": "{{content}} is a slot."},
    {"instruction": "Write <|im_end|> and </s> and [INST].", "input": "", "output": "<|im_end|></s>"},
    {"instruction": "🙂 émoji\u0301 ½", "input": "“quotes”", "output": "naïve — ok…"},
    {"instruction": "Use a tool?", "input": "", "output": "No.", "tools": json.dumps([WEATHER])},
]


def turns(*texts, system=None, roles=None):
    """A list of messages; roles alternate between human and gpt unless given."""
    roles = roles or ["human", "gpt"] * (len(texts) // 2)
    messages = [{"from": role, "value": text} for role, text in zip(roles, texts)]
    return ([{"from": "system", "value": system}] if system else []) + messages


def call(name, arguments):
    """A function call as LLaMA-Factory's data write it."""
    return json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)


TOOL_ROLES = ["human", "function_call", "observation", "gpt"]
TOOLS = json.dumps([WEATHER, SEARCH], ensure_ascii=False)
SHAREGPT = [
    {"conversations": turns("Hi", "Hello! How can I help?")},
    {"conversations": turns("你好", "你好！", "你是谁？", "我是一个助手。")},
    {"conversations": turns("a", "b", "c", "d", "e", "f", "g", "h")},
    {"conversations": turns("Who are you?", "A pirate.", system="Speak like a pirate.")},
    {"conversations": turns("Now?", "Yes."), "system": "Answer in one word."},
    {
        "conversations": turns(
            "Weather in Rome?",
            call("get_weather", {"city": "Rome", "days": [1, 2], "unit": "celsius"}),
            '{"temperature": 21.50}',
            "It is 21.5 degrees.",
            roles=TOOL_ROLES,
        ),
        "tools": TOOLS,
    },
    {
        "conversations": turns(
            "北京和上海的天气？",
            json.dumps([{"name": "get_weather", "arguments": {"city": "北京"}}], ensure_ascii=False),
            "晴，25 度",
            "北京晴，25 度。",
            "再查一下新闻",
            call("search", {"query": "新闻 \"今天\"", "limit": 1e3, "exact": True, "page": None}),
            "[]",
            "没有结果。",
            roles=TOOL_ROLES * 2,
        ),
        "tools": TOOLS,
        "system": "你可以使用工具。",
    },
    {
        "conversations": turns(
            "Compare.",
            "<think>\nI need the weather.\n</think>\n\n" + call("get_weather", {"city": "Oslo"}),
            "3",
            "Cold.",
            roles=TOOL_ROLES,
        ),
        "tools": TOOLS,
    },
    {
        "conversations": turns(
            "Find it.",
            "I shall look. <tool_call>" + call("search", {"query": "it"}) + "</tool_call>",
            "found",
            "Here it is.",
            roles=TOOL_ROLES,
        ),
        "tools": "[]",
    },
    {
        "conversations": turns(
            "1+1?",
            "<think>\nOne and one.\n</think>\n\n2",
            "2+2?",
            "<think>\nTwo and two.\n</think>\n\n4",
        )
    },
    {"conversations": turns("Think?", "<think>hm</think>no", "And now?", "Plain answer.")},
    {"conversations": turns(LONG, "first", LONG, "second", "third?", LONG)},
    {"conversations": turns("short", LONG, "x", LONG, "y", "z"), "system": "Be brief."},
]

FUNCTION = {"name": "get_weather", "arguments": {"city": "Paris", "factor": 0.1}}
OPENAI = [
    {"messages": [{"role": "user", "content": "ping"}, {"role": "assistant", "content": "pong"}]},
    {
        "messages": [
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": "早上好"},
            {"role": "assistant", "content": "早上好！"},
            {"role": "user", "content": "bye"},
            {"role": "assistant", "content": "Goodbye."},
        ]
    },
    {
        "messages": [
            {"role": "user", "content": "Paris?"},
            {"role": "assistant", "content": None, "tool_calls": [{"function": FUNCTION}]},
            {"role": "tool", "content": "18"},
            {"role": "assistant", "content": "18 degrees."},
        ],
        "tools": [WEATHER],
    },
    {
        "messages": [
            {"role": "user", "content": "Both?"},
            {"role": "assistant", "content": "", "tool_calls": [{"function": FUNCTION}]},
            {"role": "tool", "content": "18"},
            {"role": "tool", "content": "晴"},
            {"role": "assistant", "content": "18, 晴."},
        ],
        "tools": [WEATHER, SEARCH],
    },
    {
        "messages": [
            {"role": "user", "content": "Name a city."},
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"function": {"name": "search", "arguments": '{"query": "city"}'}},
                ],
            },
            {"role": "tool", "content": "Lima"},
            {"role": "assistant", "content": "Lima."},
        ],
    },
    {"messages": [{"role": "user", "content": LONG}, {"role": "assistant", "content": "ok"}]},
    {"messages": [{"role": "user", "content": ""}, {"role": "assistant", "content": "Empty?"}]},
    {
        "messages": [
            {"role": "user", "content": "two calls"},
            {
                "role": "assistant",
                "tool_calls": [{"function": FUNCTION}, {"function": FUNCTION}],
                "content": None,
            },
            {"role": "tool", "content": "1"},
            {"role": "assistant", "content": "One."},
        ]
    },
    {"messages": [{"role": "user", "content": "last"}, {"role": "assistant", "content": "one"}]},
    {"messages": [{"role": "user", "content": "más"}, {"role": "assistant", "content": "¡sí!"}]},
]

INFO = {
    "alpaca": {
        "file_name": "alpaca.json",
        "columns": {
            "prompt": "instruction",
            "query": "input",
            "response": "output",
            "system": "system",
            "history": "history",
            "tools": "tools",
        },
    },
    "sharegpt": {
        "file_name": "sharegpt.jsonl",
        "formatting": "sharegpt",
        "columns": {"messages": "conversations", "system": "system", "tools": "tools"},
    },
    "openai": {
        "file_name": "openai.jsonl",
        "formatting": "openai",
        "columns": {"messages": "messages", "tools": "tools"},
        "tags": {
            "role_tag": "role",
            "content_tag": "content",
            "user_tag": "user",
            "assistant_tag": "assistant",
            "observation_tag": "tool",
            "function_tag": "function_call",
            "system_tag": "system",
        },
    },
}


def write(folder):
    """Writes the rows and their dataset_info.json."""
    lines = lambda rows: "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "alpaca.json").write_text(json.dumps(ALPACA, ensure_ascii=False, indent=1) + "\n")
    (folder / "sharegpt.jsonl").write_text(lines(SHAREGPT))
    (folder / "openai.jsonl").write_text(lines(OPENAI))
    (folder / "dataset_info.json").write_text(json.dumps(INFO, indent=1) + "\n")
