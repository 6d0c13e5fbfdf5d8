/// Reads the numbers of a generated table: base-32 digits, lowest first, from A-Z a-z 0-9 + -; all
/// but the last have 32 added.
package struct TableNumbers {
    /// Where a table of differences stands.
    package var scalar: UInt32 = 0
    private var target: Int32 = 0
    private var digits: Substring.UTF8View

    package init(_ text: String) { digits = text[...].utf8 }

    /// The next number, or `nil` at the end.
    package mutating func next() -> UInt32? {
        var number: UInt32 = 0
        var shift: UInt32 = 0
        while let character = digits.popFirst() {
            let digit: UInt8 =
                switch character {
                case 0x41...0x5A: character - 0x41
                case 0x61...0x7A: character - 0x61 + 26
                case 0x30...0x39: character - 0x30 + 52
                default: character == UInt8(ascii: "+") ? 62 : 63
                }
            number |= UInt32(digit & 31) << shift
            if digit < 32 { return number }
            shift += 5
        }
        return nil
    }

    /// The next number, whose lowest bit is its sign.
    mutating func nextSigned() -> Int32? {
        next().map { $0 & 1 == 1 ? -Int32($0 >> 1) : Int32($0 >> 1) }
    }

    /// The next targets, written as differences.
    mutating func targets(_ count: Int) -> [UInt32] {
        (0..<count).map { _ in
            target += nextSigned() ?? 0
            return UInt32(target)
        }
    }
}
