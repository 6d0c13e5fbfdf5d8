import Files

/// The files of sentence-transformers that a run which learns vectors of texts writes beside its model.
package struct SentenceFiles: Sendable {
    static let settings = "config_sentence_transformers.json"
    private static let modules = "modules.json"
    private static let pooling = "1_Pooling"

    /// How a text's vector is made.
    package let pooling: SentencePooling
    /// Tokens that are read of a text.
    package let longest: Int
    package let lowercases: Bool
    private let prompts: JSONValue?

    /// Those of a model that already makes vectors, with what the run changes, or new ones.
    ///
    /// - Parameters:
    ///   - path: of the model.
    ///   - pooling: in place of the model's own; the mean where neither says it.
    /// - Throws: ``ModelFileError/user(_:)`` for a model whose vectors are made in a way that is not trained.
    package init(
        of path: String, pooling: SentencePooling?, longest: Int
    ) throws(ModelFileError) {
        self.longest = longest
        guard let folder = try SentenceFolder(path) else {
            (self.pooling, lowercases, prompts) = (pooling ?? .mean, false, nil)
            return
        }
        var own: [SentencePooling] = []
        for step in folder.steps {
            switch step {
            case .pooling(let ways): own = ways
            case .normalize: break
            case .dense, .layerNorm, .dropout:
                throw .user(
                    "\(path)/\(Self.modules): a Dense, LayerNorm or Dropout module is not trained with "
                        + "objective: contrastive; give a model that pools, or the folder below it")
            case .truncate(let width):
                throw .user(
                    "\(path)/\(Self.settings): truncate_dim: \(width) is not supported with "
                        + "objective: contrastive, which learns whole vectors; take it out")
            }
        }
        guard folder.prompt.isEmpty else {
            throw .user(
                "\(path)/\(Self.settings): default_prompt_name is not supported with objective: "
                    + "contrastive; take it out, and put the prompt into the texts")
        }
        guard let chosen = pooling ?? (own.count == 1 ? own[0] : nil),
            Self.trained.contains(chosen)
        else {
            throw .user(
                "\(path) pools by \(own.map(\.rawValue).joined(separator: ", ")); objective: "
                    + "contrastive trains \(Self.trained.map(\.rawValue).joined(separator: ", ")): set "
                    + "pooling_mode")
        }
        (self.pooling, lowercases, prompts) = (chosen, folder.lowercases, folder.prompts)
    }

    private static let trained: [SentencePooling] = [.first, .mean, .last]

    /// File name to text, as all versions of sentence-transformers read it.
    ///
    /// - Parameter width: of a vector.
    package func texts(width: Int) -> [String: String] {
        let modules = [
            ("", "Transformer"), (Self.pooling, "Pooling"), ("2_Normalize", "Normalize"),
        ]
        let list = modules.enumerated().map { number, module in
            JSONValue.object([
                (key: "idx", value: .int(number)), (key: "name", value: .string("\(number)")),
                (key: "path", value: .string(module.0)),
                (key: "type", value: .string("sentence_transformers.models." + module.1)),
            ])
        }
        let ways = SentencePooling.allCases.map {
            (key: $0.olderKey, value: JSONValue.bool($0 == pooling))
        }
        return [
            Self.modules: JSONValue.array(list),
            Self.pooling + "/config.json": .object(
                [(key: "word_embedding_dimension", value: .int(width))] + ways
                    + [(key: "include_prompt", value: .bool(true))]),
            "sentence_bert_config.json": .object([
                (key: "max_seq_length", value: .int(longest)),
                (key: "do_lower_case", value: .bool(lowercases)),
            ]),
            Self.settings: .object([
                (key: "prompts", value: prompts ?? .object([])),
                (key: "default_prompt_name", value: .null),
                (key: "similarity_fn_name", value: .string("cosine")),
            ]),
        ].mapValues { $0.text(indent: 2) + "\n" }
    }

    /// The files that a folder or a checkpoint has; none where it has no modules.json, or one with modules
    /// that have weights of their own.
    package static func texts(of path: String) throws(ModelFileError) -> [String: String] {
        guard let folder = try SentenceFolder(path), folder.model == path,
            !folder.steps.contains(where: \.hasWeights)
        else { return [:] }
        var texts: [String: String] = [:]
        let names = [modules, settings] + SentenceFolder.settingsNames + folder.files
        for name in names { texts[name] = try SentenceFolder.text(name, in: path) }
        return texts
    }
}
