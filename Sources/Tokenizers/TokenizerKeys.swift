import Files

/// The keys that tokenizer.json may have: what each part of a type is made of, and of which kind.
///
/// A key that is not known could change ids, and one of another kind than expected would be taken
/// for absent, so both are refused by name.
enum TokenizerKeys {
    /// What a value may be; null is as good as absent.
    private enum Kind {
        case flag, text, number, list, object, any
    }

    private typealias Keys = [String: Kind]

    private static let top: Keys = [
        "version": .text, "truncation": .any, "padding": .any, "added_tokens": .list,
        "normalizer": .object, "pre_tokenizer": .object, "post_processor": .object,
        "decoder": .object, "model": .object,
    ]

    /// By type; where they lie makes no difference to the keys.
    private static let types: [String: Keys] = [
        "NFC": [:], "NFD": [:], "NFKC": [:], "NFKD": [:], "Lowercase": [:], "StripAccents": [:],
        "Nmt": [:], "BertPreTokenizer": [:], "Punctuation": ["behavior": .text],
        "BertNormalizer": [
            "clean_text": .flag, "handle_chinese_chars": .flag, "strip_accents": .flag,
            "lowercase": .flag,
        ],
        "Prepend": ["prepend": .text],
        "Precompiled": ["precompiled_charsmap": .text, "longest_match": .flag],
        "Whitespace": [:], "WhitespaceSplit": [:], "ByteFallback": [:], "Fuse": [:],
        "Digits": ["individual_digits": .flag],
        "Metaspace": [
            "replacement": .text, "prepend_scheme": .text, "add_prefix_space": .flag,
            "split": .flag, "str_rep": .text,
        ],
        "Split": ["pattern": .object, "behavior": .text, "invert": .flag],
        "ByteLevel": ["add_prefix_space": .flag, "trim_offsets": .flag, "use_regex": .flag],
        "Replace": ["pattern": .object, "content": .text],
        "Strip": [
            "strip_left": .flag, "strip_right": .flag, "content": .text, "start": .number,
            "stop": .number,
        ],
        "TemplateProcessing": ["single": .list, "pair": .list, "special_tokens": .object],
        "RobertaProcessing": [
            "sep": .list, "cls": .list, "trim_offsets": .flag, "add_prefix_space": .flag,
        ],
        "BertProcessing": ["sep": .list, "cls": .list],
        "BPE": [
            "dropout": .number, "unk_token": .text, "continuing_subword_prefix": .text,
            "end_of_word_suffix": .text, "fuse_unk": .flag, "byte_fallback": .flag,
            "ignore_merges": .flag, "vocab": .object, "merges": .list,
        ],
        "WordPiece": [
            "unk_token": .text, "continuing_subword_prefix": .text,
            "max_input_chars_per_word": .number, "vocab": .object,
        ],
        "WordPiece decoder": ["prefix": .text, "cleanup": .flag],
        "Unigram": [
            "unk_id": .number, "vocab": .list, "byte_fallback": .flag, "alpha": .any,
            "nbest_size": .any,
        ],
    ]

    /// Where a sequence of parts has them.
    private static let sequences = ["normalizers", "pretokenizers", "processors", "decoders"]

    /// Parts of a sequence, all in all.
    private static let mostParts = 256

    /// Checks the whole file but the vocabulary.
    ///
    /// - Throws: ``TokenizerError/unused(_:)`` for a key that is not known,
    ///   ``TokenizerError/invalid(file:key:found:expected:)`` for a value of another kind.
    static func check(_ json: JSONValue, file: String) throws(TokenizerError) {
        guard let members = json.members else {
            throw .invalid(
                file: file, key: "the file", found: json.shown, expected: "an object")
        }
        try check(members, top, path: "", file: file)
        for (key, sequence) in zip(
            ["normalizer", "pre_tokenizer", "post_processor", "decoder"], sequences)
        {
            var count = 0
            guard let part = json[key] else { continue }
            try checkPart(part, sequence, path: key, &count, file: file)
        }
        if let model = json["model"], let members = model.members {
            if let keys = types[TokenizerDefinition.modelType(model) ?? ""] {
                try check(members, keys, path: "model.", file: file)
            }
        }
    }

    private static func checkPart(
        _ part: JSONValue, _ sequence: String, path: String, _ count: inout Int, file: String
    ) throws(TokenizerError) {
        count += 1
        guard count <= mostParts else {
            throw .invalid(
                file: file, key: path, found: "more than \(mostParts) parts",
                expected: "at most so many")
        }
        // Types that are not known are refused where they are read.
        guard let members = part.members, let type = part["type"]?.string else { return }
        if type == "Sequence" {
            try check(members, [sequence: .list], path: path + ".", file: file)
            for (index, inner) in (part[sequence]?.array ?? []).enumerated() {
                try checkPart(
                    inner, sequence, path: "\(path).\(sequence)[\(index)]", &count, file: file)
            }
        } else if let keys = types[type == "WordPiece" ? "WordPiece decoder" : type] {
            try check(members, keys, path: path + ".", file: file)
        }
    }

    private static func check(
        _ members: [JSONValue.Member], _ keys: Keys, path: String, file: String
    ) throws(TokenizerError) {
        for member in members where member.key != "type" {
            if case .null = member.value { continue }
            guard let kind = keys[member.key] else {
                throw .unused(
                    .init(
                        file: file, key: path + member.key, found: member.value.shown,
                        supported: nil))
            }
            guard isOf(kind, member.value) else {
                throw .invalid(
                    file: file, key: path + member.key, found: member.value.shown,
                    expected: name(kind))
            }
        }
    }

    private static func isOf(_ kind: Kind, _ value: JSONValue) -> Bool {
        switch kind {
        case .flag: value.bool != nil
        case .text: value.string != nil
        case .number: value.double != nil
        case .list: value.array != nil
        case .object: value.members != nil
        case .any: true
        }
    }

    private static func name(_ kind: Kind) -> String {
        switch kind {
        case .flag: "true or false"
        case .text: "a text"
        case .number: "a number"
        case .list: "a list"
        case .object: "an object"
        case .any: "a value"
        }
    }
}
