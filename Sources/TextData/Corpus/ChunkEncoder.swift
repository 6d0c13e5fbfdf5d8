import Files
import Foundation

/// What turns text into ids, and what shards must know about it.
package struct TokenEncoder: Sendable {
    /// The ids of a text in valid UTF-8; called by several threads at once.
    package let encode: @Sendable (UnsafeRawBufferPointer) -> [Int32]
    /// The id written after each document.
    package let endOfText: Int32
    /// Ids are below this.
    package let vocabularySize: Int
    /// Stands for the tokenizer: another hash means other ids.
    package let tokenizerHash: UInt64

    package init(
        endOfText: Int32, vocabularySize: Int, tokenizerHash: UInt64,
        encode: @escaping @Sendable (UnsafeRawBufferPointer) -> [Int32]
    ) {
        self.encode = encode
        self.endOfText = endOfText
        self.vocabularySize = vocabularySize
        self.tokenizerHash = tokenizerHash
    }

    /// Bytes of an id in shards: two as long as every id fits.
    var bytesPerToken: Int { vocabularySize <= 1 << 16 ? 2 : 4 }

    /// - Throws: ``CorpusError/setting(name:found:expected:)`` for an end-of-text id that is not in
    ///   the vocabulary.
    func validate() throws(CorpusError) {
        guard endOfText >= 0, Int(endOfText) < vocabularySize else {
            throw .setting(
                name: "end-of-text token", found: "id \(endOfText)",
                expected: "an id of the vocabulary (0 to \(vocabularySize - 1))")
        }
    }
}

/// A chunk's ids as they will stand in the shard.
struct EncodedChunk: Sendable {
    /// Little-endian ids, two or four bytes each.
    var payload: [UInt8] = []
    /// `documents` counts only those whose end-of-text id is in the payload.
    var counts = CorpusCounts()
    var largestID = -1
    /// For text: whether a document begins and ends here. The writer adds the end-of-text id.
    var startsDocument = false
    var endsDocument = false
}

/// Cleans and encodes chunks; one for each thread.
final class ChunkEncoder {
    private let encoder: TokenEncoder
    private let field: [UInt8]
    private let cleaner = TextCleaner()
    private var record: [UInt8] = []
    private let pieceBytes: Int

    /// - Parameter pieceBytes: longest run of bytes encoded in one piece.
    init(_ encoder: TokenEncoder, textField: String, pieceBytes: Int) {
        self.encoder = encoder
        self.pieceBytes = pieceBytes
        field = Array(textField.utf8)
    }

    /// - Throws: ``CorpusError/badRecord(file:place:problem:)``,
    ///   ``CorpusError/tokenOutOfRange(id:vocabularySize:file:)``, and errors of the file when a
    ///   line's number has to be found.
    func encode(_ chunk: RawChunk) throws(CorpusError) -> EncodedChunk {
        var encoded = EncodedChunk()
        let replaced = cleaner.replacedSequences
        let removed = cleaner.removedCharacters
        let file = chunk.segment.file.path
        switch chunk.content {
        case .text(let starts, let ends):
            encoded.startsDocument = starts
            encoded.endsDocument = ends
            try chunk.bytes.withBytes { bytes throws(CorpusError) in
                let text = cleaner.clean(bytes)
                if starts, ends, !cleaner.foundLetter {
                    // An empty file is no document at all.
                    encoded.counts.droppedDocuments += bytes.isEmpty ? 0 : 1
                } else {
                    encoded.counts.textBytes += text.count
                    try append(encoder.encode(text), to: &encoded, file: file)
                }
            }
        case .lines: try encodeLines(chunk, into: &encoded)
        case .objects: try encodeObjects(chunk, into: &encoded)
        }
        encoded.counts.replacedSequences = cleaner.replacedSequences - replaced
        encoded.counts.removedCharacters = cleaner.removedCharacters - removed
        return encoded
    }

    private func encodeLines(
        _ chunk: RawChunk, into encoded: inout EncodedChunk
    ) throws(CorpusError) {
        try chunk.bytes.withBytes { bytes throws(CorpusError) in
            var start = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: 0x0A) ?? bytes.count
                var scanner = JSONRecordScanner(
                    UnsafeRawBufferPointer(rebasing: bytes[start..<end]))
                if scanner.skipSpace() {
                    do throws(JSONRecordProblem) {
                        try scanner.readText(of: field, into: &record)
                        if scanner.skipSpace() {
                            throw JSONRecordProblem(
                                message: "more than one JSON value, one expected")
                        }
                    } catch {
                        let place = try chunk.segment.place(at: chunk.offset + start)
                        throw .badRecord(
                            file: chunk.segment.file.path, place: place,
                            problem: error.message)
                    }
                    try encodeRecord(into: &encoded, file: chunk.segment.file.path)
                }
                start = end + 1
            }
        }
    }

    private func encodeObjects(
        _ chunk: RawChunk, into encoded: inout EncodedChunk
    ) throws(CorpusError) {
        try chunk.bytes.withBytes { bytes throws(CorpusError) in
            var scanner = JSONRecordScanner(bytes)
            var number = chunk.objectsBefore
            if number == 0 { scanner.skipOpeningBracket() }
            while scanner.skipSpace(andCommas: true) {
                number += 1
                do throws(JSONRecordProblem) {
                    try scanner.readText(of: field, into: &record)
                } catch {
                    throw .badRecord(
                        file: chunk.segment.file.path, place: "record \(number)",
                        problem: error.message)
                }
                try encodeRecord(into: &encoded, file: chunk.segment.file.path)
            }
        }
    }

    /// Adds the document at hand, in pieces if it is long, and its end.
    private func encodeRecord(
        into encoded: inout EncodedChunk, file: String
    ) throws(CorpusError) {
        let before = (encoded.counts, encoded.payload.count, encoded.largestID)
        var hasLetter = false
        try record.withBytes { bytes throws(CorpusError) in
            var start = 0
            while start < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[start...])
                let end =
                    rest.count > pieceBytes
                    ? TextBoundary.last(in: rest, limit: pieceBytes) : rest.count
                let text = cleaner.clean(UnsafeRawBufferPointer(rebasing: rest[..<end]))
                if cleaner.foundLetter { hasLetter = true }
                encoded.counts.textBytes += text.count
                try append(encoder.encode(text), to: &encoded, file: file)
                start += end
            }
        }
        // What one huge record needed is not kept for the next.
        if record.count > 4 * pieceBytes { record = [] }
        guard hasLetter else {
            (encoded.counts, encoded.largestID) = (before.0, before.2)
            encoded.payload.removeLast(encoded.payload.count - before.1)
            encoded.counts.droppedDocuments += 1
            return
        }
        encoded.counts.documents += 1
        try append([encoder.endOfText], to: &encoded, file: file)
    }

    private func append(
        _ ids: [Int32], to encoded: inout EncodedChunk, file: String
    ) throws(CorpusError) {
        var smallest = Int32.max
        var largest: Int32 = -1
        for id in ids {
            smallest = min(smallest, id)
            largest = max(largest, id)
        }
        guard smallest >= 0, Int(largest) < encoder.vocabularySize else {
            throw .tokenOutOfRange(
                id: smallest < 0 ? smallest : largest, vocabularySize: encoder.vocabularySize,
                file: file)
        }
        encoded.largestID = max(encoded.largestID, Int(largest))
        encoded.counts.tokens += ids.count
        ids.appendLittleEndian(bytesPerToken: encoder.bytesPerToken, to: &encoded.payload)
    }

}

extension CorpusSegment {
    /// Where a record is that begins at a byte of the unpacked file, as messages say it: "line 3", or "row 3" of a
    /// table; from 1. Reads the file again, for only an error asks.
    func place(at offset: Int) throws(CorpusError) -> String {
        guard file.isTable else {
            let whole = CorpusSegment(file: file, start: 0, end: file.size)
            return "line \(try whole.lines(in: offset) + 1)"
        }
        // Bytes of a part of a table are counted from where the part begins.
        let before = CorpusSegment(file: file, start: 0, end: start)
        let rows = try (start > 0 ? before.lines(in: .max) : 0) + lines(in: offset - start)
        return "row \(rows + 1)"
    }

    /// Lines that end in the first bytes of the segment, unpacked.
    private func lines(in bytes: Int) throws(CorpusError) -> Int {
        let source = try open()
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        var lines = 0
        var left = bytes
        while left > 0 {
            let count = try CorpusError.ofFile { () throws(FileProblem) in
                try buffer.withMutableBytes { bytes throws(FileProblem) in
                    try source.read(into: bytes)
                }
            }
            guard count > 0 else { break }
            for byte in buffer.prefix(min(count, left)) where byte == 0x0A { lines += 1 }
            left -= count
        }
        return lines
    }
}

extension [Int32] {
    /// Adds the ids, none negative, as little-endian integers of two or four bytes.
    func appendLittleEndian(bytesPerToken: Int, to bytes: inout [UInt8]) {
        if bytesPerToken == 2 {
            let narrow = map { UInt16(truncatingIfNeeded: $0).littleEndian }
            narrow.withUnsafeBytes { bytes.append(contentsOf: $0) }
        } else {
            let wide = map { $0.littleEndian }
            wide.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
    }
}
