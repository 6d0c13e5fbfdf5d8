/// How a byte-level vocabulary cuts text into words, by GGUF's `tokenizer.ggml.pre`.
///
/// What a name stands for is taken from the tokenizer.json of the models it is written for; names
/// are those of llama.cpp's llama-vocab.cpp. Names whose cuts have no rule here are refused.
struct GGUFWords: Sendable {
    let normalizer: TextNormalizer
    let preTokenizer: PreTokenizer
    /// Words that are tokens are taken whole.
    let ignoresMerges: Bool
    /// The default of `add_bos_token`.
    let addsBeginOfText: Bool

    private static let key = "tokenizer.ggml.pre"

    /// What names stand for; the first of several is the one that is written.
    static let known: [(names: [String], words: GGUFWords)] = [
        (["gpt-2", "phi-2"], GGUFWords([.split(.gpt2)])),
        (["olmo", "mpt"], GGUFWords([.split(.gpt2)], .nfc)),
        (
            ["smollm", "starcoder", "refact", "codeshell"],
            GGUFWords([.digits(individual: true), .split(.gpt2)])
        ),
        (["command-r"], GGUFWords([.digits(individual: true), .split(.gpt2)], .nfc)),
        (
            ["llama-bpe", "llama3", "llama-v3"],
            GGUFWords([.split(.llama3)], takesWholeWords: true)
        ),
        (["dbrx", "smaug-bpe", "chatglm-bpe", "glm4"], GGUFWords([.split(.llama3)])),
        (["qwen2", "deepseek-r1-qwen", "megrez"], GGUFWords([.split(.qwen2)], .nfc)),
        (["stablelm2"], GGUFWords([.split(.qwen2)])),
        (["qwen35"], GGUFWords([.split(.qwen35)], .nfc)),
        (["gpt-4o", "llama4"], GGUFWords([.split(.gpt4o)])),
        (["tekken"], GGUFWords([.split(.tekken)], takesWholeWords: true)),
        (
            ["deepseek-v3"],
            GGUFWords([.split(.numberGroups), .split(.ideographs), .split(.deepSeek)])
        ),
        (
            ["deepseek-llm"],
            GGUFWords([
                .split(.lineEnds), .split(.ledAlphabets), .split(.ledSigns), .split(.trailingSpace),
                .split(.eastAsian), .digits(individual: true),
            ])
        ),
        (
            ["deepseek-coder"],
            GGUFWords([
                .split(.lineEnds), .split(.ledLetters), .split(.ledPunctuation), .split(.eastAsian),
                .digits(individual: true),
            ])
        ),
    ]

    private init(
        _ stages: [PreTokenizer.Stage], _ normalizer: TextNormalizer = .none,
        takesWholeWords: Bool = false
    ) {
        self.normalizer = normalizer
        preTokenizer = PreTokenizer(stages: stages)
        ignoresMerges = takesWholeWords
        addsBeginOfText = takesWholeWords
    }

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
        guard let entry = Self.known.first(where: { $0.names.contains(pre) }) else {
            throw .unsupported(
                file: GGUFTokenizer.file, key: Self.key, found: pre,
                supported: "gpt-2, phi-2, mpt, olmo, smollm, starcoder, refact, codeshell,"
                    + " command-r, llama-bpe, dbrx, smaug-bpe, chatglm-bpe, glm4, qwen2, megrez,"
                    + " deepseek-r1-qwen, stablelm2, qwen35, gpt-4o, llama4, tekken, deepseek-v3,"
                    + " deepseek-llm and deepseek-coder")
        }
        self = entry.words
    }
}
