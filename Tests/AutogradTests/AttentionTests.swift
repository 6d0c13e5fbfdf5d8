import Autograd
import Kernels
import TestSupport
import Testing

/// Attention against PyTorch's values (scripts/references/attention.py).
@Suite struct AttentionTests {
    static let cases: [String] = [
        (
            "causal",
            ["small", "one_position", "odd", "grouped", "multi_query", "long", "large_scores"]
        ),
        ("window", ["grouped", "one_position", "beyond_time", "long"]),
        ("rotary", ["plain", "llama3", "window"]),
        ("bidirectional", ["small", "long"]),
        ("segments", ["causal", "causal_window", "causal_long", "bidirectional"]),
        (
            "bent",
            [
                "softcap", "softcap_window", "softcap_segments", "alibi", "alibi_long", "pairs",
                "pairs_partial", "halves_partial",
            ]
        ),
        (
            "masks",
            [
                "band", "band_long", "band_segments", "ahead", "back", "prefix", "prefix_long",
                "prefix_segments", "cross", "cross_unseen", "cross_long", "positions",
                "positions_all",
            ]
        ),
    ].flatMap { file, cases in cases.map { "\(file).\($0)" } }

    @Test(arguments: cases, Setting.all)
    func outputAndGradientsEqualPyTorch(name: String, setting: Setting) throws {
        let reference = try AttentionReference(name)
        let run = OpRun(setting)
        let q = run.leaf(reference.queryShape, reference.query)
        let k = run.leaf(reference.keyShape, reference.key)
        let v = run.leaf(reference.keyShape, reference.value)
        let y = run.pass.attention(
            .separate(q: q.tensor, k: k.tensor, v: v.tensor), reference.settings,
            mask: reference.mask)
        #expect(y.type == setting.type && y.shape == reference.queryShape)
        run.backward(y, reference.upstream)
        let tolerance = reference.tolerance(setting.type)
        #expect(Difference.relative(run.workspace.numbers(y), reference.output) < tolerance)
        for (leaf, expected) in zip([q, k, v], reference.gradients) {
            let found = try #require(leaf.gradient)
            // A single position's softmax is constant: no gradient reaches q and k but what rounding
            // leaves.
            guard expected.contains(where: { $0 != 0 }) else {
                #expect(found.allSatisfy { abs($0) < Float(8 * setting.type.roundoff) })
                continue
            }
            #expect(Difference.relative(found, expected) < tolerance)
        }
    }

    // One (B, T, (H + 2G)·D) tensor as GPT-2 has it: the same numbers, bit for bit.
    @Test(
        arguments: ["causal.odd", "causal.grouped", "rotary.plain", "segments.causal"], Setting.all)
    func fusedInputsEqualSeparateOnes(name: String, setting: Setting) throws {
        let reference = try AttentionReference(name)
        let separate = OpRun(setting)
        let (q, k, v) = (
            separate.leaf(reference.queryShape, reference.query),
            separate.leaf(reference.keyShape, reference.key),
            separate.leaf(reference.keyShape, reference.value)
        )
        let y = separate.pass.attention(
            .separate(q: q.tensor, k: k.tensor, v: v.tensor), reference.settings,
            mask: reference.mask)
        separate.backward(y, reference.upstream)
        let fused = OpRun(setting)
        let (wide, narrow) = (reference.queryShape.width, reference.keyShape.width)
        func join(_ q: [Float], _ k: [Float], _ v: [Float]) -> [Float] {
            var joined: [Float] = []
            for row in 0..<q.count / wide {
                joined += q[row * wide..<(row + 1) * wide]
                joined += k[row * narrow..<(row + 1) * narrow]
                joined += v[row * narrow..<(row + 1) * narrow]
            }
            return joined
        }
        let shape = reference.queryShape.withWidth(wide + 2 * narrow)
        let qkv = fused.leaf(shape, join(reference.query, reference.key, reference.value))
        let z = fused.pass.attention(
            .fused(qkv.tensor), reference.settings, mask: reference.mask)
        fused.backward(z, reference.upstream)
        #expect(fused.workspace.numbers(z) == separate.workspace.numbers(y))
        let expected = join(
            try #require(q.gradient), try #require(k.gradient), try #require(v.gradient))
        #expect(qkv.gradient == expected)
    }

    // Heads are never divided among threads in a way that changes their sums.
    @Test(arguments: ElementType.all)
    func resultsDoNotDependOnThreads(type: ElementType) throws {
        let reference = try AttentionReference("causal.grouped")
        let results = try [1, 2, 3].map { threads in
            let run = OpRun(type: type, threads: threads)
            let (q, k, v) = (
                run.leaf(reference.queryShape, reference.query),
                run.leaf(reference.keyShape, reference.key),
                run.leaf(reference.keyShape, reference.value)
            )
            let y = run.pass.attention(
                .separate(q: q.tensor, k: k.tensor, v: v.tensor), reference.settings)
            run.backward(y, reference.upstream)
            return try [
                run.workspace.numbers(y), #require(q.gradient), #require(k.gradient),
                #require(v.gradient),
            ]
        }
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    @Test(arguments: Setting.all, [Shape([0, 5, 8]), Shape([2, 0, 8])])
    func zeroRowsPass(setting: Setting, shape: Shape) {
        let run = OpRun(setting)
        let x = run.leaf(shape, [])
        let y = run.pass.attention(
            .separate(q: x.tensor, k: x.tensor, v: x.tensor),
            AttentionSettings(heads: 2, groups: 2, headSize: 4, scale: 0.5))
        #expect(y.shape == shape)
        run.backward(y, [])
        #expect(x.gradient == [])
    }

    // (B·H, T, T) in float32 would be 67 MB here, one head's part 17 MB.
    @Test(arguments: Setting.all)
    func scoresNeverExistWhole(setting: Setting) {
        let (times, heads, size) = (2048, 4, 16)
        let run = OpRun(setting)
        var numbers = TestNumbers("long")
        let x = run.leaf([1, times, 3 * heads * size], numbers.normal(times * 3 * heads * size))
        let y = run.pass.attention(
            .fused(x.tensor),
            AttentionSettings(heads: heads, groups: heads, headSize: size, scale: 0.25))
        run.backward(y, numbers.normal(y.count))
        // Each thread's strips are 128 rows of scores, 1 MB; what backward adds covers 256 keys at a
        // time. float16 keeps float32 copies of its operands besides. The tensors themselves are about 2 MB.
        let scores = times * times * 4
        #expect(run.workspace.pool.bytesFromSystem < scores * (setting.threads + 1) / 2)
        #expect(x.gradient?.contains { $0 != 0 } == true)
    }
}

/// A case of attention_*.safetensors; heads lie side by side, as the model has them.
struct AttentionReference {
    let queryShape, keyShape: Shape
    let query, key, value, output, upstream: [Float]
    /// Of query, key and value.
    let gradients: [[Float]]
    let settings: AttentionSettings
    let mask: AttentionMask
    private let hasLargeScores: Bool

    /// - Parameter name: the file's topic and the case, as in `causal.odd`.
    init(_ name: String) throws {
        let parts = name.split(separator: ".")
        let file = try ReferenceFile("ops/attention_\(parts[0]).safetensors")
        let prefix = "\(parts[1])."
        let floats = { (tensor: String) in try file.floats(prefix + tensor) }
        let (q, k) = (try file.shape(prefix + "query"), try file.shape(prefix + "key"))
        queryShape = [q[0], q[1], q[2] * q[3]]
        keyShape = [k[0], k[1], k[2] * k[3]]
        (query, key, value) = (try floats("query"), try floats("key"), try floats("value"))
        (output, upstream) = (try floats("output"), try floats("grad.output"))
        gradients = try ["query", "key", "value"].map { try floats("grad." + $0) }
        var settings = AttentionSettings(
            heads: q[2], groups: k[2], headSize: q[3], scale: 1 / Float(q[3]).squareRoot())
        if file.has(prefix + "ahead") {
            let ahead = Int(try file.integers(prefix + "ahead")[0])
            settings.ahead = ahead < 0 ? nil : ahead
        } else if try file.integers(prefix + "causal")[0] == 0 {
            settings.ahead = nil
        }
        if file.has(prefix + "scale") { settings.scale = try floats("scale")[0] }
        if file.has(prefix + "window") {
            settings.window = Int(try file.integers(prefix + "window")[0])
        }
        if file.has(prefix + "inverse_frequencies") {
            settings.rotary = RotaryTable(
                inverseFrequencies: try floats("inverse_frequencies").map(Double.init),
                positions: 64,
                pairsNeighbours: try file.has(prefix + "pairs")
                    && file.integers(prefix + "pairs")[0] == 1)
        }
        if file.has(prefix + "softcap") { settings.softcap = try floats("softcap")[0] }
        if file.has(prefix + "slopes") { settings.slopes = try floats("slopes") }
        let integers = { (name: String) in
            file.has(prefix + name) ? try file.integers(prefix + name) : nil
        }
        if let positions = try integers("positions"), let table = settings.rotary {
            settings.rotary = RotaryTable(rowsOf: table, at: positions, perSequence: q[1])
        }
        self.settings = settings
        var mask = AttentionMask(segments: try integers("segments"))
        if let queries = try integers("query_segments"), let keys = try integers("key_segments") {
            mask = AttentionMask(queries: queries, keys: keys)
        }
        mask.keyEnds = try integers("key_ends")
        self.mask = mask
        hasLargeScores = parts[1] == "large_scores"
    }

    /// Roundings of q, k, v, the rotated q and k, probabilities, y and the upstream gradient. Scores
    /// of order 1 keep their errors small; in case large_scores they reach 150, so that rounding q
    /// and k moves probabilities by a hundred times as much.
    func tolerance(_ type: ElementType) -> Double {
        hasLargeScores ? type.tolerance(100, wide: 1e-4) : type.tolerance(3, wide: 2e-6)
    }
}
