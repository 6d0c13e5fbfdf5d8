/// How long a text may become that a model writes.
package enum TextLength: Sendable, Equatable {
    /// Tokens after the prompt (`max_new_tokens`).
    case new(Int)
    /// Tokens of prompt and text together (`max_length` of generation_config.json).
    case whole(Int)

    /// Tokens that may follow a prompt of so many; 0 where the prompt leaves none.
    package func count(after promptTokens: Int) -> Int {
        switch self {
        case .new(let count): count
        case .whole(let length): max(0, length - promptTokens)
        }
    }

    /// Why nothing may follow a prompt of so many tokens; `nil` where something may.
    package func problem(after promptTokens: Int) -> String? {
        guard case .whole(let length) = self, count(after: promptTokens) == 0 else { return nil }
        return "max_length of the model's generation_config.json is \(length) and leaves no token "
            + "after the \(promptTokens) that are there"
    }
}
