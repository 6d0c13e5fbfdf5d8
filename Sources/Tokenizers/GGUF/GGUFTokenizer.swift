import Files

/// The vocabulary of a GGUF file, to be written as Hugging Face's tokenizer files.
///
/// Fields are those of `tokenizer.ggml.*` (gguf-py's constants.py, `class Keys.Tokenizer`); a field
/// that a file lacks is `nil` and has llama.cpp's default for the model.
package struct GGUFTokenizer: Sendable {
    /// `model`: gpt2, llama or t5.
    package var model: String
    /// `pre`: how a gpt2 vocabulary's text is cut into words.
    package var pre: String?
    /// `general.architecture`, which tells how words are cut where `pre` is missing.
    package var architecture: String?
    /// `general.name`, by which llama.cpp knows whose special tokens take white space along.
    package var name: String?
    package var tokens: [String]
    package var scores: [Float]?
    /// `token_type`: raw values of ``TokenType``.
    package var tokenTypes: [Int32]?
    /// `merges`: pairs as "a b".
    package var merges: [String]?
    /// `bos_token_id`
    package var beginOfText: Int?
    /// `eos_token_id`
    package var endOfText: Int?
    /// `unknown_token_id`
    package var unknown: Int?
    /// `padding_token_id`
    package var padding: Int?
    /// `add_bos_token`
    package var addsBeginOfText: Bool?
    /// `add_eos_token`
    package var addsEndOfText: Bool?
    /// `add_space_prefix`
    package var addsSpacePrefix: Bool?
    /// `remove_extra_whitespaces`
    package var removesExtraSpaces: Bool?
    /// `precompiled_charsmap`
    package var precompiledMap: [UInt8]?
    /// `tokenizer.chat_template`
    package var chatTemplate: String?

    /// What a token is for.
    package enum TokenType: Int32, Sendable {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    /// What messages call the place that is wrong.
    static let file = "GGUF"

    /// A vocabulary; the other fields are set afterwards.
    package init(model: String, pre: String? = nil, tokens: [String]) {
        self.model = model
        self.pre = pre
        self.tokens = tokens
    }

    /// tokenizer.json and tokenizer_config.json.
    ///
    /// - Throws: ``TokenizerError/unsupported(file:key:found:supported:)`` for a model or a way of
    ///   cutting words that is not known, ``TokenizerError/invalid(file:key:found:expected:)`` for
    ///   fields that contradict each other.
    package func files() throws(TokenizerError) -> [String: String] {
        try validate()
        let definition: TokenizerDefinition
        switch model {
        case "gpt2": definition = try bytePairDefinition()
        case "llama": definition = try sentencePieceDefinition()
        case "t5": definition = try unigramDefinition()
        default:
            throw .unsupported(
                file: Self.file, key: "tokenizer.ggml.model", found: model,
                supported: "gpt2, llama and t5")
        }
        var names = SpecialTokenNames(
            beginOfText: text(of: beginOfText), endOfText: text(of: endOfText),
            padding: text(of: padding), unknown: text(of: unknown))
        names.configuration = configuration(definition)
        return [
            "tokenizer.json": definition.fileText(),
            "tokenizer_config.json": names.configurationText,
        ]
    }

    private func validate() throws(TokenizerError) {
        guard !tokens.isEmpty else {
            throw .invalid(
                file: Self.file, key: "tokenizer.ggml.tokens", found: "none", expected: "some")
        }
        let counts = [("scores", scores?.count), ("token_type", tokenTypes?.count)]
        for case (let key, let count?) in counts where count != tokens.count {
            throw .invalid(
                file: Self.file, key: "tokenizer.ggml.\(key)", found: "\(count) entries",
                expected: "\(tokens.count), as many as tokens")
        }
        if let type = tokenTypes?.first(where: { !(0...TokenType.byte.rawValue ~= $0) }) {
            throw .invalid(
                file: Self.file, key: "tokenizer.ggml.token_type", found: "\(type)",
                expected: "0 to \(TokenType.byte.rawValue)")
        }
        if model == "gpt2", addsSpacePrefix == true {
            throw .unsupported(
                file: Self.file, key: "tokenizer.ggml.add_space_prefix", found: "true",
                supported: "false for a gpt2 vocabulary")
        }
        let ids = [
            ("bos", beginOfText), ("eos", endOfText), ("unknown", unknown), ("padding", padding),
        ]
        for case (let key, let id?) in ids where !tokens.indices.contains(id) {
            throw .invalid(
                file: Self.file, key: "tokenizer.ggml.\(key)_token_id", found: "\(id)",
                expected: "an id below \(tokens.count)")
        }
    }

    private func text(of id: Int?) -> String? { id.map { tokens[$0] } }

    private func configuration(_ definition: TokenizerDefinition) -> String {
        var members: [JSONValue.Member] = [
            (key: "add_bos_token", value: .bool(!definition.postProcessor.before.isEmpty)),
            (key: "add_eos_token", value: .bool(!definition.postProcessor.after.isEmpty)),
            (key: "clean_up_tokenization_spaces", value: .bool(false)),
        ]
        if let chatTemplate {
            members.append((key: "chat_template", value: .string(chatTemplate)))
        }
        return JSONValue.object(members).fileText
    }
}

extension GGUFTokenizer {
    /// The type of a token; without types all are normal.
    func type(of id: Int) -> TokenType {
        tokenTypes.flatMap { TokenType(rawValue: $0[id]) } ?? .normal
    }

    /// The tokens by id.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` for one that comes twice.
    func vocabulary() throws(TokenizerError) -> Vocabulary {
        var vocabulary = Vocabulary(tokens: [])
        for (id, token) in tokens.enumerated() {
            if let other = vocabulary.id(of: token) {
                throw .invalid(
                    file: Self.file, key: "tokenizer.ggml.tokens",
                    found: "\(token) with the ids \(other) and \(id)", expected: "each token once")
            }
            vocabulary.add(token, id: Int32(id))
        }
        return vocabulary
    }

    /// Control and user-defined tokens, and those that play a part beyond the text.
    var addedTokens: [AddedToken] {
        let named = Set([beginOfText, endOfText, unknown, padding].compactMap { $0 })
        let strips = Self.stripsRight(model: name ?? "")
        return tokens.indices.compactMap { id in
            let type = type(of: id)
            let isSpecial = type == .control || type == .unknown || named.contains(id)
            guard isSpecial || type == .userDefined, !tokens[id].isEmpty else { return nil }
            return AddedToken(
                id: Int32(id), content: tokens[id], isSpecial: isSpecial,
                stripsRight: strips && !Self.neverStripping.contains(tokens[id])
                    && (type != .normal || tokens[id] == "</s>"))
        }
    }

    /// Whether tokens take the white space after them along: Phi-3's do. The format does not say it of
    /// any token; llama.cpp tells it of all by the model's name, `general.name`
    /// (`llama_vocab::impl::load`).
    package static func stripsRight(model name: String) -> Bool {
        let name = name.lowercased()
        return name.contains("phi-3") || name.contains("phi3")
    }

    /// Tokens that never do.
    package static let neverStripping: Set = ["<unk>", "<s>", "<|endoftext|>"]

    /// What puts the tokens that begin and end a text around it.
    ///
    /// - Parameters:
    ///   - begin: the default of `add_bos_token`
    ///   - end: the default of `add_eos_token`
    func postProcessor(
        begin: Bool, end: Bool
    ) throws(TokenizerError) -> PostProcessor {
        let before = addsBeginOfText ?? begin ? beginOfText : nil
        let after = addsEndOfText ?? end ? endOfText : nil
        if before == nil, after == nil { return .none }
        func special(_ id: Int, _ type: Int) -> JSONValue {
            .wrapped("SpecialToken", [("id", .string(tokens[id])), ("type_id", .int(type))])
        }
        func text(_ letter: String, _ type: Int) -> [JSONValue] {
            var parts = [before, nil, after].compactMap { $0.map { special($0, type) } }
            let sequence = JSONValue.wrapped(
                "Sequence", [("id", .string(letter)), ("type_id", .int(type))])
            parts.insert(sequence, at: before == nil ? 0 : 1)
            return parts
        }
        var listed: [JSONValue.Member] = []
        for id in Set([before, after].compactMap { $0 }).sorted() {
            let entry: [JSONValue.Member] = [
                (key: "id", value: .string(tokens[id])),
                (key: "ids", value: .array([.int(id)])),
                (key: "tokens", value: .array([.string(tokens[id])])),
            ]
            listed.append((key: tokens[id], value: .object(entry)))
        }
        let json = JSONValue.typed(
            "TemplateProcessing",
            [
                ("single", .array(text("A", 0))), ("pair", .array(text("A", 0) + text("B", 1))),
                ("special_tokens", .object(listed)),
            ])
        return try PostProcessor(json, file: Self.file)
    }
}
