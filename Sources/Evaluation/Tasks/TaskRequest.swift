import Tokenizers

/// What a task asks of a model: one question of a document, in tokens.
package enum TaskRequest: Sendable, Equatable {
    /// How likely `continuation` is after `context`; both have at least one token. Of tokens in `uncounted`
    /// the log-probability is left out.
    case likelihood(context: [Int32], continuation: [Int32], uncounted: Set<Int32> = [])
    /// What the model writes after `prompt`: the likeliest token each time, or as ``TextLimits`` draws.
    case text(prompt: [Int32], TextLimits)
}

/// How tokens of a text are drawn.
package struct TextDrawing: Sendable, Hashable {
    package var temperature = 1.0
    /// Only so many of the likeliest; 0 means all.
    package var topK = 50
    /// Only the likeliest that together have this probability.
    package var topP = 1.0
    /// What draws are made by, together with the request's number and the token's place.
    package var seed: UInt64 = 0
}

/// Where a text that a model writes ends, and how it goes on until then.
package struct TextLimits: Sendable, Hashable {
    /// Texts at which it ends; they do not belong to it.
    package let stops: [String]
    /// Tokens at most.
    package let tokens: Int
    /// `nil` for the likeliest token each time.
    package let drawing: TextDrawing?

    package init(stops: [String], tokens: Int, drawing: TextDrawing? = nil) {
        self.stops = stops
        self.tokens = tokens
        self.drawing = drawing
    }

    /// The text up to the first of the stops.
    package func cut(_ text: String) -> String {
        var text = text[...]
        for stop in stops where !stop.isEmpty {
            if let range = text.firstRange(of: stop) { text = text[..<range.lowerBound] }
        }
        return String(text)
    }
}

/// What a model answers.
package enum TaskAnswer: Sendable, Equatable {
    /// The sum of the continuation's log-probabilities (natural), and whether each of its tokens is the
    /// likeliest where it stands.
    case likelihood(Double, isGreedy: Bool)
    case text(String)

    /// The sum of log-probabilities; NaN of a text.
    package var logProbability: Double {
        if case .likelihood(let sum, _) = self { sum } else { .nan }
    }

    package var isGreedy: Bool {
        if case .likelihood(_, let isGreedy) = self { isGreedy } else { false }
    }

    /// The text; empty of a likelihood.
    package var text: String { if case .text(let text) = self { text } else { "" } }
}

extension TaskRequest {
    /// The tokens that the model reads for it: all but the last of what is scored.
    var input: [Int32] {
        switch self {
        case .likelihood(let context, let continuation, _): context + continuation.dropLast()
        case .text(let prompt, _): prompt
        }
    }
}
