import Files
import Foundation

/// Bytes in order, from a file or out of a decompressor. For one thread at a time.
protocol ByteSource: AnyObject {
    /// Bytes of the file on disk read so far.
    var consumed: Int { get }

    /// Puts at most `buffer.count` bytes into `buffer`; zero at the end only.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(CorpusError) -> Int
}

/// The bytes of a file, or of a part of it.
final class FileSource: ByteSource {
    let path: String
    private(set) var consumed = 0
    private let descriptor: Int32
    private let start: Int
    private let end: Int

    /// Opens `file` for the bytes `start..<end`.
    ///
    /// - Throws: ``CorpusError/changedInput(file:)`` when its size is not the one recorded in
    ///   `file`, ``CorpusError/system(call:code:file:)``.
    init(_ file: CorpusFile, start: Int, end: Int) throws(CorpusError) {
        path = file.path
        self.start = start
        self.end = end
        let opened = try CorpusError.ofFile { () throws(FileProblem) in
            try RegularFile.open(file.path)
        }
        descriptor = opened.descriptor
        guard opened.bytes == file.size else {
            throw .changedInput(file: path)
        }
    }

    deinit { close(descriptor) }

    func read(into buffer: UnsafeMutableRawBufferPointer) throws(CorpusError) -> Int {
        let wanted = min(buffer.count, end - start - consumed)
        guard wanted > 0 else { return 0 }
        while true {
            let count = pread(descriptor, buffer.baseAddress, wanted, off_t(start + consumed))
            if count > 0 {
                consumed += count
                return count
            }
            if count == 0 { throw .changedInput(file: path) }
            if errno != EINTR { throw .system(call: "read", code: errno, file: path) }
        }
    }
}

extension CorpusSegment {
    /// Opens the segment's bytes, unpacked.
    func open() throws(CorpusError) -> any ByteSource {
        let source = try FileSource(file, start: start, end: end)
        switch file.compression {
        case .none: return source
        case .gzip: return try GzipSource(source)
        case .zstd: return try ZstdSource(source)
        }
    }
}

extension [UInt8] {
    /// `withUnsafeBytes` with the body's own error type, which the standard library's forgets.
    func withBytes<Value, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try withUnsafeBufferPointer { bytes throws(Failure) in
            try body(UnsafeRawBufferPointer(bytes))
        }
    }

    /// `withUnsafeMutableBytes` with the body's own error type.
    mutating func withMutableBytes<Value, Failure: Error>(
        _ body: (UnsafeMutableRawBufferPointer) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try withUnsafeMutableBufferPointer { bytes throws(Failure) in
            try body(UnsafeMutableRawBufferPointer(bytes))
        }
    }
}
