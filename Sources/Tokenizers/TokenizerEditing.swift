import Files

extension Tokenizer {
    /// This tokenizer with another token that ends a text, as chat templates ask for one.
    ///
    /// It is a tokenizer of its own with its own ``fileText`` and ``configurationText``; a token
    /// that the vocabulary lacks takes the next id, as in Hugging Face's `add_special_tokens`, so
    /// ``vocabularySize`` may grow.
    ///
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` for an empty token.
    package func withEndOfText(_ token: String) throws(TokenizerError) -> any Tokenizer {
        let file = "tokenizer.json"
        guard !token.isEmpty else {
            throw .invalid(
                file: file, key: "added_tokens", found: "an empty token", expected: "some text")
        }
        var added = addedTokens
        if let index = added.firstIndex(where: { $0.content.utf8.elementsEqual(token.utf8) }) {
            added[index].isSpecial = true
        } else {
            added.append(AddedToken(id: id(of: token) ?? Int32(vocabularySize), content: token))
        }
        var names = names
        names.endOfText = token
        var text = fileText
        if added != addedTokens {
            let entries = added.sorted { $0.id < $1.id }.map(\.json)
            let json = try JSONValue.read(text, file: file)
            text = json.setting("added_tokens", to: .array(entries)).fileText
        }
        return try TokenizerFolder.parse(text: text, configuration: names.configurationText)
    }
}

extension Tokenizer {
    /// This tokenizer with further tokens, which are matched in a text before all else; those that it
    /// has already keep their ids, and become special where these are, as in Hugging Face's tokenizers.
    /// New ones take the next ids, so ``vocabularySize`` may grow.
    ///
    /// - Parameter special: whether they are left out of decoded text on demand.
    /// - Throws: ``TokenizerError/invalid(file:key:found:expected:)`` for an empty token.
    package func withTokens(
        _ contents: [String], special: Bool
    ) throws(TokenizerError) -> any Tokenizer {
        let file = "tokenizer.json"
        var added = addedTokens
        var next = Int32(vocabularySize)
        for content in contents {
            guard !content.isEmpty else {
                throw .invalid(
                    file: file, key: "added_tokens", found: "an empty token", expected: "some text")
            }
            let place = added.firstIndex { $0.content.utf8.elementsEqual(content.utf8) }
            if let place {
                added[place].isSpecial = added[place].isSpecial || special
                continue
            }
            let id = id(of: content) ?? next
            next = max(next, id + 1)
            var token = AddedToken(id: id, content: content)
            token.isSpecial = special
            token.isNormalized = !special
            added.append(token)
        }
        if added == addedTokens { return self }
        let json = try JSONValue.read(fileText, file: file)
        let entries = added.sorted { $0.id < $1.id }.map(\.json)
        return try TokenizerFolder.parse(
            text: json.setting("added_tokens", to: .array(entries)).fileText,
            configuration: names.configurationText)
    }
}

extension Tokenizer {
    /// This tokenizer with texts in small letters before all other normalization, as sentence-transformers'
    /// `do_lower_case` has them; added tokens are found first, unless they are looked for in normalized text.
    ///
    /// Source: sentence-transformers 6.2, base/modules/transformer.py.
    package func lowercasingTexts() throws(TokenizerError) -> any Tokenizer {
        let file = "tokenizer.json"
        let json = try JSONValue.read(fileText, file: file)
        var steps = json["normalizer"].map { [$0] } ?? []
        if let sequence = steps.first, sequence["type"]?.string == "Sequence" {
            steps = sequence["normalizers"]?.array ?? []
        }
        if steps.contains(where: { $0["type"]?.string == "Lowercase" }) { return self }
        let normalizer = JSONValue.typed(
            "Sequence", [("normalizers", .array([.typed("Lowercase", [])] + steps))])
        return try TokenizerFolder.parse(
            text: json.setting("normalizer", to: normalizer).fileText,
            configuration: names.configurationText)
    }
}
