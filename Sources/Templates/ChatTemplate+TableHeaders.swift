extension ChatTemplate {
    private static func header(_ role: String) -> String {
        "<|start_header_id|>\(role)<|end_header_id|>\n\n"
    }

    private static func headed(_ role: String) -> String {
        header(role) + "{{content}}<|eot_id|>"
    }

    private static func header4(_ role: String) -> String {
        "<|header_start|>\(role)<|header_end|>\n\n"
    }

    private static func headed4(_ role: String) -> String {
        header4(role) + "{{content}}<|eot|>"
    }

    private static func llama2(_ name: String, defaultSystem: String = "") -> ChatTemplate {
        ChatTemplate(
            name, user: [.beginOfText, "[INST] {{content}} [/INST]"],
            system: ["<<SYS>>\n{{content}}\n<</SYS>>\n\n"], defaultSystem: defaultSystem,
            kind: .systemInUser)
    }

    /// Llama's, by generation, and those that took over its headers.
    static let headerTemplates: [ChatTemplate] = [
        llama2("llama2"),
        llama2("llama2_zh", defaultSystem: "You are a helpful assistant. 你是一个乐于助人的助手。"),
        ChatTemplate(
            "llama3", user: [.text(headed("user") + header("assistant"))],
            assistant: ["{{content}}<|eot_id|>"], system: [.text(headed("system"))],
            observation: [.text(headed("ipython") + header("assistant"))], prefix: [.beginOfText],
            tools: .llama3, stopWords: ["<|eot_id|>", "<|eom_id|>"], replacesEnd: true),
        ChatTemplate(
            "llama4", user: [.text(headed4("user") + header4("assistant"))],
            assistant: ["{{content}}<|eot|>"], system: [.text(headed4("system"))],
            observation: [.text(headed4("ipython") + header4("assistant"))],
            prefix: [.beginOfText], tools: .llama3, stopWords: ["<|eot|>", "<|eom|>"],
            replacesEnd: true),
        ChatTemplate(
            "openchat-3.6",
            user: [.text(headed("GPT4 Correct User") + header("GPT4 Correct Assistant"))],
            prefix: [.beginOfText], stopWords: ["<|eot_id|>"]),
    ]

    /// Mistral's, by tokenizer.
    static let mistralTemplates: [ChatTemplate] = [
        ChatTemplate(
            "mistral", user: ["[INST] {{content}}[/INST]"],
            assistant: [" {{content}}", .endOfText], system: ["{{content}}\n\n"],
            function: ["[TOOL_CALLS] {{content}}", .endOfText],
            observation: [#"[TOOL_RESULTS] {"content": {{content}}}[/TOOL_RESULTS]"#],
            prefix: [.beginOfText], tools: .mistral, kind: .systemInUser),
        tekken("ministral", system: ["{{content}}\n\n"], kind: .systemInUser),
        tekken("mistral_small", system: ["[SYSTEM_PROMPT]{{content}}[/SYSTEM_PROMPT]"]),
    ]

    private static func tekken(
        _ name: String, system: [Slot], kind: Kind = .plain
    ) -> ChatTemplate {
        ChatTemplate(
            name, user: ["[INST]{{content}}[/INST]"], system: system,
            function: ["[TOOL_CALLS]{{content}}", .endOfText],
            observation: [#"[TOOL_RESULTS]{"content": {{content}}}[/TOOL_RESULTS]"#],
            prefix: [.beginOfText], tools: .mistral, kind: kind)
    }

    /// Gemma's; generations differ in how a conversation ends.
    static let gemmaTemplates: [ChatTemplate] = [
        gemma("gemma"),
        gemma("gemma2", stopWords: ["<eos>", "<end_of_turn>"], efficientEnd: true),
        gemma("gemma3"),
    ]

    private static func gemma(
        _ name: String, stopWords: [String] = ["<end_of_turn>"], efficientEnd: Bool = false
    ) -> ChatTemplate {
        ChatTemplate(
            name, user: ["<start_of_turn>user\n{{content}}<end_of_turn>\n<start_of_turn>model\n"],
            assistant: ["{{content}}<end_of_turn>\n"], system: ["{{content}}\n\n"],
            observation: [
                "<start_of_turn>tool\n{{content}}<end_of_turn>\n<start_of_turn>model\n"
            ],
            prefix: [.beginOfText], stopWords: stopWords, efficientEnd: efficientEnd,
            replacesEnd: !efficientEnd, kind: .systemInUser)
    }

    /// GLM's, by generation.
    static let glmTemplates: [ChatTemplate] = [
        ChatTemplate(
            "chatglm3",
            user: [.token("<|user|>"), "\n", "{{content}}", .token("<|assistant|>")],
            assistant: ["\n", "{{content}}"],
            system: [.token("<|system|>"), "\n", "{{content}}"], function: ["{{content}}"],
            observation: [
                .token("<|observation|>"), "\n", "{{content}}", .token("<|assistant|>"),
            ],
            prefix: [.token("[gMASK]"), .token("sop")], tools: .glm4,
            stopWords: ["<|user|>", "<|observation|>"], efficientEnd: true),
        glm("glm4"),
        glm("glm4_moe", tools: .glm4Moe, kind: .reasoning),
        glm47("glm4_7"),
        glm("glmz1", kind: .reasoning),
        glm47(
            "aeva",
            defaultSystem: """
                You are an AI assistant named Aeva created by Zongzhi Lou. \
                Your answer should be friendly, unbiased, faithful, informative and detailed.
                """),
    ]

    private static func glm(
        _ name: String, tools: ToolFormat = .glm4, defaultSystem: String = "", kind: Kind = .plain
    ) -> ChatTemplate {
        ChatTemplate(
            name, user: ["<|user|>\n{{content}}<|assistant|>"], assistant: ["\n{{content}}"],
            system: ["<|system|>\n{{content}}"], function: ["{{content}}"],
            observation: ["<|observation|>\n{{content}}<|assistant|>"], prefix: ["[gMASK]<sop>"],
            tools: tools, defaultSystem: defaultSystem,
            stopWords: ["<|user|>", "<|observation|>"], efficientEnd: true, kind: kind)
    }

    /// GLM-4.7 begins an answer without thoughts with the end mark alone.
    private static func glm47(_ name: String, defaultSystem: String = "") -> ChatTemplate {
        var template = glm(
            name, tools: .glm4Moe, defaultSystem: defaultSystem, kind: .reasoning)
        template.thoughtMarks = .bareThink
        template.emptyThoughtsOnlyEnd = true
        return template
    }
}
