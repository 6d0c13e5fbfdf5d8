/// Writes a pattern of Python's `re` as ICU's engine reads it.
///
/// Source: Python 3.11, re/_parser.py. In classes `[`, `&&`, `--`, `[:` and a `]` at the beginning are
/// characters like others, where ICU has sets of sets; escapes that Python has not are no pattern.
struct PatternTranslation {
    private var rest: ArraySlice<Unicode.Scalar>
    private var text = ""
    /// Whether `#` begins a comment (`(?x)`).
    private let isVerbose: Bool

    private init(_ source: String) {
        rest = Array(source.unicodeScalars)[...]
        isVerbose = source.firstMatch(of: /\(\?[aimsu]*x/) != nil
    }

    /// - Returns: `nil` for what is no pattern, or one that ICU has not.
    static func icu(_ source: String) -> String? {
        var translation = PatternTranslation(source)
        return translation.isWritten() ? translation.text : nil
    }

    private mutating func isWritten() -> Bool {
        while let next = rest.popFirst() {
            switch next {
            case "\\": guard isEscapeWritten() else { return false }
            case "[": guard isClassWritten() else { return false }
            case "(" where rest.starts(with: Array("?P<".unicodeScalars)):
                rest.removeFirst(3)
                text += "(?<"
            case "(" where rest.starts(with: Array("?P=".unicodeScalars)): return false
            case "(" where rest.starts(with: Array("?(".unicodeScalars)): return false
            case "(" where rest.starts(with: Array("?#".unicodeScalars)):
                copy(to: ")", after: next)
            case "#" where isVerbose: copy(to: "\n", after: next)
            default: text.unicodeScalars.append(next)
            }
        }
        return true
    }

    /// A comment, which neither engine reads.
    private mutating func copy(to end: Unicode.Scalar, after start: Unicode.Scalar) {
        text.unicodeScalars.append(start)
        while let next = rest.popFirst() {
            text.unicodeScalars.append(next)
            if next == end { return }
        }
    }

    /// Letters behind a backslash that mean the same in both.
    private static let shared = Set("AbBdDsSwWafnrtxuUN".unicodeScalars)

    /// What follows a backslash outside of classes.
    private mutating func isEscapeWritten() -> Bool {
        guard let letter = rest.popFirst() else { return false }
        switch letter {
        case "Z": text += "\\z"
        case "v": text += Self.written(0x0B)
        case "0": text += Self.written(octal(0, digits: 2))
        case "1"..."9":
            let following = rest.prefix(2)
            let isOctal =
                letter <= "3" && following.count == 2
                && following.allSatisfy { ("0"..."7").contains($0) }
            text += isOctal ? Self.written(octal(letter.value - 48, digits: 2)) : "\\\(letter)"
        case _ where letter.properties.isAlphabetic && letter.isASCII:
            guard Self.shared.contains(letter) else { return false }
            text += "\\\(letter)"
        default:
            text += "\\"
            text.unicodeScalars.append(letter)
        }
        return true
    }

    /// A part of a class.
    private enum Element {
        case character(UInt32)
        /// `\d` and its like.
        case kind(Unicode.Scalar)

        var text: String {
            switch self {
            case .character(let value): PatternTranslation.written(value)
            case .kind(let letter): "\\\(letter)"
            }
        }
    }

    /// What follows the bracket of a class, up to the one that ends it.
    private mutating func isClassWritten() -> Bool {
        text += "["
        if rest.first == "^" {
            rest.removeFirst()
            text += "^"
        }
        var isFirst = true
        while let next = rest.popFirst() {
            if next == "]", !isFirst {
                text += "]"
                return true
            }
            isFirst = false
            guard let low = element(next) else { return false }
            text += low.text
            guard rest.first == "-" else { continue }
            rest.removeFirst()
            guard let behind = rest.popFirst() else { return false }
            if behind == "]" {
                text += Self.written(0x2D) + "]"
                return true
            }
            guard case .character(let first) = low,
                case .character(let last)? = element(behind), first <= last
            else { return false }
            text += "-" + Self.written(last)
        }
        return false
    }

    private mutating func element(_ first: Unicode.Scalar) -> Element? {
        guard first == "\\" else { return .character(first.value) }
        guard let letter = rest.popFirst() else { return nil }
        switch letter {
        case "d", "D", "s", "S", "w", "W": return .kind(letter)
        case "a": return .character(0x07)
        case "b": return .character(0x08)
        case "t": return .character(0x09)
        case "n": return .character(0x0A)
        case "v": return .character(0x0B)
        case "f": return .character(0x0C)
        case "r": return .character(0x0D)
        case "x": return hexadecimal(2)
        case "u": return hexadecimal(4)
        case "U": return hexadecimal(8)
        case "0"..."7":
            let value = octal(letter.value - 48, digits: 2)
            return value < 0o400 ? .character(value) : nil
        case "8", "9": return nil
        default:
            let isLetter = letter.isASCII && letter.properties.isAlphabetic
            return isLetter ? nil : .character(letter.value)
        }
    }

    /// A number that goes on with up to so many octal digits.
    private mutating func octal(_ start: UInt32, digits: Int) -> UInt32 {
        var value = start
        for _ in 0..<digits {
            guard let digit = rest.first, ("0"..."7").contains(digit) else { break }
            rest.removeFirst()
            value = value * 8 + digit.value - 48
        }
        return value
    }

    private mutating func hexadecimal(_ digits: Int) -> Element? {
        let found = rest.prefix(digits)
        guard found.count == digits, found.allSatisfy(\.properties.isASCIIHexDigit),
            let value = UInt32(String(String.UnicodeScalarView(found)), radix: 16),
            value <= 0x10FFFF
        else { return nil }
        rest.removeFirst(digits)
        return .character(value)
    }

    /// A character that stands for itself wherever it is.
    private static func written(_ value: UInt32) -> String {
        let isPlain =
            (48...57).contains(value) || (65...90).contains(value) || (97...122).contains(value)
        return isPlain ? String(UnicodeScalar(UInt8(value))) : "\\x{\(String(value, radix: 16))}"
    }
}
