/// A row on its way to a line of JSON.
///
/// Values are written in the order of the row's columns: an object's member is its ``key(_:)`` and then a value.
package struct JSONLine {
    package internal(set) var bytes: [UInt8] = []
    /// Whether the next key or element follows another one.
    var follows = false

    package init() {}

    /// Forgets what was written and keeps the memory.
    mutating func clear() {
        bytes.removeAll(keepingCapacity: true)
        follows = false
    }

    mutating func beginObject() { open(0x7B) }
    mutating func endObject() { close(0x7D) }
    mutating func beginArray() { open(0x5B) }
    mutating func endArray() { close(0x5D) }

    /// A member's name, as ``quoted(_:)`` has made it; its value comes next.
    mutating func key(_ quoted: [UInt8]) {
        separate()
        bytes += quoted
        bytes.append(0x3A)
        follows = false
    }

    mutating func null() { literal("null") }

    mutating func bool(_ value: Bool) { literal(value ? "true" : "false") }

    mutating func integer<Number: FixedWidthInteger>(_ value: Number) {
        separate()
        bytes += String(value).utf8
        follows = true
    }

    /// The shortest digits that read as the same number; JSON has none for infinities and NaN, which become null as
    /// pandas writes them.
    mutating func number<Number: BinaryFloatingPoint & LosslessStringConvertible>(_ value: Number) {
        guard value.isFinite else { return null() }
        literal(String(value))
    }

    /// Letters that are UTF-8 already, as ``ByteView/isUTF8`` says.
    mutating func text(_ letters: some Collection<UInt8>) {
        separate()
        Self.quote(letters, into: &bytes)
        follows = true
    }

    mutating func endLine() {
        bytes.append(0x0A)
        follows = false
    }

    /// A text in quotation marks.
    static func quoted(_ text: String) -> [UInt8] {
        var bytes: [UInt8] = []
        quote(text.utf8, into: &bytes)
        return bytes
    }

    private mutating func literal(_ text: String) {
        separate()
        bytes += text.utf8
        follows = true
    }

    private mutating func open(_ bracket: UInt8) {
        separate()
        bytes.append(bracket)
        follows = false
    }

    private mutating func close(_ bracket: UInt8) {
        bytes.append(bracket)
        follows = true
    }

    mutating func separate() {
        if follows { bytes.append(0x2C) }
    }

    private static func quote(_ letters: some Collection<UInt8>, into bytes: inout [UInt8]) {
        bytes.append(0x22)
        for letter in letters { escape(letter, into: &bytes) }
        bytes.append(0x22)
    }

    /// A letter of a text, escaped where JSON needs it.
    static func escape(_ letter: UInt8, into bytes: inout [UInt8]) {
        switch letter {
        case 0x22, 0x5C: pair(letter)
        case 0x0A: pair(0x6E)
        case 0x0D: pair(0x72)
        case 0x09: pair(0x74)
        case ..<0x20, 0x7F:
            pair(0x75)
            bytes.append(0x30)
            bytes.append(0x30)
            bytes.append(0x30 + letter >> 4)
            let low = letter & 15
            bytes.append(low < 10 ? 0x30 + low : 0x57 + low)
        default: bytes.append(letter)
        }

        func pair(_ second: UInt8) {
            bytes.append(0x5C)
            bytes.append(second)
        }
    }
}
