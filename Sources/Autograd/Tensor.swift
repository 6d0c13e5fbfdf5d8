package import Kernels

/// A dense row-major array of one element type.
///
/// Copying copies the handle. The numbers live in a ``Storage``, which returns to its pool when the
/// last handle goes. Extents are outermost first; an activation is (B, T, C).
package struct Tensor {
    package let shape: Shape
    package private(set) var buffer: Buffer
    /// The record that produced this value; `nil` for constants and in unrecorded passes.
    var origin: TapePlace?
    /// How backward can make it again, where it is not worth keeping.
    var recomputation: Recomputation?

    package init(shape: Shape, buffer: Buffer) {
        self.shape = shape
        self.buffer = buffer
    }

    package var type: ElementType { buffer.type }
    package var count: Int { shape.count }
    /// Size of its elements.
    var bytes: Int { count * type.bytes }

    /// The same numbers, cut off from what produced them.
    package var detached: Tensor { Tensor(shape: shape, buffer: buffer) }

    /// Whether no one else holds the storage, so that it may be added to in place.
    mutating func isUniquelyHeld() -> Bool {
        buffer.isUniquelyHeld()
    }
}

extension Workspace {
    /// A tensor whose elements are undefined.
    package func tensor(_ shape: Shape, _ type: ElementType) -> Tensor {
        Tensor(shape: shape, buffer: buffer(shape.count, type))
    }

    /// A tensor with the given float32 numbers.
    package func tensor(_ shape: Shape, _ numbers: [Float], as type: ElementType = .float32)
        -> Tensor
    {
        precondition(shape.count == numbers.count, "\(numbers.count) numbers for \(shape)")
        let tensor = tensor(shape, type)
        store(numbers, into: tensor.buffer)
        return tensor
    }

    /// The tensor's numbers as float32.
    package func numbers(_ tensor: Tensor) -> [Float] {
        numbers(tensor.buffer, count: tensor.count)
    }
}
