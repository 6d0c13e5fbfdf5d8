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
        var stream = Stream()
        stream.add(bytes)
        return stream.hash
    }

    /// The hash of bytes that come piece by piece.
    package struct Stream {
        private static let stripe = 32
        private var lanes = (prime1 &+ prime2, prime2, UInt64(0), 0 &- prime1)
        private var count = 0
        /// What is left of the pieces so far, less than a stripe.
        private var rest: [UInt8] = []

        package init() {}

        package mutating func add(_ bytes: UnsafeRawBufferPointer) {
            count += bytes.count
            var bytes = bytes[...]
            if !rest.isEmpty {
                let missing = min(Self.stripe - rest.count, bytes.count)
                rest += bytes.prefix(missing)
                bytes = bytes.dropFirst(missing)
                guard rest.count == Self.stripe else { return }
                rest.withUnsafeBytes { mix($0) }
                rest = []
            }
            let whole = bytes.count / Self.stripe * Self.stripe
            mix(UnsafeRawBufferPointer(rebasing: bytes.prefix(whole)))
            rest = Array(bytes.dropFirst(whole))
        }

        /// Takes in whole stripes.
        private mutating func mix(_ bytes: UnsafeRawBufferPointer) {
            guard let base = bytes.baseAddress else { return }
            var (a, b, c, d) = lanes
            for offset in stride(from: 0, to: bytes.count, by: Self.stripe) {
                a = round(a, base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
                b = round(b, base.loadUnaligned(fromByteOffset: offset + 8, as: UInt64.self))
                c = round(c, base.loadUnaligned(fromByteOffset: offset + 16, as: UInt64.self))
                d = round(d, base.loadUnaligned(fromByteOffset: offset + 24, as: UInt64.self))
            }
            lanes = (a, b, c, d)
        }

        /// Of all bytes so far.
        package var hash: UInt64 {
            var hash = prime5
            if count >= Self.stripe {
                let (a, b, c, d) = lanes
                hash = rotate(a, 1) &+ rotate(b, 7) &+ rotate(c, 12) &+ rotate(d, 18)
                for lane in [a, b, c, d] { hash = (hash ^ round(0, lane)) &* prime1 &+ prime4 }
            }
            hash &+= UInt64(count)
            var offset = 0
            rest.withUnsafeBytes { rest in
                while offset + 8 <= rest.count {
                    let word = rest.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    hash = rotate(hash ^ round(0, word), 27) &* prime1 &+ prime4
                    offset += 8
                }
                if offset + 4 <= rest.count {
                    let word = UInt64(rest.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                    hash = rotate(hash ^ (word &* prime1), 23) &* prime2 &+ prime3
                    offset += 4
                }
            }
            for byte in rest.dropFirst(offset) {
                hash = rotate(hash ^ (UInt64(byte) &* prime5), 11) &* prime1
            }
            return finish(hash)
        }
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
