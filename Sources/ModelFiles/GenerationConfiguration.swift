package import Files
import Foundation
package import Models
import Tokenizers
import WeightFiles

/// generation_config.json: the tokens with which a model's texts begin and end.
///
/// As transformers' Trainer writes it (`align_special_tokens` in its trainer_utils.py): what the
/// base's own file says stays, the tokenizer's tokens count, and what ended a text before still
/// does.
package struct GenerationConfiguration {
    package static let fileName = "generation_config.json"

    private(set) var members: [JSONValue.Member]
    /// The file, for messages.
    package let source: String
    /// What lines for the user call it.
    var name: String {
        ModelSource.isGGUF(source) ? (source as NSString).lastPathComponent : Self.fileName
    }

    /// What a model's folder says; of other files, or where the folder has none, what config.json says of it, as
    /// transformers did before version 5 and still reads. A GGUF file has keys for how texts are drawn besides.
    ///
    /// - Parameter configuration: the text of config.json.
    /// - Throws: ``ModelFileError/user(_:)`` for a file that is not JSON.
    package init(
        of source: ModelSource, configuration: String
    ) throws(ModelFileError) {
        if case .folder(let path) = source {
            let text: String?
            do {
                text = try HuggingFaceFolder.text(of: Self.fileName, in: path)
            } catch {
                throw .weightFile(error)
            }
            if let text {
                self.source = path + "/" + Self.fileName
                members = try Self.members(of: text, file: self.source)
                try checkIDs()
                return
            }
        }
        if case .gguf(let file) = source {
            self.source = file.path
        } else {
            self.source = "config.json"
        }
        let model = try Self.members(of: configuration, file: "config.json")
        let keys = Self.keysOfModels
        members = model.filter { keys.contains($0.key) && $0.value != .null }
        if case .gguf(let file) = source { members += file.sampling }
        try checkIDs()
    }

    /// Throws for ids that are no whole numbers; only the end may be one of several.
    private func checkIDs() throws(ModelFileError) {
        for key in ["bos_token_id", "eos_token_id", "pad_token_id"] {
            guard let value = value(key) else { continue }
            let ids = key == "eos_token_id" ? value.array ?? [value] : [value]
            guard ids.allSatisfy({ Self.id($0) != nil }) else {
                throw .user(
                    "\(source): \(key) is \(value.text()), expected a token's id"
                        + (key == "eos_token_id" ? " or a list of ids" : ""))
            }
        }
    }

    private static func id(_ value: JSONValue) -> Int? {
        value.integer ?? value.double.flatMap { Int(exactly: $0) }
    }

    private static func members(
        of text: String, file: String
    ) throws(ModelFileError) -> [JSONValue.Member] {
        do throws(JSONProblem) {
            if case .object(let members) = try JSONValueReader.read(text) { return members }
        } catch {
            throw .user("\(file): found \(error.found), expected \(error.expected)")
        }
        throw .user("\(file): expected a JSON object")
    }

    /// The value of a key; `nil` where it is missing or null.
    package func value(_ key: String) -> JSONValue? { JSONValue.object(members)[key] }

    /// Throws for a key with which transformers' `generate` would give another text and that is not
    /// used here.
    ///
    /// - Throws: ``ModelFileError/user(_:)`` with the key, the file and what would be harmless.
    package func refuseUnused() throws(ModelFileError) {
        let object: KeyedObject
        do throws(JSONProblem) {
            object = try KeyedObject(.object(members), file: source)
        } catch {
            throw .user("\(source): found \(error.found), expected \(error.expected)")
        }
        do throws(UnusedKey) {
            try object.refuseUnused(harmless: Self.harmlessKeys)
        } catch {
            throw .user(error.message)
        }
    }

    /// Throws where an encoder-decoder's texts would begin otherwise than its config.json says.
    ///
    /// - Throws: ``ModelFileError/user(_:)``.
    package func checkStart(_ description: ModelDescription) throws(ModelFileError) {
        guard description.kind == .encoderDecoder, let value = value("decoder_start_token_id"),
            value.integer != Int(description.decoderStart)
        else { return }
        throw .user(
            "\(source): decoder_start_token_id is \(value.text()), but config.json has "
                + "\(description.decoderStart); make them equal")
    }

    /// The tokens that end a text.
    var endTokens: [Int] { ids("eos_token_id") }

    private func ids(_ key: String) -> [Int] {
        guard let value = value(key) else { return [] }
        return (value.array ?? [value]).compactMap(Self.id)
    }

    /// Takes in the tokens of the tokenizer that is written beside it.
    mutating func align(with tokenizer: any Tokenizer) {
        if let end = tokenizer.endOfText.map(Int.init), !endTokens.contains(end) {
            let all = [end] + endTokens
            set("eos_token_id", all.count == 1 ? .int(end) : .array(all.map(JSONValue.int)))
        }
        for (key, id) in [
            ("bos_token_id", tokenizer.beginOfText), ("pad_token_id", tokenizer.padding),
        ] {
            if let id = id.map(Int.init), ids(key) != [id] { set(key, .int(id)) }
        }
    }

    private mutating func set(_ key: String, _ value: JSONValue) {
        // With this mark transformers would take config.json's ids again.
        members.removeAll { $0.key == key || $0.key == "_from_model_config" }
        members.append((key, value))
    }

    /// The file's text, as transformers lays it out.
    package var text: String { JSONValue.object(members).text(indent: 2, sortsKeys: true) + "\n" }

    /// That of a model of `source` that is written with `files`, its tokenizer's by name.
    static func written(
        of source: ModelSource, configuration: String, files: [String: String]
    ) throws(ModelFileError) -> GenerationConfiguration {
        var result = try GenerationConfiguration(of: source, configuration: configuration)
        if let definition = files["tokenizer.json"] {
            do {
                result.align(
                    with: try TokenizerFolder.parse(
                        text: definition, configuration: files["tokenizer_config.json"]))
            } catch {
                throw .tokenizer(error)
            }
        }
        return result
    }

    /// The file's text for a model of `source` that is written with `files`, its
    /// tokenizer's by name.
    package static func text(
        of source: ModelSource, configuration: String, files: [String: String]
    ) throws(ModelFileError) -> String {
        try written(of: source, configuration: configuration, files: files).text
    }
}
