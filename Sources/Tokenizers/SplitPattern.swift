/// The regular expressions that tokenizers split text with, known by their text.
///
/// There is no engine behind them: each is one of the hand-written ``SplitRule``s.
package enum SplitPattern: Sendable, Equatable, CaseIterable {
    case gpt2, llama3, qwen2, qwen35, gpt4o, tekken, deepSeek, ideographs, numberGroups
    /// DeepSeek-LLM's and DeepSeek-Coder's, one after another.
    case lineEnds, ledAlphabets, ledSigns, trailingSpace, ledLetters, ledPunctuation, eastAsian

    /// Where patterns that several models write alike begin.
    private static let contractions = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)"#
    private static let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
    private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#
    private static let lead = #"[^\r\n\p{L}\p{N}]?"#
    private static let lines = #"\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// The expressions of this pattern; the first is the one written to new files.
    var expressions: [String] {
        let signs = #" ?[^\s\p{L}\p{N}]+[\r\n]*"#
        switch self {
        case .gpt2:
            let rest = #" ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
            return ["'s|'t|'re|'ve|'m|'ll|'d|" + rest, "'(?:[sdmt]|ll|ve|re)|" + rest]
        case .llama3:
            let groups = #"\p{L}+|\p{N}{1,3}|"#
            return [
                "\(Self.contractions)|\(Self.lead)\(groups)\(signs)|\(Self.lines)",
                "\(Self.contractions)|\(Self.lead)+\(groups) ?"
                    + #"[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"#,
                "\(Self.contractions)|\(Self.lead)+\(groups) ?"
                    + #"[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#,
            ]
        case .qwen2:
            return [#"\#(Self.contractions)|\#(Self.lead)\p{L}+|\p{N}|\#(signs)|\#(Self.lines)"#]
        case .qwen35:
            return [
                #"\#(Self.contractions)|\#(Self.lead)[\p{L}\p{M}]+|\p{N}"#
                    + #"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\#(Self.lines)"#
            ]
        case .gpt4o:
            let suffix = Self.contractions + "?"
            return [
                "\(Self.lead)\(Self.upper)*\(Self.lower)+\(suffix)"
                    + "|\(Self.lead)\(Self.upper)+\(Self.lower)*\(suffix)"
                    + #"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\#(Self.lines)"#
            ]
        case .tekken:
            return [
                "\(Self.lead)\(Self.upper)*\(Self.lower)+|\(Self.lead)\(Self.upper)+\(Self.lower)*"
                    + #"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\#(Self.lines)"#
            ]
        case .deepSeek:
            return [
                ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?"##
                    + #"[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\#(Self.lines)"#
            ]
        case .ideographs: return ["[一-龥぀-ゟ゠-ヿ]+"]
        case .numberGroups: return [#"\p{N}{1,3}"#]
        case .lineEnds: return [#"[\r\n]"#]
        case .ledAlphabets: return [#"\s?["# + DeepSeekAlphabet.lettersText + "]+"]
        case .ledSigns: return [#"\s?["# + DeepSeekAlphabet.signsText + "]+"]
        case .trailingSpace: return [#"\s+$"#]
        case .ledLetters: return [#"\s?\p{L}+"#]
        case .ledPunctuation: return [#"\s?\p{P}+"#]
        case .eastAsian: return ["[" + DeepSeekAlphabet.eastAsianText + "]+"]
        }
    }

    /// Whether every text is matched to its end, so that nothing lies between matches.
    var isTotal: Bool {
        switch self {
        case .gpt2, .llama3, .qwen2, .qwen35, .gpt4o, .tekken: true
        default: false
        }
    }

    /// The pattern that an expression of tokenizer.json is, if it is one of these.
    ///
    /// Line ends may be written as such or as `\r` and `\n`.
    static func named(by expression: String) -> SplitPattern? {
        var escaped: [UInt8] = []
        for byte in expression.utf8 {
            switch byte {
            case 0x0D: escaped += Array(#"\r"#.utf8)
            case 0x0A: escaped += Array(#"\n"#.utf8)
            default: escaped.append(byte)
            }
        }
        return allCases.first { pattern in
            pattern.expressions.contains { $0.utf8.elementsEqual(escaped) }
        }
    }

    /// Adds the end of every match and of every gap between matches in `start..<end` to `ends`.
    func split(_ text: ClassifiedText, _ start: Int, to end: Int, into ends: inout [Int]) {
        switch self {
        case .gpt2: text.split(GPT2Rule(), start, to: end, into: &ends)
        case .llama3:
            let rule = LineRule(letters: .letter, digits: 3, signs: .neither)
            text.split(rule, start, to: end, into: &ends)
        case .qwen2:
            let rule = LineRule(letters: .letter, digits: 1, signs: .neither)
            text.split(rule, start, to: end, into: &ends)
        case .qwen35:
            let rule = LineRule(
                letters: [.letter, .mark], digits: 1, signs: [.punctuation, .symbol, .other])
            text.split(rule, start, to: end, into: &ends)
        case .gpt4o:
            text.split(CaseRule(digits: 3, contractions: true), start, to: end, into: &ends)
        case .tekken:
            text.split(CaseRule(digits: 1, contractions: false), start, to: end, into: &ends)
        case .deepSeek: text.split(DeepSeekRule(), start, to: end, into: &ends)
        case .ideographs: text.split(IdeographRule(), start, to: end, into: &ends)
        case .numberGroups:
            text.split(ClassRule(members: .number, limit: 3), start, to: end, into: &ends)
        case .lineEnds:
            text.split(ClassRule(members: .newline, limit: 1), start, to: end, into: &ends)
        case .ledAlphabets:
            let rule = AlphabetRule(members: .letters, takesSpace: true)
            text.split(rule, start, to: end, into: &ends)
        case .ledSigns:
            let rule = AlphabetRule(members: .signs, takesSpace: true)
            text.split(rule, start, to: end, into: &ends)
        case .trailingSpace: text.split(TrailingSpaceRule(), start, to: end, into: &ends)
        case .ledLetters: text.split(LedRule(members: .letter), start, to: end, into: &ends)
        case .ledPunctuation:
            text.split(LedRule(members: .punctuation), start, to: end, into: &ends)
        case .eastAsian:
            let rule = AlphabetRule(members: .eastAsian, takesSpace: false)
            text.split(rule, start, to: end, into: &ends)
        }
    }
}

extension ClassifiedText {
    /// Adds the end of every match of `rule` and of every gap between matches to `ends`.
    @inline(__always)
    func split(_ rule: some SplitRule, _ start: Int, to end: Int, into ends: inout [Int]) {
        var index = start
        var gap = start
        while index < end {
            let match = rule.matchEnd(self, index, to: end)
            if match > index {
                if gap < index { ends.append(index) }
                ends.append(match)
                index = match
                gap = match
            } else {
                index = scalarEnd(index)
            }
        }
        if gap < end { ends.append(end) }
    }
}
