import Files

/// The texts of a tokenizer's files, and the tokenizer that they make together: what transformers'
/// AutoTokenizer makes of such a folder.
struct TokenizerFiles {
    /// File name to text.
    let texts: [String: String]
    /// `model_type` of config.json, where it lies beside.
    var modelType: String?
    /// The name that messages give to tokenizer.json.
    var name = "tokenizer.json"

    static let definition = "tokenizer.json"
    static let names = [
        definition, TokenizerConfiguration.file, "special_tokens_map.json", "added_tokens.json",
        "generation_config.json",
    ]

    /// - Throws: ``TokenizerError``.
    func tokenizer() throws(TokenizerError) -> any Tokenizer {
        let text = texts[Self.definition] ?? ""
        let json = try JSONValue.read(text, file: name)
        var definition = try TokenizerDefinition(json, file: name)
        var settings = try TokenizerConfiguration(
            configuration: texts[TokenizerConfiguration.file],
            map: texts["special_tokens_map.json"], added: texts["added_tokens.json"])
        let padding = json["padding"]?["pad_token"]?.string
        let rules = try Self.rules(json, settings, modelType)
        let before = definition
        let listed = Self.listed(settings, before.addedTokens)
        settings.takeFlags(from: listed)
        settings.setDefaults(rules?.defaults ?? [], padding: padding)
        if let rules {
            try rules.apply(to: &definition, settings)
            try rules.addSentinels(to: &settings)
        }
        try Self.checkUnknownPlace(settings, rules, definition)
        definition.add(listed, settings)
        if rules == .qwen2 {
            definition.resetFlags(of: settings.named.map(\.token) + settings.extra)
        }
        if let template = try rules?.template(for: definition, settings) {
            definition.postProcessor = template
        }
        definition.splitsSpecialTokens = settings.splitsSpecialTokens
        definition.cleansUp =
            settings.cleansUp && (definition.modelType != .bytePair || settings.cleansUpMerges)
        try definition.checkPostProcessor(file: name)
        var names = try SpecialTokenNames(
            generationConfiguration: texts["generation_config.json"], settings, for: definition)
        names.configuration = texts[TokenizerConfiguration.file] ?? "{}"
        if rules == .qwen2 { names.removeDecoder(unless: definition.holds(listed)) }
        let isAsWritten =
            definition.cutsAlike(before) && definition.addedTokens == before.addedTokens
        return TokenizerPipeline(definition, names: names, fileText: isAsWritten ? text : nil)
    }

    /// The texts of tokenizer.json and tokenizer_config.json that alone make the same tokenizer, with
    /// whatever further files there are: a checkpoint keeps these two.
    ///
    /// - Throws: ``TokenizerError`` for what the other files add and cannot be used. A tokenizer that
    ///   cannot be used by itself is left as it is, for whoever needs it to say so.
    func selfSufficient() throws(TokenizerError) -> [String: String] {
        guard texts[Self.definition] != nil else { return texts }
        let two = [Self.definition, TokenizerConfiguration.file]
        let alone = try? TokenizerFiles(texts: texts.filter { two.contains($0.key) }).tokenizer()
        let whole: any Tokenizer
        do {
            whole = try tokenizer()
        } catch {
            if alone == nil { return texts }
            throw error
        }
        var files = texts
        if let alone, alone.hash == whole.hash, alone.names.isSame(as: whole.names),
            whole.fileText == texts[Self.definition]
        {
            return files
        }
        files[Self.definition] = whole.fileText
        files[TokenizerConfiguration.file] = whole.configurationText
        files["special_tokens_map.json"] = nil
        files["added_tokens.json"] = nil
        return files
    }

    /// Adds what the class that is chosen for these files puts behind a model's pieces, and what they say
    /// of the tokens around texts.
    ///
    /// - Parameter isFolder: the model was found in a folder by its name.
    /// - Returns: the class.
    func complete(
        _ model: inout SentencePieceModel, isFolder: Bool
    ) throws(TokenizerError) -> TokenizerClass? {
        let settings = try TokenizerConfiguration(
            configuration: texts[TokenizerConfiguration.file],
            map: texts["special_tokens_map.json"], added: texts["added_tokens.json"])
        let rules = try TokenizerClass.chosen(
            name: settings.className, modelType: modelType, hasBytes: false)
        if rules == .t5 { model.addSentinels(try settings.count("extra_ids") ?? 100) }
        if rules == .xlmRoberta {
            model.numberAsFairseq(settings.name)
        } else if isFolder, model.file.hasSuffix("/" + SentencePieceModel.fairseqName) {
            throw .unsupported(
                file: model.file, key: "tokenizer_class", found: settings.className ?? "none",
                supported: "\(TokenizerClass.xlmRoberta.rawValue), whose ids such a file needs")
        }
        // transformers makes the class's steps of it, which the model does not name.
        if rules == .albert {
            throw .unsupported(
                file: model.file, key: "tokenizer_class", found: TokenizerClass.albert.rawValue,
                supported: "it beside a tokenizer.json, which transformers writes of this file")
        }
        model.addsBeginOfText = try settings.flag("add_bos_token")
        model.addsEndOfText = try settings.flag("add_eos_token")
        return rules
    }

    /// Whether the class that is chosen for these files cuts words into word pieces.
    func areOfWordPieces() throws(TokenizerError) -> Bool {
        let settings = try TokenizerConfiguration(
            configuration: texts[TokenizerConfiguration.file],
            map: texts["special_tokens_map.json"], added: texts["added_tokens.json"])
        let rules = try TokenizerClass.chosen(
            name: settings.className, modelType: modelType, hasBytes: false)
        return rules?.modelType == .wordPiece
    }

    private static func rules(
        _ json: JSONValue, _ settings: TokenizerConfiguration, _ modelType: String?
    ) throws(TokenizerError) -> TokenizerClass? {
        let parts = ["normalizer", "pre_tokenizer", "post_processor", "decoder"]
        let hasBytes = parts.contains { json[$0]?.fileText.contains("\"ByteLevel\"") ?? false }
        return try TokenizerClass.chosen(
            name: settings.className, modelType: modelType, hasBytes: hasBytes)
    }

    /// transformers 5.23 writes `unk_id` and never reads it: the unknown piece's place in the SentencePiece
    /// model that a tokenizer was made of.
    ///
    /// - Throws: ``TokenizerError`` where it is another piece's.
    private static func checkUnknownPlace(
        _ settings: TokenizerConfiguration, _ rules: TokenizerClass?,
        _ definition: TokenizerDefinition
    ) throws(TokenizerError) {
        guard let place = try settings.count("unk_id") else { return }
        // fairseq's numbers are others than the model's.
        if rules == .xlmRoberta, place == 0 { return }
        guard let unknown = definition.unknownToken, definition.tokens.indices.contains(place),
            definition.tokens[place] == unknown
        else {
            throw .invalid(
                file: TokenizerConfiguration.file, key: "unk_id", found: "\(place)",
                expected: definition.unknownToken.map { "the place of \"\($0)\"" }
                    ?? "no such key, since no piece stands for what is unknown")
        }
    }

    /// The tokens that are added first, in their order: those of tokenizer_config.json, or else those
    /// of added_tokens.json and tokenizer.json, of which the latter win an index.
    private static func listed(
        _ settings: TokenizerConfiguration, _ own: [AddedToken]
    ) -> [AddedToken] {
        if let tokens = settings.decoder { return tokens }
        var tokens: [Int: AddedToken] = [:]
        for (index, token) in settings.older { tokens[index] = token }
        for token in own { tokens[Int(token.id)] = token }
        return tokens.sorted { $0.key < $1.key }.map(\.value)
    }
}

extension TokenizerDefinition {
    /// Adds what transformers adds (`TokenizersBackend.__init__`): listed tokens that differ from those
    /// at hand, tokens with a part to play, and extra ones.
    fileprivate mutating func add(_ listed: [AddedToken], _ settings: TokenizerConfiguration) {
        var adder = TokenAdder(self)
        let present = adder
        for token in listed where !present.holds(token) { adder.add(token) }
        var known = Set((addedTokens + listed).map { Array($0.content.utf8) })
        for token in settings.named.map(\.token) + settings.extra
        where known.insert(Array(token.content.utf8)).inserted {
            var token = token
            token.isSpecial = true
            adder.add(token)
        }
        addedTokens = adder.tokens
    }

    /// `Qwen2Tokenizer.__init__` ends with adding each special token anew, without the flags that the
    /// files give it.
    fileprivate mutating func resetFlags(of tokens: [AddedToken]) {
        var adder = TokenAdder(self)
        for token in tokens { adder.add(AddedToken(id: -1, content: token.content)) }
        addedTokens = adder.tokens
    }

    /// Whether tokens of the same contents and flags are there.
    fileprivate func holds(_ tokens: [AddedToken]) -> Bool {
        let present = TokenAdder(self)
        return tokens.allSatisfy { present.holds($0) }
    }

    /// Whether everything but the added tokens is the same.
    fileprivate func cutsAlike(_ other: TokenizerDefinition) -> Bool {
        normalizer == other.normalizer && preTokenizer == other.preTokenizer
            && postProcessor == other.postProcessor && decoder.steps == other.decoder.steps
            && ignoresMerges == other.ignoresMerges && fusesUnknown == other.fusesUnknown
            && unknownToken == other.unknownToken && fallsBackToBytes == other.fallsBackToBytes
    }

    /// Ids that are put before and after a text have to be of the vocabulary.
    fileprivate func checkPostProcessor(file: String) throws(TokenizerError) {
        let added = Set(addedTokens.map(\.id))
        for id in postProcessor.ids where !added.contains(id) {
            guard tokens.indices.contains(Int(id)), tokens[Int(id)] != nil else {
                throw .invalid(
                    file: file, key: "post_processor", found: "id \(id)",
                    expected: "the id of a token")
            }
        }
    }
}

/// Adds tokens one by one, as `Tokenizer.add_tokens` of Hugging Face's tokenizers does: a token has
/// the id that the model gives it, or the next one.
struct TokenAdder {
    private(set) var tokens: [AddedToken]
    private var places: [[UInt8]: Int] = [:]
    private let vocabulary: Vocabulary
    private var next: Int

    init(_ definition: TokenizerDefinition) {
        tokens = definition.addedTokens
        vocabulary = Vocabulary(tokens: definition.tokens)
        next = max(vocabulary.count, (tokens.map { Int($0.id) + 1 }.max() ?? 0))
        for (place, token) in tokens.enumerated() { places[Array(token.content.utf8)] = place }
    }

    /// Whether a token of the same content and flags is there.
    func holds(_ token: AddedToken) -> Bool {
        guard let place = places[Array(token.content.utf8)] else { return false }
        var same = token
        same.id = tokens[place].id
        return same == tokens[place]
    }

    /// Adds a token, or gives one that is there its flags; one that is special stays so.
    mutating func add(_ new: AddedToken) {
        guard !new.content.isEmpty else { return }
        var token = new
        let bytes = Array(new.content.utf8)
        if let place = places[bytes] {
            token.id = tokens[place].id
            token.isSpecial = token.isSpecial || tokens[place].isSpecial
            tokens[place] = token
            return
        }
        token.id = vocabulary.id(of: new.content) ?? Int32(clamping: next)
        next = max(next, Int(token.id) + 1)
        places[bytes] = tokens.count
        tokens.append(token)
    }
}
