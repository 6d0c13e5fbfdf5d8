import Files
import Foundation
import WeightFiles

/// What sentence-transformers has in a folder beside the model: modules.json and what it lists.
///
/// Source: sentence-transformers 6.1, modules Transformer, Pooling, Normalize and Dense; modules are
/// told by the last part of their type's name, which both generations of files share.
package struct SentenceFolder: Sendable {
    /// A step from the tokens' vectors to the text's.
    enum Step: Sendable {
        case pooling([SentencePooling])
        case normalize
        case dense(SentenceDense)
    }

    /// The folder of the model itself.
    package let model: String
    let steps: [Step]
    /// Tokens that are read of a text; `nil` where the model's own limit counts.
    let longest: Int?
    let lowercases: Bool
    /// Put in front of each text.
    let prompt: String

    /// - Returns: `nil` where the folder has no modules.json.
    /// - Throws: ``ModelFileError/user(_:)`` for a module or a key that is not known.
    package init?(_ folder: String) throws(ModelFileError) {
        guard let text = try Self.text("modules.json", in: folder) else { return nil }
        let file = folder + "/modules.json"
        guard let modules = (try? JSONValueReader.read(text))?.array else {
            throw .user("\(file): expected a list of modules")
        }
        var (steps, model): ([Step], String?) = ([], nil)
        var includesPrompt = true
        for module in modules {
            guard let type = module["type"]?.string, let path = module["path"]?.string else {
                throw .user("\(file): a module without type or path")
            }
            let place = path.isEmpty ? folder : folder + "/" + path
            switch type.split(separator: ".").last {
            case "Transformer": model = place
            case "Pooling":
                let config = try Self.needed("config.json", in: place)
                let pooling = try SentencePooling.read(config, file: place + "/config.json")
                steps.append(.pooling(pooling.ways))
                includesPrompt = pooling.includesPrompt
            case "Normalize": steps.append(.normalize)
            case "Dense": steps.append(.dense(try SentenceDense(place)))
            default:
                throw .user(
                    "\(file): module \(type) is not supported; supported: Transformer, Pooling, "
                        + "Normalize, Dense")
            }
        }
        let poolings = steps.count { if case .pooling = $0 { true } else { false } }
        guard let model, case .pooling? = steps.first, poolings == 1 else {
            throw .user("\(file): expected a Transformer module, then one Pooling")
        }
        (self.model, self.steps) = (model, steps)
        (longest, lowercases) = try Self.settings(model)
        prompt = try Self.prompt(folder)
        guard includesPrompt || prompt.isEmpty else {
            throw .user(
                "\(folder): its default prompt is left out of the pooling (include_prompt: false), "
                    + "which is not supported; supported: true, or no default_prompt_name")
        }
    }

    /// sentence_bert_config.json, beside the model.
    private static func settings(
        _ model: String
    ) throws(ModelFileError) -> (longest: Int?, lowercases: Bool) {
        let name = "sentence_bert_config.json"
        guard let text = try Self.text(name, in: model) else { return (nil, false) }
        let object = try object(text, model + "/" + name)
        let longest = object["max_seq_length"]?.integer
        if let longest, longest < 1 {
            throw .user("\(model)/\(name): max_seq_length: found \(longest), expected at least 1")
        }
        let lowercases = object["do_lower_case"]?.bool ?? false
        // What newer files say where it is as it always was.
        try refuseUnused(
            object,
            harmless: [
                "transformer_task": .at([.string("feature-extraction")]),
                "module_output_name": .at([.string("token_embeddings")]),
            ])
        return (longest, lowercases)
    }

    /// What config_sentence_transformers.json puts in front of each text.
    private static func prompt(_ folder: String) throws(ModelFileError) -> String {
        let name = "config_sentence_transformers.json"
        guard let text = try Self.text(name, in: folder) else { return "" }
        let object = try object(text, folder + "/" + name)
        guard let chosen = object["default_prompt_name"]?.string else { return "" }
        guard let prompt = object["prompts"]?[chosen]?.string else {
            throw .user("\(folder)/\(name): default_prompt_name '\(chosen)' is none of its prompts")
        }
        return prompt
    }

    static func needed(_ name: String, in folder: String) throws(ModelFileError) -> String {
        guard let text = try text(name, in: folder) else {
            throw .user("\(folder)/\(name) is not there; modules.json names the folder")
        }
        return text
    }

    private static func text(_ name: String, in folder: String) throws(ModelFileError) -> String? {
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
