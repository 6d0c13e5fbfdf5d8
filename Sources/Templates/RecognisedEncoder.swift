package import Tokenizers

/// Writes conversations with the template of the table that writes the same as a model's own; prompts whose messages
/// are not in turn, which the table's cannot write, with the model's own.
package struct RecognisedEncoder: ConversationEncoding {
    private let recognised: any ConversationEncoding
    private let own: any ConversationEncoding

    package init(_ recognised: any ConversationEncoding, own: any ConversationEncoding) {
        self.recognised = recognised
        self.own = own
    }

    package var format: any ConversationFormat { recognised.format }
    package var tokenizer: any Tokenizer { recognised.tokenizer }
    package var endOfText: Int32 { recognised.endOfText }
    package var stopTokens: Set<Int32> { recognised.stopTokens }
    package var missingStopWords: [String] { recognised.missingStopWords }
    package var needsTurns: Bool { own.needsTurns }

    package func example(
        _ conversation: Conversation
    ) throws(RowProblem) -> (
        example: TokenizedExample, isTruncated: Bool, isPromptTruncated: Bool
    ) {
        try recognised.example(conversation)
    }

    package func promptExample(_ conversation: Conversation) throws(RowProblem) -> PromptExample {
        try recognised.promptExample(conversation)
    }

    package func promptIDs(
        _ messages: [ConversationMessage], system: String, tools: String
    ) throws(TemplateError) -> [Int32] {
        let encoder = messages.firstOutOfTurn == nil ? recognised : own
        return try encoder.promptIDs(messages, system: system, tools: tools)
    }
}
