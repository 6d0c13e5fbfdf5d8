/// Writes JSON as Python's `json.dumps(…, ensure_ascii=False)` does.
package struct JSONWriter {
    /// What a level is indented by; `nil` for one line.
    package var indent: String?
    package var itemSeparator = ", "
    package var keySeparator = ": "
    /// Keys come in the order of their code points instead of their own.
    package var sortsKeys = false
    /// Letters beyond ASCII become escapes.
    package var escapesLetters = false

    package init() {}

    /// The text of `value`.
    package func text(of value: JSONValue) -> String {
        var bytes: [UInt8] = []
        write(value, level: 0, into: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func write(_ value: JSONValue, level: Int, into bytes: inout [UInt8]) {
        switch value {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .number(let value): bytes += value.utf8
        case .string(let value): write(value, into: &bytes)
        case .array(let values):
            write(values, "[", "]", level: level, into: &bytes) { value, bytes in
                write(value, level: level + 1, into: &bytes)
            }
        case .object(let members):
            let ordered =
                sortsKeys
                ? members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } : members
            write(ordered, "{", "}", level: level, into: &bytes) { member, bytes in
                write(member.key, into: &bytes)
                bytes += keySeparator.utf8
                write(member.value, level: level + 1, into: &bytes)
            }
        }
    }

    private func write<Element>(
        _ elements: [Element], _ open: String, _ close: String, level: Int,
        into bytes: inout [UInt8], _ body: (Element, inout [UInt8]) -> Void
    ) {
        bytes += open.utf8
        for (index, element) in elements.enumerated() {
            if index > 0 { bytes += itemSeparator.utf8 }
            breakLine(level + 1, &bytes)
            body(element, &bytes)
        }
        if !elements.isEmpty { breakLine(level, &bytes) }
        bytes += close.utf8
    }

    private func breakLine(_ level: Int, _ bytes: inout [UInt8]) {
        guard let indent else { return }
        bytes.append(0x0A)
        if indent.utf8.allSatisfy({ $0 == 0x20 }) {
            bytes += repeatElement(0x20, count: indent.utf8.count * level)
        } else {
            for _ in 0..<level { bytes += indent.utf8 }
        }
    }

    private func write(_ string: String, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        if !string.utf8.contains(where: needsEscape) {
            bytes += string.utf8
        } else if escapesLetters {
            for scalar in string.unicodeScalars {
                if scalar <= "~" {
                    Self.write(UInt8(scalar.value), into: &bytes)
                } else {
                    for unit in UTF16.encode(scalar).map(Array.init) ?? [] {
                        Self.writeEscape(UInt32(unit), into: &bytes)
                    }
                }
            }
        } else {
            for byte in string.utf8 { Self.write(byte, into: &bytes) }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private func needsEscape(_ byte: UInt8) -> Bool {
        byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
            || escapesLetters && byte > UInt8(ascii: "~")
    }

    /// A byte of a string, as an escape where it needs one.
    private static func write(_ byte: UInt8, into bytes: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""): bytes += #"\""#.utf8
        case UInt8(ascii: "\\"): bytes += #"\\"#.utf8
        case 0x0A: bytes += #"\n"#.utf8
        case 0x0D: bytes += #"\r"#.utf8
        case 0x09: bytes += #"\t"#.utf8
        case 0x08: bytes += #"\b"#.utf8
        case 0x0C: bytes += #"\f"#.utf8
        case 0..<0x20: writeEscape(UInt32(byte), into: &bytes)
        default: bytes.append(byte)
        }
    }

    private static func writeEscape(_ unit: UInt32, into bytes: inout [UInt8]) {
        let digits = String(unit, radix: 16)
        bytes += (#"\u"# + String(repeating: "0", count: 4 - digits.count) + digits).utf8
    }
}
