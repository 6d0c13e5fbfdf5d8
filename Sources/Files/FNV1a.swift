/// 64-bit FNV-1a, a hash of bytes whose value may be kept in files: it never changes.
///
/// Source: draft-eastlake-fnv, section 3.
package struct FNV1a: Sendable {
    package private(set) var value: UInt64 = 0xcbf2_9ce4_8422_2325

    package init() {}

    /// The hash of a text's UTF-8.
    package init(_ text: String) {
        add(text)
    }

    /// The hash of bytes.
    package init(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes { add(byte) }
    }

    /// Takes in a text's UTF-8.
    package mutating func add(_ text: String) {
        for byte in text.utf8 { add(byte) }
    }

    /// Takes in one byte.
    package mutating func add(_ byte: UInt8) {
        value = (value ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
    }
}
