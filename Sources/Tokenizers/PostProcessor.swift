import Files

/// The ids that a tokenizer puts around a text, or between two, on demand, and the token types.
package struct PostProcessor: Sendable, Equatable {
    /// One part of what a model reads.
    package enum Part: Sendable, Equatable {
        /// Tokens that belong to no text.
        case special([Int32], typeID: Int32)
        case first(typeID: Int32)
        case second(typeID: Int32)
    }

    /// What one text becomes.
    package let single: [Part]
    /// What a pair becomes; `nil` where the file has a template that is not supported.
    package let pair: [Part]?
    /// What tokenizer.json says for it.
    let json: JSONValue

    /// Adds nothing.
    package static let none = PostProcessor(
        single: [.first(typeID: 0)], pair: plainPair,
        json: .typed(
            "ByteLevel",
            [
                ("add_prefix_space", .bool(true)), ("trim_offsets", .bool(false)),
                ("use_regex", .bool(true)),
            ]))

    private static let plainPair: [Part] = [.first(typeID: 0), .second(typeID: 1)]

    package static func == (left: PostProcessor, right: PostProcessor) -> Bool {
        left.single == right.single && left.pair == right.pair
    }

    /// Ids before a text.
    package var before: [Int32] { specials(single.prefix { !Self.isText($0) }) }

    /// Ids after a text.
    package var after: [Int32] { specials(single.drop { !Self.isText($0) }) }

    /// For each part of it that leaves blanks out of offsets, whether the first blank of a text may be
    /// one that the tokenizer put there.
    var trims: [Bool] {
        (json["processors"]?.array ?? [json]).compactMap { part in
            let isByteLevel = ["ByteLevel", "RobertaProcessing"].contains(part["type"]?.string)
            guard isByteLevel, part["trim_offsets"]?.bool ?? true else { return nil }
            return part["add_prefix_space"]?.bool ?? true
        }
    }

    private func specials(_ parts: ArraySlice<Part>) -> [Int32] {
        parts.flatMap { part in
            if case .special(let ids, _) = part { ids } else { [Int32]() }
        }
    }

    private static func isText(_ part: Part) -> Bool {
        if case .special = part { false } else { true }
    }

    /// All ids that are put anywhere.
    var ids: [Int32] { specials((single + (pair ?? []))[...]) }
}

// MARK: - Kinds

extension PostProcessor {
    /// `[CLS] A [SEP] B [SEP]`, types 0 and 1, as a template.
    package static func bertTemplate(
        _ classifier: (token: String, id: Int32), _ separator: (token: String, id: Int32)
    ) -> PostProcessor {
        template(
            single: [.special(classifier, 0), .first(0), .special(separator, 0)],
            pair: [
                .special(classifier, 0), .first(0), .special(separator, 0), .second(1),
                .special(separator, 1),
            ])
    }

    /// `<s> A </s></s> B </s>`, types 0, as a template.
    static func xlmRobertaTemplate(
        _ begin: (token: String, id: Int32), _ end: (token: String, id: Int32)
    ) -> PostProcessor {
        template(
            single: [.special(begin, 0), .first(0), .special(end, 0)],
            pair: [
                .special(begin, 0), .first(0), .special(end, 0), .special(end, 0), .second(0),
                .special(end, 0),
            ])
    }

    /// `A </s> B </s>`, types 0.
    package static func t5Template(_ end: (token: String, id: Int32)) -> PostProcessor {
        template(
            single: [.first(0), .special(end, 0)],
            pair: [.first(0), .special(end, 0), .second(0), .special(end, 0)])
    }

    /// `<s> A </s></s> B </s>`, types 0.
    static func roberta(
        _ classifier: (token: String, id: Int32), _ separator: (token: String, id: Int32),
        trimsOffsets: Bool, addsPrefixSpace: Bool
    ) -> PostProcessor {
        func token(_ part: (token: String, id: Int32)) -> JSONValue {
            .array([.string(part.token), .int(Int(part.id))])
        }
        return PostProcessor(
            single: robertaParts(classifier.id, separator.id).single,
            pair: robertaParts(classifier.id, separator.id).pair,
            json: .typed(
                "RobertaProcessing",
                [
                    ("sep", token(separator)), ("cls", token(classifier)),
                    ("trim_offsets", .bool(trimsOffsets)),
                    ("add_prefix_space", .bool(addsPrefixSpace)),
                ]))
    }

    /// A part of a template that is written.
    private enum Piece {
        case special((token: String, id: Int32), Int32)
        case first(Int32)
        case second(Int32)

        var part: Part {
            switch self {
            case .special(let token, let type): .special([token.id], typeID: type)
            case .first(let type): .first(typeID: type)
            case .second(let type): .second(typeID: type)
            }
        }

        var json: JSONValue {
            func entry(_ kind: String, _ id: String, _ type: Int32) -> JSONValue {
                .wrapped(kind, [("id", .string(id)), ("type_id", .int(Int(type)))])
            }
            return switch self {
            case .special(let token, let type): entry("SpecialToken", token.token, type)
            case .first(let type): entry("Sequence", "A", type)
            case .second(let type): entry("Sequence", "B", type)
            }
        }
    }

    private static func template(single: [Piece], pair: [Piece]) -> PostProcessor {
        var tokens: [JSONValue.Member] = []
        for case .special(let token, _) in single + pair
        where !tokens.contains(where: { $0.key == token.token }) {
            tokens.append(
                (
                    token.token,
                    .object([
                        ("id", .string(token.token)), ("ids", .array([.int(Int(token.id))])),
                        ("tokens", .array([.string(token.token)])),
                    ])
                ))
        }
        return PostProcessor(
            single: single.map(\.part), pair: pair.map(\.part),
            json: .typed(
                "TemplateProcessing",
                [
                    ("single", .array(single.map(\.json))), ("pair", .array(pair.map(\.json))),
                    ("special_tokens", .object(tokens)),
                ]))
    }

    fileprivate static func bertParts(
        _ classifier: Int32, _ separator: Int32
    ) -> (single: [Part], pair: [Part]) {
        let single: [Part] = [
            .special([classifier], typeID: 0), .first(typeID: 0), .special([separator], typeID: 0),
        ]
        return (single, single + [.second(typeID: 1), .special([separator], typeID: 1)])
    }

    fileprivate static func robertaParts(
        _ classifier: Int32, _ separator: Int32
    ) -> (single: [Part], pair: [Part]) {
        let single = bertParts(classifier, separator).single
        let end = Part.special([separator], typeID: 0)
        return (single, single + [end, .second(typeID: 0), end])
    }
}

// MARK: - Reading

extension PostProcessor {
    /// Reads the `post_processor` of tokenizer.json.
    ///
    /// - Throws: ``TokenizerError`` where it is none of the supported ones.
    init(_ json: JSONValue?, file: String) throws(TokenizerError) {
        var single: [Part] = [.first(typeID: 0)]
        var pair: [Part]? = Self.plainPair
        var isPlain = true
        for part in json?["processors"]?.array ?? (json.map { [$0] } ?? []) {
            let parts: (single: [Part], pair: [Part]?)
            switch part["type"]?.string {
            case "ByteLevel": continue
            case "TemplateProcessing": parts = try Self.template(part, file: file)
            case "BertProcessing":
                parts = Self.bertParts(
                    try Self.id(part["cls"], file: file), try Self.id(part["sep"], file: file))
            case "RobertaProcessing":
                parts = Self.robertaParts(
                    try Self.id(part["cls"], file: file), try Self.id(part["sep"], file: file))
            case let other:
                throw .unsupported(
                    file: file, key: "post_processor", found: other ?? part.shown,
                    supported: "ByteLevel, TemplateProcessing, RobertaProcessing, BertProcessing")
            }
            guard isPlain else {
                throw .unsupported(
                    file: file, key: "post_processor",
                    found: "\(part["type"]?.string ?? "one") after another that adds tokens",
                    supported: "one that does")
            }
            (single, pair) = parts
            isPlain = false
        }
        self.single = single
        self.pair = pair
        self.json = json ?? .null
    }

    private static func template(
        _ json: JSONValue, file: String
    ) throws(TokenizerError) -> (single: [Part], pair: [Part]?) {
        let single = try parts("single", of: json, file: file)
        let texts = single.count(where: isText)
        guard texts == 1, !single.contains(where: isSecond) else {
            throw .unsupported(
                file: file, key: "post_processor.single", found: "a text \(texts) times",
                supported: "templates that hold it once")
        }
        guard json["pair"] != nil else { return (single, plainPair) }
        let pair = try parts("pair", of: json, file: file)
        let isUsual = pair.count(where: isText) == 2 && pair.count(where: isSecond) == 1
        return (single, isUsual ? pair : nil)
    }

    private static func isSecond(_ part: Part) -> Bool {
        if case .second = part { true } else { false }
    }

    private static func parts(
        _ key: String, of json: JSONValue, file: String
    ) throws(TokenizerError) -> [Part] {
        var parts: [Part] = []
        for part in json[key]?.array ?? [] {
            let path = "post_processor.\(key)"
            if let text = part["Sequence"] {
                let type = try typeID(text["type_id"], path, file: file)
                switch text["id"]?.string {
                case "A": parts.append(.first(typeID: type))
                case "B": parts.append(.second(typeID: type))
                case let other:
                    throw .invalid(
                        file: file, key: path, found: other.map { "\"\($0)\"" } ?? "no id",
                        expected: "A or B, the texts of a pair")
                }
                continue
            }
            guard let name = part["SpecialToken"]?["id"]?.string,
                let ids = json["special_tokens"]?[name]?["ids"]?.array
            else {
                throw .invalid(
                    file: file, key: path, found: part.shown,
                    expected: "a Sequence or a SpecialToken listed under special_tokens")
            }
            var tokens: [Int32] = []
            for value in ids {
                guard let id = value.integer.flatMap({ Int32(exactly: $0) }) else {
                    throw .invalid(
                        file: file, key: "post_processor.special_tokens", found: value.shown,
                        expected: "a token id")
                }
                tokens.append(id)
            }
            let type = try typeID(part["SpecialToken"]?["type_id"], path, file: file)
            parts.append(.special(tokens, typeID: type))
        }
        return parts
    }

    /// A token type; models have few.
    private static func typeID(
        _ json: JSONValue?, _ key: String, file: String
    ) throws(TokenizerError) -> Int32 {
        guard let json else { return 0 }
        guard let id = json.integer, (0..<65536).contains(id) else {
            throw .invalid(
                file: file, key: "\(key).type_id", found: json.kind, expected: "a token type from 0"
            )
        }
        return Int32(id)
    }

    private static func id(
        _ json: JSONValue?, file: String
    ) throws(TokenizerError) -> Int32 {
        guard let pair = json?.array, pair.count == 2,
            let id = pair[1].integer.flatMap({ Int32(exactly: $0) })
        else {
            throw .invalid(
                file: file, key: "post_processor", found: json?.shown ?? "nothing",
                expected: "a token and its id")
        }
        return id
    }
}
