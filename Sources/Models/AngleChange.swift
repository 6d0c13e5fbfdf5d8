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

    /// The shortest length of a text that has the angles of one of `length` tokens, 0 for those of short texts.
    package func angleLength(of length: Int) -> Int {
        guard length > after else { return 0 }
        return isRepeated ? length : after + 1
    }
}

extension ModelDescription {
    /// Tokens up to which a text's rotary angles do not depend on how long its row is.
    package var angleLimit: Int { angleChanges.reduce(.max) { min($0, $1.after) } }

    /// Tells rotary angles apart: the shortest length of a text that has the angles of one of `length` tokens,
    /// 0 for those of short texts.
    package func angleLength(of length: Int) -> Int {
        angleChanges.reduce(0) { max($0, $1.angleLength(of: length)) }
    }

    /// Whether a text that has grown by a token to `length` is computed anew from its first.
    package func isComputedAnew(at length: Int) -> Bool {
        isComputedAnewAtAngleChange && angleLength(of: length) != angleLength(of: length - 1)
    }
}
