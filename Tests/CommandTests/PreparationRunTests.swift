import Foundation
import Testing

@Suite struct PreparationRunTests {
    /// A corpus of five files, one of them compressed by another program than ours.
    private func corpus() throws -> TrialFolder {
        let folder = try TrialFolder()
        try TokenizerSample.write(to: folder)
        try folder.write("run.yaml", TokenizerSample.settings)
        for number in 0..<5 {
            let text = TokenizerSample.documents(seed: UInt64(number)).joined(separator: "\n\n")
            try folder.write("texts/part\(number).txt", text)
        }
        return folder
    }

    private func content(_ folder: TrialFolder, _ name: String) throws -> [String: Data] {
        try Dictionary(
            uniqueKeysWithValues: folder.names(name).map { ($0, try folder.data(name + "/" + $0)) })
    }

    @Test func shardsDoNotDependOnTheNumberOfRanks() throws {
        let folder = try corpus()
        for ranks in [1, 2, 3] {
            let run = try folder.run(
                ["prepare", "run.yaml", "dataset=texts", "tokenized_path=shards\(ranks)"],
                ranks: ranks)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.contains(" documents in "))
            #expect(run.output.contains("dataset texts: each file is one document; "))
        }
        let alone = try content(folder, "shards1")
        #expect(alone.count >= 2 && alone["dataset.json"] != nil)
        #expect(try content(folder, "shards2") == alone)
        #expect(try content(folder, "shards3") == alone)
    }

    @Test func aPreparationStartedAgainGoesOnWithWhatIsMissing() throws {
        let folder = try corpus()
        let command = ["prepare", "run.yaml", "dataset=texts"]
        #expect(try folder.run(command, ranks: 2).status == 0)
        let whole = try content(folder, "shards")
        let complete = try folder.run(command)
        #expect(complete.status == 0)
        #expect(complete.output.contains("(\(whole.count - 1) were there already)"))
        #expect(try content(folder, "shards") == whole)
        try folder.remove("shards/dataset.json")
        try folder.remove("shards/shard-000000.tokens")
        #expect(try folder.run(["train", "run.yaml"]).status == 2)
        let rest = try folder.run(command)
        #expect(rest.status == 0)
        #expect(try content(folder, "shards") == whole)
    }

    @Test func whatWasPreparedTrainsAndItsTokenizerIsInTheCheckpoint() throws {
        let folder = try TokenizerSample.prepared()
        let run = try folder.run(["train", "run.yaml"], ranks: 2)
        #expect(run.status == 0, "\(run.errors)")
        let tokenizer = try folder.data("tokenizer/tokenizer.json")
        #expect(try folder.data("out/tokenizer.json") == tokenizer)
        #expect(
            try folder.state(step: 12).metadata.tokenizer["tokenizer.json"]
                == String(decoding: tokenizer, as: UTF8.self))
    }

    @Test func whatIsNoUTF8IsCounted() throws {
        let folder = try corpus()
        let clean = try folder.run(["prepare", "run.yaml", "dataset=texts"])
        #expect(clean.status == 0 && !clean.output.contains("UTF-8"), "\(clean.output)")
        try folder.write("latin.txt", Data("Kr\u{00FC}ge".utf8.filter { $0 != 0xC3 }))
        let run = try folder.run(
            ["prepare", "run.yaml", "dataset=latin.txt", "tokenized_path=latin"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            run.output.contains(
                "latin: 1 places of the text are no UTF-8 and became U+FFFD; if the files have "
                    + "another encoding, convert them, for example with iconv\n"), "\(run.output)")
    }

    @Test func whatIsLeftOutIsCounted() throws {
        let folder = try corpus()
        try folder.write(
            "sums.jsonl",
            #"{"text": "1+1=2"}"# + "\n" + #"{"text": "\u0007one\u0000"}"# + "\n"
                + #"{"text": "***"}"#)
        let run = try folder.run(
            ["prepare", "run.yaml", "dataset=sums.jsonl", "tokenized_path=sums"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            run.output.contains(
                "sums: 2 documents without a letter (numbers or signs alone) are left out\n"),
            "\(run.output)")
        #expect(
            run.output.contains(
                "sums: 2 control characters were removed from the text; all but tab and line feed are\n"
            ),
            "\(run.output)")
    }

    /// A limit of the sizes of files stands for a disk without room.
    @Test(arguments: [
        ["prepare", "run.yaml", "dataset=texts", "tokenized_path=full"],
        ["tokenizer", "train", "--input", "texts", "--vocab-size", "500", "--output", "full"],
    ])
    func withoutRoomTheStatusIsOne(_ arguments: [String]) throws {
        let folder = try corpus()
        let process = try LockstepProcess(
            arguments, in: folder.path, input: "", shell: "ulimit -f 1")
        let run = try process.finish()
        #expect(run.status == 1, "\(run.status): \(run.errors)")
        #expect(run.errors.contains("File too large"), "\(run.errors)")
        #expect(!folder.exists("full/dataset.json") && !folder.exists("full/tokenizer.json"))
    }
}
