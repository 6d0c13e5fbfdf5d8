import Foundation

/// Cosines and sines of the rotary angles, (positions, rotated/2) each, float32; or (B, T, rotated/2)
/// where each token's position is its own.
package struct RotaryTable: Sendable {
    package let cosines: [Float]
    package let sines: [Float]
    /// How many of a head's dimensions are rotated; even.
    package let rotated: Int
    /// Whether dimensions 2i and 2i + 1 belong together, instead of i and i + rotated/2.
    package let pairsNeighbours: Bool
    /// T where each token has a row of its own; 0 where rows are positions.
    package let rowsPerSequence: Int
    package var positions: Int { rotated == 0 ? 0 : cosines.count * 2 / rotated }

    /// - Parameters:
    ///   - inverseFrequencies: θ⁻²ⁱ/ᵈ after any scaling, one for each pair of dimensions.
    ///   - positions: how many positions to tabulate.
    ///   - magnitude: a factor on both tables (YaRN's attention factor), 1 otherwise.
    ///   - pairsNeighbours: whether dimensions 2i and 2i + 1 belong together.
    package init(
        inverseFrequencies: [Double], positions: Int, magnitude: Double = 1,
        pairsNeighbours: Bool = false
    ) {
        let half = inverseFrequencies.count
        var cosines = [Float](repeating: 0, count: positions * half)
        var sines = cosines
        for position in 0..<positions {
            for (index, frequency) in inverseFrequencies.enumerated() {
                let angle = Double(Float(position) * Float(frequency))
                cosines[position * half + index] = Float(cos(angle) * magnitude)
                sines[position * half + index] = Float(sin(angle) * magnitude)
            }
        }
        self.cosines = cosines
        self.sines = sines
        rotated = 2 * half
        self.pairsNeighbours = pairsNeighbours
        rowsPerSequence = 0
    }

    /// A table whose first rows turn nothing.
    package init(unturned count: Int, of table: RotaryTable) {
        precondition(
            table.rowsPerSequence == 0 && count <= table.positions,
            "rotary: \(count) rows that turn nothing, of \(table.positions)")
        let numbers = count * table.rotated / 2
        cosines = Array(repeating: 1, count: numbers) + table.cosines[numbers...]
        sines = Array(repeating: 0, count: numbers) + table.sines[numbers...]
        rotated = table.rotated
        pairsNeighbours = table.pairsNeighbours
        rowsPerSequence = 0
    }

    /// The rows of another table for each token of some sequences.
    /// - Parameter tokens: (B, T), numbers of the table's rows.
    package init(rowsOf table: RotaryTable, at tokens: [Int32], perSequence: Int) {
        let half = table.rotated / 2
        precondition(
            table.rowsPerSequence == 0
                && tokens.allSatisfy { $0 >= 0 && Int($0) < table.positions },
            "rotary: positions from \(tokens.min() ?? 0) to \(tokens.max() ?? 0) of a table of "
                + "\(table.positions)")
        let rows = { (numbers: [Float]) in
            tokens.flatMap { numbers[Int($0) * half..<(Int($0) + 1) * half] }
        }
        cosines = rows(table.cosines)
        sines = rows(table.sines)
        rotated = table.rotated
        pairsNeighbours = table.pairsNeighbours
        rowsPerSequence = perSequence
    }

    /// One table for several sequences of equal length, of which each has its own.
    ///
    /// - Parameter tables: (B), each with a row for each token of its sequence.
    package init(ofSequences tables: [RotaryTable]) {
        let first = tables[0]
        precondition(
            tables.allSatisfy {
                $0.rowsPerSequence == $0.positions && $0.positions == first.positions
                    && $0.rotated == first.rotated && $0.pairsNeighbours == first.pairsNeighbours
            },
            "rotary: tables of \(tables.map(\.positions)) tokens side by side")
        cosines = tables.flatMap(\.cosines)
        sines = tables.flatMap(\.sines)
        rotated = first.rotated
        pairsNeighbours = first.pairsNeighbours
        rowsPerSequence = first.rowsPerSequence
    }
}
