import Files

/// What is done to a text before it is cut into words.
package struct TextNormalizer: Sendable, Equatable {
    /// One change of the text.
    package enum Step: Sendable, Equatable {
        case nfc, nfd, nfkc, nfkd
        case lowercase
        /// Put before every text that is not empty.
        case prepend(String)
        case replace(String, with: String)
        case replaceRun(SpaceRun, with: String)
        /// White space goes from the ends of the text.
        case strip(left: Bool, right: Bool)
        /// Marks go, those of Unicode 9.
        case stripAccents
        case precompiled(PrecompiledMap)
        case bert(BertRules)
        /// Controls go, white space becomes blanks: the first step of SentencePiece's nmt_nfkc.
        case nmt
    }

    /// The regular expressions of runs of spaces, known by their text.
    package enum SpaceRun: String, Sendable, CaseIterable {
        case twoSpaces = " {2,}"
        case spaces = " +"
        case twoOfAny = #"\s{2,}"#
        case any = #"\s+"#
        /// Spaces at the ends of a text, which SentencePiece takes off.
        case edges = #"\A +| +\z"#

        /// Characters of the shortest run.
        var least: Int { self == .twoSpaces || self == .twoOfAny ? 2 : 1 }

        /// Whether all white space counts.
        var takesAll: Bool { self == .any || self == .twoOfAny }
    }

    /// The changes, in order.
    package let steps: [Step]

    package init(steps: [Step]) { self.steps = steps }

    /// No change.
    package static let none = TextNormalizer(steps: [])
    /// BERT's.
    package static func bert(_ rules: BertRules) -> TextNormalizer {
        TextNormalizer(steps: [.bert(rules)])
    }
    /// Canonical composition, as Qwen's tokenizers do.
    package static let nfc = TextNormalizer(steps: [.nfc])
}

extension TextNormalizer {
    private static let supported =
        "NFC, NFD, NFKC, NFKD, Nmt, BertNormalizer, Lowercase, Strip, StripAccents, Precompiled,"
        + " Prepend, Replace of a string or of runs of spaces, and a Sequence of these"

    /// Reads the `normalizer` of tokenizer.json.
    ///
    /// - Throws: ``TokenizerError`` where it is none of the supported ones.
    init(_ json: JSONValue?, file: String) throws(TokenizerError) {
        steps =
            try json.map { json throws(TokenizerError) in
                try Self.steps(json, file: file)
            } ?? []
        try checkGrowth(file: file)
    }

    /// Bytes that a byte may become, and that may be put before a text: far beyond what any tokenizer
    /// does, and far below what fills a machine.
    private static let (mostGrowth, mostPrefix) = (256.0, 65536.0)

    /// Replacements of replacements can make a small text larger than any memory.
    private func checkGrowth(file: String) throws(TokenizerError) {
        var (growth, prefix) = (1.0, 0.0)
        for step in steps {
            var factor = 1.0
            switch step {
            case .prepend(let text): prefix += Double(text.utf8.count)
            case .replace(let old, let new):
                factor = Double(new.utf8.count) / Double(max(old.utf8.count, 1))
            case .replaceRun(let run, let new):
                factor = Double(new.utf8.count) / Double(run.least)
            case .precompiled(let map): factor = Double(map.longestReplacement)
            case .bert: factor = 3
            default: break
            }
            growth *= max(factor, 1)
            prefix *= max(factor, 1)
            guard growth <= Self.mostGrowth, prefix <= Self.mostPrefix else {
                throw .unsupported(
                    file: file, key: "normalizer",
                    found:
                        "a sequence that can make a text more than \(Int(Self.mostGrowth)) times as "
                        + "long, or put more than \(Int(Self.mostPrefix)) bytes before it",
                    supported: "shorter replacements")
            }
        }
    }

    private static func steps(
        _ json: JSONValue, file: String
    ) throws(TokenizerError) -> [Step] {
        switch json["type"]?.string {
        case "NFC": return [.nfc]
        case "NFD": return [.nfd]
        case "NFKC": return [.nfkc]
        case "NFKD": return [.nfkd]
        case "Lowercase": return [.lowercase]
        case "Sequence":
            var result: [Step] = []
            for part in json["normalizers"]?.array ?? [] {
                result += try steps(part, file: file)
            }
            return result
        case "Prepend":
            if let text = json["prepend"]?.string { return [.prepend(text)] }
        case "Replace":
            guard let new = json["content"]?.string else { break }
            if let old = json["pattern"]?["String"]?.string, !old.isEmpty {
                return [.replace(old, with: new)]
            }
            if let text = json["pattern"]?["Regex"]?.string {
                if let run = SpaceRun(rawValue: text) { return [.replaceRun(run, with: new)] }
                throw .unsupported(
                    file: file, key: "normalizer", found: "Replace of \(text)",
                    supported: supported)
            }
        case "Strip":
            return [
                .strip(
                    left: try flag("strip_left", of: json, file: file),
                    right: try flag("strip_right", of: json, file: file))
            ]
        case "StripAccents": return [.stripAccents]
        case "Nmt": return [.nmt]
        case "BertNormalizer":
            let rules = BertRules(
                cleansText: try flag("clean_text", of: json, file: file),
                spacesIdeographs: try flag("handle_chinese_chars", of: json, file: file),
                stripsAccents: json["strip_accents"] == nil
                    ? nil : try flag("strip_accents", of: json, file: file),
                lowercases: try flag("lowercase", of: json, file: file))
            return [.bert(rules)]
        case "Precompiled":
            guard let text = json["precompiled_charsmap"]?.string,
                let map = PrecompiledMap(
                    base64: text, takesLongest: json[longestMatch]?.bool ?? false)
            else {
                throw .invalid(
                    file: file, key: "normalizer.precompiled_charsmap",
                    found: json["precompiled_charsmap"]?.shown ?? "nothing",
                    expected: "SentencePiece's table in base 64")
            }
            return [.precompiled(map)]
        default: break
        }
        throw .unsupported(
            file: file, key: "normalizer", found: json["type"]?.string ?? json.shown,
            supported: supported)
    }

    /// A key of our own, which Hugging Face's reader passes over: the table is used as SentencePiece does.
    static let longestMatch = "longest_match"

    private static func flag(
        _ key: String, of json: JSONValue, file: String
    ) throws(TokenizerError) -> Bool {
        guard let value = json[key]?.bool else {
            throw .invalid(
                file: file, key: "normalizer.\(key)", found: json[key]?.shown ?? "nothing",
                expected: "true or false")
        }
        return value
    }

    /// What tokenizer.json says for this normalizer.
    var json: JSONValue {
        let parts = steps.map { step -> JSONValue in
            switch step {
            case .nfc: .typed("NFC", [])
            case .nfd: .typed("NFD", [])
            case .nfkc: .typed("NFKC", [])
            case .nfkd: .typed("NFKD", [])
            case .lowercase: .typed("Lowercase", [])
            case .prepend(let text): .typed("Prepend", [("prepend", .string(text))])
            case .replace(let old, let new): Self.replace("String", old, with: new)
            case .replaceRun(let run, let new): Self.replace("Regex", run.rawValue, with: new)
            case .strip(let left, let right):
                .typed("Strip", [("strip_left", .bool(left)), ("strip_right", .bool(right))])
            case .stripAccents: .typed("StripAccents", [])
            case .nmt: .typed("Nmt", [])
            case .bert(let rules):
                .typed(
                    "BertNormalizer",
                    [
                        ("clean_text", .bool(rules.cleansText)),
                        ("handle_chinese_chars", .bool(rules.spacesIdeographs)),
                        ("strip_accents", rules.stripsAccents.map { .bool($0) } ?? .null),
                        ("lowercase", .bool(rules.lowercases)),
                    ])
            case .precompiled(let map):
                .typed(
                    "Precompiled",
                    [("precompiled_charsmap", .string(map.base64))]
                        + (map.takesLongest ? [(Self.longestMatch, .bool(true))] : []))
            }
        }
        if parts.isEmpty { return .null }
        return parts.count == 1 ? parts[0] : .typed("Sequence", [("normalizers", .array(parts))])
    }

    private static func replace(
        _ kind: String, _ pattern: String, with new: String
    ) -> JSONValue {
        .typed(
            "Replace",
            [
                ("pattern", .object([(key: kind, value: .string(pattern))])),
                ("content", .string(new)),
            ])
    }
}
