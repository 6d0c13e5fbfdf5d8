/// Numbers of each sample of a step, a row each, where a loss needs all ranks' samples at once.
///
/// The loop gathers it over ranks: the same on all of them but for ``own``.
package final class SampleTable: Sendable {
    /// Numbers of a sample.
    package let width: Int
    /// (N), ascending.
    package let samples: [UInt64]
    package let numbers: [Float]  // (N, width)
    /// The places of this rank's samples, ascending.
    package let own: [Int]

    /// Numbers of a sample, by its place in the run's order.
    package typealias Row = (sample: UInt64, numbers: [Float])

    /// - Parameters:
    ///   - rows: of all samples, in any order.
    ///   - isOwn: whether a row of that number is of this rank.
    package init(width: Int, _ rows: [Row], isOwn: (Int) -> Bool = { _ in true }) {
        let order = rows.indices.sorted { rows[$0].sample < rows[$1].sample }
        self.width = width
        samples = order.map { rows[$0].sample }
        var numbers: [Float] = []
        numbers.reserveCapacity(rows.count * width)
        for place in order {
            precondition(
                rows[place].numbers.count == width,
                "a row of \(rows[place].numbers.count) numbers in a table of \(width)")
            numbers += rows[place].numbers
        }
        self.numbers = numbers
        own = order.indices.filter { isOwn(order[$0]) }
    }

    /// Numbers of a row.
    package func row(_ place: Int) -> ArraySlice<Float> {
        numbers[place * width..<(place + 1) * width]
    }
}

extension SampleTable: Equatable {
    package static func == (one: SampleTable, other: SampleTable) -> Bool { one === other }
}
