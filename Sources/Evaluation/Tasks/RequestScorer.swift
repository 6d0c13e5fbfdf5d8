import Autograd
import Configuration
import Generation
package import Kernels
package import Models
package import Tokenizers

/// Answers requests with a model. What the requests of a unit share is computed once.
package final class RequestScorer {
    private let model: any LanguageModel
    private let tokenizer: any Tokenizer
    private let workspace: Workspace
    private let computeType: ElementType
    /// Tokens at which a text ends.
    private let ends: Set<Int32>

    /// Tokens of a context that are computed at once.
    private static let chunk = 512

    package init(
        _ model: any LanguageModel, _ tokenizer: any Tokenizer, ends: Set<Int32>,
        computeType: ElementType, in workspace: Workspace
    ) {
        self.model = model
        self.tokenizer = tokenizer
        self.ends = ends
        self.computeType = computeType
        self.workspace = workspace
    }

    /// The answers to a unit's requests, in its order.
    ///
    /// - Parameter stepped: called now and then, to see that it goes on.
    package func answers(
        _ unit: RequestPlan.Unit, of requests: [TaskRequest], stepped: () -> Void = {}
    ) -> [TaskAnswer] {
        let own = unit.requests.map { requests[$0] }
        if case .text(_, let limits)? = own.first {
            return texts(own.map(\.input), unit.requests, limits, stepped)
        }
        let length = own.reduce(1) { max($0, $1.input.count) }
        let reading = Reading(model, computeType, workspace, capacity: length)
        return own.map { request in
            defer { stepped() }
            guard case .likelihood(let context, let continuation, let uncounted) = request else {
                preconditionFailure("a unit of likelihoods and texts")
            }
            return reading.likelihood(context, continuation, uncounted, chunk: Self.chunk)
        }
    }

    /// - Parameter numbers: of the requests, by which they draw: the same on any number of ranks.
    private func texts(
        _ prompts: [[Int32]], _ numbers: [Int], _ limits: TextLimits, _ stepped: () -> Void
    ) -> [TaskAnswer] {
        let found = model.generate(
            afterEach: prompts, count: limits.tokens,
            samplers: numbers.map { Self.sampler(limits, $0) },
            ends: ends, computeType: computeType, in: workspace, stepped: stepped,
            isEnded: { ids in
                let text = self.tokenizer.decode(Array(ids), skipSpecialTokens: true)
                return limits.stops.contains { !$0.isEmpty && text.contains($0) }
            })
        return found.map {
            .text(limits.cut(tokenizer.decode($0, skipSpecialTokens: true)))
        }
    }

    private static func sampler(_ limits: TextLimits, _ number: Int) -> Sampler {
        guard let drawing = limits.drawing else { return Sampler(.greedy) }
        var settings = SamplingSettings()
        settings.temperature = drawing.temperature
        settings.topK = drawing.topK
        settings.topP = drawing.topP
        settings.seed = drawing.seed
        return Sampler(settings, text: number)
    }
}

/// A text that goes back to what it shares with the next one, and on from there.
private final class Reading {
    private let model: any LanguageModel
    private let computeType: ElementType
    private let workspace: Workspace
    private let cache: KeyValueCache
    /// Tokens whose keys and values the cache holds.
    private var tokens: [Int32] = []
    /// With which rotary angles they were computed.
    private var angles = 0
    /// Hidden states (1, T, C) of the last pass, and the place of its first token.
    private var last: (hidden: Tensor, start: Int)?

    init(
        _ model: any LanguageModel, _ computeType: ElementType, _ workspace: Workspace,
        capacity: Int
    ) {
        self.model = model
        self.computeType = computeType
        self.workspace = workspace
        cache = KeyValueCache(capacity: capacity)
    }

    func likelihood(
        _ context: [Int32], _ continuation: [Int32], _ uncounted: Set<Int32>, chunk: Int
    ) -> TaskAnswer {
        let input = context + continuation.dropLast()
        let (hidden, start) = read(input, from: context.count - 1, chunk: chunk)
        let targets =
            Array(repeating: Int32(-1), count: context.count - 1 - start)
            + continuation.map { uncounted.contains($0) ? -1 : $0 }
        let pass = ForwardPass(workspace: workspace, computeType: computeType)
        let scores = model.languageHead.logProbabilities(hidden, targets: targets, in: pass)
        let likeliest = model.languageHead.likeliest(hidden, targets: targets, in: pass)
        return .likelihood(
            zip(scores, targets).reduce(0.0) { $1.1 < 0 ? $0 : $0 + Double($1.0) },
            isGreedy: zip(likeliest, targets).allSatisfy { $1 < 0 || $0 == $1 })
    }

    /// Hidden states of the tokens of `input` from `first` on at least, and the place of their first one.
    private func read(
        _ input: [Int32], from first: Int, chunk: Int
    ) -> (hidden: Tensor, start: Int) {
        if let last, input == tokens, last.start <= first { return last }
        let shared = min(zip(tokens, input).prefix { $0 == $1 }.count, first)
        // Angles that depend on a text's length are those of all of it.
        let (known, needed) = (angles, model.description.angleLength(of: input.count))
        if known == needed { cache.rewind(to: shared) } else { cache.forget() }
        tokens.removeSubrange((known == needed ? shared : 0)...)
        angles = needed
        let pass = ForwardPass(
            workspace: workspace, computeType: computeType, cache: cache, textLength: input.count)
        while first - tokens.count >= chunk {
            let part = input[tokens.count..<tokens.count + chunk]
            model.fill(Array(part), in: pass)
            tokens += part
        }
        let start = tokens.count
        let hidden = model.hiddenStates(
            Array(input[start...]), batch: 1, segments: nil, in: pass)
        cache.advance(by: input.count - start)
        tokens = input
        last = (hidden, start)
        return (hidden, start)
    }
}
