import Files
import Templates
import Tokenizers
import WeightFiles

/// A tokenizer.json as the metadata of a GGUF file.
///
/// Source: llama.cpp's `convert_hf_to_gguf.py` (`get_vocab_base`, `_set_vocab_llama_hf`) and
/// gguf-py's `vocab.py`.
struct GGUFVocabulary {
    /// What a token is for; raw values are the file's.
    private enum TokenType: Int32 {
        case normal = 1
        case unknown, control, userDefined, unused, byte
    }

    private let configuration: JSONValue
    private let model: JSONValue
    private let rows: Int
    private let templates: [(name: String, source: String)]
    private let rules: GGUFTextRules
    let tokenizer: any Tokenizer

    /// - Parameters:
    ///   - files: file name to text.
    ///   - rows: of the embedding; ids without a token are unused.
    /// - Returns: `nil` without a tokenizer.json.
    /// - Throws: ``ModelFileError/user(_:)`` for a kind of tokenizer that is not written, and for one
    ///   that changes or cuts texts in a way GGUF has no name for.
    init?(files: [String: String], rows: Int) throws(ModelFileError) {
        guard let text = files["tokenizer.json"] else { return nil }
        self.rows = rows
        templates = try Self.templates(of: files)
        let definition = (try? JSONValueReader.read(text)) ?? .null
        configuration = (try? JSONValueReader.read(files["tokenizer_config.json"] ?? "{}")) ?? .null
        model = definition["model"] ?? .null
        do {
            tokenizer = try TokenizerFolder.parse(
                text: text, configuration: files["tokenizer_config.json"])
        } catch {
            throw .tokenizer(error)
        }
        let kind = model["type"]?.string ?? "BPE"
        guard kind == "BPE", model["vocab"]?.members != nil else {
            throw .user(
                "tokenizer.json: a \(kind) vocabulary is not written as GGUF here; supported is "
                    + "BPE; export a Hugging Face folder and convert it with llama.cpp")
        }
        rules = try Self.rules(of: tokenizer)
    }

    /// How texts are changed and cut.
    private static func rules(of tokenizer: any Tokenizer) throws(ModelFileError) -> GGUFTextRules {
        do throws(TokenizerError) {
            return try GGUFTextRules(of: tokenizer)
        } catch .unsupported(let file, let key, let found, let supported) {
            throw .user(
                "\(file): \(key): GGUF files have no place for \(found), only for \(supported); "
                    + "export a Hugging Face folder without export_gguf")
        } catch {
            throw .tokenizer(error)
        }
    }

    /// Whether it is SentencePiece's BPE, whose merges follow from scores.
    private var isSentencePiece: Bool {
        if case .sentencePiece = rules { true } else { false }
    }

    /// The keys of the file, in its order.
    var metadata: [(key: String, value: GGUFValue)] {
        let (tokens, types) = vocabulary()
        let prefix = "tokenizer.ggml."
        var result: [(key: String, value: GGUFValue)]
        switch rules {
        case .sentencePiece(let addsSpacePrefix):
            result = [
                (prefix + "model", .string("llama")), (prefix + "pre", .string("default")),
                (prefix + "tokens", .strings(tokens)),
                (prefix + "scores", .floats(scores(tokens))),
                (prefix + "token_type", .int32s(types)),
                (prefix + "add_space_prefix", .bool(addsSpacePrefix)),
            ]
        case .byteLevel(let pre):
            result = [
                (prefix + "model", .string("gpt2")), (prefix + "pre", .string(pre)),
                (prefix + "tokens", .strings(tokens)),
                (prefix + "token_type", .int32s(types)),
                (prefix + "merges", .strings(merges.map { "\($0.0) \($0.1)" })),
            ]
        }
        for (key, id) in [
            ("bos", tokenizer.beginOfText), ("eos", tokenizer.endOfText),
            ("unknown", tokenizer.unknown), ("padding", tokenizer.padding),
        ] {
            guard let id else { continue }
            result.append((prefix + key + "_token_id", .uint32(UInt32(id))))
        }
        let adds = { (key: String) in configuration[key]?.bool }
        let (begin, end) = (
            adds("add_bos_token") ?? tokenizer.addsBeginOfText,
            adds("add_eos_token") ?? tokenizer.addsEndOfText
        )
        result.append((prefix + "add_bos_token", .bool(begin)))
        if end { result.append((prefix + "add_eos_token", .bool(end))) }
        return result + templateKeys
    }

    /// The chat templates, as gguf-py's `add_chat_template` writes them.
    private var templateKeys: [(key: String, value: GGUFValue)] {
        let key = GGUFModel.chatTemplate
        let further = templates.filter { $0.name != "default" }
        var result: [(key: String, value: GGUFValue)] = further.map {
            ("\(key).\($0.name)", .string($0.source))
        }
        if !further.isEmpty { result.append((key + "s", .strings(further.map(\.name)))) }
        for template in templates where template.name == "default" {
            result.append((key, .string(template.source)))
        }
        return result
    }

    private static func templates(
        of files: [String: String]
    ) throws(ModelFileError) -> [(name: String, source: String)] {
        let templates: [(name: String, source: String)]
        do {
            templates = try RenderedTemplate.sources(of: files)
        } catch {
            throw .template(error)
        }
        var names: Set<String> = []
        for (name, _) in templates
        where !GGUFModel.isTemplateName(name) || !names.insert(name).inserted {
            throw .user(
                "the chat template '\(name)' cannot be written: GGUF files have a place for names of "
                    + "letters, digits and _, once each; rename it or export a Hugging Face folder "
                    + "without export_gguf")
        }
        return templates
    }

    private var merges: [(String, String)] {
        (model["merges"]?.array ?? []).compactMap { merge in
            if let pair = merge.array?.compactMap(\.string), pair.count == 2 {
                return (pair[0], pair[1])
            }
            // Of scalars: a space and a mark on it are one character.
            guard
                let words = merge.string?.unicodeScalars.split(
                    separator: " ", maxSplits: 1), words.count == 2
            else { return nil }
            return (String(words[0]), String(words[1]))
        }
    }

    /// Tokens by id and their types. The tokenizer tells them apart by their bytes, as a dictionary
    /// of strings, to which canonically equivalent ones are equal, does not.
    private func vocabulary() -> (tokens: [String], types: [Int32]) {
        var tokens: [String] = []
        var types: [TokenType] = []
        for id in 0..<max(tokenizer.vocabularySize, rows) {
            let token = tokenizer.token(of: Int32(id))
            tokens.append(token ?? "[PAD\(id)]")
            let isByte =
                token?.utf8.count == 6 && token?.hasPrefix("<0x") == true
                && token?.hasSuffix(">") == true
            types.append(token == nil ? .unused : isSentencePiece && isByte ? .byte : .normal)
        }
        for token in tokenizer.addedTokens {
            types[Int(token.id)] = token.isSpecial ? .control : .userDefined
        }
        if isSentencePiece, let unknown = model["unk_token"]?.string.flatMap(tokenizer.id) {
            types[Int(unknown)] = .unknown
        }
        return (tokens, types.map(\.rawValue))
    }

    /// Scores that give the merges back: tokens that are merged first have the highest.
    private func scores(_ tokens: [String]) -> [Float] {
        var ranks: [[UInt8]: Int] = [:]
        for (rank, merge) in merges.enumerated() {
            let token = Array(merge.0.utf8) + Array(merge.1.utf8)
            if ranks[token] == nil { ranks[token] = rank }
        }
        return tokens.map { token in ranks[Array(token.utf8)].map { -Float($0) } ?? -1e9 }
    }
}
