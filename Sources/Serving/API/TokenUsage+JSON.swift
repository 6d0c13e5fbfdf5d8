import Files

extension TokenUsage {
    /// OpenAI's `usage`.
    var json: JSONValue {
        .object([
            ("prompt_tokens", .int(prompt)), ("completion_tokens", .int(completion)),
            ("total_tokens", .int(prompt + completion)),
            ("prompt_tokens_details", .object([("cached_tokens", .int(reused))])),
        ])
    }
}
