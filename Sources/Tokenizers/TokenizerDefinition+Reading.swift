import Files

extension TokenizerDefinition {
    /// Reads tokenizer.json.
    ///
    /// Truncation and padding are passed over: they are settings of batches, not of ids.
    ///
    /// - Parameter file: the name that messages give.
    /// - Throws: ``TokenizerError`` for what is damaged or of an unsupported kind.
    init(_ json: JSONValue, file: String) throws(TokenizerError) {
        try TokenizerKeys.check(json, file: file)
        guard let model = json["model"] else {
            throw .invalid(
                file: file, key: "model", found: "nothing",
                expected: "a BPE vocabulary and merges, or a WordPiece or Unigram vocabulary")
        }
        let type = try Self.supportedType(model, file: file)
        decoder = try TokenDecoder(json["decoder"], file: file)
        let vocabulary: Vocabulary
        merges = []
        switch type {
        case .unigram:
            let scored = try Vocabulary.scored(model["vocab"], file: file)
            vocabulary = scored.vocabulary
            scores = scored.scores
            unknownToken = try Self.unknownPiece(model["unk_id"], vocabulary, file: file)
        case .wordPiece:
            vocabulary = try Vocabulary(model["vocab"], file: file)
            wordPieces = try Self.wordPieces(model, file: file)
            unknownToken = try Self.unknownWord(model["unk_token"], vocabulary, file: file)
        case .bytePair:
            vocabulary = try Vocabulary(model["vocab"], file: file)
            merges = try vocabulary.merges(model["merges"], file: file)
            unknownToken = model["unk_token"]?.string
        }
        tokens = vocabulary.tokens
        addedTokens = try Self.addedTokens(json["added_tokens"], vocabulary, file: file)
        normalizer = try TextNormalizer(json["normalizer"], file: file)
        preTokenizer = try PreTokenizer(
            json["pre_tokenizer"], decodesBytes: decoder.isByteLevel, file: file)
        postProcessor = try PostProcessor(json["post_processor"], file: file)
        ignoresMerges = model["ignore_merges"]?.bool ?? false
        fusesUnknown = model["fuse_unk"]?.bool ?? false
        fallsBackToBytes = model["byte_fallback"]?.bool ?? false
        guard preTokenizer.isByteLevel else { return }
        if type != .bytePair {
            throw .unsupported(
                file: file, key: "model.type", found: "\(type.rawValue) with ByteLevel",
                supported: "byte-level BPE without it")
        }
        if fallsBackToBytes {
            throw .unsupported(
                file: file, key: "model.byte_fallback", found: "true with ByteLevel",
                supported: "byte-level BPE without it")
        }
    }

    /// The kinds of models that are run, by their `type`.
    enum ModelType: String, CaseIterable {
        case bytePair = "BPE"
        case wordPiece = "WordPiece"
        case unigram = "Unigram"
    }

    /// The kind of this model.
    var modelType: ModelType {
        scores != nil ? .unigram : wordPieces != nil ? .wordPiece : .bytePair
    }

    /// The type of a `model`; old files name none: only BPE has merges, and only WordPiece a longest
    /// word and a mark.
    static func modelType(_ model: JSONValue) -> String? {
        if let type = model["type"]?.string { return type }
        if model["merges"] != nil { return ModelType.bytePair.rawValue }
        let isWordPiece =
            model["max_input_chars_per_word"] != nil && model["continuing_subword_prefix"] != nil
        return isWordPiece ? ModelType.wordPiece.rawValue : nil
    }

    private static func unknownPiece(
        _ json: JSONValue?, _ vocabulary: Vocabulary, file: String
    ) throws(TokenizerError) -> String {
        guard let id = json?.integer, vocabulary.tokens.indices.contains(id),
            let piece = vocabulary.tokens[id]
        else {
            throw .invalid(
                file: file, key: "model.unk_id", found: json?.shown ?? "null",
                expected: "the id of a piece")
        }
        return piece
    }

    private static func unknownWord(
        _ json: JSONValue?, _ vocabulary: Vocabulary, file: String
    ) throws(TokenizerError) -> String {
        guard let token = json?.string, vocabulary.id(of: token) != nil else {
            throw .invalid(
                file: file, key: "model.unk_token", found: json?.shown ?? "nothing",
                expected: "a token of the vocabulary")
        }
        return token
    }

    private static func wordPieces(
        _ model: JSONValue, file: String
    ) throws(TokenizerError) -> WordPieceRules {
        guard let mark = model["continuing_subword_prefix"]?.string else {
            throw .invalid(
                file: file, key: "model.continuing_subword_prefix", found: "nothing",
                expected: "what tokens within a word begin with, such as ##")
        }
        guard let longest = model["max_input_chars_per_word"]?.integer,
            (0...Int(Int32.max)).contains(longest)
        else {
            throw .invalid(
                file: file, key: "model.max_input_chars_per_word",
                found: model["max_input_chars_per_word"]?.kind ?? "nothing",
                expected: "a whole number from 0 to \(Int32.max)")
        }
        return WordPieceRules(continuation: mark, longestWord: longest)
    }

    /// The kind of a model; any other than those that are run is refused.
    private static func supportedType(
        _ model: JSONValue, file: String
    ) throws(TokenizerError) -> ModelType {
        let name = modelType(model) ?? "nothing"
        guard let type = ModelType(rawValue: name) else {
            throw .unsupported(
                file: file, key: "model.type", found: name, supported: "BPE, WordPiece and Unigram")
        }
        if type == .wordPiece { return type }
        let refused: [(key: String, isSet: Bool)] = [
            (
                "continuing_subword_prefix",
                !(model["continuing_subword_prefix"]?.string ?? "").isEmpty
            ),
            ("end_of_word_suffix", !(model["end_of_word_suffix"]?.string ?? "").isEmpty),
            ("dropout", model["dropout"].map { $0.double != 0 } ?? false),
        ]
        for setting in refused where setting.isSet {
            throw .unsupported(
                file: file, key: "model.\(setting.key)",
                found: model[setting.key]?.shown ?? "a value", supported: "BPE without it")
        }
        return type
    }

    private static func addedTokens(
        _ json: JSONValue?, _ vocabulary: Vocabulary, file: String
    ) throws(TokenizerError) -> [AddedToken] {
        var result: [AddedToken] = []
        var known = vocabulary
        var next = Int32(vocabulary.count)
        for entry in json?.array ?? [] {
            let token = try AddedToken(entry, file: file)
            // Hugging Face numbers added tokens itself, on from the vocabulary, whatever the file
            // says.
            let expected = known.id(of: token.content) ?? next
            guard token.id == expected else {
                throw .invalid(
                    file: file, key: "added_tokens", found: "\(token.content) with id \(token.id)",
                    expected: "id \(expected), which the tokens before it leave to it")
            }
            known.add(token.content, id: token.id)
            next = max(next, token.id + 1)
            result.append(token)
        }
        return result
    }
}
