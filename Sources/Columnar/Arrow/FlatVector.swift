/// Numbers or structs of one size, one after another in a FlatBuffer.
struct FlatVector {
    let bytes: ByteView
    let start: Int
    let count: Int
    let stride: Int

    /// The number that lies `offset` bytes within struct `index`.
    ///
    /// - Throws: ``ArrowProblem/damaged(_:)`` where the vector has no struct `index`.
    func value<Number: FixedWidthInteger & BitwiseCopyable>(
        _ index: Int, _ offset: Int = 0, as type: Number.Type = Number.self
    ) throws(ArrowProblem) -> Number {
        guard index >= 0, index < count else {
            throw .damaged("a batch describes fewer buffers than its columns have")
        }
        return try bytes.value(at: start + index * stride + offset)
    }
}
