import Foundation

/// 1 where a completion is the right answer, but for white space around it.
struct ExactMatch: TextReward {
    var needsAnswer: Bool { true }

    func score(of item: RewardItem) -> Double? {
        item.answer.map { item.completion.trimmed == $0.trimmed ? 1 : 0 }
    }
}

/// 1 where a completion has the right answer in it.
struct ContainsAnswer: TextReward {
    var needsAnswer: Bool { true }

    func score(of item: RewardItem) -> Double? {
        guard let answer = item.answer?.trimmed, !answer.isEmpty else { return nil }
        return item.completion.contains(answer) ? 1 : 0
    }
}

/// 1 where a completion's number is the right answer's.
struct NumericMatch: TextReward {
    var needsAnswer: Bool { true }

    func score(of item: RewardItem) -> Double? {
        guard let right = item.answer.flatMap(StatedNumber.find) else { return nil }
        guard let found = StatedNumber.find(in: item.completion) else { return 0 }
        return abs(found - right) <= 1e-6 * max(1, abs(right)) ? 1 : 0
    }
}

/// The number that a text gives as its result.
package enum StatedNumber {
    /// The number behind the last `####`, as GSM8K has it, else in the last `\boxed{…}`, else the last one of
    /// the text; `nil` where there is none. Commas between digits part thousands.
    package static func find(in text: String) -> Double? {
        if let mark = text.range(of: "####", options: .backwards) {
            return numbers(in: text[mark.upperBound...]).first
        }
        if let mark = text.range(of: "\\boxed{", options: .backwards) {
            let inside = text[mark.upperBound...].prefix { $0 != "}" }
            if let number = numbers(in: inside).first { return number }
        }
        return numbers(in: text[...]).last
    }

    private static func numbers(in text: Substring) -> [Double] {
        var found: [Double] = []
        var rest = text
        while let start = rest.firstIndex(where: \.isDecimalDigit) {
            // A sign counts where no word or number stands before it: `3-1` holds a 3 and a 1.
            let before = text[..<start]
            var isNegative = false
            if let sign = before.last, sign == "-" || sign == "−" {
                let further = before.dropLast().last
                isNegative = further.map { !$0.isLetter && !$0.isNumber && $0 != ")" } ?? true
            }
            let end = end(of: rest[start...])
            let digits = rest[start..<end].filter { $0 != "," }
            if let value = Double(String(digits)) { found.append(isNegative ? -value : value) }
            rest = rest[end...]
        }
        return found
    }

    /// Where a number ends that begins a text.
    private static func end(of text: Substring) -> Substring.Index {
        var end = text.startIndex
        var hasPoint = false
        while end < text.endIndex {
            let next = text.index(after: end)
            let isInside = next < text.endIndex && text[next].isDecimalDigit
            switch text[end] {
            case let digit where digit.isDecimalDigit: break
            case "," where !hasPoint && isInside: break
            case "." where !hasPoint && isInside: hasPoint = true
            default: return end
            }
            end = next
        }
        return end
    }
}

extension Character {
    fileprivate var isDecimalDigit: Bool { isASCII && isWholeNumber }
}

extension String {
    var trimmed: String { trimmingCharacters(in: .whitespacesAndNewlines) }
}
