/// Exact decimal numbers as text: all their digits, without an exponent.
package enum DecimalText {
    /// Bytes of the longest number that is read, a decimal256.
    private static let longest = 32

    /// A number of `scale` digits behind the point.
    package static func text(_ unscaled: Int64, scale: Int) -> String {
        text(
            [UInt32(truncatingIfNeeded: unscaled), UInt32(truncatingIfNeeded: unscaled >> 32)],
            scale: scale)
    }

    /// The same for a number in two's complement, most significant byte first; nothing where it has more than 256
    /// bits or none.
    package static func text(_ bytes: ByteView, scale: Int) -> String? {
        guard bytes.count > 0 else { return nil }
        let filling: UInt8 = bytes[0] & 0x80 == 0 ? 0 : 0xFF
        var first = 0
        while first < bytes.count - 1, bytes[first] == filling { first += 1 }
        let left = bytes.count - first
        guard left <= longest else { return nil }
        // One word more, for the sign, which may have been in the bytes that are passed over.
        var words = [UInt32](repeating: filling == 0 ? 0 : .max, count: (left + 3) / 4 + 1)
        for place in 0..<left {
            let bits = UInt32(bytes[bytes.count - 1 - place] ^ filling)
            words[place / 4] ^= bits << UInt32(8 * (place % 4))
        }
        return text(words, scale: scale)
    }

    /// "-0.0500000" for −500000 of scale 7.
    ///
    /// - Parameters:
    ///   - words: the whole number in two's complement, from its lowest 32 bits on.
    ///   - scale: digits behind the point; where negative, zeros that follow.
    static func text(_ words: [UInt32], scale: Int) -> String {
        var rest = words
        let isNegative = rest.last.map { $0 >> 31 == 1 } ?? false
        if isNegative { negate(&rest) }
        var digits: [UInt8] = []  // from the lowest
        while let highest = rest.last {
            if highest == 0 {
                rest.removeLast()
                continue
            }
            var group = divide(&rest, by: 1_000_000_000)
            for _ in 0..<9 {
                digits.append(UInt8(ascii: "0") + UInt8(group % 10))
                group /= 10
            }
        }
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        if scale < 0, !digits.isEmpty {
            digits = Array(repeating: UInt8(ascii: "0"), count: -scale) + digits
        }
        let fraction = max(scale, 0)
        while digits.count <= fraction { digits.append(UInt8(ascii: "0")) }
        if fraction > 0 { digits.insert(UInt8(ascii: "."), at: fraction) }
        return (isNegative ? "-" : "") + String(decoding: digits.reversed(), as: UTF8.self)
    }

    private static func negate(_ words: inout [UInt32]) {
        var carry = true
        for index in words.indices {
            let (sum, overflow) = (~words[index]).addingReportingOverflow(carry ? 1 : 0)
            words[index] = sum
            carry = overflow
        }
    }

    /// Divides and gives the remainder.
    private static func divide(_ words: inout [UInt32], by divisor: UInt64) -> UInt64 {
        var remainder: UInt64 = 0
        for index in words.indices.reversed() {
            let value = remainder << 32 | UInt64(words[index])
            words[index] = UInt32(value / divisor)
            remainder = value % divisor
        }
        return remainder
    }
}
