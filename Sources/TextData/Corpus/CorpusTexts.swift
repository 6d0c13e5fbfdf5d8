import Synchronization

/// The cleaned texts of files, folders and patterns, piece by piece: what a tokenizer learns from.
///
/// A long document comes in several pieces. An error ends the sequence and stays in ``failure``.
package final class CorpusTexts: Sequence, IteratorProtocol {
    private var files: [CorpusFile]
    private var reader: SegmentReader?
    private var pending: [String] = []
    private let collector = Collector()
    private let encoder: ChunkEncoder
    /// What ended the sequence early.
    package private(set) var failure: CorpusError?

    private static let pieceBytes = 1 << 20

    /// Takes the pieces that a chunk encoder would turn into ids.
    private final class Collector: Sendable {
        let texts = Mutex<[String]>([])
    }

    /// - Parameters:
    ///   - inputs: files, folders and patterns.
    ///   - textField: the field of .jsonl and .json records that holds the text.
    /// - Throws: ``CorpusError`` where an input names no text.
    package init(inputs: [String], textField: String = "text") throws(CorpusError) {
        var search = CorpusSearch(excludedFolder: "")
        for input in inputs { try search.add(input) }
        files = search.files.reversed()
        guard files.contains(where: { $0.size > 0 }) else {
            throw .emptyCorpus(inputs.joined(separator: ", "))
        }
        let collector = collector
        encoder = ChunkEncoder(
            TokenEncoder(endOfText: 0, vocabularySize: 1, tokenizerHash: 0) { bytes in
                let text = String(decoding: bytes, as: UTF8.self)
                collector.texts.withLock { $0.append(text) }
                return []
            }, textField: textField, pieceBytes: Self.pieceBytes)
    }

    /// The files that `inputs` name, if all of them are plain text that can be read as it is.
    ///
    /// - Throws: ``CorpusError`` where an input names no text.
    package static func plainFiles(of inputs: [String]) throws(CorpusError) -> [String]? {
        var search = CorpusSearch(excludedFolder: "")
        for input in inputs { try search.add(input) }
        let arePlain = search.files.allSatisfy { $0.format == .text && $0.compression == .none }
        return arePlain ? search.files.map(\.path) : nil
    }

    package func next() -> String? {
        while failure == nil {
            if let text = pending.popLast() { return text }
            do throws(CorpusError) {
                guard try advance() else { return nil }
            } catch {
                failure = error
            }
        }
        return nil
    }

    /// Reads the next chunk; false at the end of the last file.
    private func advance() throws(CorpusError) -> Bool {
        if reader == nil {
            guard let file = files.popLast() else { return false }
            let segment = CorpusSegment(file: file, start: 0, end: file.size)
            reader = try SegmentReader(segment, chunkBytes: Self.pieceBytes)
        }
        guard let chunk = try reader?.next() else {
            reader = nil
            return true
        }
        _ = try encoder.encode(chunk)
        pending = collector.texts.withLock { texts in
            defer { texts = [] }
            return texts.reversed()
        }
        return true
    }
}
