extension ChatTemplate {
    private static let chatMLUser: [Slot] = [
        "<|im_start|>user\n{{content}}<|im_end|>\n<|im_start|>assistant\n"
    ]
    private static let chatMLAssistant: [Slot] = ["{{content}}<|im_end|>\n"]
    private static let chatMLSystem: [Slot] = ["<|im_start|>system\n{{content}}<|im_end|>\n"]
    private static let qwenObservation: [Slot] = [
        """
        <|im_start|>user\n<tool_response>\n{{content}}\n</tool_response><|im_end|>\n\
        <|im_start|>assistant\n
        """
    ]
    private static let gemmaUser: [Slot] = [
        "<start_of_turn>user\n{{content}}<end_of_turn>\n<start_of_turn>model\n"
    ]
    private static let gemmaAssistant: [Slot] = ["{{content}}<end_of_turn>\n"]
    private static let gemmaObservation: [Slot] = [
        "<start_of_turn>tool\n{{content}}<end_of_turn>\n<start_of_turn>model\n"
    ]

    /// ChatML's marks, with what else a family has.
    private static func chatML(
        _ name: String, observation: [Slot]? = nil, prefix: [Slot] = [],
        tools: ToolFormat = .standard, defaultSystem: String = "",
        stopWords: [String] = ["<|im_end|>"], replacesEnd: Bool = false, kind: Kind = .plain
    ) -> ChatTemplate {
        ChatTemplate(
            name, user: chatMLUser, assistant: chatMLAssistant, system: chatMLSystem,
            observation: observation, prefix: prefix, tools: tools, defaultSystem: defaultSystem,
            stopWords: stopWords, replacesEnd: replacesEnd, kind: kind)
    }

    /// Gemma's marks; generations differ in how a conversation ends.
    private static func gemma(
        _ name: String, stopWords: [String] = ["<end_of_turn>"], efficientEnd: Bool = false
    ) -> ChatTemplate {
        ChatTemplate(
            name, user: gemmaUser, assistant: gemmaAssistant, system: ["{{content}}\n\n"],
            observation: gemmaObservation, prefix: [.beginOfText], stopWords: stopWords,
            efficientEnd: efficientEnd, replacesEnd: !efficientEnd, kind: .systemInUser)
    }

    /// The marks of Qwen 2 and later, where tool answers are the user's.
    private static func qwen(
        _ name: String, defaultSystem: String = "", kind: Kind = .plain
    ) -> ChatTemplate {
        chatML(
            name, observation: qwenObservation, tools: .qwen, defaultSystem: defaultSystem,
            replacesEnd: true, kind: kind)
    }

    /// All templates, by LLaMA-Factory's names.
    ///
    /// Slots, stop words and defaults are those of LLaMA-Factory 0.9.5's register; baichuan2's are
    /// those of 0.9.3, the last release that has it.
    package static let table: [ChatTemplate] = [
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
        chatML(
            "chatml",
            observation: ["<|im_start|>tool\n{{content}}<|im_end|>\n<|im_start|>assistant\n"],
            stopWords: ["<|im_end|>", "<|im_start|>"], replacesEnd: true),
        chatML("smollm"),
        chatML(
            "smollm2",
            defaultSystem: "You are a helpful AI assistant named SmolLM, trained by Hugging Face."),
        chatML("yi"),
        chatML(
            "intern2", prefix: [.beginOfText],
            defaultSystem: """
                You are an AI assistant whose name is InternLM (书生·浦语).
                - InternLM (书生·浦语) is a conversational language model that is developed by \
                Shanghai AI Laboratory (上海人工智能实验室). \
                It is designed to be helpful, honest, and harmless.
                - InternLM (书生·浦语) can understand and communicate fluently in the language \
                chosen by the user such as English and 中文.
                """),
        qwen(
            "qwen",
            defaultSystem: "You are Qwen, created by Alibaba Cloud. You are a helpful assistant."),
        qwen("qwen3", kind: .reasoning),
        qwen("qwen3_nothink"),
        llama2("llama2"),
        llama2("llama2_zh", defaultSystem: "You are a helpful assistant. 你是一个乐于助人的助手。"),
        ChatTemplate(
            "llama3", user: [.text(headed("user") + headerOf("assistant"))],
            assistant: ["{{content}}<|eot_id|>"], system: [.text(headed("system"))],
            observation: [.text(headed("ipython") + headerOf("assistant"))], prefix: [.beginOfText],
            tools: .llama3, stopWords: ["<|eot_id|>", "<|eom_id|>"], replacesEnd: true),
        ChatTemplate(
            "mistral", user: ["[INST] {{content}}[/INST]"],
            assistant: [" {{content}}", .endOfText], system: ["{{content}}\n\n"],
            function: ["[TOOL_CALLS] {{content}}", .endOfText],
            observation: [#"[TOOL_RESULTS] {"content": {{content}}}[/TOOL_RESULTS]"#],
            prefix: [.beginOfText], tools: .mistral, kind: .systemInUser),
        ChatTemplate(
            "ministral", user: ["[INST]{{content}}[/INST]"], system: ["{{content}}\n\n"],
            function: ["[TOOL_CALLS]{{content}}", .endOfText],
            observation: [#"[TOOL_RESULTS]{"content": {{content}}}[/TOOL_RESULTS]"#],
            prefix: [.beginOfText], tools: .mistral, kind: .systemInUser),
        gemma("gemma"),
        gemma("gemma2", stopWords: ["<eos>", "<end_of_turn>"], efficientEnd: true),
        gemma("gemma3"),
        ChatTemplate(
            "phi", user: ["<|user|>\n{{content}}<|end|>\n<|assistant|>\n"],
            assistant: ["{{content}}<|end|>\n"], system: ["<|system|>\n{{content}}<|end|>\n"],
            stopWords: ["<|end|>"], replacesEnd: true),
        ChatTemplate(
            "phi4",
            user: [
                "<|im_start|>user<|im_sep|>{{content}}<|im_end|><|im_start|>assistant<|im_sep|>"
            ],
            assistant: ["{{content}}<|im_end|>"],
            system: ["<|im_start|>system<|im_sep|>{{content}}<|im_end|>"],
            stopWords: ["<|im_end|>"], replacesEnd: true),
        ChatTemplate(
            "deepseek", user: ["User: {{content}}\n\nAssistant:"], system: ["{{content}}\n\n"],
            prefix: [.beginOfText]),
        ChatTemplate(
            "deepseek3", user: ["<｜User｜>{{content}}<｜Assistant｜>"], prefix: [.beginOfText]),
        ChatTemplate(
            "deepseekr1", user: ["<｜User｜>{{content}}<｜Assistant｜>"], prefix: [.beginOfText],
            kind: .reasoning),
        ChatTemplate(
            "zephyr", user: ["<|user|>\n{{content}}", .endOfText, "<|assistant|>\n"],
            system: ["<|system|>\n{{content}}", .endOfText],
            defaultSystem: "You are Zephyr, a helpful assistant."),
        ChatTemplate(
            "glm4", user: ["<|user|>\n{{content}}<|assistant|>"], assistant: ["\n{{content}}"],
            system: ["<|system|>\n{{content}}"], function: ["{{content}}"],
            observation: ["<|observation|>\n{{content}}<|assistant|>"], prefix: ["[gMASK]<sop>"],
            tools: .glm4, stopWords: ["<|user|>", "<|observation|>"], efficientEnd: true),
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
        ChatTemplate(
            "baichuan2", user: ["<reserved_106>{{content}}<reserved_107>"], efficientEnd: true),
    ]

    private static func llama2(_ name: String, defaultSystem: String = "") -> ChatTemplate {
        ChatTemplate(
            name, user: [.beginOfText, "[INST] {{content}} [/INST]"],
            system: ["<<SYS>>\n{{content}}\n<</SYS>>\n\n"], defaultSystem: defaultSystem,
            kind: .systemInUser)
    }

    private static func headerOf(_ role: String) -> String {
        "<|start_header_id|>\(role)<|end_header_id|>\n\n"
    }

    private static func headed(_ role: String) -> String {
        headerOf(role) + "{{content}}<|eot_id|>"
    }
}
