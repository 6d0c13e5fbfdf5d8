/// Letters as files of tables hold them, at eight bytes a step. The loops check their bounds themselves: a load of
/// ``ByteView`` would check them again, which costs up to half as much time again.
extension ByteView {
    private static let high: UInt64 = 0x8080_8080_8080_8080
    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Whether the bytes are UTF-8 (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
    package var isUTF8: Bool {
        var index = 0
        let raw = raw
        while index < count {
            while index <= count - 8,
                raw.loadUnaligned(fromByteOffset: index, as: UInt64.self) & Self.high == 0
            {
                index += 8
            }
            while index < count, self[index] < 0x80 { index += 1 }
            while index < count, self[index] >= 0x80 {
                let length = sequenceLength(index)
                guard length > 0 else { return false }
                index += length
            }
        }
        return true
    }

    /// Bytes of the sequence at `index`, which does not begin with ASCII; zero where it is no valid one.
    private func sequenceLength(_ index: Int) -> Int {
        let first = self[index]
        guard index + 1 < count else { return 0 }
        let second = self[index + 1]
        switch first {
        case 0xC2...0xDF: return Self.follows(second) ? 2 : 0
        case 0xE0...0xEF:
            let lowest: UInt8 = first == 0xE0 ? 0xA0 : 0x80
            let highest: UInt8 = first == 0xED ? 0x9F : 0xBF
            guard (lowest...highest).contains(second), index + 2 < count else { return 0 }
            return Self.follows(self[index + 2]) ? 3 : 0
        case 0xF0...0xF4:
            let lowest: UInt8 = first == 0xF0 ? 0x90 : 0x80
            let highest: UInt8 = first == 0xF4 ? 0x8F : 0xBF
            guard (lowest...highest).contains(second), index + 3 < count else { return 0 }
            return Self.follows(self[index + 2]) && Self.follows(self[index + 3]) ? 4 : 0
        default: return 0
        }
    }

    private static func follows(_ byte: UInt8) -> Bool { byte & 0xC0 == 0x80 }

    /// Where the next letter is, from `start` on, that JSON's strings escape: a quotation mark, a backslash, a
    /// control character or DEL.
    func nextEscaped(from start: Int) -> Int {
        precondition(start >= 0, "from \(start) on")
        var index = start
        let raw = raw
        while index <= count - 8 {
            let word = UInt64(
                littleEndian: raw.loadUnaligned(fromByteOffset: index, as: UInt64.self))
            let found =
                Self.zeroBytes(word ^ 0x2222_2222_2222_2222)
                | Self.zeroBytes(word ^ 0x5C5C_5C5C_5C5C_5C5C)
                | Self.zeroBytes(word ^ 0x7F7F_7F7F_7F7F_7F7F)
                | Self.zeroBytes(word & 0xE0E0_E0E0_E0E0_E0E0)
            if found != 0 { return index + found.trailingZeroBitCount >> 3 }
            index += 8
        }
        while index < count, !Self.isEscaped(self[index]) { index += 1 }
        return index
    }

    /// The high bit of every byte that is zero; bytes above the lowest such byte may be marked wrongly.
    private static func zeroBytes(_ word: UInt64) -> UInt64 { (word &- ones) & ~word & high }

    private static func isEscaped(_ letter: UInt8) -> Bool {
        letter < 0x20 || letter == 0x22 || letter == 0x5C || letter == 0x7F
    }
}

extension JSONLine {
    /// A text that is UTF-8 already, as ``ByteView/isUTF8`` says.
    package mutating func text(_ letters: ByteView) {
        separate()
        bytes.reserve(letters.count + 2)
        bytes.append(0x22)
        var index = 0
        while true {
            let next = letters.nextEscaped(from: index)
            if let plain = letters.part(index, next - index) { bytes.append(plain) }
            guard next < letters.count else { break }
            Self.escape(letters[next], into: &bytes)
            index = next + 1
        }
        bytes.append(0x22)
        follows = true
    }

    /// What stands between a member's name that was written as a text and its value.
    mutating func endKey() {
        bytes.append(0x3A)
        follows = false
    }

    /// A value that is written as JSON on one line already.
    mutating func value(_ json: some Collection<UInt8>) {
        separate()
        bytes += json
        follows = true
    }
}

extension [UInt8] {
    /// Makes room for `more` bytes; grows by half at least, so that many small texts cost few copies.
    fileprivate mutating func reserve(_ more: Int) {
        guard count + more > capacity else { return }
        reserveCapacity(Swift.max(count + more, capacity + capacity / 2))
    }
}
