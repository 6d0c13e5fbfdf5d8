import Autograd
import Kernels
import Testing

/// Gradients against central differences of the loss, op by op.
///
/// For a random direction d of each input, (L(x + εd) − L(x − εd)) / 2ε has to be ⟨∇L, d⟩. With
/// ε = 2e-3 the error of the formula is about ε² and that of float32 sums 1e-4 of ‖∇L‖.
@Suite struct FiniteDifferenceTests {
    private static let step: Float = 2e-3
    private static let tolerance = 3e-3

    /// Inputs and parameters of one op, and how it is applied.
    private struct Check {
        var inputs: [Shape] = []
        var parameters: [Shape] = []
        var dropout: DropoutSource?
        let output: (OpRun, [Tensor], [Parameter]) -> Tensor
    }

    @Test func linear() throws {
        for layout in [WeightLayout.outputsByInputs, .inputsByOutputs] {
            let weight: Shape = layout == .outputsByInputs ? [5, 7] : [7, 5]
            try check(
                "linear",
                Check(inputs: [[2, 3, 7]], parameters: [weight, [5]]) { run, x, w in
                    run.pass.linear(x[0], weight: w[0], bias: w[1], layout: layout)
                })
            try check(
                "residual linear",
                Check(inputs: [[6, 7], [6, 5]], parameters: [weight, [5]]) { run, x, w in
                    run.pass.linear(
                        x[0], addingTo: x[1], weight: w[0], bias: w[1], layout: layout)
                })
        }
    }

    @Test(arguments: [2, 3, 4, 5, 7])
    func blockRotation(terms: Int) throws {
        let form = BlockMatrices(blocks: 3, size: 4)
        try check(
            "rotation of \(terms) terms",
            Check(inputs: [[2, 3, 12]], parameters: [[form.skewCount]]) { run, x, w in
                run.pass.rotateBlocks(x[0], by: w[0], form, terms: terms)
            })
    }

    @Test(arguments: [(1, 3, 3), (1, 1, 6), (2, 4, 4), (3, 4, 2)])
    func butterfly(factors: Int, blocks: Int, size: Int) throws {
        let butterfly = Butterfly(
            BlockMatrices(blocks: blocks, size: size), factors: factors)
        try check(
            "butterfly of \(factors) factors",
            Check(
                inputs: [[2, 3, butterfly.width]], parameters: [[butterfly.all.count]]
            ) { run, x, w in
                run.pass.rotateColumns(x[0], by: w[0], butterfly)
            })
    }

    @Test func rowsInFront() throws {
        try check(
            "rows in front",
            Check(inputs: [[3, 11], [2, 4, 5]]) { run, x, _ in
                run.pass.putting(x[0], column: 4, before: x[1])
            })
        try check(
            "rows without the first",
            Check(inputs: [[2, 5, 3]]) { run, x, _ in run.pass.dropping(first: 2, of: x[0]) })
    }

    // 150 tokens are two blocks of queries; the prefix's angles are none.
    @Test(arguments: [5, 150], [0, 4])
    func attentionBehindAPrefix(times: Int, window: Int) throws {
        var settings = AttentionSettings(heads: 4, groups: 2, headSize: 6, scale: 0.4)
        settings.window = window
        settings.rotary = RotaryTable(
            unturned: 3, of: RotaryTable(inverseFrequencies: [1, 0.3], positions: times + 3))
        let prefix: Shape = [3, 2 * 2 * 12]
        try check(
            "attention behind a prefix",
            Check(
                inputs: [[2, times, 24], [2, times, 12], [2, times, 12], prefix]
            ) { [settings] run, x, _ in
                run.pass.attention(
                    .separate(q: x[0], k: x[1], v: x[2]), settings,
                    prefix: AttentionPrefix(x[3], layer: 1))
            })
        let mask = AttentionMask(
            queries: Array(repeating: 1, count: 2 * times),
            keys: (0..<2 * times).map { $0 % times == times - 1 ? 0 : 1 })
        try check(
            "fused attention behind a prefix",
            Check(inputs: [[2, times, 48], prefix]) { [settings] run, x, _ in
                run.pass.attention(
                    .fused(x[0]), settings, mask: mask, prefix: AttentionPrefix(x[1], layer: 0))
            })
    }

    @Test func norms() throws {
        try check(
            "layer norm",
            Check(inputs: [[4, 9]], parameters: [[9], [9]]) { run, x, w in
                run.pass.layerNorm(x[0], gain: w[0], bias: w[1], epsilon: 1e-5)
            })
        try check(
            "rms norm",
            Check(inputs: [[4, 12]], parameters: [[4]]) { run, x, w in
                run.pass.rmsNorm(x[0], gain: w[0], epsilon: 1e-5)
            })
        try check(
            "rms norm by one more",
            Check(inputs: [[4, 12]], parameters: [[4]]) { run, x, w in
                run.pass.rmsNorm(x[0], gain: w[0], epsilon: 1e-5, addsOne: true)
            })
        try check("unit rows", Check(inputs: [[4, 9]]) { run, x, _ in run.pass.unitRows(x[0]) })
    }

    @Test(arguments: [Activation.geluTanh, .gelu, .silu])
    func activations(kind: Activation) throws {
        try check(
            "activation \(kind)",
            Check(inputs: [[3, 11]]) { run, x, _ in run.pass.activation(kind, x[0]) })
        try check(
            "gate \(kind)",
            Check(inputs: [[3, 11], [3, 11]]) { run, x, _ in
                run.pass.gated(kind, gate: x[0], up: x[1])
            })
        try check(
            "fused gate \(kind)",
            Check(inputs: [[3, 22]]) { run, x, _ in run.pass.fusedGate(kind, x[0]) })
    }

    @Test func scaleAndHeadsByGroup() throws {
        try check(
            "scale", Check(inputs: [[3, 7]]) { run, x, _ in run.pass.scale(x[0], by: 5.5) })
        try check(
            "ungroup",
            Check(inputs: [[2, 3, 30]]) { run, x, _ in
                run.pass.ungroupHeads(x[0], heads: 6, groups: 2, size: 3)
            })
    }

    @Test func embedding() throws {
        try check(
            "embedding",
            Check(parameters: [[5, 3], [4, 3]]) { run, _, w in
                run.pass.embedding(
                    [0, 1, 4, 1, 1, 2], batch: 2, table: w[0], positions: w[1],
                    positionIDs: [1, 2, 3, 0, 0, 3])
            })
    }

    @Test func dropoutAndSum() throws {
        let source = DropoutSource(seed: 3, sampleIDs: [7, 8])
        try check(
            "dropout",
            Check(inputs: [[2, 9], [2, 9]], dropout: source) { run, x, _ in
                run.pass.add(run.pass.dropout(x[0], probability: 0.4), to: x[1], dropping: 0.3)
            })
        try check(
            "sum",
            Check(inputs: [[2, 9], [2, 9]]) { run, x, _ in
                run.pass.add(x[0], to: x[1], dropping: 0)
            })
    }

    // Windows, segments, rotation and dropout at once: 150 tokens are two blocks of queries.
    @Test(arguments: [5, 150], [Float(0), 0.3])
    func attention(times: Int, dropout: Float) throws {
        var settings = AttentionSettings(heads: 4, groups: 2, headSize: 6, scale: 0.4)
        settings.dropout = dropout
        let source = DropoutSource(seed: 3, sampleIDs: [7, 8])
        let inputs: [Shape] = [[2, times, 24], [2, times, 12], [2, times, 12]]
        try check(
            "attention",
            Check(inputs: inputs, dropout: source) { [settings] run, x, _ in
                run.pass.attention(.separate(q: x[0], k: x[1], v: x[2]), settings)
            })
        settings.window = 4
        settings.rotary = RotaryTable(inverseFrequencies: [1, 0.3], positions: times)
        let segments = (0..<2 * times).map { Int32($0 % times < 3 ? 0 : 1) }
        try check(
            "windowed attention",
            Check(inputs: inputs, dropout: source) { [settings] run, x, _ in
                run.pass.attention(
                    .separate(q: x[0], k: x[1], v: x[2]), settings,
                    mask: AttentionMask(segments: segments))
            })
        settings.ahead = nil
        settings.window = 0
        try check(
            "bidirectional attention",
            Check(inputs: [[2, times, 48]], dropout: source) { [settings] run, x, _ in
                run.pass.attention(.fused(x[0]), settings, mask: AttentionMask(segments: segments))
            })
    }

    // Queries of another sequence, a band, a prefix seen whole, and a bias by distance.
    @Test(arguments: [(5, 9), (150, 90)], [Float(0), 0.3])
    func maskedAttention(extents: (queries: Int, keys: Int), dropout: Float) throws {
        let (times, keys) = extents
        let source = DropoutSource(seed: 3, sampleIDs: [7, 8])
        var settings = AttentionSettings(heads: 4, groups: 2, headSize: 6, scale: 0.4)
        settings.dropout = dropout
        settings.ahead = nil
        let mask = AttentionMask(
            queries: (0..<2 * times).map { Int32($0 % 3) },
            keys: (0..<2 * keys).map { Int32($0 % 2) })
        let buckets = (1 - times..<keys).map { Int32(abs($0) % 7) }
        try check(
            "cross attention with a bias",
            Check(
                inputs: [[2, times, 24], [2, keys, 12], [2, keys, 12]], parameters: [[7, 4]],
                dropout: source
            ) { [settings] run, x, w in
                run.pass.attention(
                    .separate(q: x[0], k: x[1], v: x[2]), settings, mask: mask,
                    bias: run.pass.relativeBias(w[0], buckets: buckets))
            })
        settings.ahead = 2
        settings.window = 3
        try check(
            "attention in a band",
            Check(inputs: [[2, times, 48]], dropout: source) { [settings] run, x, _ in
                run.pass.attention(.fused(x[0]), settings)
            })
        var prefix = AttentionMask()
        prefix.keyEnds = (0..<2 * times).map { Int32(max($0 % times + 1, times / 2)) }
        settings.window = 0
        try check(
            "attention with a prefix",
            Check(inputs: [[2, times, 48]], dropout: source) { [settings, prefix] run, x, _ in
                run.pass.attention(.fused(x[0]), settings, mask: prefix)
            })
    }

    // Capped scores, ALiBi and neighbouring pairs, each with dropout and segments.
    @Test(arguments: [5, 150], [Float(0), 0.3])
    func bentAttention(times: Int, dropout: Float) throws {
        var capped = AttentionSettings(heads: 4, groups: 2, headSize: 6, scale: 0.4)
        capped.dropout = dropout
        var sloped = capped
        capped.softcap = 0.8
        capped.rotary = RotaryTable(
            inverseFrequencies: [1, 0.3], positions: times, pairsNeighbours: true)
        sloped.slopes = [0.5, 0.1, 0.02, 0.3]
        let segments = (0..<2 * times).map { Int32($0 % times < 3 ? 0 : 1) }
        for settings in [capped, sloped] {
            try check(
                "capped and sloped attention",
                Check(
                    inputs: [[2, times, 48]], dropout: DropoutSource(seed: 3, sampleIDs: [7, 8])
                ) { run, x, _ in
                    run.pass.attention(
                        .fused(x[0]), settings, mask: AttentionMask(segments: segments))
                })
        }
    }

    @Test(arguments: [
        LogitForm(), LogitForm(softcap: 1.5), LogitForm(normalizesRows: true),
    ])
    func linearCrossEntropy(form: LogitForm) throws {
        let (rows, width, vocabulary) = (40, 5, 11)
        var numbers = TestNumbers("cross-entropy")
        let (x, w) = (numbers.normal(rows * width), numbers.normal(vocabulary * width))
        let targets = numbers.integers(rows, below: vocabulary).enumerated().map {
            $0.offset % 7 == 3 ? -100 : $0.element
        }
        let evaluate = { (x: [Float], w: [Float]) -> (loss: Double, dx: [Float], dw: [Float]) in
            let run = OpRun()
            let weight = run.parameter("weight", [vocabulary, width], w)
            let leaf = run.leaf([rows, width], x)
            let loss = run.pass.linearCrossEntropy(
                leaf.tensor, weight: weight, targets: targets, form: form)
            run.pass.backward(from: loss)
            return (loss.sum, leaf.gradient ?? [], run.gradient(weight))
        }
        let (_, dx, dw) = evaluate(x, w)
        let (d, e) = (numbers.normal(x.count), numbers.normal(w.count))
        compare(
            "x", dx, d, evaluate(moved(x, d, 1), w).loss - evaluate(moved(x, d, -1), w).loss)
        compare(
            "weight", dw, e, evaluate(x, moved(w, e, 1)).loss - evaluate(x, moved(w, e, -1)).loss)
    }

    private func check(_ name: String, _ check: Check) throws {
        var numbers = TestNumbers(name)
        var values = (check.inputs + check.parameters).map { numbers.normal($0.count) }
        let upstream = {
            var numbers = TestNumbers(name + " upstream")
            return numbers.normal($0)
        }
        func loss(_ values: [[Float]]) -> Double {
            let (run, y, _, _) = apply(check, values)
            return zip(run.workspace.numbers(y), upstream(y.count)).reduce(0) {
                $0 + Double($1.0) * Double($1.1)
            }
        }
        let (run, y, leaves, parameters) = apply(check, values)
        run.backward(y, upstream(y.count))
        let gradients = try leaves.map { try #require($0.gradient) } + parameters.map(run.gradient)
        for (index, gradient) in gradients.enumerated() {
            let (start, direction) = (values[index], numbers.normal(gradient.count))
            values[index] = moved(start, direction, 1)
            let above = loss(values)
            values[index] = moved(start, direction, -1)
            let below = loss(values)
            values[index] = start
            compare("\(name), input \(index)", gradient, direction, above - below)
        }
    }

    private func apply(
        _ check: Check, _ values: [[Float]]
    ) -> (OpRun, Tensor, [Leaf], [Parameter]) {
        let run = OpRun(threads: 2, dropout: check.dropout)
        let leaves = zip(check.inputs, values).map { run.leaf($0, $1) }
        let parameters = zip(check.parameters, values.dropFirst(leaves.count)).enumerated().map {
            run.parameter("parameter \($0.offset)", $0.element.0, $0.element.1)
        }
        return (run, check.output(run, leaves.map(\.tensor), parameters), leaves, parameters)
    }

    private func moved(_ x: [Float], _ direction: [Float], _ sign: Float) -> [Float] {
        zip(x, direction).map { $0 + sign * Self.step * $1 }
    }

    private func compare(
        _ name: String, _ gradient: [Float], _ direction: [Float], _ difference: Double
    ) {
        let expected = zip(gradient, direction).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
        let size = gradient.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        let found = difference / (2 * Double(Self.step))
        #expect(size > 0, "\(name)")
        #expect(abs(found - expected) < Self.tolerance * size, "\(name)")
    }
}
