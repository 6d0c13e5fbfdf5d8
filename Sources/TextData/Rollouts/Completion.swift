/// A prompt that a model is to continue while it is trained.
package struct RolloutPrompt: Sendable, Equatable {
    /// Its number among the prompts of its part, in the order of the data.
    package var row: Int
    package var ids: [Int32]
    /// What the data give as the right answer; `nil` where a row has none.
    package var answer: String?
    /// Where its row stands, for messages.
    package var place: String

    package init(row: Int, ids: [Int32], answer: String?, place: String) {
        self.row = row
        self.ids = ids
        self.answer = answer
        self.place = place
    }
}

/// What a model wrote after a prompt.
package struct Completion: Sendable, Equatable {
    /// The prompt's place in the run's order of prompts, which counts on through the epochs.
    package var position: Int
    /// The prompt's number.
    package var row: Int
    /// Its number among the completions of the prompt.
    package var sample: Int
    package var prompt: [Int32]
    /// With the token that ended it, where one did.
    package var ids: [Int32]
    /// Whether it ended by itself; else it was cut at its greatest length.
    package var hasEnded: Bool

    package init(
        position: Int, row: Int, sample: Int, prompt: [Int32], ids: [Int32], hasEnded: Bool
    ) {
        self.position = position
        self.row = row
        self.sample = sample
        self.prompt = prompt
        self.ids = ids
        self.hasEnded = hasEnded
    }

    package var answer: PromptedAnswer { PromptedAnswer(prompt: prompt, answer: ids) }
}

/// A completion with the numbers that an objective learns from.
package struct RatedCompletion: Sendable, Equatable {
    package var completion: Completion
    /// Numbers of the whole completion, such as its advantage.
    package var ratings: [Float]
    /// Arrays with a number for each of its tokens, such as log-probabilities of a reference.
    package var tokenValues: [[Float]]

    package init(_ completion: Completion, ratings: [Float], tokenValues: [[Float]] = []) {
        self.completion = completion
        self.ratings = ratings
        self.tokenValues = tokenValues
    }
}
