/// An array that files hold beside a model's parameters, and that follows from config.json.
package enum ExtraArray {
    /// Frequencies of rotary angles: any of these.
    case frequencies([[Double]])
    /// Ones on and below the diagonal, zeros above.
    case causalMask
    /// What a score becomes where a token may not look: one large negative number.
    case maskedScore
}
