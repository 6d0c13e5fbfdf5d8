import Autograd
import Kernels
import TestSupport
import Testing

/// Embeddings against PyTorch's values (scripts/references/ops.py).
@Suite struct EmbeddingTests {
    // The table is read in float32 whatever the compute type: rows are copies, bit for bit.
    @Test(arguments: ["small", "odd"], Setting.all)
    func rowsAndGradientsEqualPyTorch(name: String, setting: Setting) throws {
        let file = try ReferenceFile("ops/embedding.safetensors")
        let run = OpRun(setting)
        let ids = try file.integers("\(name).ids")
        let shape = Shape(try file.shape("\(name).weight"))
        let table = run.parameter("table", shape, try file.floats("\(name).weight"))
        let batch = try file.shape("\(name).ids")[0]
        let y = run.pass.embedding(ids, batch: batch, table: table)
        let outputShape = Shape(try file.shape("\(name).output"))
        #expect(y.type == .float32 && y.shape == outputShape)
        let output = try file.floats("\(name).output")
        #expect(run.workspace.numbers(y) == output)
        run.backward(y, try file.floats("\(name).grad.output"))
        // Sums of at most 33 float32 numbers.
        let expected = try file.floats("\(name).grad.weight")
        #expect(Difference.relative(run.gradient(table), expected) < 1e-6)
    }

    @Test(arguments: Setting.all)
    func positionsAreAdded(setting: Setting) {
        let run = OpRun(setting)
        let table = run.parameter("table", [3, 2], [1, 2, 3, 4, 5, 6])
        let positions = run.parameter("positions", [5, 2], (0..<10).map { 10 * Float($0) })
        let y = run.pass.embedding(
            [2, 0, 1, 1], batch: 2, table: table, positions: positions,
            positionIDs: [3, 4, 3, 4])
        #expect(run.workspace.numbers(y) == [65, 76, 81, 92, 63, 74, 83, 94])
        run.backward(y, [1, 2, 3, 4, 5, 6, 7, 8])
        #expect(run.gradient(table) == [3, 4, 12, 14, 1, 2])
        #expect(run.gradient(positions) == [0, 0, 0, 0, 0, 0, 6, 8, 10, 12])
    }

    // Many rows of one id: the order of the additions is that of the rows, however many threads.
    @Test func gradientDoesNotDependOnThreads() {
        var numbers = TestNumbers("embedding")
        let ids = numbers.integers(500, below: 7)
        let upstream = numbers.normal(500 * 200)
        let gradients = [1, 2, 3].map { threads in
            let run = OpRun(threads: threads)
            let table = run.parameter("table", [7, 200], [Float](repeating: 0, count: 1400))
            run.backward(run.pass.embedding(ids, batch: 5, table: table), upstream)
            return run.gradient(table)
        }
        #expect(gradients[0] == gradients[1] && gradients[1] == gradients[2])
        #expect(gradients[0].contains { $0 != 0 })
    }

    @Test(arguments: Setting.all)
    func noTokensGiveNoRows(setting: Setting) {
        let run = OpRun(setting)
        let table = run.parameter("table", [3, 2], [1, 2, 3, 4, 5, 6])
        for batch in [0, 2] {
            let y = run.pass.embedding([], batch: batch, table: table)
            #expect(y.shape == [batch, 0, 2])
        }
        let run2 = OpRun(setting)
        let other = run2.parameter("table", [3, 2], [1, 2, 3, 4, 5, 6])
        run2.backward(run2.pass.embedding([], batch: 2, table: other), [])
        #expect(run2.gradient(other) == [0, 0, 0, 0, 0, 0])
    }
}
