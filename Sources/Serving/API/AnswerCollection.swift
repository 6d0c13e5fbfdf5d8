import Files

/// Several answers that are written at the same time.
enum AnswerCollection {
    /// One answer, whole.
    struct Whole: Sendable {
        /// All its text and tokens.
        var piece = AnswerPiece()
        var count = 0
        var reused = 0
    }

    /// What comes of an answer in a stream.
    enum Part: Sendable {
        case begun
        case piece(AnswerPiece)
        /// At the very end, of all answers together.
        case usage(TokenUsage)
    }

    /// All answers, in order.
    static func whole(_ answers: [AnswerText]) async throws(ServerProblem) -> [Whole] {
        do {
            return try await withThrowingTaskGroup(of: (Int, Whole).self) { group in
                for (index, answer) in answers.enumerated() {
                    group.addTask { (index, try await read(answer) { _ in }) }
                }
                var wholes = Array(repeating: Whole(), count: answers.count)
                for try await (index, whole) in group { wholes[index] = whole }
                return wholes
            }
        } catch {
            throw error as? ServerProblem ?? ServerProblem(500, "\(error)")
        }
    }

    /// The pieces of all answers as events, `[DONE]` at the end; where something fails an event with
    /// the error.
    ///
    /// - Parameters:
    ///   - prompt: tokens of the prompt.
    ///   - chunks: what is sent for a part of the answer of an index.
    static func stream(
        _ answers: [AnswerText], prompt: Int,
        _ chunks: @escaping @Sendable (Int, Part) -> [JSONValue]
    ) -> AsyncStream<ServerEvent> {
        let (events, line) = AsyncStream.makeStream(of: ServerEvent.self)
        @Sendable func send(_ index: Int, _ part: Part) {
            for chunk in chunks(index, part) { line.yield(.data(chunk)) }
        }
        let task = Task {
            do {
                let usage = try await withThrowingTaskGroup(of: Whole.self) { group in
                    for (index, answer) in answers.enumerated() {
                        group.addTask {
                            send(index, .begun)
                            return try await read(answer) { send(index, .piece($0)) }
                        }
                    }
                    var usage = TokenUsage(prompt: prompt)
                    for try await whole in group {
                        usage.completion += whole.count
                        usage.reused += whole.reused
                    }
                    return usage
                }
                send(0, .usage(usage))
                line.yield(.done)
            } catch {
                let problem = error as? ServerProblem ?? ServerProblem(500, "\(error)")
                line.yield(.data(problem.json))
            }
            line.finish()
        }
        line.onTermination = { _ in task.cancel() }
        return events
    }

    private static func read(
        _ answer: AnswerText, _ body: (AnswerPiece) -> Void
    ) async throws(ServerProblem) -> Whole {
        var (answer, whole) = (answer, Whole())
        try await answer.read { piece in
            body(piece)
            whole.piece.text += piece.text
            whole.piece.tokens += piece.tokens
            whole.piece.prompt += piece.prompt
            whole.piece.finish = piece.finish
        }
        whole.count = answer.count
        whole.reused = answer.reused
        return whole
    }
}
