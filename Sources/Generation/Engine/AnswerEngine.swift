import Foundation
package import ModelFiles

/// Continues many texts together, on one thread that owns the model.
///
/// Each turn computes the next token of every running text and one piece of a prompt that waits. What a
/// text becomes does not depend on the others: products of next tokens are computed row by row,
/// prompts in pieces of fixed borders, and draws are keyed by seed and position.
package final class AnswerEngine: Sendable {
    /// How much is done at once.
    package struct Settings: Sendable {
        /// Texts that run together.
        package var slots = 8
        /// Requests that may wait.
        package var queueLimit = 64
        /// Tokens of a text at most; `nil` for the model's own limit.
        package var limit: Int?

        package init() {}
    }

    private let line: EngineLine
    /// Open while the thread runs.
    private let ended = DispatchGroup()
    /// Tokens a text can have, prompt and answer together.
    package let limit: Int
    package let slots: Int

    /// Starts the thread.
    ///
    /// - Parameter inference: a decoder, which belongs to the thread from then on.
    package init(_ inference: InferenceModel, _ settings: Settings = Settings()) {
        precondition(settings.slots > 0, "engine: \(settings.slots) slots")
        let line = EngineLine(queueLimit: settings.queueLimit)
        self.line = line
        let loop = EngineLoop(inference, settings, line)
        limit = loop.limit
        slots = settings.slots
        let ended = ended
        ended.enter()
        let thread = Thread {
            loop.run()
            ended.leave()
        }
        thread.name = "engine"
        thread.stackSize = 8 << 20
        thread.start()
    }

    deinit { line.stop(cutShort: true) }

    /// The answers to some requests, all of them or none; letting go of a stream gives its request up.
    ///
    /// - Throws: ``EngineRefusal``.
    package func answers(
        to requests: [AnswerRequest]
    ) throws(EngineRefusal) -> [AsyncStream<AnswerEvent>] {
        for request in requests {
            precondition(
                !request.prompt.isEmpty && request.prompt.count < limit && request.count >= 0,
                "engine: a prompt of \(request.prompt.count) tokens, \(request.count) to come")
        }
        return try line.add(requests)
    }

    /// Does something with the model between two turns.
    package func perform<Value: Sendable>(
        _ body: @escaping @Sendable (InferenceModel) -> Value
    ) async throws(EngineRefusal) -> Value {
        let line = line
        let result: Result<Value, EngineRefusal> = await withCheckedContinuation { continuation in
            do throws(EngineRefusal) {
                try line.add { continuation.resume(returning: .success(body($0))) }
            } catch {
                continuation.resume(returning: .failure(error))
            }
        }
        return try result.get()
    }

    package var figures: EngineFigures { line.currentFigures }

    /// Takes nothing new, finishes what it has, and cuts that short after so many seconds. Returns when
    /// the thread has ended.
    package func stop(within seconds: Double) {
        line.stop(cutShort: false)
        guard ended.wait(timeout: .now() + seconds) == .timedOut else { return }
        line.stop(cutShort: true)
        ended.wait()
    }
}
