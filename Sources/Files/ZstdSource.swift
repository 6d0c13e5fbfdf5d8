import CZstd
import Foundation

/// Unpacks a Zstandard file (RFC 8878): any number of frames, long windows included.
package final class ZstdSource: ByteSource {
    private let file: FileSource
    private let context: OpaquePointer
    private let buffer: UnsafeMutableRawBufferPointer
    private var input = ZSTD_inBuffer()
    /// What the last call expects next; zero at the end of a frame.
    private var expected = 1
    /// Whether the decompressor may hold output that did not fit the caller's buffer.
    private var mayHoldOutput = false

    package var consumed: Int { file.consumed }

    /// - Throws: ``FileProblem/system(call:code:file:)`` when there is no memory.
    package init(_ file: FileSource) throws(FileProblem) {
        self.file = file
        guard let context = ZSTD_createDCtx() else {
            throw .system(call: "ZSTD_createDCtx", code: ENOMEM, file: file.path)
        }
        self.context = context
        // Files packed with `zstd --long=31` declare windows above the library's default limit.
        _ = ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 31)
        buffer = .allocate(byteCount: ZSTD_DStreamInSize(), alignment: 16)
        input.src = UnsafeRawPointer(buffer.baseAddress)
    }

    deinit {
        ZSTD_freeDCtx(context)
        buffer.deallocate()
    }

    package func read(into target: UnsafeMutableRawBufferPointer) throws(FileProblem) -> Int {
        var output = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
        while output.pos == 0 {
            if input.pos == input.size, !mayHoldOutput {
                input.pos = 0
                input.size = try file.read(into: buffer)
                if input.size == 0 {
                    guard expected == 0 else {
                        throw damaged(
                            consumed == 0 ? "is empty" : "ends in the middle (truncated)")
                    }
                    return 0
                }
            }
            let status = ZSTD_decompressStream(context, &output, &input)
            guard ZSTD_isError(status) == 0 else {
                let reason = String(cString: ZSTD_getErrorName(status))
                throw damaged("does not decode (\(reason))")
            }
            expected = status
            mayHoldOutput = output.pos == output.size && status != 0
        }
        return output.pos
    }

    private func damaged(_ problem: String) -> FileProblem {
        .damaged(file: file.path, format: "Zstandard", problem: problem)
    }
}
