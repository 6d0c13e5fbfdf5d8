import Datasets
import TextData

extension Parser {
    /// Rows as conversations; at most some, for an input may hold many.
    private static func rows(_ path: String) -> Bool {
        isRead {
            let rows = try DatasetRows([DatasetEntry(name: "rows", files: [path])])
            for row in 0..<min(rows.datasets[0].rowCount, 64) {
                _ = try? rows.conversation(.init(dataset: 0, row: Int32(row)))
            }
        }
    }

    /// The texts of a file as `prepare` and the tokenizer's training see them.
    private static func texts(_ path: String) -> Bool {
        isRead {
            let texts = try CorpusTexts(inputs: [path])
            while texts.next() != nil {}
            if let failure = texts.failure { throw failure }
        }
    }

    private static let jsonWords = [
        "{", "}", "[", "]", ",", "\n", "\"text\": ", "\"\\ud800\"", "\u{0}",
    ]

    static let data = [
        Parser(
            name: "rows-jsonl",
            seeds: [
                "Tests/References/conversations/sharegpt.jsonl",
                "Tests/References/conversations/openai.jsonl",
            ], words: jsonWords
        ) { bytes, folder in rows(folder.file("rows.jsonl", bytes)) },
        Parser(
            name: "rows-json", seeds: ["Tests/References/conversations/alpaca.json"],
            words: jsonWords
        ) { bytes, folder in rows(folder.file("rows.json", bytes)) },
        Parser(
            name: "rows-csv", seeds: ["scripts/fuzz/seeds/rows.csv"],
            words: ["\"", "\"\"", ",", "\r\n", "\n", "\u{0}", "\u{FEFF}"]
        ) { bytes, folder in rows(folder.file("rows.csv", bytes)) },
        Parser(
            name: "dataset_info.json", seeds: ["Tests/References/conversations/dataset_info.json"],
            words: [
                "\"file_name\": \"", "\"columns\": {", "\"tags\": {", "\"num_samples\": ", "{", "}",
            ]
        ) { bytes, folder in
            _ = folder.file("dataset_info.json", bytes)
            return isRead {
                let catalog = try DatasetCatalog(folder.path)
                for name in ["alpaca", "sharegpt", "openai"] { _ = try? catalog.entry(name) }
            }
        },
        Parser(
            name: "corpus-jsonl", seeds: ["Tests/References/corpus/records.jsonl"],
            words: jsonWords
        ) { bytes, folder in texts(folder.file("records.jsonl", bytes)) },
        Parser(
            name: "corpus-json", seeds: ["Tests/References/corpus/records.json"],
            words: jsonWords
        ) { bytes, folder in texts(folder.file("records.json", bytes)) },
        Parser(
            name: "corpus-gz",
            seeds: [
                "Tests/References/corpus/story.txt.gz", "Tests/References/corpus/story.dict.dz",
            ]
        ) { bytes, folder in texts(folder.file("story.txt.gz", bytes)) },
        Parser(name: "corpus-zst", seeds: ["Tests/References/corpus/story.txt.zst"]) {
            bytes, folder in texts(folder.file("story.txt.zst", bytes))
        },
        Parser(
            name: "shard",
            seeds: [
                "Tests/References/corpus/llmc-gpt2.bin", "Tests/References/corpus/llmc-llama3.bin",
                "Tests/References/corpus/nanogpt.bin",
            ]
        ) { bytes, folder in samples(folder.file("tokens.bin", bytes)) },
        Parser(name: "shards", seeds: ["scripts/fuzz/seeds/shard-000000.tokens"]) {
            bytes, folder in
            folder.copy("scripts/fuzz/seeds/dataset.json", as: "dataset.json")
            _ = folder.file("shard-000000.tokens", bytes)
            return samples(folder.path)
        },
    ]

    private static func samples(_ path: String) -> Bool {
        isRead {
            let dataset = try TokenDataset.open(
                path, sampleTokens: 8, vocabularySize: 200_000, verify: false)
            let room = UnsafeMutableBufferPointer<Int32>.allocate(capacity: 9)
            defer { room.deallocate() }
            for sample in [0, dataset.sampleCount - 1] {
                try dataset.copySample(sample, into: room)
            }
        }
    }
}
