import Files

/// How well answers to questions are found.
///
/// Source: Rajpurkar et al. 2016, arXiv:1606.05250, section 6.1, and 2018, arXiv:1806.03822; their
/// programs evaluate-v1.1.py and evaluate-v2.0.py, whose names the figures have.
package enum AnswerMetrics {
    /// An answer that was found, and those of the data.
    package struct Case: Sendable {
        let found: String
        /// None where the question has no answer.
        let wanted: [String]
        /// By how much none is likelier than the best answer.
        let oddsOfNone: Double

        package init(found: String, wanted: [String], oddsOfNone: Double = 0) {
            self.found = found
            self.wanted = wanted
            self.oddsOfNone = oddsOfNone
        }
    }

    /// Names of all figures of answers.
    package static let names: [String] =
        ["exact_match", "f1", "exact", "total"]
        + ["HasAns", "NoAns"].flatMap { part in ["exact", "f1", "total"].map { "\(part)_\($0)" } }
        + ["best_exact", "best_exact_thresh", "best_f1", "best_f1_thresh"]

    /// In percent: `exact_match` and `f1` of questions that all have answers.
    package static func figures(_ cases: [Case]) -> [Figure] {
        guard !cases.isEmpty else { return [] }
        let scores = cases.map { one in
            let found = words(one.found)
            let wanted = one.wanted.map(words)
            return (
                exact: wanted.contains(found) ? 1.0 : 0,
                f1: wanted.map { overlap(found, $0) }.max() ?? 0
            )
        }
        return [
            Figure(name: "exact_match", value: percent(scores.map(\.exact))),
            Figure(name: "f1", value: percent(scores.map(\.f1))),
        ]
    }

    /// In percent, of questions of which some have no answer: the whole, those with and without
    /// answers, and what the best threshold for having none would give.
    package static func figuresWithNone(_ cases: [Case]) -> [Figure] {
        guard !cases.isEmpty else { return [] }
        let scores = cases.map(score)
        func part(_ prefix: String, _ isIn: (Case) -> Bool) -> [Figure] {
            let kept = cases.indices.filter { isIn(cases[$0]) }
            if kept.isEmpty { return [] }
            return [
                Figure(name: prefix + "exact", value: percent(kept.map { scores[$0].exact })),
                Figure(name: prefix + "f1", value: percent(kept.map { scores[$0].f1 })),
                Figure(name: prefix + "total", value: Double(kept.count)),
            ]
        }
        return part("") { _ in true } + part("HasAns_") { !$0.wanted.isEmpty }
            + part("NoAns_") { $0.wanted.isEmpty }
            + best("best_exact", cases, scores.map(\.exact))
            + best("best_f1", cases, scores.map(\.f1))
    }

    private static func percent(_ scores: [Double]) -> Double {
        100 * scores.reduce(0, +) / Double(scores.count)
    }

    private static func score(_ one: Case) -> (exact: Double, f1: Double) {
        var wanted = one.wanted.map(words).filter { !$0.isEmpty }
        if wanted.isEmpty { wanted = [[]] }
        let found = words(one.found)
        let f1 = wanted.map { wanted in
            wanted.isEmpty || found.isEmpty
                ? (wanted == found ? 1 : 0) : overlap(found, wanted)
        }
        return (wanted.contains(found) ? 1 : 0, f1.max() ?? 0)
    }

    /// What answering only where none is no likelier than a threshold gives, at the best threshold.
    private static func best(_ name: String, _ cases: [Case], _ scores: [Double]) -> [Figure] {
        var sum = Double(cases.count { $0.wanted.isEmpty })
        var (most, threshold) = (sum, 0.0)
        let order = cases.indices.sorted {
            (cases[$0].oddsOfNone, $0) < (cases[$1].oddsOfNone, $1)
        }
        for index in order {
            let one = cases[index]
            sum += !one.wanted.isEmpty ? scores[index] : one.found.isEmpty ? 0 : -1
            if sum > most { (most, threshold) = (sum, one.oddsOfNone) }
        }
        return [
            Figure(name: name, value: 100 * most / Double(cases.count)),
            Figure(name: name + "_thresh", value: threshold),
        ]
    }

    /// The harmonic mean of precision and recall of words, each as often as it comes.
    private static func overlap(_ found: [String], _ wanted: [String]) -> Double {
        var left: [String: Int] = [:]
        for word in wanted { left[word, default: 0] += 1 }
        var same = 0
        for word in found where left[word, default: 0] > 0 {
            left[word, default: 0] -= 1
            same += 1
        }
        return same == 0 ? 0 : 2 * Double(same) / Double(found.count + wanted.count)
    }

    /// The words of an answer that are compared: in lower case, without ASCII's signs and articles.
    package static func words(_ answer: String) -> [String] {
        var words: [String] = []
        var word = String.UnicodeScalarView()
        var run = String.UnicodeScalarView()
        func endRun() {
            if !articles.contains(String(run)) { word.append(contentsOf: run) } else { endWord() }
            run = .init()
        }
        func endWord() {
            if !word.isEmpty { words.append(String(word)) }
            word = .init()
        }
        for scalar in lowered(answer) where !signs.contains(scalar) {
            if scalar.isPythonWord {
                run.append(scalar)
                continue
            }
            endRun()
            if scalar.isPythonSpace { endWord() } else { word.append(scalar) }
        }
        endRun()
        endWord()
        return words
    }

    private static let articles: Set = ["a", "an", "the"]
    private static let signs = Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".unicodeScalars)

    /// As Python's `str.lower`: a sigma that ends a word has a form of its own.
    private static func lowered(_ text: String) -> [Unicode.Scalar] {
        let scalars = Array(text.unicodeScalars)
        var result: [Unicode.Scalar] = []
        result.reserveCapacity(scalars.count)
        for (place, scalar) in scalars.enumerated() {
            guard scalar == "\u{3A3}" else {
                result += scalar.properties.lowercaseMapping.unicodeScalars
                continue
            }
            func isCased(_ part: some Sequence<Unicode.Scalar>) -> Bool {
                part.first { !$0.properties.isCaseIgnorable }?.properties.isCased == true
            }
            let isLast =
                isCased(scalars[..<place].reversed()) && !isCased(scalars[(place + 1)...])
            result.append(isLast ? "\u{3C2}" : "\u{3C3}")
        }
        return result
    }
}
