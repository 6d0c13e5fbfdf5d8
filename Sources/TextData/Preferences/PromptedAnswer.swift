import Templates

/// A prompt and an answer to it as ids.
package struct PromptedAnswer: Sendable, Equatable {
    package var prompt: [Int32]
    package var answer: [Int32]

    package init(prompt: [Int32], answer: [Int32]) {
        self.prompt = prompt
        self.answer = answer
    }

    package var ids: [Int32] { prompt + answer }

    /// The answer's tokens that are predicted: all, but for one that nothing stands before.
    package var targetCount: Int { answer.count - (prompt.isEmpty && !answer.isEmpty ? 1 : 0) }

    /// Both cut so that they fit into `cutoff` tokens together, each from its end.
    ///
    /// - Parameter answerLength: what the answer counts as; its own length where there is no other.
    func cut(to cutoff: Int, answerLength: Int? = nil) -> PromptedAnswer {
        let kept = TurnTruncation.lengths(
            source: prompt.count, target: answerLength ?? answer.count, cutoff: cutoff)
        return PromptedAnswer(
            prompt: Array(prompt.prefix(kept.source)), answer: Array(answer.prefix(kept.target)))
    }
}

/// A prompt with two answers, of which one is better.
package struct EncodedPair: Sendable, Equatable {
    package var chosen: PromptedAnswer
    package var rejected: PromptedAnswer

    package init(chosen: PromptedAnswer, rejected: PromptedAnswer) {
        self.chosen = chosen
        self.rejected = rejected
    }

    /// Both with the first one's prompt, cut alike: as LLaMA-Factory does, by the longer answer.
    func cut(to cutoff: Int) -> EncodedPair {
        let longer = max(chosen.answer.count, rejected.answer.count)
        return EncodedPair(
            chosen: chosen.cut(to: cutoff, answerLength: longer),
            rejected: rejected.cut(to: cutoff, answerLength: longer))
    }
}

/// An answer that is good or is not, and another row's answer to the same prompt.
package struct JudgedExample: Sendable, Equatable {
    package var answer: PromptedAnswer
    package var isDesirable: Bool
    /// What the divergence from the reference is measured on.
    package var mismatch: PromptedAnswer

    package init(answer: PromptedAnswer, isDesirable: Bool, mismatch: PromptedAnswer) {
        self.answer = answer
        self.isDesirable = isDesirable
        self.mismatch = mismatch
    }
}
