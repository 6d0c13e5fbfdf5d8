internal import CXXHash

/// A checksum of a checkpoint's entries, by libxxhash.
///
/// Source: xxHash specification, https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md.
package enum Checksum: String, CaseIterable, Codable, Sendable {
    /// XXH3 of 64 bits without a seed: runs faster than memory.
    case xxh3 = "xxh3_64"
    /// XXH64 with seed 0, which earlier checkpoints have.
    case xxh64

    /// What is written.
    package static let written = Checksum.xxh3

    /// The algorithm's name in checkpoint attributes.
    package var name: String { rawValue }

    /// The checksum of `bytes`, as checkpoints store it: 16 hexadecimal digits.
    package func text(of bytes: UnsafeRawBufferPointer) -> String {
        switch self {
        case .xxh3: Self.digits(CXXHash_of(bytes.baseAddress, bytes.count))
        case .xxh64: Self.digits(XXH64(bytes.baseAddress, bytes.count, 0))
        }
    }

    /// The checksum of a text in UTF-8.
    package func text(of text: String) -> String {
        Array(text.utf8).withUnsafeBytes { self.text(of: $0) }
    }

    fileprivate static func digits(_ hash: UInt64) -> String {
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

/// The checksum that is written, of bytes that come piece by piece.
package struct ChecksumStream: ~Copyable {
    private let state: OpaquePointer

    package init() {
        guard let state = XXH3_createState() else {
            preconditionFailure("no memory for a checksum")
        }
        self.state = state
        XXH3_64bits_reset(state)
    }

    deinit { XXH3_freeState(state) }

    package func add(_ bytes: UnsafeRawBufferPointer) {
        CXXHash_add(state, bytes.baseAddress, bytes.count)
    }

    /// Of all bytes so far.
    package var text: String { Checksum.digits(XXH3_64bits_digest(state)) }
}
