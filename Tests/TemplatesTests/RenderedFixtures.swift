import Files
import Foundation
import Templates
import Testing
import Tokenizers

/// Templates and a tokenizer of Tests/References/jinja, and models' files made of them.
struct RenderedFixtures {
    let folder = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("References/jinja")

    func text(_ name: String) throws -> String {
        try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
    }

    func tokenizer() throws -> any Tokenizer {
        try TokenizerFolder.load(folder.appendingPathComponent("tokenizer").path)
    }

    func template(_ name: String) throws -> RenderedTemplate {
        try own(try text("templates/\(name).jinja"))
    }

    /// A model's own template with the tokens of the tokenizer.
    func own(_ jinja: String) throws -> RenderedTemplate {
        let files = [
            "chat_template.jinja": jinja,
            "tokenizer_config.json": try text("tokenizer/tokenizer_config.json"),
        ]
        return try #require(try RenderedTemplate(files: files))
    }

    func encoder(
        _ template: RenderedTemplate, _ change: (inout EncodingSettings) -> Void = { _ in }
    ) throws -> any ConversationEncoding {
        var settings = EncodingSettings()
        settings.date = "02 Jan 2026"
        change(&settings)
        return try template.encoder(tokenizer(), settings)
    }

    /// Questions and answers in turn.
    static func conversation(
        _ texts: String..., system: String = "", tools: String = ""
    ) -> Conversation {
        let messages = texts.enumerated().map { index, text in
            ConversationMessage(index % 2 == 0 ? .user : .assistant, text)
        }
        return Conversation(
            prompt: Array(messages.dropLast()), response: messages.last, system: system,
            tools: tools)
    }

    /// The parts of an example that are learned, as texts.
    static func learned(_ example: TokenizedExample, _ tokenizer: any Tokenizer) -> [String] {
        var parts: [[Int32]] = [[]]
        for (id, label) in zip(example.ids, example.labels) {
            if label == TokenizedExample.noLoss {
                if parts.last?.isEmpty == false { parts.append([]) }
            } else {
                parts[parts.count - 1].append(id)
            }
        }
        return parts.filter { !$0.isEmpty }.map { tokenizer.decode($0) }
    }
}
