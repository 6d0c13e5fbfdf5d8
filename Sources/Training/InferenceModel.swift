import Autograd
import Finetuning
import Foundation
package import Kernels
package import Models
package import TextData

/// A model with its weights and tokenizer, for reading only.
package final class InferenceModel {
    package let model: any LanguageModel
    package let tokenizer: (any Tokenizer)?
    package let workspace: Workspace
    package let computeType: ElementType
    /// The texts of the tokenizer's files by name.
    package let tokenizerFiles: [String: String]
    /// The ids that end a text: the tokenizer's and those of generation_config.json, or else of
    /// config.json.
    package let endTokens: Set<Int32>
    private let generation: GenerationConfiguration
    private let store: ParameterStore
    private let method: (any FinetuningMethod)?

    /// - Parameters:
    ///   - path: a Hugging Face folder, a GGUF file (whose matrices stay quantized) or a checkpoint;
    ///     also what an adapter's run has left, which is read with the model that it names.
    ///   - adapters: folders; all but the last are merged into the weights, the last stays beside
    ///     them.
    ///   - quantizationBits: 8 or 4 round the linear layers of a folder while they are read.
    ///   - threads: of the kernels.
    /// - Throws: ``TrainingError`` where something is missing or does not fit.
    package init(
        path: String, adapters: [String] = [], quantizationBits: Int? = nil,
        computeType: ElementType = .float32, threads: Int
    ) throws(TrainingError) {
        let (path, adapters) = try ModelSource.resolved(path, adapters: adapters)
        let source = try ModelSource(path: path)
        var merged = try AdapterSetup.folders(adapters)
        let growth = try VocabularyGrowth.of(source, nil, merged)
        model = try source.model(vocabulary: growth?.rows)
        let files = try source.tokenizerFiles()
        tokenizerFiles = RunTokenizer.extended(files, by: adapters)
        tokenizer =
            tokenizerFiles == files
            ? try source.tokenizer() : try Self.tokenizer(tokenizerFiles)
        if tokenizerFiles != files, let size = tokenizer?.vocabularySize,
            size > model.description.vocabularySize
        {
            throw .user(
                "\(adapters.last ?? "") has a tokenizer of \(size) tokens, but the model only "
                    + "\(model.description.vocabularySize) rows; name the adapters first that it was "
                    + "trained on")
        }
        generation = try GenerationConfiguration(
            of: source, configuration: model.description.configuration)
        endTokens = Set(generation.endTokens.compactMap { Int32(exactly: $0) })
            .union(tokenizer?.endOfText.map { [$0] } ?? [])
        workspace = Workspace(threads: threads)
        self.computeType = computeType
        let base = model.parameters
        let (model, workspace) = (model, workspace)
        var method: (any FinetuningMethod)?
        let last = merged.popLast()
        do throws(FinetuningError) {
            if let last { method = try AdapterCatalog.method(of: last, attachingTo: model) }
        } catch {
            throw .finetuning(error)
        }
        if let quantizationBits {
            guard merged.isEmpty else {
                throw .user(
                    "quantization_bit keeps the base as it is, but \(merged.count) adapters are "
                        + "to be merged into it first; export the merged model and load that")
            }
            try source.quantize(model, base, bits: quantizationBits, in: workspace)
        } else if merged.isEmpty {
            try source.attach(model, base)
        }
        try ModelMemory.check(
            ModelMemory.bytes(of: model.parameters, computeType: computeType, training: false))
        store = ParameterStore(
            model.parameters, computeType: computeType, training: false, in: workspace)
        try source.fill(model, base, growth, in: workspace)
        do throws(FinetuningError) {
            for folder in merged { try folder.merge(into: model, in: workspace) }
            try method?.initialize(seed: 0, in: workspace)
            if let last { try method?.read(from: last.path, in: workspace) }
        } catch {
            throw .finetuning(error)
        }
        self.method = method
    }

    private static func tokenizer(
        _ files: [String: String]
    ) throws(TrainingError) -> (any Tokenizer)? {
        do {
            return try TokenizerFolder.parse(
                text: files["tokenizer.json"] ?? "",
                configuration: files["tokenizer_config.json"])
        } catch {
            throw .tokenizer(error)
        }
    }

    /// How texts are drawn where the user does not say: as generation_config.json says, else as
    /// `fallback`.
    ///
    /// - Returns: the settings, and the file's keys that are in them, with their values.
    /// - Throws: ``TrainingError/user(_:)`` for a key of generation_config.json with which
    ///   transformers would give other texts and that is not used here.
    package func samplingDefaults(
        _ fallback: SamplingSettings = SamplingSettings()
    ) throws(TrainingError) -> (settings: SamplingSettings, taken: [String]) {
        try generation.refuseUnused()
        return try generation.samplingDefaults(fallback)
    }

    /// log p of each id given those before it; the first has none. (ids.count − 1)
    ///
    /// - Throws: ``TrainingError/user(_:)`` for ids outside the vocabulary or too many of them.
    package func logProbabilities(_ ids: [Int32], of document: String) throws(TrainingError)
        -> [Float]
    {
        let description = model.description
        if let id = ids.first(where: { $0 < 0 || $0 >= description.vocabularySize }) {
            throw .user(
                "\(document): id \(id) is outside the model's vocabulary of "
                    + "\(description.vocabularySize)")
        }
        if description.hasFixedPositions, ids.count - 1 > description.maximumPositions {
            throw .user(
                "\(document): \(ids.count) tokens, but the model has "
                    + "\(description.maximumPositions) positions; divide the document")
        }
        guard ids.count > 1 else { return [] }
        let pass = ForwardPass(workspace: workspace, computeType: computeType)
        return model.logProbabilities(
            Array(ids.dropLast()), targets: Array(ids.dropFirst()), batch: 1, in: pass)
    }
}
