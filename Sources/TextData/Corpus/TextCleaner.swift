import Foundation

/// Turns bytes into text that a tokenizer can take, the same way every time.
///
/// Invalid UTF-8 becomes U+FFFD, one for each maximal subpart (Unicode 16.0, section 3.9, "Best
/// Practices for Using U+FFFD", as Python and web browsers do). CR LF and lone CR become LF.
/// Control characters (category Cc) other than tab and LF are removed.
///
/// One cleaner serves one thread; its buffer is reused.
final class TextCleaner {
    /// Sequences replaced by U+FFFD so far.
    private(set) var replacedSequences = 0
    /// Control characters removed so far; CR is not counted.
    private(set) var removedCharacters = 0
    /// Whether the last text cleaned holds a letter (category L).
    private(set) var foundLetter = false

    private var buffer = UnsafeMutableRawBufferPointer(start: nil, count: 0)

    deinit { buffer.deallocate() }

    /// The cleaned text; valid until the next call.
    func clean(_ input: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        // Each input byte gives at most the three bytes of U+FFFD; eight more for whole words.
        reserve(3 * input.count + 8)
        foundLetter = false
        guard let output = buffer.baseAddress, let source = input.baseAddress else {
            return UnsafeRawBufferPointer(start: nil, count: 0)
        }
        var read = 0
        var written = 0
        while read < input.count {
            if foundLetter, read + 8 <= input.count {
                let word = source.loadUnaligned(fromByteOffset: read, as: UInt64.self)
                if TextCleaner.isPlain(word) {
                    output.storeBytes(of: word, toByteOffset: written, as: UInt64.self)
                    read += 8
                    written += 8
                    continue
                }
            }
            let byte = input[read]
            if byte < 0x80 {
                read += 1
                switch byte {
                case 0x20...0x7E:
                    if !foundLetter { foundLetter = (0x61...0x7A).contains(byte | 0x20) }
                    output.storeBytes(of: byte, toByteOffset: written, as: UInt8.self)
                    written += 1
                case 0x0A, 0x09:
                    output.storeBytes(of: byte, toByteOffset: written, as: UInt8.self)
                    written += 1
                case 0x0D:
                    if read < input.count, input[read] == 0x0A { continue }
                    output.storeBytes(of: 0x0A, toByteOffset: written, as: UInt8.self)
                    written += 1
                default: removedCharacters += 1
                }
                continue
            }
            let (length, isValid) = TextCleaner.sequence(at: read, in: input)
            if !isValid {
                replacedSequences += 1
                for (index, part) in [0xEF, 0xBF, 0xBD].enumerated() {
                    output.storeBytes(
                        of: UInt8(part), toByteOffset: written + index, as: UInt8.self)
                }
                written += 3
            } else if byte == 0xC2, input[read + 1] < 0xA0 {
                removedCharacters += 1
            } else {
                if !foundLetter { foundLetter = TextCleaner.isLetter(at: read, length, in: input) }
                for index in 0..<length {
                    output.storeBytes(
                        of: input[read + index], toByteOffset: written + index, as: UInt8.self)
                }
                written += length
            }
            read += length
        }
        return UnsafeRawBufferPointer(start: output, count: written)
    }

    private func reserve(_ count: Int) {
        guard count > buffer.count else { return }
        buffer.deallocate()
        buffer = .allocate(byteCount: count, alignment: 16)
    }

    /// Whether eight bytes are all printable ASCII.
    private static func isPlain(_ word: UInt64) -> Bool {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high: UInt64 = 0x8080_8080_8080_8080
        let below32 = (word &- ones &* 0x20) & ~word
        let delete = word ^ (ones &* 0x7F)
        let isDelete = (delete &- ones) & ~delete
        return (word | below32 | isDelete) & high == 0
    }

    /// The length of the well-formed sequence at `start`, or of the maximal subpart to replace.
    ///
    /// Source: Unicode 16.0, table 3-7, "Well-Formed UTF-8 Byte Sequences".
    static func sequence(at start: Int, in bytes: UnsafeRawBufferPointer) -> (Int, isValid: Bool) {
        let lead = bytes[start]
        let length: Int
        var allowed: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0..<0x80: return (1, true)
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, allowed) = (3, 0xA0...0xBF)
        case 0xED: (length, allowed) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, allowed) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, allowed) = (4, 0x80...0x8F)
        default: return (1, false)
        }
        for offset in 1..<length {
            guard start + offset < bytes.count, allowed.contains(bytes[start + offset]) else {
                return (offset, false)
            }
            allowed = 0x80...0xBF
        }
        return (length, true)
    }

    private static func isLetter(
        at start: Int, _ length: Int, in bytes: UnsafeRawBufferPointer
    ) -> Bool {
        var value = UInt32(bytes[start]) & (0x7F >> UInt32(length))
        for offset in 1..<length { value = value << 6 | UInt32(bytes[start + offset] & 0x3F) }
        switch Unicode.Scalar(value)?.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return true
        default: return false
        }
    }
}
