import Kernels

/// A stretch of a model that keeps only its inputs and runs again in backward.
///
/// Source: Chen et al. 2016, arXiv:1604.06174.
struct SegmentOp: DifferentiableOp, RecomputedSegment {
    let pass: ForwardPass
    let inputs: [Tensor]
    let dropoutStart: Int
    let body: ([Tensor], ForwardPass) -> Tensor
    let parameters: [Parameter]

    struct Saved {}

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved) {
        preconditionFailure("a segment is recorded after it has run")
    }

    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace
    ) {
        replay(outputGradient, into: gradients, in: workspace) { _ in }
    }

    func replay(
        _ gradient: Tensor, into gradients: InputGradients, in workspace: Workspace,
        used: (Parameter) -> Void
    ) {
        let tape = Tape()
        let again = ForwardPass(segmentOf: pass, tape: tape, dropoutStreams: dropoutStart)
        let leaves = inputs.indices.map { number in
            var leaf = inputs[number]
            if gradients.wants(number) { leaf.origin = tape.leaf() }
            return leaf
        }
        let output = body(leaves, again)
        tape.replay(from: [(output, gradient)], in: workspace, used: used)
        for (number, leaf) in leaves.enumerated() {
            guard let index = leaf.origin?.index, let inputGradient = tape.takeGradient(index)
            else { continue }
            gradients.add(inputGradient, to: number, in: workspace)
        }
    }
}

extension ForwardPass {
    /// Runs `body` on x; where the pass recomputes blocks, only x is kept for backward.
    package func block(_ x: Tensor, _ body: @escaping (Tensor, ForwardPass) -> Tensor) -> Tensor {
        block([x]) { inputs, pass in body(inputs[0], pass) }
    }

    /// Runs `body` on all tensors that it reads of the pass: what it would capture has no gradient.
    package func block(
        _ inputs: [Tensor], _ body: @escaping ([Tensor], ForwardPass) -> Tensor
    ) -> Tensor {
        guard let tape, recomputesNextBlock() else { return body(inputs, self) }
        let start = dropoutPosition
        let first = ForwardPass(segmentOf: self, tape: nil, dropoutStreams: start)
        let kept = inputs.map(\.detached)
        var output = body(kept, first)
        advanceDropout(to: first.dropoutPosition)
        let op = SegmentOp(
            pass: self, inputs: kept, dropoutStart: start, body: body,
            parameters: first.parametersInSegment ?? [])
        output.origin = tape.record(op, saved: SegmentOp.Saved(), inputs: inputs)
        return output
    }
}
