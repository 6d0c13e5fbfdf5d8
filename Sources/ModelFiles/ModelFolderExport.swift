import Autograd
package import Configuration
import Files
import Foundation
import Kernels
import Models
import Templates
import WeightFiles

/// What `export` does, from a configuration: a model with its adapters merged, as a Hugging Face
/// folder that Ollama reads too.
package struct ModelFolderExport {
    private let configuration: RunConfiguration

    /// - Throws: ``ModelFileError`` for a file that is not there.
    package init(_ configuration: RunConfiguration) throws(ModelFileError) {
        do throws(ConfigurationError) {
            try configuration.validateFiles()
        } catch {
            throw .configuration(error)
        }
        self.configuration = configuration
    }

    /// Writes the folder and returns its path.
    package func run() throws(ModelFileError) -> String {
        guard let folder = configuration.export.exportDir else {
            throw .user("export_dir is not set; name the folder to write")
        }
        let (path, paths) = try ModelSource.resolved(
            configuration.model.modelNameOrPath ?? "",
            adapters: configuration.adapter.adapterNameOrPath)
        // An adapter's folder or checkpoint names its model itself.
        if ([path] + paths).contains(where: { RunConfiguration.areOneFolder($0, folder) }) {
            throw .user(
                "export_dir: '\(folder)' is the folder of the model or of an adapter that is exported; "
                    + "choose another")
        }
        let source = try ModelSource(path: path)
        let adapters = try AdapterSetup.folders(paths, over: path)
        let purpose = try purpose(of: source, adapters.map(\.path))
        let growth = try VocabularyGrowth.of(source, configuration, adapters, for: purpose)
        let model = try source.model(for: configuration, growth, purpose)
        let workspace = Workspace(
            threads: configuration.compute.threadsPerRank
                ?? ProcessInfo.processInfo.activeProcessorCount)
        try ModelMemory.check(
            ModelMemory.bytes(of: model.parameters, computeType: .float32, training: false))
        // The store gives the parameters their memory; they keep it.
        _ = ParameterStore(
            model.parameters, computeType: .float32, training: false, in: workspace)
        try fill(model, of: source, paths, growth, in: workspace)
        for adapter in adapters {
            do {
                try adapter.merge(into: model, in: workspace)
            } catch {
                throw .finetuning(error)
            }
        }
        var files = try tokenizerFiles()
        for place in [path] + paths {
            files.merge(try SentenceFiles.texts(of: place)) { $1 }
        }
        let form = configuration.export.exportGGUF
        let gguf = form.map { "model-\($0).gguf" }
        let generation = try GenerationConfiguration.written(
            of: source, configuration: model.description.configuration, files: files)
        // What cannot be written is said before anything is.
        var file: GGUFExport?
        if let format = form.flatMap(GGUFExport.WeightFormat.init(rawValue:)) {
            file = try GGUFExport(
                model, format: format, tokenizerFiles: files, generation: generation)
        }
        files[GenerationConfiguration.fileName] = generation.text
        files[Modelfile.fileName] = try modelfile(files, weights: gguf.map { "./" + $0 } ?? ".")
        // A folder shows all of the model or, as where the disk is full, what it showed before.
        let pending = try Self.ofFiles { () throws(FileProblem) in try PendingFolder(path: folder) }
        defer { pending.discard() }
        do throws(WeightFileError) {
            try ModelExport.write(
                model, in: workspace, to: pending.temporaryPath, type: type(of: model),
                maximumShardBytes: Int(configuration.export.exportSize * 1e9),
                tokenizerFiles: files, rewardHead: configuration.export.exportRewardHead,
                kept: source.keptArrays(of: model))
        } catch {
            throw .weightFile(error)
        }
        if let gguf { try file?.write(to: pending.temporaryPath + "/" + gguf, in: workspace) }
        try Self.ofFiles { () throws(FileProblem) in
            try pending.commit(last: "config.json", replaces: HuggingFaceFolder.isWeights)
        }
        return folder
    }

    private static func ofFiles<Value>(
        _ body: () throws(FileProblem) -> Value
    ) throws(ModelFileError) -> Value {
        try ModelFileError.ofWeightFiles { () throws(WeightFileError) in
            try WeightFileError.ofFile(body)
        }
    }

    /// The head of the model as it is.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` where a reward model is asked for and it is none.
    private func purpose(
        of source: ModelSource, _ adapters: [String]
    ) throws(ModelFileError) -> ModelPurpose {
        let reward = try source.rewardPurpose(adapters: adapters)
        let own = try source.ownPurpose(adapters: adapters)
        if reward.task?.isScore == true || own == reward { return reward }
        guard configuration.export.exportRewardHead == nil else {
            throw .user(
                "export_reward_head: the model has no \(ValueHeadFile.fileName) and is no "
                    + "…ForSequenceClassification with one label, so it is no reward model; leave it "
                    + "out")
        }
        return own
    }

    /// Reads the model's numbers, its value head's among them.
    private func fill(
        _ model: any LanguageModel, of source: ModelSource, _ adapters: [String],
        _ growth: VocabularyGrowth?, in workspace: Workspace
    ) throws(ModelFileError) {
        let file = ValueHeadFile(beside: source, adapters: adapters)
        let isApart = model.taskHead?.plan.isValueHead == true && file != nil
        // An adapter holds the head that it has learned.
        let isAdapters = model.taskHead?.replacesLanguageHead == true && !adapters.isEmpty
        let missing =
            isApart
            ? model.taskHead?.parameters ?? [] : isAdapters ? try source.missingOfHead(model) : []
        try source.fill(
            model, model.parameters.filter { one in !missing.contains { $0 === one } }, growth,
            in: workspace)
        if isApart, let head = model.taskHead { try file?.read(into: head, in: workspace) }
    }

    /// The tokenizer's files, with the end of the template that the configuration names.
    private func tokenizerFiles() throws(ModelFileError) -> [String: String] {
        let text = try RunTokenizer(configuration)
        guard configuration.data.template != nil, text.files["tokenizer.json"] != nil else {
            return text.files
        }
        let tokenizer = try text.tokenizer()
        let template = try ModelTemplate.template(
            configuration, files: text.files, tokenizer)
        return try ModelTemplate.files(
            text.files, endingAs: ModelTemplate.encoder(template, tokenizer))
    }

    /// The text of the Modelfile; `nil` where the model has no tokenizer or no known template.
    private func modelfile(
        _ files: [String: String], weights: String
    ) throws(ModelFileError) -> String? {
        guard files["tokenizer.json"] != nil else { return nil }
        let isNamed = configuration.data.template != nil
        let encoder: any ConversationEncoding
        do throws(ModelFileError) {
            let tokenizer = try RunTokenizer(configuration).tokenizer()
            let template = try ModelTemplate.template(configuration, files: files, tokenizer)
            encoder = try ModelTemplate.encoder(template, tokenizer)
        } catch {
            // A model that was never taught a template needs no Modelfile.
            if isNamed { throw error }
            return nil
        }
        return try Modelfile.text(encoder, weights: weights)
    }

    /// The numbers to write: as told, or those that config.json names.
    private func type(of model: any LanguageModel) -> WeightType {
        if let type = WeightType(setting: configuration.export.inferDType.rawValue) { return type }
        let values = try? JSONValueReader.read(model.description.configuration)
        let name = values?["dtype"]?.string ?? values?["torch_dtype"]?.string
        return name.flatMap(WeightType.init(setting:)) ?? .float32
    }
}
