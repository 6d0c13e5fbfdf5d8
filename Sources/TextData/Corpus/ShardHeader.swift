import Files
import Foundation

/// What was read, dropped and changed on the way from text to tokens.
package struct CorpusCounts: Sendable, Equatable, Codable {
    package var tokens = 0
    package var documents = 0
    /// Documents without any letter, left out.
    package var droppedDocuments = 0
    /// Invalid sequences of UTF-8 that became U+FFFD.
    package var replacedSequences = 0
    /// Control characters removed.
    package var removedCharacters = 0
    /// Bytes of cleaned text that were tokenized.
    package var textBytes = 0

    package init() {}

    static func += (total: inout CorpusCounts, part: CorpusCounts) {
        total.tokens += part.tokens
        total.documents += part.documents
        total.droppedDocuments += part.droppedDocuments
        total.replacedSequences += part.replacedSequences
        total.removedCharacters += part.removedCharacters
        total.textBytes += part.textBytes
    }

    enum CodingKeys: String, CodingKey {
        case tokens, documents
        case droppedDocuments = "dropped_documents"
        case replacedSequences = "replaced_sequences"
        case removedCharacters = "removed_characters"
        case textBytes = "text_bytes"
    }
}

/// The first 256 bytes of a shard, all numbers little-endian; ids follow.
///
/// | byte | type | content |
/// |---|---|---|
/// | 0 | 8 bytes | LSTKSHRD |
/// | 8 | uint32 | version, 1 |
/// | 12 | uint32 | bytes before the first id, 256 |
/// | 16 | uint32 | bytes of an id: 2 or 4 |
/// | 20 | uint32 | CRC-32 of the ids (that of zlib and gzip) |
/// | 24 | uint64 | ids |
/// | 32 | uint64 | documents that end here |
/// | 40 | uint64 | the tokenizer's hash |
/// | 48 | uint64 | the tokenizer's vocabulary size |
/// | 56 | int64 | largest id; −1 when there is none |
/// | 64 | uint64 | fingerprint of inputs and settings |
/// | 72 | int64 | id that ends a document |
/// | 80 | uint64 × 4 | bytes of text, documents dropped, sequences replaced, characters removed |
/// | 252 | uint32 | CRC-32 of the 252 bytes before |
package struct ShardHeader: Equatable {
    static let magic = Array("LSTKSHRD".utf8)
    static let version = 1
    package static let bytes = 256

    var bytesPerToken: Int
    var payloadChecksum: UInt32 = 0
    var tokenizerHash: UInt64
    var vocabularySize: Int
    package var largestID = -1
    var fingerprint: UInt64
    var endOfText: Int
    var counts = CorpusCounts()

    /// Bytes of a whole shard with this header.
    var fileBytes: Int { ShardHeader.bytes + counts.tokens * bytesPerToken }

    /// The header as it stands in a file.
    package func encoded() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: ShardHeader.bytes)
        func put<T: FixedWidthInteger>(_ value: T, at offset: Int) {
            withUnsafeBytes(of: value.littleEndian) {
                bytes.replaceSubrange(offset..<offset + $0.count, with: $0)
            }
        }
        bytes.replaceSubrange(0..<8, with: ShardHeader.magic)
        put(UInt32(ShardHeader.version), at: 8)
        put(UInt32(ShardHeader.bytes), at: 12)
        put(UInt32(bytesPerToken), at: 16)
        put(payloadChecksum, at: 20)
        let numbers = [
            counts.tokens, counts.documents, Int(bitPattern: UInt(tokenizerHash)), vocabularySize,
            largestID, Int(bitPattern: UInt(fingerprint)), endOfText, counts.textBytes,
            counts.droppedDocuments, counts.replacedSequences, counts.removedCharacters,
        ]
        for (index, number) in numbers.enumerated() { put(Int64(number), at: 24 + 8 * index) }
        put(checksum(bytes[..<252]), at: 252)
        return bytes
    }

    /// Reads the header of the shard `file`, `bytes` of which are at hand.
    ///
    /// - Throws: ``CorpusError/wrongMagic(file:found:)``,
    ///   ``CorpusError/size(file:expected:found:)`` for less than a header, ``CorpusError/unsupportedVersion(file:found:newest:)``,
    ///   ``CorpusError/damagedHeader(file:problem:)``.
    package init(_ bytes: UnsafeRawBufferPointer, file: String) throws(CorpusError) {
        guard bytes.starts(with: ShardHeader.magic) else {
            throw .wrongMagic(file: file, found: describeStart(of: bytes))
        }
        guard bytes.count >= ShardHeader.bytes else {
            throw .size(file: file, expected: ShardHeader.bytes, found: bytes.count)
        }
        func short(_ offset: Int) -> UInt32 {
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
        }
        func long(_ index: Int) -> Int {
            Int(
                Int64(
                    littleEndian: bytes.loadUnaligned(
                        fromByteOffset: 24 + 8 * index, as: Int64.self)))
        }
        guard short(8) == ShardHeader.version else {
            throw .unsupportedVersion(
                file: file, found: Int(short(8)), newest: ShardHeader.version)
        }
        guard checksum(UnsafeRawBufferPointer(rebasing: bytes[..<252])) == short(252) else {
            throw .damagedHeader(file: file, problem: "its checksum is wrong")
        }
        bytesPerToken = Int(short(16))
        guard short(12) == ShardHeader.bytes, bytesPerToken == 2 || bytesPerToken == 4,
            long(0) >= 0,
            long(0) < Int.max / 8
        else {
            throw .damagedHeader(file: file, problem: "its sizes make no sense")
        }
        payloadChecksum = short(20)
        counts.tokens = long(0)
        counts.documents = long(1)
        tokenizerHash = UInt64(bitPattern: Int64(long(2)))
        vocabularySize = long(3)
        largestID = long(4)
        fingerprint = UInt64(bitPattern: Int64(long(5)))
        endOfText = long(6)
        counts.textBytes = long(7)
        counts.droppedDocuments = long(8)
        counts.replacedSequences = long(9)
        counts.removedCharacters = long(10)
    }

    init(
        bytesPerToken: Int, tokenizerHash: UInt64, vocabularySize: Int, fingerprint: UInt64,
        endOfText: Int
    ) {
        self.bytesPerToken = bytesPerToken
        self.tokenizerHash = tokenizerHash
        self.vocabularySize = vocabularySize
        self.fingerprint = fingerprint
        self.endOfText = endOfText
    }

    /// The header of a complete shard; `nil` when the file is missing, damaged or of another size.
    static func ofCompleteShard(_ path: String) -> ShardHeader? {
        guard let file = try? MappedFile(path),
            let header = try? ShardHeader(file.bytes, file: path),
            header.fileBytes == file.bytes.count
        else { return nil }
        return header
    }
}

/// CRC-32 as zlib and gzip compute it, going on from `start`.
func checksum(_ bytes: UnsafeRawBufferPointer, from start: UInt32 = 0) -> UInt32 {
    Zlib.crc32(bytes, from: start)
}

private func checksum(_ bytes: ArraySlice<UInt8>) -> UInt32 {
    bytes.withUnsafeBytes { checksum($0) }
}

/// The first bytes of a file in words, for messages about its format.
func describeStart(of bytes: UnsafeRawBufferPointer) -> String {
    guard !bytes.isEmpty else { return "nothing (an empty file)" }
    let start = bytes.prefix(8)
    if start.allSatisfy({ (0x20...0x7E).contains($0) }) {
        return "\"\(String(decoding: start, as: UTF8.self))\""
    }
    let digits = start.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    return "bytes " + digits.joined(separator: " ")
}
