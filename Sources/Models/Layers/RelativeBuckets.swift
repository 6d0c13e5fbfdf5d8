import Foundation

/// T5's rows of a table of biases by distance: one for each small distance, then logarithmically wider
/// ones up to a largest distance, from which on all share the last.
///
/// Source: Raffel et al. 2020, arXiv:1910.10683, section 2.1; in float32, as transformers computes it.
package struct RelativeBuckets {
    /// Rows of the table.
    package let count: Int
    package let largestDistance: Int
    /// Whether keys ahead of the query have rows of their own, the upper half, as in an encoder.
    package let isBidirectional: Bool

    package init(count: Int, largestDistance: Int, isBidirectional: Bool) {
        self.count = count
        self.largestDistance = largestDistance
        self.isBidirectional = isBidirectional
    }

    /// The row of the distance key − query.
    package func row(_ distance: Int) -> Int32 {
        let rows = isBidirectional ? count / 2 : count
        let first = isBidirectional && distance > 0 ? rows : 0
        let length = isBidirectional ? abs(distance) : max(-distance, 0)
        let exact = rows / 2
        guard length >= exact else { return Int32(first + length) }
        let octaves =
            log(Float(length) / Float(exact))
            / Float(log(Double(largestDistance) / Double(exact)))
        let wide = exact + Int(octaves * Float(rows - exact))
        return Int32(first + min(wide, rows - 1))
    }

    /// The rows for `queries` tokens and `keys`, from 1 − queries to keys − 1.
    package func rows(queries: Int, keys: Int) -> [Int32] { (1 - queries..<keys).map(row) }
}
