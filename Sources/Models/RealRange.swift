/// Where a number of a config.json has to lie.
struct RealRange {
    /// In words, for a message.
    let text: String
    private let condition: @Sendable (Double) -> Bool

    private init(_ text: String, _ condition: @escaping @Sendable (Double) -> Bool) {
        self.text = text
        self.condition = condition
    }

    /// Whether the number lies there; NaN and infinities never do.
    func contains(_ number: Double) -> Bool { number.isFinite && condition(number) }

    static let finite = RealRange("a finite number") { _ in true }
    static let positive = RealRange("a number above 0, at most 1e15") { $0 > 0 && $0 <= 1e15 }
    static let notNegative = RealRange("a number of at least 0") { $0 >= 0 && $0 <= 1e15 }
    static let aboveOne = RealRange("a number above 1, at most 1e18") { $0 > 1 && $0 <= 1e18 }
    /// What keeps the root in a norm from being 0.
    static let epsilon = RealRange("0 to 1") { (0...1).contains($0) }
    /// Deviations at which normal numbers are cut off; closer to 0, hardly a drawn one would do.
    static let cutoff = RealRange("at least 0.1") { $0 >= 0.1 && $0 <= 1e15 }
    static let share = RealRange("above 0, at most 1") { $0 > 0 && $0 <= 1 }
    static let probability = RealRange("at least 0 and below 1") { $0 >= 0 && $0 < 1 }
}
