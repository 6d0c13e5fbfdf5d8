/// Numbers of many answers' tokens, moved and scaled so that all of them together have variance 1:
/// (x − mean) / √(variance + 1e-8), the variance unbiased. As TRL's `masked_whiten`.
package struct Whitening: Sendable {
    /// Whether the mean stays as it is; else it becomes 0.
    package var keepsMean = false
    private static let smallest = 1e-8

    package init(keepsMean: Bool = false) { self.keepsMean = keepsMean }

    /// - Parameter rows: of each answer, one number a token; together one token at least.
    package func callAsFunction(_ rows: [[Double]]) -> [[Double]] {
        let (mean, variance) = Self.moments(of: rows)
        let scale = 1 / (variance + Self.smallest).squareRoot()
        return rows.map { row in
            row.map { ($0 - mean) * scale + (keepsMean ? mean : 0) }
        }
    }

    /// Mean and unbiased variance of all numbers; the variance of a single one is 0.
    package static func moments(of rows: [[Double]]) -> (mean: Double, variance: Double) {
        let count = rows.reduce(0) { $0 + $1.count }
        guard count > 0 else { return (0, 0) }
        let mean = rows.reduce(0) { $1.reduce($0, +) } / Double(count)
        guard count > 1 else { return (mean, 0) }
        let squares = rows.reduce(0.0) { sum, row in
            row.reduce(sum) { $0 + ($1 - mean) * ($1 - mean) }
        }
        return (mean, squares / Double(count - 1))
    }
}
