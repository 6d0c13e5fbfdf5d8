package import Autograd
package import Kernels
import Models

/// Factors of linear layers' outputs, or of feed-forward layers' inputs; the base stays as it is.
///
/// Source: Liu et al. 2022, arXiv:2205.05638, section 3.3, as PEFT 0.21 has it. Factors are kept as
/// vectors, so they are not decayed.
package final class IA3: FinetuningMethod {
    package let name = "ia3"
    package private(set) var adapterParameters: [Parameter] = []
    private let configuration: IA3Configuration
    private let plan: LoRAPlan
    private var layers: [IA3Linear] = []
    /// What the adapter's file has put into the base, which is written with it again.
    private var tables: [(name: String, parameter: Parameter)] = []

    /// Adds the factors to the model, and freezes everything else.
    ///
    /// - Throws: ``FinetuningError`` where the configuration makes no sense for this model.
    init(
        _ configuration: IA3Configuration, attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        self.configuration = configuration
        plan = try LoRAPlan(configuration.modules, model, setting: "ia3_target")
        let linears = try plan.linears(for: "IA3")
        try configuration.checkFeedforward(plan.leafNames)
        let pattern = try configuration.pattern()
        for parameter in model.parameters { parameter.isTrainable = false }
        for parameter in plan.saved { parameter.isTrainable = true }
        for (path, linear) in linears {
            let scalesInput = configuration.scalesInput(of: path, pattern)
            let factors = Scope(model.registry).parameter(
                path + ".ia3_l", [scalesInput ? linear.inputs : linear.outputs], .ones)
            factors.productShare = linear.weight.productShare
            adapterParameters.append(factors)
            let layer = IA3Linear(linear: linear, factors: factors, scalesInput: scalesInput)
            linear.adapter = layer
            layers.append(layer)
        }
    }

    package var summary: [String] {
        var lines = [
            "Fine-tuning method: IA3",
            "Modules with factors: \(plan.leafNames.joined(separator: ", ")) "
                + "(\(layers.count) in all, \(layers.count(where: \.scalesInput)) of their inputs)",
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
            AdapterTensor(name: layer.factors.name, shape: layer.shape) {
                workspace.numbers(layer.factors)
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
            workspace.assign(try file.floats(layer.factors.name), to: layer.factors)
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
            layer.linear.scale(
                by: workspace.numbers(layer.factors), inputs: layer.scalesInput, in: workspace)
            layer.linear.adapter = nil
        }
    }
}

extension IA3Configuration {
    /// Names of feed-forward modules have to be among the targets, as PEFT asks.
    fileprivate func checkFeedforward(_ leafNames: [String]) throws(FinetuningError) {
        guard case .names(let names) = feedforward else { return }
        let targets: [String]
        switch modules.targets {
        case .names(let given): targets = given
        case .all: targets = leafNames
        case .regex: return
        }
        if let other = names.first(where: { !targets.contains($0) }) {
            throw .invalid(
                setting: "ia3_feedforward", found: other,
                expected: "among the targets " + targets.joined(separator: ", "))
        }
    }

    fileprivate func pattern() throws(FinetuningError) -> Pattern? {
        guard case .regex(let text) = feedforward else { return nil }
        return try Pattern(text, setting: "feedforward_modules")
    }

    /// Puts a file's factors into the base's weights, in float32, without attaching them.
    func merge(
        _ folder: String, into model: any LanguageModel, in workspace: Workspace
    ) throws(FinetuningError) {
        let plan = try LoRAPlan(modules, model)
        let linears = try plan.linears(for: "IA3")
        for target in plan.targets { try target.module.checkMerge(head: model.head) }
        let file = try AdapterFile(folder, self, plan)
        _ = try file.readTables(in: workspace)
        let pattern = try pattern()
        for (path, linear) in linears {
            linear.scale(
                by: try file.floats(path + ".ia3_l"), inputs: scalesInput(of: path, pattern),
                in: workspace)
        }
        try file.assignSaved(in: workspace)
    }
}

extension AdapterFile {
    init(
        _ folder: String, _ configuration: IA3Configuration, _ plan: LoRAPlan
    ) throws(FinetuningError) {
        let pattern = try configuration.pattern()
        let needed = try plan.linears(for: "IA3").map { path, linear in
            (
                name: path + ".ia3_l",
                shape: configuration.scalesInput(of: path, pattern)
                    ? [1, linear.inputs] : [linear.outputs, 1]
            )
        }
        try self.init(folder, needed: needed, base: configuration.modules.base, plan)
    }
}

extension Linear {
    /// Multiplies the weight's columns, or its rows and the bias, by factors.
    fileprivate func scale(by factors: [Float], inputs: Bool, in workspace: Workspace) {
        let width = weight.shape.width
        // Which of the stored extents the factors belong to.
        let isLast = inputs == (layout == .outputsByInputs)
        var numbers = workspace.numbers(weight)
        for index in numbers.indices {
            numbers[index] *= factors[isLast ? index % width : index / width]
        }
        workspace.assign(numbers, to: weight)
        guard !inputs, let bias else { return }
        workspace.assign(zip(workspace.numbers(bias), factors).map { $0 * $1 }, to: bias)
    }
}

/// One layer's factors at work.
final class IA3Linear: LinearAdapter {
    let linear: Linear
    let factors: Parameter  // (in) or (out)
    let scalesInput: Bool
    /// What the factors are divided by: nothing.
    private var ones: Buffer?

    init(linear: Linear, factors: Parameter, scalesInput: Bool) {
        self.linear = linear
        self.factors = factors
        self.scalesInput = scalesInput
    }

    /// As files have the factors.
    var shape: [Int] { scalesInput ? [1, factors.count] : [factors.count, 1] }

    func output(
        of linear: Linear, _ x: Tensor, addingTo residual: Tensor?, in pass: ForwardPass
    ) -> Tensor {
        let ones = ones(in: pass.workspace)
        if scalesInput {
            let scaled = pass.scaleByMagnitude(x, magnitude: factors, norms: ones)
            return linear.base(scaled, addingTo: residual, pass)
        }
        return pass.scaleByMagnitude(
            linear.base(x, pass), addingTo: residual, magnitude: factors, norms: ones)
    }

    private func ones(in workspace: Workspace) -> Buffer {
        if let ones { return ones }
        let made = workspace.buffer(factors.count, .float32)
        workspace.fill(made, count: factors.count, with: 1)
        ones = made
        return made
    }
}
