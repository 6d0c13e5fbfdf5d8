/// How a byte-level vocabulary cuts text into words, by GGUF's `tokenizer.ggml.pre`.
///
/// What a name stands for is taken from the tokenizer.json of the models it is written for; names
/// are those of llama.cpp's llama-vocab.cpp. Names whose cuts have no rule here are refused.
struct GGUFWords {
    let normalizer: TextNormalizer
    let preTokenizer: PreTokenizer
    /// Words that are tokens are taken whole.
    let ignoresMerges: Bool
    /// The default of `add_bos_token`.
    let addsBeginOfText: Bool

    private static let key = "tokenizer.ggml.pre"

    /// The rules of a name.
    ///
    /// A file without one, of early 2024, does not say how its model's text was cut. llama.cpp then
    /// takes its `default`, with a warning that answers get worse: it is no model's own.
    ///
    /// - Throws: ``TokenizerError/unsupported(file:key:found:supported:)``, and
    ///   ``TokenizerError/invalid(file:key:found:expected:)`` for no name.
    init(pre: String?) throws(TokenizerError) {
        guard let pre else {
            throw .invalid(
                file: GGUFTokenizer.file, key: Self.key, found: "nothing",
                expected: "the name of how the model's text is cut into words (llama-bpe, qwen2, …)"
                    + "; write it into the file with gguf_new_metadata.py --pre-tokenizer NAME")
        }
        var stages: [PreTokenizer.Stage]
        var normalizer = TextNormalizer.none
        var takesWholeWords = false
        switch pre {
        case "gpt-2", "phi-2": stages = [.split(.gpt2)]
        case "mpt", "olmo":
            stages = [.split(.gpt2)]
            normalizer = .nfc
        case "smollm", "starcoder", "refact", "codeshell":
            stages = [.digits(individual: true), .split(.gpt2)]
        case "command-r":
            stages = [.digits(individual: true), .split(.gpt2)]
            normalizer = .nfc
        case "llama3", "llama-v3", "llama-bpe":
            stages = [.split(.llama3)]
            takesWholeWords = true
        case "dbrx", "smaug-bpe", "chatglm-bpe", "glm4": stages = [.split(.llama3)]
        case "qwen2", "deepseek-r1-qwen", "megrez":
            stages = [.split(.qwen2)]
            normalizer = .nfc
        case "stablelm2": stages = [.split(.qwen2)]
        case "qwen35":
            stages = [.split(.qwen35)]
            normalizer = .nfc
        case "gpt-4o", "llama4": stages = [.split(.gpt4o)]
        case "tekken":
            stages = [.split(.tekken)]
            takesWholeWords = true
        case "deepseek-v3":
            stages = [.split(.numberGroups), .split(.ideographs), .split(.deepSeek)]
        case "deepseek-llm":
            stages = [
                .split(.lineEnds), .split(.ledAlphabets), .split(.ledSigns), .split(.trailingSpace),
                .split(.eastAsian), .digits(individual: true),
            ]
        case "deepseek-coder":
            stages = [
                .split(.lineEnds), .split(.ledLetters), .split(.ledPunctuation), .split(.eastAsian),
                .digits(individual: true),
            ]
        case let other:
            throw .unsupported(
                file: GGUFTokenizer.file, key: Self.key, found: other,
                supported: "gpt-2, phi-2, mpt, olmo, smollm, starcoder, refact, codeshell,"
                    + " command-r, llama-bpe, dbrx, smaug-bpe, chatglm-bpe, glm4, qwen2, megrez,"
                    + " deepseek-r1-qwen, stablelm2, qwen35, gpt-4o, llama4, tekken, deepseek-v3,"
                    + " deepseek-llm and deepseek-coder")
        }
        self.normalizer = normalizer
        preTokenizer = PreTokenizer(stages: stages)
        ignoresMerges = takesWholeWords
        addsBeginOfText = takesWholeWords
    }
}
