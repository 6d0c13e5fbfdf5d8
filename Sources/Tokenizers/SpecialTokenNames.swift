import Files

/// Which tokens play a part beyond the text, from tokenizer_config.json and its neighbours.
package struct SpecialTokenNames: Sendable, Equatable {
    package var beginOfText: String?
    package var endOfText: String?
    package var padding: String?
    package var unknown: String?
    /// What an encoder's text begins with, whose state stands for the whole (`cls_token`).
    package var classifier: String?
    /// What ends each text of a pair (`sep_token`).
    package var separator: String?
    /// What is to be filled in (`mask_token`).
    package var mask: String?
    /// The class that transformers reads the files with.
    package var className = "PreTrainedTokenizerFast"
    /// The tokenizer_config.json they came from, which may hold more (a chat template, for
    /// example).
    package var configuration = "{}"

    /// Names as such, without a file.
    package init(
        beginOfText: String? = nil, endOfText: String? = nil, padding: String? = nil,
        unknown: String? = nil, classifier: String? = nil, separator: String? = nil,
        mask: String? = nil
    ) {
        self.beginOfText = beginOfText
        self.endOfText = endOfText
        self.padding = padding
        self.unknown = unknown
        self.classifier = classifier
        self.separator = separator
        self.mask = mask
    }

    /// The names that there are.
    var all: [String?] {
        [beginOfText, endOfText, padding, unknown, classifier, separator, mask]
    }

    /// The names that the tokenizer's files give, or else the ids of generation_config.json.
    ///
    /// Without any, `<|endoftext|>` both begins and ends a text where it is an added token, as in
    /// GPT-2.
    ///
    /// - Throws: ``TokenizerError/malformed(file:byte:found:expected:)``.
    init(
        generationConfiguration: String?, _ settings: TokenizerConfiguration,
        for definition: TokenizerDefinition
    ) throws(TokenizerError) {
        beginOfText = settings.name("bos_token")
        endOfText = settings.name("eos_token")
        padding = settings.name("pad_token")
        unknown = settings.name("unk_token")
        classifier = settings.name("cls_token")
        separator = settings.name("sep_token")
        mask = settings.name("mask_token")
        if let generationConfiguration {
            let json = try JSONValue.read(
                generationConfiguration, file: "generation_config.json")
            func token(_ key: String) -> String? {
                let id = json[key]?.integer ?? json[key]?.array?.first?.integer
                guard let id else { return nil }
                return definition.addedTokens.first { $0.id == id }?.content
                    ?? (definition.tokens.indices.contains(id) ? definition.tokens[id] : nil)
            }
            beginOfText = beginOfText ?? token("bos_token_id")
            endOfText = endOfText ?? token("eos_token_id")
        }
        let usual = "<|endoftext|>"
        if beginOfText == nil, endOfText == nil,
            definition.addedTokens.contains(where: { $0.content == usual })
        {
            beginOfText = usual
            endOfText = usual
        }
    }

    /// Whether the same tokens play the same parts.
    func isSame(as other: SpecialTokenNames) -> Bool {
        all == other.all
    }

    /// Takes flags of added tokens out of the configuration unless they are the tokenizer's: written beside
    /// its tokenizer.json, they would win over it.
    mutating func removeDecoder(unless isSame: Bool) {
        let json = try? JSONValue.read(configuration, file: TokenizerConfiguration.file)
        guard !isSame, var members = json?.members else { return }
        members.removeAll { $0.key == "added_tokens_decoder" }
        configuration = JSONValue.object(members).fileText
    }

    /// tokenizer_config.json: what was read, with these names, for transformers' general class.
    var configurationText: String {
        var members =
            (try? JSONValue.read(configuration, file: "tokenizer_config.json"))?.members
            ?? []
        // Of the SentencePiece model that the class of the files numbers its pieces by.
        members.removeAll { $0.key == "unk_id" }
        func set(_ key: String, _ value: JSONValue) {
            if let index = members.firstIndex(where: { $0.key == key }) {
                members[index] = (key: key, value: value)
            } else {
                members.append((key: key, value: value))
            }
        }
        let names = [
            ("bos_token", beginOfText), ("eos_token", endOfText), ("pad_token", padding),
            ("unk_token", unknown), ("cls_token", classifier), ("sep_token", separator),
            ("mask_token", mask),
        ]
        for (key, name) in names {
            if let name { set(key, .string(name)) }
        }
        if !members.contains(where: { $0.key == "model_max_length" }) {
            // transformers' own figure for "no limit".
            set("model_max_length", .number("1e+30"))
        }
        set("tokenizer_class", .string(className))
        return JSONValue.object(members).fileText
    }
}
