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
                expected: "a BPE vocabulary and merges or a Unigram vocabulary")
        }
        let isUnigram = try Self.isUnigram(model, file: file)
        decoder = try TokenDecoder(json["decoder"], file: file)
        let vocabulary: Vocabulary
        if isUnigram {
            let scored = try Vocabulary.scored(model["vocab"], file: file)
            vocabulary = scored.vocabulary
            merges = []
            scores = scored.scores
            unknownToken = try Self.unknownPiece(model["unk_id"], vocabulary, file: file)
        } else {
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
        if preTokenizer.isByteLevel, isUnigram || fallsBackToBytes {
            throw .unsupported(
                file: file, key: isUnigram ? "model.type" : "model.byte_fallback",
                found: isUnigram ? "Unigram with ByteLevel" : "true with ByteLevel",
                supported: "byte-level BPE without it")
        }
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

    /// Whether the model is a Unigram one; anything else is byte-pair encoding or refused.
    private static func isUnigram(
        _ model: JSONValue, file: String
    ) throws(TokenizerError) -> Bool {
        // Old files name no type; only BPE has merges.
        let type = model["type"]?.string ?? (model["merges"] == nil ? "nothing" : "BPE")
        guard ["BPE", "Unigram"].contains(type) else {
            throw .unsupported(
                file: file, key: "model.type", found: type, supported: "BPE and Unigram")
        }
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
        return type == "Unigram"
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
