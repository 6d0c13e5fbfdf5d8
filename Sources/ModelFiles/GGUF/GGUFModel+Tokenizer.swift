import Checkpoints
import Foundation
import Templates
package import Tokenizers
import WeightFiles

extension GGUFModel {
    /// The texts of tokenizer.json and tokenizer_config.json; empty where the file has no tokens.
    ///
    /// - Throws: ``ModelFileError/tokenizer(_:)`` for a kind of tokenizer that is not supported,
    ///   ``ModelFileError/user(_:)`` for a key that would change the ids and is not used.
    package func tokenizerFiles() throws(ModelFileError) -> [String: String] {
        try Self.tokenizerFiles(metadata)
    }

    /// The same of a file whose model is not looked at, and need not be there.
    static func tokenizerFiles(of path: String) throws(ModelFileError) -> [String: String] {
        try tokenizerFiles(GGUFMetadata(GGUFParts(path: path).metadata, file: path))
    }

    /// The same of metadata.
    static func tokenizerFiles(
        _ metadata: GGUFMetadata
    ) throws(ModelFileError) -> [String: String] {
        let prefix = "tokenizer.ggml."
        guard let model = try metadata.text(prefix + "model"),
            let tokens = try metadata.texts(prefix + "tokens")
        else { return [:] }
        var tokenizer = GGUFTokenizer(
            model: model, pre: try metadata.text(prefix + "pre"), tokens: tokens)
        tokenizer.architecture = metadata.architecture
        tokenizer.name = try metadata.text("general.name")
        tokenizer.scores = try metadata.reals(prefix + "scores")?.map(Float.init)
        tokenizer.tokenTypes = try metadata.integers(prefix + "token_type")?.map {
            Int32(clamping: $0)
        }
        tokenizer.merges = try metadata.texts(prefix + "merges")
        tokenizer.beginOfText = try metadata.integer(prefix + "bos_token_id")
        tokenizer.endOfText = try metadata.integer(prefix + "eos_token_id")
        tokenizer.unknown = try metadata.integer(prefix + "unknown_token_id")
        tokenizer.padding = try metadata.integer(prefix + "padding_token_id")
        tokenizer.addsBeginOfText = try metadata.flag(prefix + "add_bos_token")
        tokenizer.addsEndOfText = try metadata.flag(prefix + "add_eos_token")
        tokenizer.addsSpacePrefix = try metadata.flag(prefix + "add_space_prefix")
        tokenizer.removesExtraSpaces = try metadata.flag(prefix + "remove_extra_whitespaces")
        tokenizer.precompiledMap = try metadata.integers(prefix + "precompiled_charsmap")?.map {
            UInt8(clamping: $0)
        }
        let template = try metadata.text(chatTemplate)
        let further = try furtherTemplates(metadata)
        // Those that have names are read beside a file of the first.
        if further.isEmpty { tokenizer.chatTemplate = template }
        try metadata.refuseUnused(of: .tokenizer)
        var files: [String: String]
        do {
            files = try tokenizer.files()
        } catch {
            throw .tokenizer(error)
        }
        if !further.isEmpty { files[RenderedTemplate.file] = template }
        return files.merging(further) { $1 }
    }

    /// The key of the template that is usually taken; those of others have their names behind it.
    static let chatTemplate = "tokenizer.chat_template"

    /// Whether a template's name may be part of a key, and of a file's name.
    static func isTemplateName(_ name: String) -> Bool {
        !name.isEmpty
            && name.utf8.allSatisfy { byte in
                let character = Character(UnicodeScalar(byte))
                return character.isASCII && (character.isLetter || character.isNumber)
                    || byte == 0x5F
            }
    }

    /// Chat templates that have names, by those of their files.
    private static func furtherTemplates(
        _ metadata: GGUFMetadata
    ) throws(ModelFileError) -> [String: String] {
        let prefix = chatTemplate + "."
        var files: [String: String] = [:]
        for key in metadata.members(below: prefix).map(\.key) {
            let name = String(key.dropFirst(prefix.count))
            guard isTemplateName(name) else {
                throw metadata.wrong(
                    key, "a template's name", expected: "one of letters, digits and _")
            }
            files["\(RenderedTemplate.folder)/\(name).jinja"] = try metadata.text(key)
        }
        return files
    }
}

extension ModelSource {
    /// The tokenizer at a path: a folder, its tokenizer.json, a GGUF file, whose model need not be there, or
    /// a checkpoint or a run's folder of such.
    ///
    /// - Throws: ``ModelFileError/tokenizer(_:)`` where there is none, ``ModelFileError/user(_:)``
    ///   where a GGUF file or a checkpoint holds none.
    package static func tokenizer(at path: String) throws(ModelFileError) -> any Tokenizer {
        let isCheckpoint =
            path.hasSuffix(".h5") && !isFolder(path) && FileManager.default.fileExists(atPath: path)
        guard isGGUF(path) || isCheckpoint else {
            do throws(TokenizerError) {
                return try TokenizerFolder.load(path)
            } catch {
                // A run that is under way has its tokenizer in its checkpoints alone.
                guard case .notFound = error, let checkpoint = try newestCheckpoint(in: path)
                else { throw .tokenizer(error) }
                return try tokenizer(at: checkpoint)
            }
        }
        let files = try tokenizerFiles(of: path)
        guard let text = files["tokenizer.json"] else {
            throw .user(
                "\(path) holds no \(isCheckpoint ? "tokenizer" : "tokenizer.ggml.tokens"); give the "
                    + "folder of the model's tokenizer")
        }
        do {
            return try TokenizerFolder.parse(
                text: text, configuration: files["tokenizer_config.json"])
        } catch {
            throw .tokenizer(error)
        }
    }

    private static func newestCheckpoint(in path: String) throws(ModelFileError) -> String? {
        guard isFolder(path) else { return nil }
        let store = HDF5CheckpointStore(folder: path, program: "")
        return try ModelFileError.ofCheckpoints { () throws(CheckpointError) in
            try store.steps().last.map(store.path(step:))
        }
    }
}
