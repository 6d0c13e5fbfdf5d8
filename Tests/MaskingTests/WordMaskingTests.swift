import Foundation
import Masking
import TestSupport
import Testing

/// Words and spans that are hidden at once, beside a second program (scripts/references/objectives.py).
@Suite struct WordMaskingTests {
    struct Reference: Decodable {
        struct Case: Decodable, CustomTestStringConvertible, Sendable {
            let unit: String
            let probability: Double
            let most: Int?
            let sample: UInt64
            let ids, inputs, targets: [Int32]

            var testDescription: String { "\(unit) \(sample)" }
        }

        let seed: UInt64
        let masks: [Case]
        let phrases: [[Int32]]
    }

    private static let reference = Result {
        try JSONDecoder().decode(
            Reference.self, from: Data(References.text("objectives/masks.json").utf8))
    }
    private static let special: Set<Int32> = [0, 1, 2]
    /// Each third token goes on in the word before it.
    private static let table = WordTable(goesOn: (0..<500).map { $0 > 3 && $0 % 3 == 0 })

    private static func masking(
        _ unit: TokenMasking.Unit, probability: Double = 0.15, seed: UInt64 = 5
    ) -> TokenMasking {
        var masking = TokenMasking(mask: 3, special: special, vocabulary: 500, seed: seed)
        masking.unit = unit
        masking.probability = probability
        masking.framing = 2
        return masking
    }

    private static func sample(_ number: Int, count: Int = 126) -> [Int32] {
        (0..<count).map {
            $0 % 20 == 7 ? Int32($0 / 20 % 3) : Int32(4 + ($0 * 37 + number * 11) % 490)
        }
    }

    @Test func masksAreThoseOfTheSecondProgram() throws {
        let reference = try Self.reference.get()
        #expect(reference.masks.count == 30)
        let phrases = PhraseTable(reference.phrases)
        for row in reference.masks {
            let unit: TokenMasking.Unit =
                switch row.unit {
                case "words": .words(Self.table, most: row.most)
                case "each_word": .eachWord(Self.table)
                case "phrases": .phrases(Self.table, phrases, rate: 0.6)
                default: .spans(Self.table)
                }
            let masking = Self.masking(unit, probability: row.probability, seed: reference.seed)
            let (inputs, targets) = masking(row.ids[...], sample: row.sample)
            #expect(inputs == row.inputs, "\(row.testDescription)")
            #expect(targets == row.targets, "\(row.testDescription)")
        }
    }

    @Test(arguments: ["words", "each_word"])
    func noWordIsCut(_ name: String) {
        let unit: TokenMasking.Unit =
            name == "words" ? .words(Self.table, most: nil) : .eachWord(Self.table)
        for number in 0..<100 {
            let ids = Self.sample(number)
            let (inputs, targets) = Self.masking(unit)(ids[...], sample: UInt64(number))
            for word in Self.table.words(in: ids[...], special: Self.special) {
                #expect(Set(word.map { targets[$0] >= 0 }).count == 1)
            }
            for place in ids.indices {
                #expect((targets[place] >= 0 ? targets[place] : inputs[place]) == ids[place])
                #expect(targets[place] < 0 || !Self.special.contains(ids[place]))
            }
        }
    }

    @Test func wordsAreHiddenUpToTheShareAndNoMore() {
        var (hidden, masked, kept) = (0.0, 0.0, 0.0)
        for number in 0..<300 {
            let ids = Self.sample(number)
            let (inputs, targets) = Self.masking(.words(Self.table, most: nil))(
                ids[...], sample: UInt64(number))
            let places = ids.indices.filter { targets[$0] >= 0 }
            // 15 % of 128 with [CLS] and [SEP]; words of one token are never wanting.
            #expect(places.count == 19)
            hidden += Double(places.count)
            masked += Double(places.count { inputs[$0] == 3 })
            kept += Double(places.count { inputs[$0] == ids[$0] })
        }
        // A binomial's deviation is √(n p (1 − p)); a drawn token is the old one once in 500.
        func lies(_ count: Double, _ p: Double) -> Bool {
            abs(count - hidden * p) < 3 * (hidden * p * (1 - p)).squareRoot()
        }
        #expect(lies(masked, 0.8) && lies(kept, 0.1 + 0.1 / 500))
        let few = Self.masking(.words(Self.table, most: 4))(Self.sample(1)[...], sample: 1)
        #expect(few.targets.count { $0 >= 0 } == 4)
    }

    @Test func eachWordIsDrawnByItselfAndAlwaysHiddenByTheMask() {
        var (words, chosen) = (0.0, 0.0)
        for number in 0..<300 {
            let ids = Self.sample(number)
            let (inputs, targets) = Self.masking(.eachWord(Self.table))(
                ids[...], sample: UInt64(number))
            for word in Self.table.words(in: ids[...], special: Self.special) {
                words += 1
                if targets[word.lowerBound] >= 0 { chosen += 1 }
            }
            #expect(ids.indices.allSatisfy { targets[$0] < 0 || inputs[$0] == 3 })
        }
        #expect(abs(chosen - words * 0.15) < 3 * (words * 0.15 * 0.85).squareRoot())
    }

    @Test func spansAreAsLongAsSpanBERTs() {
        let samples = 10_000
        let lengths = (0..<samples).map { number in
            var draws = Draws(seed: 3, sample: UInt64(number))
            return Double(1 + draws.choice(TokenMasking.spanLengthShares))
        }
        // Geometric(0.2) cut at 10: mean 3.797, deviation 2.60.
        let mean = lengths.reduce(0, +) / Double(samples)
        #expect(abs(mean - 3.797) < 3 * 2.60 / Double(samples).squareRoot(), "\(mean)")
        #expect(lengths.min() == 1 && lengths.max() == 10)
    }

    @Test func spansHideTheShareRoundedUp() {
        for number in 0..<100 {
            let ids = (0..<101).map { Int32(4 + $0) }
            let (_, targets) = Self.masking(.spans(.tokens))(ids[...], sample: UInt64(number))
            #expect(targets.count { $0 >= 0 } == 16)
        }
    }

    @Test func aSpansPlacesAreOfOneKind() {
        for number in 0..<200 {
            let ids = (0..<100).map { Int32(4 + $0) }
            var masking = Self.masking(.spans(.tokens), probability: 0.01)
            masking.random = 0
            let (inputs, targets) = masking(ids[...], sample: UInt64(number))
            let kinds = Set(ids.indices.filter { targets[$0] >= 0 }.map { inputs[$0] == 3 })
            #expect(kinds.count == 1)
        }
    }

    @Test func phrasesAreWholeWordsTheLongestFirst() {
        let table = PhraseTable([[10, 11], [10, 11, 12], [20, 21, 23], [30], [11, 12, 14]])
        // 12 and 21 go on in the words before them.
        let words = [0..<1, 1..<3, 3..<5, 5..<6, 7..<8]
        let ids: [Int32] = [10, 11, 12, 20, 21, 23, 0, 30]
        #expect(table.units(of: words, in: ids) == [0..<3, 3..<6, 7..<8])
        // A phrase that ends within a word is none, nor one with a special token in it.
        #expect(PhraseTable([[10, 11]]).units(of: words, in: ids).count == 5)
        #expect(PhraseTable([[23, 30]]).units(of: words, in: ids).count == 5)
        #expect(PhraseTable([[23, 0, 30]]).units(of: words, in: ids).count == 5)
    }

    @Test func aPhraseIsHiddenAsAWholeAndItsPlacesHaveErniesShares() {
        let phrases = PhraseTable([[10, 11, 12]])
        let ids = (0..<300).map { [10, 11, 12, 40, 41][$0 % 5] as Int32 }
        var (units, chosen, inside, masked, kept) = (0.0, 0.0, 0.0, 0.0, 0.0)
        for sample in UInt64(0)..<200 {
            let masking = Self.masking(.phrases(.tokens, phrases, rate: 1))
            let (inputs, targets) = masking(ids[...], sample: sample)
            for start in stride(from: 0, to: 300, by: 5) {
                let hidden = (start..<start + 3).map { targets[$0] >= 0 }
                #expect(Set(hidden).count == 1)
                units += 1
                guard hidden[0] else { continue }
                chosen += 1
                for place in start..<start + 3 {
                    inside += 1
                    if inputs[place] == 3 { masked += 1 }
                    if inputs[place] == ids[place] { kept += 1 }
                }
            }
        }
        func lies(_ count: Double, _ n: Double, _ p: Double) -> Bool {
            abs(count - n * p) < 3 * (n * p * (1 - p)).squareRoot()
        }
        #expect(lies(chosen, units, 0.15) && lies(masked, inside, 0.8 + 0.1 / 500))
        #expect(lies(kept, inside, 0.1 + 0.1 / 500))
    }

    @Test func masksDependOnSeedAndSampleAlone() {
        let ids = Self.sample(2)
        for unit in [
            TokenMasking.Unit.words(Self.table, most: nil), .eachWord(Self.table),
            .spans(Self.table),
        ] {
            let masking = Self.masking(unit)
            let first = masking(ids[...], sample: 11)
            #expect(first == masking(([1, 2] + ids)[2...], sample: 11))
            #expect(first != masking(ids[...], sample: 12))
            #expect(first != Self.masking(unit, seed: 6)(ids[...], sample: 11))
        }
    }

    @Test func aSampleOfSpecialTokensStaysAsItIs() {
        for unit in [
            TokenMasking.Unit.words(Self.table, most: nil), .eachWord(Self.table),
            .spans(Self.table),
        ] {
            let (inputs, targets) = Self.masking(unit)([0, 1, 2, 0], sample: 3)
            #expect(inputs == [0, 1, 2, 0] && targets.allSatisfy { $0 < 0 })
        }
    }

    @Test func idsBehindWhiteSpaceAreRaisedAndComeBack() {
        let text = SpacedText(vocabulary: 300)
        let ids = text.ids(Array("ab, c\u{A0}d\u{3000}é\n".utf8)) { $0.map(Int32.init) }
        let table = WordTable(spacedBelow: 300)
        #expect(table.plain(ids[...]) == Array("ab,cdé".utf8).map(Int32.init))
        #expect(
            table.words(in: ids[...], special: []) == [0..<3, 3..<4, 4..<5, 5..<7])
        #expect(ids.filter { $0 >= 300 }.count == 4)
    }
}
