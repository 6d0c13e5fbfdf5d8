import Foundation
import Testing

/// `eval_on_each_dataset`, and `eval_dataset` of running text.
@Suite struct EvaluationDatasetTests {
    private func results(_ folder: TrialFolder, _ file: String) throws -> [String: Double] {
        try JSONDecoder().decode([String: Double].self, from: folder.data(file))
    }

    /// A finetuning folder with the first five rows as `short` and the next nine as `long`.
    private func divided() throws -> TrialFolder {
        let folder = try TrialFolder.finetuning()
        let rows = try JSONSerialization.jsonObject(with: folder.data("data/rows.json")) as? [Any]
        let all = try #require(rows)
        for (name, part) in [("short", all[..<5]), ("long", all[5..<14])] {
            try folder.write(
                "data/\(name).json", JSONSerialization.data(withJSONObject: Array(part)))
        }
        try folder.write(
            "data/dataset_info.json",
            """
            {"rows": {"file_name": "rows.json"}, "short": {"file_name": "short.json"},
             "long": {"file_name": "long.json"}}
            """)
        return folder
    }

    private static let trial = ["do_train=false", "do_eval=true", "compute_accuracy=true"]
    private static let each = ["eval_dataset=short,long", "eval_on_each_dataset=true"]
    private static let predicting = [
        "predict_with_generate=true", "do_sample=false", "max_new_tokens=6",
    ]

    @Test(arguments: [1, 3])
    func eachDatasetHasTheFiguresOfARunOfItsOwn(_ ranks: Int) throws {
        let folder = try divided()
        try folder.tuneToEnd(
            output: "each", ranks: ranks, Self.trial + Self.each + Self.predicting)
        let each = try results(folder, "each/eval_results.json")
        for name in ["short", "long"] {
            try folder.tuneToEnd(
                output: name, Self.trial + Self.predicting + ["eval_dataset=\(name)"])
            let alone = try results(folder, name + "/eval_results.json")
            for figure in ["loss", "perplexity", "accuracy", "rouge-1", "rouge-l", "bleu-4"] {
                let (one, other) = (each["eval_\(name)_\(figure)"], alone["eval_" + figure])
                // Sums of ranks are added in another order, in float32: a part of the figure.
                try #require(one != nil && other != nil, "\(figure): \(each)")
                let bound = 1e-6 * max(1, abs(other ?? 1))
                #expect(abs((one ?? 0) - (other ?? 1)) < bound, "\(name) \(figure)")
            }
        }
        try folder.tuneToEnd(output: "together", Self.trial + ["eval_dataset=short,long"])
        let together = try results(folder, "together/eval_results.json")
        #expect(abs((each["eval_loss"] ?? 0) - (together["eval_loss"] ?? 1)) < 1e-6)
        #expect(abs((each["eval_accuracy"] ?? 0) - (together["eval_accuracy"] ?? 1)) < 1e-6)
        #expect(together["eval_short_loss"] == nil)
        #expect(each["eval_short_loss"] != each["eval_long_loss"])
    }

    private struct Line: Decodable {
        let step: Int
        let short: Double?
        let long: Double?

        enum CodingKeys: String, CodingKey {
            case step = "current_steps"
            case short = "eval_short_loss"
            case long = "eval_long_loss"
        }
    }

    /// JSONSerialization reads 5.6472620421308815 as 5.647262042130883.
    private struct State: Decodable {
        let best: Double

        enum CodingKeys: String, CodingKey {
            case best = "best_metric"
        }
    }

    @Test func aRunFollowsTheLossOfOneDatasetAndAResumedOneKeepsTheLog() throws {
        let folder = try divided()
        let settings =
            Self.each + [
                "eval_strategy=steps", "eval_steps=2", "save_steps=2", "max_steps=8",
                "load_best_model_at_end=true", "metric_for_best_model=long_loss",
            ]
        try folder.tuneToEnd(output: "whole", settings)
        let lines = try String(decoding: folder.data("whole/trainer_log.jsonl"), as: UTF8.self)
            .split(separator: "\n").map { try JSONDecoder().decode(Line.self, from: Data($0.utf8)) }
        let tried = lines.filter { $0.long != nil && $0.short != nil }
        #expect(tried.map(\.step) == [2, 4, 6, 8])
        let state = try JSONDecoder().decode(
            State.self, from: folder.data("whole/trainer_state.json"))
        #expect(state.best == tried.compactMap(\.long).min())

        try folder.rewind("whole", to: "again", step: 4)
        try folder.tuneToEnd(output: "again", settings)
        let names = Set(["eval_short_loss", "eval_long_loss", "eval_long_perplexity"])
        for output in ["whole", "again"] {
            let history = try #require(
                try object(folder, output + "/trainer_state.json")["log_history"]
                    as? [[String: Any]])
            let kept = history.filter { names.isSubset(of: $0.keys) }
            #expect(kept.compactMap { $0["step"] as? Int } == [2, 4, 6, 8], "\(output)")
        }
    }

    private func object(_ folder: TrialFolder, _ file: String) throws -> [String: Any] {
        try #require(
            try JSONSerialization.jsonObject(with: folder.data(file)) as? [String: Any])
    }

    @Test func keptExamplesAreDividedAsThoseThatWereEncoded() throws {
        let folder = try divided()
        let settings = Self.trial + Self.each + Self.predicting + ["tokenized_path=kept"]
        try folder.tuneToEnd(output: "first", settings)
        let run = try folder.tuneToEnd(output: "second", settings)
        #expect(run.says("examples read from kept"))
        var (first, second) = (
            try results(folder, "first/eval_results.json"),
            try results(folder, "second/eval_results.json")
        )
        for name in ["runtime", "samples_per_second", "steps_per_second"] {
            first["eval_" + name] = nil
            second["eval_" + name] = nil
        }
        #expect(first.count > 15 && first == second)
        // What was kept of datasets together is not taken for what each has.
        let other = try folder.tune(
            Self.trial + ["eval_dataset=short,long", "tokenized_path=kept"])
        #expect(
            other.status == 2
                && other.says("prepared with eval_on_each_dataset 'true', but the run has 'false'"))
    }

    @Test(arguments: [
        (["metric_for_best_model=other_loss"], "metric_for_best_model: found 'other_loss'"),
        (["eval_dataset=long,short,long"], "eval_on_each_dataset: a dataset is named twice"),
        (["metric_for_best_model=short_rouge-1"], "eval_short_rouge-1 is computed with"),
    ])
    func metricsThatAreNotThereAreRefused(_ settings: [String], _ message: String) throws {
        let folder = try divided()
        let run = try folder.tune(Self.each + ["eval_strategy=steps"] + settings)
        #expect(run.status == 2 && run.says(message), "\(run.errors)")
        #expect(!folder.exists("out"))
    }

    @Test func withoutDatasetsToEvaluateOnItSaysSo() throws {
        let folder = try divided()
        let run = try folder.tuneToEnd(["eval_on_each_dataset=true", "val_size=4", "max_steps=1"])
        #expect(run.says("eval_on_each_dataset: not used, since eval_dataset names no datasets"))
    }
}
