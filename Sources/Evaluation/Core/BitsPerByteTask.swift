import Files
import Foundation
import Metrics
import Tokenizers

/// How many bits a model needs for a byte of a text, whatever its tokenizer: a .txt file, or the `text` of
/// JSON lines.
///
/// Σ nats / (ln 2 · Σ UTF-8 bytes of the scored tokens); tokens without bytes, as special ones, are left out
/// of both sums. Documents are read in windows of the model's length that do not overlap.
struct BitsPerByteTask: EvaluationTask {
    let name: String
    let requests: [TaskRequest]
    let notes: [String] = []
    private let bytes: Int
    private let tokens: Int

    /// - Returns: `nil` for what is no such file's name.
    /// - Throws: ``EvaluationError/user(_:)`` for a file that is missing or damaged.
    init?(named path: String, _ setting: TaskSetting) throws(EvaluationError) {
        guard path.hasSuffix(".txt") || path.hasSuffix(".jsonl") else { return nil }
        name = ((path as NSString).lastPathComponent as NSString).deletingPathExtension
        let windows = try HarnessTokens(setting, of: path)
        var requests: [TaskRequest] = []
        var (bytes, tokens) = (0, 0)
        for text in try Self.texts(path, most: setting.most) {
            var position = DecodingPosition()
            for case .likelihood(let context, let continuation, _) in windows.windows(text) {
                var silent: Set<Int32> = []
                for id in continuation {
                    let count =
                        setting.tokenizer.isSpecial(id)
                        ? 0 : setting.tokenizer.bytes(of: id, at: &position).count
                    bytes += count
                    tokens += count > 0 ? 1 : 0
                    if count == 0 { silent.insert(id) }
                }
                requests.append(
                    .likelihood(
                        context: context, continuation: continuation, uncounted: silent))
                try setting.check(context + continuation, of: path)
            }
        }
        guard bytes > 0 else { throw .user("'\(path)' holds no text") }
        (self.requests, self.bytes, self.tokens) = (requests, bytes, tokens)
    }

    private static func texts(_ path: String, most: Int?) throws(EvaluationError) -> [String] {
        if path.hasSuffix(".txt") {
            do {
                return [String(decoding: try RegularFile.bytes(path), as: UTF8.self)]
            } catch {
                throw .user("cannot read '\(path)': \(error.problem)")
            }
        }
        let file = try TaskRows(path)
        var texts: [String] = []
        for row in file.rows.prefix(most ?? .max) {
            guard let text = row.values["text"]?.string else {
                throw file.mistake(
                    row, "found \(row.values.kind) without a text \"text\", expected one")
            }
            texts.append(text)
        }
        return texts
    }

    func result(_ answers: [TaskAnswer]) -> TaskResult {
        let nats = -answers.reduce(0.0) { $0 + $1.logProbability }
        let bits = nats / (log(2) * Double(bytes))
        let loss = nats / Double(max(tokens, 1))
        let json = JSONValue.object([
            ("bits_per_byte", .double(bits)), ("loss", .double(loss)), ("bytes", .int(bytes)),
            ("tokens", .int(tokens)),
        ])
        return TaskResult(
            figures: [Figure(name: "\(name)_bits_per_byte", value: bits)],
            lines: [
                "\(name): " + String(format: "%.4f", bits) + " bits per byte, loss "
                    + String(format: "%.4f", loss) + " of \(tokens) tokens in \(bytes) bytes"
            ],
            files: [
                PredictionFile(
                    name: "bits_per_byte_\(name).json", text: json.text(indent: 2) + "\n", count: 1)
            ])
    }
}
