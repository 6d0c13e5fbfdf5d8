import Files

extension PreTokenizer {
    /// What the messages about unsupported pre-tokenizers name.
    private static let supported =
        "ByteLevel, BertPreTokenizer, Punctuation, Metaspace, Whitespace, WhitespaceSplit, Digits, and"
        + " Split by a string or by the patterns of GPT-2, Llama 3, GPT-4, Qwen, GPT-4o, Tekken and DeepSeek"

    /// Reads the `pre_tokenizer` of tokenizer.json.
    ///
    /// - Parameter decodesBytes: the decoder expects GPT-2's stand-ins for bytes.
    /// - Throws: ``TokenizerError`` where it is none of the supported ones, or where only one of
    ///   it and the decoder is ByteLevel.
    init(
        _ json: JSONValue?, decodesBytes: Bool, file: String
    ) throws(TokenizerError) {
        var stages: [Stage] = []
        var isByteLevel = false
        for part in json?["pretokenizers"]?.array ?? (json.map { [$0] } ?? []) {
            guard !isByteLevel else {
                throw .unsupported(
                    file: file, key: "pre_tokenizer", found: "a stage after ByteLevel",
                    supported: "ByteLevel as the last one")
            }
            isByteLevel = part["type"]?.string == "ByteLevel"
            stages += try Self.stages(part, file: file)
        }
        guard isByteLevel == decodesBytes else {
            throw .unsupported(
                file: file, key: "pre_tokenizer",
                found: isByteLevel
                    ? "ByteLevel with another decoder"
                    : "\(json == nil ? "null" : "one without ByteLevel") under a ByteLevel decoder",
                supported: "ByteLevel in both or in neither")
        }
        self.stages = stages
        self.isByteLevel = isByteLevel
    }

    /// The cuts of one part of the file.
    private static func stages(
        _ part: JSONValue, file: String
    ) throws(TokenizerError) -> [Stage] {
        switch part["type"]?.string {
        case "ByteLevel":
            let prefix: [Stage] = part["add_prefix_space"]?.bool ?? true ? [.prefixSpace] : []
            return part["use_regex"]?.bool ?? true ? prefix + [.split(.gpt2)] : prefix
        case "Digits": return [.digits(individual: part["individual_digits"]?.bool ?? false)]
        case "Metaspace":
            guard let rule = Metaspace(part) else {
                throw .invalid(
                    file: file, key: "pre_tokenizer", found: part.shown,
                    expected: "a replacement of one character and a prepend_scheme")
            }
            return [.metaspace(rule)]
        case "Whitespace": return [.whitespaceAndSigns]
        case "WhitespaceSplit": return [.whitespace]
        case "BertPreTokenizer": return [.bert]
        case "Punctuation":
            let behavior = part["behavior"]?.string ?? SeparatorBehavior.isolated.rawValue
            guard behavior == SeparatorBehavior.isolated.rawValue else {
                throw .unsupported(
                    file: file, key: "pre_tokenizer.behavior", found: behavior,
                    supported: "Isolated")
            }
            return [.punctuation]
        case "Split": return [try split(part, file: file)]
        case let other:
            throw .unsupported(
                file: file, key: "pre_tokenizer", found: other ?? part.shown,
                supported: supported)
        }
    }

    private static func split(
        _ json: JSONValue, file: String
    ) throws(TokenizerError) -> Stage {
        guard let separator = json["pattern"]?["String"]?.string, !separator.isEmpty else {
            return .split(try pattern(json, file: file))
        }
        let name = json["behavior"]?.string ?? "nothing"
        if json["invert"]?.bool == true {
            throw .unsupported(
                file: file, key: "pre_tokenizer.invert",
                found: "true with the string \"\(JSONValue.shortened(separator))\"",
                supported: "false")
        }
        guard let behavior = SeparatorBehavior(rawValue: name) else {
            throw .unsupported(
                file: file, key: "pre_tokenizer.behavior", found: json["behavior"]?.shown ?? name,
                supported: "Removed, Isolated, MergedWithPrevious, MergedWithNext and Contiguous")
        }
        return .separator(separator, behavior)
    }

    private static func pattern(
        _ json: JSONValue, file: String
    ) throws(TokenizerError) -> SplitPattern {
        let key = "pre_tokenizer.pattern"
        guard let expression = json["pattern"]?["Regex"]?.string else {
            throw .unsupported(
                file: file, key: key, found: json["pattern"]?.shown ?? "nothing",
                supported: "a regular expression")
        }
        guard let pattern = SplitPattern.named(by: expression) else {
            throw .unsupported(
                file: file, key: key, found: "the regular expression \(expression)",
                supported: "those of GPT-2, Llama 3, GPT-4, Qwen, GPT-4o, Tekken and DeepSeek")
        }
        let behavior = json["behavior"]?.string ?? "nothing"
        let isInverted = json["invert"]?.bool ?? false
        // Where matches cover the text, removing what lies between them removes nothing.
        let isIsolated =
            behavior == "Isolated" && !isInverted
            || behavior == "Removed" && isInverted && pattern.isTotal
        guard isIsolated else {
            throw .unsupported(
                file: file, key: "pre_tokenizer.behavior",
                found: behavior + (isInverted ? " inverted" : ""), supported: "Isolated")
        }
        return pattern
    }

    /// What tokenizer.json says for this pre-tokenizer.
    var json: JSONValue {
        var rest = stages[...]
        var last: [JSONValue] = []
        if isByteLevel {
            let usesPattern = rest.last == .split(.gpt2)
            if usesPattern { rest.removeLast() }
            let addsPrefix = rest.last == .prefixSpace
            if addsPrefix { rest.removeLast() }
            last = [Self.byteLevel(prefix: addsPrefix, pattern: usesPattern)]
        }
        let parts = rest.compactMap(Self.json) + last
        if parts.isEmpty { return .null }
        if parts.count == 1 { return parts[0] }
        return .typed("Sequence", [("pretokenizers", .array(parts))])
    }

    private static func byteLevel(prefix: Bool, pattern: Bool) -> JSONValue {
        .typed(
            "ByteLevel",
            [
                ("add_prefix_space", .bool(prefix)), ("trim_offsets", .bool(true)),
                ("use_regex", .bool(pattern)),
            ])
    }

    private static func split(
        _ kind: String, _ pattern: String, _ behavior: SeparatorBehavior
    ) -> JSONValue {
        .typed(
            "Split",
            [
                ("pattern", .object([(key: kind, value: .string(pattern))])),
                ("behavior", .string(behavior.rawValue)), ("invert", .bool(false)),
            ])
    }

    private static func json(_ stage: Stage) -> JSONValue? {
        switch stage {
        case .split(let pattern): split("Regex", pattern.expressions[0], .isolated)
        case .separator(let separator, let behavior): split("String", separator, behavior)
        case .digits(let individual): .typed("Digits", [("individual_digits", .bool(individual))])
        case .prefixSpace: byteLevel(prefix: true, pattern: false)
        case .metaspace(let rule): rule.json
        case .whitespace: .typed("WhitespaceSplit", [])
        case .whitespaceAndSigns: .typed("Whitespace", [])
        case .bert: .typed("BertPreTokenizer", [])
        case .punctuation: .typed("Punctuation", [("behavior", .string("Isolated"))])
        case .marks: nil
        }
    }
}
