/// A length of a text beyond which its rotary angles are others.
package struct AngleChange: Sendable, Equatable {
    /// The longest text with the angles of all shorter ones.
    package var after: Int
    /// Whether they change with every further token, instead of once.
    package var isRepeated: Bool

    package init(after: Int, isRepeated: Bool) {
        self.after = after
        self.isRepeated = isRepeated
    }
}

extension ModelDescription {
    /// Tokens up to which a text's rotary angles do not depend on how long its row is.
    package var angleLimit: Int { angleChanges.reduce(.max) { min($0, $1.after) } }

    /// Tells rotary angles apart: the shortest length of a text that has the angles of one of `length` tokens,
    /// 0 for those of short texts.
    package func angleLength(of length: Int) -> Int {
        angleChanges.reduce(0) { shortest, change in
            guard length > change.after else { return shortest }
            return max(shortest, change.isRepeated ? length : change.after + 1)
        }
    }

    /// Whether a text that has grown by a token to `length` is computed anew from its first.
    package func isComputedAnew(at length: Int) -> Bool {
        isComputedAnewAtAngleChange && angleLength(of: length) != angleLength(of: length - 1)
    }
}
