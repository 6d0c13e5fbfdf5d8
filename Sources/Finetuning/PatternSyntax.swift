/// What a regular expression says, as a tree.
indirect enum PatternSyntax {
    case nothing
    case one(ScalarSet)
    case sequence([PatternSyntax])
    case alternatives([PatternSyntax])
    /// At least `least` times, at most `most`; `nil` for any number.
    case repeated(PatternSyntax, least: Int, most: Int?)
    case start
    /// `$`: at the end, or before a line break there.
    case end
    /// `\Z`: at the end.
    case veryEnd
    case wordBoundary(isNegated: Bool)
    /// Whether the part matches after this place, or before it, without moving on.
    case look(PatternSyntax, behind: Int?, isNegated: Bool)

    /// How many scalars every match has; `nil` where that varies.
    var width: Int? {
        switch self {
        case .nothing, .start, .end, .veryEnd, .wordBoundary, .look: return 0
        case .one: return 1
        case .sequence(let parts):
            var sum = 0
            for part in parts {
                guard let width = part.width else { return nil }
                sum += width
            }
            return sum
        case .alternatives(let parts):
            let widths = parts.map(\.width)
            return widths.allSatisfy { $0 == widths[0] } ? widths[0] : nil
        case .repeated(let part, let least, let most):
            guard least == most, let width = part.width else { return nil }
            return least * width
        }
    }

    /// How many instructions it becomes, at most `limit` + 1.
    func size(limit: Int) -> Int {
        let size =
            switch self {
            case .nothing: 0
            case .one, .start, .end, .veryEnd, .wordBoundary: 1
            case .sequence(let parts):
                parts.reduce(0) { min($0 + $1.size(limit: limit), limit + 1) }
            case .alternatives(let parts):
                parts.reduce(0) { min($0 + 2 + $1.size(limit: limit), limit + 1) }
            case .repeated(let part, let least, let most):
                // Both factors are at most `limit` + 1.
                (part.size(limit: limit) + 2) * (min(most ?? least, limit) + 1)
            case .look(let part, _, _): 2 + part.size(limit: limit)
            }
        return min(size, limit + 1)
    }
}

/// Which scalars stand at one place of a regular expression.
struct ScalarSet {
    enum Kind {
        case digit, word, space
    }

    var ranges: [ClosedRange<UInt32>] = []
    var kinds: [(kind: Kind, isNegated: Bool)] = []
    var isNegated = false

    /// `.`: anything but a line break.
    static let anything = ScalarSet(ranges: [10...10], isNegated: true)

    func contains(_ scalar: Unicode.Scalar) -> Bool {
        let isListed =
            ranges.contains { $0.contains(scalar.value) }
            || kinds.contains { Self.has(scalar, $0.kind) != $0.isNegated }
        return isListed != isNegated
    }

    static func has(_ scalar: Unicode.Scalar, _ kind: Kind) -> Bool {
        let properties = scalar.properties
        return switch kind {
        case .digit: properties.generalCategory == .decimalNumber
        case .word:
            scalar == "_" || properties.isAlphabetic || properties.numericType != nil
        case .space: properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
        }
    }
}

/// Reads a regular expression as Python's `re` does.
///
/// What cannot be matched in a time that its length bounds, and flags, are refused by name.
struct PatternReader {
    /// Why an expression is not taken.
    enum Mistake: Error {
        case malformed
        /// Python has it, but it is not matched here.
        case unsupported(String)
    }

    private let text: [Unicode.Scalar]
    private var place = 0
    private var depth = 0
    /// Groups that may lie in one another.
    private static let deepest = 64
    /// The largest count of a repetition.
    private static let mostRepetitions = 1000

    static func read(_ text: String) throws(Mistake) -> PatternSyntax {
        var reader = PatternReader(text: Array(text.unicodeScalars))
        let syntax = try reader.alternatives()
        guard reader.place == reader.text.count else { throw .malformed }
        return syntax
    }

    private init(text: [Unicode.Scalar]) { self.text = text }

    private var next: Unicode.Scalar? { place < text.count ? text[place] : nil }

    private mutating func take(_ wanted: String) -> Bool {
        let scalars = Array(wanted.unicodeScalars)
        guard text[place...].starts(with: scalars) else { return false }
        place += scalars.count
        return true
    }

    private mutating func scalar() throws(Mistake) -> Unicode.Scalar {
        guard let next else { throw .malformed }
        place += 1
        return next
    }

    private mutating func alternatives() throws(Mistake) -> PatternSyntax {
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .alternatives(parts)
    }

    private mutating func sequence() throws(Mistake) -> PatternSyntax {
        var parts: [PatternSyntax] = []
        while let next, next != "|", next != ")" {
            let part = try item()
            parts.append(try repeated(part))
        }
        return .sequence(parts)
    }

    private mutating func repeated(_ part: PatternSyntax) throws(Mistake) -> PatternSyntax {
        guard let count = try repetition() else { return part }
        switch part {
        case .start, .end, .veryEnd, .wordBoundary: throw .malformed
        default: break
        }
        // Whether few or many are tried first does not change whether something matches.
        if !take("?"), take("+") { throw .unsupported("a possessive repetition") }
        guard try repetition() == nil else { throw .malformed }
        return .repeated(part, least: count.least, most: count.most)
    }

    private mutating func repetition() throws(Mistake) -> (least: Int, most: Int?)? {
        if take("*") { return (0, nil) }
        if take("+") { return (1, nil) }
        if take("?") { return (0, 1) }
        let start = place
        guard take("{") else { return nil }
        let first = try digits()
        let hasComma = take(",")
        let second = hasComma ? try digits() : first
        // As in Python, what is no repetition stands for itself.
        guard take("}"), hasComma || first != nil else {
            place = start
            return nil
        }
        if let first, let second, first > second { throw .malformed }
        return (first ?? 0, second)
    }

    private mutating func digits() throws(Mistake) -> Int? {
        var number: Int?
        while let next, ("0"..."9").contains(next) {
            number = (number ?? 0) * 10 + Int(next.value - 48)
            guard number ?? 0 <= Self.mostRepetitions else {
                throw .unsupported("a repetition of more than \(Self.mostRepetitions)")
            }
            place += 1
        }
        return number
    }

    private mutating func item() throws(Mistake) -> PatternSyntax {
        let first = try scalar()
        switch first {
        case "(": return try group()
        case "[": return .one(try set())
        case ".": return .one(.anything)
        case "^": return .start
        case "$": return .end
        case "*", "+", "?": throw .malformed
        case "{":
            place -= 1
            guard try repetition() == nil else { throw .malformed }
            place += 1
            return Self.literal(first)
        case "\\": return try escape()
        default: return Self.literal(first)
        }
    }

    private static func literal(_ scalar: Unicode.Scalar) -> PatternSyntax {
        .one(ScalarSet(ranges: [scalar.value...scalar.value]))
    }

    private mutating func group() throws(Mistake) -> PatternSyntax {
        depth += 1
        defer { depth -= 1 }
        guard depth <= Self.deepest else {
            throw .unsupported("more than \(Self.deepest) groups in one another")
        }
        var look: (isBehind: Bool, isNegated: Bool)?
        if take("?") {
            if take("#") {
                while try scalar() != ")" {}
                return .nothing
            }
            if take("=") {
                look = (false, false)
            } else if take("!") {
                look = (false, true)
            } else if take("<=") {
                look = (true, false)
            } else if take("<!") {
                look = (true, true)
            } else if take("P<") {
                while try scalar() != ">" {}
            } else if !take(":") {
                throw .unsupported("the group (?\(next.map(String.init) ?? "")")
            }
        }
        let inner = try alternatives()
        guard take(")") else { throw .malformed }
        guard let look else { return inner }
        guard look.isBehind else { return .look(inner, behind: nil, isNegated: look.isNegated) }
        guard let width = inner.width else { throw .malformed }
        return .look(inner, behind: width, isNegated: look.isNegated)
    }

    private mutating func escape() throws(Mistake) -> PatternSyntax {
        guard let next else { throw .malformed }
        switch next {
        case "A", "Z", "b", "B":
            place += 1
            if next == "A" { return .start }
            if next == "Z" { return .veryEnd }
            return .wordBoundary(isNegated: next == "B")
        case "1"..."9": throw .unsupported("a reference to a group")
        default: return .one(try escapedSet())
        }
    }

    /// What follows a backslash, inside brackets and outside.
    private mutating func escapedSet() throws(Mistake) -> ScalarSet {
        let letter = try scalar()
        switch letter {
        case "d": return ScalarSet(kinds: [(.digit, false)])
        case "D": return ScalarSet(kinds: [(.digit, true)])
        case "w": return ScalarSet(kinds: [(.word, false)])
        case "W": return ScalarSet(kinds: [(.word, true)])
        case "s": return ScalarSet(kinds: [(.space, false)])
        case "S": return ScalarSet(kinds: [(.space, true)])
        case "x": return try hexadecimal(2)
        case "u": return try hexadecimal(4)
        case "U": return try hexadecimal(8)
        default: break
        }
        let controls: [Unicode.Scalar: UInt32] = [
            "a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11,
        ]
        if let code = controls[letter] { return ScalarSet(ranges: [code...code]) }
        if letter.isASCII, ScalarSet.has(letter, .word), letter != "_" { throw .malformed }
        return ScalarSet(ranges: [letter.value...letter.value])
    }

    private mutating func hexadecimal(_ count: Int) throws(Mistake) -> ScalarSet {
        var code: UInt32 = 0
        for _ in 0..<count {
            guard let digit = Character(try scalar()).hexDigitValue else { throw .malformed }
            code = code &* 16 &+ UInt32(digit)
        }
        return ScalarSet(ranges: [code...code])
    }

    private mutating func set() throws(Mistake) -> ScalarSet {
        var set = ScalarSet()
        set.isNegated = take("^")
        var isFirst = true
        while isFirst || next != "]" {
            isFirst = false
            let low = try member()
            guard next == "-", place + 1 < text.count, text[place + 1] != "]" else {
                set.ranges += low.ranges
                set.kinds += low.kinds
                continue
            }
            place += 1
            let high = try member()
            guard let from = low.ranges.first?.lowerBound, let to = high.ranges.first?.upperBound,
                low.kinds.isEmpty, high.kinds.isEmpty, from <= to
            else { throw .malformed }
            set.ranges.append(from...to)
        }
        place += 1
        return set
    }

    private mutating func member() throws(Mistake) -> ScalarSet {
        let first = try scalar()
        if first == "\\" { return try escapedSet() }
        return ScalarSet(ranges: [first.value...first.value])
    }
}
