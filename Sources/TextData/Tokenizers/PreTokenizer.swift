/// How a text is cut into the words that merges stay inside of.
package struct PreTokenizer: Sendable, Equatable {
    /// One cut; each works on the pieces that the one before left.
    package enum Stage: Sendable, Equatable {
        /// Cut before and after every match of a pattern.
        case split(SplitPattern)
        /// Cut numbers off, each by itself or in runs.
        case digits(individual: Bool)
        /// Put a space before every piece that begins with none.
        case prefixSpace
    }

    /// The cuts, in order.
    package let stages: [Stage]

    /// GPT-2.
    package static let gpt2 = PreTokenizer(stages: [.split(.gpt2)])
    /// Llama 3 and GPT-4.
    package static let llama3 = PreTokenizer(stages: [.split(.llama3)])
    /// Qwen2 and Qwen3, whose tokenizers also compose text (``TextNormalizer/nfc``).
    package static let qwen2 = PreTokenizer(stages: [.split(.qwen2)])
    /// SmolLM2: single digits, then as GPT-2.
    package static let smolLM2 = PreTokenizer(stages: [.digits(individual: true), .split(.gpt2)])

    /// Whether a piece's text may change.
    var addsSpaces: Bool { stages.contains(.prefixSpace) }

    /// Cuts a whole text and leaves the end of each word in `ends`.
    ///
    /// - Parameter text: changed where a stage adds spaces.
    func cut(
        _ text: inout ClassifiedText, _ classes: ScalarClasses, into ends: inout [Int],
        using spare: inout [Int]
    ) {
        ends.removeAll(keepingCapacity: true)
        if text.bytes.isEmpty { return }
        ends.append(text.bytes.count)
        for stage in stages {
            swap(&ends, &spare)
            ends.removeAll(keepingCapacity: true)
            var start = 0
            switch stage {
            case .prefixSpace:
                var bytes: [UInt8] = []
                for end in spare {
                    if text.bytes[start] != UInt8(ascii: " ") { bytes.append(UInt8(ascii: " ")) }
                    bytes += text.bytes[start..<end]
                    ends.append(bytes.count)
                    start = end
                }
                text.set(bytes, classes)
            case .split(let pattern):
                for end in spare {
                    pattern.split(text, start, to: end, into: &ends)
                    start = end
                }
            case .digits(let individual):
                let rule = ClassRule(members: .numeric, limit: individual ? 1 : .max)
                for end in spare {
                    text.split(rule, start, to: end, into: &ends)
                    start = end
                }
            }
        }
    }
}

extension PreTokenizer {
    /// What the messages about unsupported pre-tokenizers name.
    private static let supported =
        "ByteLevel, Digits, and Split by the patterns of GPT-2, Llama 3, GPT-4, Qwen, GPT-4o,"
        + " Tekken and DeepSeek"

    /// Reads the `pre_tokenizer` of tokenizer.json.
    ///
    /// - Throws: ``TokenizerError`` where it is none of the supported ones, or lacks ByteLevel.
    init(_ json: TokenizerJSON?, file: String) throws(TokenizerError) {
        var stages: [Stage] = []
        var isByteLevel = false
        guard let json else {
            throw .unsupported(
                file: file, key: "pre_tokenizer", found: "null", supported: Self.supported)
        }
        for part in json["pretokenizers"]?.array ?? [json] {
            guard !isByteLevel else {
                throw .unsupported(
                    file: file, key: "pre_tokenizer", found: "a stage after ByteLevel",
                    supported: "ByteLevel as the last one")
            }
            switch part["type"]?.string {
            case "ByteLevel":
                isByteLevel = true
                if part["add_prefix_space"]?.bool ?? true { stages.append(.prefixSpace) }
                if part["use_regex"]?.bool ?? true { stages.append(.split(.gpt2)) }
            case "Digits":
                stages.append(.digits(individual: part["individual_digits"]?.bool ?? false))
            case "Split":
                stages.append(.split(try Self.pattern(part, file: file)))
            case let other:
                throw .unsupported(
                    file: file, key: "pre_tokenizer", found: other ?? part.kind,
                    supported: Self.supported)
            }
        }
        guard isByteLevel else {
            throw .unsupported(
                file: file, key: "pre_tokenizer", found: "one without ByteLevel",
                supported: "byte-level tokenizers")
        }
        self.stages = stages
    }

    private static func pattern(
        _ json: TokenizerJSON, file: String
    ) throws(TokenizerError) -> SplitPattern {
        let key = "pre_tokenizer.pattern"
        guard let expression = json["pattern"]?["Regex"]?.string else {
            throw .unsupported(
                file: file, key: key, found: json["pattern"]?.kind ?? "nothing",
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
    var json: TokenizerJSON {
        func byteLevel(prefix: Bool, pattern: Bool) -> TokenizerJSON {
            .typed(
                "ByteLevel",
                [
                    ("add_prefix_space", .bool(prefix)), ("trim_offsets", .bool(true)),
                    ("use_regex", .bool(pattern)),
                ])
        }
        var parts: [TokenizerJSON] = []
        var rest = stages[...]
        let usesPattern = rest.last == .split(.gpt2)
        if usesPattern { rest.removeLast() }
        let addsPrefix = rest.last == .prefixSpace
        if addsPrefix { rest.removeLast() }
        for stage in rest {
            switch stage {
            case .split(let pattern):
                let expression = TokenizerJSON.string(pattern.expressions[0])
                parts.append(
                    .typed(
                        "Split",
                        [
                            ("pattern", .object([.init(key: "Regex", value: expression)])),
                            ("behavior", .string("Isolated")), ("invert", .bool(false)),
                        ]))
            case .digits(let individual):
                parts.append(.typed("Digits", [("individual_digits", .bool(individual))]))
            case .prefixSpace:
                parts.append(byteLevel(prefix: true, pattern: false))
            }
        }
        let last = byteLevel(prefix: addsPrefix, pattern: usesPattern)
        if parts.isEmpty { return last }
        return .typed("Sequence", [("pretokenizers", .array(parts + [last]))])
    }
}

extension TokenizerJSON {
    /// An object whose first key, `type`, names what it is.
    static func typed(_ type: String, _ members: [(String, TokenizerJSON)]) -> TokenizerJSON {
        .object(
            [Member(key: "type", value: .string(type))]
                + members.map { Member(key: $0.0, value: $0.1) })
    }
}
