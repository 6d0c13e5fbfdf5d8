import Foundation
import Masking
import TestSupport
import Testing

/// BERT's pairs of texts, beside a second program (scripts/references/objective_pairs.py).
@Suite struct SentencePairsTests {
    private struct Reference: Decodable {
        struct Case: Decodable {
            struct Pair: Decodable {
                let first, second: [Int]
                let follows: Bool
            }

            let budget: Int
            let short: Double
            let documents: [[Int]]
            let pairs: [Pair]
        }

        let seed: UInt64
        let pairs: [Case]
    }

    private static let documents = (0..<200).map { number in
        (0..<1 + number % 11).map { 1 + (number * 7 + $0 * 5) % 13 }
    }

    private func pairs(
        budget: Int = 40, short: Double = 0.1, seed: UInt64 = 3,
        _ documents: [[Int]] = documents
    ) -> SentencePairs {
        SentencePairs(
            SentenceTable(lengths: documents), budget: budget, shortShare: short, seed: seed)
    }

    @Test func pairsAreThoseOfTheSecondProgram() throws {
        let reference = try JSONDecoder().decode(
            Reference.self, from: Data(References.text("objectives/pairs.json").utf8))
        #expect(reference.pairs.count == 4)
        for row in reference.pairs {
            let found = pairs(
                budget: row.budget, short: row.short, seed: reference.seed, row.documents)
            #expect(found.pairs.count == row.pairs.count)
            for (pair, wanted) in zip(found.pairs, row.pairs) {
                #expect(pair.follows == wanted.follows)
                #expect(found.places(of: pair.first).flatMap { $0 } == wanted.first)
                #expect(found.places(of: pair.second).flatMap { $0 } == wanted.second)
            }
        }
    }

    @Test func everySentenceIsInAFirstTextOrFollowsOne() {
        let all = pairs()
        let table = SentenceTable(lengths: Self.documents)
        var used = Set<Int>()
        for pair in all.pairs {
            used.formUnion(pair.first.sentences)
            if pair.follows {
                used.formUnion(pair.second.sentences)
                #expect(pair.second.sentences.lowerBound == pair.first.sentences.upperBound)
            }
        }
        #expect(used == Set(table.starts.indices))
    }

    @Test func textsFitAndAreOfOtherDocumentsWhereTheyDoNotFollow() {
        let all = pairs()
        let table = SentenceTable(lengths: Self.documents)
        func document(_ sentence: Int) -> Int? {
            table.documents.firstIndex { $0.contains(sentence) }
        }
        for pair in all.pairs {
            #expect(!pair.first.tokens.isEmpty && !pair.second.tokens.isEmpty)
            #expect(pair.first.tokens.count + pair.second.tokens.count <= 40)
            let (a, b) = (pair.first.sentences, pair.second.sentences)
            #expect((document(a.lowerBound) == document(b.lowerBound)) == pair.follows)
            #expect(document(a.lowerBound) == document(a.upperBound - 1))
            #expect(document(b.lowerBound) == document(b.upperBound - 1))
        }
    }

    @Test func halfOfThePairsThatCouldFollowDo() {
        // Documents of many sentences, so that single ones hardly occur.
        let documents = (0..<300).map { _ in Array(repeating: 4, count: 40) }
        let all = pairs(short: 0, documents).pairs
        let following = Double(all.count { $0.follows })
        // A chunk that has one sentence left is always paired with another: the last of a document.
        let single = Double(
            all.count {
                $0.first.sentences.count == 1 && !$0.follows
                    && $0.first.sentences.upperBound % 40 == 0
            })
        let n = Double(all.count) - single
        #expect(abs(following - n / 2) < 3 * (n / 4).squareRoot())
    }

    @Test func aTenthOfTheDocumentsHasShorterPairs() {
        let documents = (0..<2000).map { _ in Array(repeating: 1, count: 60) }
        let table = SentenceTable(lengths: documents)
        let all = pairs(budget: 60, documents)
        // A document of as many tokens as fit, whose texts follow, is one pair unless its target is less.
        var whole = 0
        for pair in all.pairs
        where pair.follows && pair.first.tokens.count + pair.second.tokens.count == 60 {
            whole += 1
        }
        // Half of them, of nine tenths and one in 59 of the rest; pairs after a random second text are shorter.
        let p = 0.5 * (0.9 + 0.1 / 59)
        #expect(table.documents.count == 2000)
        #expect(abs(Double(whole) - 2000 * p) < 3 * (2000 * p * (1 - p)).squareRoot())
    }

    @Test func pairsDependOnTheSeedAlone() {
        #expect(pairs().pairs == pairs().pairs)
        #expect(pairs().pairs != pairs(seed: 4).pairs)
    }

    @Test func linesAreSentencesAndEmptyLinesEndDocuments() {
        let text = SentenceText(sentenceEnd: 300, documentEnd: 301)
        let ids = text.ids(Array("ab\nc\r\n\n \t\nde\nf".utf8)) { $0.map(Int32.init) }
        #expect(
            ids == [97, 98, 300, 99, 13, 300, 301, 301, 100, 101, 300, 102])
        #expect(text.ids(Array("\n".utf8)) { $0.map(Int32.init) } == [301])
        #expect(text.ids([]) { $0.map(Int32.init) } == [])
    }

    @Test func sentencesAndDocumentsAreFoundAgain() {
        let marks = SentenceText(sentenceEnd: 300, documentEnd: 301)
        // Two documents: [1 2][3], then an empty one, then [4 5 6] without an end.
        let ids: [Int32] = [1, 2, 300, 3, 300, 301, 301, 4, 5, 6]
        let table = SentenceTable(count: ids.count, marks: marks, read: { Array(ids[$0]) })
        #expect(table.starts == [0, 3, 7])
        #expect(table.lengths == [2, 1, 3])
        #expect(table.documents == [0..<2, 2..<3])
    }

    /// Ids are read 65,536 at a time.
    @Test func aSentenceMayLieInTwoPiecesThatAreRead() {
        let marks = SentenceText(sentenceEnd: 300, documentEnd: 301)
        var ids = [Int32](repeating: 7, count: 70_000)
        ids[65_000] = 300
        var read = 0
        let table = SentenceTable(
            count: ids.count, marks: marks,
            read: {
                read += $0.count
                return Array(ids[$0])
            })
        #expect(table.starts == [0, 65_001] && table.lengths == [65_000, 4_999])
        #expect(table.documents == [0..<2] && read == ids.count)
    }
}
