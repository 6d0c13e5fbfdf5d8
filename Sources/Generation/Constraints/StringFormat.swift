/// Texts of a known form within JSON's quotes.
enum StringFormat {
    /// The form of a name of JSON Schema's `format`; `nil` for one that is not known. Source: RFC 3339,
    /// section 5.6; RFC 9562, section 4. Every month has 28 days here, so that no date is wrong.
    static func symbols(of name: String, in grammar: inout Grammar) -> [Grammar.Symbol]? {
        let digit = Grammar.Symbol.bytes(ByteSet(0x30...0x39))
        func two(_ pairs: [(String, ClosedRange<UInt8>)]) -> Grammar.Symbol {
            grammar.rule(
                pairs.map { Grammar.literal($0.0) + [.bytes(ByteSet($0.1))] })
        }
        func date() -> [Grammar.Symbol] {
            let month = two([("0", 0x31...0x39), ("1", 0x30...0x32)])
            let day = two([("0", 0x31...0x39), ("1", 0x30...0x39), ("2", 0x30...0x38)])
            return [digit, digit, digit, digit] + Grammar.literal("-") + [month]
                + Grammar.literal("-") + [day]
        }
        func time() -> [Grammar.Symbol] {
            let hour = two([("0", 0x30...0x39), ("1", 0x30...0x39), ("2", 0x30...0x33)])
            let sixty = grammar.rule([[.bytes(ByteSet(0x30...0x35)), digit]])
            let colon = Grammar.literal(":")
            let fraction = grammar.optional(Grammar.literal(".") + grammar.times([digit], 1, 6))
            let zone = grammar.rule([
                Grammar.literal("Z"), [.bytes(ByteSet("+-")), hour] + colon + [sixty],
            ])
            return [hour] + colon + [sixty] + colon + [sixty, fraction, zone]
        }
        switch name {
        case "date": return date()
        case "time": return time()
        case "date-time": return date() + Grammar.literal("T") + time()
        case "uuid":
            let hex = Grammar.Symbol.bytes(ByteSet("0123456789abcdef"))
            let parts = [8, 4, 4, 4, 12].map { Array(repeating: hex, count: $0) }
            return Array(parts.joined(separator: Grammar.literal("-")))
        default: return nil
        }
    }
}
