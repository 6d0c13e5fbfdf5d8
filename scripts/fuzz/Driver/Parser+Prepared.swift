import Datasets
import Evaluation
import Foundation
import Templates
import TextData
import Tokenizers

extension Parser {
    /// A run that asks whether prepared conversations are its own.
    private static let run: (InstructionSettings, any ConversationEncoding)? = {
        var settings = InstructionSettings(datasets: ["rows.json"])
        settings.folder = "Tests/References/finetuning/data"
        settings.encoding.cutoffLength = 96
        let tokenizer = try? TokenizerFolder.load("Tests/References/conversations/llama")
        return tokenizer.flatMap { tokenizer in
            (try? ChatTemplate.named("chatml").encoder(tokenizer, settings.encoding))
                .map { (settings, $0) }
        }
    }()

    /// Of most inputs the checksum is put right, so that what lies behind it is read.
    private static func checked(_ bytes: [UInt8]) -> [UInt8] {
        guard bytes.count > 16, bytes.count % 8 != 5 else { return bytes }
        var bytes = bytes
        let checksum = crc32(bytes[16...])
        for place in 0..<4 {
            bytes[12 + place] = UInt8(truncatingIfNeeded: checksum >> UInt32(8 * place))
        }
        return bytes
    }

    /// CRC-32 (RFC 1952, section 8).
    private static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { table[Int(($0 ^ UInt32($1)) & 0xFF)] ^ ($0 >> 8) }
    }

    private static let table: [UInt32] = (0..<256).map { number in
        (0..<8).reduce(UInt32(number)) { sum, _ in (sum & 1) * 0xEDB8_8320 ^ (sum >> 1) }
    }

    static let prepared = [
        Parser(
            name: "conversations.tokens",
            seeds: [
                "scripts/fuzz/seeds/conversations.tokens",
                "scripts/fuzz/seeds/packed-conversations.tokens",
            ],
            words: [
                "LSTKCONV", "\"settings\": {", "\"datasets\": [", "\"parts\": [{\"name\": \"x\",",
                "\"examples\": ", "\"prompts\": ", "\"lines\": [", "\"files\": [{\"bytes\": ",
                "\"checksum\": ", "{", "}", "[", "]", "null", "true",
            ]
        ) { bytes, folder in
            _ = folder.file(TokenizedFile.name, checked(bytes))
            return isRead {
                guard let file = try TokenizedFile.open(in: folder.path, idsBelow: 200_000) else {
                    return
                }
                for index in 0..<min(file.trainingCount + file.evaluationCount, 64) {
                    _ = file.example(index)
                }
                for index in 0..<min(file.promptCount, 64) { _ = file.prompt(index) }
                if let (settings, encoder) = run { try? file.check(settings, encoder) }
            }
        },
        Parser(
            name: "score-jsonl",
            seeds: ["marked", "pairs", "documents"].map { "scripts/fuzz/seeds/\($0).jsonl" },
            words: [
                "\"ids\": [", "\"targets\": [", "\"target_ids\": [", "\"mask\": [", "\"text\": \"",
                "\"token_types\": ", "\"attention_mask\": ", "-100", "\n", "{", "}", "[", "]",
            ]
        ) { bytes, _ in
            [ScoreDocument.Use.decoder, .encoder, .encoderDecoder, .embedding].map { use in
                isRead { _ = try ScoreDocument.documents(bytes, of: "in.jsonl", for: use) }
            }.contains(true)
        },
    ]
}
