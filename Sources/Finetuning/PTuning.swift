package import Autograd
import Files
package import Kernels
package import Models

/// What PEFT's PromptEncoderConfig says.
package struct PTuningConfiguration: Equatable, Sendable {
    var keys = VirtualTokenKeys()
    /// The width of the network's inner layers; the model's own unless given.
    package var encoderWidth: Int?
    /// Whether the network's outputs are trained themselves, as files have them.
    var isFolded = false

    package init(virtualTokens: Int) { keys.count = virtualTokens }

    /// - Throws: as ``PEFTConfiguration`` does.
    static func read(_ object: KeyedObject) throws(FinetuningError) -> PTuningConfiguration {
        let keys = try VirtualTokenKeys(object)
        var configuration = PTuningConfiguration(virtualTokens: keys.count)
        configuration.keys = keys
        configuration.isFolded = true
        configuration.encoderWidth = try object.integer(
            "encoder_hidden_size", in: 1...VirtualTokenKeys.mostTokens)
        // What made the array is not in the file, whichever network it was.
        try object.refuseOthers(
            harmless: VirtualTokenKeys.harmless.merging([
                "encoder_reparameterization_type": .always, "encoder_num_layers": .always,
                "encoder_dropout": .always,
            ]) { $1 })
        return configuration
    }
}

/// Embeddings of virtual tokens that a small network makes of others; the base stays as it is.
///
/// Source: Liu et al. 2021, arXiv:2103.10385, section 2.2, with PEFT 0.21's network of three layers:
/// linear(relu(linear(relu(linear(embedding))))). Files hold what it makes, not the network.
package final class PTuning: VirtualTokenMethod {
    package let name = "p_tuning"
    package let adapterParameters: [Parameter]
    package let slot: VirtualTokenSlot
    package let table: Parameter  // (P, C)
    private let layers: [PromptLayer]
    private let configuration: PTuningConfiguration
    private let about: ModelDescription

    /// Adds the embeddings and their network to the model, and freezes everything else.
    ///
    /// - Throws: ``FinetuningError`` where the model has no place for them.
    init(
        _ configuration: PTuningConfiguration, attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        slot = try Self.slot(of: model, for: name)
        about = model.description
        try configuration.keys.check(
            width: about.width, heads: about.heads, layers: about.layers)
        self.configuration = configuration
        for parameter in model.parameters { parameter.isTrainable = false }
        let scope = Scope(model.registry) / "prompt_encoder"
        let width = about.width
        table = (scope / "embedding").parameter(
            "weight", [configuration.keys.count, width], .normal(deviation: 1))
        let inner = configuration.encoderWidth ?? width
        let network = scope / "mlp_head"
        layers =
            configuration.isFolded
            ? []
            : [
                PromptLayer(network / 0, from: width, to: inner),
                PromptLayer(network / 2, from: inner, to: inner),
                PromptLayer(network / 4, from: inner, to: width),
            ]
        adapterParameters = [table] + layers.flatMap(\.parameters)
        table.isLookedUp = true
        slot.tokens = self
    }

    package var count: Int { configuration.keys.count }
    package var shapeInFile: [Int] { table.shape.extents }
    package var isMade: Bool { !layers.isEmpty }
    package var baseInFile: String { configuration.keys.base }

    package var summary: [String] {
        let inner = layers.first.map { ", made by a network of width \($0.bias.count)" }
        return [
            "Fine-tuning method: P-tuning, \(count) virtual tokens"
                + (inner ?? ", without the network that made them, which files do not hold")
        ]
    }

    package func front(in pass: ForwardPass) -> TextFront {
        let rows = table.rows(in: pass)
        guard let last = layers.last else { return .embeddings(rows) }
        var x = pass.convert(rows, to: pass.computeType)
        for layer in layers.dropLast() { x = pass.activation(.relu, layer(x, pass)) }
        return .embeddings(pass.convert(last(x, pass), to: .float32))
    }

    package func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError) {
        for parameter in adapterParameters { workspace.initialize(parameter, seed: seed) }
    }

    package func numbersForFile(in workspace: Workspace) -> [Float] {
        var x = workspace.tensor(table.shape, workspace.numbers(table))
        for (number, layer) in layers.enumerated() {
            x = layer.rows(x, in: workspace)
            guard number < layers.count - 1 else { break }
            workspace.activate(.relu, x.buffer, into: x.buffer, count: x.count)
        }
        return workspace.numbers(x)
    }

    package func adapterConfiguration(base: String) -> String {
        configuration.keys.adapterConfiguration(
            "P_TUNING", base: base, width: about.width, heads: about.heads, layers: about.layers,
            [
                ("encoder_reparameterization_type", .string("MLP")),
                ("encoder_hidden_size", .int(configuration.encoderWidth ?? about.width)),
                ("encoder_num_layers", .int(2)), ("encoder_dropout", .double(0)),
            ])
    }
}
