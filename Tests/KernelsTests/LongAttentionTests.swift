import Foundation
import Kernels
import TestSupport
import Testing

/// Attention and its gradients beyond one block of queries and one tile of keys (256), against
/// plain loops in float64.
@Suite struct LongAttentionTests {
    struct Form: CustomTestStringConvertible, Sendable {
        let testDescription: String
        var tokens = 300
        var window = 0
        var ahead: Int? = 0
        /// Tokens that all others see, in both sequences.
        var prefix: Int?
        var hasBias = false
        var softcap: Float = 0
        /// Of a head.
        var size = 8
        /// Where packed rows begin, in both sequences.
        var starts: [Int] = []

        static let all = [
            Form(testDescription: "causal"),
            Form(testDescription: "both ways", ahead: nil),
            Form(testDescription: "two whole tiles", tokens: 512),
            Form(testDescription: "one key beyond two tiles", tokens: 513),
            Form(testDescription: "a window within a tile", tokens: 600, window: 100),
            Form(testDescription: "a window across tiles", tokens: 600, window: 270),
            Form(testDescription: "a window both ways", window: 40, ahead: nil),
            Form(testDescription: "packed rows", tokens: 540, starts: [7, 130, 258, 300]),
            Form(testDescription: "packed rows in a window", window: 90, starts: [64, 255, 256]),
            Form(testDescription: "packed rows both ways", ahead: nil, starts: [100, 257]),
            Form(
                testDescription: "short texts, packed", tokens: 253,
                starts: [3, 20, 51, 52, 85, 118, 134, 199, 231, 252]),
            Form(
                testDescription: "short texts, packed both ways", tokens: 253, ahead: nil,
                starts: [3, 20, 51, 52, 85, 118, 134, 199, 231, 252]),
            Form(testDescription: "capped scores", softcap: 2),
            Form(testDescription: "a band", window: 40, ahead: 30),
            Form(testDescription: "a band across tiles", tokens: 600, window: 270, ahead: 290),
            Form(
                testDescription: "packed rows in a band", window: 90, ahead: 7, starts: [64, 255]),
            Form(testDescription: "a prefix", tokens: 540, prefix: 270),
            Form(testDescription: "a bias", hasBias: true),
            Form(testDescription: "a bias both ways", tokens: 520, ahead: nil, hasBias: true),
            Form(
                testDescription: "a bias in packed rows", ahead: nil, hasBias: true, starts: [100]),
            Form(testDescription: "heads of 71", tokens: 143, window: 77, size: 71),
        ]
    }

    // float32 sums of up to 600 terms of order 1. In narrow types probabilities, y, dy and the
    // gradients of scores are rounded before they are multiplied, and the result is.
    @Test(arguments: Form.all, ElementType.all)
    func outputAndGradientsEqualPlainLoops(form: Form, type: ElementType) {
        let tolerance = type == .float32 ? 2e-6 : 3 * type.roundoff
        for (heads, groups) in [(6, 2), (2, 2), (4, 1)] {
            let sample = LongAttention(form, heads: heads, groups: groups, type: type)
            let expected = sample.expected()
            for way in Way.all(of: type) {
                for (name, found) in sample.found(threads: 2, way) {
                    let difference = Difference.relative(found, expected[name] ?? [])
                    #expect(
                        difference < tolerance,
                        "\(name), \(heads) heads in \(groups) groups, by \(way)")
                }
            }
        }
    }

    @Test(arguments: Form.all)
    func resultsDoNotDependOnThreads(form: Form) {
        let sample = LongAttention(form, heads: 6, groups: 2, type: .float32)
        #expect(sample.found(threads: 1) == sample.found(threads: 3))
    }
}

/// What makes an attention's products.
private enum Way {
    case libraries, pairs
    case tiles(MatrixTiles)

    /// Those of this processor, and tiles in plain C.
    static func all(of type: ElementType) -> [Way] {
        guard type == .bfloat16 else { return [.libraries] }
        let matrices = Workspace(threads: 1).matrices
        return [.libraries, .tiles(.emulated)]
            + (matrices.usesBFloat16DotProducts ? [.pairs] : [])
            + (matrices.tiles == .none ? [] : [.tiles(matrices.tiles)])
    }

    func set(_ matrices: MatrixMultiplier) {
        matrices.tiles = .none
        switch self {
        case .libraries: matrices.usesBFloat16DotProducts = false
        case .pairs: matrices.usesBFloat16DotProducts = true
        case .tiles(let tiles): matrices.tiles = tiles
        }
    }
}

/// Two sequences of random q, k, v and dy, as the given type holds them.
private struct LongAttention {
    let form: LongAttentionTests.Form
    let heads, groups: Int
    let type: ElementType
    let queries, keys, values, upstream: [Float]
    let bias: [Float]  // (H, 2T − 1)
    private var size: Int { form.size }
    private let batch = 2

    init(_ form: LongAttentionTests.Form, heads: Int, groups: Int, type: ElementType) {
        self.form = form
        (self.heads, self.groups, self.type) = (heads, groups, type)
        let workspace = Workspace(threads: 1)
        var numbers = TestNumbers("long attention \(form.testDescription)")
        let rows = batch * form.tokens * form.size
        let array = { (width: Int, numbers: inout TestNumbers) in
            workspace.rounded(numbers.array(rows * width, -2, 2), to: type)
        }
        queries = array(heads, &numbers)
        keys = array(groups, &numbers)
        values = array(groups, &numbers)
        upstream = array(heads, &numbers)
        bias = form.hasBias ? numbers.array(heads * (2 * form.tokens - 1), -2, 2) : []
    }

    private var scale: Float { 1 / Float(size).squareRoot() }

    /// The row that each token of a sequence belongs to.
    private var segments: [Int32] {
        (0..<form.tokens).map { token in Int32(form.starts.count { $0 <= token }) }
    }

    /// y, dq, dk and dv of the kernels.
    func found(threads: Int, _ way: Way = .libraries) -> [String: [Float]] {
        let workspace = Workspace(threads: threads)
        way.set(workspace.matrices)
        var shape = AttentionShape(
            batch: batch, queries: form.tokens, keys: form.tokens, heads: heads, groups: groups,
            headSize: size, scale: scale)
        (shape.ahead, shape.window, shape.softcap) = (form.ahead, form.window, form.softcap)
        var options = AttentionOptions()
        if !form.starts.isEmpty { options.mask = AttentionMask(segments: segments + segments) }
        if let prefix = form.prefix {
            let ends = (0..<form.tokens).map { Int32(max($0 + 1, prefix)) }
            options.mask.keyEnds = ends + ends
        }
        if form.hasBias {
            options.bias = DistanceBias(
                workspace.buffer(bias, .float32), zero: form.tokens - 1, width: shape.distances)
        }
        let rows = { (numbers: [Float], width: Int) in
            HeadRows(workspace.buffer(numbers, type), stride: width * size)
        }
        let (q, k, v) = (rows(queries, heads), rows(keys, groups), rows(values, groups))
        let y = workspace.buffer(queries.count, type)
        let logSums = workspace.buffer(batch * heads * form.tokens, .float32)
        workspace.attention(shape, q, k, v, options, into: y, logSums: logSums)
        let blank = { (like: [Float], width: Int) in
            HeadRows(workspace.buffer(like.count, type), stride: width * size)
        }
        let (dq, dk, dv) = (blank(queries, heads), blank(keys, groups), blank(values, groups))
        let dbias = form.hasBias ? workspace.buffer(bias.count, .float32) : nil
        workspace.attentionGradient(
            shape, q, k, v, options, y: y, logSums: logSums, dy: workspace.buffer(upstream, type),
            intoQueries: dq, intoKeys: dk, intoValues: dv, intoBias: dbias)
        return [
            "y": workspace.numbers(y, count: queries.count),
            "dq": workspace.numbers(dq.buffer, count: queries.count),
            "dk": workspace.numbers(dk.buffer, count: keys.count),
            "dv": workspace.numbers(dv.buffer, count: values.count),
            "dbias": dbias.map { workspace.numbers($0, count: bias.count) } ?? [],
        ]
    }

    /// The same by the formulas, one query at a time.
    func expected() -> [String: [Float]] {
        let (q, k, v) = (queries.map(Double.init), keys.map(Double.init), values.map(Double.init))
        let dy = upstream.map(Double.init)
        var y = [Double](repeating: 0, count: q.count)
        var (dq, dk, dv) = (y, [Double](repeating: 0, count: k.count), k.map { _ in 0.0 })
        var dbias = bias.map { _ in 0.0 }
        let segments = segments
        for sequence in 0..<batch {
            for head in 0..<heads {
                let group = head / (heads / groups)
                for token in 0..<form.tokens {
                    let own = ((sequence * form.tokens + token) * heads + head) * size
                    let seen = (0..<form.tokens).filter { isSeen($0, by: token, segments) }
                    let places = seen.map {
                        ((sequence * form.tokens + $0) * groups + group) * size
                    }
                    let atZero = head * (2 * form.tokens - 1) + form.tokens - 1 - token
                    let plain = zip(places, seen).map {
                        dot(q, own, k, $0) * Double(scale)
                            + (form.hasBias ? Double(bias[atZero + $1]) : 0)
                    }
                    let cap = Double(form.softcap)
                    let scores = cap > 0 ? plain.map { cap * tanh($0 / cap) } : plain
                    let largest = scores.max() ?? 0
                    let powers = scores.map { exp($0 - largest) }
                    let sum = powers.reduce(0, +)
                    let shares = powers.map { $0 / sum }
                    let weights = places.map { dot(dy, own, v, $0) }
                    let mean = zip(shares, weights).reduce(0) { $0 + $1.0 * $1.1 }
                    for (index, place) in places.enumerated() {
                        let bend = cap > 0 ? 1 - pow(scores[index] / cap, 2) : 1
                        let change = shares[index] * (weights[index] - mean) * bend
                        if form.hasBias { dbias[atZero + seen[index]] += change }
                        let slope = change * Double(scale)
                        for i in 0..<size {
                            y[own + i] += shares[index] * v[place + i]
                            dv[place + i] += shares[index] * dy[own + i]
                            dq[own + i] += slope * k[place + i]
                            dk[place + i] += slope * q[own + i]
                        }
                    }
                }
            }
        }
        return ["y": y, "dq": dq, "dk": dk, "dv": dv, "dbias": dbias].mapValues {
            $0.map(Float.init)
        }
    }

    private func isSeen(_ key: Int, by query: Int, _ segments: [Int32]) -> Bool {
        (form.ahead.map { key <= query + $0 } ?? true || key < form.prefix ?? 0)
            && (form.window == 0 || query - key < form.window)
            && segments[key] == segments[query]
    }

    private func dot(_ a: [Double], _ i: Int, _ b: [Double], _ j: Int) -> Double {
        (0..<size).reduce(0) { $0 + a[i + $1] * b[j + $1] }
    }
}
