import Foundation

/// Cosines and sines of the rotary angles, (positions, rotated/2) each, float32.
package struct RotaryTable: Sendable {
    package let cosines: [Float]
    package let sines: [Float]
    /// How many of a head's dimensions are rotated; even.
    package let rotated: Int
    /// Whether dimensions 2i and 2i + 1 belong together, instead of i and i + rotated/2.
    package let pairsNeighbours: Bool
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
    }
}
