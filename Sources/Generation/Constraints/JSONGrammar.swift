/// The grammar of JSON. Source: RFC 8259.
///
/// White space is what models write: nothing, one space, or a line break with an indent, so that no
/// answer consists of it alone. Exponents and fractions are short for the same reason.
package struct JSONGrammar {
    package internal(set) var grammar = Grammar()
    /// White space where it may stand.
    let space: Grammar.Symbol
    /// A character of a text, between its quotes.
    let character: Grammar.Symbol
    private let digit = Grammar.Symbol.bytes(ByteSet(0x30...0x39))
    /// Any value.
    let value: Grammar.Symbol
    let string: [Grammar.Symbol]
    let integer: [Grammar.Symbol]
    let number: [Grammar.Symbol]
    let object: Grammar.Symbol
    let array: Grammar.Symbol

    package init() {
        let digit = digit
        let quote = Grammar.literal("\"")
        let blank = grammar.times([.bytes(ByteSet(" \t"))], 0, 24)
        space = grammar.rule([[], Grammar.literal(" "), Grammar.literal("\n") + blank])
        character = Self.character(&grammar)
        string = quote + [grammar.many([character])] + quote
        let sign = grammar.optional(Grammar.literal("-"))
        let nonZero = Grammar.Symbol.bytes(ByteSet(0x31...0x39))
        let whole = grammar.rule([
            Grammar.literal("0"), [nonZero] + grammar.times([digit], 0, 15),
        ])
        integer = [sign, whole]
        let fraction = grammar.optional(Grammar.literal(".") + grammar.times([digit], 1, 16))
        let exponent = grammar.optional(
            [.bytes(ByteSet("eE")), grammar.optional([.bytes(ByteSet("+-"))])]
                + grammar.times([digit], 1, 3))
        number = [sign, whole, fraction, exponent]
        let rule = grammar.declare()
        value = .rule(rule)
        let member = string + [space] + Grammar.literal(":") + [space, value]
        object = Self.list("{", [member], "}", space, &grammar)
        array = Self.list("[", [[value]], "]", space, &grammar)
        grammar.define(
            rule,
            [
                string, number, [object], [array], Grammar.literal("true"),
                Grammar.literal("false"), Grammar.literal("null"),
            ])
    }

    /// A character in quotes: UTF-8 as RFC 3629 has it, or an escape.
    private static func character(_ grammar: inout Grammar) -> Grammar.Symbol {
        let more = Grammar.Symbol.bytes(ByteSet(0x80...0xBF))
        func bytes(_ ranges: ClosedRange<UInt8>...) -> Grammar.Symbol {
            var set = ByteSet()
            for range in ranges { for byte in range { set.insert(byte) } }
            return .bytes(set)
        }
        let hex = bytes(0x30...0x39, 0x41...0x46, 0x61...0x66)
        // Halves of characters beyond the first plane stand in pairs, or not at all.
        let notHalf = grammar.rule([
            [bytes(0x30...0x39, 0x41...0x43, 0x45...0x46, 0x61...0x63, 0x65...0x66), hex],
            [.bytes(ByteSet("dD")), bytes(0x30...0x37)],
        ])
        let escape = grammar.rule([
            [.bytes(ByteSet("\"\\/bfnrt"))], Grammar.literal("u") + [notHalf, hex, hex],
        ])
        return grammar.rule([
            [bytes(0x20...0x21, 0x23...0x5B, 0x5D...0x7E)], Grammar.literal("\\") + [escape],
            [bytes(0xC2...0xDF), more],
            [bytes(0xE0...0xE0), bytes(0xA0...0xBF), more],
            [bytes(0xE1...0xEC, 0xEE...0xEF), more, more],
            [bytes(0xED...0xED), bytes(0x80...0x9F), more],
            [bytes(0xF0...0xF0), bytes(0x90...0xBF), more, more],
            [bytes(0xF1...0xF3), more, more, more],
            [bytes(0xF4...0xF4), bytes(0x80...0x8F), more, more],
        ])
    }

    /// Any number of items in brackets, commas between them.
    static func list(
        _ open: String, _ items: [[Grammar.Symbol]], _ close: String, _ space: Grammar.Symbol,
        _ grammar: inout Grammar
    ) -> Grammar.Symbol {
        let item = grammar.rule(items)
        let more = grammar.many(Grammar.literal(",") + [space, item, space])
        return grammar.rule([
            Grammar.literal(open) + [space] + Grammar.literal(close),
            Grammar.literal(open) + [space, item, space, more] + Grammar.literal(close),
        ])
    }

    /// The grammar of a whole text.
    package func whole(_ root: [Grammar.Symbol]) -> Grammar {
        var grammar = grammar
        let rule = grammar.declare()
        grammar.define(rule, [root])
        grammar.root = rule
        return grammar
    }

    /// Any object.
    package static var anyObject: Grammar {
        let json = JSONGrammar()
        return json.whole([json.object])
    }
}
