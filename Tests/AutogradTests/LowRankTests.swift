import Autograd
import Kernels
import TestSupport
import Testing

/// The fused low-rank op against the same from ops of its parts, and DoRA's scaling against sums
/// written out.
@Suite struct LowRankTests {
    private let source = DropoutSource(seed: 9, sampleIDs: [4, 5])
    private let scale: Float = 1.5

    private struct Result {
        let y, dx, dy, da, db: [Float]
    }

    private func run(
        _ setting: Setting, rank: Int = 5, rows: Int = 9, dropping: Float, floatSum: Bool,
        fused: Bool
    ) -> Result {
        var numbers = TestNumbers("low rank")
        let run = OpRun(setting, dropout: source)
        let x = run.leaf([2, rows, 33], numbers.normal(2 * rows * 33))
        let y = run.leaf(
            [2, rows, 21], numbers.normal(2 * rows * 21), as: floatSum ? .float32 : nil)
        let a = run.parameter("a", [rank, 33], numbers.normal(rank * 33))
        let b = run.parameter("b", [21, rank], numbers.normal(21 * rank))
        let upstream = numbers.normal(2 * rows * 21)
        var sum: Tensor
        if fused {
            sum = run.pass.addLowRank(
                x.tensor, to: y.tensor, a: a, b: b, scale: scale, dropping: dropping)
        } else {
            let dropped = run.pass.dropout(x.tensor, probability: dropping)
            let inner = run.pass.linear(dropped, weight: a, bias: nil)
            let outer = run.pass.linear(inner, weight: b, bias: nil)
            let scaled = run.pass.convert(outer, to: outer.type, times: scale)
            sum = run.pass.add(scaled, to: y.tensor, dropping: 0)
        }
        let result = run.workspace.numbers(sum)
        run.backward(sum, upstream)
        return Result(
            y: result, dx: x.gradient ?? [], dy: y.gradient ?? [], da: run.gradient(a),
            db: run.gradient(b))
    }

    // Both round the two products and the sum, at places that differ: some six roundings.
    @Test(arguments: Setting.all, [Float(0), 0.4])
    func fusedOpEqualsItsParts(setting: Setting, dropping: Float) {
        for floatSum in [true, false] {
            let fused = run(setting, dropping: dropping, floatSum: floatSum, fused: true)
            let parts = run(setting, dropping: dropping, floatSum: floatSum, fused: false)
            let bound = setting.type.tolerance(6)
            #expect(Difference.relative(fused.y, parts.y) < bound)
            #expect(Difference.relative(fused.dx, parts.dx) < bound)
            #expect(Difference.relative(fused.dy, parts.dy) < bound)
            #expect(Difference.relative(fused.da, parts.da) < bound)
            #expect(Difference.relative(fused.db, parts.db) < bound)
        }
    }

    // Beyond 32, ranks go through general products; sums over 2 · 250 rows in float32 round more.
    @Test(arguments: Setting.all, [1, 8, 16, 32, 40])
    func everyRankEqualsItsParts(setting: Setting, rank: Int) {
        for rows in [1, 250] {
            let fused = run(
                setting, rank: rank, rows: rows, dropping: 0, floatSum: false, fused: true)
            let parts = run(
                setting, rank: rank, rows: rows, dropping: 0, floatSum: false, fused: false)
            let bound = setting.type.tolerance(6, wide: 2e-6)
            #expect(Difference.relative(fused.y, parts.y) < bound)
            #expect(Difference.relative(fused.dx, parts.dx) < bound)
            #expect(Difference.relative(fused.dy, parts.dy) < bound)
            #expect(Difference.relative(fused.da, parts.da) < bound)
            #expect(Difference.relative(fused.db, parts.db) < bound)
        }
    }

    @Test func noRowsChangeNothing() {
        let run = OpRun()
        let x = run.leaf([0, 8], [])
        let y = run.leaf([0, 6], [])
        let a = run.parameter("a", [2, 8], [Float](repeating: 1, count: 16))
        let b = run.parameter("b", [6, 2], [Float](repeating: 1, count: 12))
        let sum = run.pass.addLowRank(x.tensor, to: y.tensor, a: a, b: b, scale: 1)
        run.backward(sum, [])
        #expect(run.gradient(a).allSatisfy { $0 == 0 } && run.gradient(b).allSatisfy { $0 == 0 })
    }

    @Test(arguments: Setting.all, [WeightLayout.outputsByInputs, .inputsByOutputs])
    func normsAreThoseOfTheWholeSum(setting: Setting, layout: WeightLayout) {
        var numbers = TestNumbers("norms")
        let run = OpRun(setting)
        let (inputs, outputs, rank) = (40, 23, 4)
        let isPlain = layout == .outputsByInputs
        let w = run.parameter(
            "w", isPlain ? [outputs, inputs] : [inputs, outputs],
            numbers.normal(inputs * outputs), frozen: true)
        let a = run.parameter("a", [rank, inputs], numbers.normal(rank * inputs))
        let b = run.parameter("b", [outputs, rank], numbers.normal(outputs * rank))
        let weight = run.workspace.numbers(w)
        let (fa, fb) = (run.workspace.numbers(a), run.workspace.numbers(b))
        var squares = [Float](repeating: 0, count: outputs)
        var expected = squares
        for j in 0..<outputs {
            var sum = 0.0
            for i in 0..<inputs {
                let value = Double(isPlain ? weight[j * inputs + i] : weight[i * outputs + j])
                squares[j] += Float(value * value)
                let change = (0..<rank).reduce(0.0) {
                    $0 + Double(fb[j * rank + $1]) * Double(fa[$1 * inputs + i])
                }
                sum += (value + Double(scale) * change) * (value + Double(scale) * change)
            }
            expected[j] = Float(sum.squareRoot())
        }
        let norms = run.pass.normsOfSum(
            weight: w, layout: layout, squares: run.workspace.tensor([outputs], squares).buffer,
            a: a, b: b, scale: scale)
        let found = run.workspace.numbers(norms, count: outputs)
        #expect(Difference.relative(found, expected) < setting.type.tolerance(3))
    }

    @Test(arguments: Setting.all, [false, true])
    func magnitudeScalesColumns(setting: Setting, floatBase: Bool) {
        var numbers = TestNumbers("magnitude")
        let run = OpRun(setting)
        let (rows, columns, offset) = (7, 300, Float(-1))
        let z = run.leaf([rows, columns], numbers.normal(rows * columns))
        let base = run.leaf(
            [rows, columns], numbers.normal(rows * columns), as: floatBase ? .float32 : nil)
        let m = run.parameter("m", [columns], numbers.normal(columns))
        let bias = run.parameter("bias", [columns], numbers.normal(columns))
        let norms = numbers.normal(columns).map { abs($0) + 0.5 }
        let upstream = numbers.normal(rows * columns)
        let y = run.pass.scaleByMagnitude(
            z.tensor, addingTo: base.tensor, magnitude: m,
            norms: run.workspace.tensor([columns], norms).buffer, offset: offset,
            bias: floatBase ? bias : nil)
        #expect(y.type == base.tensor.type)
        let (zs, bases) = (run.workspace.numbers(z.tensor), run.workspace.numbers(base.tensor))
        let (ms, biases) = (run.workspace.numbers(m), run.workspace.numbers(bias))
        let factors = zip(ms, norms).map { $0 / $1 + offset }
        let dy = run.workspace.numbers(
            run.workspace.tensor([rows, columns], upstream, as: y.type))
        let expected = zs.indices.map {
            bases[$0] + factors[$0 % columns] * zs[$0] + (floatBase ? biases[$0 % columns] : 0)
        }
        let dz = zs.indices.map { factors[$0 % columns] * dy[$0] }
        var (dm, dbias) = (
            [Float](repeating: 0, count: columns), [Float](repeating: 0, count: columns)
        )
        for index in zs.indices {
            dm[index % columns] += dy[index] * zs[index] / norms[index % columns]
            dbias[index % columns] += floatBase ? dy[index] : 0
        }
        let found = run.workspace.numbers(y)
        run.backward(y, upstream)
        let bound = setting.type.tolerance(2)
        #expect(Difference.relative(found, expected) < bound)
        #expect(Difference.relative(z.gradient ?? [], dz) < bound)
        #expect(Difference.relative(base.gradient ?? [], dy) < bound)
        #expect(Difference.relative(run.gradient(m), dm) < bound)
        #expect(Difference.relative(run.gradient(bias), dbias) < bound)
    }

    // As PEFT, which looks A up with the base's padding_idx: B has its part of the gradient.
    @Test func aPaddingTokenGivesTheFirstFactorNoGradient() {
        let gradients = [nil, 1].map { (padding: Int?) -> (a: [Float], b: [Float]) in
            let run = OpRun(threads: 1)
            let table = run.parameter("table", [3, 2], [0, 0, 0, 0, 0, 0])
            let a = run.parameter("a", [1, 3], [1, 2, 3])
            let b = run.parameter("b", [2, 1], [5, 7])
            let ids: [Int32] = [1, 0, 1]
            let y = run.pass.embedding(ids, batch: 1, table: table)
            run.backward(
                run.pass.addLowRankEmbedding(
                    ids, to: y, a: a, b: b, scale: 2, padding: padding), [1, 2, 3, 4, 5, 6])
            return (run.gradient(a), run.gradient(b))
        }
        #expect(gradients[0].a == [86, 172, 0] && gradients[1].a == [86, 0, 0])
        #expect(gradients[0].b == [30, 40] && gradients[1].b == [30, 40])
    }
}
