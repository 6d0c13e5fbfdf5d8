import Kernels

/// The mean over the first rows of each sequence. x (B, T, C) → (B, C) of x's type.
struct RowMeansOp: DifferentiableOp {
    let lengths: [Int]  // (B)

    struct Saved {
        let shape: Shape
        let type: ElementType
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let (length, width) = (x.shape.extents[1], x.shape.width)
        precondition(
            x.shape.extents[0] == lengths.count
                && lengths.allSatisfy { (1...length).contains($0) },
            "means of x \(x.shape) over the first \(lengths) rows")
        let workspace = pass.workspace
        let y = workspace.tensor([lengths.count, width], x.type)
        let sum = workspace.buffer(width, .float32)
        for (row, count) in lengths.enumerated() {
            workspace.clear(sum, count: width)
            workspace.addColumnSums(
                of: x.buffer.advanced(by: row * length * width), to: sum, rows: count,
                columns: width)
            workspace.scale(sum, by: 1 / Float(count), count: width)
            workspace.convert(sum, to: y.buffer.advanced(by: row * width), count: width)
        }
        return (y, Saved(shape: x.shape, type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let (length, width) = (saved.shape.extents[1], saved.shape.width)
        let part = workspace.buffer(width, saved.type)
        gradients.accumulate(into: 0, shape: saved.shape, type: saved.type, in: workspace) {
            dx, adding in
            if !adding { workspace.clear(dx.buffer, count: dx.count) }
            for (row, count) in lengths.enumerated() {
                workspace.convert(
                    outputGradient.buffer.advanced(by: row * width), to: part, count: width)
                workspace.scale(part, by: 1 / Float(count), count: width)
                for place in row * length..<row * length + count {
                    workspace.add(part, to: dx.buffer.advanced(by: place * width), count: width)
                }
            }
        }
    }
}

extension ForwardPass {
    /// The mean over the first `lengths` rows of each sequence. x (B, T, C) → (B, C).
    package func means(of x: Tensor, lengths: [Int]) -> Tensor {
        apply(RowMeansOp(lengths: lengths), to: [x])
    }
}
