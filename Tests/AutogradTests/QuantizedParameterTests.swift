import Autograd
import Kernels
import TestSupport
import Testing

/// Ops with quantized weights against the same ops with the decoded weights as dense parameters.
@Suite struct QuantizedParameterTests {
    static let formats = [QuantizedFormat.q8_0, .nf4]

    @Test(arguments: formats, Setting.all)
    func linearEqualsItsDenseTwin(format: QuantizedFormat, setting: Setting) throws {
        for rows in [0, 1, 5, 40] {
            for layout in [WeightLayout.outputsByInputs, .inputsByOutputs] {
                for adds in [false, true] {
                    let (found, expected) = try pair(format, setting, layout) { run, weight in
                        var random = TestNumbers("linear")
                        let bias = run.parameter("bias", [24], random.normal(24))
                        let x = run.leaf([rows, 80], random.normal(rows * 80))
                        let residual = run.leaf(
                            [rows, 24], random.normal(rows * 24), as: .float32)
                        let y =
                            adds
                            ? run.pass.linear(
                                x.tensor, addingTo: residual.tensor, weight: weight, bias: bias,
                                layout: layout)
                            : run.pass.linear(x.tensor, weight: weight, bias: bias, layout: layout)
                        run.backward(y, random.normal(rows * 24))
                        return [run.workspace.numbers(y), x.gradient ?? [], run.gradient(bias)]
                    }
                    compare(found, expected, setting)
                }
            }
        }
    }

    @Test(arguments: formats, Setting.all)
    func crossEntropyAndLogitsEqualTheirDenseTwins(format: QuantizedFormat, setting: Setting)
        throws
    {
        for rows in [1, 5, 40] {
            let targets = (0..<rows).map { Int32($0 % 5 == 3 ? -1 : $0 % 24) }
            let (found, expected) = try pair(format, setting, .outputsByInputs) { run, weight in
                var random = TestNumbers("head")
                let x = run.leaf([rows, 80], random.normal(rows * 80))
                let loss = run.pass.linearCrossEntropy(
                    x.tensor, weight: weight, targets: targets)
                let logits = run.workspace.numbers(run.pass.logits(x.tensor, weight: weight))
                let chosen = run.pass.targetLogProbabilities(
                    x.tensor, weight: weight, targets: targets)
                run.pass.backward(from: loss)
                return [[Float(loss.sum)], logits, chosen, x.gradient ?? []]
            }
            compare(found, expected, setting)
        }
    }

    @Test(arguments: formats, Setting.all)
    func embeddingLooksUpTheDecodedRows(format: QuantizedFormat, setting: Setting) {
        let run = OpRun(setting)
        let table = quantized(format, .outputsByInputs, run)
        let numbers = run.workspace.numbers(table)
        let positions = run.parameter("positions", [4, 80], [Float](repeating: 1, count: 320))
        let y = run.pass.embedding(
            [23, 0, 7, 7, 1, 2, 3, 23], batch: 2, table: table, positions: positions)
        let expected = [23, 0, 7, 7, 1, 2, 3, 23].flatMap { row in
            numbers[row * 80..<(row + 1) * 80].map { $0 + 1 }
        }
        // The tables are read in float32: no rounding but of the sum.
        #expect(run.workspace.numbers(y) == expected)
        run.backward(y, [Float](repeating: 1, count: 8 * 80))
        #expect(run.gradient(positions) == [Float](repeating: 2, count: 320))
    }

    @Test func quantizedParametersTakeNoMemoryAndNeverTrain() throws {
        let workspace = Workspace(threads: 1)
        let names = ["dense", "frozen", "blocks"]
        let parameters = names.map {
            Parameter(name: $0, shape: [256, 512], initializer: .ones)
        }
        parameters[1].isTrainable = false
        workspace.quantize(
            [Float](repeating: 2, count: 256 * 512), as: .nf4, into: parameters[2])
        #expect(!parameters[2].isTrainable)
        parameters[2].isTrainable = true
        #expect(!parameters[2].isTrainable)
        let before = workspace.pool.bytesFromSystem
        let store = ParameterStore(
            parameters, computeType: .float32, training: true, in: workspace)
        // Master and gradient of the one, value of the other; blocks of the pool are a little larger.
        let taken = workspace.pool.bytesFromSystem - before
        #expect(taken >= 3 * 256 * 512 * 4 && taken < 7 * 256 * 512 * 2)
        #expect(store.slots.map(\.parameter.name) == ["dense"])
        #expect(store.trainableCount == 256 * 512)
        #expect(parameters[2].gradient == nil && parameters[2].master == nil)
        store.initialize(seed: 1)
        #expect(workspace.numbers(parameters[2]) == [Float](repeating: 2, count: 256 * 512))
    }

    @Test func numbersHaveTheParametersOwnShape() {
        let workspace = Workspace(threads: 2)
        var random = TestNumbers("shape")
        let numbers = random.normal(24 * 80)
        let square = random.normal(64 * 64)
        for (shape, numbers) in [([80, 24], numbers), ([64, 64], square)] {
            let weight = Parameter(name: "w", shape: Shape(shape), initializer: .zeros)
            weight.layout = .inputsByOutputs
            workspace.quantize(numbers, as: .q8_0, into: weight)
            #expect(weight.quantized?.rows == shape[1] && weight.quantized?.columns == shape[0])
            let found = workspace.numbers(weight)
            #expect(Difference.relative(found, numbers) < 0.01)
        }
    }

    @Test func frozenLinearKeepsNoInput() {
        let run = OpRun(type: .float32, threads: 1)
        let numbers = [Float](repeating: 1, count: 64 * 64)
        for (frozen, kept) in [(true, false), (false, true)] {
            let weight = run.parameter("weight", [64, 64], numbers, frozen: frozen)
            weak var storage: Storage?
            let y = {
                let x = run.leaf([64, 64], numbers)
                let doubled = run.pass.linear(x.tensor, weight: weight, bias: nil)
                storage = doubled.buffer.storage
                return run.pass.linear(doubled, weight: weight, bias: nil)
            }()
            #expect((storage != nil) == kept)
            run.backward(y, numbers)
        }
    }

    /// What `body` returns with a quantized weight (24, 80), or its transpose, and with a dense one of
    /// the same numbers.
    private func pair(
        _ format: QuantizedFormat, _ setting: Setting, _ layout: WeightLayout,
        _ body: (OpRun, Parameter) throws -> [[Float]]
    ) throws -> ([[Float]], [[Float]]) {
        let run = OpRun(setting)
        let weight = quantized(format, layout, run)
        let numbers = run.workspace.numbers(weight)
        let twin = OpRun(setting)
        let dense = twin.parameter("weight", weight.shape, numbers, frozen: true)
        return (try body(run, weight), try body(twin, dense))
    }

    private func quantized(
        _ format: QuantizedFormat, _ layout: WeightLayout, _ run: OpRun
    ) -> Parameter {
        var random = TestNumbers("weight")
        let shape: Shape = layout == .outputsByInputs ? [24, 80] : [80, 24]
        let weight = Parameter(name: "weight", shape: shape, initializer: .zeros)
        weight.layout = layout
        run.workspace.quantize(random.normal(24 * 80), as: format, into: weight)
        _ = ParameterStore(
            [weight], computeType: setting(run), training: true, in: run.workspace)
        return weight
    }

    private func setting(_ run: OpRun) -> ElementType { run.pass.computeType }

    /// float32: other orders of the same sums of up to 80 products, each addition rounded by up to 6e-8. Else: few rows keep float32 weights, which the twin
    /// rounds to the type; then the output is rounded, and the losses sum such outputs.
    private func compare(_ found: [[Float]], _ expected: [[Float]], _ setting: Setting) {
        #expect(found.count == expected.count)
        for (found, expected) in zip(found, expected) {
            let tolerance = setting.type == .float32 ? 80 * 6e-8 : setting.type.tolerance(3)
            #expect(Difference.relative(found, expected) < tolerance)
        }
    }
}
