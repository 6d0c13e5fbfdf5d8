import Foundation
import Tokenizers

extension Parser {
    private static let sample = "Hello, wörld! 12345  \n\t<s>naïve</s> 世界 🙂 don't"

    private static func read(_ text: String, _ configuration: String?) -> Bool {
        isRead { use(try TokenizerFolder.parse(text: text, configuration: configuration)) }
    }

    private static func use(_ tokenizer: any Tokenizer) {
        let ids = tokenizer.encode(sample, addSpecialTokens: true)
        _ = tokenizer.decode(ids)
        _ = tokenizer.configurationText
    }

    private static let whole = FileManager.default.contents(
        atPath: "Tests/References/conversations/llama/tokenizer.json"
    ).map { String(decoding: $0, as: UTF8.self) }

    static let tokenizers = [
        Parser(
            name: "tokenizer.json",
            seeds: [
                "Tests/References/conversations/llama/tokenizer.json",
                "Tests/References/conversations/qwen/tokenizer.json",
                "scripts/fuzz/seeds/wordpiece.json", "scripts/fuzz/seeds/unigram.json",
            ],
            words: [
                "\"type\": \"Sequence\"", "\"type\": \"Replace\"", "\"type\": \"Prepend\"",
                "\"type\": \"ByteLevel\"", "\"type\": \"Split\"", "\"Regex\": \"", "(a*)*b",
                "\"normalizers\": [", "\"merges\": [", "\"vocab\": {", "\"id\": 2147483648",
                "\"byte_fallback\": true", "\"add_prefix_space\": true", "null", "{", "}", "[", "]",
                "\"max_input_chars_per_word\": ", "\"continuing_subword_prefix\": \"",
                "\"unk_id\": ", "\"type\": \"BertNormalizer\"", "\"type_id\": ",
                "\"type\": \"Precompiled\", \"precompiled_charsmap\": \"",
            ]
        ) { bytes, _ in read(text(bytes), nil) },
        Parser(
            name: "tokenizer_config.json",
            seeds: ["Tests/References/conversations/llama/tokenizer_config.json"],
            words: [
                "\"added_tokens_decoder\": {\"5\": {\"content\": \"<x>\", \"special\": true}},",
                "\"additional_special_tokens\": [\"<y>\"],", "\"eos_token\": \"", "null", "true",
                "\"add_bos_token\": true,", "\"chat_template\": \"{{ messages }}\",", "{", "}",
            ]
        ) { bytes, _ in
            whole.map { read($0, text(bytes)) } ?? false
        },
        Parser(
            name: "tokenizer.model",
            seeds: ["bpe", "bpe_plain", "bpe_table", "unigram", "unigram_bytes"].map {
                "Tests/References/sentencepiece_models/\($0).model"
            },
            words: [
                "\n\u{10}\n\u{3}\u{2581}", "\u{15}\0\0\0\0", "\u{18}\u{1}", "\u{18}\u{2}",
                "\u{18}\u{6}", "<0x41>", "<unk>", "\u{2581}", "\u{2581}\u{2581}", "\u{12}",
                "\u{1A}",
            ]
        ) { bytes, folder in
            let path = folder.file("tokenizer.model", bytes)
            return isRead { use(try TokenizerFolder.load(path)) }
        },
        Parser(
            name: "vocab.txt", seeds: ["scripts/fuzz/seeds/vocab.txt"],
            words: ["\n", "\r\n", "[UNK]\n", "[CLS]", "##", "##a\n", "\u{2581}", "\u{0}", " ", "世"]
        ) { bytes, folder in
            folder.copy(
                "scripts/fuzz/seeds/bert-tokenizer_config.json", as: "tokenizer_config.json")
            _ = folder.file("vocab.txt", bytes)
            return isRead { use(try TokenizerFolder.load(folder.path)) }
        },
        Parser(
            name: "bert-tokenizer_config.json",
            seeds: ["scripts/fuzz/seeds/bert-tokenizer_config.json"],
            words: [
                "\"tokenizer_class\": \"BertTokenizerFast\",", "\"do_lower_case\": false,",
                "\"never_split\": [", "\"strip_accents\": true,", "ElectraTokenizer", "T5Tokenizer",
                "\"content\": \"", "\"5\": {", "null", "true", "{", "}", "[", "]",
            ]
        ) { bytes, folder in
            folder.copy("scripts/fuzz/seeds/vocab.txt", as: "vocab.txt")
            _ = folder.file("tokenizer_config.json", bytes)
            return isRead { use(try TokenizerFolder.load(folder.path)) }
        },
    ]
}
