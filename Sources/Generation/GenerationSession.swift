import Autograd
package import Kernels
package import Models

/// Why a generation ended.
package enum GenerationEnd: Equatable, Sendable {
    /// At a token that ends a text; it is not handed on.
    case stopToken(Int32)
    /// The caller had enough.
    case stopped
    /// Nothing may follow in what the text is held to.
    case complete
    /// As many tokens as were asked for.
    case count
    /// The model has no positions left.
    case contextFull
}

/// A text or conversation that goes on: what was computed for its beginning is kept.
///
/// Each call brings the whole text so far. Tokens that are the same as last time are not computed
/// again; where the text differs, the cache goes back to that point.
package final class GenerationSession {
    private let model: any LanguageModel
    private let computeType: ElementType
    private let workspace: Workspace
    private let cache: KeyValueCache
    /// What an encoder reads before the text is written.
    private let source: TokenSource?
    /// Tokens whose keys and values the cache holds.
    package private(set) var tokens: [Int32] = []
    /// By token, with which rotary angles they were computed; empty where a model's never change.
    private var angles: [Int] = []
    /// Tokens computed since the start, to see what was reused.
    package private(set) var computedTokens = 0

    /// Tokens of a long prompt that are computed at once.
    private static let chunk = 512

    /// - Parameters:
    ///   - source: what an encoder reads before the text is written, of an encoder-decoder.
    ///   - limit: tokens a text may have; the model's own limit unless given. Models without
    ///     learned positions can be given more than they are made for.
    package init(
        _ model: any LanguageModel, source: TokenSource? = nil, computeType: ElementType,
        in workspace: Workspace, limit: Int? = nil
    ) {
        self.model = model
        self.source = source
        self.computeType = computeType
        self.workspace = workspace
        let most = model.description.maximumPositions
        let limit = limit ?? most
        cache = KeyValueCache(
            capacity: model.description.hasFixedPositions ? min(limit, most) : limit)
    }

    /// Tokens a text can have, prompt and continuation together.
    package var limit: Int { cache.capacity }

    /// Continues `prompt`, one token at a time, until a token of `ends` or `count` tokens are there.
    ///
    /// - Parameters:
    ///   - prompt: the whole text so far, at least one token.
    ///   - body: called with each new token; returning false ends it.
    /// - Returns: why it ended; `contextFull` without a token where the prompt leaves no room.
    package func generate(
        after prompt: [Int32], count: Int, sampler: Sampler, ends: Set<Int32>,
        _ body: (Int32) -> Bool
    ) -> GenerationEnd {
        precondition(!prompt.isEmpty, "generation: an empty prompt")
        guard prompt.count < limit else { return .contextFull }
        var history = prompt
        for _ in 0..<count {
            guard history.count < limit else { return .contextFull }
            let token = sampler.next(
                logits(after: history, promptLength: prompt.count), history: history,
                position: history.count)
            if ends.contains(token) { return .stopToken(token) }
            history.append(token)
            guard body(token) else { return .stopped }
        }
        return .count
    }

    /// Logits (V) of the token after `text`, of which only what is new is computed.
    ///
    /// - Parameter promptLength: tokens at its beginning that were there at once, all unless given; the
    ///   others came one by one. Rotary angles that depend on a text's length are those of the whole prompt.
    package func logits(after text: [Int32], promptLength: Int? = nil) -> [Float] {
        let description = model.description
        let hasAngles = !description.angleChanges.isEmpty
        let prompt =
            description.isComputedAnewAtAngleChange ? text.count : promptLength ?? text.count
        var same = zip(tokens, text).prefix { $0 == $1 }.count
        if hasAngles {
            same =
                (0..<same).prefix {
                    angles[$0] == description.angleLength(of: max(prompt, $0 + 1))
                }.count
        }
        // The last token is computed in any case: its logits are not kept.
        let start = min(same, text.count - 1)
        if start == 0, hasAngles { cache.forget() } else { cache.rewind(to: start) }
        tokens.removeSubrange(start...)
        if hasAngles { angles.removeSubrange(start...) }
        var logits: [Float] = []
        while tokens.count < text.count {
            let part = text[tokens.count..<min(tokens.count + Self.chunk, text.count)]
            let length = max(prompt, tokens.count + part.count)
            let pass = ForwardPass(
                workspace: workspace, computeType: computeType, cache: cache, textLength: length)
            if hasAngles {
                angles += Array(repeating: description.angleLength(of: length), count: part.count)
            }
            if tokens.count + part.count < text.count {
                model.fill(Array(part), source: source, in: pass)
            } else {
                logits = model.nextLogits(Array(part), source: source, in: pass)
            }
            tokens += part
            computedTokens += part.count
        }
        return logits
    }
}
