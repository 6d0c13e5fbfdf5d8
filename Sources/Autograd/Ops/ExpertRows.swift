import Kernels

/// residual + Σ over a token's experts of weight · output.
///
/// Inputs: residual (…, C) float32, weights (tokens, chosen) float32, then (its tokens, C) of the
/// compute type for each expert that has tokens. → (…, C) float32.
struct ExpertSumOp: DifferentiableOp {
    let choice: ExpertChoice

    struct Saved {
        let weights: Tensor
        let outputs: [Tensor]
    }

    var parameters: [Parameter] { [] }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        let workspace = pass.workspace
        let (residual, weights) = (inputs[0], inputs[1])
        let saved = Saved(weights: weights.detached, outputs: inputs.dropFirst(2).map(\.detached))
        precondition(
            residual.shape.rows == weights.shape.rows && residual.type == .float32,
            "expert sum: residual \(residual.shape) but weights \(weights.shape)")
        let y = workspace.tensor(residual.shape, .float32)
        workspace.convert(residual.buffer, to: y.buffer, count: y.count)
        workspace.addWeightedRows(
            of: byExpert(saved.outputs), choice, weights: weights.buffer, width: y.shape.width,
            rows: y.shape.rows, to: y.buffer)
        return (y, saved)
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        gradients.add(outputGradient, to: 0, in: workspace)
        let shape = outputGradient.shape
        let dweights = workspace.tensor(saved.weights.shape, .float32)
        let doutputs = saved.outputs.map { workspace.tensor($0.shape, $0.type) }
        workspace.weightedRowsGradient(
            of: byExpert(saved.outputs), choice, weights: saved.weights.buffer,
            width: shape.width, rows: shape.rows, dy: outputGradient.buffer,
            into: byExpert(doutputs), dweights: dweights.buffer)
        gradients.add(dweights, to: 1, in: workspace)
        for (index, gradient) in doutputs.enumerated() {
            gradients.add(gradient, to: index + 2, in: workspace)
        }
    }

    /// The tensors by number of expert.
    private func byExpert(_ tensors: [Tensor]) -> [Buffer?] {
        var rest = tensors.makeIterator()
        return choice.tokens.map { $0.isEmpty ? nil : rest.next()?.buffer }
    }
}

extension ForwardPass {
    /// residual (…, C) float32 + Σ weight · expert(rows of x). x (…, C) → (…, C) float32.
    ///
    /// - Parameter expert: gets its number and its tokens' rows (n, C), and returns as many.
    package func experts(
        _ x: Tensor, addingTo residual: Tensor, _ routing: ExpertRouting,
        _ expert: (Int, Tensor) -> Tensor
    ) -> Tensor {
        var inputs = [residual, routing.weights]
        let batch = x.shape.extents[0]
        for (number, rows) in routing.choice.tokens.enumerated() where !rows.isEmpty {
            let selected = apply(RowSelectionOp(rows: rows), to: [x])
            inputs.append(
                withDropout(
                    ofRows: rows, rowsPerSequence: x.shape.rows / batch, part: number
                ) { expert(number, selected) })
        }
        skipDropout(parts: routing.choice.experts)
        return apply(ExpertSumOp(choice: routing.choice), to: inputs)
    }
}
