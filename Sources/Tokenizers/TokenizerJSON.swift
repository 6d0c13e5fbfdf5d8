/// A JSON value whose objects keep the order of their keys.
///
/// tokenizer.json holds tokens that Unicode calls equivalent and yet are different ones, so keys
/// must not pass through a dictionary; and a vocabulary of 150 000 tokens should be read at once.
package enum TokenizerJSON: Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string(String)
    case array([TokenizerJSON])
    case object([Member])

    /// One key of an object and its value.
    package struct Member: Sendable {
        package let key: String
        package let value: TokenizerJSON

        package init(key: String, value: TokenizerJSON) {
            self.key = key
            self.value = value
        }
    }

    /// The value of a key of an object; `nil` where it is absent or null.
    package subscript(key: String) -> TokenizerJSON? {
        guard case .object(let members) = self,
            let member = members.last(where: { $0.key == key })
        else { return nil }
        if case .null = member.value { return nil }
        return member.value
    }

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var array: [TokenizerJSON]? { if case .array(let value) = self { value } else { nil } }
    package var members: [Member]? { if case .object(let value) = self { value } else { nil } }

    var number: Double? { if case .number(let value) = self { value } else { nil } }

    /// A number without a fraction.
    var integer: Int? {
        guard case .number(let value) = self else { return nil }
        return Int(exactly: value)
    }

    /// What kind of value this is, in words for a message.
    var kind: String {
        switch self {
        case .null: "null"
        case .bool(let value): "\(value)"
        case .number(let value): Int(exactly: value).map { "\($0)" } ?? "\(value)"
        case .string(let value): "\"\(value.count > 80 ? value.prefix(80) + "…" : value[...])\""
        case .array(let values): "an array of \(values.count)"
        case .object(let members): "an object of \(members.count) keys"
        }
    }

    /// JSON text as Hugging Face writes it: two spaces a level, no escapes beyond the required
    /// ones.
    package func text() -> String {
        var bytes: [UInt8] = []
        write(into: &bytes, indent: 0)
        return String(decoding: bytes, as: UTF8.self)
    }

    private func write(into bytes: inout [UInt8], indent: Int) {
        switch self {
        case .null: bytes += "null".utf8
        case .bool(let value): bytes += (value ? "true" : "false").utf8
        case .number(let value): bytes += (Int(exactly: value).map { "\($0)" } ?? "\(value)").utf8
        case .string(let value): Self.write(value, into: &bytes)
        case .array(let values):
            Self.write(values, "[", "]", into: &bytes, indent: indent) { value, bytes in
                value.write(into: &bytes, indent: indent + 1)
            }
        case .object(let members):
            Self.write(members, "{", "}", into: &bytes, indent: indent) { member, bytes in
                Self.write(member.key, into: &bytes)
                bytes += ": ".utf8
                member.value.write(into: &bytes, indent: indent + 1)
            }
        }
    }

    private static func write<Element>(
        _ elements: [Element], _ open: String, _ close: String, into bytes: inout [UInt8],
        indent: Int, _ body: (Element, inout [UInt8]) -> Void
    ) {
        bytes += open.utf8
        for (index, element) in elements.enumerated() {
            bytes += (index == 0 ? "\n" : ",\n").utf8
            bytes += repeatElement(0x20, count: 2 * (indent + 1))
            body(element, &bytes)
        }
        if !elements.isEmpty {
            bytes.append(0x0A)
            bytes += repeatElement(0x20, count: 2 * indent)
        }
        bytes += close.utf8
    }

    private static func write(_ string: String, into bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""): bytes += #"\""#.utf8
            case UInt8(ascii: "\\"): bytes += #"\\"#.utf8
            case 0x0A: bytes += #"\n"#.utf8
            case 0x0D: bytes += #"\r"#.utf8
            case 0x09: bytes += #"\t"#.utf8
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                bytes += (#"\u"# + String(repeating: "0", count: 4 - digits.count) + digits).utf8
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
