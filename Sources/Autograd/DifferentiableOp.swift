package import Kernels

/// One differentiable step, large enough to own its kernels.
package protocol DifferentiableOp {
    /// What `backward` will read again, and nothing else: the op's activation memory.
    associatedtype Saved

    /// Parameters whose gradients this op adds to. The tape counts these.
    var parameters: [Parameter] { get }

    /// Whether backward does something even where no input needs a gradient.
    var learns: Bool { get }

    func forward(_ inputs: [Tensor], in pass: ForwardPass) -> (output: Tensor, saved: Saved)

    /// Adds to `gradients` and to `parameters`' gradients. Assigns only what
    /// ``Parameter/gradientOfProduct()`` allows.
    func backward(
        _ outputGradient: Tensor, saved: Saved, into gradients: InputGradients,
        in workspace: Workspace)

    /// Whether it has a gradient of its own, whatever comes from its output: a loss. Backward that
    /// does not reach it would lose the gradient.
    var beginsGradients: Bool { get }

    /// Makes the output again from what is saved, with the same bits; `nil` for ops whose output is
    /// better kept.
    func recomputation(_ saved: Saved, in pass: ForwardPass) -> ((Workspace) -> Tensor)?

    /// What a breakdown of a step's time calls it.
    var label: String { get }

    /// Floating-point operations of its matrix products, forward and backward, for an output or
    /// output gradient of so many rows; 0 where it has none worth counting.
    func operations(rows: Int) -> (forward: Double, backward: Double)
}

extension DifferentiableOp {
    package var learns: Bool { parameters.contains(where: \.learns) }

    package var beginsGradients: Bool { false }

    package func recomputation(_ saved: Saved, in pass: ForwardPass) -> ((Workspace) -> Tensor)? {
        nil
    }

    package var label: String { "\(Self.self)" }

    package func operations(rows: Int) -> (forward: Double, backward: Double) { (0, 0) }
}

/// Where an op's backward puts the gradients of its inputs.
package struct InputGradients {
    let tape: Tape
    let origins: [Int?]

    /// Whether anything upstream of the input can use its gradient.
    package func wants(_ input: Int) -> Bool { origins[input] != nil }

    /// Adds `gradient` to the input's. The op must not write to it afterwards.
    package func add(_ gradient: Tensor, to input: Int, in workspace: Workspace) {
        guard let index = origins[input] else { return }
        guard var sum = tape.takeGradient(index) else {
            tape.putGradient(gradient, index)
            return
        }
        unshare(&sum, in: workspace)
        workspace.add(gradient.buffer, to: sum.buffer, count: sum.count)
        tape.putGradient(sum, index)
    }

    /// Lets `body` write the input's gradient, or add to it where there is one already.
    ///
    /// - Parameter body: gets a tensor and whether it holds a sum to add to.
    package func accumulate(
        into input: Int, shape: Shape, type: ElementType, in workspace: Workspace,
        _ body: (_ gradient: Tensor, _ adding: Bool) -> Void
    ) {
        guard let index = origins[input] else { return }
        if var sum = tape.takeGradient(index) {
            unshare(&sum, in: workspace)
            body(sum, true)
            tape.putGradient(sum, index)
            return
        }
        let fresh = workspace.tensor(shape, type)
        body(fresh, false)
        tape.putGradient(fresh, index)
    }

    /// Puts a copy in the sum's place where someone else holds it. Adding to either gives the same
    /// bits, so that results do not depend on who holds what.
    private func unshare(_ sum: inout Tensor, in workspace: Workspace) {
        guard !sum.isUniquelyHeld() else { return }
        let copy = workspace.tensor(sum.shape, sum.type)
        workspace.convert(sum.buffer, to: copy.buffer, count: sum.count)
        sum = copy
    }
}
