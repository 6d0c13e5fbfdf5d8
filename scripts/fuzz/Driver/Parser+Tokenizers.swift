import Foundation
import Tokenizers

extension Parser {
    private static let sample = "Hello, wörld! 12345  \n\t<s>naïve</s> 世界 🙂 don't"

    private static func read(_ text: String, _ configuration: String?) -> Bool {
        isRead {
            let tokenizer = try TokenizerFolder.parse(text: text, configuration: configuration)
            let ids = tokenizer.encode(sample, addSpecialTokens: true)
            _ = tokenizer.decode(ids)
            _ = tokenizer.configurationText
        }
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
            ],
            words: [
                "\"type\": \"Sequence\"", "\"type\": \"Replace\"", "\"type\": \"Prepend\"",
                "\"type\": \"ByteLevel\"", "\"type\": \"Split\"", "\"Regex\": \"", "(a*)*b",
                "\"normalizers\": [", "\"merges\": [", "\"vocab\": {", "\"id\": 2147483648",
                "\"byte_fallback\": true", "\"add_prefix_space\": true", "null", "{", "}", "[", "]",
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
    ]
}
