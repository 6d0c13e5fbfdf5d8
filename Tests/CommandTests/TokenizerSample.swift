import Foundation

/// Text of a small vocabulary and a tokenizer learned from it.
enum TokenizerSample {
    /// 200 documents of words that follow each other with some regularity.
    static func documents(seed: UInt64 = 3) -> [String] {
        let words =
            "the cat sat on mat dog ran far away house tree green blue sky river and with some"
            .split(separator: " ").map(String.init)
        var random = SeededGenerator(seed: seed)
        return (0..<200).map { _ in
            (0..<Int.random(in: 5...60, using: &random)).map { _ in
                words[Int.random(in: 0..<words.count, using: &random)]
            }.joined(separator: " ") + "."
        }
    }

    /// Writes text.jsonl, and the folder `tokenizer` of `vocabulary` tokens.
    static func write(to folder: TrialFolder, vocabulary: Int = 300) throws {
        let lines = documents().map { "{\"text\": \"\($0)\"}\n" }.joined()
        try folder.write("text.jsonl", lines)
        let run = try folder.run([
            "tokenizer", "train", "--input", "text.jsonl", "--vocab-size", String(vocabulary),
            "--output", "tokenizer",
        ])
        guard run.status == 0 else { throw Failed(reason: run.errors) }
    }

    struct Failed: Error { let reason: String }

    /// Settings of `prepare`, and of training on what it wrote.
    static let settings = """
        stage: pt
        model_name_or_path: large
        train_from_scratch: true
        tokenizer_name_or_path: tokenizer
        dataset: text.jsonl
        tokenized_path: shards
        cutoff_len: 16
        per_device_train_batch_size: 12
        learning_rate: 1e-2
        max_steps: 12
        logging_steps: 1
        output_dir: out
        threads_per_rank: 1
        peak_gflops: 50

        """

    /// A folder with text, tokenizer, prepared shards, and a model of their vocabulary.
    static func prepared() throws -> TrialFolder {
        let folder = try TrialFolder()
        try write(to: folder)
        try folder.write("large/config.json", TrialFolder.llama(["vocab_size": 300]))
        try folder.write("run.yaml", settings)
        let run = try folder.run(["prepare", "run.yaml"])
        guard run.status == 0 else { throw Failed(reason: run.errors) }
        return folder
    }

    /// The same, whose `out` holds a model that knows its text somewhat.
    static func trained() throws -> TrialFolder {
        let folder = try prepared()
        let run = try folder.run(["train", "run.yaml", "max_steps=40", "lr_scheduler_type=cosine"])
        guard run.status == 0 else { throw Failed(reason: run.errors) }
        return folder
    }
}
