import Autograd
import Kernels
import Models

/// Rotations of linear layers' inputs, block by block: y = W (x R) + b.
///
/// Source: Qiu et al. 2023, arXiv:2306.07280; on inputs and by a series as in Qiu et al. 2025,
/// arXiv:2506.19847, and PEFT 0.21.
extension OFTConfiguration: LinearMethodConfiguration {
    var name: String { "oft" }
    var title: String { "OFT" }

    func check(_ plan: LoRAPlan) throws(FinetuningError) {
        try plan.refuseConv1D(for: title)
    }

    func tensors(_ path: String, _ linear: Linear) -> [LayerTensor] {
        let form = form(inputs: linear.inputs)
        return [
            LayerTensor(
                name: ".oft_R.weight", shape: [form.blocks, form.size * (form.size - 1) / 2],
                initializer: .zeros)
        ]
    }

    func adapter(
        _ path: String, _ linear: Linear, _ parameters: [Parameter]
    ) -> any LinearAdapter {
        OFTLinear(upper: parameters[0], form: form(inputs: linear.inputs), terms: terms)
    }

    func merge(
        _ numbers: [[Float]], into linear: Linear, at path: String, in workspace: Workspace
    ) {
        let form = form(inputs: linear.inputs)
        let triangles = workspace.tensor([numbers[0].count], numbers[0]).buffer
        let rotations = workspace.rotations(form, triangles, terms: terms)
        linear.changeRows(in: workspace) { rows in
            // W ← W Rᵀ, block by block of inputs.
            let rotated = workspace.tensor(rows.shape, .float32)
            workspace.rotate(
                form, rows.buffer, by: rotations, into: rotated.buffer, rows: linear.outputs,
                transposed: true)
            return rotated
        }
    }

    func summary(_ plan: LoRAPlan) throws(FinetuningError) -> [String] {
        let linears = try plan.linears(for: title)
        let sizes = Set(linears.map { form(inputs: $0.linear.inputs).size }).sorted()
        return [
            "Fine-tuning method: OFT, blocks of "
                + sizes.map(String.init).joined(separator: ", "),
            "Modules with rotations: \(plan.leafNames.joined(separator: ", ")) "
                + "(\(linears.count) in all)",
        ]
    }

    /// The blocks of a layer with so many inputs.
    private func form(inputs: Int) -> BlockMatrices {
        let size = size(inputs: inputs)
        return BlockMatrices(blocks: inputs / size, size: size)
    }
}

extension LoRAPlan {
    /// - Throws: ``FinetuningError/unsupported(what:advice:)`` for layers that PEFT's rotations do not take.
    func refuseConv1D(for method: String) throws(FinetuningError) {
        guard isConv1D else { return }
        throw .unsupported(
            what: "\(method) on weights that lie (in, out), as GPT-2's do",
            advice: "PEFT has no such layers either; use finetuning_type lora or ia3")
    }
}

extension Linear {
    /// Puts others in place of the weight's rows (out, in), float32.
    func changeRows(in workspace: Workspace, _ change: (Tensor) -> Tensor) {
        let rows = workspace.tensor([outputs, inputs], workspace.numbers(weight))
        workspace.assign(workspace.numbers(change(rows)), to: weight)
    }
}

/// One layer's rotation at work.
private final class OFTLinear: LinearAdapter {
    private let upper: Parameter  // (blocks · n(n − 1)/2)
    private let form: BlockMatrices
    private let terms: Int

    init(upper: Parameter, form: BlockMatrices, terms: Int) {
        self.upper = upper
        self.form = form
        self.terms = terms
    }

    func output(
        of linear: Linear, _ x: Tensor, addingTo residual: Tensor?, in pass: ForwardPass
    ) -> Tensor {
        linear.base(
            pass.rotateBlocks(x, by: upper, form, terms: terms), addingTo: residual, pass)
    }
}
