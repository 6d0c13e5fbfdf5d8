package import Datasets
import Files
import Foundation
import Templates

/// Writes a ``TokenizedFile``: complete under its name, or not there at all.
final class TokenizedFileWriter {
    private let path: String
    private let file: UnfinishedFile
    private var buffer: [UInt8] = []
    private var checksum: UInt32 = 0
    private var written = 16

    private static let bufferBytes = 1 << 20

    /// Writes examples and what decided them into `folder`, which is made where it is not there.
    ///
    /// - Parameter writer: tells writers on several hosts apart.
    /// - Throws: ``ConversationError/tokenized(path:problem:)`` where the system refuses.
    static func write(
        _ dataset: InstructionDataset, _ record: TokenizedRecord, to folder: String, writer: Int
    ) throws(ConversationError) {
        do throws(CorpusError) {
            let file = try TokenizedFileWriter(folder, writer)
            try file.write(dataset, record)
        } catch {
            throw .tokenized(path: folder, problem: "\(error)")
        }
    }

    private init(_ folder: String, _ writer: Int) throws(CorpusError) {
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
        } catch {
            throw .system(call: "mkdir", code: errno, file: folder)
        }
        path = TokenizedFile.path(in: folder)
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where Self.isLeftover(name, of: writer) {
            unlink((folder as NSString).appendingPathComponent(name))
        }
        file = try UnfinishedFile(
            path, temporary: "\(path).\(writer).\(getpid())\(ShardNames.temporarySuffix)")
    }

    /// Whether a killed writer of the same number has left the file.
    private static func isLeftover(_ name: String, of writer: Int) -> Bool {
        name.hasPrefix("\(TokenizedFile.name).\(writer).")
            && name.hasSuffix(ShardNames.temporarySuffix)
    }

    private func write(
        _ dataset: InstructionDataset, _ record: TokenizedRecord
    ) throws(CorpusError) {
        let text = Array(record.text.utf8)
        let examples = dataset.training + dataset.evaluation
        let numbers =
            examples.reduce(0) { $0 + $1.ids.count + $1.labels.count + ($1.segments?.count ?? 0) }
            + dataset.predictions.reduce(0) { $0 + $1.ids.count + $1.labels.count }
        for count in [
            text.count, dataset.training.count, dataset.evaluation.count,
            dataset.predictions.count, numbers,
        ] { try append(UInt64(count)) }
        try append(text + [UInt8](repeating: 0, count: (8 - text.count % 8) % 8))
        var first = 0
        func entry(_ ids: Int, _ other: Int, _ count: Int) throws(CorpusError) {
            try append(UInt64(first))
            try append(UInt32(ids))
            try append(UInt32(other))
            first += count
        }
        for example in examples {
            let segments = example.segments == nil ? 0 : 1
            try entry(example.ids.count, segments, (2 + segments) * example.ids.count)
        }
        for prompt in dataset.predictions {
            try entry(
                prompt.ids.count, prompt.labels.count, prompt.ids.count + prompt.labels.count)
        }
        for example in examples {
            try append(NumberBytes.bytes(of: example.ids))
            try append(NumberBytes.bytes(of: example.labels))
            if let segments = example.segments { try append(NumberBytes.bytes(of: segments)) }
        }
        for prompt in dataset.predictions {
            try append(NumberBytes.bytes(of: prompt.ids))
            try append(NumberBytes.bytes(of: prompt.labels))
        }
        try flush()
        try finish()
    }

    private func append(_ value: some FixedWidthInteger) throws(CorpusError) {
        try append(
            (0..<value.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) })
    }

    private func append(_ bytes: [UInt8]) throws(CorpusError) {
        buffer += bytes
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    private func flush() throws(CorpusError) {
        try put(buffer, at: written)
        written += buffer.count
        checksum = buffer.withUnsafeBytes { TextData.checksum($0, from: checksum) }
        buffer.removeAll(keepingCapacity: true)
    }

    /// Writes the header, waits until the disk has everything, and renames.
    private func finish() throws(CorpusError) {
        var header = TokenizedFile.magic
        for number in [TokenizedFile.version, checksum] {
            header += (0..<4).map { UInt8(truncatingIfNeeded: number >> (8 * $0)) }
        }
        try put(header, at: 0)
        try file.finish()
        do throws(FinishedFile.Failure) {
            try FinishedFile.syncFolder((path as NSString).deletingLastPathComponent)
        } catch {
            throw .system(call: error.call, code: error.code, file: path)
        }
    }

    private func put(_ bytes: [UInt8], at place: Int) throws(CorpusError) {
        try bytes.withBytes { bytes throws(CorpusError) in try file.write(bytes, at: place) }
    }
}

extension TokenizedFile {
    /// Writes the examples that became of rows into `folder`.
    ///
    /// - Parameter writer: tells writers on several hosts apart.
    /// - Throws: ``ConversationError/tokenized(path:problem:)`` where the system refuses.
    package static func write(
        _ dataset: InstructionDataset, of rows: InstructionRows, to folder: String, writer: Int = 0
    ) throws(ConversationError) {
        try TokenizedFileWriter.write(
            dataset, TokenizedRecord(dataset, of: rows), to: folder, writer: writer)
    }

    /// Whether the folder holds what the rows would become: the same settings and the same data.
    package func isOf(_ rows: InstructionRows) -> Bool {
        var run = TokenizedRecord(rows.settings, rows.encoder.format, rows.encoder.tokenizer)
        run.datasets = (rows.entries.learned + rows.entries.evaluated).map {
            TokenizedRecord.Dataset($0, isListed: rows.listed.contains($0.name))
        }
        return record.difference(from: run) == nil && record.names == run.names
            && record.datasets == run.datasets
    }
}
