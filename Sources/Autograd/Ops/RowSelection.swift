import Kernels

/// Some rows of x, in their order.
///
/// x (…, C), y (rows, C) of x's type. Rows are given as ranges, since they come in runs.
struct RowSelectionOp: DifferentiableOp {
    let ranges: [Range<Int>]

    struct Saved {
        let shape: Shape
        let type: ElementType
    }

    var parameters: [Parameter] { [] }
    private var rows: Int { ranges.reduce(0) { $0 + $1.count } }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let x = inputs[0]
        let width = x.shape.width
        let y = pass.workspace.tensor([rows, width], x.type)
        var row = 0
        for range in ranges {
            pass.workspace.convert(
                x.buffer.advanced(by: range.lowerBound * width),
                to: y.buffer.advanced(by: row * width), count: range.count * width)
            row += range.count
        }
        return (y, Saved(shape: x.shape, type: x.type))
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        let width = saved.shape.width
        gradients.accumulate(into: 0, shape: saved.shape, type: saved.type, in: workspace) {
            dx, adding in
            if !adding { workspace.clear(dx.buffer, count: dx.count) }
            var row = 0
            for range in ranges {
                let part = dx.buffer.advanced(by: range.lowerBound * width)
                let dy = outputGradient.buffer.advanced(by: row * width)
                if adding {
                    workspace.add(dy, to: part, count: range.count * width)
                } else {
                    workspace.convert(dy, to: part, count: range.count * width)
                }
                row += range.count
            }
        }
    }
}

extension ForwardPass {
    /// The rows of x (…, C) in the given ranges, in order → (rows, C).
    package func rows(_ ranges: [Range<Int>], of x: Tensor) -> Tensor {
        precondition(
            ranges.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= x.shape.rows },
            "rows \(ranges) of x \(x.shape)")
        return apply(RowSelectionOp(ranges: ranges), to: [x])
    }
}
