package import Autograd
package import Configuration
import Finetuning
import Foundation
package import Kernels
package import Models
package import Tokenizers

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
    private let choices: AdapterChoices?

    /// - Parameters:
    ///   - path: a Hugging Face folder, a GGUF file (whose matrices stay quantized) or a checkpoint;
    ///     also what an adapter's run has left, which is read with the model that it names.
    ///   - adapters: folders; all but the last are merged into the weights, the last stays beside
    ///     them.
    ///   - tokenizer: the place of a tokenizer that is used in place of the model's own.
    ///   - quantizationBits: 8 or 4 round the linear layers of a folder while they are read.
    ///   - scaling: of rotary positions, in place of what config.json says.
    ///   - purpose: which head an encoder has.
    ///   - choices: folders of adapters of which ``use(_:)`` puts one to work.
    ///   - threads: of the kernels.
    /// - Throws: ``ModelFileError`` where something is missing or does not fit.
    package convenience init(
        path: String, adapters: [String] = [], tokenizer place: String? = nil,
        quantizationBits: Int? = nil, scaling: RopeScaling? = nil,
        purpose: ModelPurpose = .language, choices: [String] = [],
        computeType: ElementType = .float32, threads: Int
    ) throws(ModelFileError) {
        try self.init(
            path: path, adapters: adapters, tokenizer: place, quantizationBits: quantizationBits,
            scaling: scaling, purpose: purpose, choices: choices, computeType: computeType,
            in: Workspace(threads: threads))
    }

    /// The same in a workspace that exists: a run's second, frozen model shares its threads and memory.
    package init(
        path: String, adapters: [String] = [], tokenizer place: String? = nil,
        quantizationBits: Int? = nil, scaling: RopeScaling? = nil,
        purpose: ModelPurpose = .language, choices: [String] = [],
        computeType: ElementType = .float32, in workspace: Workspace
    ) throws(ModelFileError) {
        self.workspace = workspace
        let (path, adapters) = try ModelSource.resolved(path, adapters: adapters)
        let source = try ModelSource(path: path)
        var merged = try AdapterSetup.folders(adapters, over: path)
        let growth = try VocabularyGrowth.of(source, nil, merged, for: purpose)
        model = try source.model(scaling: scaling, vocabulary: growth?.rows, for: purpose)
        let size = model.description.vocabularySize
        (tokenizerFiles, tokenizer) = try Self.tokenizer(
            of: source, extendedBy: adapters, place, vocabulary: size)
        try Self.checkTokens(of: choices, tokenizerFiles)
        generation = try GenerationConfiguration(
            of: source, configuration: model.description.configuration)
        endTokens = Set(generation.endTokens.compactMap { Int32(exactly: $0) })
            .union(tokenizer?.endOfText.map { [$0] } ?? [])
        self.computeType = computeType
        let base = try source.held(of: model)
        let model = model
        let last = merged.popLast()
        let (method, choices) = try Self.attach(last, choices, to: model, path)
        self.choices = choices
        if let quantizationBits {
            try Self.checkMerges(merged)
            try source.quantize(model, base, bits: quantizationBits, in: workspace)
        } else if merged.isEmpty {
            try source.attach(model, base)
        }
        try ModelMemory.check(
            ModelMemory.bytes(of: model.parameters, computeType: computeType, training: false))
        store = ParameterStore(
            model.parameters, computeType: computeType, training: false, in: workspace)
        try source.fill(model, base, growth, in: workspace)
        try Self.fillValueHead(of: model, source, adapters, in: workspace)
        do throws(FinetuningError) {
            for folder in merged { try folder.merge(into: model, in: workspace) }
            try method?.initialize(seed: 0, in: workspace)
            if let last { try method?.read(from: last.path, in: workspace) }
            try choices?.read(in: workspace)
        } catch {
            throw .finetuning(error)
        }
        self.method = method
    }

    /// Attaches the last adapter, and those to choose from, to a model that has no memory yet.
    private static func attach(
        _ last: AdapterFolder?, _ choices: [String], to model: any LanguageModel, _ path: String
    ) throws(ModelFileError) -> ((any FinetuningMethod)?, AdapterChoices?) {
        let folders = try AdapterSetup.separateFolders(choices, over: path)
        do throws(FinetuningError) {
            let method = try last.map { folder throws(FinetuningError) in
                try AdapterCatalog.method(of: folder, attachingTo: model)
            }
            return (
                method, folders.isEmpty ? nil : try AdapterChoices(folders, attachingTo: model)
            )
        } catch {
            throw .finetuning(error)
        }
    }

    /// Reads a value head, which has a file of its own.
    private static func fillValueHead(
        of model: any LanguageModel, _ source: ModelSource, _ adapters: [String],
        in workspace: Workspace
    ) throws(ModelFileError) {
        guard let head = model.taskHead, head.plan.isValueHead else { return }
        try ValueHeadFile(beside: source, adapters: adapters)?.read(into: head, in: workspace)
    }

    /// One tokenizer serves all adapters that are chosen from.
    private static func checkTokens(
        of choices: [String], _ files: [String: String]
    ) throws(ModelFileError) {
        for path in choices where RunTokenizer.extended(files, by: [path]) != files {
            throw .user(
                "\(path) adds tokens to the model's, so that it cannot stand beside other adapters; "
                    + "serve it alone, with adapter_name_or_path")
        }
    }

    private static func checkMerges(_ merged: [AdapterFolder]) throws(ModelFileError) {
        guard merged.isEmpty else {
            throw .user(
                "quantization_bit keeps the base as it is, but \(merged.count) adapters are "
                    + "to be merged into it first; export the merged model and load that")
        }
    }

    /// The tokenizer at `place`, or else the model's, with the tokens that its adapters add.
    private static func tokenizer(
        of source: ModelSource, extendedBy adapters: [String], _ place: String?, vocabulary: Int
    ) throws(ModelFileError) -> (files: [String: String], tokenizer: (any Tokenizer)?) {
        if let place {
            let own = try RunTokenizer(path: place)
            return (own.files, try own.tokenizer())
        }
        let own = try source.tokenizerFiles()
        let files = RunTokenizer.extended(own, by: adapters)
        guard files != own else { return (files, try source.tokenizer()) }
        let tokenizer = try tokenizer(files)
        if let size = tokenizer?.vocabularySize, size > vocabulary {
            throw .user(
                "\(adapters.last ?? "") has a tokenizer of \(size) tokens, but the model only "
                    + "\(vocabulary) rows; name the adapters first that it was trained on")
        }
        return (files, tokenizer)
    }

    private static func tokenizer(
        _ files: [String: String]
    ) throws(ModelFileError) -> (any Tokenizer)? {
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
    /// - Parameter given: keys that the user gives, whose value in `fallback` holds.
    /// - Returns: the settings, and the file's keys that are in them, with their values.
    /// - Throws: ``ModelFileError/user(_:)`` for a key of generation_config.json with which
    ///   transformers would give other texts and that is not used here.
    package func samplingDefaults(
        _ fallback: SamplingSettings = SamplingSettings(), given: Set<String> = []
    ) throws(ModelFileError) -> (settings: SamplingSettings, taken: [String]) {
        try generation.refuseUnused()
        try generation.checkStart(model.description)
        return try generation.samplingDefaults(fallback, given: given)
    }

    /// A line for the user where tokens are drawn by numbers of generation_config.json although that does not say
    /// do_sample; `nil` elsewhere.
    ///
    /// - Parameters:
    ///   - settings: those that hold in the end.
    ///   - taken: what ``samplingDefaults(_:given:)`` took from the file.
    package func drawingNote(_ settings: SamplingSettings, taken: [String]) -> String? {
        generation.drawingNote(settings, taken: taken)
    }

    /// What lines for the user call the file of those defaults.
    package var samplingFile: String { generation.name }

    /// How long a text may be where the user does not say: as generation_config.json says.
    ///
    /// - Returns: the length, and the file's key with its value; `nil` where the file does not say.
    /// - Throws: ``ModelFileError/user(_:)`` for a value out of range.
    package func lengthDefault() throws(ModelFileError) -> (length: TextLength, taken: String)? {
        try generation.length()
    }

    /// Tokens of the text that the model goes on with, which `max_length` counts: an encoder-decoder's text
    /// begins with one token of its own, whatever it reads.
    package func tokensBefore(_ promptTokens: Int) -> Int {
        model.description.kind == .encoderDecoder ? 1 : promptTokens
    }

    /// Throws where texts would have to be drawn among several beams.
    ///
    /// - Throws: ``ModelFileError/user(_:)``.
    package static func checkBeams(_ settings: SamplingSettings) throws(ModelFileError) {
        guard settings.beams.count > 1, settings.temperature > 0 else { return }
        throw .user(
            "\(settings.beams.count) beams (num_beams) and drawing at temperature "
                + "\(settings.temperature) are not supported together; give temperature 0, or one "
                + "beam")
    }

    /// Puts one of the adapters to work that the model was given to choose from; none with `nil`.
    package func use(_ choice: Int?) { choices?.use(choice) }

    /// Throws unless conversations can be continued by the model.
    ///
    /// - Throws: ``ModelFileError/user(_:)``.
    package func requireDecoder() throws(ModelFileError) {
        guard model.description.kind != .decoder else { return }
        throw .user(
            "a \(model.description.type) model is an \(model.description.kind.rawValue), and texts are "
                + "continued by decoders; give one of them"
                + (model.description.kind == .encoderDecoder
                    ? ", or see what it writes of a text with lockstep generate" : ""))
    }

    /// A pass without backward.
    package var pass: ForwardPass { ForwardPass(workspace: workspace, computeType: computeType) }

    /// log p of each id given those before it; the first has none. (ids.count − 1)
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for ids outside the vocabulary or too many of them.
    package func logProbabilities(_ ids: [Int32], of document: String) throws(ModelFileError)
        -> [Float]
    {
        try check(ids, of: document)
        let description = model.description
        if description.hasFixedPositions, ids.count - 1 > description.maximumPositions {
            throw .user(
                "\(document): \(ids.count) tokens, but the model has "
                    + "\(description.maximumPositions) positions; divide the document")
        }
        guard ids.count > 1 else { return [] }
        return model.logProbabilities(
            Array(ids.dropLast()), targets: Array(ids.dropFirst()), batch: 1,
            textLengths: [ids.count], in: pass)
    }

    /// Refuses ids that the model's embedding does not have; a tokenizer may have more tokens.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` for the first of them.
    package func check(_ ids: [Int32], of document: String) throws(ModelFileError) {
        let size = model.description.vocabularySize
        guard let id = ids.first(where: { $0 < 0 || $0 >= size }) else { return }
        let name = tokenizer?.token(of: id).map { " (\($0))" } ?? ""
        throw .user("\(document): id \(id)\(name) is outside the model's vocabulary of \(size)")
    }
}
