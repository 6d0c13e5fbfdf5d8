/// What is done to a text before it is cut into words.
package struct TextNormalizer: Sendable, Equatable {
    /// One change of the text.
    package enum Step: Sendable, Equatable {
        case nfc, nfd, nfkc, nfkd
        case lowercase
        /// Put before every text that is not empty.
        case prepend(String)
        case replace(String, with: String)
    }

    /// The changes, in order.
    package let steps: [Step]

    /// No change.
    package static let none = TextNormalizer(steps: [])
    /// Canonical composition, as Qwen's tokenizers do.
    package static let nfc = TextNormalizer(steps: [.nfc])
}

extension TextNormalizer {
    private static let supported =
        "NFC, NFD, NFKC, NFKD, Lowercase, Prepend, Replace of a string, and a Sequence of these"

    /// Reads the `normalizer` of tokenizer.json.
    ///
    /// - Throws: ``TokenizerError`` where it is none of the supported ones.
    init(_ json: TokenizerJSON?, file: String) throws(TokenizerError) {
        steps =
            try json.map { json throws(TokenizerError) in
                try Self.steps(json, file: file)
            } ?? []
    }

    private static func steps(
        _ json: TokenizerJSON, file: String
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
            if let old = json["pattern"]?["String"]?.string, !old.isEmpty,
                let new = json["content"]?.string
            {
                return [.replace(old, with: new)]
            }
        default: break
        }
        throw .unsupported(
            file: file, key: "normalizer", found: json["type"]?.string ?? json.kind,
            supported: supported)
    }

    /// What tokenizer.json says for this normalizer.
    var json: TokenizerJSON {
        let parts = steps.map { step -> TokenizerJSON in
            switch step {
            case .nfc: .typed("NFC", [])
            case .nfd: .typed("NFD", [])
            case .nfkc: .typed("NFKC", [])
            case .nfkd: .typed("NFKD", [])
            case .lowercase: .typed("Lowercase", [])
            case .prepend(let text): .typed("Prepend", [("prepend", .string(text))])
            case .replace(let old, let new):
                .typed(
                    "Replace",
                    [
                        ("pattern", .object([.init(key: "String", value: .string(old))])),
                        ("content", .string(new)),
                    ])
            }
        }
        if parts.isEmpty { return .null }
        return parts.count == 1 ? parts[0] : .typed("Sequence", [("normalizers", .array(parts))])
    }
}
