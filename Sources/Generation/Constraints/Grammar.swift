/// A set of bytes.
package struct ByteSet: Sendable, Hashable {
    private var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)

    package init(_ ranges: ClosedRange<UInt8>...) {
        for range in ranges { for byte in range { insert(byte) } }
    }

    package init(_ characters: StaticString) {
        for byte in "\(characters)".utf8 { insert(byte) }
    }

    package mutating func insert(_ byte: UInt8) {
        let bit = UInt64(1) << UInt64(byte & 63)
        switch byte >> 6 {
        case 0: words.0 |= bit
        case 1: words.1 |= bit
        case 2: words.2 |= bit
        default: words.3 |= bit
        }
    }

    package func contains(_ byte: UInt8) -> Bool {
        let word =
            switch byte >> 6 {
            case 0: words.0
            case 1: words.1
            case 2: words.2
            default: words.3
            }
        return word & (UInt64(1) << UInt64(byte & 63)) != 0
    }

    package static func == (a: ByteSet, b: ByteSet) -> Bool { a.words == b.words }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(words.0)
        hasher.combine(words.1)
        hasher.combine(words.2)
        hasher.combine(words.3)
    }
}

/// A context-free grammar of bytes: which texts an answer may be.
///
/// Alternatives lie one after another in ``symbols``, each closed by ``Symbol/end``.
package struct Grammar: Sendable {
    package enum Symbol: Sendable, Hashable {
        case bytes(ByteSet)
        /// What another rule allows.
        case rule(Int)
        case end
    }

    package private(set) var symbols: [Symbol] = []
    /// Where each rule's alternatives begin.
    package private(set) var rules: [[Int]] = []
    /// The rule that a whole text follows.
    package var root = 0

    package init() {}

    /// A rule whose alternatives are still to come, so that it may name itself.
    package mutating func declare() -> Int {
        rules.append([])
        return rules.count - 1
    }

    package mutating func define(_ rule: Int, _ alternatives: [[Symbol]]) {
        for alternative in alternatives {
            rules[rule].append(symbols.count)
            symbols += alternative + [.end]
        }
    }

    package mutating func rule(_ alternatives: [[Symbol]]) -> Symbol {
        let rule = declare()
        define(rule, alternatives)
        return .rule(rule)
    }
}

extension Grammar {
    /// The bytes of a text, one after another.
    package static func literal(_ text: String) -> [Symbol] {
        text.utf8.map { .bytes(ByteSet($0...$0)) }
    }

    package mutating func optional(_ symbols: [Symbol]) -> Symbol { rule([symbols, []]) }

    /// Any number of times.
    package mutating func many(_ symbols: [Symbol]) -> Symbol {
        let rule = declare()
        define(rule, [symbols + [.rule(rule)], []])
        return .rule(rule)
    }

    /// From `least` to `most` times; `nil` for as often as one likes.
    package mutating func times(_ symbols: [Symbol], _ least: Int, _ most: Int?) -> [Symbol] {
        var all = (0..<least).flatMap { _ in symbols }
        guard let most else { return all + [many(symbols)] }
        var rest: [Symbol] = []
        for _ in 0..<max(0, most - least) { rest = [optional(symbols + rest)] }
        all += rest
        return all
    }
}
