package import Autograd
import Checkpoints
import Files
import Foundation
package import Kernels
package import Models
import Templates
package import Tokenizers
import WeightFiles

/// Where a model comes from: a Hugging Face folder, a checkpoint, a run's output folder, or a GGUF
/// file.
package enum ModelSource {
    case folder(path: String)
    case checkpoint(path: String)
    case gguf(GGUFModel)

    /// Finds out what `path` is.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` where nothing there can be read as a model.
    package init(path: String) throws(ModelFileError) {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .user(
                "model '\(path)' does not exist; expected a Hugging Face folder, a .gguf file "
                    + "or a checkpoint-N.h5; models are read from local files, so download it first"
            )
        }
        guard isFolder.boolValue else {
            if path.hasSuffix(".h5") {
                self = .checkpoint(path: path)
                return
            }
            if path.lowercased().hasSuffix(".gguf") {
                self = .gguf(try GGUFModel(path: path))
                return
            }
            if path.hasSuffix("config.json") {
                self = .folder(path: (path as NSString).deletingLastPathComponent)
                return
            }
            throw .user(
                "model '\(path)' is a file of an unsupported kind; expected a Hugging Face "
                    + "folder, a .gguf file or a checkpoint-N.h5")
        }
        if FileManager.default.fileExists(atPath: path + "/config.json") {
            self = .folder(path: path)
            return
        }
        do {
            let store = HDF5CheckpointStore(folder: path, program: "")
            if let newest = try store.steps().last {
                self = .checkpoint(path: store.path(step: newest))
                return
            }
        } catch {
            throw .checkpoint(error)
        }
        if let file = try Self.onlyGGUF(in: path) {
            self = .gguf(try GGUFModel(path: file))
            return
        }
        throw .user(
            "model folder '\(path)' holds neither config.json nor checkpoints; "
                + "give a Hugging Face folder, a .gguf file or a checkpoint-N.h5")
    }

    /// The GGUF file of a folder that holds one.
    private static func onlyGGUF(in folder: String) throws(ModelFileError) -> String? {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let files = names.filter {
            $0.lowercased().hasSuffix(".gguf") && !GGUFParts.isLaterPart($0)
        }.sorted()
        guard files.count < 2 else {
            throw .user(
                "model folder '\(folder)' holds \(files.count) .gguf files; name one of "
                    + files.joined(separator: ", "))
        }
        return files.first.map { folder + "/" + $0 }
    }

    /// The text of config.json.
    package func configuration() throws(ModelFileError) -> String {
        switch self {
        case .folder(let path):
            try ModelFileError.ofWeightFiles { () throws(WeightFileError) in
                try HuggingFaceFolder.configuration(of: path)
            }
        case .checkpoint(let path):
            try ModelFileError.ofCheckpoints { () throws(CheckpointError) in
                try CheckpointReader(path: path).metadata.modelConfiguration
            }
        case .gguf(let file): file.configuration
        }
    }

    /// The model, without memory yet.
    ///
    /// Where config.json ties the head to the embedding but the weights hold another head, that
    /// head is the model's, as in transformers, and its description says so.
    ///
    /// - Parameters:
    ///   - weighted: whether the source's weights are to be read; not for a model that begins with
    ///     drawn ones.
    ///   - scaling: of rotary positions, in place of what config.json says.
    ///   - rows: of the embedding and the head, in place of what config.json says.
    ///   - purpose: which head an encoder has.
    package func model(
        weighted: Bool = true, scaling: RopeScaling? = nil, vocabulary rows: Int? = nil,
        for purpose: ModelPurpose = .language
    ) throws(ModelFileError) -> any LanguageModel {
        var text = try configuration()
        if let rows { text = Self.configuration(text, vocabulary: rows) }
        if let scaling { text = try scaling.applied(to: text) }
        let model: any LanguageModel
        do {
            model = try ModelCatalog.model(configuration: text, for: purpose)
        } catch {
            throw .model(error)
        }
        guard rows == nil || rows == model.description.vocabularySize else {
            throw .user("the vocabulary of a \(model.description.type) model cannot grow here")
        }
        if case .gguf(let file) = self { try file.check(model) }
        guard weighted, case .folder(let path) = self else { return model }
        if purpose == .states, try Self.lacksHead(model, path) {
            do {
                return try ModelCatalog.modelWithoutHead(configuration: text)
            } catch {
                throw .model(error)
            }
        }
        guard purpose.hasLanguageHead else { return model }
        guard model.isTied else { return try Self.sharingHead(model, text, path) }
        do {
            guard try ModelFit.hasOwnHead(model, in: path) else { return model }
        } catch {
            throw .weightFile(error)
        }
        do {
            return try ModelCatalog.modelWithOwnHead(configuration: text, for: purpose)
        } catch {
            throw .model(error)
        }
    }

    /// Whether a decoder has a head of its own that a folder does not hold.
    private static func lacksHead(
        _ model: any LanguageModel, _ path: String
    ) throws(ModelFileError) -> Bool {
        guard model.description.kind == .decoder, !model.isTied else { return false }
        do throws(WeightFileError) {
            let folder = try HuggingFaceFolder(path: path)
            return !model.namesInFiles(of: model.head).contains(where: folder.contains)
        } catch .noWeights {
            // Whoever reads the weights says so.
            return false
        } catch {
            throw .weightFile(error)
        }
    }

    /// An encoder-decoder whose config.json asks for a head of its own but whose weights hold none: the
    /// embedding is its head, as transformers 5 has it.
    private static func sharingHead(
        _ model: any LanguageModel, _ text: String, _ path: String
    ) throws(ModelFileError) -> any LanguageModel {
        guard model.description.kind == .encoderDecoder else { return model }
        do throws(WeightFileError) {
            let folder = try HuggingFaceFolder(path: path)
            guard !model.headsInFiles.contains(where: folder.contains) else { return model }
        } catch {
            // Whoever reads the weights says so.
            return model
        }
        do {
            return try ModelCatalog.modelSharingHead(configuration: text)
        } catch {
            throw .model(error)
        }
    }

    /// A line for the user where a model of this source has another head than config.json says.
    package func headNote(_ model: any LanguageModel) throws(ModelFileError) -> String? {
        guard !model.isTied else { return nil }
        let text = try configuration()
        do {
            guard try ModelCatalog.model(configuration: text).isTied else { return nil }
        } catch {
            throw .model(error)
        }
        return "config.json ties the head to the embedding, but the weights hold another head, "
            + "which is used; what is written says tie_word_embeddings: false"
    }

    /// How the model's tokens see one another; no weights are read.
    package func kind() throws(ModelFileError) -> ModelKind {
        if case .gguf = self { return try model(weighted: false).description.kind }
        return try model(weighted: false, for: .states).description.kind
    }

    /// The tokenizer that belongs to the model; `nil` where there is none.
    package func tokenizer() throws(ModelFileError) -> (any Tokenizer)? {
        let files = try tokenizerFiles()
        guard let text = files["tokenizer.json"] else { return nil }
        do {
            if case .folder(let path) = self { return try TokenizerFolder.load(path) }
            return try TokenizerFolder.parse(
                text: text, configuration: files["tokenizer_config.json"])
        } catch {
            throw .tokenizer(error)
        }
    }

    /// The texts of the tokenizer's files by name; empty where there is none.
    package func tokenizerFiles() throws(ModelFileError) -> [String: String] {
        switch self {
        case .checkpoint(let path), .folder(let path): try Self.tokenizerFiles(of: path)
        case .gguf(let file): try file.tokenizerFiles()
        }
    }

    /// Whether a path is that of a GGUF file; folders may have any name.
    package static func isGGUF(_ path: String) -> Bool {
        path.lowercased().hasSuffix(".gguf") && !isFolder(path)
    }

    static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }

    /// The texts of the tokenizer's files in a folder, a checkpoint or a GGUF file, by name.
    package static func tokenizerFiles(of path: String) throws(ModelFileError) -> [String: String] {
        if isGGUF(path) { return try GGUFModel.tokenizerFiles(of: path) }
        let isFile = !isFolder(path)
        if isFile, path.hasSuffix(".h5") {
            return try ModelFileError.ofCheckpoints { () throws(CheckpointError) in
                try CheckpointReader(path: path).metadata.tokenizer
            }
        }
        let folder =
            isFile && path.hasSuffix(".json") ? (path as NSString).deletingLastPathComponent : path
        var files: [String: String] = [:]
        let (template, further) = ("chat_template.jinja", RenderedTemplate.folder)
        let names =
            (try? FileManager.default.contentsOfDirectory(atPath: folder + "/" + further)) ?? []
        let templates = names.filter { $0.hasSuffix(".jinja") }.map { further + "/" + $0 }
        do {
            for name in [template] + templates {
                files[name] = try HuggingFaceFolder.text(of: name, in: folder)
            }
        } catch {
            throw .weightFile(error)
        }
        do {
            return files.merging(try TokenizerFolder.files(of: folder)) { $1 }
        } catch {
            throw .tokenizer(error)
        }
    }

    /// Lets some of the model's parameters read blocks of a quantized file where they are. Before
    /// they get their memory: those that read blocks need none, and cannot be trained.
    ///
    /// - Throws: ``ModelFileError/weightFile(_:)`` for a missing or misshapen array.
    package func attach(
        _ model: any LanguageModel, _ parameters: [Parameter]
    ) throws(ModelFileError) {
        if case .gguf(let file) = self { try file.attach(parameters, of: model) }
    }

    /// Fills parameters of the model, which have their memory or stay quantized.
    ///
    /// - Parameter parameters: all that the files hold.
    /// - Throws: ``ModelFileError/weightFile(_:)`` or ``ModelFileError/checkpoint(_:)`` for a missing,
    ///   unknown or misshapen array.
    package func fill(
        _ model: any LanguageModel, _ parameters: [Parameter], in workspace: Workspace
    ) throws(ModelFileError) {
        try fill(model, parameters, nil, in: workspace)
    }

    /// The same for a model whose vocabulary has grown. Quantized numbers are decoded where nothing
    /// was attached.
    package func fill(
        _ model: any LanguageModel, _ parameters: [Parameter], _ growth: VocabularyGrowth?,
        in workspace: Workspace
    ) throws(ModelFileError) {
        if case .gguf(let file) = self {
            return try file.fill(parameters, of: model, in: workspace)
        }
        switch self {
        case .gguf: break
        case .folder(let path):
            try ModelFileError.ofWeightFiles { () throws(WeightFileError) in
                try fill(model, parameters, growth, from: path, in: workspace)
            }
        case .checkpoint(let path):
            try Self.refuseParts(of: path, parameters)
            try ModelFileError.ofCheckpoints { () throws(CheckpointError) in
                let reader = try CheckpointReader(path: path)
                try ModelFit.check(reader.arrays(in: .model), parameters, growth, file: path)
                for parameter in parameters {
                    let array = ArrayDescription(
                        name: parameter.name,
                        shape: growth?.extentsInFiles(of: parameter) ?? parameter.shape.extents)
                    let numbers = try reader.array(array, in: .model).values
                    workspace.assign(
                        growth?.numbers(numbers, of: parameter, in: workspace) ?? numbers,
                        to: parameter)
                }
            }
        }
    }

    private func fill(
        _ model: any LanguageModel, _ parameters: [Parameter], _ growth: VocabularyGrowth?,
        from path: String, in workspace: Workspace
    ) throws(WeightFileError) {
        let folder = try HuggingFaceFolder(path: path)
        var unused = Set(folder.names)
        for parameter in parameters {
            let names = model.namesInFiles(of: parameter)
            guard let name = names.first(where: folder.contains) else {
                throw .missing(entry: parameter.name, file: path)
            }
            let shape = try folder.shape(name)
            let expected = growth?.extentsInFiles(of: parameter) ?? parameter.shape.extents
            guard shape == expected else {
                throw .shape(entry: name, found: shape, expected: expected, file: path)
            }
            unused.remove(name)
            // One that was quantized while it was read has its numbers.
            if parameter.quantized == nil {
                let numbers = try folder.floats(name)
                workspace.assign(
                    growth?.numbers(numbers, of: parameter, in: workspace) ?? numbers,
                    to: parameter)
            }
        }
        for name in unused.sorted() { try ModelFit.check(name, of: folder, in: model) }
    }
}
