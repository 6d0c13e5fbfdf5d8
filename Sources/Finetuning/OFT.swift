package import Autograd
package import Kernels
import Models

/// Rotations of linear layers' inputs, block by block: y = W (x R) + b; the base stays as it is.
///
/// Source: Qiu et al. 2023, arXiv:2306.07280; on inputs and by a series as in Qiu et al. 2025,
/// arXiv:2506.19847, and PEFT 0.21. Triangles are kept as vectors, so they are not decayed.
package final class OFT: FinetuningMethod {
    package let name = "oft"
    package private(set) var adapterParameters: [Parameter] = []
    private let configuration: OFTConfiguration
    private let plan: LoRAPlan
    private var layers: [OFTLinear] = []
    /// What the adapter's file has put into the base, which is written with it again.
    private var tables: [(name: String, parameter: Parameter)] = []

    /// Adds the rotations' parameters to the model, and freezes everything else.
    ///
    /// - Throws: ``FinetuningError`` where the configuration makes no sense for this model.
    init(
        _ configuration: OFTConfiguration, attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        self.configuration = configuration
        plan = try LoRAPlan(configuration.modules, model, setting: "oft_target")
        let linears = try plan.rotatableLinears()
        for parameter in model.parameters { parameter.isTrainable = false }
        for parameter in plan.saved { parameter.isTrainable = true }
        for (path, linear) in linears {
            let form = configuration.form(inputs: linear.inputs)
            let upper = Scope(model.registry).parameter(
                path + ".oft_R.weight", [form.skewCount], .zeros)
            upper.productShare = linear.weight.productShare
            adapterParameters.append(upper)
            let layer = OFTLinear(
                linear: linear, upper: upper, form: form, terms: configuration.terms)
            linear.adapter = layer
            layers.append(layer)
        }
    }

    package var summary: [String] {
        let sizes = Set(layers.map(\.form.size)).sorted().map(String.init)
        var lines = [
            "Fine-tuning method: OFT, blocks of \(sizes.joined(separator: ", "))",
            "Modules with rotations: \(plan.leafNames.joined(separator: ", ")) "
                + "(\(layers.count) in all)",
        ]
        if !plan.saved.isEmpty {
            lines.append("Trained whole: " + plan.saved.map(\.name).joined(separator: ", "))
        }
        return lines
    }

    package func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError) {
        for parameter in plan.saved where parameter.quantized != nil {
            throw .quantized(parameter: parameter.name)
        }
        for parameter in adapterParameters { workspace.initialize(parameter, seed: seed) }
    }

    package func write(
        to folder: String, base: String, in workspace: Workspace
    ) throws(FinetuningError) {
        let tensors = layers.map { layer in
            AdapterTensor(name: layer.upper.name, shape: layer.shape) {
                workspace.numbers(layer.upper)
            }
        }
        try AdapterFile.write(
            tensors, plan, tables, configuration.adapterConfiguration(base: base, plan),
            to: folder, in: workspace)
    }

    package func read(from folder: String, in workspace: Workspace) throws(FinetuningError) {
        let file = try AdapterFile(folder, configuration, plan)
        tables = try file.readTables(in: workspace)
        for layer in layers {
            workspace.assign(try file.floats(layer.upper.name), to: layer.upper)
        }
        for parameter in plan.saved {
            workspace.assign(try file.savedNumbers(parameter), to: parameter)
        }
    }

    /// Whether a folder's file has this adapter's tensors, before there is memory for them.
    func check(_ folder: String) throws(FinetuningError) {
        _ = try AdapterFile(folder, configuration, plan)
    }

    package func merge(in workspace: Workspace) throws(FinetuningError) {
        for layer in layers where layer.linear.weight.quantized != nil {
            throw .quantized(parameter: layer.linear.weight.name)
        }
        for layer in layers {
            layer.linear.rotateInputs(
                by: workspace.numbers(layer.upper), layer.form, terms: layer.terms, in: workspace)
            layer.linear.adapter = nil
        }
    }
}

extension LoRAPlan {
    /// The targets, as far as PEFT's OFT takes them too.
    fileprivate func rotatableLinears() throws(FinetuningError) -> [(
        path: String, linear: Linear
    )] {
        guard !isConv1D else {
            throw .unsupported(
                what: "OFT on weights that lie (in, out), as GPT-2's do",
                advice: "PEFT has no such layers either; use finetuning_type lora or ia3")
        }
        return try linears(for: "OFT")
    }
}

extension OFTConfiguration {
    /// The blocks of a layer with so many inputs.
    func form(inputs: Int) -> BlockMatrices {
        let size = size(inputs: inputs)
        return BlockMatrices(blocks: inputs / size, size: size)
    }

    /// Puts a file's rotations into the base's weights, in float32, without attaching them.
    func merge(
        _ folder: String, into model: any LanguageModel, in workspace: Workspace
    ) throws(FinetuningError) {
        let plan = try LoRAPlan(modules, model)
        let linears = try plan.rotatableLinears()
        for target in plan.targets { try target.module.checkMerge(head: model.head) }
        let file = try AdapterFile(folder, self, plan)
        _ = try file.readTables(in: workspace)
        for (path, linear) in linears {
            linear.rotateInputs(
                by: try file.floats(path + ".oft_R.weight"), form(inputs: linear.inputs),
                terms: terms, in: workspace)
        }
        try file.assignSaved(in: workspace)
    }
}

extension AdapterFile {
    init(
        _ folder: String, _ configuration: OFTConfiguration, _ plan: LoRAPlan
    ) throws(FinetuningError) {
        let needed = try plan.rotatableLinears().map { path, linear in
            let form = configuration.form(inputs: linear.inputs)
            return (
                name: path + ".oft_R.weight",
                shape: [form.blocks, form.size * (form.size - 1) / 2]
            )
        }
        try self.init(folder, needed: needed, base: configuration.modules.base, plan)
    }
}

extension Linear {
    /// W ← W Rᵀ, block by block of inputs, for y = W (x R).
    fileprivate func rotateInputs(
        by upper: [Float], _ form: BlockMatrices, terms: Int, in workspace: Workspace
    ) {
        let triangles = workspace.tensor([upper.count], upper).buffer
        let rotations = workspace.rotations(form, triangles, terms: terms)
        let source = workspace.tensor([outputs, inputs], workspace.numbers(weight))
        let rotated = workspace.tensor(source.shape, .float32)
        workspace.rotate(
            form, source.buffer, by: rotations, into: rotated.buffer, rows: outputs,
            transposed: true)
        workspace.assign(workspace.numbers(rotated), to: weight)
    }
}

/// One layer's rotation at work.
final class OFTLinear: LinearAdapter {
    let linear: Linear
    let upper: Parameter  // (blocks · n(n − 1)/2)
    let form: BlockMatrices
    let terms: Int

    init(linear: Linear, upper: Parameter, form: BlockMatrices, terms: Int) {
        self.linear = linear
        self.upper = upper
        self.form = form
        self.terms = terms
    }

    /// As files have the triangles.
    var shape: [Int] { [form.blocks, form.size * (form.size - 1) / 2] }

    func output(
        of linear: Linear, _ x: Tensor, addingTo residual: Tensor?, in pass: ForwardPass
    ) -> Tensor {
        linear.base(
            pass.rotateBlocks(x, by: upper, form, terms: terms), addingTo: residual, pass)
    }
}
