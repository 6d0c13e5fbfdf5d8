import Tokenizers

extension GGUFVocabulary {
    /// Texts that tokenizers cut and normalise in different ways.
    private static let probes = [
        "Hello World", " leading", "trailing ", "two  spaces   and\ttabs\n\nlines \r\n end",
        "don't WE'LL they'RE", "1 23 456 7890 3.14159 ½ ①", "naïve Ångström e\u{301} \u{FB01}n",
        "日本語のテキスト 中文字符", "Привет мир", "שלום العربية", "🙂👍🏽 emoji", "a_b-c/d\\e@f#g",
        "camelCase HTTPServer", "\u{A0}nbsp\u{200B}zero", "(x+y)*z != 0; // code", "\"quoted\"…",
        "ｆｕｌｌｗｉｄｔｈ", "", " ", "\n", "2024 12345678 0.000001 1913-2019 ٣٤٥ v10",
        "don’t ‘single’ “double” „low“ «angle» – — … ′", "<|x|> [x] {x}  x",
    ]

    /// Reads the keys back and throws unless texts have the ids that they had: a second net under
    /// ``GGUFTextRules``, for what the format has no place for would be lost in silence.
    ///
    /// - Parameter metadata: of the whole file.
    /// - Throws: ``ModelFileError/user(_:)`` with a text whose ids would differ.
    func check(_ metadata: GGUFMetadata) throws(ModelFileError) {
        let files = try GGUFModel.tokenizerFiles(metadata)
        guard let text = files["tokenizer.json"] else { return }
        let read: any Tokenizer
        do {
            read = try TokenizerFolder.parse(
                text: text, configuration: files["tokenizer_config.json"])
        } catch {
            throw .tokenizer(error)
        }
        let around = tokenizer.addedTokens.map { "a \($0.content) b\($0.content)c" }
        for probe in Self.probes + around {
            let ids = tokenizer.encode(probe, addSpecialTokens: true)
            let found = read.encode(probe, addSpecialTokens: true)
            guard ids == found else {
                throw .user(
                    "tokenizer.json has something that GGUF files have no place for (a normalizer, "
                        + "lstrip, rstrip, single_word, …): the text "
                        + "\(probe.debugDescription) would have other ids there; export a Hugging "
                        + "Face folder without export_gguf")
            }
        }
    }
}
