import Files
import Foundation

/// A run of a segment's bytes that can be cleaned and encoded on its own.
struct RawChunk: Sendable {
    /// What the bytes hold.
    enum Content: Sendable {
        /// Text; the document goes on in the next chunk unless `endsDocument`.
        case text(startsDocument: Bool, endsDocument: Bool)
        /// Whole lines, one JSON object each.
        case lines
        /// Whole JSON objects between white space and commas.
        case objects
    }

    let segment: CorpusSegment
    let content: Content
    let bytes: [UInt8]
    /// Where the bytes begin in the unpacked file.
    let offset: Int
    /// JSON objects before this chunk in the file; zero unless the content is objects.
    let objectsBefore: Int
    /// Bytes of the file on disk read for this chunk.
    let consumed: Int
}

/// Cuts a segment into chunks, reading no further ahead than one chunk.
final class SegmentReader {
    let segment: CorpusSegment
    private let source: any ByteSource
    private let chunkBytes: Int
    private let limit: RecordLimit
    private var buffer: [UInt8] = []
    private var isAtEnd = false
    private var isFinished = false
    private var isFirst = true
    private var objects = 0
    private var offset: Int
    private var reported = 0
    private var splitter = JSONSplitter()

    /// Opens a segment; chunks have about `chunkBytes` bytes.
    init(
        _ segment: CorpusSegment, chunkBytes: Int, limit: RecordLimit = .usual
    ) throws(CorpusError) {
        self.segment = segment
        self.limit = limit
        self.chunkBytes = chunkBytes
        offset = segment.start
        source = try segment.open()
    }

    /// The next chunk; `nil` after the last.
    ///
    /// - Throws: ``CorpusError`` of the file and its decompressor.
    func next() throws(CorpusError) -> RawChunk? {
        if isFinished { return nil }
        defer { isFirst = false }
        if isFirst { try checkStart() }
        switch segment.file.format {
        case .text: return try nextText()
        case .jsonLines: return try nextLines()
        case .json: return try nextObjects()
        }
    }

    private func nextText() throws(CorpusError) -> RawChunk {
        while buffer.count <= chunkBytes, try fill() {}
        let startsDocument = isFirst && segment.start == 0
        guard buffer.count > chunkBytes else {
            isFinished = true
            return take(
                buffer.count,
                .text(startsDocument: startsDocument, endsDocument: segment.endsFile))
        }
        let cut = buffer.withUnsafeBytes { TextBoundary.last(in: $0, limit: chunkBytes) }
        return take(cut, .text(startsDocument: startsDocument, endsDocument: false))
    }

    private func nextLines() throws(CorpusError) -> RawChunk? {
        var searched = 0
        while true {
            while buffer.count < searched + chunkBytes, try fill() {}
            if isAtEnd {
                isFinished = true
                return buffer.isEmpty ? nil : take(buffer.count, .lines)
            }
            if let feed = buffer[searched...].lastIndex(of: 0x0A) {
                return take(feed + 1, .lines)
            }
            searched = buffer.count
            guard searched <= limit.bytes else {
                throw .badRecord(
                    file: segment.file.path, place: try segment.place(at: offset),
                    problem: limit.problem("a record"))
            }
        }
    }

    private func nextObjects() throws(CorpusError) -> RawChunk? {
        while true {
            while buffer.count < splitter.scanned + chunkBytes, try fill() {}
            do throws(JSONRecordProblem) {
                try buffer.withBytes { bytes throws(JSONRecordProblem) in
                    try splitter.scan(bytes, isAtEnd: isAtEnd)
                }
            } catch {
                throw .badRecord(
                    file: segment.file.path, place: "record \(objects + splitter.objects + 1)",
                    problem: error.message)
            }
            if splitter.objects > 0 {
                let end = splitter.endOfObjects
                let chunk = take(end, .objects)
                objects += splitter.objects
                splitter.removePrefix(end)
                return chunk
            }
            if isAtEnd {
                isFinished = true
                return nil
            }
            guard buffer.count <= limit.bytes else {
                throw .badRecord(
                    file: segment.file.path, place: "record \(objects + 1)",
                    problem: limit.problem("a record"))
            }
        }
    }

    /// Reads more; returns false at the end.
    private func fill() throws(CorpusError) -> Bool {
        if isAtEnd { return false }
        let old = buffer.count
        let step = min(chunkBytes + 1, 1 << 18)
        buffer.append(contentsOf: repeatElement(0, count: step))
        let source = source
        let count = try CorpusError.ofFile { () throws(FileProblem) in
            try buffer.withMutableBytes { bytes throws(FileProblem) in
                try source.read(into: UnsafeMutableRawBufferPointer(rebasing: bytes[old...]))
            }
        }
        buffer.removeLast(step - count)
        isAtEnd = count == 0
        return !isAtEnd
    }

    /// Drops a byte order mark of UTF-8 and refuses one of UTF-16.
    private func checkStart() throws(CorpusError) {
        guard segment.start == 0 else { return }
        while buffer.count < 3, try fill() {}
        if buffer.starts(with: [0xEF, 0xBB, 0xBF]) {
            buffer.removeFirst(3)
            offset += 3
        }
        if buffer.starts(with: [0xFF, 0xFE]) || buffer.starts(with: [0xFE, 0xFF]) {
            throw .utf16(file: segment.file.path)
        }
    }

    private func take(_ count: Int, _ content: RawChunk.Content) -> RawChunk {
        let bytes: [UInt8]
        if count == buffer.count {
            bytes = buffer
            buffer = []
        } else {
            bytes = Array(buffer[..<count])
            buffer.removeFirst(count)
        }
        let consumed = source.consumed - reported
        reported = source.consumed
        offset += count
        return RawChunk(
            segment: segment, content: content, bytes: bytes, offset: offset - count,
            objectsBefore: objects, consumed: consumed)
    }
}

/// Follows the nesting of a JSON stream to find where its top-level objects end.
///
/// The stream is an array of objects, or objects one after another. Only brackets and strings are
/// looked at; ``JSONRecordScanner`` checks each object.
struct JSONSplitter {
    /// Bytes of the buffer already looked at.
    private(set) var scanned = 0
    /// Objects that end within those.
    private(set) var objects = 0
    /// Where the last of those objects ends.
    private(set) var endOfObjects = 0

    private var depth = 0
    private var base = 0
    private var isInString = false
    private var isEscaped = false
    private var isStarted = false
    private var isClosed = false

    /// Goes on to the end of `bytes`, replacing the array's own brackets by nothing that counts.
    ///
    /// - Throws: ``JSONRecordProblem`` when something other than objects stands at the top, or the
    ///   stream ends inside one.
    mutating func scan(_ bytes: UnsafeRawBufferPointer, isAtEnd: Bool) throws(JSONRecordProblem) {
        while scanned < bytes.count {
            let byte = bytes[scanned]
            if isInString {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else if depth > base {
                switch byte {
                case UInt8(ascii: "\""): isInString = true
                case UInt8(ascii: "{"), UInt8(ascii: "["): depth += 1
                case UInt8(ascii: "}"), UInt8(ascii: "]"):
                    depth -= 1
                    if depth == base {
                        objects += 1
                        endOfObjects = scanned + 1
                    }
                default: break
                }
            } else {
                try scanTop(byte)
            }
            scanned += 1
        }
        if isAtEnd, depth > 0 {
            throw JSONRecordProblem(message: "the file ends inside a JSON value (truncated)")
        }
    }

    /// A byte outside all objects.
    private mutating func scanTop(_ byte: UInt8) throws(JSONRecordProblem) {
        switch byte {
        case 0x20, 0x09, 0x0A, 0x0D: return
        case UInt8(ascii: "{") where !isClosed: depth += 1
        case UInt8(ascii: "[") where !isStarted:
            base = 1
            depth = 1
        case UInt8(ascii: ",") where base == 1 && !isClosed: break
        case UInt8(ascii: "]") where base == 1 && !isClosed:
            isClosed = true
            base = 0
            depth = 0
        default:
            throw JSONRecordProblem(
                message: "something other than an object found; "
                    + "expected an array of objects, or objects one after another")
        }
        isStarted = true
    }

    /// Forgets the first `count` bytes of the buffer and the objects found.
    mutating func removePrefix(_ count: Int) {
        scanned -= count
        endOfObjects = 0
        objects = 0
    }
}
