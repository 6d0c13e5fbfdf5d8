import Foundation

/// Tokenizers on disk, in Hugging Face's files.
package enum TokenizerFolder {
    /// Reads a tokenizer.
    ///
    /// - Parameter path: a folder with tokenizer.json, or that file. The tokens that begin and end
    ///   a text come from tokenizer_config.json, special_tokens_map.json or generation_config.json
    ///   beside it.
    /// - Throws: ``TokenizerError`` where there is none, or one of an unsupported kind.
    package static func load(_ path: String) throws(TokenizerError) -> any Tokenizer {
        var url = URL(fileURLWithPath: path)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .notFound(path: path)
        }
        if isFolder.boolValue { url.appendPathComponent("tokenizer.json") }
        guard let text = try text(of: url) else { throw .notFound(path: path) }
        let folder = url.deletingLastPathComponent()
        let definition = try TokenizerDefinition(text, file: url.path)
        let names = try SpecialTokenNames(
            configuration: Self.text(of: folder.appendingPathComponent("tokenizer_config.json")),
            specialTokensMap: Self.text(
                of: folder.appendingPathComponent("special_tokens_map.json")),
            generationConfiguration: Self.text(
                of: folder.appendingPathComponent("generation_config.json")),
            for: definition)
        return TokenizerPipeline(definition, names: names, fileText: text)
    }

    /// Reads a tokenizer from the text of its files, as a checkpoint holds them.
    ///
    /// - Parameters:
    ///   - text: tokenizer.json
    ///   - configuration: tokenizer_config.json
    /// - Throws: ``TokenizerError`` where the text is damaged or of an unsupported kind.
    package static func parse(
        text: String, configuration: String?
    ) throws(TokenizerError) -> any Tokenizer {
        let definition = try TokenizerDefinition(text, file: "tokenizer.json")
        let names = try SpecialTokenNames(
            configuration: configuration, specialTokensMap: nil, generationConfiguration: nil,
            for: definition)
        return TokenizerPipeline(definition, names: names, fileText: text)
    }

    /// Writes tokenizer.json and tokenizer_config.json, which transformers' `AutoTokenizer` reads.
    ///
    /// - Parameter folder: made if it is not there.
    /// - Throws: ``TokenizerError/cannotWrite(path:reason:)``.
    package static func write(
        _ tokenizer: any Tokenizer, to folder: String
    ) throws(TokenizerError) {
        let url = URL(fileURLWithPath: folder)
        do {
            try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
            try Data(tokenizer.fileText.utf8).write(
                to: url.appendingPathComponent("tokenizer.json"), options: .atomic)
            try Data(tokenizer.configurationText.utf8).write(
                to: url.appendingPathComponent("tokenizer_config.json"), options: .atomic)
        } catch {
            throw .cannotWrite(path: folder, reason: error.localizedDescription)
        }
    }

    /// The text of a file, or `nil` if there is none.
    private static func text(of url: URL) throws(TokenizerError) -> String? {
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        let data: Data
        do {
            data = try Data(contentsOf: url)
        } catch {
            throw .unreadable(path: url.path, reason: error.localizedDescription)
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw .unreadable(path: url.path, reason: "it is not UTF-8 text")
        }
        return text
    }
}
