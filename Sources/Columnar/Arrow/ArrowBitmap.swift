/// Which values of a column are not null.
struct ArrowBitmap {
    /// A bit a value; `nil` where none is null.
    let bits: ByteView?

    /// Whether value `row` is not null.
    subscript(row: Int) -> Bool { bits?.bit(row) ?? true }
}
