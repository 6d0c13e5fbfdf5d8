extension TokenizerDefinition {
    /// Reads tokenizer.json.
    ///
    /// Truncation and padding are passed over: they are settings of batches, not of ids.
    ///
    /// - Parameter file: the name that messages give.
    /// - Throws: ``TokenizerError`` for what is damaged or of an unsupported kind.
    init(_ text: String, file: String) throws(TokenizerError) {
        let json = try TokenizerJSONReader.read(text, file: file)
        guard let model = json["model"] else {
            throw .invalid(
                file: file, key: "model", found: "nothing", expected: "a BPE vocabulary and merges")
        }
        try Self.check(model, decoder: json["decoder"], file: file)
        let vocabulary = try Vocabulary(model["vocab"], file: file)
        tokens = vocabulary.tokens
        merges = try vocabulary.merges(model["merges"], file: file)
        addedTokens = try Self.addedTokens(json["added_tokens"], vocabulary, file: file)
        normalizer = try TextNormalizer(json["normalizer"], file: file)
        preTokenizer = try PreTokenizer(json["pre_tokenizer"], file: file)
        postProcessor = try PostProcessor(json["post_processor"], file: file)
        ignoresMerges = model["ignore_merges"]?.bool ?? false
        unknownToken = model["unk_token"]?.string
        fusesUnknown = model["fuse_unk"]?.bool ?? false
    }

    private static func check(
        _ model: TokenizerJSON, decoder: TokenizerJSON?, file: String
    ) throws(TokenizerError) {
        // Old files name no type; only BPE has merges.
        let type = model["type"]?.string ?? (model["merges"] == nil ? "nothing" : "BPE")
        guard type == "BPE" else {
            throw .unsupported(
                file: file, key: "model.type", found: type, supported: "byte-level BPE")
        }
        let refused: [(key: String, isSet: Bool)] = [
            ("byte_fallback", model["byte_fallback"]?.bool ?? false),
            (
                "continuing_subword_prefix",
                !(model["continuing_subword_prefix"]?.string ?? "").isEmpty
            ),
            ("end_of_word_suffix", !(model["end_of_word_suffix"]?.string ?? "").isEmpty),
            ("dropout", model["dropout"].map { $0.integer != 0 } ?? false),
        ]
        for setting in refused where setting.isSet {
            throw .unsupported(
                file: file, key: "model.\(setting.key)",
                found: model[setting.key]?.kind ?? "a value", supported: "byte-level BPE without it"
            )
        }
        guard decoder?["type"]?.string == "ByteLevel" else {
            throw .unsupported(
                file: file, key: "decoder",
                found: decoder?["type"]?.string ?? decoder?.kind ?? "null", supported: "ByteLevel")
        }
    }

    private static func addedTokens(
        _ json: TokenizerJSON?, _ vocabulary: Vocabulary, file: String
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

/// Tokens by id and ids by token, compared byte by byte.
struct Vocabulary: Sendable {
    private(set) var tokens: [String?] = []
    private var table: ByteStringTable
    /// The id of each string of `table`.
    private var ids: [Int32] = []

    /// A vocabulary of `tokens`, numbered as they stand.
    init(tokens: [String?]) {
        table = ByteStringTable(capacity: tokens.count)
        for (id, token) in tokens.enumerated() {
            if let token { add(token, id: Int32(id)) }
        }
        self.tokens = tokens
    }

    /// Reads `model.vocab` of tokenizer.json.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)``.
    init(_ json: TokenizerJSON?, file: String) throws(TokenizerError) {
        guard let members = json?.members, !members.isEmpty else {
            throw .invalid(
                file: file, key: "model.vocab", found: json?.kind ?? "nothing",
                expected: "an object of tokens and ids")
        }
        table = ByteStringTable(capacity: members.count)
        let largest = 1 << 24
        for member in members {
            guard let id = member.value.integer, (0..<largest).contains(id) else {
                throw .invalid(
                    file: file, key: "model.vocab", found: "\(member.key): \(member.value.kind)",
                    expected: "an id from 0 to \(largest - 1)")
            }
            add(member.key, id: Int32(id))
        }
        guard ids.count == members.count, tokens.count(where: { $0 != nil }) == ids.count else {
            throw .invalid(
                file: file, key: "model.vocab", found: "a token or an id listed twice",
                expected: "one id for each token")
        }
    }

    /// The id of a token.
    func id(of token: String) -> Int32? { table.number(of: Array(token.utf8)).map { ids[$0] } }

    /// Tokens held.
    var count: Int { ids.count }

    /// Adds a token, or gives it another id.
    mutating func add(_ token: String, id: Int32) {
        let (number, isNew) = table.numberInserting(Array(token.utf8))
        if isNew { ids.append(id) } else { ids[number] = id }
        while tokens.count <= Int(id) { tokens.append(nil) }
        tokens[Int(id)] = token
    }

    /// Adds a token with the next id, unless it is there; its id.
    @discardableResult
    mutating func append(_ token: String) -> Int32 {
        if let id = id(of: token) { return id }
        add(token, id: Int32(ids.count))
        return Int32(ids.count - 1)
    }

    /// Reads `model.merges`: pairs as "a b" or as ["a", "b"].
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)``, also for tokens that the
    ///   vocabulary lacks.
    func merges(_ json: TokenizerJSON?, file: String) throws(TokenizerError) -> [Merge] {
        guard let entries = json?.array else {
            throw .invalid(
                file: file, key: "model.merges", found: json?.kind ?? "nothing",
                expected: "an array of pairs")
        }
        var result: [Merge] = []
        result.reserveCapacity(entries.count)
        for entry in entries {
            var pair = entry.array?.compactMap { $0.string.map { Array($0.utf8) } } ?? []
            if let text = entry.string {
                pair = text.utf8.split(separator: 0x20, omittingEmptySubsequences: false).map {
                    Array($0)
                }
            }
            guard pair.count == 2 else {
                throw .invalid(
                    file: file, key: "model.merges[\(result.count)]", found: entry.kind,
                    expected: "a pair of tokens")
            }
            guard let left = table.number(of: pair[0]), let right = table.number(of: pair[1]),
                let merged = table.number(of: pair[0] + pair[1])
            else {
                throw .invalid(
                    file: file, key: "model.merges[\(result.count)]",
                    found: pair.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "),
                    expected: "two tokens that the vocabulary holds, and their union too")
            }
            result.append(Merge(left: ids[left], right: ids[right], merged: ids[merged]))
        }
        return result
    }
}
