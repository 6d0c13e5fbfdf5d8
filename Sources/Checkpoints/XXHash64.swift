/// XXH64 with seed 0: the checksum of checkpoints (`xxh64`).
///
/// Four independent 64-bit lanes make it run near memory speed, which a table-driven CRC does not.
/// Source: xxHash specification, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md,
/// section XXH64. Assumes a little-endian machine, as the files do.
package enum XXHash64 {
    /// The algorithm's name in checkpoint attributes.
    package static let name = "xxh64"

    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    /// The hash of `bytes`.
    package static func hash(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = bytes.baseAddress else { return finish(prime5) }
        let count = bytes.count
        var offset = 0
        var hash: UInt64
        if count >= 32 {
            var (a, b, c, d) = (prime1 &+ prime2, prime2, UInt64(0), 0 &- prime1)
            let end = count - 32
            while offset <= end {
                a = round(a, base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                b = round(b, base.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
                c = round(c, base.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self))
                d = round(d, base.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
                offset += 32
            }
            hash = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
            for lane in [a, b, c, d] { hash = (hash ^ round(0, lane)) &* prime1 &+ prime4 }
        } else {
            hash = prime5
        }
        hash &+= UInt64(count)
        while offset + 8 <= count {
            let word = base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            hash = rotate(hash ^ round(0, word), 27) &* prime1 &+ prime4
            offset += 8
        }
        if offset + 4 <= count {
            let word = UInt64(base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            hash = rotate(hash ^ (word &* prime1), 23) &* prime2 &+ prime3
            offset += 4
        }
        while offset < count {
            let byte = UInt64(base.load(fromByteOffset: offset, as: UInt8.self))
            hash = rotate(hash ^ (byte &* prime5), 11) &* prime1
            offset += 1
        }
        return finish(hash)
    }

    /// The hash of `text` in UTF-8.
    package static func hash(_ text: String) -> UInt64 {
        Array(text.utf8).withUnsafeBytes { hash($0) }
    }

    /// `hash` as 16 hexadecimal digits, as checkpoints store it.
    package static func text(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    @inline(__always)
    private static func rotate(_ x: UInt64, _ bits: UInt64) -> UInt64 {
        (x &<< bits) | (x &>> (64 &- bits))
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotate(lane &+ word &* prime2, 31) &* prime1
    }

    private static func finish(_ start: UInt64) -> UInt64 {
        var hash = start
        hash = (hash ^ (hash &>> 33)) &* prime2
        hash = (hash ^ (hash &>> 29)) &* prime3
        return hash ^ (hash &>> 32)
    }
}
