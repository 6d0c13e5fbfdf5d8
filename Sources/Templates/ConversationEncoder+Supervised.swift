extension ConversationEncoder {
    /// An example to learn from, at most `cutoff_len` tokens long.
    ///
    /// - Returns: the example, which may have no target left, and whether it and a question in it
    ///   were cut.
    /// - Throws: ``RowProblem`` for tools or calls that are no JSON, or without an answer.
    package func example(
        _ conversation: Conversation
    ) throws(RowProblem) -> (
        example: TokenizedExample, isTruncated: Bool, isPromptTruncated: Bool
    ) {
        guard let response = conversation.response else {
            throw RowProblem(found: "no answer", expected: "one to learn from")
        }
        let turns = try turns(
            conversation.prompt + [response], system: conversation.system,
            tools: conversation.tools)
        return EncodedTurns(
            turns.map { ($0.source[...], $0.target[...]) }, lastLearned: turns.count - 1,
            end: template.hasEfficientEnd ? endOfText : nil
        ).example(settings)
    }
}
