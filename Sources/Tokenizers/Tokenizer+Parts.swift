import Files

extension Tokenizer {
    /// The token that hides another (`mask_token`).
    package var mask: Int32? { part("mask_token", ["[MASK]", "<mask>"]) }

    /// The token that ends each text of a pair (`sep_token`).
    package var separator: Int32? { part("sep_token", ["[SEP]", "</s>"]) }

    /// The token that stands for a whole text (`cls_token`).
    package var classifier: Int32? { part("cls_token", ["[CLS]", "<s>"]) }

    /// The token that tokenizer_config.json names, or else the first usual one that is an added token.
    private func part(_ key: String, _ usual: [String]) -> Int32? {
        let named = (try? JSONValueReader.read(names.configuration))?[key]
        if let name = named?.string ?? named?["content"]?.string { return id(of: name) }
        return addedTokens.lazy.filter { usual.contains($0.content) }.compactMap {
            id(of: $0.content)
        }.first
    }
}
