import Foundation
import TestSupport
import Testing

/// `do_predict`, accuracy, and runs that train nothing.
@Suite struct PredictionTests {
    private struct Line: Decodable, Equatable {
        let prompt: String
        let predict: String
        let label: String
    }

    private struct Reference: Decodable {
        let prompts: [String]
        let answers: [String]
        let loss: Double
        let accuracy: Double
    }

    private static let greedy = [
        "predict_with_generate=true", "do_predict=true", "do_sample=false", "max_new_tokens=12",
        "per_device_eval_batch_size=5",
    ]
    /// What tries the model on all rows and trains nothing.
    private static let trial = greedy + ["do_train=false", "eval_dataset=rows"]

    private func lines(_ folder: TrialFolder, _ output: String) throws -> [Line] {
        try String(decoding: folder.data(output + "/generated_predictions.jsonl"), as: UTF8.self)
            .split(separator: "\n").map {
                try JSONDecoder().decode(Line.self, from: Data($0.utf8))
            }
    }

    private func results(_ folder: TrialFolder, _ file: String) throws -> [String: Double] {
        try JSONDecoder().decode([String: Double].self, from: folder.data(file))
    }

    @Test func anAdaptersAnswersLossAndAccuracyAreThoseOfTransformers() throws {
        let folder = try TrialFolder.finetuning()
        try folder.add("predictions/adapter", as: "adapter")
        let reference = try JSONDecoder().decode(
            Reference.self,
            from: Data(
                contentsOf: References.folder.appendingPathComponent(
                    "predictions/reference.json")))
        try folder.tuneToEnd(
            Self.trial + [
                "adapter_name_or_path=adapter", "do_eval=true", "compute_accuracy=true",
            ])
        let lines = try lines(folder, "out")
        #expect(lines.map(\.prompt) == reference.prompts)
        #expect(lines.map(\.predict) == reference.answers)
        #expect(lines[0].label == "The capital of France is Paris.\n")
        let all = try results(folder, "out/all_results.json")
        #expect(abs((all["eval_loss"] ?? 0) - reference.loss) < 1e-4)
        #expect(abs((all["eval_accuracy"] ?? 0) - reference.accuracy) < 1e-6)
        let own = try results(folder, "out/predict_results.json")
        for name in ["bleu-4", "rouge-1", "rouge-2", "rouge-l", "runtime"] {
            #expect(
                own["predict_" + name] != nil && own["predict_" + name] == all["predict_" + name])
        }
        // Nothing was trained, so nothing else is left behind.
        #expect(
            folder.names("out") == [
                "all_results.json", "eval_results.json", "generated_predictions.jsonl",
                "predict_results.json",
            ])
    }

    // transformers' generate takes min_p from there, since no key of LLaMA-Factory says it: of tokens as likely as
    // the likeliest.
    @Test func minPOfTheModelsFileHolds() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(output: "greedy", Self.trial)
        try folder.write("model/generation_config.json", "{\"min_p\": 1.0}")
        try folder.tuneToEnd(
            output: "drawn",
            Self.trial + ["do_sample=true", "temperature=1.5", "top_k=0", "top_p=1"])
        #expect(
            try folder.data("greedy/generated_predictions.jsonl")
                == folder.data("drawn/generated_predictions.jsonl"))
    }

    @Test(arguments: [Self.trial, Self.trial + ["do_sample=true", "temperature=1", "top_p=1"]])
    func threeRanksPredictWhatOneDoes(_ arguments: [String]) throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(output: "one", arguments)
        try folder.tuneToEnd(
            output: "three", ranks: 3, arguments + ["per_device_eval_batch_size=2"])
        #expect(
            try folder.data("one/generated_predictions.jsonl")
                == folder.data("three/generated_predictions.jsonl"))
        let (one, three) = (
            try results(folder, "one/all_results.json"),
            try results(folder, "three/all_results.json")
        )
        #expect(one["predict_rouge-l"] == three["predict_rouge-l"])
        #expect(one["predict_bleu-4"] == three["predict_bleu-4"])
    }

    @Test func bestCheckpointByLikenessOfTextsIsTakenAndPredictsLast() throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tuneToEnd(
            Self.greedy + [
                "do_train=true", "finetuning_type=full", "eval_dataset=rows", "eval_strategy=steps",
                "eval_steps=10", "save_steps=10", "max_steps=60", "load_best_model_at_end=true",
                "metric_for_best_model=rouge-l", "compute_accuracy=true",
            ])
        struct Step: Decodable {
            let step: Int
            let rouge: Double?
            let accuracy: Double?

            enum CodingKeys: String, CodingKey {
                case step = "current_steps"
                case rouge = "eval_rouge-l"
                case accuracy = "eval_accuracy"
            }
        }
        let steps = try String(decoding: folder.data("out/trainer_log.jsonl"), as: UTF8.self)
            .split(separator: "\n").map {
                try JSONDecoder().decode(Step.self, from: Data($0.utf8))
            }.filter { $0.rouge != nil }
        #expect(steps.map(\.step) == [10, 20, 30, 40, 50, 60])
        #expect(steps.allSatisfy { $0.accuracy != nil })
        let best = steps.compactMap(\.rouge).max() ?? 0
        #expect(best > 0)
        let all = try results(folder, "out/all_results.json")
        #expect(all["eval_rouge-l"] == best && all["predict_rouge-l"] == best)
        #expect(all["train_loss"] != nil, "\(run.errors)")
    }

    @Test func figuresThatAreNotComputedCannotBeTheMetric() throws {
        let folder = try TrialFolder.finetuning()
        for (metric, key) in [
            ("accuracy", "compute_accuracy"), ("rouge-1", "predict_with_generate"),
        ] {
            let run = try folder.tune(["metric_for_best_model=\(metric)"])
            #expect(run.status == 2)
            #expect(run.says("eval_\(metric) is computed with \(key): true"), "\(run.errors)")
            #expect(!folder.exists("out"))
        }
    }
}
