import Foundation

extension ChatTemplate {
    /// How a family's own chat template, written in Jinja, is told from others.
    private struct Marks {
        let name: String
        /// Texts that occur, all of them.
        let present: [String]
        /// Texts that do not.
        var absent: [String] = []
        /// Whether the Jinja adds a system prompt of its own, to be taken over from it.
        var takesSystem = false
    }

    /// From the most particular marks to the most general.
    private static let marks: [Marks] = [
        Marks(name: "phi4", present: ["<|im_start|>", "<|im_sep|>", "<|im_end|>"]),
        Marks(
            name: "qwen3", present: ["<|im_start|>", "<|im_end|>", "<tool_call>", "<think>"]),
        Marks(
            name: "qwen", present: ["<|im_start|>", "<|im_end|>", "<tool_call>", "Qwen, created"],
            takesSystem: true),
        Marks(name: "qwen3_nothink", present: ["<|im_start|>", "<|im_end|>", "<tool_call>"]),
        Marks(
            name: "smollm2", present: ["<|im_start|>", "<|im_end|>", "SmolLM"], takesSystem: true),
        Marks(
            name: "intern2", present: ["bos_token", "<|im_start|>", "<|im_end|>"],
            takesSystem: true),
        Marks(name: "chatml", present: ["<|im_start|>", "<|im_end|>"], takesSystem: true),
        Marks(
            name: "llama3", present: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]),
        Marks(name: "llama2", present: ["[INST]", "[/INST]", "<<SYS>>"]),
        Marks(
            name: "mistral", present: ["[INST]", "[/INST]"], absent: ["[SYSTEM_PROMPT]"]),
        Marks(name: "gemma", present: ["<start_of_turn>", "<end_of_turn>"]),
        Marks(name: "phi", present: ["<|user|>", "<|assistant|>", "<|end|>"]),
        Marks(name: "chatglm3", present: ["[gMASK]sop", "<|user|>"]),
        Marks(name: "glm4", present: ["[gMASK]<sop>"], absent: ["<think>"]),
        Marks(name: "zephyr", present: ["<|user|>", "<|assistant|>", "eos_token"]),
        Marks(name: "deepseekr1", present: ["<｜User｜>", "<｜Assistant｜>", "<think>"]),
        Marks(name: "deepseekr1", present: ["<｜User｜>", "<｜Assistant｜>", "</think>"]),
        Marks(name: "deepseek3", present: ["<｜User｜>", "<｜Assistant｜>"]),
        Marks(name: "deepseek", present: ["User: ", "Assistant:"], absent: ["USER"]),
        Marks(name: "baichuan2", present: ["<reserved_106>", "<reserved_107>"]),
        Marks(name: "alpaca", present: ["### Instruction:", "### Response:"]),
        Marks(name: "vicuna", present: ["USER: ", "ASSISTANT:"]),
    ]

    /// The template that a model's own chat template is, told by the texts it writes.
    ///
    /// The Jinja is not run. A system prompt that it adds by itself becomes the template's.
    ///
    /// - Parameter jinja: `chat_template` of the tokenizer; `nil` if there is none
    /// - Throws: ``ConversationError/noTemplate(reason:)`` where there is none, or it is of no
    ///   family known here.
    package static func recognised(
        from jinja: String?
    ) throws(ConversationError) -> ChatTemplate {
        guard let jinja, !jinja.isEmpty else {
            throw .noTemplate(reason: "the model has no chat template of its own")
        }
        func occurs(_ text: String) -> Bool { jinja.range(of: text, options: .literal) != nil }
        let found = marks.first { marks in
            marks.present.allSatisfy(occurs) && !marks.absent.contains(where: occurs)
        }
        guard let found, var template = table.first(where: { $0.name == found.name }) else {
            throw .noTemplate(
                reason: "the model's own chat template is of no family known here (it begins with "
                    + "\"\(JSONValue.shortened(jinja))\")")
        }
        if found.takesSystem { template.defaultSystem = systemPrompt(in: jinja) }
        return template
    }

    /// The system prompt that Jinja for ChatML adds where a conversation has none; empty if it
    /// adds none: a text in quotation marks that begins with the system's header and goes on.
    private static func systemPrompt(in jinja: String) -> String {
        let text = jinja.replacingOccurrences(of: #"\n"#, with: "\n", options: .literal)
            .replacingOccurrences(of: #"\'"#, with: "'", options: .literal)
        var rest = text[...]
        while let header = rest.range(of: "<|im_start|>system\n", options: .literal) {
            rest = rest[header.upperBound...]
            // Qwen 2.5 writes the prompt next to its header, and with tools in a text of its own.
            guard let end = rest.range(of: "<|im_end|>", options: .literal) else { break }
            let prompt = rest[..<end.lowerBound]
            if !prompt.isEmpty, prompt.allSatisfy({ !"{}%+".contains($0) }), !prompt.hasPrefix("'"),
                !prompt.hasPrefix("\"")
            {
                return String(prompt)
            }
        }
        if let start = text.range(of: "{{- 'You are ", options: .literal)
            ?? text.range(
                of: "{{- \"You are ", options: .literal)
        {
            let quote = text[text.index(start.lowerBound, offsetBy: 4)]
            let prompt = text[text.index(start.lowerBound, offsetBy: 5)...]
            if let end = prompt.firstIndex(of: quote) { return String(prompt[..<end]) }
        }
        return ""
    }
}
