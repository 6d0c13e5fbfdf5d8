import Foundation
import Kernels
import Testing

/// float32 numbers in halves: what goes in comes out, whatever reads or moves it.
@Suite struct SplitNumbersTests {
    private let workspace = Workspace(threads: 2)

    /// Bits that end in every way, the ties among them, with signs and exponents from end to end.
    private var awkward: [Float] {
        let lowers: [UInt32] = [0, 1, 0x7fff, 0x8000, 0x8001, 0xffff]
        let uppers: [UInt32] = [
            0, 1, 0x7f, 0x80, 0x3f7f, 0x3f80, 0x3f81, 0x4000, 0x7f7e, 0x7f7f,
        ]
        let bits = uppers.flatMap { upper in lowers.map { upper << 16 | $0 } }
        return (bits + bits.map { $0 | 1 << 31 }).map(Float.init(bitPattern:))
            + [.infinity, -.infinity]
    }

    private func halves(_ numbers: [Float]) -> SplitNumbers {
        let split = workspace.splitZeros(numbers.count)
        workspace.store(numbers, into: split)
        return split
    }

    private func bits(_ numbers: [Float]) -> [UInt32] { numbers.map(\.bitPattern) }

    private func drawn(_ count: Int, key: UInt64, deviation: Float = 0.02) -> Buffer {
        let x = workspace.buffer(count, .float32)
        workspace.fillNormal(x, count: count, deviation: deviation, key: key)
        return x
    }

    @Test func everyNumberComesBackToTheBit() {
        let numbers = awkward
        #expect(bits(workspace.numbers(halves(numbers), count: numbers.count)) == bits(numbers))
        // Long enough for several threads.
        let x = drawn(100_003, key: 1)
        let (split, y) = (workspace.splitZeros(100_003), workspace.buffer(100_003, .float32))
        workspace.split(x, into: split, count: 100_003)
        workspace.join(split, into: y, count: 100_003)
        #expect(workspace.numbers(y, count: 100_003) == workspace.numbers(x, count: 100_003))
    }

    @Test func noNumberStaysNone() {
        for bits: UInt32 in [0x7fc0_0000, 0x7f80_0001, 0x7fff_ffff, 0xffff_ffff, 0xff80_0001] {
            let split = halves([Float(bitPattern: bits)])
            #expect(workspace.numbers(split, count: 1)[0].isNaN)
            #expect(workspace.numbers(split.rounded, count: 1)[0].isNaN)
            #expect(!workspace.sumOfSquares(split, count: 1).isFinite)
        }
    }

    @Test func roundedAreTheNearestAndTiesGoUpward() {
        for (number, rounded) in zip(
            awkward, workspace.numbers(halves(awkward).rounded, count: awkward.count))
        where number.isFinite {
            let bits = number.bitPattern
            let expected = (bits &+ 0x8000) & 0xffff_0000
            #expect(rounded.bitPattern == expected, "\(number)")
        }
        // Which but for the ties is what conversion to bfloat16 gives.
        let x = drawn(50_000, key: 2)
        let numbers = workspace.numbers(x, count: 50_000)
        let converted = workspace.buffer(50_000, .bfloat16)
        workspace.convert(x, to: converted, count: 50_000)
        let expected = workspace.numbers(converted, count: 50_000)
        let found = workspace.numbers(halves(numbers).rounded, count: 50_000)
        for index in 0..<50_000 where numbers[index].bitPattern & 0xffff != 0x8000 {
            #expect(found[index] == expected[index])
        }
    }

    @Test func rowsAreThoseOfTheWholeTable() {
        let (rows, width) = (11, 37)
        let table = drawn(rows * width, key: 3)
        let split = halves(workspace.numbers(table, count: rows * width))
        let ids: [Int32] = [10, 0, 3, 3]
        let (whole, joined) = (
            workspace.buffer(4 * width, .float32), workspace.buffer(4 * width, .float32)
        )
        for adding in [false, true] {
            workspace.gatherRows(of: table, ids: ids, width: width, into: whole, adding: adding)
            workspace.gatherRows(of: split, ids: ids, width: width, into: joined, adding: adding)
            #expect(
                workspace.numbers(joined, count: 4 * width)
                    == workspace.numbers(whole, count: 4 * width))
        }
    }

    @Test func sumOfSquaresIsThatOfTheWholeNumbers() {
        let x = drawn(70_001, key: 4)
        let split = halves(workspace.numbers(x, count: 70_001))
        let (found, expected) = (
            workspace.sumOfSquares(split, count: 70_001), workspace.sumOfSquares(x, count: 70_001)
        )
        #expect(abs(found - expected) <= 1e-12 * expected)
    }

    @Test(arguments: [UpdateRule.adamW, .lion, .sgd(nesterov: false), .sgd(nesterov: true)])
    func updatesMoveHalvesAsTheyMoveTheWhole(rule: UpdateRule) {
        let count = 20_011
        func moments() -> (Buffer, Buffer?) {
            (
                workspace.zeros(count, .float32),
                rule.hasSecondMoment ? workspace.zeros(count, .float32) : nil
            )
        }
        let weights = drawn(count, key: 5)
        let split = halves(workspace.numbers(weights, count: count))
        let ((first, second), (otherFirst, otherSecond)) = (moments(), moments())
        for step in 1...5 {
            let gradients = drawn(count, key: UInt64(10 + step), deviation: 1)
            let factors = UpdateFactors(
                learningRate: 0.01, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1,
                correction1: rule == .adamW ? Float(1 - pow(0.9, Double(step))) : 1,
                correction2: Float(1 - pow(0.99, Double(step))), gradientScale: 0.5)
            workspace.update(
                rule, factors, weights: weights, gradients: gradients, first: first,
                second: second, copies: nil, count: count)
            // From an odd element on, as a rank's share may begin.
            for range in [0..<7, 7..<count] {
                let start = range.lowerBound
                workspace.update(
                    rule, factors, weights: split.advanced(by: start),
                    gradients: gradients.advanced(by: start),
                    first: otherFirst.advanced(by: start),
                    second: otherSecond?.advanced(by: start), count: range.count)
            }
        }
        #expect(
            bits(workspace.numbers(split, count: count))
                == bits(workspace.numbers(weights, count: count)))
    }

    @Test func viewsMoveTheBytesOfTwoByteElements() {
        let numbers = workspace.numbers(drawn(64, key: 6), count: 64)
        let (source, target) = (halves(numbers), workspace.splitZeros(64))
        for (from, to) in zip(source.arrays, target.arrays) {
            #expect(from.hostView(0..<64).words.count == 32)
            _ = to.hostView(32..<64).words.update(from: from.hostView(32..<64).words)
        }
        let expected = [Float](repeating: 0, count: 32) + numbers[32...]
        #expect(workspace.numbers(target, count: 64) == expected)
    }
}
