import Kernels

/// Rows in front of each sequence's own: y (B, P + T, C) of some columns of front (P, F) and x (B, T, C).
///
/// y is of x's type; front is float32.
struct FrontRowsOp: DifferentiableOp {
    /// The first of front's columns that are used.
    let column: Int

    struct Saved {
        let front: Shape
        let x: Shape
        let types: (front: ElementType, x: ElementType)
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let (front, x) = (inputs[0], inputs[1])
        let (count, width) = (front.shape.rows, x.shape.width)
        let (batch, length) = (x.shape.extents[0], x.shape.extents[1])
        precondition(
            column + width <= front.shape.width,
            "front rows: columns from \(column) of \(front.shape) before x \(x.shape)")
        let workspace = pass.workspace
        let y = workspace.tensor([batch, count + length, width], x.type)
        for sequence in 0..<batch {
            workspace.copy(
                SpacedRows(front.buffer.advanced(by: column), stride: front.shape.width),
                into: SpacedRows(
                    y.buffer.advanced(by: sequence * (count + length) * width), stride: width),
                rows: count, width: width)
        }
        workspace.copy(
            SpacedRows(x.buffer, stride: length * width),
            into: SpacedRows(
                y.buffer.advanced(by: count * width), stride: (count + length) * width),
            rows: batch, width: length * width)
        return (y, Saved(front: front.shape, x: x.shape, types: (front.type, x.type)))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let (count, width) = (saved.front.rows, saved.x.width)
        let (batch, length) = (saved.x.extents[0], saved.x.extents[1])
        let dy = outputGradient.buffer
        gradients.accumulate(
            into: 0, shape: saved.front, type: saved.types.front, in: workspace
        ) { gradient, adding in
            if !adding { workspace.clear(gradient.buffer, count: gradient.count) }
            for sequence in 0..<batch {
                workspace.copy(
                    SpacedRows(
                        dy.advanced(by: sequence * (count + length) * width), stride: width),
                    into: SpacedRows(
                        gradient.buffer.advanced(by: column), stride: saved.front.width),
                    rows: count, width: width, adding: true)
            }
        }
        gradients.accumulate(
            into: 1, shape: saved.x, type: saved.types.x, in: workspace
        ) { gradient, adding in
            workspace.copy(
                SpacedRows(
                    dy.advanced(by: count * width), stride: (count + length) * width),
                into: SpacedRows(gradient.buffer, stride: length * width), rows: batch,
                width: length * width, adding: adding)
        }
    }
}

/// A part of each of x's rows, where it is looked at as (rows, stride).
struct SliceOp: DifferentiableOp {
    let stride: Int
    let first: Int
    let shape: Shape
    let rows: Int

    struct Saved {
        let shape: Shape
        let type: ElementType
    }

    var parameters: [Parameter] { [] }
    private var width: Int { shape.count / max(rows, 1) }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        precondition(
            rows * stride == x.count && first + width <= stride,
            "slice: \(width) elements from \(first) on of \(rows) rows of \(stride) in \(x.shape)")
        let y = pass.workspace.tensor(shape, x.type)
        pass.workspace.copy(
            SpacedRows(x.buffer.advanced(by: first), stride: stride),
            into: SpacedRows(y.buffer, stride: width), rows: rows, width: width)
        return (y, Saved(shape: x.shape, type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        gradients.accumulate(
            into: 0, shape: saved.shape, type: saved.type, in: workspace
        ) { gradient, adding in
            if !adding { workspace.clear(gradient.buffer, count: gradient.count) }
            workspace.copy(
                SpacedRows(outputGradient.buffer, stride: width),
                into: SpacedRows(gradient.buffer.advanced(by: first), stride: stride), rows: rows,
                width: width, adding: true)
        }
    }
}

extension ForwardPass {
    /// Rows of `front` (P, F) float32 before those of x (B, T, C), the same ones in each sequence →
    /// (B, P + T, C) of x's type.
    ///
    /// - Parameter column: the first of the C columns of `front`.
    package func putting(_ front: Tensor, column: Int = 0, before x: Tensor) -> Tensor {
        apply(FrontRowsOp(column: column), to: [front, x])
    }

    /// x (B, P + T, C) without the first P rows of each sequence → (B, T, C).
    package func dropping(first count: Int, of x: Tensor) -> Tensor {
        let (batch, length, width) = (x.shape.extents[0], x.shape.extents[1], x.shape.width)
        return apply(
            SliceOp(
                stride: length * width, first: count * width,
                shape: [batch, length - count, width], rows: batch), to: [x])
    }

    /// Some columns of x (…, F) → (…, W).
    func columns(_ range: Range<Int>, of x: Tensor) -> Tensor {
        apply(
            SliceOp(
                stride: x.shape.width, first: range.lowerBound,
                shape: x.shape.withWidth(range.count), rows: x.shape.rows), to: [x])
    }
}
