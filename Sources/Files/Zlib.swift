import CZlib

/// What files need of zlib besides reading .gz.
package enum Zlib {
    /// The bytes as a zlib stream (RFC 1950).
    package static func compressed(_ bytes: [UInt8]) -> [UInt8] {
        var length = compressBound(uLong(bytes.count))
        return [UInt8](unsafeUninitializedCapacity: Int(length)) { target, count in
            let status = compress(target.baseAddress, &length, bytes, uLong(bytes.count))
            precondition(status == Z_OK, "zlib: \(bytes.count) bytes, status \(status)")
            count = Int(length)
        }
    }

    /// CRC-32 of the bytes (RFC 1952, section 8), going on from `start`.
    package static func crc32(_ bytes: UnsafeRawBufferPointer, from start: UInt32) -> UInt32 {
        guard let address = bytes.baseAddress else { return start }
        return UInt32(
            crc32_z(UInt(start), address.assumingMemoryBound(to: UInt8.self), bytes.count))
    }

    /// CRC-32 of the bytes (RFC 1952, section 8).
    package static func crc32(_ bytes: [UInt8]) -> UInt32 {
        UInt32(CZlib.crc32(0, bytes, uInt(bytes.count)))
    }

    /// Unpacks gzip members (RFC 1952) or a zlib stream (RFC 1950) that lie in memory.
    ///
    /// - Returns: whether they are whole and fill `target` exactly.
    package static func unpack(
        _ source: UnsafeRawBufferPointer, into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        var stream = z_stream()
        let gzipOrZlib: Int32 = 15 + 32
        guard source.count <= Int(UInt32.max), target.count <= Int(UInt32.max),
            inflateInit2_(
                &stream, gzipOrZlib, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK
        else { return false }
        defer { inflateEnd(&stream) }
        stream.next_in = UnsafeMutablePointer(
            mutating: source.baseAddress?.assumingMemoryBound(to: UInt8.self))
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.avail_out = UInt32(target.count)
        while true {
            guard inflate(&stream, Z_FINISH) == Z_STREAM_END else { return false }
            if stream.avail_in == 0 { return stream.avail_out == 0 }
            guard stream.avail_out > 0, inflateReset(&stream) == Z_OK else { return false }
        }
    }
}
