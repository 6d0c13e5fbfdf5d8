import Files
import Foundation
import WeightFiles

/// What sentence-transformers has in a folder beside the model: modules.json and what it lists.
///
/// Source: sentence-transformers 6.2, modules Transformer, Pooling, Normalize, Dense, LayerNorm and Dropout; modules are
/// told by the last part of their type's name, which all generations of files share.
package struct SentenceFolder: Sendable {
    /// A step from the tokens' vectors to the text's.
    enum Step: Sendable {
        case pooling([SentencePooling])
        case normalize
        case dense(SentenceDense)
        case layerNorm(SentenceLayerNorm)
        /// Nothing but in training.
        case dropout
        /// Only the first numbers stay.
        case truncate(Int)

        /// Whether weights of its own lie in the folder.
        var hasWeights: Bool {
            switch self {
            case .dense, .layerNorm: true
            case .pooling, .normalize, .dropout, .truncate: false
            }
        }
    }

    /// The folder of the model itself.
    package let model: String
    let steps: [Step]
    /// Tokens that are read of a text; `nil` where the tokenizer's and the model's own limits count.
    let longest: Int?
    let lowercases: Bool
    /// Put in front of each text.
    let prompt: String
    /// The texts that may be put there, by name.
    let prompts: JSONValue?
    /// Where modules without weights say how they work, below the folder.
    let files: [String]

    /// - Returns: `nil` where the folder has no modules.json.
    /// - Throws: ``ModelFileError/user(_:)`` for a module or a key that is not known.
    package init?(_ folder: String) throws(ModelFileError) {
        guard let text = try Self.text("modules.json", in: folder) else { return nil }
        let file = folder + "/modules.json"
        let modules = try Self.list(text, file)
        var (steps, model): ([Step], String?) = ([], nil)
        var includesPrompt = true
        var files: [String] = []
        for value in modules {
            guard let module = try? KeyedObject(value, file: file),
                let type = module["type"]?.string, let path = module["path"]?.string
            else { throw .user("\(file): a module without type or path") }
            // Its place and name, and what a caller may pass on to it.
            try Self.refuseUnused(
                module, harmless: ["idx": .always, "name": .always, "kwargs": .always])
            let place = path.isEmpty ? folder : folder + "/" + path
            if !path.isEmpty { files.append(path + "/config.json") }
            switch type.split(separator: ".").last {
            case "Transformer":
                guard model == nil else { throw .user("\(file): two Transformer modules") }
                model = place
            case "Pooling":
                let config = try Self.needed("config.json", in: place)
                let pooling = try SentencePooling.read(config, file: place + "/config.json")
                steps.append(.pooling(pooling.ways))
                includesPrompt = pooling.includesPrompt
            case let name:
                guard let step = try Self.step(name.map(String.init) ?? "", in: place) else {
                    throw .user(
                        "\(file): module \(type) is not supported; supported: Transformer, Pooling, "
                            + "Normalize, Dense, LayerNorm, Dropout")
                }
                steps.append(step)
            }
        }
        let poolings = steps.count { if case .pooling = $0 { true } else { false } }
        guard let model, case .pooling? = steps.first, poolings == 1 else {
            throw .user("\(file): expected a Transformer module, then one Pooling")
        }
        self.model = model
        (longest, lowercases) = try Self.settings(model)
        let (prompt, width, prompts) = try Self.prompt(folder)
        if let width { steps.append(.truncate(width)) }
        (self.prompt, self.steps, self.prompts, self.files) = (prompt, steps, prompts, files)
        guard includesPrompt || prompt.isEmpty else {
            throw .user(
                "\(folder): its default prompt is left out of the pooling (include_prompt: false), "
                    + "which is not supported; supported: true, or no default_prompt_name")
        }
    }

    /// A module behind the pooling; `nil` where its name is not known.
    private static func step(_ name: String, in place: String) throws(ModelFileError) -> Step? {
        switch name {
        case "Normalize":
            try checkNormalization(place)
            return .normalize
        case "Dense": return .dense(try SentenceDense(place))
        case "LayerNorm": return .layerNorm(try SentenceLayerNorm(place))
        case "Dropout":
            let text = try needed("config.json", in: place)
            try refuseUnused(
                object(text, place + "/config.json"), harmless: ["dropout": .always])
            return .dropout
        default: return nil
        }
    }

    private static func list(_ text: String, _ file: String) throws(ModelFileError) -> [JSONValue] {
        guard let modules = (try? JSONValueReader.read(text))?.array else {
            throw .user("\(file): expected a list of modules")
        }
        return modules
    }

    /// The file beside the model that says how texts are read; its name tells the model's kind in the
    /// oldest folders.
    static let settingsNames = [
        "bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet",
    ].map { "sentence_\($0)_config.json" }

    private static func settings(
        _ model: String
    ) throws(ModelFileError) -> (longest: Int?, lowercases: Bool) {
        for name in settingsNames {
            guard let text = try Self.text(name, in: model) else { continue }
            let object = try object(text, model + "/" + name)
            // An empty one counts as none.
            if object.members.isEmpty { continue }
            let longest = try count("max_seq_length", object)
            let lowercases = try flag("do_lower_case", object, default: false)
            // What newer files say where it is as it always was.
            try refuseUnused(
                object,
                harmless: [
                    "transformer_task": .at([.string("feature-extraction")]),
                    "module_output_name": .at([.string("token_embeddings")]),
                    "modality_config": .when(supported: textModality, readsTexts),
                    "unpad_inputs": .always,
                ])
            return (longest, lowercases)
        }
        return (nil, false)
    }

    private static let textModality =
        "{\"text\": {\"method\": \"forward\", \"method_output_name\": \"last_hidden_state\"}}"

    /// Whether texts are read plainly, whatever is said of images or conversations.
    private static func readsTexts(_ modalities: JSONValue) -> Bool {
        guard let text = modalities["text"], let members = text.members else { return false }
        return members.count == 2 && text["method"]?.string == "forward"
            && text["method_output_name"]?.string == "last_hidden_state"
    }

    /// Normalize has a file since sentence-transformers 5.4: which vectors it takes.
    private static func checkNormalization(_ place: String) throws(ModelFileError) {
        guard let text = try text("config.json", in: place) else { return }
        // In older folders the module has no place of its own.
        let object = try object(text, place + "/config.json")
        guard object["model_type"] == nil else { return }
        try refuseUnused(object, harmless: wholeText)
    }

    /// The arrays of a module's weights, each of its shape, in order.
    static func arrays(
        _ shapes: [(name: String, shape: [Int])], in folder: String
    ) throws(ModelFileError) -> [[Float]] {
        var arrays: [[Float]] = []
        do throws(WeightFileError) {
            let weights = try HuggingFaceFolder(path: folder)
            for (name, shape) in shapes {
                let found = try weights.shape(name)
                guard found == shape else {
                    throw .shape(entry: name, found: found, expected: shape, file: folder)
                }
                arrays.append(try weights.floats(name))
            }
        } catch {
            throw .weightFile(error)
        }
        return arrays
    }

    /// A module that takes a text's vector and gives another.
    static let wholeText: [String: HarmlessKey] = [
        "module_input_name": .at([.string("sentence_embedding")]),
        "module_output_name": .at([.string("sentence_embedding")]),
    ]

    /// What config_sentence_transformers.json puts in front of each text, and how many numbers of a
    /// vector stay.
    private static func prompt(
        _ folder: String
    ) throws(ModelFileError) -> (prompt: String, width: Int?, prompts: JSONValue?) {
        let name = SentenceFiles.settings
        guard let text = try Self.text(name, in: folder) else { return ("", nil, nil) }
        let object = try object(text, folder + "/" + name)
        let width = try count("truncate_dim", object)
        var prompt = ""
        let prompts = object["prompts"]
        if let value = object["default_prompt_name"] {
            guard let chosen = value.string, let found = prompts?[chosen]?.string else {
                throw .user(
                    "\(folder)/\(name): default_prompt_name: found \(value.kind), expected the name "
                        + "of one of its prompts")
            }
            prompt = found
        }
        try refuseUnused(
            object,
            harmless: [
                "__version__": .always, "similarity_fn_name": .always,
                "model_type": .at([.string("SentenceTransformer")]),
            ])
        return (prompt, width, prompts)
    }

    /// A number of at least 1; `nil` where the file has none.
    static func count(_ key: String, _ object: KeyedObject) throws(ModelFileError) -> Int? {
        guard let value = object[key] else { return nil }
        guard let count = value.integer, count > 0 else {
            throw .user(
                "\(object.file): \(key): found \(value.kind), expected a whole number of at least 1"
            )
        }
        return count
    }

    static func flag(
        _ key: String, _ object: KeyedObject, default fallback: Bool
    ) throws(ModelFileError) -> Bool {
        guard let value = object[key] else { return fallback }
        guard let flag = value.bool else {
            throw .user("\(object.file): \(key): found \(value.kind), expected true or false")
        }
        return flag
    }

    static func needed(_ name: String, in folder: String) throws(ModelFileError) -> String {
        guard let text = try text(name, in: folder) else {
            throw .user("\(folder)/\(name) is not there; modules.json names the folder")
        }
        return text
    }

    /// The checkpoint that a path leads into, which holds the files of its run, and where there.
    private static func checkpoint(in folder: String) -> (path: String, below: String)? {
        if folder.hasSuffix(".h5") { return (folder, "") }
        guard let end = folder.range(of: ".h5/") else { return nil }
        return (String(folder[..<end.lowerBound]) + ".h5", String(folder[end.upperBound...]) + "/")
    }

    static func text(_ name: String, in folder: String) throws(ModelFileError) -> String? {
        // A model that is one file has none beside it.
        if [".gguf", ".json"].contains(where: folder.hasSuffix) { return nil }
        if let (checkpoint, below) = checkpoint(in: folder) {
            return try ModelSource.tokenizerFiles(of: checkpoint)[below + name]
        }
        do {
            return try HuggingFaceFolder.text(of: name, in: folder)
        } catch {
            throw .weightFile(error)
        }
    }

    static func object(_ text: String, _ file: String) throws(ModelFileError) -> KeyedObject {
        guard let value = try? JSONValueReader.read(text),
            let object = try? KeyedObject(value, file: file)
        else { throw .user("\(file): expected a JSON object") }
        return object
    }

    static func refuseUnused(
        _ object: KeyedObject, harmless: [String: HarmlessKey]
    ) throws(ModelFileError) {
        do throws(UnusedKey) {
            try object.refuseUnused(harmless: harmless)
        } catch {
            throw .user(error.message)
        }
    }
}
