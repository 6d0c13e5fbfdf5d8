import Autograd
import Foundation
import Kernels
import ModelFiles
import Models
import Objectives
import TestSupport
import Testing
import TextData

/// The objective of texts and targets: how rows are taken apart, and that padding changes nothing.
@Suite struct SequenceToSequenceTests {
    /// Rows of texts and targets as the samples of instructions give them.
    private static func batch(
        _ pairs: [(source: [Int32], target: [Int32])], columns: Int
    ) -> TokenBatch {
        var batch = TokenBatch(rows: pairs.count, columns: columns)
        for (row, pair) in pairs.enumerated() {
            for (column, id) in (pair.source + pair.target).dropLast().enumerated() {
                batch.ids[row * columns + column] = id
            }
            for (column, id) in pair.target.enumerated() {
                batch.targets[row * columns + pair.source.count - 1 + column] = id
            }
            batch.sampleIDs[row] = UInt64(row)
        }
        return batch
    }

    private static let pairs: [(source: [Int32], target: [Int32])] = [
        ([5, 6, 7, 1], [8, 9, 1]), ([10, 1], [11, 12, 13, 14, 15, 16, 17, 18, 19, 1]),
        (Array(20..<38) + [1], [1]),
    ]

    @Test func rowsAreTakenApartWhereTheirTargetsBegin() {
        let batch = TextPairBatch(Self.batch(Self.pairs, columns: 30), start: 3)
        #expect(batch.rows == 3 && batch.sources.count == 3 * 24 && batch.targets.count == 3 * 16)
        #expect(batch.sources.prefix(6) == [5, 6, 7, 1, 0, 0])
        #expect(batch.lengths == [4, 2, 19])
        #expect(batch.read.prefix(5) == [3, 8, 9, 0, 0])
        #expect(batch.targets.prefix(5) == [8, 9, 1, -100, -100])
        #expect(batch.read[16..<28] == [3, 11, 12, 13, 14, 15, 16, 17, 18, 19, 0, 0])
        #expect(batch.read[32..<34] == [3, 0] && batch.targets[32..<34] == [1, -100])
        let even = TextPairBatch(
            Self.batch([(Array(5..<13), [1])], columns: 9), start: 3)
        #expect(even.lengths == [8] && even.sources == Array(5..<13))
    }

    @Test func aRowThatFillsTheBatchHasNoTargets() {
        var rows = TokenBatch(rows: 2, columns: 8)
        rows.targets[3] = 9
        let batch = TextPairBatch(rows, start: 3)
        #expect(batch.targets.count { $0 >= 0 } == 1)
        #expect(batch.lengths == [4, 0])
    }

    private struct Tiny {
        let workspace = Workspace(threads: 1)
        let model: any LanguageModel
        let store: ParameterStore

        init() throws {
            let source = try ModelSource(
                path: References.folder.appendingPathComponent("encoder_decoders/mt5").path)
            model = try source.model()
            store = ParameterStore(
                model.parameters, computeType: .float32, training: true, in: workspace)
            try source.fill(model, model.parameters, in: workspace)
        }

        /// The summed loss and all gradients of some batches.
        func gradients(_ batches: [TokenBatch]) -> (loss: Double, targets: Double, [[Float]]) {
            let objective = SequenceToSequence(model)
            store.clearGradients()
            var (sum, targets) = (0.0, 0.0)
            for batch in batches {
                let pass = ForwardPass(workspace: workspace, computeType: .float32, tape: Tape())
                let loss = objective.loss(batch, given: Measures([]), in: pass)
                pass.backward(from: loss.loss)
                sum += loss.loss.sum
                targets += loss.divisor
            }
            let gradients = model.parameters.map {
                workspace.numbers($0.gradient ?? workspace.buffer(1, .float32), count: $0.count)
            }
            return (sum, targets, gradients)
        }
    }

    // The same sums in another order: roundings of 6e-8 in sums over 14 targets.
    @Test func paddingAndFillingRowsChangeNeitherLossNorGradients() throws {
        let tiny = try Tiny()
        let together = tiny.gradients([Self.batch(Self.pairs, columns: 30)])
        let apart = tiny.gradients(Self.pairs.map { Self.batch([$0], columns: 29) })
        var filled = Self.batch(Self.pairs + [([4, 1], [9, 1])], columns: 30)
        for column in 0..<30 {
            filled.ids[90 + column] = 0
            filled.targets[90 + column] = TokenBatch.ignoredTarget
        }
        filled.sampleIDs[3] = TokenBatch.fillerID
        for other in [apart, tiny.gradients([filled])] {
            #expect(together.targets == 14 && other.targets == 14)
            #expect(abs(other.loss - together.loss) < 1e-5 * together.loss)
            for (one, two) in zip(together.2, other.2) {
                #expect(Difference.relative(two, one) < 1e-5)
            }
        }
    }

    /// The loss of the reference's targets, whose sources are filled up behind: scripts/references/
    /// encoder_decoders.py, row 1.
    @Test func aFilledUpRowHasTransformersLogProbabilities() throws {
        let tiny = try Tiny()
        let file = try ReferenceFile("encoder_decoders/mt5/reference.safetensors")
        let source = Array(try file.integers("input_ids")[23..<23 + 17])
        let target = Array(try file.integers("labels")[13..<26])
        let logits = try file.floats("logits")
        let size = tiny.model.description.vocabularySize
        var expected = 0.0
        for (place, token) in target.enumerated() {
            let row = logits[(13 + place) * size..<(14 + place) * size].map(Double.init)
            expected -= row[Int(token)] - Self.logSum(row)
        }
        let batch = Self.batch([(source, target), (Array(5..<24), [7, 1])], columns: 40).row(0)
        let pass = ForwardPass(workspace: tiny.workspace, computeType: .float32)
        let found = SequenceToSequence(tiny.model).evaluate(batch, in: pass)
        #expect(found.divisor == 13)
        #expect(abs(found.loss.sum - expected) < 1e-4)
    }

    private static func logSum(_ row: [Double]) -> Double {
        let top = row.max() ?? 0
        var sum = 0.0
        for value in row { sum += Foundation.exp(value - top) }
        return top + Foundation.log(sum)
    }

    @Test func randomBatchesHaveTextsAndTargetsOfTheLengthAskedFor() throws {
        let tiny = try Tiny()
        let random = SequenceToSequence(tiny.model).randomBatch(rows: 2, columns: 16, seed: 3)
        let batch = TextPairBatch(random, start: 0)
        #expect(
            batch.sources.count == 32 && batch.targets.count == 32 && batch.lengths == [16, 16])
        #expect(batch.targets.allSatisfy { $0 >= 0 })
    }
}
