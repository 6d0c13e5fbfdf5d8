import Files
import Foundation
import Tokenizers

/// Turns contexts and continuations into tokens.
///
/// Source: lm-evaluation-harness 0.4.13, api/model.py (`_encode_pair`, `loglikelihood`),
/// models/huggingface.py (`tok_encode`, `_loglikelihood_tokens`), utils.py
/// (`get_rolling_token_windows`, `make_disjoint_window`).
struct HarnessTokens {
    private let tokenizer: any Tokenizer
    /// What stands before a text that has nothing before it.
    private let prefix: Int32
    private let prefixText: String
    /// Tokens that the model reads at once.
    private let length: Int

    init(_ setting: TaskSetting, of task: String) throws(EvaluationError) {
        tokenizer = setting.tokenizer
        prefix = try setting.prefix(of: task)
        prefixText = tokenizer.decode([prefix])
        length = setting.length
    }

    private func encoded(_ text: String) -> [Int32] {
        tokenizer.encode(text, addSpecialTokens: !text.hasPrefix(prefixText))
    }

    /// A continuation after a context. The tokens of both together decide; white space at the context's end
    /// belongs to the continuation.
    func pair(_ context: String, _ continuation: String) -> TaskRequest? {
        guard !context.isEmpty else {
            let ids = tokenizer.encode(continuation, addSpecialTokens: false)
            guard let first = ids.first else { return nil }
            return first == prefix
                ? request(Array(ids.prefix(1)), Array(ids.dropFirst()))
                : request([prefix], ids)
        }
        let scalars = context.unicodeScalars
        let spaces = scalars.reversed().prefix { $0.isPythonSpace }.count
        let split = scalars.index(scalars.endIndex, offsetBy: -spaces)
        let bare = String(scalars[..<split])
        let before = bare.isEmpty ? [prefix] : encoded(bare)
        let both = encoded(context + continuation)
        return request(before, Array(both.dropFirst(bare.isEmpty ? 0 : before.count)))
    }

    /// The request, its beginning left out where it is too long.
    private func request(_ context: [Int32], _ continuation: [Int32]) -> TaskRequest? {
        guard !continuation.isEmpty, !context.isEmpty, continuation.count <= length else {
            return nil
        }
        let excess = max(0, context.count + continuation.count - length - 1)
        return .likelihood(
            context: Array(context.dropFirst(excess)), continuation: continuation)
    }

    /// A whole text in windows that do not overlap; the last one is moved back to be full and scores only
    /// what is new.
    func windows(_ text: String) -> [TaskRequest] {
        let ids = encoded(text)
        let inputs = [prefix] + ids
        var windows: [TaskRequest] = []
        var place = 0
        while place < ids.count {
            let end = min(place + length, ids.count)
            let input = inputs[max(0, end - length)..<end]
            let scored = Array(ids[place..<end])
            windows.append(
                .likelihood(
                    context: Array(input.dropLast(scored.count - 1)), continuation: scored))
            place = end
        }
        return windows
    }

    /// A prompt to be continued; its beginning is left out where it leaves no room.
    func prompt(_ context: String, _ limits: TextLimits) -> TaskRequest? {
        guard limits.tokens < length else { return nil }
        let ids = encoded(context)
        return .text(prompt: Array(ids.suffix(length - limits.tokens)), limits)
    }
}
