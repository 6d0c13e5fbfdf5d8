import Files
import Foundation
package import Jinja

/// What is computed of a task's documents.
package struct HarnessMetric: Sendable {
    package enum Kind: String, Sendable, CaseIterable {
        case accuracy = "acc"
        case normalizedAccuracy = "acc_norm"
        case byteAccuracy = "acc_bytes"
        case mutualInformationAccuracy = "acc_mutual_info"
        case exactMatch = "exact_match"
        case perplexity
        case wordPerplexity = "word_perplexity"
        case bytePerplexity = "byte_perplexity"
        case bitsPerByte = "bits_per_byte"

        /// The output types that it is for.
        var outputs: [HarnessDefinition.OutputType] {
            switch self {
            case .accuracy: [.choice, .likelihood]
            case .normalizedAccuracy, .byteAccuracy, .mutualInformationAccuracy: [.choice]
            case .exactMatch: [.choice, .text]
            case .perplexity: [.likelihood]
            case .wordPerplexity, .bytePerplexity, .bitsPerByte: [.rolling]
            }
        }

        /// How it is aggregated, by lm-evaluation-harness's word.
        var aggregation: String {
            switch self {
            case .perplexity: "perplexity"
            case .wordPerplexity, .bytePerplexity: "weighted_perplexity"
            case .bitsPerByte: "bits_per_byte"
            default: "mean"
            }
        }

        var isHigherBetter: Bool { aggregation == "mean" }
    }

    package let kind: Kind
    package var ignoresCase = false
    package var ignoresPunctuation = false
    package var ignoresNumbers = false
    package var ignoredPatterns: [PythonPattern] = []

    package init(_ kind: Kind) { self.kind = kind }

    // MARK: Exact matches

    private static let punctuation = Set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~".unicodeScalars)
    private static let digits = Set("0123456789".unicodeScalars)

    /// A text without what does not count.
    private func bare(_ text: String) -> String {
        var text = text
        for pattern in ignoredPatterns { text = pattern.replacing(in: text, with: "") }
        if ignoresCase { text = PythonPattern.lowercased(text) }
        var ignored: Set<Unicode.Scalar> = []
        if ignoresPunctuation { ignored.formUnion(Self.punctuation) }
        if ignoresNumbers { ignored.formUnion(Self.digits) }
        guard !ignored.isEmpty else { return text }
        return String(
            String.UnicodeScalarView(text.unicodeScalars.filter { !ignored.contains($0) }))
    }

    /// Whether a text is one of those wanted. Source: lm-evaluation-harness's `exact_match_hf_evaluate`.
    package func matches(_ found: String, _ wanted: [String]) -> Bool {
        let found = bare(found)
        return wanted.contains { bare($0).unicodeScalars.elementsEqual(found.unicodeScalars) }
    }

    // MARK: Aggregation

    /// What a document adds: its value, and what that is divided by in weighted means.
    package struct Item: Sendable, Equatable {
        package let value: Double
        package var weight = 1.0

        package init(value: Double, weight: Double = 1) {
            self.value = value
            self.weight = weight
        }
    }

    /// The figure of all documents.
    package func aggregate(_ items: [Item]) -> Double {
        let sum = items.reduce(0.0) { $0 + $1.value }
        switch kind {
        case .perplexity: return exp(-sum / Double(items.count))
        case .wordPerplexity, .bytePerplexity:
            return exp(-sum / items.reduce(0.0) { $0 + $1.weight })
        case .bitsPerByte: return -sum / items.reduce(0.0) { $0 + $1.weight } / log(2)
        default: return sum / Double(items.count)
        }
    }

    /// The standard error: of means the sample's deviation over √n, of perplexities the deviation over 1000
    /// samples with replacement by Python's `Random(0)`; `nil` for weighted means, and of one document.
    package func standardError(_ items: [Item]) -> Double? {
        guard items.count > 1 else { return nil }
        switch kind.aggregation {
        case "mean":
            return Self.deviation(items.map(\.value)) / Double(items.count).squareRoot()
        case "perplexity":
            var random = PythonRandom(seed: 0)
            let figures = (0..<1000).map { _ in
                aggregate(items.map { _ in items[Int(random.uniform() * Double(items.count))] })
            }
            return Self.deviation(figures)
        default: return nil
        }
    }

    /// The sample's standard deviation.
    private static func deviation(_ values: [Double]) -> Double {
        let mean = values.reduce(0, +) / Double(values.count)
        let squares = values.reduce(0.0) { $0 + ($1 - mean) * ($1 - mean) }
        return (squares / Double(values.count - 1)).squareRoot()
    }
}

/// A way from what a model wrote to an answer: steps, one after another.
package struct HarnessFilter: Sendable {
    package enum Step: Sendable {
        /// The first of several answers.
        case first
        /// The first so many.
        case firstFew(Int)
        /// The one that comes most often; of several the first.
        case vote
        /// A match of a pattern: by its number, from the end where negative.
        case pattern(PythonPattern, match: Int, otherwise: String)
        case trimmed
        case lowercase
        case uppercase
    }

    package let name: String
    package let steps: [Step]

    package init(name: String, steps: [Step]) {
        self.name = name
        self.steps = steps
    }

    /// The answer in what a model wrote, once or several times; of several that are left the first.
    ///
    /// Source: lm-evaluation-harness's filters/extraction.py, transformation.py, selection.py.
    package func answer(_ texts: [String]) -> String {
        let left = steps.reduce(texts) { texts, step in
            switch step {
            case .first: Array(texts.prefix(1))
            case .firstFew(let count): Array(texts.prefix(count))
            case .vote: Self.mostCommon(texts).map { [$0] } ?? []
            case .trimmed: texts.map(PythonPattern.stripped)
            case .lowercase: texts.map(PythonPattern.lowercased)
            case .uppercase: texts.map(PythonPattern.uppercased)
            case .pattern(let pattern, let match, let otherwise):
                texts.map { Self.match(pattern, in: $0, match, otherwise) }
            }
        }
        return left.first ?? ""
    }

    /// Whether one of several answers is left at the end.
    var leavesOne: Bool {
        steps.contains { step in
            switch step {
            case .first, .vote: true
            default: false
            }
        }
    }

    private static func mostCommon(_ texts: [String]) -> String? {
        var counts: [String: Int] = [:]
        for text in texts { counts[text, default: 0] += 1 }
        let most = counts.values.max()
        return texts.first { counts[$0] == most }
    }

    /// A match of a pattern in a text, or what stands for it where there are not so many.
    private static func match(
        _ pattern: PythonPattern, in text: String, _ number: Int, _ otherwise: String
    ) -> String {
        let matches = pattern.matches(in: text)
        let place = number < 0 ? matches.count + number : number
        guard matches.indices.contains(place) else { return otherwise }
        let groups = matches[place]
        let found = groups.count == 1 ? groups[0] : groups.first { !$0.isEmpty } ?? otherwise
        return PythonPattern.stripped(found)
    }
}
