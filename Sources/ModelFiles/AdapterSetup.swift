import Autograd
package import Configuration
package import Finetuning
package import Kernels
package import Models

/// What finetuning does to a base model, from a configuration.
package struct AdapterSetup {
    /// Adapters whose changes become part of the base first.
    package let merged: [AdapterFolder]
    /// The adapter that training goes on with; `nil` begins a new one.
    let resumed: AdapterFolder?
    /// The tokens of a text that virtual tokens begin with.
    private let promptIDs: [Int32]
    private let configuration: RunConfiguration

    /// Reads the configurations of the adapters that the run names.
    package init(_ configuration: RunConfiguration) throws(ModelFileError) {
        self.configuration = configuration
        var folders = try Self.folders(
            configuration.adapter.adapterNameOrPath,
            over: configuration.model.modelNameOrPath ?? "")
        resumed = configuration.adapter.createNewAdapter ? nil : folders.popLast()
        merged = folders
        promptIDs = try resumed == nil ? Self.promptIDs(configuration) : []
        let type = configuration.method.finetuningType
        if let resumed, resumed.type != type {
            throw .user(
                "adapter_name_or_path: \(resumed.path) holds an adapter of finetuning_type "
                    + "\(resumed.type.rawValue), but finetuning_type is \(type.rawValue); set it to "
                    + "\(resumed.type.rawValue)")
        }
    }

    private static func promptIDs(
        _ configuration: RunConfiguration
    ) throws(ModelFileError) -> [Int32] {
        guard configuration.method.finetuningType == .promptTuning,
            let text = configuration.peft.promptText
        else { return [] }
        // PEFT's text has the special tokens that its tokenizer adds.
        return try RunTokenizer(configuration).tokenizer().encode(text, addSpecialTokens: true)
    }

    /// The adapters of these paths: of folders, or of checkpoints that have one beside them. Before the first come
    /// those that it was trained over.
    ///
    /// - Parameter base: the path of the model that they lie on.
    package static func folders(
        _ paths: [String], over base: String
    ) throws(ModelFileError) -> [AdapterFolder] {
        var folders: [AdapterFolder] = []
        for path in paths { try MergedAdapters.add(folder(path), to: &folders, over: base) }
        return folders
    }

    /// The adapters of these paths, each of which lies on the model alone.
    static func separateFolders(
        _ paths: [String], over base: String
    ) throws(ModelFileError) -> [AdapterFolder] {
        var folders: [AdapterFolder] = []
        for path in paths {
            let folder = try folder(path)
            try MergedAdapters.check(folder, over: [], on: base)
            folders.append(folder)
        }
        return folders
    }

    static func folder(_ path: String) throws(ModelFileError) -> AdapterFolder {
        do {
            return try AdapterFolder(path: AdapterFolder.folder(ofRun: path) ?? path)
        } catch {
            throw .finetuning(error)
        }
    }

    /// Passes unless another adapter was trained over others than this run's.
    func check(beside folder: AdapterFolder) throws(ModelFileError) {
        try MergedAdapters.check(
            folder, over: merged, on: configuration.model.modelNameOrPath ?? "")
    }

    /// Names the adapters that the run has merged beside the one that it has trained, in whose folder.
    package func writeMerged(to folder: String) throws(ModelFileError) {
        try MergedAdapters.write(merged, to: folder)
    }

    /// All that the run names.
    package var folders: [AdapterFolder] { merged + (resumed.map { [$0] } ?? []) }

    /// Adds what is to be trained to the model, which has no memory yet, and freezes the rest.
    ///
    /// - Parameters:
    ///   - modules: that a new LoRA trains whole unless additional_target names others.
    ///   - heads: that it trains whole beside those.
    ///   - isBody: whether the model's heads take no part.
    package func attach(
        to model: any LanguageModel, trainingAlso modules: [String], heads: [String] = [],
        isBody: Bool = false
    ) throws(ModelFileError) -> any FinetuningMethod {
        do throws(FinetuningError) {
            if let resumed {
                if case .oft(let oft) = resumed.kind, oft.dropout > 0, configuration.method.doTrain
                {
                    throw .unsupported(
                        what: "\(resumed.path): module_dropout \(oft.dropout) in training",
                        advice: "set it to 0 there, or train a new adapter")
                }
                return try AdapterCatalog.method(of: resumed, plus: loraPlus, attachingTo: model)
            }
            let method = try AdapterCatalog.method(
                try settings(model, modules, heads, isBody: isBody), attachingTo: model)
            // What says a task's labels is learned whatever else is.
            for parameter in model.taskHead?.parameters ?? []
            where configuration.method.doTrain && method is Freezing {
                parameter.isTrainable = true
            }
            return method
        } catch {
            throw .finetuning(error)
        }
    }

    private func settings(
        _ model: any LanguageModel, _ modules: [String], _ heads: [String], isBody: Bool
    ) throws(FinetuningError) -> AdapterCatalog.Settings {
        // What would be added has learned nothing.
        guard configuration.method.doTrain else { return .full }
        let adapter = configuration.adapter
        switch configuration.method.finetuningType {
        case .full: return .full
        case .lora:
            var lora = lora(trainingAlso: modules, heads)
            lora.isOfBody = isBody
            return .lora(lora)
        case .oft:
            var oft = OFTConfiguration()
            oft.modules = self.modules(adapter.oftTarget, trainingAlso: modules, heads)
            oft.modules.isOfBody = isBody
            oft.blocks = adapter.oftRank
            oft.blockSize = adapter.oftRank > 0 ? 0 : adapter.oftBlockSize
            return .oft(oft)
        case .boft:
            var boft = BOFTConfiguration()
            boft.modules = self.modules(
                configuration.peft.boftTarget, trainingAlso: modules, heads)
            boft.modules.isOfBody = isBody
            boft.blocks = configuration.peft.boftBlocks
            boft.blockSize = configuration.peft.boftBlockSize
            boft.factors = configuration.peft.boftFactors
            return .boft(boft)
        case .promptTuning: return .promptTuning(promptTuning)
        case .pTuning:
            var tuning = PTuningConfiguration(virtualTokens: configuration.peft.virtualTokens)
            tuning.encoderWidth = configuration.peft.encoderWidth
            return .pTuning(tuning)
        case .prefixTuning:
            var tuning = PrefixTuningConfiguration(
                virtualTokens: configuration.peft.virtualTokens)
            tuning.isProjected = configuration.peft.projectsPrefix
            tuning.encoderWidth = configuration.peft.encoderWidth
            return .prefixTuning(tuning)
        case .ia3:
            var ia3 = try ia3(of: model, trainingAlso: modules, heads)
            ia3.modules.isOfBody = isBody
            return .ia3(ia3)
        case .freeze:
            return .freeze(
                FreezingConfiguration(
                    layers: adapter.freezeTrainableLayers,
                    modules: adapter.freezeTrainableModules,
                    extraModules: adapter.freezeExtraModules,
                    spreadsLayers: adapter.useLlamaPro))
        case .adapter:
            var bottleneck = try BottleneckConfiguration(preset: adapter.bottleneck.rawValue)
            if let factor = adapter.bottleneckReduction {
                bottleneck.reductionFactor = Double(factor)
            }
            return .adapter(bottleneck)
        }
    }

    private var promptTuning: PromptTuningConfiguration {
        let peft = configuration.peft
        var tuning = PromptTuningConfiguration(virtualTokens: peft.virtualTokens)
        switch peft.promptStart {
        case .random: tuning.start = .random
        case .vocabulary: tuning.start = .vocabulary
        case .text:
            tuning.start = .text(
                peft.promptText ?? "", ids: promptIDs,
                tokenizer: configuration.model.tokenizerNameOrPath ?? "")
        }
        return tuning
    }

    /// Gives the method its first numbers, once the base has its own.
    package func fill(
        _ method: any FinetuningMethod, of model: any LanguageModel, in workspace: Workspace
    ) throws(ModelFileError) {
        do {
            for folder in merged { try folder.merge(into: model, in: workspace) }
            try method.initialize(
                seed: UInt64(configuration.train.seed), in: workspace)
            if let resumed { try method.read(from: resumed.path, in: workspace) }
        } catch {
            throw .finetuning(error)
        }
    }

    private func lora(
        trainingAlso modules: [String], _ heads: [String]
    ) -> LoRAConfiguration {
        let adapter = configuration.adapter
        var lora = self.modules(adapter.loraTarget, trainingAlso: modules, heads)
        lora.rank = adapter.loraRank
        lora.alpha = Float(adapter.loraAlpha)
        lora.dropout = Float(adapter.loraDropout)
        lora.isRankStabilized = adapter.useRSLoRA
        lora.isDecomposed = adapter.useDoRA
        lora.plus = loraPlus
        if adapter.pissaInit {
            lora.initialization = .pissa(
                iterations: adapter.pissaIter < 0 ? nil : adapter.pissaIter)
        }
        return lora
    }

    /// The modules that targets mean, and those that are trained whole beside them.
    private func modules(
        _ targets: [String], trainingAlso modules: [String], _ heads: [String]
    ) -> LoRAConfiguration {
        let adapter = configuration.adapter
        var selection = LoRAConfiguration()
        selection.targets = ModuleTargets(setting: targets.joined(separator: ","))
        selection.additionalTargets =
            adapter.additionalTarget.isEmpty ? modules : adapter.additionalTarget
        selection.additionalTargets += heads.filter { !selection.additionalTargets.contains($0) }
        selection.base = configuration.model.modelNameOrPath ?? ""
        return selection
    }

    /// PEFT's own choice of modules for the architecture unless they are named.
    private func ia3(
        of model: any LanguageModel, trainingAlso modules: [String], _ heads: [String]
    ) throws(FinetuningError) -> IA3Configuration {
        let adapter = configuration.adapter
        let type = model.description.type
        let standard = IA3Configuration.standard(modelType: type)
        guard let targets = adapter.ia3Target ?? standard?.targets else {
            throw .unsupported(
                what: "finetuning_type ia3 on \(type) without ia3_target",
                advice:
                    "name its linear layers, and in ia3_feedforward those whose inputs are scaled")
        }
        var ia3 = IA3Configuration()
        ia3.modules = self.modules(targets, trainingAlso: modules, heads)
        ia3.feedforward = ModuleTargets(
            setting: (adapter.ia3Feedforward
                ?? (adapter.ia3Target == nil ? standard?.feedforward : nil) ?? [])
                .joined(separator: ","))
        return ia3
    }

    private var loraPlus: LoRAPlus? {
        let adapter = configuration.adapter
        return adapter.loraPlusRatio.map {
            LoRAPlus(
                ratio: Float($0),
                embeddingFactor: Float(
                    adapter.loraPlusEmbedding / max(configuration.train.learningRate, 1e-30)))
        }
    }
}

extension AdapterFolder {
    /// The finetuning_type that goes on with this adapter.
    fileprivate var type: MethodSection.FinetuningType {
        switch kind {
        case .lora: .lora
        case .oft: .oft
        case .boft: .boft
        case .ia3: .ia3
        case .promptTuning: .promptTuning
        case .pTuning: .pTuning
        case .prefixTuning: .prefixTuning
        case .bottleneck: .adapter
        }
    }
}
