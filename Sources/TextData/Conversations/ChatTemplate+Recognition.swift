import Files
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

    private static let chatMLMarks = ["<|im_start|>", "<|im_end|>"]
    private static let deepSeekMarks = ["<｜User｜>", "<｜Assistant｜>"]

    /// From the most particular marks to the most general.
    private static let marks: [Marks] = [
        Marks(name: "phi4", present: chatMLMarks + ["<|im_sep|>"]),
        Marks(
            name: "qwen3", present: chatMLMarks + ["<tool_call>", "<think>"],
            absent: ["<function=", "SmolLM"]),
        Marks(
            name: "qwen", present: chatMLMarks + ["<tool_call>", "Qwen, created"], takesSystem: true
        ),
        Marks(
            name: "qwen3_nothink", present: chatMLMarks + ["<tool_call>"], absent: ["<function="]),
        Marks(
            name: "smollm2", present: chatMLMarks + ["SmolLM"], absent: ["<think>"],
            takesSystem: true),
        Marks(
            name: "intern2", present: chatMLMarks + ["bos_token"],
            absent: ["<tool_call>", "<|tool_call", "<think>"], takesSystem: true),
        Marks(
            name: "chatml", present: chatMLMarks, absent: ["<tool_call>", "<think>", "bos_token"],
            takesSystem: true),
        Marks(
            name: "llama3", present: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]),
        Marks(name: "llama2", present: ["[INST] ", " [/INST]", "<<SYS>>"]),
        Marks(
            name: "mistral", present: ["[INST] ", "[/INST]"],
            absent: ["[SYSTEM_PROMPT]", " [/INST]"]),
        Marks(
            name: "ministral", present: ["[INST]", "[/INST]"],
            absent: ["[SYSTEM_PROMPT]", "[INST] ", " [/INST]"]),
        Marks(name: "gemma", present: ["<start_of_turn>", "<end_of_turn>"]),
        Marks(name: "phi", present: ["<|end|>\n", "<|assistant|>\n"]),
        Marks(name: "chatglm3", present: ["[gMASK]sop"]),
        Marks(name: "glm4", present: ["[gMASK]<sop>"], absent: ["<think>"]),
        Marks(
            name: "zephyr", present: ["<|user|>\n", "<|assistant|>", "eos_token"],
            absent: ["<|end|>"]),
        Marks(name: "deepseekr1", present: deepSeekMarks + ["</think>"], absent: ["thinking"]),
        Marks(name: "deepseek3", present: deepSeekMarks, absent: ["</think>"]),
        Marks(
            name: "deepseek", present: ["User: ", "\n\n", "Assistant:", "eos_token"],
            absent: ["GPT4", "Human"]),
        Marks(name: "baichuan2", present: ["<reserved_106>", "<reserved_107>"]),
        Marks(
            name: "alpaca", present: ["### Instruction:\n", "### Response:\n"],
            absent: ["<|EOT|>"]),
        Marks(name: "vicuna", present: ["USER: ", " ASSISTANT:"]),
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
        let texts = literals(of: jinja)
        func occurs(_ text: String) -> Bool { texts.range(of: text, options: .literal) != nil }
        let found = marks.first { marks in
            marks.present.allSatisfy(occurs) && !marks.absent.contains(where: occurs)
        }
        guard let found, var template = table.first(where: { $0.name == found.name }) else {
            throw .noTemplate(
                reason: "the model's own chat template is of no family known here (it begins with "
                    + "\"\(JSONValue.shortened(jinja))\")")
        }
        if found.takesSystem { template.defaultSystem = systemPrompt(in: texts) }
        return template
    }

    /// Jinja with the escapes of its texts resolved, and texts that are added up joined.
    private static func literals(of jinja: String) -> String {
        var text = jinja
        for (escape, plain) in [(#"\n"#, "\n"), (#"\'"#, "'"), ("' + '", ""), ("'+'", "")] {
            text = text.replacingOccurrences(of: escape, with: plain, options: .literal)
        }
        return text
    }

    /// The system prompt that Jinja for ChatML adds where a conversation has none; empty if it
    /// adds none: a text in quotation marks that begins with the system's header and goes on.
    private static func systemPrompt(in text: String) -> String {
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
