import Files
import Foundation
import Testing

/// `prepare` with stage: sft, and runs that train on what it wrote.
@Suite struct PreparedInstructionsTests {
    private static let settings = [
        "val_size=5", "max_steps=8", "save_steps=4", "eval_strategy=steps", "eval_steps=4",
        "disable_shuffling=false",
    ]
    private static let kept = "tokenized_path=kept"

    private func prepared(_ settings: [String] = settings) throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        let run = try folder.run(["prepare", "run.yaml", Self.kept] + settings)
        try #require(run.status == 0, "\(run.errors)")
        return folder
    }

    private func trials(_ folder: TrialFolder, _ output: String) throws -> [Double] {
        try folder.log(output).compactMap(\.evaluationLoss)
    }

    @Test func examplesDoNotDependOnTheNumberOfRanks() throws {
        let folder = try TrialFolder.finetuning()
        for ranks in [1, 2, 3] {
            let run = try folder.run(
                ["prepare", "run.yaml", "tokenized_path=kept\(ranks)", "packing=true"]
                    + Self.settings, ranks: ranks)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.output.contains("kept\(ranks): "))
            #expect(run.output.contains(" examples to learn from, "))
            #expect(folder.names("kept\(ranks)") == ["conversations.tokens"])
        }
        let alone = try folder.data("kept1/conversations.tokens")
        #expect(try folder.data("kept2/conversations.tokens") == alone)
        #expect(try folder.data("kept3/conversations.tokens") == alone)
    }

    @Test(arguments: [[], ["neat_packing=true", "cutoff_len=64"]], [1, 2])
    func preparedExamplesTrainAsRowsDoBitForBit(_ more: [String], _ ranks: Int) throws {
        let settings = Self.settings + more
        let folder = try prepared(settings)
        try folder.tuneToEnd(output: "rows", ranks: ranks, settings)
        try folder.remove("data")
        let run = try folder.tuneToEnd(output: "kept-run", ranks: ranks, settings + [Self.kept])
        #expect(run.says("examples read from kept, where `lockstep prepare` or an earlier run"))
        try expectSameFinetuning(folder, "rows", "kept-run", step: 8)
        #expect(try trials(folder, "rows") == trials(folder, "kept-run"))
        #expect(try trials(folder, "rows").count == 2)
        // Nor need the dataset be named, and streaming reads the same examples.
        for (output, change) in [("unnamed", "dataset=null"), ("stream", "streaming=true")] {
            let run = try folder.tuneToEnd(
                output: output, ranks: ranks, settings + [Self.kept, change])
            #expect(try folder.losses(output) == folder.losses("rows"), "\(output)")
            #expect(
                run.says("streaming: no effect here; prepared examples are mapped")
                    == (output == "stream"))
        }
    }

    @Test func aRunGoesOnWithPreparedExamplesAsWithRows() throws {
        let folder = try prepared()
        try folder.tuneToEnd(output: "whole", Self.settings)
        try folder.rewind("whole", to: "half", step: 4)
        try folder.tuneToEnd(output: "half", Self.settings + [Self.kept])
        try expectSameFinetuning(folder, "whole", "half", step: 8)
        // What was prepared of other rows is other data.
        let rows = String(decoding: try folder.data("data/rows.json"), as: UTF8.self)
        try folder.write("data/rows.json", rows.replacing("e", with: "a"))
        let again = try folder.run(["prepare", "run.yaml", Self.kept] + Self.settings)
        #expect(again.status == 0, "\(again.errors)")
        try folder.rewind("whole", to: "other", step: 4)
        let run = try folder.tune(output: "other", Self.settings + [Self.kept])
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.says("have changed: ") || run.says("was trained on"), "\(run.errors)")
    }

    @Test func predictionsOfPreparedPromptsAreThoseOfRows() throws {
        let predicting = [
            "do_predict=true", "predict_with_generate=true", "do_sample=false", "max_new_tokens=6",
            "max_steps=1", "save_steps=1", "eval_strategy=no", "do_train=true",
        ]
        let folder = try prepared()
        let settings = Self.settings + predicting
        try folder.tuneToEnd(output: "rows", settings)
        try folder.remove("data")
        for ranks in [1, 2] {
            let output = "kept-\(ranks)"
            try folder.tuneToEnd(
                output: output, ranks: ranks,
                settings + [Self.kept, "do_train=false", "adapter_name_or_path=rows"])
            try folder.tuneToEnd(output: output + "-trained", settings + [Self.kept])
            for name in [output, output + "-trained"] {
                #expect(
                    try folder.data(name + "/generated_predictions.jsonl")
                        == folder.data("rows/generated_predictions.jsonl"), "\(name)")
            }
        }
    }

    @Test(arguments: [
        ("cutoff_len=64", "prepared with cutoff_len '256', but the run has '64'"),
        ("template=qwen", "prepared with template 'chatml', but the run has 'qwen'"),
        ("packing=true", "prepared with packing 'false', but the run has 'true'"),
        ("mask_history=true", "prepared with mask_history 'false', but the run has 'true'"),
        ("val_size=4", "prepared with val_size '5', but the run has '4'"),
        ("seed=7", "prepared with seed '42', but the run has '7'"),
        ("dataset=rows.json", "prepared with dataset 'rows', but the run has 'rows.json'"),
        ("add_tokens=<a>", "prepared with the tokenizer of hash "),
        ("default_system=Hi", "prepared with default_system none, but the run has 'Hi'"),
    ])
    func aSettingThatDiffersIsRefusedByName(_ change: String, _ message: String) throws {
        let folder = try prepared()
        for ranks in [1, 2] {
            let run = try folder.tune(ranks: ranks, Self.settings + [Self.kept, change])
            #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
            #expect(
                run.says("tokenized_path kept/conversations.tokens: \(message)"), "\(run.errors)")
            #expect(run.says("set it back, or run `lockstep prepare` again"))
            #expect(!folder.exists("out"))
        }
    }

    @Test func whatIsNoPreparationOfTheStageIsRefusedInOneLine() throws {
        let folder = try prepared()
        func refused(_ settings: [String], _ message: String, ranks: Int = 1) throws {
            let run = try folder.tune(ranks: ranks, Self.settings + settings)
            #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
            #expect(run.says(message), "\(run.errors)")
            #expect(!folder.exists("out"))
        }
        try folder.write("shards/dataset.json", "{}")
        try folder.write("shards/shard-000000.tokens", "LSTKSHRD")
        try refused(
            ["tokenized_path=shards"],
            "tokenized_path: 'shards' holds shards of running text, which stage: pt reads, but "
                + "stage is sft; give another folder or the other stage")
        try refused(
            [Self.kept, "stage=pt", "template=null", "finetuning_type=full"],
            "tokenized_path: 'kept' holds encoded conversations (conversations.tokens), which "
                + "stage: sft reads, but stage is pt")
        try refused(
            ["tokenized_path=tokens.bin"],
            "tokenized_path: 'tokens.bin' is a file, but with stage: sft it is a folder")
        try refused(
            ["tokenized_path=gone", "dataset=null"],
            "tokenized_path: 'gone' does not exist, and no dataset is named to fill it from; write "
                + "it with `lockstep prepare`")
        try refused(
            ["tokenized_path=gone", "streaming=true"],
            "tokenized_path: 'gone' does not exist, and with streaming: true a run keeps nothing; "
                + "write it with `lockstep prepare` and this configuration, or leave out one of the "
                + "two keys")
        let whole = try folder.data("kept/conversations.tokens")
        try folder.write("kept/conversations.tokens", whole.dropLast(3))
        for ranks in [1, 2] {
            try refused(
                [Self.kept], "tokenized_path kept/conversations.tokens: cut off or damaged: ",
                ranks: ranks)
        }
        var damaged = whole
        damaged[whole.count - 9] ^= 4
        try folder.write("kept/conversations.tokens", damaged)
        try refused([Self.kept], "tokenized_path kept/conversations.tokens: damaged: checksum ")
        try folder.write("kept/conversations.tokens", "something else")
        try refused([Self.kept], "it starts with \"somethin\", expected encoded conversations")
        // Rows that have changed since.
        try folder.write("kept/conversations.tokens", whole)
        let rows = String(decoding: try folder.data("data/rows.json"), as: UTF8.self)
        try folder.write("data/rows.json", rows.replacing("Paris", with: "Lyons"))
        try refused([Self.kept], "dataset rows has changed: data/rows.json had ")
    }

    @Test func aPreparationHoldsItsFolderAndARunOnlyReadsIt() throws {
        let folder = try prepared()
        let lock = try FolderLock(
            folder.full("kept"), name: "tokenized_path", command: "the other")
        let command = ["prepare", "run.yaml", Self.kept, "cutoff_len=64"]
        for ranks in [1, 2] {
            let run = try folder.run(command, ranks: ranks)
            #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
            #expect(run.says("tokenized_path 'kept' is in use by process \(getpid()) on "))
        }
        try folder.tuneToEnd(Self.settings + [Self.kept])
        lock.release()
        #expect(try folder.run(command).status == 0)
        #expect(folder.names("kept") == ["conversations.tokens"])
    }

    @Test func ranksThatHaveOtherRowsAreNamed() throws {
        let folder = try TrialFolder.finetuning()
        // Every rank has a data folder of its own.
        let rows = String(decoding: try folder.data("data/rows.json"), as: UTF8.self)
        for rank in [0, 1] { try folder.copy("data", to: "data\(rank)") }
        try folder.write("data1/rows.json", rows.replacing("Paris", with: "Antananarivo"))
        for command in ["train", "prepare"] {
            func own(_ rank: Int) -> String {
                "\(command) run.yaml dataset_dir=data\(rank) max_steps=1 tokenized_path=kept"
            }
            let run = try folder.run(
                [], ranks: 2,
                shell: "set -- \"${@:1:7}\" 1 \"$9\" \(own(0)) : -np 1 \"$9\" \(own(1))")
            #expect(run.status == 2, "\(run.errors)")
            #expect(run.says("are not those of rank 0"), "\(run.errors)")
            #expect(!folder.exists("out") && !folder.exists("kept"))
        }
    }
}
