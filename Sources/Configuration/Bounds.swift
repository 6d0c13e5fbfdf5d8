/// Limits of a number, in words and as a test.
///
/// Every number has an upper limit, also where none is stated: beyond it, what follows from the
/// number could not be computed.
package struct Bounds: Sendable, Equatable {
    var lower: Double?
    var upper: Double?
    var excludesLower = false
    var excludesUpper = false
    /// The largest magnitude that is taken; told only where a number exceeds it. A float32 holds
    /// the standard one and its products with ordinary numbers.
    private(set) var largest = 1e30
    private var isWhole = false

    /// What 32 bits hold; the largest whole number unless a key says otherwise.
    static let largestWholeNumber = 2_147_483_647.0
    /// What a float32 tells from 0.
    private static let smallestNumber = 1e-37

    /// Every number.
    static let any = Bounds()

    /// At least `lower`, and at most `upper` if that is given.
    static func from(_ lower: Double, upTo upper: Double? = nil) -> Bounds {
        Bounds(lower: lower, upper: upper)
    }

    /// At least `lower` and less than `upper`.
    static func from(_ lower: Double, below upper: Double) -> Bounds {
        Bounds(lower: lower, upper: upper, excludesUpper: true)
    }

    /// More than `lower`, and at most `upper` if that is given.
    static func above(_ lower: Double, upTo upper: Double? = nil) -> Bounds {
        Bounds(lower: lower, upper: upper, excludesLower: true)
    }

    /// The same limits with another magnitude that is never exceeded.
    func within(_ largest: Double) -> Bounds {
        var bounds = self
        bounds.largest = largest
        return bounds
    }

    /// The same limits for whole numbers.
    var ofWholeNumbers: Bounds {
        var bounds = largest == Bounds().largest ? within(Self.largestWholeNumber) : self
        bounds.isWhole = true
        return bounds
    }

    func contains(_ value: Double) -> Bool {
        guard value.isFinite, !isTooLarge(value), !isTooSmall(value) else { return false }
        if let lower, value < lower || (excludesLower && value == lower) { return false }
        if let upper, value > upper || (excludesUpper && value == upper) { return false }
        return true
    }

    private func isTooLarge(_ value: Double) -> Bool { value.magnitude > largest }

    /// Whether a number that must not be 0 is 0 as a float32.
    private func isTooSmall(_ value: Double) -> Bool {
        !isWhole && lower == 0 && excludesLower && value > 0 && value < Self.smallestNumber
    }

    /// What is expected where `value` was found: for example ` of at least 2`, ` above 0 and at
    /// most 1`; empty without limits.
    func words(for value: Double?) -> String {
        var (lower, upper, excludesLower) = (lower, upper, excludesLower)
        if let value, value.isFinite, isTooLarge(value) {
            if value > 0 {
                upper = min(upper ?? largest, largest)
            } else {
                lower = lower ?? -largest
            }
        }
        if let value, isTooSmall(value) {
            (lower, excludesLower) = (Self.smallestNumber, false)
        }
        var parts: [String] = []
        if let lower {
            parts.append((excludesLower ? "above " : "of at least ") + Self.plain(lower))
        }
        if let upper {
            parts.append((excludesUpper ? "below " : "at most ") + Self.plain(upper))
        }
        return parts.isEmpty ? "" : " " + parts.joined(separator: " and ")
    }

    private static func plain(_ value: Double) -> String {
        Int(exactly: value).map(String.init) ?? String(value)
    }
}
