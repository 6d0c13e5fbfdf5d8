package import Autograd
import Files
package import Kernels
package import Models

/// What PEFT's PrefixTuningConfig says.
package struct PrefixTuningConfiguration: Equatable, Sendable {
    var keys = VirtualTokenKeys()
    /// Whether a small network makes keys and values of embeddings.
    package var isProjected = false
    /// The width of that network's inner layer; that of a layer's keys unless given.
    package var encoderWidth: Int?
    /// Whether the network's outputs are trained themselves, as files have them.
    var isFolded = false

    package init(virtualTokens: Int) { keys.count = virtualTokens }

    /// - Throws: as ``PEFTConfiguration`` does.
    static func read(_ object: KeyedObject) throws(FinetuningError) -> PrefixTuningConfiguration {
        let keys = try VirtualTokenKeys(object)
        var configuration = PrefixTuningConfiguration(virtualTokens: keys.count)
        configuration.keys = keys
        configuration.isFolded = true
        configuration.isProjected = try object.flag("prefix_projection") ?? false
        configuration.encoderWidth = try object.integer(
            "encoder_hidden_size", in: 1...VirtualTokenKeys.mostTokens)
        try object.refuseOthers(
            harmless: VirtualTokenKeys.harmless.merging(["init_weights": .always]) { $1 })
        return configuration
    }
}

/// Keys and values of virtual tokens in each layer; the base stays as it is.
///
/// Source: Li and Liang 2021, arXiv:2101.00190, section 4, as PEFT 0.21 has it: the array of a token is
/// viewed (layers, 2, G, D), keys first. Files hold what a network makes, not the network.
package final class PrefixTuning: VirtualTokenMethod {
    package let name = "prefix_tuning"
    package let adapterParameters: [Parameter]
    package let slot: VirtualTokenSlot
    package let table: Parameter  // (P, layers · 2 · G·D), or (P, G·D) before the network
    private let inner: PromptLayer?
    private let outer: PromptLayer?
    private let configuration: PrefixTuningConfiguration

    /// Adds the keys and values to the model, and freezes everything else.
    ///
    /// - Throws: ``FinetuningError`` where the model has no place for them.
    init(
        _ configuration: PrefixTuningConfiguration, attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        slot = try Self.slot(of: model, for: name)
        let width = slot.groups * slot.headSize
        try configuration.keys.check(width: width, heads: slot.groups, layers: slot.layers)
        self.configuration = configuration
        for parameter in model.parameters { parameter.isTrainable = false }
        let scope = Scope(model.registry) / "prompt_encoder"
        let isMade = configuration.isProjected && !configuration.isFolded
        let all = slot.layers * 2 * width
        table = (scope / "embedding").parameter(
            "weight", [configuration.keys.count, isMade ? width : all], .normal(deviation: 1))
        let hidden = configuration.encoderWidth ?? width
        inner = isMade ? PromptLayer(scope / "transform" / 0, from: width, to: hidden) : nil
        outer = isMade ? PromptLayer(scope / "transform" / 2, from: hidden, to: all) : nil
        adapterParameters = [table] + [inner, outer].flatMap { $0?.parameters ?? [] }
        table.isLookedUp = true
        slot.tokens = self
    }

    package var count: Int { configuration.keys.count }
    private var width: Int { slot.groups * slot.headSize }
    package var shapeInFile: [Int] { [count, slot.layers * 2 * width] }
    package var isMade: Bool { inner != nil }
    package var baseInFile: String { configuration.keys.base }

    package var summary: [String] {
        var line = "Fine-tuning method: prefix tuning, \(count) virtual tokens"
        if let inner {
            line += ", made by a network of width \(inner.bias.count)"
        } else if configuration.isProjected {
            line += ", without the network that made them, which files do not hold"
        }
        return [line]
    }

    package func front(in pass: ForwardPass) -> TextFront {
        let rows = table.rows(in: pass)
        guard let inner, let outer else { return .keysAndValues(rows) }
        let hidden = pass.activation(
            .tanh, inner(pass.convert(rows, to: pass.computeType), pass))
        return .keysAndValues(pass.convert(outer(hidden, pass), to: .float32))
    }

    package func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError) {
        for parameter in adapterParameters { workspace.initialize(parameter, seed: seed) }
    }

    package func numbersForFile(in workspace: Workspace) -> [Float] {
        guard let inner, let outer else { return workspace.numbers(table) }
        let hidden = inner.rows(
            workspace.tensor(table.shape, workspace.numbers(table)), in: workspace)
        workspace.activate(.tanh, hidden.buffer, into: hidden.buffer, count: hidden.count)
        return workspace.numbers(outer.rows(hidden, in: workspace))
    }

    package func adapterConfiguration(base: String) -> String {
        configuration.keys.adapterConfiguration(
            "PREFIX_TUNING", base: base, width: width, heads: slot.groups, layers: slot.layers,
            [
                ("prefix_projection", .bool(configuration.isProjected)),
                ("encoder_hidden_size", .int(configuration.encoderWidth ?? width)),
                ("init_weights", .null),
            ])
    }
}
