package import Autograd
import Files
package import Kernels
package import Models

/// Small two-layer networks after, or beside, the sublayers of each block; the base stays as it is.
///
/// As in AdapterHub on models that norm before a sublayer, with A(x) = scaling · (up f(down x)), z
/// the residual stream and o what the sublayer adds to it: sequential with the residual added first
/// (Pfeiffer, arXiv:2005.00247) z + o + A(z + o); sequential on the output (Houlsby,
/// arXiv:1902.00751) z + o + A(o); parallel (He, arXiv:2110.04366) z + o + A(z).
package final class BottleneckAdapters: FinetuningMethod {
    package let name = "adapter"
    package let weightsFile = AdapterHubFile.safetensorsFile
    package let configuration: BottleneckConfiguration
    package private(set) var adapterParameters: [Parameter] = []
    private let model: any LanguageModel

    /// Adds the adapters' parameters to the model, and freezes everything else.
    ///
    /// - Throws: ``FinetuningError/unsupported(what:advice:)`` where the model's blocks have no
    ///   room for adapters, and what the configuration's check throws.
    package init(
        _ configuration: BottleneckConfiguration, attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        try configuration.validate()
        guard !model.registry.blocks.isEmpty, let activation = configuration.activation else {
            throw .unsupported(
                what: "finetuning_type adapter on \(model.description.type)",
                advice: "use finetuning_type: lora")
        }
        self.configuration = configuration
        self.model = model
        for parameter in model.parameters { parameter.isTrainable = false }
        for (number, block) in model.registry.blocks.enumerated() {
            guard !configuration.leftOut.contains(number) else { continue }
            let inner = try configuration.bottleneck(width: model.description.width, block: number)
            func adapter(_ place: String) -> Bottleneck {
                Bottleneck(
                    parameters(block.path + "." + place + ".adapters." + configuration.name, inner),
                    configuration, activation)
            }
            if configuration.afterAttention {
                block.adapters.attention = adapter("attention_adapters")
            }
            if configuration.afterFeedForward {
                block.adapters.feedForward = adapter("output_adapters")
            }
        }
    }

    private func parameters(_ path: String, _ inner: Int) -> Bottleneck.Parameters {
        let width = model.description.width
        var down = Initializer.normal(deviation: 0.02)
        var up = down
        switch configuration.initialWeights {
        case "mam_adapter":
            down = .uniform(bound: 1 / Float(width).squareRoot())
            up = .zeros
        case "houlsby":
            // AdapterHub cuts the distribution off at two deviations; here it is whole.
            down = .normal(deviation: 0.01)
            up = down
        default: break
        }
        let scope = Scope(model.registry) / path
        let made = Bottleneck.Parameters(
            downWeight: (scope / "adapter_down" / 0).parameter("weight", [inner, width], down),
            downBias: (scope / "adapter_down" / 0).parameter("bias", [inner], .zeros),
            upWeight: (scope / "adapter_up").parameter("weight", [width, inner], up),
            upBias: (scope / "adapter_up").parameter("bias", [width], .zeros))
        adapterParameters += [made.downWeight, made.downBias, made.upWeight, made.upBias]
        return made
    }

    package var summary: [String] {
        let inner = adapterParameters.first?.shape.extents.first ?? 0
        var places = configuration.afterAttention ? ["attention"] : []
        if configuration.afterFeedForward { places.append("feed-forward") }
        let kind = configuration.isParallel ? "beside" : "after"
        return [
            "Fine-tuning method: Adapter, \(model.description.width) → \(inner) → "
                + "\(model.description.width) \(kind) " + places.joined(separator: " and ")
                + ", \(configuration.nonLinearity), scaling \(configuration.scaling)"
        ]
    }

    package func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError) {
        for parameter in adapterParameters { workspace.initialize(parameter, seed: seed) }
    }

    package var settings: String? { text(base: "") }

    private func text(base: String) -> String {
        configuration.adapterConfiguration(
            width: model.description.width, modelClass: modelClass, modelName: base,
            modelType: model.description.type)
    }

    package func write(
        to folder: String, base: String, in workspace: Workspace
    ) throws(FinetuningError) {
        try AdapterFolder.write(text(base: base), folder)
        try AdapterHubFile.write(adapterParameters, to: folder, in: workspace)
    }

    package func read(from folder: String, in workspace: Workspace) throws(FinetuningError) {
        let file = try AdapterHubFile(folder)
        let names = try names(in: file)
        try AdapterHubFile.checkHead(folder, model.head, in: workspace)
        for (parameter, name) in zip(adapterParameters, names) {
            workspace.assign(try file.floats(name), to: parameter)
        }
    }

    /// Whether a folder's file has this adapter's tensors, before there is memory for them.
    func check(_ folder: String) throws(FinetuningError) {
        _ = try names(in: try AdapterHubFile(folder))
    }

    /// The names that a file has for the parameters.
    private func names(in file: AdapterHubFile) throws(FinetuningError) -> [String] {
        try file.check(
            adapterParameters.map { ($0.name, $0.shape.extents) },
            optionalPrefix: model.optionalPrefix)
    }

    package func merge(in workspace: Workspace) throws(FinetuningError) {
        throw .unsupported(
            what: "merging a bottleneck adapter",
            advice: "it is no change of weights; keep it in its own folder")
    }

    /// The first of `architectures` in config.json, as AdapterHub's `model_class`.
    private var modelClass: String {
        let values = try? JSONValueReader.read(model.description.configuration)
        return values?["architectures"]?.array?.first?.string ?? ""
    }
}

/// One adapter at work: scaling · (up f(down x + b) + b).
final class Bottleneck: BlockAdapter {
    struct Parameters {
        let downWeight: Parameter  // (r, C)
        let downBias: Parameter  // (r)
        let upWeight: Parameter  // (C, r)
        let upBias: Parameter  // (C)
    }

    private let parameters: Parameters
    private let configuration: BottleneckConfiguration
    private let activation: Activation

    init(
        _ parameters: Parameters, _ configuration: BottleneckConfiguration,
        _ activation: Activation
    ) {
        self.parameters = parameters
        self.configuration = configuration
        self.activation = activation
    }

    func output(
        residual: Tensor, in pass: ForwardPass, sublayer: (_ residual: Tensor?) -> Tensor
    ) -> Tensor {
        if configuration.isParallel {
            return adapted(residual, addingTo: sublayer(residual), pass)
        }
        if configuration.addsResidualFirst {
            let sum = sublayer(residual)
            return adapted(sum, addingTo: sum, pass)
        }
        let output = sublayer(nil)
        return adapted(output, addingTo: pass.add(output, to: residual, dropping: 0), pass)
    }

    /// sum + A(x), float32. x (B, T, C) of any type, sum (B, T, C) float32.
    private func adapted(_ x: Tensor, addingTo sum: Tensor, _ pass: ForwardPass) -> Tensor {
        let down = pass.linear(
            pass.convert(x, to: pass.computeType), weight: parameters.downWeight,
            bias: parameters.downBias)
        let inner = pass.activation(activation, down)
        guard configuration.scaling != 1 || pass.drops(configuration.dropout) else {
            return pass.linear(
                inner, addingTo: sum, weight: parameters.upWeight, bias: parameters.upBias)
        }
        let up = pass.linear(inner, weight: parameters.upWeight, bias: parameters.upBias)
        return pass.add(
            pass.convert(up, to: up.type, times: configuration.scaling), to: sum,
            dropping: configuration.dropout)
    }
}
