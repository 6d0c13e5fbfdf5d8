import Foundation
import Kernels
import TestSupport
import Testing

/// What only the kernel's own interface shows of attention: extents of queries and keys that differ,
/// and the masks of dropout.
@Suite struct AttentionKernelTests {
    @Test(arguments: [1, 2, 3], ElementType.all)
    func queriesMayBeFewerThanKeys(threads: Int, type: ElementType) throws {
        let file = try ReferenceFile("ops/attention_bidirectional.safetensors")
        let workspace = Workspace(threads: threads)
        let (batch, queries, keys, heads, size) = (2, 7, 15, 4, 8)
        var shape = AttentionShape(
            batch: batch, queries: queries, keys: keys, heads: heads, groups: heads, headSize: size,
            scale: 1 / Float(size).squareRoot())
        shape.ahead = nil
        let rows = { (name: String) in
            HeadRows(workspace.buffer(try file.floats("cross." + name), type), stride: heads * size)
        }
        let (q, k, v) = (try rows("query"), try rows("key"), try rows("value"))
        let dy = try rows("grad.output").buffer
        let count = batch * queries * heads * size
        let y = workspace.buffer(count, type)
        let logSums = workspace.buffer(batch * heads * queries, .float32)
        workspace.attention(shape, q, k, v, AttentionOptions(), into: y, logSums: logSums)
        let fresh = { (tokens: Int) in
            HeadRows(
                workspace.buffer(batch * tokens * heads * size, type), stride: heads * size)
        }
        let (dq, dk, dv) = (fresh(queries), fresh(keys), fresh(keys))
        workspace.attentionGradient(
            shape, q, k, v, AttentionOptions(), y: y, logSums: logSums, dy: dy, intoQueries: dq,
            intoKeys: dk, intoValues: dv)
        // About five roundings lie between inputs and gradients, in float32 some more.
        let tolerance = type == .float32 ? 1e-6 : 2 * type.roundoff
        for (buffer, name) in [
            (y, "output"), (dq.buffer, "grad.query"), (dk.buffer, "grad.key"),
            (dv.buffer, "grad.value"),
        ] {
            let expected = try file.floats("cross." + name)
            let found = workspace.numbers(buffer, count: expected.count)
            #expect(Difference.relative(found, expected) < tolerance, "\(name)")
        }
    }

    // x86 processors make NaN with the sign set. That of one query stays with that query alone.
    @Test(arguments: [Float.nan, -.nan], ElementType.all)
    func aBadQueryHasABadOutput(bad: Float, type: ElementType) {
        let workspace = Workspace(threads: 1)
        let (tokens, size) = (96, 64)
        var queries = [Float](repeating: 1, count: tokens * size)
        queries[90 * size + 3] = bad
        let rows = { (numbers: [Float]) in HeadRows(workspace.buffer(numbers, type), stride: size) }
        let keys = rows([Float](repeating: 1, count: tokens * size))
        let y = workspace.buffer(tokens * size, type)
        let logSums = workspace.buffer(tokens, .float32)
        workspace.attention(
            AttentionShape(
                batch: 1, queries: tokens, keys: tokens, heads: 1, groups: 1, headSize: size,
                scale: 0.125), rows(queries), keys, keys, AttentionOptions(), into: y,
            logSums: logSums)
        let found = workspace.numbers(y, count: tokens * size)
        #expect(found[90 * size..<91 * size].allSatisfy { $0.isNaN })
        let others = found[..<(90 * size)] + found[(91 * size)...]
        #expect(others.allSatisfy { abs($0 - 1) < 0.01 })  // of rounded probabilities
        #expect(workspace.numbers(logSums, count: tokens)[90].isNaN)
    }

    // With q = 0 all probabilities are equal, and one-hot values show which keys were kept.
    @Test func masksDoNotRepeatInLongSequences() {
        let start = mask(query: 0, firstKey: 0, keys: 64)
        let next = mask(query: 1, firstKey: 0, keys: 64)
        // The same query number modulo 2¹⁶, and keys beyond 2¹⁶ against the next query's first ones.
        #expect(mask(query: 65_536, firstKey: 0, keys: 64) != start)
        #expect(mask(query: 0, firstKey: 65_536, keys: 65_600) != next)
        #expect(start != next)
    }

    @Test func masksDependOnPlacesNotOnExtents() {
        #expect(
            mask(query: 300, firstKey: 10, keys: 80) == mask(query: 300, firstKey: 10, keys: 900))
        let kept = (0..<100).reduce(0) {
            $0 + mask(query: $1, firstKey: 0, keys: 64).count { $0 }
        }
        // 6400 draws at p = 0.5: four standard deviations are 160.
        #expect(abs(kept - 3200) < 160)
    }

    /// Which of 64 keys from `firstKey` on a query keeps, of `keys` in all.
    private func mask(query: Int, firstKey: Int, keys: Int) -> [Bool] {
        let workspace = Workspace(threads: 1)
        var shape = AttentionShape(
            batch: 1, queries: 1, keys: keys, heads: 1, groups: 1, headSize: 64, scale: 1)
        shape.ahead = nil
        shape.firstPosition = query
        var options = AttentionOptions()
        options.dropout = DropoutMask(probability: 0.5)
        options.dropoutKeys = [1234]
        var values = [Float](repeating: 0, count: keys * 64)
        for i in 0..<64 { values[(firstKey + i) * 64 + i] = Float(keys) }
        let q = workspace.zeros(64, .float32)
        let k = workspace.zeros(keys * 64, .float32)
        let y = workspace.buffer(64, .float32)
        workspace.attention(
            shape, HeadRows(q, stride: 64), HeadRows(k, stride: 64),
            HeadRows(workspace.buffer(values, .float32), stride: 64), options, into: y,
            logSums: workspace.buffer(1, .float32))
        let found = workspace.numbers(y, count: 64)
        #expect(found.allSatisfy { $0 == 0 || abs($0 - 2) < 1e-3 })
        return found.map { $0 > 0 }
    }
}
