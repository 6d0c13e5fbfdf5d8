import Files
import Foundation

/// One file of token ids, mapped: a shard of `lockstep prepare`, a file of nanoGPT or of llm.c.
struct TokenFile: Sendable {
    private let file: MappedFile
    /// Bytes before the first id.
    private let start: Int
    private let bytesPerToken: Int
    /// Ids in the file.
    let count: Int
    /// The largest of them; −1 when there is none.
    let largestID: Int
    /// CRC-32 of the ids' bytes.
    let checksum: UInt32
    /// The header, for a shard of our own.
    let header: ShardHeader?

    var path: String { file.path }

    /// llm.c's header: 256 int32, of which the first three are magic, version and token count.
    /// Source: karpathy/llm.c, dev/data/data_common.py, `HEADERS_INFO`.
    private static let llmcHeaderBytes = 1024
    private static let llmcKinds: [Int32: (version: Int32, bytesPerToken: Int)] = [
        20_240_520: (1, 2), 20_240_801: (7, 4),
    ]

    /// Maps and checks the file at `path`.
    ///
    /// A shard records its largest id and its checksum; other files are read through for them.
    /// `verify` also reads a shard's ids against their checksum and that largest id.
    ///
    /// - Throws: ``CorpusError/wrongMagic(file:found:)`` for a file of no known format,
    ///   ``CorpusError/unsupportedVersion(file:found:newest:)``,
    ///   ``CorpusError/damagedHeader(file:problem:)``, ``CorpusError/size(file:expected:found:)``,
    ///   ``CorpusError/checksum(file:expected:found:)``, ``CorpusError/system(call:code:file:)``.
    init(_ path: String, verify: Bool) throws(CorpusError) {
        let file = try CorpusError.ofFile { () throws(FileProblem) in try MappedFile(path) }
        let bytes = file.bytes
        self.file = file
        if bytes.starts(with: ShardHeader.magic) {
            let header = try ShardHeader(bytes, file: path)
            guard header.fileBytes == bytes.count else {
                throw .size(file: path, expected: header.fileBytes, found: bytes.count)
            }
            (start, bytesPerToken) = (ShardHeader.bytes, header.bytesPerToken)
            (count, largestID) = (header.counts.tokens, header.largestID)
            self.header = header
            checksum = header.payloadChecksum
            if verify { try TokenFile.verify(bytes, header, path) }
            try checkSize()
            return
        }
        header = nil
        let number = bytes.count < 12 ? 0 : TokenFile.int32(0, of: bytes)
        if let (version, width) = TokenFile.llmcKinds[number] {
            let found = TokenFile.int32(1, of: bytes)
            guard found == version else {
                throw .unsupportedVersion(file: path, found: Int(found), newest: Int(version))
            }
            count = Int(TokenFile.int32(2, of: bytes))
            (start, bytesPerToken) = (TokenFile.llmcHeaderBytes, width)
            guard count >= 0, bytes.count == start + count * width else {
                throw .size(file: path, expected: start + max(count, 0) * width, found: bytes.count)
            }
        } else {
            guard (path as NSString).pathExtension == "bin", !bytes.isEmpty else {
                throw .wrongMagic(file: path, found: describeStart(of: bytes))
            }
            guard bytes.count % 2 == 0 else {
                throw .size(file: path, expected: bytes.count + 1, found: bytes.count)
            }
            (start, bytesPerToken, count) = (0, 2, bytes.count / 2)
        }
        let ids = UnsafeRawBufferPointer(rebasing: bytes[start...])
        largestID = TokenFile.largest(in: ids, bytesPerToken: bytesPerToken)
        checksum = TextData.checksum(ids)
        try checkSize()
    }

    private func checkSize() throws(CorpusError) {
        try CorpusError.ofFile { () throws(FileProblem) in try file.checkSize() }
    }

    /// Puts the ids `from..<from + target.count` into `target`.
    ///
    /// - Throws: ``CorpusError/idOutOfRange(file:place:id:largest:)`` for an id above the largest
    ///   that the file said it has, ``CorpusError/file(_:)`` where it has been cut off.
    func copy(
        from first: Int, into target: UnsafeMutableBufferPointer<Int32>
    ) throws(CorpusError) {
        precondition(
            first >= 0 && first + target.count <= count,
            "token file: ids \(first)..<\(first + target.count) of \(count)")
        let bytes = file.bytes
        if bytesPerToken == 2 {
            for index in 0..<target.count {
                let offset = start + 2 * (first + index)
                target[index] = Int32(
                    UInt16(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
            }
        } else {
            for index in 0..<target.count {
                let offset = start + 4 * (first + index)
                target[index] = Int32(
                    bitPattern: UInt32(
                        littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
            }
        }
        try checkSize()
        try check(target, from: first)
    }

    /// The model has no row for an id that is too large, whoever put it there.
    private func check(
        _ ids: UnsafeMutableBufferPointer<Int32>, from first: Int
    ) throws(CorpusError) {
        guard !ids.isEmpty else { return }
        var largest: UInt32 = 0
        for id in ids { largest = max(largest, UInt32(bitPattern: id)) }
        guard Int(largest) > largestID else { return }
        let place = ids.firstIndex { UInt32(bitPattern: $0) == largest } ?? 0
        throw .idOutOfRange(
            file: path, place: first + place, id: Int(largest), largest: largestID)
    }

    private static func verify(
        _ bytes: UnsafeRawBufferPointer, _ header: ShardHeader, _ path: String
    ) throws(CorpusError) {
        let found = TextData.checksum(UnsafeRawBufferPointer(rebasing: bytes[ShardHeader.bytes...]))
        guard found == header.payloadChecksum else {
            throw .checksum(file: path, expected: header.payloadChecksum, found: found)
        }
        let largest = largest(
            in: UnsafeRawBufferPointer(rebasing: bytes[ShardHeader.bytes...]),
            bytesPerToken: header.bytesPerToken)
        guard largest == header.largestID else {
            throw .damagedHeader(
                file: path,
                problem:
                    "it says that the largest id is \(header.largestID), but id \(largest) is there"
            )
        }
    }

    private static func int32(_ index: Int, of bytes: UnsafeRawBufferPointer) -> Int32 {
        Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4 * index, as: Int32.self))
    }

    private static func largest(in bytes: UnsafeRawBufferPointer, bytesPerToken: Int) -> Int {
        guard !bytes.isEmpty else { return -1 }
        // Every start is a multiple of the id's size and mappings begin on a page.
        if bytesPerToken == 2 {
            var largest: UInt16 = 0
            for id in bytes.bindMemory(to: UInt16.self) {
                largest = max(largest, UInt16(littleEndian: id))
            }
            return Int(largest)
        }
        var largest: UInt32 = 0
        for id in bytes.bindMemory(to: UInt32.self) {
            largest = max(largest, UInt32(littleEndian: id))
        }
        return Int(largest)
    }
}
