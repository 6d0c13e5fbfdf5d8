package import Tokenizers

/// Texts and their targets without a template: what an encoder reads, and what the decoder behind it
/// writes.
///
/// As Hugging Face's run_translation and run_summarization have it: each side is encoded with the
/// tokenizer's special tokens and cut by itself.
package struct TextPairFormat: ConversationFormat {
    package let name = "none"
    package let defaultSystem = ""
    package let toolFormatName = ""
    /// Stands before each text (`source_prefix`).
    private let prefix: String
    /// Tokens of a side at most, special ones included; `cutoff_len` unless given.
    private let sourceLimit: Int?
    private let targetLimit: Int?

    package init(prefix: String = "", sourceLimit: Int? = nil, targetLimit: Int? = nil) {
        self.prefix = prefix
        self.sourceLimit = sourceLimit
        self.targetLimit = targetLimit
    }

    package var fingerprint: String {
        func words(_ limit: Int?) -> String { limit.map(String.init) ?? "cutoff_len" }
        return "texts and targets of \(words(sourceLimit)) and \(words(targetLimit)) tokens, "
            + "prefix \(prefix)"
    }

    package func callNotices(_ conversation: Conversation) -> Set<CallNotice> { [] }

    package func encoder(
        _ tokenizer: any Tokenizer, _ settings: EncodingSettings
    ) throws(TemplateError) -> any ConversationEncoding {
        try TextPairEncoder(
            self, tokenizer, prefix: prefix,
            limits: (sourceLimit ?? settings.cutoffLength, targetLimit ?? settings.cutoffLength))
    }
}

/// Encodes texts and their targets.
struct TextPairEncoder: ConversationEncoding {
    let format: any ConversationFormat
    let tokenizer: any Tokenizer
    let endOfText: Int32
    private let prefix: String
    private let limits: (source: Int, target: Int)
    /// Special tokens around a text.
    private let before: [Int32]
    private let after: [Int32]
    /// Behind a target, which always ends with the end of a text.
    private let afterTarget: [Int32]

    var stopTokens: Set<Int32> { [endOfText] }
    var missingStopWords: [String] { [] }
    var needsTurns: Bool { true }

    /// - Throws: ``TemplateError/setting(name:found:expected:)`` where special tokens leave no room for a
    ///   text; ``TemplateError/noTemplate(reason:)`` where nothing ends a text.
    init(
        _ format: TextPairFormat, _ tokenizer: any Tokenizer, prefix: String,
        limits: (source: Int, target: Int)
    ) throws(TemplateError) {
        guard let endOfText = tokenizer.endOfText else {
            throw .setting(
                name: "tokenizer_name_or_path",
                found: "a tokenizer without an end-of-text token",
                expected: "eos_token in tokenizer_config.json, which ends what is written")
        }
        self.format = format
        self.tokenizer = tokenizer
        self.endOfText = endOfText
        self.prefix = prefix
        self.limits = limits
        before = tokenizer.postProcessor.before
        after = tokenizer.postProcessor.after
        afterTarget = after.last == endOfText ? after : after + [endOfText]
        for (name, limit, around) in [
            ("max_source_length", limits.source, before + after),
            ("max_target_length", limits.target, before + afterTarget),
        ] where limit <= around.count {
            throw .setting(
                name: name, found: "\(limit)",
                expected: "more than the \(around.count) special tokens around a text")
        }
    }

    /// The ids of a text, and whether it was cut.
    private func encoded(
        _ text: String, limit: Int, ending after: [Int32]
    ) -> (ids: [Int32], isCut: Bool) {
        let pieces = tokenizer.encode(text, addSpecialTokens: false)
        let room = limit - before.count - after.count
        return (before + pieces.prefix(room) + after, pieces.count > room)
    }

    private func source(_ conversation: Conversation) throws(RowProblem) -> (
        ids: [Int32], isCut: Bool
    ) {
        guard conversation.system.isEmpty else {
            throw RowProblem(
                found: "a system prompt",
                expected: "none, for an encoder-decoder reads one text; put it into the text, or "
                    + "give source_prefix")
        }
        guard conversation.tools.isEmpty else {
            throw RowProblem(
                found: "tools", expected: "none, for an encoder-decoder reads one text")
        }
        guard conversation.prompt.count == 1, let message = conversation.prompt.first,
            message.role == .user
        else {
            throw RowProblem(
                found: "\(conversation.prompt.count) messages before the answer",
                expected: "one, for an encoder-decoder reads one text")
        }
        let text = encoded(prefix + message.content, limit: limits.source, ending: after)
        guard !text.ids.isEmpty else { throw RowProblem(found: "an empty text", expected: "words") }
        return text
    }

    private func target(_ response: ConversationMessage) throws(RowProblem) -> (
        ids: [Int32], isCut: Bool
    ) {
        guard response.role == .assistant, response.thoughts.isEmpty, response.text.isEmpty else {
            throw RowProblem(
                found: response.role == .assistant
                    ? "thoughts beside the answer" : "calls of tools",
                expected: "an answer of one text")
        }
        return encoded(response.content, limit: limits.target, ending: afterTarget)
    }

    /// The text's ids, which are not learned, and the target's behind them.
    func example(
        _ conversation: Conversation
    ) throws(RowProblem) -> (
        example: TokenizedExample, isTruncated: Bool, isPromptTruncated: Bool
    ) {
        guard let response = conversation.response else {
            throw RowProblem(found: "no answer", expected: "one to learn from")
        }
        let source = try source(conversation)
        let target = try target(response)
        let labels = Array(repeating: TokenizedExample.noLoss, count: source.ids.count)
        // Texts that are longer than what is read of them are usual: a cut one is no mistake.
        return (
            TokenizedExample(ids: source.ids + target.ids, labels: labels + target.ids),
            source.isCut || target.isCut, false
        )
    }

    func promptExample(_ conversation: Conversation) throws(RowProblem) -> PromptExample {
        var labels: [Int32] = []
        if let response = conversation.response { labels = try target(response).ids }
        return PromptExample(ids: try source(conversation).ids, labels: labels)
    }

    func promptIDs(
        _ messages: [ConversationMessage], system: String, tools: String
    ) throws(TemplateError) -> [Int32] {
        do {
            return try source(
                Conversation(prompt: messages, response: nil, system: system, tools: tools)
            ).ids
        } catch {
            throw .conversation(found: error.found, expected: error.expected)
        }
    }
}
