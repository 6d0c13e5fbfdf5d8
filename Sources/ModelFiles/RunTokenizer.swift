package import Configuration
import Files
import Finetuning
import Templates
package import Tokenizers

/// The tokenizer of a run, and the texts of its files, which checkpoints keep.
package struct RunTokenizer {
    /// File name to text; empty where there is no tokenizer.
    package let files: [String: String]
    /// The tokens that the run adds to it, in the order of their ids.
    package let added: [String]
    private let path: String?

    /// The tokenizer of a place, as it is.
    package init(path: String) throws(ModelFileError) {
        self.path = path
        files = try ModelSource.tokenizerFiles(of: path)
        added = []
    }

    /// - Throws: ``ModelFileError`` where there is none to which tokens could be added, or one that
    ///   cannot be read.
    package init(_ configuration: RunConfiguration) throws(ModelFileError) {
        let path = configuration.model.tokenizerNameOrPath
        self.path = path
        var files =
            try path.map { (path) throws(ModelFileError) in
                try ModelSource.tokenizerFiles(of: path)
            } ?? [:]
        if path == configuration.model.modelNameOrPath {
            files = Self.extended(files, by: configuration.adapter.adapterNameOrPath)
        }
        guard configuration.model.mayGrowVocabulary else {
            (self.files, added) = (files, [])
            return
        }
        let own = try Self.tokenizer(files, path)
        let (more, added) = try Self.adding(configuration, to: own)
        self.added = added
        if more.hash != own.hash {
            files["tokenizer.json"] = more.fileText
            files["tokenizer_config.json"] = more.configurationText
        }
        self.files = files
    }

    /// - Throws: ``ModelFileError/user(_:)`` where there is none.
    package func tokenizer() throws(ModelFileError) -> any Tokenizer {
        try Self.tokenizer(files, path)
    }

    /// Whether texts that are too long lose their beginnings.
    package var cutsBeginning: Bool {
        let settings = files["tokenizer_config.json"].flatMap { try? JSONValueReader.read($0) }
        return settings?["truncation_side"]?.string == "left"
    }

    private static func tokenizer(
        _ files: [String: String], _ path: String?
    ) throws(ModelFileError) -> any Tokenizer {
        guard let text = files["tokenizer.json"] else {
            throw .user(
                "'\(path ?? "")' holds no tokenizer.json, which instructions are encoded with; "
                    + "set tokenizer_name_or_path to the folder of the model's tokenizer")
        }
        do {
            return try TokenizerFolder.parse(
                text: text, configuration: files["tokenizer_config.json"])
        } catch {
            throw .tokenizer(error)
        }
    }

    /// In LLaMA-Factory's order: add_tokens, add_special_tokens, and then, where the vocabulary grows,
    /// what the template ends an answer with and its other stop words.
    private static func adding(
        _ configuration: RunConfiguration, to own: any Tokenizer
    ) throws(ModelFileError) -> (tokenizer: any Tokenizer, added: [String]) {
        var (tokenizer, added): (any Tokenizer, [String]) = (own, [])
        func add(_ tokens: [String], special: Bool) throws(TokenizerError) {
            for token in tokens where tokenizer.id(of: token) == nil && !added.contains(token) {
                added.append(token)
            }
            tokenizer = try tokenizer.withTokens(tokens, special: special)
        }
        do throws(TokenizerError) {
            try add(configuration.model.addTokens, special: false)
            try add(configuration.model.addSpecialTokens, special: true)
        } catch {
            throw .tokenizer(error)
        }
        guard configuration.model.resizeVocab || !added.isEmpty,
            let name = configuration.data.template
        else { return (tokenizer, added) }
        var words: [String]
        do throws(TemplateError) {
            let template = try ChatTemplate.named(name)
            words = template.stopWords
            if !template.replacesEndOfText, tokenizer.endOfText == nil {
                words.insert("<|endoftext|>", at: 0)
            }
        } catch {
            throw .template(error)
        }
        words.removeAll { tokenizer.id(of: $0) != nil }
        do throws(TokenizerError) {
            try add(words, special: true)
        } catch {
            throw .tokenizer(error)
        }
        return (tokenizer, added)
    }

    /// The files of the last adapter's own tokenizer, where it is the model's with further tokens; else
    /// the model's.
    ///
    /// - Parameter files: of the model's tokenizer.
    static func extended(
        _ files: [String: String], by adapters: [String]
    ) -> [String: String] {
        let (name, template) = ("tokenizer.json", "chat_template.jinja")
        // An adapter's tokenizer that cannot be read is not needed.
        guard let path = adapters.last,
            var other = try? ModelSource.tokenizerFiles(
                of: AdapterFolder.folder(ofRun: path) ?? path),
            let text = other[name], text != files[name],
            let own = try? tokenizer(files, nil), let more = try? tokenizer(other, nil),
            more.vocabularySize > own.vocabularySize,
            (0..<Int32(own.vocabularySize)).allSatisfy({ more.token(of: $0) == own.token(of: $0) })
        else { return files }
        other[template] = other[template] ?? files[template]
        return other
    }
}
