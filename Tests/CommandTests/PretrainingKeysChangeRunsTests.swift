import Foundation
import Testing

/// Keys of pretraining's objectives and of answers to questions: a run shows each of them.
@Suite struct PretrainingKeysChangeRunsTests {
    /// What keys are changed beside, and the changes.
    struct Case: Sendable, CustomTestStringConvertible {
        let beside: [String]
        let changes: [String]
        /// Shards are written for each.
        var areOfShards = false

        var testDescription: String { beside.last ?? "" }
    }

    static let objectives: [Case] = [
        Case(
            beside: ObjectiveRunTests.pieces + ["objective=mlm"],
            changes: [
                "mlm_probability=0.5", "mask_replace_prob=0.3", "random_replace_prob=0.2",
                "mask_unit=span",
            ]),
        Case(
            beside: ObjectiveRunTests.pieces + ["objective=mlm"],
            changes: ["whole_word_mask=true"], areOfShards: true),
        Case(
            beside: ObjectiveRunTests.pieces + ["objective=mlm", "mask_unit=word"],
            changes: ["max_predictions_per_seq=1"]),
        Case(
            beside: ObjectiveRunTests.pieces + ["phrase_file=phrases.txt", "objective=ernie"],
            changes: ["phrase_rate=0.9", "phrase_file=others.txt"]),
        Case(
            beside: ObjectiveRunTests.pieces + ["objective=mlm+nsp"],
            changes: ["short_seq_prob=0.9"]),
        Case(
            beside: ObjectiveRunTests.pieces + ["model_name_or_path=electra", "objective=electra"],
            changes: ["disc_weight=3", "generator_hidden_size=0.5"]),
        Case(
            beside: ObjectiveRunTests.code + ["objective=fim"],
            changes: ["fim_rate=0.9", "fim_spm_rate=0"]),
        Case(
            beside: [
                "model_name_or_path=glm", "tokenizer_name_or_path=blanks", "cutoff_len=32",
                "gpt_rate=0.3", "objective=glm",
            ],
            changes: ["gpt_rate=0.9", "gpt_min_ratio=0.8", "mean_noise_span_length=6"]),
        Case(
            beside: ["model_name_or_path=t5", "cutoff_len=24", "objective=ul2"],
            changes: ["ul2_rates=0,0,1"]),
        Case(beside: [], changes: ["objective=prefix_lm"]),
    ]

    private static let base = ["max_steps=2", "save_strategy=no", "seed=3"]

    /// Logged numbers of a run.
    private func trace(_ folder: TrialFolder, _ settings: [String]) throws -> [String] {
        let output = "out-\(UUID().uuidString.prefix(8))"
        let run = try folder.run(
            ["train", "run.yaml"] + Self.base + settings + ["output_dir=\(output)"])
        try #require(run.status == 0, "\(settings): \(run.errors)")
        return try folder.log(output).map {
            "\(String(describing: $0.loss)) \(String(describing: $0.norm))"
        }
    }

    @Test(arguments: objectives)
    func anObjectivesKeyIsSeenInARun(_ one: Case) throws {
        let folder = try ObjectiveRunTests.folder()
        try folder.write("others.txt", "friend twice\nstop story\n")
        let settings = try ObjectiveRunTests.prepare(folder, one.beside)
        let before = try trace(folder, settings)
        #expect(before.count >= 2)
        for change in one.changes {
            var changed = settings + [change]
            var place = folder
            if one.areOfShards {
                place = try ObjectiveRunTests.folder()
                changed = try ObjectiveRunTests.prepare(place, one.beside + [change])
            }
            #expect(try trace(place, changed) != before, "\(change)")
        }
    }

    /// What the tests above would not see if runs differed by themselves.
    @Test func theSameSettingsLeaveTheSame() throws {
        let folder = try ObjectiveRunTests.folder()
        let settings = ["model_name_or_path=t5", "cutoff_len=24", "objective=ul2"]
        #expect(try trace(folder, settings) == trace(folder, settings))
    }

    /// What a try of questions leaves: figures and answers.
    private func answers(_ folder: TrialFolder, _ settings: [String]) throws -> [String: Data] {
        let output = "out-\(UUID().uuidString.prefix(8))"
        let run = try folder.run(
            [
                "train", "answer.yaml", "max_steps=1", "do_train=true", "do_predict=true",
            ] + settings + ["output_dir=\(output)"])
        try #require(run.status == 0, "\(settings): \(run.errors)")
        let files = folder.names(output).filter { $0.contains("predict") || $0.contains("eval_") }
        return try Dictionary(
            uniqueKeysWithValues: files.filter { $0.hasSuffix(".json") && !$0.contains("results") }
                .map { ($0, try folder.data("\(output)/\($0)")) })
    }

    @Test func aKeyOfAnswersIsSeenInWhatARunWrites() throws {
        let folder = try QuestionRunTests.folder()
        let plain = try answers(folder, [])
        #expect(!plain.isEmpty)
        for change in [
            "doc_stride=2", "n_best_size=2", "max_answer_length=1", "version_2_with_negative=true",
        ] {
            #expect(try answers(folder, [change]) != plain, "\(change)")
        }
        let negative = "version_2_with_negative=true"
        let (bold, shy) = try (
            answers(folder, [negative, "null_score_diff_threshold=100"]),
            answers(folder, [negative, "null_score_diff_threshold=-100"])
        )
        #expect(bold != shy)
    }
}
