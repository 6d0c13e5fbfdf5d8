package import Tokenizers

/// A way to write conversations for a model: a template by name, or the model's own, rendered.
package protocol ConversationFormat: Sendable {
    /// How messages name it.
    var name: String { get }
    /// What decides the ids besides tokenizer and settings: examples that were kept are read again
    /// only with the same one.
    var fingerprint: String { get }
    /// The system prompt of conversations that have none; empty to leave it to the template.
    var defaultSystem: String { get }
    /// The tool format by its name, for notices; empty for a model's own.
    var toolFormatName: String { get }
    /// What is to be said of how the calls of a conversation are written.
    func callNotices(_ conversation: Conversation) -> Set<CallNotice>
    /// What writes conversations with a tokenizer.
    ///
    /// - Throws: ``TemplateError`` where tokenizer or settings do not fit.
    func encoder(
        _ tokenizer: any Tokenizer, _ settings: EncodingSettings
    ) throws(TemplateError) -> any ConversationEncoding
}

/// Writes conversations as token ids. One path for training, prediction and chat.
package protocol ConversationEncoding: Sendable {
    var format: any ConversationFormat { get }
    var tokenizer: any Tokenizer { get }
    /// The token that ends an answer.
    var endOfText: Int32 { get }
    /// Ids at which generation ends.
    var stopTokens: Set<Int32> { get }
    /// Stop words that the tokenizer lacks.
    var missingStopWords: [String] { get }
    /// Whether prompts have to be questions (or answers of tools) and answers in turn; a model's own template says
    /// itself what it does not write.
    var needsTurns: Bool { get }

    /// An example to learn from, and whether it and a question in it were cut.
    func example(
        _ conversation: Conversation
    ) throws(RowProblem) -> (
        example: TokenizedExample, isTruncated: Bool, isPromptTruncated: Bool
    )
    /// A prompt and its reference answer.
    func promptExample(_ conversation: Conversation) throws(RowProblem) -> PromptExample
    /// The ids of a prompt to be answered, which ends with the user's message or a tool's.
    ///
    /// - Parameters:
    ///   - system: empty for the template's own
    ///   - tools: a JSON list as text; empty for none
    func promptIDs(
        _ messages: [ConversationMessage], system: String, tools: String
    ) throws(TemplateError) -> [Int32]
}

extension ChatTemplate: ConversationFormat {
    package var fingerprint: String { "\(self)" }

    package var toolFormatName: String { toolFormat.rawValue }

    package func callNotices(_ conversation: Conversation) -> Set<CallNotice> {
        conversation.callNotices(self)
    }

    package func encoder(
        _ tokenizer: any Tokenizer, _ settings: EncodingSettings
    ) throws(TemplateError) -> any ConversationEncoding {
        try ConversationEncoder(self, tokenizer, settings)
    }
}

extension ConversationFormat where Self == ChatTemplate {
    /// ``ChatTemplate/named(_:)``, where any format is asked for.
    package static func named(_ name: String) throws(TemplateError) -> ChatTemplate {
        try ChatTemplate.named(name)
    }
}

extension ConversationEncoder: ConversationEncoding {
    package var needsTurns: Bool { true }
    package var format: any ConversationFormat { template }
}
