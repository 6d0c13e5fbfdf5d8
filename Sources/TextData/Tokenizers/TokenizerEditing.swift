/// Tokenizers with other special tokens, as chat templates ask for them.
///
/// Each is a tokenizer of its own with its own ``Tokenizer/fileText`` and
/// ``Tokenizer/configurationText``; a token that the vocabulary lacks takes the next id, as in
/// Hugging Face's `add_special_tokens`, so ``Tokenizer/vocabularySize`` may grow.
extension Tokenizer {
    /// This tokenizer with another token that ends a text.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` for an empty token.
    package func withEndOfText(_ token: String) throws(TokenizerError) -> any Tokenizer {
        try editing([token]) { $0.endOfText = token }
    }

    /// This tokenizer with another token that fills batches up.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` for an empty token.
    package func withPadding(_ token: String) throws(TokenizerError) -> any Tokenizer {
        try editing([token]) { $0.padding = token }
    }

    /// This tokenizer with more tokens that count as special.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` for an empty token.
    package func addingSpecialTokens(_ tokens: [String]) throws(TokenizerError) -> any Tokenizer {
        try editing(tokens) { $0.addAdditional(tokens) }
    }

    private func editing(
        _ tokens: [String], _ change: (inout SpecialTokenNames) -> Void
    ) throws(TokenizerError) -> any Tokenizer {
        let file = "tokenizer.json"
        guard !tokens.contains("") else {
            throw .invalid(
                file: file, key: "added_tokens", found: "an empty token", expected: "some text")
        }
        var added = addedTokens
        var next = Int32(vocabularySize)
        for token in tokens {
            if let index = added.firstIndex(where: { $0.content.utf8.elementsEqual(token.utf8) }) {
                added[index].isSpecial = true
                continue
            }
            let known = id(of: token)
            added.append(AddedToken(id: known ?? next, content: token))
            if known == nil { next += 1 }
        }
        var names = names
        change(&names)
        var text = fileText
        if added != addedTokens {
            let entries = added.sorted { $0.id < $1.id }.map(\.json)
            let json = try TokenizerJSONReader.read(text, file: file)
            text = json.setting("added_tokens", to: .array(entries)).text()
        }
        return try TokenizerFolder.parse(text: text, configuration: names.configurationText)
    }
}

extension SpecialTokenNames {
    /// Lists tokens among `additional_special_tokens` of the configuration.
    fileprivate mutating func addAdditional(_ tokens: [String]) {
        let key = "additional_special_tokens"
        guard let json = try? TokenizerJSONReader.read(configuration, file: "") else { return }
        var listed = json[key]?.array ?? []
        for token in tokens {
            let isListed = listed.contains { entry in
                let content = entry.string ?? entry["content"]?.string
                return content?.utf8.elementsEqual(token.utf8) ?? false
            }
            if !isListed { listed.append(.string(token)) }
        }
        configuration = json.setting(key, to: .array(listed)).text()
    }
}

extension TokenizerJSON {
    /// An object with another value for a key, at its place or else at the end.
    func setting(_ key: String, to value: TokenizerJSON) -> TokenizerJSON {
        var members = members ?? []
        let member = Member(key: key, value: value)
        if let index = members.lastIndex(where: { $0.key == key }) {
            members[index] = member
        } else {
            members.append(member)
        }
        return .object(members)
    }
}
