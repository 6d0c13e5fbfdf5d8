/// The form of the rise or fall of `warmup_stable_decay`.
package enum ScheduleCurve: String, Sendable, CaseIterable {
    case linear, cosine
    case squareRoot = "1-sqrt"
}
