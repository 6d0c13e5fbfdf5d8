import Files
import Foundation
import Templates

/// Writes the answers to a chat request, whole or piece by piece, as OpenAI's interface does.
struct ChatReply: Sendable {
    private let chat: ChatRequest
    private let id = "chatcmpl-" + RandomName.make()
    private let created = Int(Date().timeIntervalSince1970)

    init(_ chat: ChatRequest) { self.chat = chat }

    // MARK: Whole

    /// The answers at once.
    func whole(_ answers: [AnswerText]) async throws(ServerProblem) -> JSONValue {
        var usage = TokenUsage(prompt: chat.prompt.count)
        var choices: [JSONValue] = []
        let collected = try await AnswerCollection.whole(answers)
        for (index, answer) in collected.enumerated() {
            usage.completion += answer.count
            usage.reused += answer.reused
            let (message, finish) = message(answer.piece)
            choices.append(
                .object([
                    ("index", .int(index)), ("message", message),
                    ("logprobs", logProbabilities(answer.piece)),
                    ("finish_reason", Self.reason(finish)),
                ]))
        }
        return .object(
            head("chat.completion") + [("choices", .array(choices)), ("usage", usage.json)])
    }

    /// The message of a whole answer, with its calls where it makes any.
    private func message(_ piece: AnswerPiece) -> (JSONValue, FinishReason?) {
        var members: [JSONValue.Member] = [("role", .string("assistant"))]
        guard let (text, calls) = chat.tools.calls(in: piece.text) else {
            members += [("content", .string(piece.text)), ("refusal", .null)]
            return (.object(members), piece.finish)
        }
        members += [
            ("content", text.isEmpty ? .null : .string(text)), ("refusal", .null),
            ("tool_calls", .array(calls.map { .object(Self.call($0)) })),
        ]
        return (.object(members), .toolCalls)
    }

    private static func call(_ call: ToolCall) -> [JSONValue.Member] {
        let function: [JSONValue.Member] = [
            ("name", .string(call.name)), ("arguments", .string(call.arguments)),
        ]
        return [
            ("id", .string("call_" + RandomName.make())), ("type", .string("function")),
            ("function", .object(function)),
        ]
    }

    // MARK: Pieces

    /// The answers as chunks: the role, pieces, a reason for each answer, the usage where asked for.
    func stream(_ answers: [AnswerText]) -> AsyncStream<ServerEvent> {
        let holds = (0..<answers.count).map { _ in HeldCalls(chat.tools) }
        return AnswerCollection.stream(answers, prompt: chat.prompt.count) { index, part in
            switch part {
            case .begun:
                let delta = JSONValue.object([
                    ("role", .string("assistant")), ("content", .string("")),
                ])
                return [chunk(index, delta)]
            case .piece(let piece):
                return chunks(index, piece, holds[index].take(piece))
            case .usage(let usage):
                guard chat.options.streamsUsage else { return [] }
                return [
                    .object(
                        head("chat.completion.chunk") + [
                            ("choices", .array([])), ("usage", usage.json),
                        ])
                ]
            }
        }
    }

    /// The chunks of a piece: text, calls one by one, and the reason at the end.
    private func chunks(
        _ index: Int, _ piece: AnswerPiece, _ shown: HeldCalls.Shown
    ) -> [JSONValue] {
        var chunks: [JSONValue] = []
        if !shown.text.isEmpty || chat.alternatives != nil && !piece.tokens.isEmpty {
            let delta = JSONValue.object([("content", .string(shown.text))])
            chunks.append(chunk(index, delta, piece))
        }
        for (number, call) in shown.calls.enumerated() {
            // The name first, then the arguments, as clients put them together.
            let empty = ToolCall(name: call.name, arguments: "")
            let begun = JSONValue.object([("index", .int(number))] + Self.call(empty))
            let rest = JSONValue.object([
                ("index", .int(number)),
                ("function", .object([("arguments", .string(call.arguments))])),
            ])
            for part in [begun, rest] {
                chunks.append(chunk(index, .object([("tool_calls", .array([part]))])))
            }
        }
        if let finish = shown.calls.isEmpty ? piece.finish : .toolCalls {
            chunks.append(chunk(index, .object([]), nil, Self.reason(finish)))
        }
        return chunks
    }

    private func chunk(
        _ index: Int, _ delta: JSONValue, _ piece: AnswerPiece? = nil,
        _ reason: JSONValue = .null
    ) -> JSONValue {
        let choice: [JSONValue.Member] = [
            ("index", .int(index)), ("delta", delta),
            ("logprobs", piece.map(logProbabilities) ?? .null), ("finish_reason", reason),
        ]
        let usage: [JSONValue.Member] = chat.options.streamsUsage ? [("usage", .null)] : []
        return .object(
            head("chat.completion.chunk") + [("choices", .array([.object(choice)]))] + usage)
    }

    // MARK: Parts

    private func head(_ object: String) -> [JSONValue.Member] {
        [
            ("id", .string(id)), ("object", .string(object)), ("created", .int(created)),
            ("model", .string(chat.model.name)),
        ]
    }

    private static func reason(_ reason: FinishReason?) -> JSONValue {
        reason.map { .string($0.rawValue) } ?? .null
    }

    private func logProbabilities(_ piece: AnswerPiece) -> JSONValue {
        guard chat.alternatives != nil else { return .null }
        let tokenizer = chat.model.tokenizer
        func entry(_ id: Int32, _ logProbability: Float) -> [JSONValue.Member] {
            let bytes = tokenizer.decodeBytes([id])
            return [
                ("token", .string(String(decoding: bytes, as: UTF8.self))),
                ("logprob", .double(Double(max(logProbability, -9999)))),
                ("bytes", .array(bytes.map { .int(Int($0)) })),
            ]
        }
        let content = piece.tokens.map { token in
            let likeliest = token.alternatives.map {
                JSONValue.object(entry($0.id, $0.logProbability))
            }
            return JSONValue.object(
                entry(token.id, token.logProbability) + [("top_logprobs", .array(likeliest))])
        }
        return .object([("content", .array(content)), ("refusal", .null)])
    }
}
