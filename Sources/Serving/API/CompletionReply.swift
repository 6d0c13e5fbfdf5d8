import Files
import Foundation
import Generation

/// Writes the answers to a completion request, whole or piece by piece, as OpenAI's interface does.
struct CompletionReply: Sendable {
    private let request: CompletionRequest
    private let id = "cmpl-" + RandomName.make()
    private let created = Int(Date().timeIntervalSince1970)

    init(_ request: CompletionRequest) { self.request = request }

    /// The answers at once.
    func whole(_ answers: [AnswerText]) async throws(ServerProblem) -> JSONValue {
        var usage = TokenUsage(prompt: promptTokens)
        var choices: [JSONValue] = []
        for (index, answer) in try await AnswerCollection.whole(answers).enumerated() {
            usage.completion += answer.count
            usage.reused += answer.reused
            let writing = EchoedText(request, index)
            choices.append(choice(index, answer.piece, writing))
        }
        return .object(head + [("choices", .array(choices)), ("usage", usage.json)])
    }

    /// The answers as chunks.
    func stream(_ answers: [AnswerText]) -> AsyncStream<ServerEvent> {
        let usages: [JSONValue.Member] = request.options.streamsUsage ? [("usage", .null)] : []
        return AnswerCollection.stream(answers, prompt: promptTokens) { index, part in
            switch part {
            case .begun:
                guard request.echoes else { return [] }
                let first = choice(index, AnswerPiece(), EchoedText(request, index))
                return [.object(head + [("choices", .array([first]))] + usages)]
            case .piece(let piece):
                // The prompt has been written. Offsets of a stream count from each piece.
                let next = choice(index, piece, EchoedText(request, index, echoes: false))
                return [.object(head + [("choices", .array([next]))] + usages)]
            case .usage(let usage):
                guard request.options.streamsUsage else { return [] }
                return [.object(head + [("choices", .array([])), ("usage", usage.json)])]
            }
        }
    }

    private var promptTokens: Int { request.prompts.reduce(0) { $0 + $1.count } }

    private var head: [JSONValue.Member] {
        [
            ("id", .string(id)), ("object", .string("text_completion")), ("created", .int(created)),
            ("model", .string(request.model.name)),
        ]
    }

    private func choice(
        _ index: Int, _ piece: AnswerPiece, _ writing: EchoedText
    ) -> JSONValue {
        .object([
            ("index", .int(index)), ("text", .string(writing.prompt + piece.text)),
            ("logprobs", writing.logProbabilities(piece)),
            ("finish_reason", piece.finish.map { .string($0.rawValue) } ?? .null),
        ])
    }
}

/// A continuation's text with its prompt before it where that is asked for.
private struct EchoedText {
    /// The prompt's text; empty where it is not part of the answer.
    let prompt: String
    private let ids: [Int32]
    private let request: CompletionRequest

    init(_ request: CompletionRequest, _ index: Int, echoes: Bool? = nil) {
        self.request = request
        ids =
            echoes ?? request.echoes ? request.prompts[index / request.options.answers] : []
        prompt = request.model.tokenizer.decode(ids)
    }

    /// {tokens, token_logprobs, top_logprobs, text_offset}; of an echoed prompt the first token has no
    /// number, for nothing stands before it.
    func logProbabilities(_ piece: AnswerPiece) -> JSONValue {
        guard let alternatives = request.alternatives else { return .null }
        var tokens: [JSONValue] = []
        var numbers: [JSONValue] = []
        var tops: [JSONValue] = []
        var offsets: [JSONValue] = []
        var offset = 0
        func add(_ id: Int32, _ token: AnswerToken?) {
            let text = Self.text(of: id, request.model)
            tokens.append(.string(text))
            numbers.append(token.map { Self.number($0.logProbability) } ?? .null)
            offsets.append(.int(offset))
            offset += text.hasPrefix("bytes:") ? 0 : text.unicodeScalars.count
            guard let token else { return tops.append(.null) }
            // The token itself is told, too, where it is none of the likeliest.
            var members: [JSONValue.Member] = token.alternatives.map {
                (Self.text(of: $0.id, request.model), Self.number($0.logProbability))
            }
            if !token.alternatives.contains(where: { $0.id == token.id }) {
                members.append((text, Self.number(token.logProbability)))
            }
            tops.append(.object(members))
        }
        if let first = ids.first { add(first, nil) }
        for token in piece.prompt + piece.tokens { add(token.id, token) }
        return .object([
            ("tokens", .array(tokens)), ("token_logprobs", .array(numbers)),
            ("top_logprobs", alternatives > 0 ? .array(tops) : .null),
            ("text_offset", .array(offsets)),
        ])
    }

    private static func number(_ logProbability: Float) -> JSONValue {
        .double(Double(max(logProbability, -9999)))
    }

    /// A token's text; of one that is part of a character its bytes, as OpenAI writes them.
    private static func text(of id: Int32, _ model: ServedModel) -> String {
        let bytes = model.tokenTexts.bytes(of: id)
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        return "bytes:" + bytes.map { String(format: "\\x%02x", $0) }.joined()
    }
}
