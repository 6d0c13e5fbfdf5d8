package import Datasets
import Files
import Foundation
package import Templates

/// Encoded conversations on disk (`tokenized_path` with stage: sft), mapped: examples to learn from,
/// examples to evaluate on, and prompts to continue.
///
/// Layout, little-endian:
///
/// | byte | type | content |
/// |---|---|---|
/// | 0 | 8 bytes | LSTKCONV |
/// | 8 | uint32 | version, 3 |
/// | 12 | uint32 | CRC-32 of all bytes from 16 on |
/// | 16 | uint64 | bytes of the record, R |
/// | 24 | uint64 × 3 | examples to learn from, examples to evaluate on, prompts |
/// | 48 | uint64 | numbers, N |
/// | 56 | R bytes | ``TokenizedRecord`` as JSON, then zeros up to a multiple of 8 |
/// | … | 16 bytes each | of each example: first number (uint64), ids, 1 with segments (uint32 each); of each prompt: first number, ids, labels |
/// | … | N × int32 | ids, labels, segments of each example; ids, labels of each prompt |
package struct TokenizedFile: Sendable {
    static let magic = Array("LSTKCONV".utf8)
    static let version: UInt32 = 3
    static let headerBytes = 56
    static let entryBytes = 16
    /// The file's name in its folder.
    package static let name = "conversations.tokens"

    package let record: TokenizedRecord
    package let trainingCount: Int
    package let evaluationCount: Int
    package let promptCount: Int
    /// CRC-32 of everything behind it.
    package let checksum: UInt32
    private let file: MappedFile
    /// Where the entries and the numbers begin.
    private let entries: Int
    private let numbers: Int

    package var path: String { file.path }

    /// The file of a folder.
    package static func path(in folder: String) -> String {
        (folder as NSString).appendingPathComponent(name)
    }

    /// Opens and checks the file of a folder; `nil` where there is none.
    ///
    /// - Parameter limit: ids are below it.
    /// - Throws: ``ConversationError/tokenized(path:problem:)`` for a file that is damaged, cut off,
    ///   of another program or version, or made for a larger vocabulary.
    package static func open(
        in folder: String, idsBelow limit: Int
    ) throws(ConversationError) -> TokenizedFile? {
        let path = path(in: folder)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let file: MappedFile
        do {
            file = try MappedFile(path)
        } catch {
            throw .tokenized(path: path, problem: "\(error.problem); check its permissions")
        }
        return try TokenizedFile(file, idsBelow: limit)
    }

    private init(_ file: MappedFile, idsBelow limit: Int) throws(ConversationError) {
        let header = try TokenizedHeader(file)
        guard let record = TokenizedRecord(text: header.record(of: file)) else {
            throw Self.damaged(file, "damaged: its record is none that is written here")
        }
        self.file = file
        self.record = record
        checksum = header.checksum
        (trainingCount, evaluationCount) = (header.trainingCount, header.evaluationCount)
        promptCount = header.promptCount
        (entries, numbers) = (header.entries, header.numbers)
        let last = record.parts.last
        guard check(numbers: header.numberCount),
            last?.examples.upperBound ?? 0 <= evaluationCount,
            last?.prompts.upperBound ?? 0 <= promptCount
        else { throw Self.damaged(file, "damaged: its lists do not fit together") }
        if let id = firstID(notBelow: limit) {
            throw .tokenized(
                path: path,
                problem: "id \(id) found, but the model's vocabulary has \(limit); use the "
                    + "tokenizer and the model that it was prepared for")
        }
        do {
            try file.checkSize()
        } catch {
            throw .tokenized(path: path, problem: error.problem)
        }
    }

    fileprivate static func damaged(_ file: MappedFile, _ problem: String) -> ConversationError {
        .tokenized(
            path: file.path,
            problem: "\(problem); run `lockstep prepare` again with this configuration")
    }

    private func short(_ offset: Int) -> Int {
        Int(
            UInt32(littleEndian: file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    }

    /// Where an example's or prompt's numbers begin, how many ids it has, and how many labels; of
    /// an example, whether it has segments.
    private func entry(_ place: Int) -> (first: Int, ids: Int, other: Int) {
        let offset = entries + Self.entryBytes * place
        let first = UInt64(
            littleEndian: file.bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        return (Int(truncatingIfNeeded: first), short(offset + 8), short(offset + 12))
    }

    private var exampleCount: Int { trainingCount + evaluationCount }

    /// Whether the entries follow one another and take all numbers.
    private func check(numbers count: Int) -> Bool {
        var next = 0
        for place in 0..<exampleCount + promptCount {
            let entry = entry(place)
            guard entry.first == next, entry.ids > 0 else { return false }
            if place < exampleCount {
                guard entry.other < 2 else { return false }
                let segments = next + 2 * entry.ids
                next += (2 + entry.other) * entry.ids
                guard next <= count, ascend(segments..<next, to: entry.ids) else { return false }
            } else {
                next += entry.ids + entry.other
            }
            guard next <= count else { return false }
        }
        return next == count
    }

    /// Whether segments are numbered upwards from 1.
    private func ascend(_ places: Range<Int>, to most: Int) -> Bool {
        var last: Int32 = 1
        for place in places {
            let segment = number(place)
            guard segment >= last else { return false }
            last = segment
        }
        return Int(last) <= most
    }

    /// The first number that is no id of a vocabulary, nor where labels are, one for no label.
    private func firstID(notBelow limit: Int) -> Int32? {
        func find(_ first: Int, _ count: Int, labels: Bool) -> Int32? {
            for place in first..<first + count {
                let value = number(place)
                if value >= 0 && Int(value) < limit || labels && value == TokenizedExample.noLoss {
                    continue
                }
                return value
            }
            return nil
        }
        for place in 0..<exampleCount + promptCount {
            let entry = entry(place)
            let labels = place < exampleCount ? entry.ids : entry.other
            if let id = find(entry.first, entry.ids, labels: false)
                ?? find(entry.first + entry.ids, labels, labels: true)
            {
                return id
            }
        }
        return nil
    }

    // MARK: What it holds

    func number(_ place: Int) -> Int32 {
        Int32(
            littleEndian: file.bytes.loadUnaligned(
                fromByteOffset: numbers + 4 * place, as: Int32.self))
    }

    /// Where an example's ids are, and whether segments follow its labels; those to evaluate on
    /// follow those to learn from.
    func place(ofExample index: Int) -> (ids: Range<Int>, hasSegments: Bool) {
        precondition(
            index >= 0 && index < exampleCount, "examples: \(index) of \(exampleCount)")
        let entry = entry(index)
        return (entry.first..<entry.first + entry.ids, entry.other == 1)
    }

    package func example(_ index: Int) -> TokenizedExample {
        let (ids, hasSegments) = place(ofExample: index)
        func numbers(_ part: Int) -> [Int32] {
            (ids.lowerBound + part * ids.count..<ids.lowerBound + (part + 1) * ids.count)
                .map(number)
        }
        return TokenizedExample(
            ids: numbers(0), labels: numbers(1), segments: hasSegments ? numbers(2) : nil)
    }

    package func prompt(_ index: Int) -> PromptExample {
        precondition(index >= 0 && index < promptCount, "prompts: \(index) of \(promptCount)")
        let entry = entry(exampleCount + index)
        let labels = entry.first + entry.ids
        return PromptExample(
            ids: (entry.first..<labels).map(number),
            labels: (labels..<labels + entry.other).map(number))
    }

    /// - Throws: ``CorpusError/file(_:)`` where the file has been cut off since it was opened.
    func checkSize() throws(CorpusError) {
        try CorpusError.ofFile { () throws(FileProblem) in try file.checkSize() }
    }
}

extension TokenizedFile {
    /// Makes sure that a run's settings and data, where these are there, give these examples.
    ///
    /// - Throws: ``ConversationError/tokenized(path:problem:)`` that names what differs.
    package func check(
        _ settings: InstructionSettings, _ encoder: any ConversationEncoding
    ) throws(ConversationError) {
        let run = TokenizedRecord(settings, encoder.format, encoder.tokenizer)
        guard let problem = record.difference(from: run) ?? record.changedData(settings) else {
            return
        }
        throw .tokenized(
            path: path,
            problem: "\(problem); set it back, or run `lockstep prepare` again with this "
                + "configuration")
    }
}

/// What a ``TokenizedFile`` says of itself before its record, held against the file's size and bytes.
private struct TokenizedHeader {
    let checksum: UInt32
    let recordBytes: Int
    let trainingCount, evaluationCount, promptCount: Int
    let numberCount: Int

    /// Where the entries and the numbers begin.
    var entries: Int { TokenizedFile.headerBytes + (recordBytes + 7) / 8 * 8 }
    var numbers: Int {
        entries + TokenizedFile.entryBytes * (trainingCount + evaluationCount + promptCount)
    }

    /// - Throws: ``ConversationError/tokenized(path:problem:)`` for a file of another program or version,
    ///   and for one that is cut off or damaged.
    init(_ file: MappedFile) throws(ConversationError) {
        let bytes = file.bytes
        guard bytes.starts(with: TokenizedFile.magic) else {
            throw TokenizedFile.damaged(
                file,
                "it starts with \(describeStart(of: bytes)), expected encoded conversations "
                    + "(LSTKCONV)")
        }
        guard bytes.count >= TokenizedFile.headerBytes else {
            throw TokenizedFile.damaged(
                file, "cut off: \(bytes.count) bytes found, \(TokenizedFile.headerBytes) expected")
        }
        func short(_ offset: Int) -> UInt32 {
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        /// Each of what is counted has a byte at least.
        func count(_ offset: Int) -> Int {
            let found = bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            return Int(min(UInt64(littleEndian: found), UInt64(bytes.count)))
        }
        guard short(8) == TokenizedFile.version else {
            throw TokenizedFile.damaged(
                file, "version \(short(8)) found, \(TokenizedFile.version) expected")
        }
        checksum = short(12)
        recordBytes = count(16)
        (trainingCount, evaluationCount, promptCount) = (count(24), count(32), count(40))
        numberCount = count(48)
        guard numbers + 4 * numberCount == bytes.count else {
            throw TokenizedFile.damaged(
                file, "cut off or damaged: \(bytes.count) bytes found, its header speaks of others")
        }
        let found = TextData.checksum(UnsafeRawBufferPointer(rebasing: bytes[16...]))
        guard found == checksum else {
            throw TokenizedFile.damaged(
                file,
                "damaged: checksum \(TokenizedRecord.hexadecimal(checksum)) expected, "
                    + "\(TokenizedRecord.hexadecimal(found)) found")
        }
    }

    /// The text of the record.
    func record(of file: MappedFile) -> String {
        let start = TokenizedFile.headerBytes
        return String(decoding: file.bytes[start..<start + recordBytes], as: UTF8.self)
    }
}
