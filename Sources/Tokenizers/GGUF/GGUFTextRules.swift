import Files

/// How a tokenizer changes a text and cuts it into words, as a GGUF file can say it.
///
/// The file has a name (`tokenizer.ggml.pre`) or a flag (`add_space_prefix`) for certain rules as a
/// whole: a tokenizer has one of them step by step, or cannot be written.
package enum GGUFTextRules: Equatable, Sendable {
    /// A gpt2 vocabulary's, by the value of `pre`.
    case byteLevel(pre: String)
    /// A llama vocabulary's: spaces become marks, and one is put before a text where
    /// `add_space_prefix` says so.
    case sentencePiece(addsSpacePrefix: Bool)

    /// The rules of a tokenizer.
    ///
    /// - Throws: ``TokenizerError/unsupported(file:key:found:supported:)`` with the step of its
    ///   tokenizer.json that GGUF files have no place for.
    package init(of tokenizer: any Tokenizer) throws(TokenizerError) {
        let file = "tokenizer.json"
        let definition = try TokenizerDefinition(
            JSONValue.read(tokenizer.fileText, file: file), file: file)
        self =
            definition.fallsBackToBytes
            ? try Self.sentencePiece(definition, file: file)
            : try Self.byteLevel(definition, file: file)
    }

    private static func byteLevel(
        _ definition: TokenizerDefinition, file: String
    ) throws(TokenizerError) -> GGUFTextRules {
        for step in definition.normalizer.steps where step != .nfc {
            throw unsupported(
                "normalizer", described(TextNormalizer(steps: [step]).json), supported: "NFC", file)
        }
        let cutAlike = GGUFWords.known.filter {
            $0.words.preTokenizer == definition.preTokenizer
        }
        if cutAlike.isEmpty {
            throw unsupported(
                "pre_tokenizer", described(definition.preTokenizer.json),
                supported:
                    "the cuts of \(GGUFWords.known.map { $0.names[0] }.joined(separator: ", "))",
                file)
        }
        let changedAlike = cutAlike.filter { $0.words.normalizer == definition.normalizer }
        let takesWholeWords = definition.ignoresMerges
        if let entry = changedAlike.first(where: { $0.words.ignoresMerges == takesWholeWords }) {
            return .byteLevel(pre: entry.names[0])
        }
        let name = cutAlike[0].names[0]
        guard changedAlike.isEmpty else {
            throw unsupported(
                "model.ignore_merges", "\(takesWholeWords)",
                supported: "\(!takesWholeWords) with the cuts of \(name)", file)
        }
        throw unsupported(
            "normalizer", described(definition.normalizer.json),
            supported: "\(described(cutAlike[0].words.normalizer.json)) with the cuts of \(name)",
            file)
    }

    private static func sentencePiece(
        _ definition: TokenizerDefinition, file: String
    ) throws(TokenizerError) -> GGUFTextRules {
        let prefix = TextNormalizer.Step.prepend(Metaspace.mark)
        let marking = TextNormalizer.Step.replace(" ", with: Metaspace.mark)
        let unmarked = "Prepend of \(Metaspace.mark) and Replace of a space by it"
        var steps = definition.normalizer.steps
        // The order of the two makes no difference.
        let addsSpacePrefix = remove(prefix, from: &steps)
        var marks = remove(marking, from: &steps)
        if let step = steps.first {
            throw unsupported(
                "normalizer", described(TextNormalizer(steps: [step]).json), supported: unmarked,
                file)
        }
        for stage in definition.preTokenizer.stages {
            switch stage {
            // No space is left to cut at.
            case .separator(" ", _) where marks: continue
            case .metaspace(let rule)
            where rule.replacement == Metaspace.mark && rule.prepends == .never && !rule.splits:
                marks = true
            case .metaspace(let rule) where rule.prepends != .never:
                throw unsupported(
                    "pre_tokenizer", described(rule.json),
                    supported: "prepend_scheme \"never\", for add_space_prefix puts a space before "
                        + "every text, also one that begins with a space", file)
            default:
                throw unsupported(
                    "pre_tokenizer",
                    described(PreTokenizer(stages: [stage], isByteLevel: false).json),
                    supported: "none under \(unmarked)", file)
            }
        }
        guard marks else {
            throw unsupported(
                "normalizer", described(definition.normalizer.json), supported: unmarked, file)
        }
        return .sentencePiece(addsSpacePrefix: addsSpacePrefix)
    }

    /// Takes a step out of a list; whether it was there.
    private static func remove(
        _ step: TextNormalizer.Step, from steps: inout [TextNormalizer.Step]
    ) -> Bool {
        guard let place = steps.firstIndex(of: step) else { return false }
        steps.remove(at: place)
        return true
    }

    private static func unsupported(
        _ key: String, _ found: String, supported: String, _ file: String
    ) -> TokenizerError {
        .unsupported(file: file, key: key, found: found, supported: supported)
    }

    /// A step, or a sequence of them, by types and short settings.
    private static func described(_ json: JSONValue) -> String {
        let parts = json["normalizers"]?.array ?? json["pretokenizers"]?.array ?? [json]
        return parts.map { part in
            guard let type = part["type"]?.string else { return "none" }
            let settings = (part.members ?? []).compactMap { member -> String? in
                let text = member.value.text()
                return member.key == "type" || text.count > 60 ? nil : "\(member.key) \(text)"
            }
            return settings.isEmpty ? type : "\(type) (\(settings.joined(separator: ", ")))"
        }.joined(separator: ", ")
    }
}
