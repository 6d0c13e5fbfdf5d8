import Foundation
import Metrics
import Objectives
import TestSupport
import Testing

/// Words and scores against jieba, rouge_chinese and nltk (scripts/references/metrics.py).
@Suite struct MetricsTests {
    private struct Cut: Decodable {
        let text: String
        let words: [String]
        let withoutUnknownWords: [String]
        let withoutDictionary: [String]

        enum CodingKeys: String, CodingKey {
            case text, words
            case withoutUnknownWords = "without_unknown_words"
            case withoutDictionary = "without_dictionary"
        }
    }

    private struct Scores: Decodable {
        struct Pair: Decodable {
            let predict: String
            let label: String
            let scores: [String: Double]
        }
        let pairs: [Pair]
        let means: [String: Double]
    }

    private struct ScoreTables: Decodable {
        let jieba: Scores
        let withoutDictionary: Scores

        enum CodingKeys: String, CodingKey {
            case jieba
            case withoutDictionary = "without_dictionary"
        }
    }

    private let folder = References.folder.appendingPathComponent("metrics")

    private func read<T: Decodable>(_ type: T.Type, _ name: String) throws -> T {
        try JSONDecoder().decode(
            type, from: Data(contentsOf: folder.appendingPathComponent(name)))
    }

    /// Equal code point by code point; strings also equal each other when they only look alike.
    private func expectSame(_ found: [String], _ wanted: [String], _ text: String) {
        #expect(
            found.map { Array($0.unicodeScalars) } == wanted.map { Array($0.unicodeScalars) },
            "\(text.debugDescription): \(found) instead of \(wanted)")
    }

    @Test func wordsAreJiebas() throws {
        let segmenter = try WordSegmenter(dictionary: folder.path)
        #expect(segmenter.notice == nil)
        let cuts = try read([Cut].self, "words.json")
        #expect(cuts.count > 50)
        for cut in cuts { expectSame(segmenter.words(cut.text), cut.words, cut.text) }
    }

    @Test func wordsWithoutAnyDictionaryAreCharacters() throws {
        let segmenter = WordSegmenter()
        #expect(segmenter.notice?.contains("segmentation_dictionary") == true)
        for cut in try read([Cut].self, "words.json") {
            expectSame(segmenter.words(cut.text), cut.withoutDictionary, cut.text)
        }
    }

    @Test func dictionaryAloneCutsUnknownWordsIntoCharacters() throws {
        try withTemporaryFolder { place throws in
            let file = place.appendingPathComponent("dict.txt")
            try FileManager.default.copyItem(
                at: folder.appendingPathComponent("dict.txt"), to: file)
            let segmenter = try WordSegmenter(dictionary: file.path)
            #expect(segmenter.notice?.contains("prob_emit.py") == true)
            for cut in try read([Cut].self, "words.json") {
                expectSame(segmenter.words(cut.text), cut.withoutUnknownWords, cut.text)
            }
        }
    }

    @Test func scoresAreThoseOfLLaMAFactorysPackages() throws {
        let tables = try read(ScoreTables.self, "scores.json")
        for (table, segmenter) in [
            (tables.jieba, try WordSegmenter(dictionary: folder.path)),
            (tables.withoutDictionary, WordSegmenter()),
        ] {
            var similarity = TextSimilarity()
            for pair in table.pairs {
                let scores = similarity.add(
                    prediction: pair.predict, label: pair.label, words: segmenter)
                for (name, score) in zip(TextSimilarity.names, scores) {
                    let wanted = try #require(pair.scores[name])
                    // Rounded to four decimals: the last one may differ by the order of a sum.
                    #expect(
                        abs(score - wanted) < 1.01e-4,
                        "\(name) of \(pair.predict.debugDescription): \(score), not \(wanted)")
                }
            }
            #expect(similarity.count == table.pairs.count)
            #expect(similarity.means.map(\.name) == ["rouge-1", "rouge-2", "rouge-l", "bleu-4"])
            for (name, mean) in similarity.means {
                let wanted = try #require(table.means[name])
                #expect(abs(mean - wanted) < 1e-5, "\(name): \(mean), not \(wanted)")
            }
        }
    }

    @Test func similarityOfRanksAddsUp() throws {
        let pairs = try read(ScoreTables.self, "scores.json").jieba.pairs.prefix(6)
        let segmenter = WordSegmenter()
        var whole = TextSimilarity()
        var halves = [TextSimilarity(), TextSimilarity()]
        for (index, pair) in pairs.enumerated() {
            whole.add(prediction: pair.predict, label: pair.label, words: segmenter)
            halves[index % 2].add(prediction: pair.predict, label: pair.label, words: segmenter)
        }
        halves[0].add(sums: halves[1].totals, count: halves[1].count)
        for (a, b) in zip(halves[0].means, whole.means) {
            #expect(a.name == b.name)
            #expect(abs(a.value - b.value) < 1e-9)
        }
        #expect(TextSimilarity().means.isEmpty)
    }

    /// numpy: mean of [2/3, 1/2, 0].
    @Test func accuracyIsTheMeanOfEachSamplesShare() {
        var accuracy = TokenAccuracy()
        accuracy.add(likeliest: [5, 6, 7, 8], targets: [-100, 6, 7, 9])
        accuracy.add(likeliest: [1, 2], targets: [1, 1])
        accuracy.add(likeliest: [3, 4], targets: [4, -100])
        accuracy.add(likeliest: [3, 4], targets: [-100, -100])
        #expect(accuracy.count == 3)
        #expect(abs(accuracy.sum - (2.0 / 3 + 0.5)) < 1e-12)
    }
}
