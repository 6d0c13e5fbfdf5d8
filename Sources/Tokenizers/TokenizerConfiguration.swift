import Files

/// What the files beside tokenizer.json say: tokens that it lacks, and settings that change ids.
///
/// Read as transformers reads them (`PreTrainedTokenizerBase._from_pretrained` of 5.23): where
/// tokenizer_config.json has an `added_tokens_decoder`, the older files are passed over; otherwise
/// special_tokens_map.json wins over it. Every key is used, known to change nothing, or refused.
struct TokenizerConfiguration {
    /// Tokens with a part to play, in the order in which they are added.
    private(set) var named: [(key: String, token: AddedToken)] = []
    /// `extra_special_tokens`, formerly `additional_special_tokens`.
    private(set) var extra: [AddedToken] = []
    /// Whether a list stands under `extra_special_tokens`, if only an empty one.
    private var listsExtra = false
    /// `additional_special_tokens`, where it is not renamed.
    private var additional: [AddedToken]?
    /// `added_tokens_decoder`, by index; `nil` where tokenizer.json's own list counts.
    private(set) var decoder: [AddedToken]?
    /// added_tokens.json, by index.
    private(set) var older: [(index: Int, token: AddedToken)] = []
    /// `tokenizer_class`, without `Fast`.
    private(set) var className: String?
    private(set) var addsPrefixSpace: Bool?
    private(set) var isLegacy: Bool?
    /// Special tokens written in a text are text.
    private(set) var splitsSpecialTokens = false
    private(set) var cleansUp = false
    private(set) var cleansUpMerges = false
    /// Settings that only some classes read: true, false, or something else that those refuse.
    private var classSettings: [String: JSONValue] = [:]

    /// The parts that tokens play, in transformers' order.
    static let parts = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    /// The name of a token with a part to play.
    func name(_ key: String) -> String? { named.last { $0.key == key }?.token.content }

    /// A setting of a class, true or false.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)``.
    func flag(_ key: String) throws(TokenizerError) -> Bool? {
        guard let value = classSettings[key] else { return nil }
        guard let flag = value.bool else { throw Self.invalid(key, value, "true or false") }
        return flag
    }

    /// A setting of a class, a whole number that is not negative.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)``.
    func count(_ key: String) throws(TokenizerError) -> Int? {
        guard let value = classSettings[key] else { return nil }
        guard let count = value.integer, (0...65536).contains(count) else {
            throw Self.invalid(key, value, "a whole number from 0 to 65536")
        }
        return count
    }

    /// - Parameters:
    ///   - configuration: the text of tokenizer_config.json.
    ///   - map: of special_tokens_map.json.
    ///   - added: of added_tokens.json.
    /// - Throws: ``TokenizerError`` for what is damaged, and for a key that could change ids and is
    ///   not used.
    init(configuration: String?, map: String?, added: String?) throws(TokenizerError) {
        let file = Self.file
        let keys = try Self.object(configuration ?? "{}", file)
        var values: [JSONValue.Member] = []
        for member in keys.members { values.append(member) }
        Self.renameAdditional(in: &values)
        var byName = Self.takeNamed(from: &values)
        if keys.contains("added_tokens_decoder") {
            decoder = try Self.decoder(keys["added_tokens_decoder"])
        } else {
            if let map {
                try Self.merge(map, into: &values)
                byName += Self.takeNamed(from: &values)
            }
            if let added { older = try Self.older(added) }
        }
        try readTokens(values, byName, keys)
        try readSettings(keys)
        do {
            try keys.refuseUnused(harmless: Self.harmless)
        } catch {
            throw .unused(error)
        }
        if !older.isEmpty {
            let listed = listsExtra ? extra : []
            let special = Set(named.map(\.token.content) + listed.map(\.content))
            for index in older.indices where special.contains(older[index].token.content) {
                older[index].token.isSpecial = true
                older[index].token.isNormalized = false
            }
        }
    }

    static let file = "tokenizer_config.json"

    /// Takes tokens for parts that no file names: a class's own, and the one that tokenizer.json fills
    /// batches up with.
    mutating func setDefaults(_ defaults: [(key: String, content: String)], padding: String?) {
        var values = defaults
        if let padding { values.append(("pad_token", padding)) }
        for (key, content) in values where name(key) == nil {
            named.append((key, AddedToken(id: -1, content: content)))
        }
        let parts = Self.parts
        let known = parts.compactMap { part in named.last { $0.key == part } }
        named = known + named.filter { !parts.contains($0.key) }
    }

    /// Adds T5's sentinels, as `T5Tokenizer.__init__` does: not where a list stands under
    /// `extra_special_tokens`, nor where `additional_special_tokens` has sentinels.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` where it has others than so many.
    mutating func addSentinels(_ count: Int) throws(TokenizerError) {
        let found = additional?.count { $0.content.contains("<extra_id_") } ?? 0
        if found > 0, count > 0, found != count {
            throw .invalid(
                file: Self.file, key: "extra_ids", found: "\(count)",
                expected: "\(found), the number of <extra_id_…> in \(Self.additionalKey)")
        }
        if listsExtra || found > 0 { return }
        extra += (0..<count).map { AddedToken(id: -1, content: "<extra_id_\($0)>") }
    }

    /// The flags that lists of added tokens have for a named token win over its own.
    mutating func takeFlags(from tokens: [AddedToken]) {
        for index in named.indices {
            let content = named[index].token.content
            if let listed = tokens.last(where: { $0.content.utf8.elementsEqual(content.utf8) }) {
                named[index].token = listed
            }
        }
    }

    private mutating func readTokens(
        _ values: [JSONValue.Member], _ byName: [JSONValue.Member], _ keys: KeyedObject
    ) throws(TokenizerError) {
        let all = JSONValue.object(values)
        for key in Self.parts {
            _ = keys[key]
            guard let value = all[key] else { continue }
            named.append((key, try Self.token(value, key: key)))
        }
        // Tokens of one model under names of their own: image_token and the like.
        for (key, value) in values where key.hasSuffix("_token") && !Self.parts.contains(key) {
            guard value.string != nil || value["__type"] != nil else { continue }
            _ = keys[key]
            named.append((key, try Self.token(value, key: key)))
        }
        _ = (keys[Self.extraKey], keys[Self.additionalKey])
        for (key, value) in byName {
            named.removeAll { $0.key == key }
            named.append((key, try Self.token(value, key: "\(Self.extraKey).\(key)")))
        }
        listsExtra = all.member(Self.extraKey) != nil
        additional = try all[Self.additionalKey].map { (value) throws(TokenizerError) in
            try Self.tokens(value, key: Self.additionalKey)
        }
        if listsExtra {
            extra = try Self.tokens(all[Self.extraKey] ?? .null, key: Self.extraKey)
        } else {
            extra = additional ?? []
        }
    }

    private mutating func readSettings(_ keys: KeyedObject) throws(TokenizerError) {
        func flag(_ key: String) throws(TokenizerError) -> Bool? {
            guard let value = keys[key] else { return nil }
            guard let flag = value.bool else { throw Self.invalid(key, value, "true or false") }
            return flag
        }
        if let value = keys["tokenizer_class"] {
            guard let name = value.string else {
                throw Self.invalid("tokenizer_class", value, "the name of a class")
            }
            className = name
        }
        for key in [
            "do_lower_case", "strip_accents", "tokenize_chinese_chars", "trim_offsets", "extra_ids",
            "keep_accents", "add_bos_token", "add_eos_token", "unk_id",
        ] {
            if let value = keys[key] { classSettings[key] = value }
        }
        addsPrefixSpace = try flag("add_prefix_space")
        isLegacy = try flag("legacy")
        splitsSpecialTokens = try flag("split_special_tokens") ?? false
        cleansUp = try flag("clean_up_tokenization_spaces") ?? false
        cleansUpMerges =
            try flag("clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output")
            ?? false
    }
}

// MARK: - Tokens

extension TokenizerConfiguration {
    /// A token as a text, or as an object with flags.
    ///
    /// - Parameter special: whether a flag that is not there is set.
    static func token(
        _ value: JSONValue, key: String, file: String = file, special: Bool = true
    ) throws(TokenizerError) -> AddedToken {
        if let text = value.string {
            return AddedToken(id: -1, content: text)
        }
        guard let content = value["content"]?.string else {
            throw invalid(key, value, "a token", file: file)
        }
        let keys: KeyedObject
        do {
            keys = try KeyedObject(value, file: file)
        } catch {
            throw .invalid(file: file, key: key, found: error.found, expected: error.expected)
        }
        func flag(_ name: String) throws(TokenizerError) -> Bool? {
            guard let value = keys[name] else { return nil }
            guard let flag = value.bool else {
                throw invalid("\(key).\(name)", value, "true or false", file: file)
            }
            return flag
        }
        var token = AddedToken(id: -1, content: content)
        token.isSpecial = try flag("special") ?? special
        token.isSingleWord = try flag("single_word") ?? false
        token.stripsLeft = try flag("lstrip") ?? false
        token.stripsRight = try flag("rstrip") ?? false
        token.isNormalized = try flag("normalized") ?? !token.isSpecial
        _ = (keys["content"], keys["__type"], keys["id"])
        do {
            try keys.refuseUnused(harmless: [:])
        } catch {
            throw .unused(error)
        }
        return token
    }

    private static func decoder(_ value: JSONValue?) throws(TokenizerError) -> [AddedToken] {
        guard let members = value?.members else {
            throw invalid("added_tokens_decoder", value ?? .null, "an object of ids and tokens")
        }
        var tokens: [(index: Int, token: AddedToken)] = []
        for (index, value) in members {
            let key = "added_tokens_decoder.\(JSONValue.shortened(index))"
            guard let number = Int(index), value.members != nil else {
                throw invalid(key, value, "an id and its token")
            }
            tokens.append((number, try token(value, key: key, special: false)))
        }
        return tokens.sorted { $0.index < $1.index }.map(\.token)
    }

    private static let (extraKey, additionalKey) = (
        "extra_special_tokens", "additional_special_tokens"
    )

    /// A list of tokens, each of them once.
    private static func tokens(
        _ list: JSONValue, key: String
    ) throws(TokenizerError) -> [AddedToken] {
        if list.isFalse { return [] }
        guard let values = list.array else {
            throw invalid(key, list, "a list of tokens, or an object of named ones")
        }
        var tokens: [AddedToken] = []
        for value in values {
            let token = try token(value, key: key)
            if !tokens.contains(where: { $0.content == token.content }) { tokens.append(token) }
        }
        return tokens
    }

    /// tokenizer_config.json's `additional_special_tokens` is `extra_special_tokens`, unless there are such.
    private static func renameAdditional(in values: inout [JSONValue.Member]) {
        let all = JSONValue.object(values)
        guard let list = all.member(additionalKey), all[extraKey]?.isFalse ?? true else { return }
        values.removeAll { [additionalKey, extraKey].contains($0.key) }
        values.append((key: extraKey, value: list))
    }

    /// Takes the tokens that `extra_special_tokens` has by name instead of a list.
    private static func takeNamed(from values: inout [JSONValue.Member]) -> [JSONValue.Member] {
        guard let named = JSONValue.object(values)[extraKey]?.members else { return [] }
        values.removeAll { $0.key == extraKey }
        return named
    }

    /// Puts the entries of special_tokens_map.json in the place of tokenizer_config.json's; extra tokens
    /// are added to those that are there.
    private static func merge(
        _ map: String, into values: inout [JSONValue.Member]
    ) throws(TokenizerError) {
        let file = "special_tokens_map.json"
        for (key, value) in try object(map, file).members where value != .null {
            guard parts.contains(key) || key.hasSuffix("_token") || key.hasSuffix("special_tokens")
            else {
                throw .unused(
                    UnusedKey(file: file, key: key, found: value.kind, supported: nil))
            }
            var value = value
            if key == extraKey, let new = value.array {
                value = .array((JSONValue.object(values)[extraKey]?.array ?? []) + new)
            } else if value["content"] != nil, case .object(var members) = value {
                // What stands here is special, whatever it says.
                members.removeAll { $0.key == "special" }
                members.append((key: "special", value: .bool(true)))
                value = .object(members)
            }
            values.removeAll { $0.key == key }
            values.append((key: key, value: value))
        }
    }

    private static func older(
        _ text: String
    ) throws(TokenizerError) -> [(index: Int, token: AddedToken)] {
        let file = "added_tokens.json"
        var tokens: [(index: Int, token: AddedToken)] = []
        for (content, value) in try object(text, file).members {
            guard let index = value.integer else {
                throw invalid(JSONValue.shortened(content), value, "an id", file: file)
            }
            var token = AddedToken(id: -1, content: content)
            token.isSpecial = false
            token.isNormalized = true
            tokens.append((index, token))
        }
        return tokens
    }

    private static func object(
        _ text: String, _ file: String
    ) throws(TokenizerError) -> KeyedObject {
        do {
            return try KeyedObject(JSONValueReader.read(text), file: file)
        } catch {
            throw .malformed(
                file: file, byte: 0, found: error.found, expected: error.expected)
        }
    }

    private static func invalid(
        _ key: String, _ value: JSONValue, _ expected: String, file: String = file
    ) -> TokenizerError {
        .invalid(file: file, key: key, found: value.kind, expected: expected)
    }
}

// MARK: - Keys that change nothing

extension TokenizerConfiguration {
    /// Keys of tokenizer_config.json that change neither ids nor texts, for the reasons in the
    /// comments; checked against transformers 5.23.
    static let harmless: [String: HarmlessKey] = {
        var keys: [String: HarmlessKey] = [:]
        for key in [
            // The post-processor of tokenizer.json decides; transformers drops these beside it. Where a
            // SentencePiece model stands in its place, they are read.
            "add_bos_token", "add_eos_token",
            // Of batches: what is cut off or filled up is asked for with each call.
            "model_max_length", "max_len", "max_length", "stride", "padding_side", "pad_side",
            "truncation_side", "truncation_strategy", "truncation", "padding",
            "pad_to_multiple_of", "pad_token_type_id", "model_input_names",
            "return_token_type_ids",
            // Of the slow tokenizers, which tokenizer.json replaces.
            "do_lower_case", "do_basic_tokenize", "never_split", "strip_accents",
            "tokenize_chinese_chars", "sp_model_kwargs", "spaces_between_special_tokens",
            "keep_accents", "remove_space", "do_remove_space", "errors", "vocab_file",
            "merges_file", "tokenizer_file", "from_slow", "use_fast", "vocab_size", "byte_fallback",
            "trim_offsets", "wordpieces_prefix", "encode_special_tokens", "sp_model_file",
            // Of conversations, read where they are rendered.
            "chat_template", "use_default_system_prompt", "default_chat_template",
            "chat_control_tokens", "response_template", "response_schema",
            "grounded_generation_template", "tool_use_template",
            // Where it came from.
            "name_or_path", "_name_or_path", "special_tokens_map_file", "auto_map", "init_inputs",
            "processor_class", "image_processor_type", "feature_extractor_type",
            "transformers_version", "backend", "is_local", "local_files_only", "files_loaded",
            "_commit_hash", "tokenizer_type", "model_type", "torch_dtype", "device_map",
            "trust_remote_code", "revision", "library_name", "is_fast", "extra_ids", "url",
        ] { keys[key] = .always }
        // Another pattern in the place of tokenizer.json's.
        keys["fix_mistral_regex"] = .flag(false)
        return keys
    }()
}
