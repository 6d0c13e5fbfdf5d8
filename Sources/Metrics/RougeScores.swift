import Files

/// ROUGE-1, ROUGE-2 and ROUGE-L as F scores from 0 to 1.
///
/// Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries"; details as in the
/// Python package rouge_chinese 1.0.3: n-grams count once however often they occur, the longest
/// common subsequence is taken over the whole text, and 1e-8 keeps denominators from zero.
struct RougeScores: Sendable, Equatable {
    var rouge1 = 0.0
    var rouge2 = 0.0
    var rougeL = 0.0

    /// Nothing in common.
    init() {}

    /// Compares words that ``WordSegmenter`` cut. All zero when one side holds white space only.
    init(
        hypothesis: [ArraySlice<Unicode.Scalar>], reference: [ArraySlice<Unicode.Scalar>]
    ) {
        let isBlank = { (words: [ArraySlice<Unicode.Scalar>]) in
            words.allSatisfy { $0.allSatisfy(\.isPythonSpace) }
        }
        if isBlank(hypothesis) || isBlank(reference) { return }
        var numbers: [[Unicode.Scalar]: Int32] = [:]
        func numbered(_ words: [[Unicode.Scalar]]) -> [Int32] {
            words.map { word in
                if let number = numbers[word] { return number }
                let number = Int32(numbers.count)
                numbers[word] = number
                return number
            }
        }
        let found = numbered(Self.words(hypothesis))
        let wanted = numbered(Self.words(reference))
        rouge1 = Self.sharedRuns(1, found, wanted)
        rouge2 = Self.sharedRuns(2, found, wanted)
        let common = Double(Self.longestCommonSubsequence(found, wanted))
        rougeL = Self.score(
            precision: common / Double(found.count), recall: common / Double(wanted.count))
    }

    private static func score(precision: Double, recall: Double) -> Double {
        2 * (precision * recall / (precision + recall + 1e-8))
    }

    /// F over the sets of runs of `length` words.
    private static func sharedRuns(_ length: Int, _ found: [Int32], _ wanted: [Int32]) -> Double {
        func runs(_ words: [Int32]) -> Set<ArraySlice<Int32>> {
            guard words.count >= length else { return [] }
            return Set((0...words.count - length).map { words[$0..<$0 + length] })
        }
        let found = runs(found)
        let wanted = runs(wanted)
        let shared = Double(found.intersection(wanted).count)
        return score(
            precision: found.isEmpty ? 0 : shared / Double(found.count),
            recall: wanted.isEmpty ? 0 : shared / Double(wanted.count))
    }

    private static func longestCommonSubsequence(_ a: [Int32], _ b: [Int32]) -> Int {
        var row = [Int](repeating: 0, count: b.count + 1)
        for word in a {
            var diagonal = 0
            for (index, other) in b.enumerated() {
                let above = row[index + 1]
                row[index + 1] = word == other ? diagonal + 1 : max(above, row[index])
                diagonal = above
            }
        }
        return row[b.count]
    }

    /// Words with a space between, cut into sentences and at white space again: rouge_chinese's
    /// words. A sentence of white space only is one empty word.
    private static func words(_ words: [ArraySlice<Unicode.Scalar>]) -> [[Unicode.Scalar]] {
        let text = Array(words.joined(separator: [" "]))
        return sentences(text).flatMap { sentence -> [[Unicode.Scalar]] in
            let words = sentence.split(whereSeparator: \.isPythonSpace)
            return words.isEmpty ? [[]] : words.map { Array($0) }
        }
    }

    private static func sentences(_ text: [Unicode.Scalar]) -> [ArraySlice<Unicode.Scalar>] {
        let ends: Set<Unicode.Scalar> = ["。", "！", "？", "?"]
        let quotes: Set<Unicode.Scalar> = ["”", "’"]
        var text = broken(text, after: { ends.contains($0[0]) }, 1, unless: quotes)
        text = broken(text, after: { $0.allSatisfy { $0 == "." } }, 6, unless: quotes)
        text = broken(text, after: { $0.allSatisfy { $0 == "…" } }, 2, unless: quotes)
        text = broken(
            text, after: { ends.contains($0[0]) && quotes.contains($0[1]) }, 2,
            unless: ends.union(["，"]))
        let end = text.lastIndex { !$0.isPythonSpace }.map { $0 + 1 } ?? 0
        return text[..<end].split(separator: "\n")
    }

    /// Python's `re.sub(r"(mark)([^barred])", r"\1\n\2", text)` for a mark of `length` letters.
    private static func broken(
        _ text: [Unicode.Scalar], after isMark: ([Unicode.Scalar]) -> Bool, _ length: Int,
        unless barred: Set<Unicode.Scalar>
    ) -> [Unicode.Scalar] {
        var result: [Unicode.Scalar] = []
        var index = 0
        while index < text.count {
            let next = index + length
            if next < text.count, !barred.contains(text[next]),
                isMark(Array(text[index..<next]))
            {
                result += text[index..<next]
                result += ["\n", text[next]]
                index = next + 1
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
    }
}
