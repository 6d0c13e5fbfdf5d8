package import Autograd
package import Configuration
package import Finetuning
package import Kernels
package import Models

/// A model on its way to its numbers: where they come from, and what finetuning adds.
package struct ModelSetup {
    package let source: ModelSource
    package let model: any LanguageModel
    package let method: any FinetuningMethod
    /// How the vocabulary grows; `nil` where it does not.
    package let growth: VocabularyGrowth?
    package let adapters: AdapterSetup
    /// The file of a value head; `nil` where there is none yet.
    package let valueHead: ValueHeadFile?
    /// The parameters that the model's files hold.
    private let base: [Parameter]
    /// Those of a task's head that they do not hold, which begin with drawn numbers.
    package let drawn: [Parameter]
    private let configuration: RunConfiguration

    /// Makes the model and attaches what is to be trained; nothing has memory yet.
    ///
    /// - Parameter purpose: which head the model has.
    package init(
        _ source: ModelSource, _ configuration: RunConfiguration,
        for purpose: ModelPurpose = .language
    ) throws(ModelFileError) {
        self.source = source
        self.configuration = configuration
        adapters = try AdapterSetup(configuration)
        growth = try VocabularyGrowth.of(
            source, configuration, adapters.folders, for: purpose)
        model = try source.model(for: configuration, growth, purpose)
        let drawn =
            configuration.model.trainFromScratch ? [] : try source.missingOfHead(model)
        self.drawn = drawn
        valueHead =
            model.taskHead?.plan.isValueHead == true
            ? ValueHeadFile(beside: source, adapters: adapters.folders.map(\.path)) : nil
        base = model.parameters.filter { parameter in !drawn.contains { $0 === parameter } }
        method = try adapters.attach(
            to: model,
            trainingAlso: growth?.isAsked == true ? model.vocabularyModules : [],
            heads: model.taskHead?.savedModules(drawn: drawn) ?? [], isBody: purpose == .states)
        // A head that nothing has learned cannot stay as it is.
        for parameter in drawn { parameter.isTrainable = true }
        freezeBesideValueHead()
        try growth?.check(method, of: model)
    }

    /// A policy's value head is learned wherever it comes from. Of a reward model nothing is learned of the
    /// language head, and nothing shall be lost of it. A bias moves all scores alike: the loss of their
    /// differences has no gradient for it but rounding.
    private func freezeBesideValueHead() {
        guard let head = model.taskHead, head.plan.isValueHead else { return }
        guard configuration.method.stage == .ranking else {
            for parameter in head.parameters { parameter.isTrainable = true }
            return
        }
        if !model.isTied { model.head.isTrainable = false }
        for parameter in head.parameters where parameter.name.hasSuffix(".bias") {
            parameter.isTrainable = false
        }
    }

    /// Lets frozen matrices stay quantized, as the file holds them or as quantization_bit asks.
    /// To be done before a `ParameterStore` gives the others their memory.
    package func keepQuantized(in workspace: Workspace) throws(ModelFileError) {
        let bits = configuration.adapter.quantizationBit
        guard mayKeepQuantized else {
            guard bits == nil else {
                throw .user(
                    "quantization_bit keeps the base as it is, but \(adapters.merged.count) "
                        + "adapters are to be merged into it first; export the merged model and "
                        + "train on that")
            }
            return
        }
        if let bits {
            try source.quantize(model, frozen, bits: bits, in: workspace)
        } else {
            try source.attach(model, frozen)
        }
    }

    /// How quantization_bit rounds the base; `nil` where it stays as its files have it.
    package var quantization: (bits: Int, format: String)? {
        configuration.adapter.quantizationBit.map { ($0, ModelSource.format(bits: $0).name) }
    }

    private var mayKeepQuantized: Bool {
        (method.keepsBase || !configuration.method.doTrain) && adapters.merged.isEmpty
    }

    /// What of the base is not trained.
    private var frozen: [Parameter] {
        base.filter { !$0.isTrainable || !configuration.method.doTrain }
    }

    /// Reads the base, merges earlier adapters, and begins or goes on with the new one.
    package func fill(in workspace: Workspace) throws(ModelFileError) {
        try source.fill(model, base, growth, in: workspace)
        for parameter in drawn {
            workspace.initialize(parameter, seed: UInt64(configuration.train.seed))
        }
        if let head = model.taskHead { try valueHead?.read(into: head, in: workspace) }
        try adapters.fill(method, of: model, in: workspace)
    }

    /// What checkpoints hold: an adapter by itself, or all of the model.
    package var savedParameters: [Parameter] {
        isAdapter ? model.parameters.filter(\.isTrainable) : model.parameters
    }

    /// The files that an adapter's base is made of: the model's, and those of adapters that are merged into it.
    package var frozenFiles: [String] {
        let weights = configuration.model.trainFromScratch ? [] : source.weightFiles
        return weights + adapters.merged.flatMap(\.files)
    }

    /// What decides the numbers that the run begins with.
    package var origin: ModelOrigin {
        let isDrawn = configuration.model.trainFromScratch
        let isNew = adapters.resumed == nil && !method.beginsAsBase
        var origin = ModelOrigin(
            files: (isDrawn ? [] : source.weightFiles) + adapters.folders.flatMap(\.files),
            configuration: model.description.configuration, of: configuration)
        if isNew || adapters.resumed != nil {
            origin.settings += [method.name, method.settings ?? ""]
        }
        if let growth { origin.settings.append(growth.settings) }
        if isDrawn || isNew || growth != nil {
            origin.settings.append("seed \(configuration.train.seed)")
        }
        // Products with blocks round otherwise than those with the numbers of these blocks.
        let bits = configuration.adapter.quantizationBit
        if mayKeepQuantized, bits != nil || source.holdsBlocks {
            origin.settings.append("bits \(bits ?? 0)")
            origin.settings += frozen.map(\.name)
        }
        return origin
    }

    /// Whether the method's files are an adapter beside the base.
    package var isAdapter: Bool { !method.adapterParameters.isEmpty }
}

extension FinetuningMethod {
    /// Whether the base's frozen weights stay as they are.
    var keepsBase: Bool {
        guard let lora = self as? LoRA else { return !adapterParameters.isEmpty }
        return lora.configuration.initialization == .uniform
    }
}
