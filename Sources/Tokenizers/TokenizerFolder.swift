import Files
import Foundation

/// Tokenizers on disk, in Hugging Face's files.
package enum TokenizerFolder {
    /// Reads a tokenizer, as transformers' AutoTokenizer does.
    ///
    /// - Parameter path: a folder with tokenizer.json, or that file. The files beside it say which tokens
    ///   begin and end a text, add further tokens, and choose the class that has rules of its own.
    /// - Throws: ``TokenizerError`` where there is none, or one of an unsupported kind.
    package static func load(_ path: String) throws(TokenizerError) -> any Tokenizer {
        let files = try read(path)
        guard files.texts[TokenizerFiles.definition] != nil else { throw .notFound(path: path) }
        return try files.tokenizer()
    }

    /// The texts of a folder's tokenizer files, as checkpoints and exports keep them: tokenizer.json and
    /// tokenizer_config.json are enough to make the tokenizer.
    ///
    /// - Returns: file name to text; empty where there is no tokenizer.
    /// - Throws: ``TokenizerError`` for a file that cannot be read, or that adds what cannot be used.
    package static func files(of folder: String) throws(TokenizerError) -> [String: String] {
        guard FileManager.default.fileExists(atPath: folder) else { return [:] }
        var files = try read(folder).selfSufficient()
        // It is written anew with each model.
        files["generation_config.json"] = nil
        return files
    }

    private static func read(_ path: String) throws(TokenizerError) -> TokenizerFiles {
        var url = URL(fileURLWithPath: path)
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
            throw .notFound(path: path)
        }
        if isFolder.boolValue { url.appendPathComponent(TokenizerFiles.definition) }
        let isModel = url.lastPathComponent.contains(".model")
        let folder = url.deletingLastPathComponent()
        var texts: [String: String] = [:]
        for name in TokenizerFiles.names {
            if name == TokenizerFiles.definition, isModel { continue }
            texts[name] = try text(
                of: name == TokenizerFiles.definition ? url : folder.appendingPathComponent(name))
        }
        var files = TokenizerFiles(texts: texts)
        files.name = url.path
        // A config.json that cannot be read says so where the model is read.
        if let text = try? text(of: folder.appendingPathComponent("config.json")) {
            files.modelType = (try? JSONValueReader.read(text))?["model_type"]?.string
        }
        if texts[TokenizerFiles.definition] == nil {
            try addDefinition(
                to: &files, folder, model: isModel ? url : nil,
                isFolder: isFolder.boolValue)
        }
        return files
    }

    /// Makes tokenizer.json of what other programs wrote: a SentencePiece model or vocab.txt.
    private static func addDefinition(
        to files: inout TokenizerFiles, _ folder: URL, model: URL?, isFolder: Bool
    ) throws(TokenizerError) {
        var texts = files.texts
        let names = isFolder ? SentencePieceModel.names : []
        let models = model.map { [$0] } ?? names.map { folder.appendingPathComponent($0) }
        let vocabulary = folder.appendingPathComponent(WordPieceVocabulary.file)
        if var model = try sentencePieceModel(models) {
            let rules = try files.complete(&model, isFolder: isFolder)
            let made = try model.definition()
            let definition = made.definition
            var names = made.names
            // tokenizer.json says less than these classes' rules; T5's are made for pieces of a Unigram.
            if let rules, rules == .xlmRoberta || rules == .t5 && definition.modelType == .unigram {
                names.className = rules.rawValue
            }
            texts[TokenizerFiles.definition] = definition.fileText()
            if texts[TokenizerConfiguration.file] == nil {
                texts[TokenizerConfiguration.file] = names.configurationText
            }
            files = TokenizerFiles(texts: texts, modelType: files.modelType, name: model.file)
        } else if isFolder, let text = try text(of: vocabulary), try files.areOfWordPieces() {
            texts[TokenizerFiles.definition] = try WordPieceVocabulary.definition(text).fileText()
            files = TokenizerFiles(
                texts: texts, modelType: files.modelType, name: vocabulary.path)
        }
    }

    /// The first of some files that is there, read as SentencePiece's.
    private static func sentencePieceModel(
        _ urls: [URL]
    ) throws(TokenizerError) -> SentencePieceModel? {
        for url in urls where FileManager.default.fileExists(atPath: url.path) {
            return try SentencePieceModel(try bytes(of: url), file: url.path)
        }
        return nil
    }

    private static func bytes(of url: URL) throws(TokenizerError) -> [UInt8] {
        do {
            return try RegularFile.bytes(url.path, most: mostBytes)
        } catch {
            throw .unreadable(path: error.file, reason: error.problem)
        }
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
        var texts = [TokenizerFiles.definition: text]
        texts[TokenizerConfiguration.file] = configuration
        return try TokenizerFiles(texts: texts).tokenizer()
    }

    /// Writes tokenizer.json and tokenizer_config.json, which transformers' `AutoTokenizer` reads, and
    /// what other programs read.
    ///
    /// - Parameter folder: made if it is not there.
    /// - Throws: ``TokenizerError/cannotWrite(_:)``.
    package static func write(
        _ tokenizer: any Tokenizer, to folder: String
    ) throws(TokenizerError) {
        do throws(FileProblem) {
            try PendingFile.makeFolder(folder)
            try PendingFile.write(tokenizer.fileText, to: folder + "/tokenizer.json")
            try PendingFile.write(
                tokenizer.configurationText, to: folder + "/tokenizer_config.json")
            for (name, bytes) in tokenizer.furtherFiles {
                try PendingFile.write(bytes, to: folder + "/" + name)
            }
        } catch {
            throw .cannotWrite(error)
        }
    }

    /// The largest that are known have 35 MB.
    private static let mostBytes = 1 << 29

    /// The text of a file, or `nil` if there is none.
    private static func text(of url: URL) throws(TokenizerError) -> String? {
        guard FileManager.default.fileExists(atPath: url.path) else { return nil }
        guard let text = String(validating: try bytes(of: url), as: UTF8.self) else {
            throw .unreadable(path: url.path, reason: "it is not UTF-8 text")
        }
        return text
    }
}
