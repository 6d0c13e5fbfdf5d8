import CZstd

/// What files need of Zstandard besides reading .zst.
package enum Zstd {
    /// Unpacks frames of Zstandard (RFC 8878) that lie in memory.
    ///
    /// - Returns: whether they are whole and fill `target` exactly.
    package static func unpack(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let size = ZSTD_decompress(
            target.baseAddress, target.count, source.baseAddress, source.count)
        return ZSTD_isError(size) == 0 && size == target.count
    }
}
