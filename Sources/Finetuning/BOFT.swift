import Autograd
import Kernels
import Models

/// Rotations of linear layers' inputs by the factors of a butterfly, and factors of their outputs:
/// y = s ⊙ W (x B) + b.
///
/// Source: Liu et al. 2023, arXiv:2311.06243, as PEFT 0.21 has it.
extension BOFTConfiguration: LinearMethodConfiguration {
    var name: String { "boft" }
    var title: String { "BOFT" }

    func check(_ plan: LoRAPlan) throws(FinetuningError) {
        try plan.refuseConv1D(for: title)
        for (path, linear) in try plan.linears(for: title) {
            _ = try butterfly(path, inputs: linear.inputs)
        }
    }

    func tensors(_ path: String, _ linear: Linear) throws(FinetuningError) -> [LayerTensor] {
        let butterfly = try butterfly(path, inputs: linear.inputs)
        let (blocks, size) = (butterfly.form.blocks, butterfly.form.size)
        return [
            LayerTensor(
                name: ".boft_R", shape: [butterfly.factors, blocks, size, size],
                initializer: .zeros),
            LayerTensor(name: ".boft_s", shape: [linear.outputs, 1], initializer: .ones),
        ]
    }

    func adapter(
        _ path: String, _ linear: Linear, _ parameters: [Parameter]
    ) throws(FinetuningError) -> any LinearAdapter {
        BOFTLinear(
            matrices: parameters[0], factors: parameters[1],
            butterfly: try butterfly(path, inputs: linear.inputs))
    }

    /// W ← s ⊙ W Bᵀ; the bias stays.
    func merge(
        _ numbers: [[Float]], into linear: Linear, at path: String, in workspace: Workspace
    ) throws(FinetuningError) {
        let butterfly = try butterfly(path, inputs: linear.inputs)
        let matrices = workspace.tensor([numbers[0].count], numbers[0]).buffer
        let rotations = workspace.rotations(butterfly, matrices)
        linear.changeRows(in: workspace) { rows in
            let rotated = workspace.rotated(rows, butterfly, by: rotations, transposed: true)
            var changed = workspace.numbers(rotated)
            for index in changed.indices { changed[index] *= numbers[1][index / linear.inputs] }
            return workspace.tensor(rows.shape, changed)
        }
    }

    func summary(_ plan: LoRAPlan) throws(FinetuningError) -> [String] {
        var sizes: Set<Int> = []
        for (path, linear) in try plan.linears(for: title) {
            sizes.insert(try butterfly(path, inputs: linear.inputs).form.size)
        }
        return [
            "Fine-tuning method: BOFT, \(factors) \(factors == 1 ? "factor" : "factors") with "
                + "blocks of " + sizes.sorted().map(String.init).joined(separator: ", "),
            "Modules with rotations: \(plan.leafNames.joined(separator: ", ")) "
                + "(\(plan.targets.count) in all)",
        ]
    }

    /// The factors of a layer with so many inputs.
    ///
    /// - Throws: ``FinetuningError/invalid(setting:found:expected:)`` where blocks do not divide them.
    private func butterfly(_ path: String, inputs: Int) throws(FinetuningError) -> Butterfly {
        let (setting, wanted) =
            blocks > 0 ? ("boft_block_num", blocks) : ("boft_block_size", blockSize)
        guard wanted > 0, inputs % wanted == 0 else {
            throw .invalid(
                setting: setting, found: "\(wanted)",
                expected: "a divisor of the \(inputs) inputs of \(path)")
        }
        let form =
            blocks > 0
            ? BlockMatrices(blocks: blocks, size: inputs / blocks)
            : BlockMatrices(blocks: inputs / blockSize, size: blockSize)
        let reach = 1 << (factors - 1)
        guard factors == 1 || (form.blocks % reach == 0 && form.size % 2 == 0) else {
            throw .invalid(
                setting: "boft_n_butterfly_factor", found: "\(factors)",
                expected: "1, or an even block size and a number of blocks that \(reach) divides; "
                    + "\(path) has \(form.blocks) blocks of \(form.size)")
        }
        return Butterfly(form, factors: factors)
    }
}

/// One layer's rotation and factors at work.
private final class BOFTLinear: LinearAdapter {
    private let matrices: Parameter  // (factors · blocks · n · n)
    private let factors: Parameter  // (out)
    private let butterfly: Butterfly
    private let ones = OnesBuffer()

    init(matrices: Parameter, factors: Parameter, butterfly: Butterfly) {
        self.matrices = matrices
        self.factors = factors
        self.butterfly = butterfly
    }

    func output(
        of linear: Linear, _ x: Tensor, addingTo residual: Tensor?, in pass: ForwardPass
    ) -> Tensor {
        let product = pass.linear(
            pass.rotateColumns(x, by: matrices, butterfly), weight: linear.weight, bias: nil,
            layout: linear.layout)
        return pass.scaleByMagnitude(
            product, addingTo: residual, magnitude: factors,
            norms: ones.buffer(factors.count, in: pass.workspace), bias: linear.bias)
    }
}
