package import Configuration
import Kernels
package import ModelFiles
import Models
package import Templates
import Tokenizers

/// A conversation with a model: what was said so far, and the keys and values of its tokens.
package final class ChatSession {
    /// How answers are written.
    package struct Settings: Sendable {
        package var sampling = SamplingSettings()
        /// How long an answer may be.
        package var length = TextLength.new(1024)
        /// The system prompt; empty for the template's own.
        package var system = ""
        package var skipsSpecialTokens = true

        package init() {}
    }

    private let inference: InferenceModel
    private let encoder: any ConversationEncoding
    private let settings: Settings
    private let generation: GenerationSession
    /// Lines for the user about how answers are drawn.
    package internal(set) var notes: [String] = []
    /// What was said, questions and answers in turn.
    package private(set) var messages: [ConversationMessage] = []

    package init(
        _ inference: InferenceModel, _ encoder: any ConversationEncoding, _ settings: Settings
    ) {
        self.inference = inference
        self.encoder = encoder
        self.settings = settings
        generation = GenerationSession(
            inference.model, computeType: inference.computeType, in: inference.workspace)
    }

    /// Tokens whose keys and values were computed since the start, to see what turns reuse.
    package var computedTokens: Int { generation.computedTokens }

    /// Forgets what was said.
    package func clear() { messages = [] }

    /// The answer to `question`, which joins the conversation with it.
    ///
    /// - Parameter body: called with each piece of the answer; returning false ends it.
    /// - Returns: why the answer ended; after `contextFull` it may be cut short.
    /// - Throws: ``GenerationError/user(_:)`` where the conversation leaves no room for an answer; the
    ///   question is then not part of it.
    @discardableResult
    package func answer(
        _ question: String, _ body: (String) -> Bool
    ) throws(GenerationError) -> GenerationEnd {
        let asked = messages + [ConversationMessage(.user, question)]
        let prompt: [Int32]
        do {
            prompt = try encoder.promptIDs(asked, system: settings.system, tools: "")
        } catch {
            throw .user("\(error)")
        }
        try GenerationError.ofModelFiles { () throws(ModelFileError) in
            try inference.check(prompt, of: "the conversation")
        }
        guard prompt.count < generation.limit else {
            throw .user(
                "the conversation has \(prompt.count) tokens, the model \(generation.limit) "
                    + "positions; enter clear to begin a new one")
        }
        if let problem = settings.length.problem(after: prompt.count) {
            throw .user(
                "the conversation: \(problem); enter clear to begin a new one, or give "
                    + "max_new_tokens")
        }
        let count = settings.length.count(after: prompt.count)
        var stream = TokenTextStream(
            encoder.tokenizer, skipsSpecialTokens: settings.skipsSpecialTokens,
            stops: encoder.missingStopWords)
        var text = ""
        func take(_ token: Int32) -> Bool {
            let piece = stream.append(token)
            text += piece
            return (piece.isEmpty || body(piece)) && !stream.isStopped
        }
        let ends = encoder.stopTokens.union(inference.endTokens)
        var end = GenerationEnd.count
        if settings.sampling.beams.count > 1 {
            let ids = inference.searched(
                after: prompt, count: count, settings.sampling, ends: ends)
            _ = ids.allSatisfy(take)
        } else {
            end = generation.generate(
                after: prompt, count: count, sampler: Sampler(settings.sampling),
                ends: ends, take)
        }
        let rest = stream.finish()
        text += rest
        if !rest.isEmpty { _ = body(rest) }
        messages = asked + [ConversationMessage(.assistant, text)]
        return end
    }
}
