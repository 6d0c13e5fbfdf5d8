import Models
import TestSupport
import Testing

/// Rows of T5's table of biases (scripts/references/attention_masks.py).
@Suite struct RelativeBucketsTests {
    @Test(arguments: [(32, 128), (64, 256), (16, 100), (8, 20)], [true, false])
    func rowsEqualTransformers(table: (count: Int, largest: Int), isBidirectional: Bool) throws {
        let file = try ReferenceFile("ops/attention_bias.safetensors")
        let name = "buckets_\(table.count)_\(table.largest)_\(isBidirectional ? 1 : 0).rows"
        let buckets = RelativeBuckets(
            count: table.count, largestDistance: table.largest, isBidirectional: isBidirectional)
        #expect(buckets.rows(queries: 301, keys: 301) == (try file.integers(name)))
    }
}
