extension ChatTemplate {
    /// Templates whose roles are plain words.
    static let plainWords: [ChatTemplate] = [
        ChatTemplate(
            "default", user: ["Human: {{content}}", .endOfText, "\nAssistant:"],
            assistant: ["{{content}}", .endOfText, "\n"],
            system: ["System: {{content}}", .endOfText, "\n"]),
        ChatTemplate("empty", assistant: ["{{content}}"]),
        ChatTemplate(
            "alpaca", user: ["### Instruction:\n{{content}}\n\n### Response:\n"],
            assistant: ["{{content}}", .endOfText, "\n\n"],
            defaultSystem: """
                Below is an instruction that describes a task. \
                Write a response that appropriately completes the request.\n\n
                """),
        ChatTemplate(
            "vicuna", user: ["USER: {{content}} ASSISTANT:"],
            defaultSystem: """
                A chat between a curious user and an artificial intelligence assistant. \
                The assistant gives helpful, detailed, and polite answers to the user's questions.
                """),
        ChatTemplate("fewshot", assistant: ["{{content}}\n\n"], efficientEnd: true),
        ChatTemplate(
            "deepseek", user: ["User: {{content}}\n\nAssistant:"], system: ["{{content}}\n\n"],
            prefix: [.beginOfText]),
        ChatTemplate(
            "deepseekcoder", user: ["### Instruction:\n{{content}}\n### Response:"],
            assistant: ["\n{{content}}\n<|EOT|>\n"], prefix: [.beginOfText],
            defaultSystem: """
                You are an AI programming assistant, utilizing the DeepSeek Coder model, \
                developed by DeepSeek Company, and you only answer questions related to computer \
                science. For politically sensitive questions, security and privacy issues, \
                and other non-computer science questions, you will refuse to answer.\n
                """),
        ChatTemplate(
            "ernie_nothink", user: ["User: {{content}}\nAssistant: "],
            assistant: ["{{content}}<|end_of_sentence|>"], system: ["{{content}}\n"],
            prefix: ["<|begin_of_sentence|>"], stopWords: ["<|end_of_sentence|>"]),
        ChatTemplate(
            "falcon", user: ["User: {{content}}\nFalcon:"], assistant: ["{{content}}\n"],
            efficientEnd: true),
        ChatTemplate(
            "solar", user: ["### User:\n{{content}}\n\n### Assistant:\n"],
            system: ["### System:\n{{content}}\n\n"], efficientEnd: true),
        ChatTemplate(
            "breeze", user: ["[INST] {{content}} [/INST] "], prefix: [.beginOfText],
            efficientEnd: true),
        ChatTemplate(
            "xuanyuan", user: ["Human: {{content}} Assistant:"],
            defaultSystem: """
                以下是用户和人工智能助手之间的对话。用户以Human开头，人工智能助手以Assistant开头，\
                会对人类提出的问题给出有帮助、高质量、详细和礼貌的回答，并且总是拒绝参与与不道德、\
                不安全、有争议、政治敏感等相关的话题、问题和指示。\n
                """),
    ]

    /// Templates whose roles are words that a maker of models reserved, most of them no tokens.
    static let plainWordsOfMakers: [ChatTemplate] = [
        ChatTemplate(
            "baichuan2", user: ["<reserved_106>{{content}}<reserved_107>"], efficientEnd: true),
        ChatTemplate(
            "bailing", user: ["<role>HUMAN</role>{{content}}<role>ASSISTANT</role>"],
            system: ["<role>SYSTEM</role>{{content}}"],
            observation: ["<role>OBSERVATION</role>{{content}}<role>ASSISTANT</role>"],
            stopWords: ["<|endoftext|>"], efficientEnd: true),
        ChatTemplate(
            "bailing_v2",
            user: ["<role>HUMAN</role>{{content}}<|role_end|><role>ASSISTANT</role>"],
            assistant: ["{{content}}<|role_end|>"],
            system: ["<role>SYSTEM</role>{{content}}<|role_end|>"],
            observation: [
                """
                <role>OBSERVATION</role>\n<tool_response>\n{{content}}\n</tool_response>\
                <|role_end|><role>ASSISTANT</role>
                """
            ],
            tools: .ling, stopWords: ["<|endoftext|>"], efficientEnd: true),
        ChatTemplate(
            "exaone", user: ["[|user|]{{content}}\n[|assistant|]"],
            assistant: ["{{content}}", .endOfText, "\n"],
            system: ["[|system|]{{content}}[|endofturn|]\n"]),
        ChatTemplate(
            "hunyuan", user: ["{{content}}<|extra_0|>"], assistant: ["{{content}}<|eos|>"],
            system: ["{{content}}<|extra_4|>"], prefix: ["<|startoftext|>"],
            stopWords: ["<|eos|>"]),
        ChatTemplate(
            "hunyuan_small", user: ["<｜hy_User｜>{{content}}<｜hy_place▁holder▁no▁8｜>"],
            assistant: ["{{content}}<｜hy_place▁holder▁no▁2｜>"],
            system: ["{{content}}<｜hy_place▁holder▁no▁3｜>"],
            prefix: ["<｜hy_begin▁of▁sentence｜>"], stopWords: ["<｜hy_place▁holder▁no▁2｜>"]),
        ChatTemplate(
            "hy_dense_1_8b", user: ["<｜hy_User｜>{{content}}"],
            assistant: ["<｜hy_Assistant｜>{{content}}", .endOfText],
            system: ["{{content}}<｜hy_place▁holder▁no▁3｜>"], prefix: [.beginOfText],
            stopWords: ["<｜hy_place▁holder▁no▁2｜>"], efficientEnd: true),
        ChatTemplate(
            "hy_dense_7b", user: ["{{content}}<|extra_0|>"],
            assistant: ["{{content}}", .endOfText], system: ["{{content}}<|extra_4|>"],
            prefix: [.beginOfText], stopWords: ["<|eos|>"], efficientEnd: true),
        ChatTemplate(
            "hy3", user: ["<｜hy_User｜>{{content}}<｜hy_Assistant｜>"],
            assistant: ["{{content}}<｜hy_eos｜>"], prefix: [.beginOfText],
            stopWords: ["<｜hy_eos｜>"], replacesEnd: true, kind: .reasoning, thoughts: .bareThink),
        ChatTemplate(
            "index", user: ["reserved_0{{content}}reserved_1"], system: ["<unk>{{content}}"],
            efficientEnd: true),
        ChatTemplate(
            "openchat",
            user: ["GPT4 Correct User: {{content}}", .endOfText, "GPT4 Correct Assistant:"],
            prefix: [.beginOfText]),
        ChatTemplate(
            "telechat2", user: ["<_user>{{content}}<_bot>"], system: ["<_system>{{content}}"],
            defaultSystem: """
                你是中国电信星辰语义大模型，英文名是TeleChat，你是由中电信人工智能科技有限公司和\
                中国电信人工智能研究院（TeleAI）研发的人工智能助手。
                """),
        ChatTemplate(
            "yuan", user: ["{{content}}", .token("<sep>")], assistant: ["{{content}}<eod>\n"],
            stopWords: ["<eod>"]),
    ]
}
