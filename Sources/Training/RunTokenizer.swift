import TextData

/// The tokenizer of a run, and the texts of its files, which checkpoints keep.
struct RunTokenizer {
    /// File name to text; empty where there is no tokenizer.
    let files: [String: String]
    private let path: String?

    init(_ configuration: RunConfiguration) throws(TrainingError) {
        try self.init(path: configuration.model.tokenizerNameOrPath)
    }

    init(path: String?) throws(TrainingError) {
        self.path = path
        files =
            try path.map { (path) throws(TrainingError) in
                try ModelSource.tokenizerFiles(of: path)
            } ?? [:]
    }

    /// - Throws: ``TrainingError/user(_:)`` where there is none.
    func tokenizer() throws(TrainingError) -> any Tokenizer {
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
}
