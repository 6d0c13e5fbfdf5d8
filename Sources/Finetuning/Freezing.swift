import Autograd
package import Kernels
package import Models

/// LLaMA-Factory's settings of partial training.
package struct FreezingConfiguration: Equatable, Sendable {
    /// Above 0: the last blocks that many; below 0: the first ones; not 0.
    package var layers: Int
    /// Modules inside a block, or `all`.
    package var modules: [String]
    /// Modules outside the blocks.
    package var extraModules: [String]
    /// Whether the trained blocks are spread evenly (LLaMA Pro).
    package var spreadsLayers: Bool

    package init(
        layers: Int = 2, modules: [String] = ["all"], extraModules: [String] = [],
        spreadsLayers: Bool = false
    ) {
        self.layers = layers
        self.modules = modules
        self.extraModules = extraModules
        self.spreadsLayers = spreadsLayers
    }
}

/// Training some of the model's own parameters.
///
/// Source: LLaMA-Factory's `_setup_freeze_tuning`. As there, an extra module is every parameter
/// whose name contains the word, so that `norm` also means the norms inside blocks; other than
/// there, only the first number of a name counts as the block's, not an expert's.
package final class Freezing: FinetuningMethod {
    package let name = "freeze"
    package let beginsAsBase = true
    package let configuration: FreezingConfiguration
    /// The blocks that are trained.
    package let trainedBlocks: [Int]

    /// - Throws: ``FinetuningError/invalid(setting:found:expected:)`` and
    ///   ``FinetuningError/noTarget(setting:value:available:)``, and
    ///   ``FinetuningError/unsupported(what:advice:)`` where layers have the same parameters.
    package init(
        _ configuration: FreezingConfiguration, attachingTo model: any LanguageModel
    ) throws(FinetuningError) {
        guard !model.description.sharesLayers else {
            throw .unsupported(
                what: "finetuning_type freeze on \(model.description.type), whose layers share "
                    + "their parameters",
                advice: "use finetuning_type: lora or full")
        }
        self.configuration = configuration
        trainedBlocks = try Self.blocks(configuration, of: model.description.layers)
        let places = model.parameters.map { Place($0.name) }
        let inside = Set(places.filter { $0.block != nil }.map(\.module))
        let outside = Set(places.filter { $0.block == nil }.map(\.module))
        for name in configuration.modules where name != "all" && !inside.contains(name) {
            throw .noTarget(
                setting: "freeze_trainable_modules", value: name, available: inside.sorted())
        }
        for name in configuration.extraModules where !outside.contains(name) {
            throw .noTarget(
                setting: "freeze_extra_modules", value: name, available: outside.sorted())
        }
        // In the order of the model: of an encoder-decoder the encoder's first.
        var known: [String] = []
        for block in places.compactMap(\.block) where !known.contains(block) { known.append(block) }
        let blocks = Set(trainedBlocks.filter(known.indices.contains).map { known[$0] })
        for (parameter, place) in zip(model.parameters, places) {
            let isChosen =
                place.block.map(blocks.contains) ?? false
                && (configuration.modules.contains("all")
                    || configuration.modules.contains(place.module))
            let isExtra = configuration.extraModules.contains { parameter.name.contains($0) }
            parameter.isTrainable = isChosen || isExtra
        }
    }

    /// Where a parameter belongs: its block, and the module's name inside the block or, outside
    /// of blocks, next to the parameter's own.
    private struct Place {
        /// The names up to the block's number.
        let block: String?
        let module: String

        init(_ name: String) {
            let pieces = name.split(separator: ".").map(String.init)
            let index = pieces.firstIndex { Int($0) != nil }
            block = index.map { pieces[...$0].joined(separator: ".") }
            if let index {
                var next = index + 1
                // T5 numbers a block's sublayers: `layer.0.SelfAttention`.
                if next + 2 < pieces.count, Int(pieces[next + 1]) != nil { next += 2 }
                module = next < pieces.count ? pieces[next] : ""
            } else {
                module = pieces.count > 1 ? pieces[pieces.count - 2] : name
            }
        }
    }

    private static func blocks(
        _ configuration: FreezingConfiguration, of count: Int
    ) throws(FinetuningError) -> [Int] {
        let chosen = configuration.layers
        guard configuration.spreadsLayers else {
            guard chosen != 0 else {
                throw .invalid(
                    setting: "freeze_trainable_layers", found: "0",
                    expected: "above 0 for the last blocks, below 0 for the first")
            }
            return Array(
                chosen > 0 ? max(0, count - chosen)..<count : 0..<min(-chosen, count))
        }
        guard chosen > 0, count % chosen == 0 else {
            throw .invalid(
                setting: "freeze_trainable_layers", found: "\(chosen)",
                expected: "a divisor of the model's \(count) blocks for use_llama_pro")
        }
        let stride = count / chosen
        return Array(Swift.stride(from: stride - 1, to: count + stride - 1, by: stride))
    }

    package var summary: [String] {
        var modules = configuration.modules.joined(separator: ", ")
        if !configuration.extraModules.isEmpty {
            modules += "; also " + configuration.extraModules.joined(separator: ", ")
        }
        let blocks = trainedBlocks.map(String.init).joined(separator: ", ")
        return ["Fine-tuning method: Freeze", "Trained blocks: \(blocks) (\(modules))"]
    }

    package func initialize(seed: UInt64, in workspace: Workspace) throws(FinetuningError) {}

    package func write(
        to folder: String, base: String, in workspace: Workspace
    ) throws(FinetuningError) {}

    package func read(from folder: String, in workspace: Workspace) throws(FinetuningError) {
        throw .unsupported(
            what: "an adapter (\(folder)) with partial finetuning",
            advice: "use finetuning_type: lora, or merge the adapter first")
    }

    package func merge(in workspace: Workspace) throws(FinetuningError) {}
}
