import Kernels

/// A stretch of a model that keeps only its input and runs again in backward.
///
/// Source: Chen et al. 2016, arXiv:1604.06174.
struct SegmentOp: DifferentiableOp, RecomputedSegment {
    let pass: ForwardPass
    let input: Tensor
    let dropoutStart: Int
    let body: (Tensor, ForwardPass) -> Tensor
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
        var leaf = input.detached
        let index = tape.leaf()
        leaf.origin = index
        let output = body(leaf, again)
        tape.replay(from: [(output, gradient)], in: workspace, used: used)
        if let inputGradient = tape.takeGradient(index) {
            gradients.add(inputGradient, to: 0, in: workspace)
        }
    }
}

extension ForwardPass {
    /// Runs `body` on x; where the pass recomputes blocks, only x is kept for backward.
    package func block(_ x: Tensor, _ body: @escaping (Tensor, ForwardPass) -> Tensor) -> Tensor {
        guard let tape, recomputesNextBlock() else { return body(x, self) }
        let start = dropoutPosition
        let first = ForwardPass(segmentOf: self, tape: nil, dropoutStreams: start)
        var output = body(x.detached, first)
        advanceDropout(to: first.dropoutPosition)
        let op = SegmentOp(
            pass: self, input: x.detached, dropoutStart: start, body: body,
            parameters: first.parametersInSegment ?? [])
        output.origin = tape.record(op, saved: SegmentOp.Saved(), inputs: [x])
        return output
    }
}
