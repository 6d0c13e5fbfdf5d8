package import Autograd
package import Kernels
import Models

/// A parameter that a method gives a linear layer, and how PEFT's files have it.
struct LayerTensor {
    /// What its name adds to the layer's path.
    let name: String
    /// Its extents in files; as a parameter it is a vector, which is not decayed.
    let shape: [Int]
    let initializer: Initializer
}

/// What one of PEFT's methods on linear layers is: its files, its parameters, what they do.
protocol LinearMethodConfiguration {
    /// The name of `finetuning_type`.
    var name: String { get }
    /// What messages call it.
    var title: String { get }
    /// Which modules are meant; what else a LoRA has is not used.
    var modules: LoRAConfiguration { get }

    /// - Throws: ``FinetuningError`` where the settings make no sense for the model's targets.
    func check(_ plan: LoRAPlan) throws(FinetuningError)
    /// What the layer at `path` gets.
    func tensors(_ path: String, _ linear: Linear) throws(FinetuningError) -> [LayerTensor]
    /// The layer at work; its parameters are in the order of ``tensors(_:_:)``.
    func adapter(
        _ path: String, _ linear: Linear, _ parameters: [Parameter]
    ) throws(FinetuningError) -> any LinearAdapter
    /// Puts a layer's numbers into its weights.
    func merge(
        _ numbers: [[Float]], into linear: Linear, at path: String, in workspace: Workspace
    ) throws(FinetuningError)
    /// The summary's lines.
    func summary(_ plan: LoRAPlan) throws(FinetuningError) -> [String]
    /// The text of adapter_config.json.
    func adapterConfiguration(base: String, _ plan: LoRAPlan) -> String
}

extension LinearMethodConfiguration {
    /// Messages call a setting of the targets by it.
    fileprivate var targetSetting: String { name + "_target" }

    /// The targets with what each gets.
    fileprivate func layers(
        _ plan: LoRAPlan
    ) throws(FinetuningError) -> [(path: String, linear: Linear, tensors: [LayerTensor])] {
        try check(plan)
        var layers: [(path: String, linear: Linear, tensors: [LayerTensor])] = []
        for (path, linear) in try plan.linears(for: title) {
            layers.append((path, linear, try tensors(path, linear)))
        }
        return layers
    }

    /// Puts a folder's numbers into the base's weights, in float32, without attaching them.
    func merge(
        _ folder: String, into model: any LanguageModel, in workspace: Workspace
    ) throws(FinetuningError) {
        let plan = try LoRAPlan(modules, model)
        let layers = try layers(plan)
        for target in plan.targets { try target.module.checkMerge(head: model.head) }
        let file = try AdapterFile(folder, self, plan)
        _ = try file.readTables(in: workspace)
        for (path, linear, tensors) in layers {
            var numbers: [[Float]] = []
            for tensor in tensors { numbers.append(try file.floats(path + tensor.name)) }
            try merge(numbers, into: linear, at: path, in: workspace)
        }
        try file.assignSaved(in: workspace)
    }
}

extension AdapterFile {
    init(
        _ folder: String, _ configuration: any LinearMethodConfiguration, _ plan: LoRAPlan
    ) throws(FinetuningError) {
        let needed = try configuration.layers(plan).flatMap { path, _, tensors in
            tensors.map { (name: path + $0.name, shape: $0.shape) }
        }
        try self.init(folder, needed: needed, base: configuration.modules.base, plan)
    }
}

/// Parameters of their own for linear layers, in PEFT's files: OFT, BOFT and IA3. The base stays as it is.
package final class LinearMethod: FinetuningMethod {
    private struct Layer {
        let path: String
        let linear: Linear
        let tensors: [LayerTensor]
        let parameters: [Parameter]
    }

    package let name: String
    package private(set) var adapterParameters: [Parameter] = []
    package let summary: [String]
    private let configuration: any LinearMethodConfiguration
    private let plan: LoRAPlan
    private var layers: [Layer] = []
    /// What the adapter's file has put into the base, which is written with it again.
    private var tables: [(name: String, parameter: Parameter)] = []

    /// Adds the parameters to the model, and freezes everything else.
    ///
    /// - Throws: ``FinetuningError`` where the configuration makes no sense for this model.
    init(
        _ configuration: any LinearMethodConfiguration, attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        self.configuration = configuration
        name = configuration.name
        plan = try LoRAPlan(
            configuration.modules, model, setting: configuration.targetSetting)
        let targets = try configuration.layers(plan)
        var summary = try configuration.summary(plan)
        if !plan.saved.isEmpty {
            summary.append("Trained whole: " + plan.saved.map(\.name).joined(separator: ", "))
        }
        self.summary = summary
        for parameter in model.parameters { parameter.isTrainable = false }
        for parameter in plan.saved { parameter.isTrainable = true }
        for (path, linear, tensors) in targets {
            let parameters = tensors.map { tensor in
                let parameter = Scope(model.registry).parameter(
                    path + tensor.name, [tensor.shape.reduce(1, *)], tensor.initializer)
                parameter.productShare = linear.weight.productShare
                parameter.decays = true  // a vector here, a matrix in PEFT
                return parameter
            }
            adapterParameters += parameters
            linear.adapter = try configuration.adapter(path, linear, parameters)
            layers.append(
                Layer(path: path, linear: linear, tensors: tensors, parameters: parameters))
        }
    }

    package var changesBase: Bool { !plan.saved.isEmpty || !tables.isEmpty }

    package func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError) {
        for parameter in plan.saved where parameter.quantized != nil {
            throw .quantized(parameter: parameter.name)
        }
        for parameter in adapterParameters { workspace.initialize(parameter, seed: seed) }
    }

    package var settings: String? { configuration.adapterConfiguration(base: "", plan) }

    /// All of them begin with ones or with rotations by nothing.
    package var beginsAsBase: Bool { true }

    package func write(
        to folder: String, base: String, in workspace: Workspace
    ) throws(FinetuningError) {
        let tensors = layers.flatMap { layer in
            zip(layer.tensors, layer.parameters).map { tensor, parameter in
                AdapterTensor(name: parameter.name, shape: tensor.shape) {
                    workspace.numbers(parameter)
                }
            }
        }
        try AdapterFile.write(
            tensors, plan, tables, configuration.adapterConfiguration(base: base, plan),
            to: folder, in: workspace)
    }

    package func read(from folder: String, in workspace: Workspace) throws(FinetuningError) {
        let file = try AdapterFile(folder, configuration, plan)
        tables = try file.readTables(in: workspace)
        for parameter in adapterParameters {
            workspace.assign(try file.floats(parameter.name), to: parameter)
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
            try configuration.merge(
                layer.parameters.map { workspace.numbers($0) }, into: layer.linear,
                at: layer.path, in: workspace)
            layer.linear.adapter = nil
        }
    }
}
