package import Foundation

/// A 64-bit hash that tells accidental differences apart; no protection against intent.
///
/// Words go through the finaliser of splitmix64 (Steele, Lea and Flood 2014), so it is the same on
/// every machine and in every run.
package struct Fingerprint: Equatable, Sendable {
    package private(set) var value: UInt64 = 0x9E37_79B9_7F4A_7C15

    package init() {}

    /// The fingerprint of a text.
    package init(_ text: String) {
        var copy = text
        copy.withUTF8 { add(UnsafeRawBufferPointer($0)) }
    }

    /// Takes in one word.
    package mutating func add(_ word: UInt64) {
        var mixed = (value ^ word) &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        value = mixed ^ (mixed >> 31)
    }

    /// Takes in bytes and how many there were.
    package mutating func add(_ bytes: UnsafeRawBufferPointer) {
        let whole = bytes.count & ~7
        for offset in stride(from: 0, to: whole, by: 8) {
            add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
        }
        var last: UInt64 = 0
        for offset in whole..<bytes.count { last = (last << 8) | UInt64(bytes[offset]) }
        add(last)
        add(UInt64(bytes.count))
    }

    /// Takes in bytes and how many there were.
    package mutating func add(_ data: Data) {
        data.withUnsafeBytes { add($0) }
    }

    /// Sixteen hexadecimal digits.
    package var text: String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// The fingerprint of the program that is running.
    /// - Throws: ``CommunicationError/system(call:code:purpose:)`` where it cannot be read.
    package static func ofRunningProgram() throws(CommunicationError) -> Fingerprint {
        do {
            let program = try Data(
                contentsOf: URL(fileURLWithPath: "/proc/self/exe"), options: .alwaysMapped)
            var fingerprint = Fingerprint()
            fingerprint.add(program)
            return fingerprint
        } catch {
            throw .system(
                call: "read /proc/self/exe", code: errno, purpose: "comparing the ranks' programs")
        }
    }
}
