/// A sample in which some tokens are hidden.
package struct HiddenTokens {
    /// The target of a token that is not hidden, which carries no loss: PyTorch's `ignore_index`.
    package static let ignoredTarget: Int32 = -100

    private(set) var inputs: [Int32]
    private(set) var targets: [Int32]
    /// How many are hidden.
    private(set) var count = 0

    init(_ ids: [Int32]) {
        inputs = ids
        targets = Array(repeating: Self.ignoredTarget, count: ids.count)
    }

    func has(_ place: Int) -> Bool { targets[place] != Self.ignoredTarget }

    mutating func hide(_ place: Int, as id: Int32) {
        targets[place] = inputs[place]
        inputs[place] = id
        count += 1
    }

    mutating func replace(_ place: Int, by id: Int32) { inputs[place] = id }
}
