extension ChatTemplate {
    /// Templates with a token for each role.
    static let roleTokens: [ChatTemplate] = [
        phi("phi"),
        // LLaMA-Factory names <|endoftext|> as its prefix, but in a way that writes nothing.
        phi("phi_small"),
        phi4Mini,
        ChatTemplate(
            "phi4",
            user: [
                "<|im_start|>user<|im_sep|>{{content}}<|im_end|><|im_start|>assistant<|im_sep|>"
            ],
            assistant: ["{{content}}<|im_end|>"],
            system: ["<|im_start|>system<|im_sep|>{{content}}<|im_end|>"],
            stopWords: ["<|im_end|>"], replacesEnd: true),
        ChatTemplate(
            "starchat", user: ["<|user|>\n{{content}}<|end|>\n<|assistant|>"],
            assistant: ["{{content}}<|end|>\n"], system: ["<|system|>\n{{content}}<|end|>\n"],
            stopWords: ["<|end|>"]),
        ChatTemplate(
            "zephyr", user: ["<|user|>\n{{content}}", .endOfText, "<|assistant|>\n"],
            system: ["<|system|>\n{{content}}", .endOfText],
            defaultSystem: "You are Zephyr, a helpful assistant."),
        ChatTemplate(
            "olmo", user: ["<|user|>\n{{content}}<|assistant|>\n"], prefix: [.endOfText]),
        deepSeek("deepseek3"),
        deepSeek("deepseekr1", kind: .reasoning),
        granite("granite3"),
        granite(
            "granite4",
            observation: [
                """
                <|start_of_role|>tool<|end_of_role|>{{content}}<|end_of_text|>\n\
                <|start_of_role|>assistant\n
                """
            ],
            defaultSystem: "You are Granite, developed by IBM. You are a helpful AI assistant.",
            stopWords: ["<|end_of_text|>"]),
        ChatTemplate(
            "gpt_oss", user: ["<|start|>user<|message|>{{content}}<|end|><|start|>assistant"],
            assistant: ["{{content}}"], system: ["<|start|>system<|message|>{{content}}<|end|>"],
            defaultSystem: "You are ChatGPT, a large language model trained by OpenAI.",
            efficientEnd: true, kind: .reasoning,
            thoughts: MarkPair(
                "<|channel|>analysis<|message|>",
                "<|end|><|start|>assistant<|channel|>final<|message|>")),
    ]

    private static func phi(_ name: String) -> ChatTemplate {
        ChatTemplate(
            name, user: ["<|user|>\n{{content}}<|end|>\n<|assistant|>\n"],
            assistant: ["{{content}}<|end|>\n"], system: ["<|system|>\n{{content}}<|end|>\n"],
            stopWords: ["<|end|>"], replacesEnd: true)
    }

    private static let phi4Mini: ChatTemplate = {
        var template = ChatTemplate(
            "phi4_mini", user: ["<|user|>{{content}}<|end|><|assistant|>"],
            assistant: ["{{content}}<|end|>"], system: ["<|system|>{{content}}<|end|>"],
            stopWords: ["<|end|>"], replacesEnd: true)
        template.toolsMarks = MarkPair("<|tool|>", "<|/tool|>")
        return template
    }()

    private static func deepSeek(_ name: String, kind: Kind = .plain) -> ChatTemplate {
        ChatTemplate(
            name, user: ["<｜User｜>{{content}}<｜Assistant｜>"], prefix: [.beginOfText], kind: kind)
    }

    private static func granite(
        _ name: String, observation: [Slot]? = nil, defaultSystem: String = "",
        stopWords: [String] = []
    ) -> ChatTemplate {
        ChatTemplate(
            name,
            user: [
                """
                <|start_of_role|>user<|end_of_role|>{{content}}<|end_of_text|>\n\
                <|start_of_role|>assistant<|end_of_role|>
                """
            ],
            assistant: ["{{content}}<|end_of_text|>\n"],
            system: ["<|start_of_role|>system<|end_of_role|>{{content}}<|end_of_text|>\n"],
            observation: observation, defaultSystem: defaultSystem, stopWords: stopWords)
    }

    /// Templates with tokens for roles that one maker's models have.
    static let roleTokensOfMakers: [ChatTemplate] = [
        ChatTemplate(
            "cohere",
            user: [
                """
                <|START_OF_TURN_TOKEN|><|USER_TOKEN|>{{content}}<|END_OF_TURN_TOKEN|>\
                <|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>
                """
            ],
            system: [
                "<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{{content}}<|END_OF_TURN_TOKEN|>"
            ],
            prefix: [.beginOfText]),
        ChatTemplate(
            "minimax1",
            user: [
                """
                <beginning_of_sentence>user name=user\n{{content}}<end_of_sentence>\n\
                <beginning_of_sentence>ai name=assistant\n
                """
            ],
            assistant: ["{{content}}<end_of_sentence>\n"],
            system: [
                """
                <beginning_of_sentence>system ai_setting=assistant\n{{content}}\
                <end_of_sentence>\n
                """
            ],
            observation: [
                """
                <beginning_of_sentence>tool name=tools\n{{content}}<end_of_sentence>\n\
                <beginning_of_sentence>ai name=assistant\n
                """
            ],
            tools: .minimax1, defaultSystem: "You are a helpful assistant.",
            stopWords: ["<end_of_sentence>"]),
        ChatTemplate(
            "minimax2", user: ["]~b]user\n{{content}}[e~[\n]~b]ai\n"],
            assistant: ["{{content}}[e~[\n"], system: ["]~!b[]~b]system\n{{content}}[e~[\n"],
            observation: ["]~b]tool\n<response>{{content}}</response>[e~[\n]~b]ai\n"],
            tools: .minimax2,
            defaultSystem: """
                You are a helpful assistant. Your name is MiniMax-M2.1 and is built by MiniMax.
                """,
            stopWords: ["[e~["], kind: .reasoning),
        ChatTemplate(
            "moonlight",
            user: [
                """
                <|im_user|>user<|im_middle|>{{content}}<|im_end|>\
                <|im_assistant|>assistant<|im_middle|>
                """
            ],
            assistant: ["{{content}}<|im_end|>"],
            system: ["<|im_system|>system<|im_middle|>{{content}}<|im_end|>"],
            defaultSystem: "You are a helpful assistant provided by Moonshot-AI.",
            stopWords: ["<|im_end|>"], replacesEnd: true),
        ChatTemplate(
            "seed_coder", user: seedUser, system: seedSystem,
            defaultSystem: """
                You are an AI programming assistant, utilizing the Seed-Coder model, developed by \
                ByteDance Seed, and you only answer questions related to computer science. For \
                politically sensitive questions, security and privacy issues, and other \
                non-computer science questions, you will refuse to answer.\n\n
                """),
        ChatTemplate(
            "seed_oss", user: seedUser, system: seedSystem,
            function: [.beginOfText, "\n{{content}}", .endOfText], tools: .seedOSS,
            kind: .reasoning, thoughts: MarkPair("<seed:think>", "</seed:think>")),
        ChatTemplate(
            "youtu", user: ["<|User|>{{content}}<|Assistant|>"],
            assistant: ["{{content}}<|end_of_text|>"], function: ["{{content}}"],
            observation: ["<tool_response>\n{{content}}\n</tool_response><|Assistant|>"],
            prefix: [.beginOfText], stopWords: ["<|end_of_text|>"], replacesEnd: true,
            kind: .reasoning),
    ]

    private static let seedUser: [Slot] = [
        .beginOfText, "user\n{{content}}", .endOfText, .beginOfText, "assistant\n",
    ]
    private static let seedSystem: [Slot] = [
        .beginOfText, "system\n{{content}}", .endOfText,
    ]
}
