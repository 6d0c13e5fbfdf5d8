/// Numbers of a step by name, summed over its batches and ranks.
package struct Measures: Sendable, Equatable {
    package let names: [String]
    /// In the order of the names.
    package var values: [Double]
    /// Of single samples, which the loop gathers over ranks; `nil` where only sums are needed, on every rank
    /// alike.
    package var table: SampleTable?

    /// All zero.
    package init(_ names: [String]) {
        self.names = names
        values = Array(repeating: 0, count: names.count)
    }

    package subscript(name: String) -> Double {
        get { values[index(of: name)] }
        set { values[index(of: name)] = newValue }
    }

    private func index(of name: String) -> Int {
        guard let index = names.firstIndex(of: name) else {
            preconditionFailure("measures: \(name) is none of \(names)")
        }
        return index
    }
}

/// Figures by name on their way to means: each a sum and how many numbers it is the sum of.
package struct FigureSums: Sendable, Equatable {
    private var sums: Measures
    private var counts: Measures

    /// All zero.
    package init(_ names: [String]) {
        sums = Measures(names)
        counts = Measures(names)
    }

    package var names: [String] { sums.names }

    /// The sums, then the counts, in the order of the names: what ranks exchange.
    package var numbers: [Double] {
        get { sums.values + counts.values }
        set {
            precondition(newValue.count == 2 * names.count, "figures: \(newValue.count) numbers")
            sums.values = Array(newValue.prefix(names.count))
            counts.values = Array(newValue.suffix(names.count))
        }
    }

    /// Adds `count` numbers that come to `sum`.
    package mutating func add(_ name: String, sum: Double, count: Double = 1) {
        sums[name] += sum
        counts[name] += count
    }

    /// Adds another batch's.
    package mutating func add(_ other: FigureSums) {
        for name in other.names {
            add(name, sum: other.sums[name], count: other.counts[name])
        }
    }

    /// The sum of means times their weights; `nil` for none.
    package func sum(of parts: [LossPart]) -> Double? {
        guard !parts.isEmpty else { return nil }
        return parts.reduce(0) { sum, part in
            sum + part.weight * sums[part.figure] / max(counts[part.figure], 1)
        }
    }

    /// The means; what was never counted is left out.
    package var means: [(name: String, value: Double)] {
        names.compactMap { name in
            counts[name] == 0 ? nil : (name, sums[name] / counts[name])
        }
    }
}
