import Autograd
import Kernels
import Testing

/// NEFTune's noise: its size, its length, and what it depends on.
@Suite struct EmbeddingNoiseTests {
    private static let (columns, width) = (120, 64)

    /// The noise of some rows, each (columns, width).
    private func noise(
        samples: [UInt64], lengths: [Int]?, alpha: Float = 5, columns: Int = columns,
        threads: Int = 1, training: Bool = true
    ) -> [[Float]] {
        let workspace = Workspace(threads: threads)
        let source = DropoutSource(seed: 5, sampleIDs: samples, embeddingNoise: alpha)
        let pass = ForwardPass(
            workspace: workspace, computeType: .float32, dropout: training ? source : nil)
        let count = columns * Self.width
        let y = workspace.tensor(
            [samples.count, columns, Self.width],
            Array(repeating: Float(0), count: samples.count * count))
        pass.addEmbeddingNoise(to: y, lengths: lengths)
        let numbers = workspace.numbers(y)
        return samples.indices.map { Array(numbers[$0 * count..<($0 + 1) * count]) }
    }

    @Test func itIsUniformOverTheRowsOwnTokens() {
        for (row, length) in zip(noise(samples: [1, 2, 3], lengths: [120, 50, 0]), [120, 50, 0]) {
            let own = row.prefix(length * Self.width)
            #expect(row.dropFirst(own.count).allSatisfy { $0 == 0 })
            guard length > 0 else { continue }
            let count = Double(own.count)
            let bound = 5 / count.squareRoot()
            #expect(own.allSatisfy { Double(abs($0)) <= bound * (1 + 1e-6) })
            #expect(Double(own.max() ?? 0) > 0.99 * bound && Double(own.min() ?? 0) < -0.99 * bound)
            let mean = own.reduce(0.0) { $0 + Double($1) } / count
            let square = own.reduce(0.0) { $0 + Double($1) * Double($1) } / count
            // Four standard deviations of the means of uniform numbers and of their squares.
            #expect(abs(mean) < 4 * bound / (3 * count).squareRoot())
            #expect(abs(square / (bound * bound) - 1.0 / 3) < 4 * (4 / (45 * count)).squareRoot())
        }
    }

    /// Neither the rows beside it nor what fills a row up, nor threads.
    @Test func itDependsOnTheSampleAlone() {
        let alone = noise(samples: [7], lengths: [50], columns: 50)[0]
        let beside = noise(samples: [3, 7], lengths: [120, 50], threads: 3)[1]
        #expect(Array(beside.prefix(alone.count)) == alone)
        #expect(noise(samples: [8], lengths: [50], columns: 50)[0] != alone)
        #expect(noise(samples: [7], lengths: nil, columns: 50)[0] == alone)
    }

    @Test func itIsThereInTrainingAlone() {
        #expect(noise(samples: [7], lengths: nil, training: false)[0].allSatisfy { $0 == 0 })
        #expect(noise(samples: [7], lengths: nil, alpha: 0)[0].allSatisfy { $0 == 0 })
    }
}
