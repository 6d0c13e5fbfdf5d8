import Foundation
import Testing

/// Data that cannot be prepared, and the line that says so.
struct BadCorpus: CustomTestStringConvertible, Sendable {
    let message: String
    var file = "bad.txt"
    var content = Data()
    var arguments: [String] = []
    var ranks = [1]

    var testDescription: String { message }

    private static let gzip = Data([
        31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 203, 72, 205, 201, 201, 87, 200, 64, 144, 0,
    ])

    static let table: [BadCorpus] = [
        BadCorpus(
            message: "empty corpus: no document with a letter in bad.txt; expected text in .txt, "
                + ".jsonl or .json files (.gz, .zst and .dz too)", ranks: [1, 2]),
        BadCorpus(
            message: "empty corpus: no document with a letter in bad.txt; expected text in .txt, "
                + ".jsonl or .json files (.gz, .zst and .dz too)",
            content: Data(" \n\n \n".utf8), ranks: [1, 2]),
        BadCorpus(
            message: "bad.jsonl, line 1: no field \"text\" (fields found: content); name the one "
                + "that holds the text",
            file: "bad.jsonl", content: Data("{\"content\": \"a\"}\n".utf8), ranks: [1, 2]),
        BadCorpus(
            message: "bad.jsonl, line 2: field \"text\" is a number, a string expected",
            file: "bad.jsonl", content: Data("{\"text\": \"a\"}\n{\"text\": 5}\n".utf8)),
        BadCorpus(
            message: "bad.txt.gz: ends in the middle (truncated); expected a whole gzip stream, "
                + "so copy or download it again",
            file: "bad.txt.gz", content: gzip, ranks: [1, 2]),
        BadCorpus(
            message: "bad.txt: UTF-16 text found, UTF-8 expected; convert it, for example with "
                + "iconv -f UTF-16 -t UTF-8",
            content: Data([255, 254, 104, 0, 105, 0])),
        BadCorpus(
            message: "bad.zip: a .zip file is not read here; convert it to .txt or .jsonl (.gz "
                + "and .zst may follow)",
            file: "bad.zip", content: Data("PK\u{3}\u{4}".utf8)),
        BadCorpus(
            message: "command line: dataset: 'none.txt' is no file or folder, nor a name in "
                + "data/dataset_info.json",
            arguments: ["dataset=none.txt"], ranks: [1, 2]),
        BadCorpus(
            message: "input no*.txt: no such file or folder, and no file matches it as a pattern; "
                + "check the path",
            arguments: ["dataset=no*.txt"]),
        BadCorpus(
            message: "command line: tokenizer_name_or_path: 'none' does not exist; give the "
                + "folder of the tokenizer",
            arguments: ["dataset=text.jsonl", "tokenizer_name_or_path=none"]),
        BadCorpus(
            message: "command line: tokenizer_name_or_path: 'llama' holds no tokenizer.json, so "
                + "it is no tokenizer folder",
            arguments: ["dataset=text.jsonl", "tokenizer_name_or_path=llama"]),
        BadCorpus(
            message: "command line: tokenized_path: 'text.jsonl' is a file, but must be a folder",
            arguments: ["dataset=text.jsonl", "tokenized_path=text.jsonl"]),
    ]
}

/// Token files that cannot be trained on, and the line that says so.
struct BadShards: CustomTestStringConvertible, Sendable {
    let message: String
    /// What happens to the sound ones.
    let damage: @Sendable (TrialFolder) throws -> Void
    var arguments: [String] = []
    var ranks = [1]

    var testDescription: String { message }

    private static let shard = "shards/shard-000000.tokens"

    private static func change(
        _ body: @escaping @Sendable (inout Data) -> Void
    ) -> @Sendable (TrialFolder) throws -> Void {
        { folder in
            var data = try folder.data(shard)
            body(&data)
            try folder.write(shard, data)
        }
    }

    static let table: [BadShards] = [
        BadShards(
            message: "shards/shard-000000.tokens: truncated, BYTES bytes expected by its header, "
                + "1000 found; delete the file and prepare it again",
            damage: change { $0 = $0.prefix(1000) }, ranks: [1, 2]),
        BadShards(
            message: "shards/shard-000000.tokens: starts with \"XSTKSHRD\", which is no token "
                + "file known here; expected a shard of lockstep prepare (LSTKSHRD) or a .bin of "
                + "nanoGPT or llm.c",
            damage: change { $0[0] = UInt8(ascii: "X") }, ranks: [1, 2]),
        BadShards(
            message: "shards/shard-000000.tokens: damaged header, its checksum is wrong; delete "
                + "the file and run lockstep prepare again",
            damage: change { $0[40] ^= 1 }),
        BadShards(
            message: "shards/shard-000000.tokens: open failed: No such file or directory; check "
                + "the path",
            damage: { try $0.remove(shard) }),
        BadShards(
            message: "shards: dataset.json is missing, so its preparation has not finished; run "
                + "lockstep prepare again, it continues; expected a folder written by lockstep "
                + "prepare, or a token file of nanoGPT or llm.c (.bin)",
            damage: { try $0.remove("shards/dataset.json") }),
        BadShards(
            message: "shards/dataset.json: not a list of shards that can be read; run lockstep "
                + "prepare again",
            damage: { try $0.write("shards/dataset.json", "{") }),
        BadShards(
            message: "the shards in shards were made with another tokenizer than other; run "
                + "`lockstep prepare` again with this configuration",
            damage: { folder in
                try FileManager.default.moveItem(
                    atPath: folder.full("tokenizer"), toPath: folder.full("kept"))
                try TokenizerSample.write(to: folder, vocabulary: 290)
                try FileManager.default.moveItem(
                    atPath: folder.full("tokenizer"), toPath: folder.full("other"))
            }, arguments: ["tokenizer_name_or_path=other"]),
        BadShards(
            message: "vocabulary mismatch: shards/shard-000000.tokens holds ids up to 299, but "
                + "the model's vocabulary has 96; use the tokenizer that the data was prepared "
                + "with",
            damage: { _ in }, arguments: ["model_name_or_path=llama"], ranks: [1, 2]),
        BadShards(
            message: "command line: tokenized_path: 'nowhere' does not exist; write it with "
                + "`lockstep prepare` and this configuration",
            damage: { _ in }, arguments: ["tokenized_path=nowhere"]),
        BadShards(
            message: "command line: tokenized_path: 'empty' is empty; fill it with `lockstep "
                + "prepare` and this configuration",
            damage: {
                try FileManager.default.createDirectory(
                    atPath: $0.full("empty"), withIntermediateDirectories: false)
            }, arguments: ["tokenized_path=empty"]),
        BadShards(
            message: "few.bin: 20 tokens found, at least 33 expected for one sample of "
                + "cutoff_len 32; add text or lower cutoff_len",
            damage: { try $0.write("few.bin", TrialFolder.tokens(count: 20)) },
            arguments: ["tokenized_path=few.bin", "cutoff_len=32"]),
        BadShards(
            message: "none.bin: starts with nothing (an empty file), which is no token file "
                + "known here; expected a shard of lockstep prepare (LSTKSHRD) or a .bin of "
                + "nanoGPT or llm.c",
            damage: { try $0.write("none.bin", Data()) }, arguments: ["tokenized_path=none.bin"]),
    ]
}

@Suite struct BadDataTests {
    @Test(arguments: BadCorpus.table)
    func aCorpusThatCannotBePreparedIsNamedAndNothingIsWritten(_ corpus: BadCorpus) throws {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        try folder.write("run.yaml", TokenizerSample.settings)
        try folder.write("large/config.json", TrialFolder.llama(["vocab_size": 300]))
        try folder.write(corpus.file, corpus.content)
        let before = folder.names(".")
        for ranks in corpus.ranks {
            let run = try folder.run(
                ["prepare", "run.yaml", "dataset=\(corpus.file)"] + corpus.arguments,
                ranks: ranks)
            #expect(run.status == 2)
            expectMessage(run, corpus.message, ranks: ranks)
            #expect(folder.names(".") == before, "nothing is written")
        }
    }

    @Test(arguments: BadShards.table)
    func shardsThatCannotBeTrainedOnAreNamedAndNothingIsWritten(_ shards: BadShards) throws {
        let folder = try TokenizerSample.prepared()
        let bytes = try folder.data("shards/shard-000000.tokens").count
        try shards.damage(folder)
        let before = folder.names(".")
        for ranks in shards.ranks {
            let run = try folder.run(["train", "run.yaml"] + shards.arguments, ranks: ranks)
            #expect(run.status == 2)
            expectMessage(
                run, shards.message.replacingOccurrences(of: "BYTES", with: String(bytes)),
                ranks: ranks)
            #expect(folder.names(".") == before, "nothing is written")
        }
    }

    @Test func aDamagedTokenIsFoundByTheShardsChecksum() throws {
        let folder = try TokenizerSample.prepared()
        var data = try folder.data("shards/shard-000000.tokens")
        data[data.count - 7] ^= 1
        try folder.write("shards/shard-000000.tokens", data)
        let run = try folder.run(["train", "run.yaml"])
        #expect(run.status == 2)
        #expect(run.messages.count == 1)
        #expect(
            run.messages.first?.hasPrefix("shards/shard-000000.tokens: damaged, checksum ") == true)
        #expect(!folder.exists("out"))
    }

    @Test(arguments: [
        (
            ["model_name_or_path=gpt2"],
            "transformer.wte.weight is missing in out/checkpoint-2.h5: this is a checkpoint of "
                + "another model; choose another output_dir or set overwrite_output_dir: true to "
                + "start anew"
        ),
        (
            ["model_name_or_path=wide"],
            "model.embed_tokens.weight in out/checkpoint-2.h5 has shape [96, 32], expected "
                + "[96, 64]: this is a checkpoint of another model; choose another output_dir or "
                + "set overwrite_output_dir: true to start anew"
        ),
        (
            ["optim=sgd"],
            "out/checkpoint-2.h5 was written with the optimizer adamw, but optim asks for sgd; "
                + "set optim back or start anew with another output_dir"
        ),
        (
            ["cutoff_len=20"],
            "out/checkpoint-2.h5 was trained on 6001 tokens in samples of 16, but the run has "
                + "6001 in samples of 20 (dataset, tokenized_path, cutoff_len); restore them, set "
                + "allow_changed_data: true to go on with what is there now, or start anew with "
                + "another output_dir"
        ),
    ])
    func aCheckpointOfAnotherRunIsRefused(_ overrides: [String], _ message: String) throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["max_steps=2"])
        try folder.write("wide/config.json", TrialFolder.llama(["hidden_size": 64]))
        let before = try folder.names("out").map { try folder.data("out/" + $0) }
        for ranks in [1, 2] {
            let run = try folder.train(ranks: ranks, overrides)
            #expect(run.status == 2)
            expectMessage(run, message, ranks: ranks)
        }
        #expect(try folder.names("out").map { try folder.data("out/" + $0) } == before)
    }

    @Test func aRunWhoseOnlyCheckpointIsCorruptStopsWithoutTouchingIt() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(["max_steps=2"])
        let half = try folder.data("out/checkpoint-2.h5").prefix(3000)
        try folder.write("out/checkpoint-2.h5", half)
        let run = try folder.train(ranks: 2)
        #expect(run.status == 2)
        #expect(run.messages.count == 1)
        #expect(
            run.messages.first?.contains("no complete checkpoint in out to resume from") == true)
        #expect(try folder.data("out/checkpoint-2.h5") == half)
    }
}
