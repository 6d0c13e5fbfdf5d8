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
}
