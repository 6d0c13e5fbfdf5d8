import Foundation
import Masking
import TestSupport
import Testing

/// GLM's blanks, beside a second program (scripts/references/objective_blanks.py).
@Suite struct BlankMaskingTests {
    private struct Reference: Decodable {
        struct Case: Decodable {
            let rate: Double
            let sample: UInt64
            let ids, read, targets, positions, inner: [Int32]
            let text: Int
        }

        let seed: UInt64
        let blanks: [Case]
    }

    private static let marks = BlankMasking.Marks(
        classifier: 1, mask: 2, restMask: 3, start: 4, end: 5)

    private func masking(seed: UInt64 = 3) -> BlankMasking {
        BlankMasking(marks: Self.marks, endOfText: 6, seed: seed)
    }

    private static let ids = (0..<500).map { $0 % 101 == 60 ? 6 : Int32(7 + $0 % 90) }

    @Test func samplesAreThoseOfTheSecondProgram() throws {
        let reference = try JSONDecoder().decode(
            Reference.self, from: Data(References.text("objectives/blanks.json").utf8))
        #expect(reference.blanks.count == 16)
        #expect(reference.blanks.contains { $0.read.contains(3) })
        for row in reference.blanks {
            var masking = masking(seed: reference.seed)
            masking.restRate = row.rate
            let sample = masking(row.ids[...], sample: row.sample)
            #expect(sample.ids == row.read, "\(row.sample)")
            #expect(sample.targets == row.targets, "\(row.sample)")
            #expect(sample.positions == row.positions && sample.blockPositions == row.inner)
            #expect(sample.textLength == row.text)
        }
    }

    /// Figure 2 of the paper: x1 … x6, blocks x3 and x5 x6, the second first; [CLS] stands before.
    @Test func thePapersExampleIsAsPublished() {
        let sample = BlankMasking.sample(
            [11, 12, 13, 14, 15, 16], blocks: [2..<3, 4..<6], order: [1, 0], mask: 2, Self.marks)
        #expect(sample.ids == [1, 11, 12, 2, 14, 2, 4, 15, 16, 4, 13])
        #expect(sample.targets == Array(repeating: -100, count: 6) + [15, 16, 5, 13, 5])
        #expect(sample.positions == [0, 1, 2, 3, 4, 5, 5, 5, 5, 3, 3])
        #expect(sample.blockPositions == [0, 0, 0, 0, 0, 0, 1, 2, 3, 1, 2])
        #expect(sample.textLength == 6)
    }

    @Test func blocksPutIntoTheirBlanksAreTheText() {
        for number in UInt64(0)..<100 {
            var masking = masking()
            masking.restRate = 0.3
            let sample = masking(Self.ids[...], sample: number)
            var blocks: [Int32: [Int32]] = [:]
            for place in sample.textLength..<sample.ids.count where sample.targets[place] != 5 {
                blocks[sample.positions[place], default: []].append(sample.targets[place])
            }
            let text = (1..<sample.textLength).flatMap { place in
                blocks[Int32(place)] ?? [sample.ids[place]]
            }
            #expect(text == Self.ids)
            #expect(blocks.count == sample.ids.count { $0 == 2 || $0 == 3 })
        }
    }

    @Test func blocksKeepApartAndWithinDocumentsAndAreTheShareOfTheText() {
        var (taken, count, shuffled) = (0.0, 0.0, 0)
        for number in UInt64(0)..<200 {
            let sample = masking()(Self.ids[...], sample: number)
            let text = sample.ids[..<sample.textLength]
            for (a, b) in zip(text, text.dropFirst()) { #expect(a != 2 || b != 2) }
            #expect(text.count { $0 == 6 } == Self.ids.count { $0 == 6 })
            taken += Double(Self.ids.count + 1 + text.count { $0 == 2 } - text.count)
            let firsts = sample.blockPositions.indices.filter { sample.blockPositions[$0] == 1 }
                .map { sample.positions[$0] }
            count += Double(firsts.count)
            if firsts != firsts.sorted() { shuffled += 1 }
            #expect(Set(firsts).count == firsts.count)
        }
        // At least 75 of 500 are drawn, 3.16 too many at most on average; some do not fit.
        #expect(taken / 200 > 60 && taken / 200 < 79)
        // Poisson(3) without 0: mean 3.157, deviation 1.58.
        #expect(abs(taken / count - 3.157) < 4 * 1.58 / count.squareRoot() + 0.1)
        #expect(shuffled > 190)
    }

    @Test func restsAreAsLongAsAsked() {
        var masking = masking()
        (masking.restRate, masking.leastRest) = (1, 0.4)
        var lengths: [Int] = []
        for number in UInt64(0)..<300 {
            let sample = masking(Self.ids[...], sample: number)
            #expect(sample.ids[sample.textLength - 1] == 3)
            lengths.append(sample.ids.count - sample.textLength - 1)
        }
        #expect((lengths.min() ?? 0) >= 200 && (lengths.max() ?? 0) <= 499)
        #expect(Set(lengths).count > 150)
    }

    @Test func blanksDependOnSeedAndSampleAlone() {
        let one = masking()(Self.ids[...], sample: 4)
        #expect(one == masking()(([9, 9] + Self.ids)[2...], sample: 4))
        #expect(one != masking()(Self.ids[...], sample: 5))
        #expect(one != masking(seed: 4)(Self.ids[...], sample: 4))
    }
}
