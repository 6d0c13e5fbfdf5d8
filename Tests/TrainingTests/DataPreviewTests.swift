import Configuration
import TestSupport
import Testing
import Training

/// The first rows of each stage's data, as the model is given them.
@Suite struct DataPreviewTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try folder.write(
            "pairs.json",
            #"[{"instruction": "Add 1.", "chosen": "Two.", "rejected": "Ten."}, {"instruction": "b", "chosen": "c", "rejected": "d"}]"#
        )
        try folder.write(
            "tags.json",
            #"[{"instruction": "Add 1.", "output": "Two.", "good": true}, {"instruction": "Add 2.", "output": "Ten.", "good": false}]"#
        )
        try folder.write("lines.txt", "one river\ntwo stones\nthree\n")
        try folder.write(
            "dataset_info.json",
            """
            {"pairs": {"file_name": "pairs.json", "ranking": true,
              "columns": {"prompt": "instruction", "chosen": "chosen", "rejected": "rejected"}},
             "tags": {"file_name": "tags.json",
              "columns": {"prompt": "instruction", "response": "output", "kto_tag": "good"}},
             "rows": {"file_name": "tags.json"}, "lines": {"file_name": "lines.txt"}}
            """)
    }

    private func samples(
        _ stage: String, _ dataset: String,
        _ more: [String: ConfigurationValue.Content] = [:], count: Int = 8
    ) throws -> [DataPreview.Sample] {
        let contents: [String: ConfigurationValue.Content] = [
            "stage": .string(stage), "dataset": .string(dataset), "template": .string("chatml"),
            "dataset_dir": .string(folder.path), "cutoff_len": .int(160),
            "model_name_or_path": .string(
                References.folder.appendingPathComponent("finetuning/model").path),
            "output_dir": .string(folder.path("out")),
        ]
        let values = contents.merging(more) { $1 }.mapValues { ConfigurationValue($0) }
        return try DataPreview.samples(
            RunConfiguration(values: values, command: .train), count: count)
    }

    private func learned(_ sample: DataPreview.Sample) -> String {
        sample.pieces.filter(\.isLearned).map(\.text).joined()
    }

    private func read(_ sample: DataPreview.Sample) -> String {
        sample.pieces.filter { !$0.isLearned }.map(\.text).joined()
    }

    @Test(arguments: ["dpo", "rm"]) func ofPairsBothAnswersAreShown(_ stage: String) throws {
        let found = try samples(stage, "pairs", count: 1)
        #expect(found.map(\.title) == ["chosen", "rejected"])
        #expect(learned(found[0]).hasPrefix("Two.") && learned(found[1]).hasPrefix("Ten."))
        #expect(found.allSatisfy { read($0).contains("Add 1.") })
        #expect(try samples(stage, "pairs").count == 4)
    }

    @Test func ofTaggedAnswersTheTagIsShown() throws {
        let found = try samples("kto", "tags")
        #expect(found.map(\.title) == ["desirable", "undesirable"])
        #expect(learned(found[1]).hasPrefix("Ten.") && read(found[1]).contains("Add 2."))
    }

    /// What the model writes itself is not there yet; a right answer is for rewards.
    @Test func ofPromptsNothingIsLearned() throws {
        let rewarded: [String: ConfigurationValue.Content] = [
            "grpo_reward": .string("numeric"), "per_device_train_batch_size": .int(8),
        ]
        let group = try samples("grpo", "rows", rewarded)
        #expect(group.map(\.title) == ["prompt", "rightAnswer", "prompt", "rightAnswer"])
        #expect(group.allSatisfy { learned($0).isEmpty } && read(group[1]) == "Two.")
        let scored = try samples("ppo", "rows", ["reward_model": .string("rm")])
        #expect(scored.map(\.title) == ["prompt", "prompt"] && read(scored[0]).contains("Add 1."))
    }

    @Test func runningTextIsLearnedWhole() throws {
        let found = try samples("pt", "lines", count: 2)
        #expect(found.map(learned) == ["one river", "two stones"])
        #expect(found.allSatisfy { $0.title == nil })
        let hidden = try samples("pt", "lines", ["objective": .string("fim")])
        #expect(hidden.count == 3 && hidden.allSatisfy { $0.title == "drawn" })
        #expect(hidden.allSatisfy { learned($0).isEmpty })
        let whole = try samples("pt", folder.path("lines.txt"))
        #expect(whole.map(learned) == ["one river\ntwo stones\nthree\n"])
    }

    @Test func supervisedAnswersAreLearned() throws {
        let found = try samples("sft", "rows")
        #expect(found.count == 2 && learned(found[0]).hasPrefix("Two."))
        #expect(found[0].title == nil && read(found[0]).contains("Add 1."))
    }
}
