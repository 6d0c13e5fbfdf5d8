/// Texts of a known form within JSON's quotes.
enum StringFormat {
    /// The form of a name of JSON Schema's `format`; `nil` for one that is not known. Source: RFC 3339,
    /// section 5.6; RFC 9562, section 4. February has 28 days here, so that no date is wrong.
    static func symbols(of name: String, in grammar: inout Grammar) -> [Grammar.Symbol]? {
        let digit = Grammar.Symbol.bytes(ByteSet(0x30...0x39))
        func two(_ pairs: [(String, ClosedRange<UInt8>)]) -> Grammar.Symbol {
            grammar.rule(
                pairs.map { Grammar.literal($0.0) + [.bytes(ByteSet($0.1))] })
        }
        func date() -> [Grammar.Symbol] {
            let days: [(String, ClosedRange<UInt8>)] = [("0", 0x31...0x39), ("1", 0x30...0x39)]
            let short = two(days + [("2", 0x30...0x38)])
            let middle = two(days + [("2", 0x30...0x39), ("3", 0x30...0x30)])
            let long = two(days + [("2", 0x30...0x39), ("3", 0x30...0x31)])
            let february = Grammar.literal("02")
            let of30 = two([
                ("0", 0x34...0x34), ("0", 0x36...0x36), ("0", 0x39...0x39), ("1", 0x31...0x31),
            ])
            let of31 = two([
                ("0", 0x31...0x31), ("0", 0x33...0x33), ("0", 0x35...0x35), ("0", 0x37...0x38),
                ("1", 0x30...0x30), ("1", 0x32...0x32),
            ])
            let dash = Grammar.literal("-")
            let monthAndDay = grammar.rule([
                february + dash + [short], [of30] + dash + [middle], [of31] + dash + [long],
            ])
            return [digit, digit, digit, digit] + dash + [monthAndDay]
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
