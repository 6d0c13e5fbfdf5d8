import Files
import Foundation

/// 1 where a pattern is found in a completion.
struct PatternReward: TextReward {
    private let pattern: String

    /// - Parameter pattern: in the syntax of ICU, which is nearly Perl's.
    init(_ pattern: String) throws(RewardError) {
        self.pattern = pattern
        do {
            _ = try NSRegularExpression(pattern: pattern)
        } catch {
            throw .setting(
                found: "the pattern '\(pattern)'", expected: "a regular expression behind regex:")
        }
    }

    func score(of item: RewardItem) -> Double? {
        guard let expression = try? NSRegularExpression(pattern: pattern) else { return nil }
        let text = item.completion
        let whole = NSRange(text.startIndex..., in: text)
        return expression.firstMatch(in: text, range: whole) == nil ? 0 : 1
    }
}

/// 1 where a completion is an object or a list of JSON and nothing else.
struct JSONReward: TextReward {
    func score(of item: RewardItem) -> Double? {
        guard let value = try? JSONValueReader.read(Array(item.completion.trimmed.utf8)[...]) else {
            return 0
        }
        return value.members != nil || value.array != nil ? 1 : 0
    }
}

/// 1 where a completion is one block `<think>…</think>` and then text, as TRL's `think_format_reward`.
struct ThinkFormat: TextReward {
    func score(of item: RewardItem) -> Double? {
        let (begin, end) = ("<think>", "</think>")
        let text = item.completion
        guard text.hasPrefix(begin) else { return 0 }
        let rest = text.dropFirst(begin.count)
        return rest.contains(end) && !rest.contains(begin) ? 1 : 0
    }
}

/// A penalty of long completions: 0 up to four fifths of the greatest length, then falling to −1 at it.
///
/// Yu et al. 2025, arXiv:2503.14476, equation 13, with its proportion of the interval.
struct LengthPenalty: TextReward {
    /// Tokens of a completion at most.
    let longest: Int

    func score(of item: RewardItem) -> Double? {
        let margin = Double(longest) / 5
        let beyond = Double(item.tokens) - (Double(longest) - margin)
        return beyond <= 0 ? 0 : max(-1, -beyond / margin)
    }
}
