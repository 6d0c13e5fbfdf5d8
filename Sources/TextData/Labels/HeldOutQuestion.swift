package import Tokenizers

/// A question about a context, with what is needed to find its answer in a model's scores.
package struct HeldOutQuestion: Sendable {
    package let id: String
    package let context: String
    /// `nil` where the row does not say them; empty where it says that there is none.
    package let answers: [String]?
    package let windows: [AnswerWindow]

    package init(id: String, context: String, answers: [String]?, windows: [AnswerWindow]) {
        self.id = id
        self.context = context
        self.answers = answers
        self.windows = windows
    }
}

/// A part of a context that a model reads with its question.
package struct AnswerWindow: Sendable {
    /// The first token of the context among all of the window's.
    let first: Int
    /// Of the context's tokens.
    let offsets: [TokenOffset]

    package init(first: Int, offsets: [TokenOffset]) {
        self.first = first
        self.offsets = offsets
    }

    /// Where a token stands in the context; `nil` for tokens of no context.
    package func offset(_ token: Int) -> TokenOffset? {
        offsets.indices.contains(token - first) ? offsets[token - first] : nil
    }

    /// The first and the last token of an answer; `nil` where not all of it is in the window.
    ///
    /// Source: `prepare_train_features` of the Hugging Face example for question answering, which looks
    /// beyond the context where an answer ends it.
    func span(from start: Int, to end: Int) -> (start: Int, end: Int)? {
        guard let head = offsets.first, let tail = offsets.last, head.start <= start,
            tail.end >= end
        else { return nil }
        let begin = offsets.firstIndex { $0.start > start } ?? offsets.count
        let stop = offsets.lastIndex { $0.end < end } ?? -1
        guard begin > 0, stop + 1 < offsets.count else { return nil }
        return (first + begin - 1, first + stop + 1)
    }
}
