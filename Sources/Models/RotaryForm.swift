/// The angles by which queries and keys are turned.
package struct RotaryForm: Sendable {
    /// Dimensions of a head.
    package let rotated: Int
    /// Whether dimensions 2i and 2i + 1 belong together, instead of i and i + rotated/2.
    package let pairsNeighbours: Bool
    /// Angles a position before any scaling. (rotated/2)
    package let plain: [Double]
    /// Angles a position, in texts of up to ``longest`` positions. (rotated/2)
    package let short: [Double]
    /// The same in longer texts.
    package let long: [Double]
    /// `nil` where long texts are as short ones.
    package let longest: Int?
    /// Whether the angles change with every length beyond ``longest``.
    package let isDynamic: Bool
    /// What cosines and sines are multiplied by.
    package let magnitude: Double

    /// Longer than any text.
    private static let farthest = 1 << 30

    init(_ rotary: RotaryConfiguration) {
        rotated = rotary.rotated
        pairsNeighbours = rotary.pairsNeighbours
        magnitude = rotary.magnitude
        plain = rotary.plain
        let short = rotary.frequencies(length: 1)
        self.short = short
        long = rotary.frequencies(length: Self.farthest)
        isDynamic = long != rotary.frequencies(length: Self.farthest / 2)
        guard long != short else {
            longest = nil
            return
        }
        var (low, high) = (1, Self.farthest)
        while high - low > 1 {
            let middle = (low + high) / 2
            if rotary.frequencies(length: middle) == short { low = middle } else { high = middle }
        }
        longest = low
    }

    /// All of it, for comparison.
    var numbers: [Double] {
        [
            Double(rotated), pairsNeighbours ? 1 : 0, isDynamic ? 1 : 0, Double(longest ?? 0),
            magnitude,
        ] + short + long
    }
}
