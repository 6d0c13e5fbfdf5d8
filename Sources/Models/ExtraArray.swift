/// An array that files hold beside a model's parameters, and that says nothing of its own.
package enum ExtraArray {
    /// Frequencies of rotary angles: any of these.
    case frequencies([[Double]])
    /// Ones on and below the diagonal, zeros above.
    case causalMask
    /// What a score becomes where a token may not look: one large negative number.
    case maskedScore
    /// 0, 1, 2, …
    case counting
    case zeros
    /// The numbers of another array.
    case copy(of: String)
    /// Of a head that this model does not have: it changes nothing here.
    case otherHead
    /// Of the model's class, but without use here: what is written holds it as it was, under this name.
    case kept(as: String)
}
