import Files

/// All that decides a tokenizer's ids: the content of tokenizer.json.
package struct TokenizerDefinition: Sendable {
    /// Tokens of the model by id, as written in the file; `nil` where an id has none.
    var tokens: [String?]
    var merges: [Merge]
    var addedTokens: [AddedToken]
    var normalizer: TextNormalizer
    var preTokenizer: PreTokenizer
    package var postProcessor = PostProcessor.none
    /// Words that are tokens are taken whole, whatever the merges say.
    var ignoresMerges = false
    /// What bytes without a token become; without it they are dropped.
    var unknownToken: String?
    /// Whether neighbouring unknown bytes become one token.
    var fusesUnknown = false
    /// Whether characters without a token become tokens of their bytes.
    var fallsBackToBytes = false
    /// The log-probability of each token of a Unigram model, which has no merges.
    var scores: [Double]?
    /// How a WordPiece model cuts words; it has no merges.
    var wordPieces: WordPieceRules?
    var decoder: TokenDecoder
    /// Special tokens written in a text are text like any other.
    var splitsSpecialTokens = false
    /// Spaces before signs go from decoded text.
    var cleansUp = false

    package init(
        tokens: [String?], merges: [Merge], addedTokens: [AddedToken], normalizer: TextNormalizer,
        preTokenizer: PreTokenizer, unknownToken: String? = nil, scores: [Double]? = nil,
        wordPieces: WordPieceRules? = nil, decoder: TokenDecoder = .byteLevel
    ) {
        self.tokens = tokens
        self.merges = merges
        self.addedTokens = addedTokens
        self.normalizer = normalizer
        self.preTokenizer = preTokenizer
        self.unknownToken = unknownToken
        self.scores = scores
        self.wordPieces = wordPieces
        self.decoder = decoder
    }

    /// The tokenizer.json of this definition.
    func fileText() -> String {
        let file: [JSONValue.Member] = [
            (key: "version", value: .string("1.0")),
            (key: "truncation", value: .null), (key: "padding", value: .null),
            (key: "added_tokens", value: .array(addedTokens.map(\.json))),
            (key: "normalizer", value: normalizer.json),
            (key: "pre_tokenizer", value: preTokenizer.json),
            (key: "post_processor", value: postProcessor.json),
            (key: "decoder", value: decoder.json), (key: "model", value: model),
        ]
        return JSONValue.object(file).fileText
    }

    private var model: JSONValue {
        let unknown = unknownToken.map { JSONValue.string($0) } ?? .null
        if let scores {
            let pieces = zip(tokens, scores).map { token, score in
                JSONValue.array([.string(token ?? ""), .score(score)])
            }
            let id = tokens.firstIndex { $0 == unknownToken }
            return .typed(
                "Unigram",
                [
                    ("unk_id", id.map { .int($0) } ?? .null), ("vocab", .array(pieces)),
                    ("byte_fallback", .bool(fallsBackToBytes)),
                ])
        }
        var names: [JSONValue.Member] = []
        for (id, token) in tokens.enumerated() {
            if let token { names.append((key: token, value: .int(id))) }
        }
        if let rules = wordPieces {
            return .typed(
                "WordPiece",
                [
                    ("unk_token", unknown),
                    ("continuing_subword_prefix", .string(rules.continuation)),
                    ("max_input_chars_per_word", .int(rules.longestWord)),
                    ("vocab", .object(names)),
                ])
        }
        let pairs = merges.map { merge in
            JSONValue.array(
                [merge.left, merge.right].map { .string(tokens[Int($0)] ?? "") })
        }
        return .typed(
            "BPE",
            [
                ("dropout", .null), ("unk_token", unknown), ("continuing_subword_prefix", .null),
                ("end_of_word_suffix", .null), ("fuse_unk", .bool(fusesUnknown)),
                ("byte_fallback", .bool(fallsBackToBytes)), ("ignore_merges", .bool(ignoresMerges)),
                ("vocab", .object(names)), ("merges", .array(pairs)),
            ])
    }

    /// FNV-1a over the parts in a fixed form.
    func hash() -> UInt64 {
        var hash = FNV1a()
        func add(_ text: String) {
            hash.add(text)
            // No UTF-8 holds this byte, so it separates.
            hash.add(0xFF)
        }
        for (id, token) in tokens.enumerated() {
            guard let token else { continue }
            add("\(id)")
            add(token)
        }
        for merge in merges { add("\(merge.left) \(merge.right)") }
        for token in addedTokens { add(token.json.fileText) }
        add(normalizer.json.fileText)
        add(preTokenizer.json.fileText)
        add("\(postProcessor.before) \(postProcessor.after)")
        add("\(ignoresMerges) \(fusesUnknown) \(unknownToken ?? "")")
        // Only where they apply, so that shards of byte-level tokenizers keep their hash.
        if fallsBackToBytes { add("bytes") }
        for score in scores ?? [] { add("\(score)") }
        if splitsSpecialTokens { add("split") }
        if let rules = wordPieces { add("\(rules.continuation) \(rules.longestWord)") }
        return hash.value
    }
}
