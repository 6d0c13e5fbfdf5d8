/// A completion as a reward sees it.
package struct RewardItem: Sendable, Equatable {
    /// The prompt as the model reads it.
    package var prompt: String
    /// What the model wrote, without special tokens.
    package var completion: String
    /// Prompt and completion as the model has them, with their special tokens.
    package var text: String
    /// What the data give as the right answer; `nil` where a row has none.
    package var answer: String?
    /// The prompt's number among those of its part of the data, from 0.
    package var row: Int
    /// Where the row stands, for messages.
    package var place: String
    /// Tokens of the completion.
    package var tokens: Int

    package init(
        prompt: String, completion: String, text: String, answer: String?, row: Int,
        place: String, tokens: Int
    ) {
        self.prompt = prompt
        self.completion = completion
        self.text = text
        self.answer = answer
        self.row = row
        self.place = place
        self.tokens = tokens
    }
}

/// What a completion is worth. One file a kind, one line in ``RewardCatalog``.
package protocol Reward: Sendable {
    /// Whether it compares with the right answer.
    var needsAnswer: Bool { get }
    /// A score of each completion; `nil` where it has nothing to say of one.
    ///
    /// - Throws: ``RewardError`` where scores cannot be had.
    func scores(of items: [RewardItem]) throws(RewardError) -> [Double?]
    /// Ends what it has begun.
    func stop()
}

extension Reward {
    package var needsAnswer: Bool { false }
    package func stop() {}
}

/// A reward that is a function of one completion.
protocol TextReward: Reward {
    func score(of item: RewardItem) -> Double?
}

extension TextReward {
    package func scores(of items: [RewardItem]) throws(RewardError) -> [Double?] {
        items.map(score)
    }
}

/// Why there are no scores: one line.
package enum RewardError: Error, Equatable, CustomStringConvertible {
    /// What is asked for cannot be a reward.
    case setting(found: String, expected: String)
    /// A program that scores completions failed.
    case program(String, problem: String)
    /// A server that scores texts failed.
    case server(String, problem: String)

    package var description: String {
        switch self {
        case .setting(let found, let expected):
            "grpo_reward: found \(found), expected \(expected)"
        case .program(let program, let problem):
            "grpo_reward command '\(program)' \(problem)"
        case .server(let address, let problem): "the reward server '\(address)' \(problem)"
        }
    }
}
