import Files
import Foundation
package import Templates
package import Tokenizers

/// Encoded examples on disk (`tokenized_path`), so that a later run need not read the rows again.
///
/// Layout, little-endian: magic `LSTKCONV`, version (4 bytes), key (8), counts of training and
/// evaluation examples and of prompts (8 each); then for each example the number of its ids and
/// whether it has segments (4 each), ids, labels and segments (4 each); for each prompt the
/// numbers of ids and labels, ids, labels; then, for each dataset that is evaluated by itself, the
/// numbers of its examples and prompts (8 each); at last FNV-1a over everything before (8).
enum TokenizedFile {
    private static let magic = Array("LSTKCONV".utf8)
    private static let version: UInt32 = 2
    private static let name = "conversations.tokens"

    /// The file of a folder.
    static func path(in folder: String) -> String {
        (folder as NSString).appendingPathComponent(name)
    }

    /// FNV-1a over what decides the examples: two files with one key hold the same ones.
    static func key(
        _ settings: InstructionSettings, _ format: some ConversationFormat,
        _ tokenizer: any Tokenizer
    ) -> UInt64 {
        // How many threads encode does not matter, nor who reads it whether that stops.
        var settings = settings
        settings.threads = 1
        settings.isStrict = false
        // What was kept on another day is good today.
        settings.encoding.date = ""
        return FNV1a("\(settings)|\(format.fingerprint)|\(tokenizer.hash)|\(version)").value
    }

    /// Writes the examples as a whole: a temporary name first, then the final one.
    ///
    /// - Throws: ``ConversationError/tokenized(path:problem:)``.
    static func write(
        _ dataset: InstructionDataset, to folder: String, key: UInt64
    ) throws(ConversationError) {
        var bytes = magic
        func append(_ value: some FixedWidthInteger) {
            var rest = value
            for _ in 0..<(value.bitWidth / 8) {
                bytes.append(UInt8(truncatingIfNeeded: rest))
                rest >>= 8
            }
        }
        append(version)
        append(key)
        append(dataset.training.count)
        append(dataset.evaluation.count)
        append(dataset.predictions.count)
        for example in dataset.training + dataset.evaluation {
            append(Int32(example.ids.count))
            append(Int32(example.segments == nil ? 0 : 1))
            for value in example.ids + example.labels + (example.segments ?? []) { append(value) }
        }
        for prompt in dataset.predictions {
            append(Int32(prompt.ids.count))
            append(Int32(prompt.labels.count))
            for value in prompt.ids + prompt.labels { append(value) }
        }
        for part in dataset.parts {
            append(part.examples.count)
            append(part.prompts.count)
        }
        append(FNV1a(bytes[...]).value)
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            try ShardWriter.writeFile(path(in: folder), bytes)
        } catch {
            throw .tokenized(path: folder, problem: "\(error)")
        }
    }

    /// Reads what was written with the same key; `nil` when there is no file.
    ///
    /// - Parameter names: of the datasets that are evaluated by themselves.
    /// - Throws: ``ConversationError/tokenized(path:problem:)`` when it is damaged, or of another
    ///   tokenizer, template or settings.
    static func read(
        _ folder: String, key: UInt64, idsBelow ids: Int, names: [String]
    ) throws(ConversationError) -> InstructionDataset? {
        let path = path(in: folder)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let bytes: [UInt8]
        do {
            bytes = try RegularFile.bytes(path, most: .max)
        } catch {
            throw .tokenized(path: path, problem: "\(error.problem); check its permissions")
        }
        func damaged(_ problem: String) -> ConversationError {
            .tokenized(path: path, problem: "\(problem); delete the file to encode anew")
        }
        guard bytes.starts(with: magic), bytes.count >= 52 else {
            throw damaged("not a file of encoded conversations")
        }
        var reader = Reader(bytes: bytes[8...])
        let found: UInt32 = reader.next()
        guard found == version else { throw damaged("version \(found), expected \(version)") }
        guard reader.next() as UInt64 == key else {
            throw damaged("made with another tokenizer, template or settings")
        }
        var check = Reader(bytes: bytes[(bytes.count - 8)...])
        guard check.next() as UInt64 == FNV1a(bytes[..<(bytes.count - 8)]).value else {
            throw damaged("damaged or cut off")
        }
        let (training, evaluation, prompts): (Int, Int, Int) = (
            reader.next(), reader.next(), reader.next()
        )
        do throws(Reader.CutShort) {
            var (examples, trials): ([TokenizedExample], [TokenizedExample]) = ([], [])
            var predictions: [PromptExample] = []
            // Each has at least eight bytes, so a count that is too large ends with the bytes.
            for _ in 0..<max(training, 0) { examples.append(try reader.example(below: ids)) }
            for _ in 0..<max(evaluation, 0) { trials.append(try reader.example(below: ids)) }
            for _ in 0..<max(prompts, 0) { predictions.append(try reader.prompt(below: ids)) }
            var parts: [EvaluatedDataset] = []
            for name in names {
                parts.append(
                    EvaluatedDataset(
                        name: name, after: parts.last,
                        counts: try reader.counts(below: (trials.count, predictions.count))))
            }
            guard (parts.last?.examples.upperBound ?? 0) <= trials.count,
                (parts.last?.prompts.upperBound ?? 0) <= predictions.count
            else { throw Reader.CutShort() }
            return InstructionDataset(
                training: examples, evaluation: trials, predictions: predictions, parts: parts)
        } catch {
            throw damaged("damaged: it holds less than it says, or ids that are none")
        }
    }

    /// Takes numbers out of bytes whose checksum was right.
    private struct Reader {
        var bytes: ArraySlice<UInt8>

        mutating func next<Value: FixedWidthInteger>() -> Value {
            let size = Value.bitWidth / 8
            let value = bytes.prefix(size).reversed().reduce(Value.zero) {
                $0 << 8 | Value(truncatingIfNeeded: $1)
            }
            bytes = bytes.dropFirst(size)
            return value
        }

        /// Bytes end too soon, or an id is none of the tokenizer.
        struct CutShort: Error {}

        /// - Parameter labels: −100 stands for no label.
        mutating func next(
            _ count: Int32, below limit: Int, labels: Bool = false
        ) throws(CutShort) -> [Int32] {
            guard count >= 0, Int(count) <= bytes.count / 4 else { throw CutShort() }
            var values: [Int32] = []
            values.reserveCapacity(Int(count))
            for _ in 0..<count {
                let value: Int32 = next()
                guard value >= 0 && Int(value) < limit || labels && value == -100 else {
                    throw CutShort()
                }
                values.append(value)
            }
            return values
        }

        mutating func example(below limit: Int) throws(CutShort) -> TokenizedExample {
            guard bytes.count >= 8 else { throw CutShort() }
            let count: Int32 = next()
            let hasSegments: Int32 = next()
            return TokenizedExample(
                ids: try next(count, below: limit),
                labels: try next(count, below: limit, labels: true),
                segments: hasSegments == 1 ? try next(count, below: .max) : nil)
        }

        mutating func counts(
            below limit: (examples: Int, prompts: Int)
        ) throws(CutShort) -> (examples: Int, prompts: Int) {
            guard bytes.count >= 16 else { throw CutShort() }
            let (examples, prompts): (Int, Int) = (next(), next())
            guard (0...limit.examples).contains(examples), (0...limit.prompts).contains(prompts)
            else { throw CutShort() }
            return (examples, prompts)
        }

        mutating func prompt(below limit: Int) throws(CutShort) -> PromptExample {
            guard bytes.count >= 8 else { throw CutShort() }
            let (ids, labels): (Int32, Int32) = (next(), next())
            return PromptExample(
                ids: try next(ids, below: limit),
                labels: try next(labels, below: limit, labels: true))
        }
    }
}

extension InstructionDataset {
    /// Tokens that a template may add to a tokenizer.
    private static let furtherTokens = 256

    /// The examples kept in `folder` by an earlier run with the same settings, else made now and
    /// kept there. Whether the files of rows have changed since is not looked at.
    ///
    /// - Parameters:
    ///   - renews: what is there already is not looked at.
    ///   - writes: examples made now are kept; of several ranks only one may do so.
    /// - Throws: ``ConversationError/tokenized(path:problem:)`` when what is kept does not fit or
    ///   is damaged; whatever ``init(_:_:_:)`` throws.
    package static func kept(
        in folder: String, _ settings: InstructionSettings, _ format: some ConversationFormat,
        _ tokenizer: any Tokenizer, renews: Bool = false, writes: Bool = true
    ) throws(ConversationError) -> InstructionDataset {
        if !renews, let dataset = try reading(folder, settings, format, tokenizer) {
            return dataset
        }
        let dataset = try InstructionDataset(settings, format, tokenizer)
        if writes {
            try TokenizedFile.write(
                dataset, to: folder, key: TokenizedFile.key(settings, format, tokenizer))
        }
        return dataset
    }

    /// The examples kept in `folder` by an earlier run with the same settings; `nil` where there
    /// are none.
    ///
    /// - Throws: ``ConversationError/tokenized(path:problem:)`` when what is kept does not fit or
    ///   is damaged.
    package static func reading(
        _ folder: String, _ settings: InstructionSettings, _ format: some ConversationFormat,
        _ tokenizer: any Tokenizer
    ) throws(ConversationError) -> InstructionDataset? {
        try TokenizedFile.read(
            folder, key: TokenizedFile.key(settings, format, tokenizer),
            idsBelow: tokenizer.vocabularySize + furtherTokens, names: settings.evaluatedNames)
    }
}
