package import Configuration

/// A text to be continued by an ``AnswerEngine``.
package struct AnswerRequest: Sendable {
    /// The ids so far, at least one.
    package var prompt: [Int32]
    /// New tokens at most; 0 only reads the prompt.
    package var count: Int
    /// Ids that end the text; they are not handed on.
    package var ends: Set<Int32>
    /// How tokens are drawn; a draw is a function of its seed and the position alone.
    package var sampling: SamplingSettings
    /// Added to the logits of tokens before anything else.
    package var bias: [Int32: Float] = [:]
    /// Subtracted from the logit of each token that the answer has already.
    package var presencePenalty = 0.0
    /// Subtracted from a token's logit once for each time that the answer has it.
    package var frequencyPenalty = 0.0
    /// How many likeliest tokens are told with each; `nil` where no log-probabilities are.
    package var alternatives: Int?
    /// How many likeliest tokens are told with each token of the prompt; `nil` where the prompt is not
    /// scored. All of it is computed then.
    package var promptAlternatives: Int?
    /// What the answer may be; `nil` for anything.
    package var constraint: TokenConstraint?

    /// Which of the model's adapters is at work; `nil` for none of them.
    package var adapter: Int?

    package init(prompt: [Int32], count: Int, ends: Set<Int32>, sampling: SamplingSettings) {
        self.prompt = prompt
        self.count = count
        self.ends = ends
        self.sampling = sampling
    }
}

/// A token of an answer.
package struct AnswerToken: Sendable, Equatable {
    /// A token and its log-probability.
    package struct Choice: Sendable, Equatable {
        package let id: Int32
        /// Natural logarithm, of the model's own distribution.
        package let logProbability: Float
    }

    package let id: Int32
    /// Of the model's own distribution, before temperature and penalties; 0 where none was asked for.
    package let logProbability: Float
    /// The likeliest tokens in its place, likeliest first.
    package let alternatives: [Choice]
}

/// What becomes of a request, in this order.
package enum AnswerEvent: Sendable {
    /// The request has a place; `reused` tokens of its prompt need not be computed.
    case begun(reused: Int)
    /// The log-probabilities of the prompt's next tokens, from its second on.
    case prompt([AnswerToken])
    case token(AnswerToken)
    /// The last event, unless the request was given up.
    case ended(GenerationEnd)
}

/// Why an ``AnswerEngine`` does not take a request.
package enum EngineRefusal: Error, Equatable {
    /// So many requests wait already.
    case full(waiting: Int)
    /// It ends, and takes nothing new.
    case stopping
}
