import Foundation
import Masking
import TestSupport
import Testing
import TextData
import Tokenizers
import Training

/// Fill in the middle, beside a second program with Hugging Face's tokenizer
/// (scripts/references/objective_texts.py).
@Suite struct MiddleCutsTests {
    private struct Reference: Decodable {
        struct Samples: Decodable {
            let tokenizer: String
            let cases: [Case]
        }

        struct Case: Decodable {
            let rate: Double
            let suffixFirst: Double
            let sample: UInt64
            let ids, cut: [Int32]

            enum CodingKeys: String, CodingKey {
                case rate, sample, ids, cut
                case suffixFirst = "suffix_first"
            }
        }

        let seed: UInt64
        let fim: Samples
    }

    private let reference: Reference
    private let tokenizer: any Tokenizer

    init() throws {
        reference = try JSONDecoder().decode(
            Reference.self, from: Data(References.text("objectives/texts.json").utf8))
        tokenizer = try TokenizerFolder.parse(text: reference.fim.tokenizer, configuration: nil)
    }

    private func cuts(rate: Double, suffixFirst: Double, seed: UInt64) -> MiddleCuts {
        let parts = TextParts(tokenizer)
        var cuts = MiddleCuts(
            marks: .init(prefix: 1, suffix: 3, middle: 2, end: nil), endOfText: 0, seed: seed,
            encode: { parts.ids(of: $0) }, decode: { parts.bytes(of: $0) })
        cuts.rate = rate
        cuts.suffixFirst = suffixFirst
        return cuts
    }

    private func ids(_ text: String) -> [Int32] {
        tokenizer.encode(text, addSpecialTokens: false)
    }

    @Test func samplesAreThoseOfTheSecondProgram() {
        #expect(reference.fim.cases.count == 12)
        var permuted = 0
        for row in reference.fim.cases {
            let cuts = cuts(rate: row.rate, suffixFirst: row.suffixFirst, seed: reference.seed)
            #expect(cuts(row.ids, sample: row.sample) == row.cut, "\(row.sample)")
            permuted += row.cut.count { $0 == 1 }
        }
        #expect(permuted > 12)
    }

    @Test func thePartsPutInOrderAreTheText() throws {
        let text = "größer als\n  zwei — 北京 (and more)"
        let document = ids(text) + [0]
        // Room for the marks and for words that are cut.
        let room = document + Array(repeating: 0, count: 40)
        var seen = Set<String>()
        for sample in UInt64(0)..<60 {
            let prefixFirst = cuts(rate: 1, suffixFirst: 0, seed: 9)(room, sample: sample)
            let suffixFirst = cuts(rate: 1, suffixFirst: 1, seed: 9)(room, sample: sample)
            let p = try parts(prefixFirst)
            let s = try parts(suffixFirst)
            #expect(p.count == 3 && s.count == 3)
            #expect(tokenizer.decode(p[0] + p[2] + p[1]) == text)
            // The suffix, then prefix and middle in one.
            #expect(tokenizer.decode(s[2] + s[1]) == text)
            #expect(tokenizer.decode(p[1]) == tokenizer.decode(s[1]))
            seen.insert(tokenizer.decode(p[2]))
        }
        #expect(seen.count > 30)
    }

    /// Prefix, suffix, middle of a sample's first document, as far as its marks part them.
    private func parts(_ ids: [Int32]) throws -> [[Int32]] {
        let end = try #require(ids.firstIndex(of: 0))
        return ids[..<end].split(omittingEmptySubsequences: false) { (1...3).contains($0) }
            .dropFirst().map { Array($0) }
    }

    @Test func documentsAreCutAsOftenAsAskedAndStayInTheirPlaces() {
        let document = ids("a few words of text") + [0]
        let row =
            Array(repeating: document, count: 20).flatMap { $0 } + Array(repeating: 0, count: 900)
        var (count, first) = (0, 0)
        for sample in UInt64(0)..<200 {
            let cut = cuts(rate: 0.7, suffixFirst: 0.3, seed: 2)(row, sample: sample)
            #expect(cut.count == row.count)
            let documents = cut.split(separator: 0)
            #expect(documents.count == 20)
            for document in documents where document.first == 1 {
                count += 1
                if document.dropFirst().first == 3, document.contains(2) { first += 1 }
            }
        }
        // Binomials' deviations; an empty prefix looks as if the suffix came first: the smaller of two cuts
        // at one of 20 places is the first place.
        let n = 4000.0
        #expect(abs(Double(count) - n * 0.7) < 3 * (n * 0.21).squareRoot())
        let empty = 1 - 0.95 * 0.95
        let p = 0.3 + 0.7 * empty
        #expect(
            abs(Double(first) - Double(count) * p) < 3 * (Double(count) * p * (1 - p)).squareRoot())
    }

    @Test func whatCannotBeCutStays() {
        let all = cuts(rate: 1, suffixFirst: 0.5, seed: 1)
        // A part of a character, marks within a document, nothing at all.
        let broken = Array(ids("é").dropFirst()) + [0]
        #expect(all(broken, sample: 3) == broken)
        let marked = ids("a") + [1] + ids("b") + [0]
        #expect(all(marked, sample: 3) == marked)
        #expect(all([0, 0, 0], sample: 3) == [0, 0, 0])
        #expect(
            cuts(rate: 0, suffixFirst: 1, seed: 1)(ids("some text"), sample: 4) == ids("some text"))
    }

    @Test func cutsDependOnSeedAndSampleAlone() {
        let row = ids(String(repeating: "some text that is long enough to be cut. ", count: 4))
        let one = cuts(rate: 1, suffixFirst: 0.5, seed: 1)
        #expect(one(row, sample: 5) == one(row, sample: 5))
        #expect(one(row, sample: 5) != one(row, sample: 6))
        #expect(one(row, sample: 5) != cuts(rate: 1, suffixFirst: 0.5, seed: 2)(row, sample: 5))
        #expect(one(row, sample: 5).count == row.count)
    }
}
