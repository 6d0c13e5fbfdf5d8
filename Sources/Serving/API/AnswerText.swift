import Generation
import Tokenizers

/// Why an answer ended, in OpenAI's words.
enum FinishReason: String, Sendable {
    case stop, length
    case toolCalls = "tool_calls"
}

/// A piece of an answer's text, with the tokens that came with it.
struct AnswerPiece: Sendable {
    var text = ""
    var tokens: [AnswerToken] = []
    /// The prompt's tokens from the second on, where they are scored.
    var prompt: [AnswerToken] = []
    /// With the last piece.
    var finish: FinishReason?
}

/// An answer's events as pieces of text: no character is cut, nor what may become a stop string.
struct AnswerText: Sendable {
    private let events: AsyncStream<AnswerEvent>
    private var stream: TokenTextStream
    /// Tokens whose text is held back.
    private var held: [AnswerToken] = []
    /// Tokens of the prompt that were there already.
    private(set) var reused = 0
    /// Tokens so far.
    private(set) var count = 0

    init(_ events: AsyncStream<AnswerEvent>, _ stream: TokenTextStream) {
        self.events = events
        self.stream = stream
    }

    /// Hands on piece after piece, the last one with a reason.
    ///
    /// - Throws: ``ServerProblem`` 503 where the server stops before the end.
    mutating func read(_ body: (AnswerPiece) async -> Void) async throws(ServerProblem) {
        for await event in events {
            switch event {
            case .begun(let reused): self.reused = reused
            case .prompt(let tokens): await body(AnswerPiece(prompt: tokens))
            case .token(let token):
                count += 1
                held.append(token)
                let text = stream.append(token.id)
                if stream.isStopped {
                    // Letting go of the events ends the request.
                    return await body(AnswerPiece(text: text, tokens: release(), finish: .stop))
                }
                if !text.isEmpty { await body(AnswerPiece(text: text, tokens: release())) }
            case .ended(.stopped): throw Self.stopping
            case .ended(let end):
                let text = stream.finish()
                let finish = stream.isStopped || end.isStop ? FinishReason.stop : .length
                return await body(AnswerPiece(text: text, tokens: release(), finish: finish))
            }
        }
        throw Self.stopping
    }

    private mutating func release() -> [AnswerToken] {
        defer { held = [] }
        return held
    }

    private static let stopping = ServerProblem(
        503, "the server stopped before the answer was whole", code: "stopping", retryAfter: 5)
}

extension GenerationEnd {
    fileprivate var isStop: Bool {
        switch self {
        case .stopToken, .complete: true
        case .stopped, .count, .contextFull: false
        }
    }
}

extension EngineRefusal {
    /// The refusal as a client is told.
    var problem: ServerProblem {
        switch self {
        case .full(let waiting):
            ServerProblem(
                429, "\(waiting) requests wait already; try again in a moment",
                code: "queue_full", retryAfter: 1)
        case .stopping:
            ServerProblem(503, "the server is stopping", code: "stopping", retryAfter: 5)
        }
    }
}

/// Tokens that a request cost.
struct TokenUsage: Sendable {
    var prompt = 0
    var completion = 0
    var reused = 0
}
