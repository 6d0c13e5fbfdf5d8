import CZlib
import Foundation

/// Unpacks a gzip file (RFC 1952): any number of members, zero padding after the last.
package final class GzipSource: ByteSource {
    private let file: FileSource
    private let stream: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    private var betweenMembers = true
    private var membersSeen = 0

    package var consumed: Int { file.consumed }

    /// - Throws: ``FileProblem/system(call:code:file:)`` when zlib has no memory.
    package init(_ file: FileSource) throws(FileProblem) {
        self.file = file
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        input = .allocate(byteCount: 1 << 17, alignment: 16)
        let gzipOnly: Int32 = 15 + 16
        let status = inflateInit2_(
            stream, gzipOnly, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard status == Z_OK else {
            throw .system(call: "inflateInit2", code: ENOMEM, file: file.path)
        }
    }

    deinit {
        inflateEnd(stream)
        stream.deallocate()
        input.deallocate()
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileProblem) -> Int {
        stream.pointee.next_out = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = UInt32(clamping: buffer.count)
        let wanted = stream.pointee.avail_out
        while stream.pointee.avail_out == wanted {
            if stream.pointee.avail_in == 0, try !refill() {
                guard betweenMembers else { throw damaged("ends in the middle (truncated)") }
                guard membersSeen > 0 else { throw damaged("is empty") }
                return 0
            }
            if betweenMembers {
                guard try beginMember() else { continue }
            }
            let status = inflate(stream, Z_NO_FLUSH)
            switch status {
            case Z_OK, Z_BUF_ERROR: break
            case Z_STREAM_END:
                betweenMembers = true
                membersSeen += 1
            case Z_MEM_ERROR:
                throw .system(call: "inflate", code: ENOMEM, file: file.path)
            default:
                let reason = stream.pointee.msg.map { String(cString: $0) } ?? "data missing"
                if membersSeen == 0, reason == "incorrect header check" {
                    throw damaged("is not in gzip format")
                }
                throw damaged("does not decode (\(reason))")
            }
        }
        return Int(wanted - stream.pointee.avail_out)
    }

    private func refill() throws(FileProblem) -> Bool {
        let count = try file.read(into: input)
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = UInt32(count)
        return count > 0
    }

    /// Skips padding; returns whether a member follows in the input at hand.
    private func beginMember() throws(FileProblem) -> Bool {
        if membersSeen > 0 {
            while stream.pointee.avail_in > 0, stream.pointee.next_in.pointee == 0 {
                stream.pointee.next_in += 1
                stream.pointee.avail_in -= 1
            }
            guard stream.pointee.avail_in > 0 else { return false }
            guard inflateReset(stream) == Z_OK else { throw damaged("does not decode") }
        }
        betweenMembers = false
        return true
    }

    private func damaged(_ problem: String) -> FileProblem {
        .damaged(file: file.path, format: "gzip", problem: problem)
    }
}
