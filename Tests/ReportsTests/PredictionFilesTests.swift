import Foundation
import Metrics
import Reports
import TestSupport
import Testing

/// Files of `do_predict`.
@Suite struct PredictionFilesTests {
    private func lines(_ file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private func figures(_ file: URL) throws -> [String: Double] {
        try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: file))
    }

    @Test func predictionsStandOneALineUnescaped() throws {
        try withTemporaryFolder { place throws in
            try PredictionFiles(folder: place.path).write(
                PredictionFile([
                    Prediction(
                        prompt: "<|im_start|>user\n你是谁？", predict: "我是\"助手\"", label: "😀\té"),
                    Prediction(prompt: "a", predict: "", label: "b\\n"),
                ]))
            let file = place.appendingPathComponent("generated_predictions.jsonl")
            // As Python's json.dumps(…, ensure_ascii=False) writes them.
            #expect(
                try lines(file) == [
                    #"{"prompt": "<|im_start|>user\n你是谁？", "predict": "我是\"助手\"", "#
                        + #""label": "😀\té"}"#,
                    #"{"prompt": "a", "predict": "", "label": "b\\n"}"#,
                ])
        }
    }

    @Test func resultsHaveLLaMAFactorysNames() throws {
        try withTemporaryFolder { place throws in
            let all = place.appendingPathComponent("all_results.json")
            try Data(#"{"train_loss": 1.25, "train_steps": 7, "predict_runtime": 99}"#.utf8)
                .write(to: all)
            var similarity = TextSimilarity()
            similarity.add(prediction: "一样", label: "一样", words: WordSegmenter())
            similarity.add(prediction: "甲", label: "乙", words: WordSegmenter())
            try PredictionFiles(folder: place.path).write(
                PredictionSummary(
                    figures: similarity.means.map { Figure(name: $0, value: $1) }, samples: 2,
                    batches: 1, runtime: 0.5))

            let found = try figures(place.appendingPathComponent("predict_results.json"))
            #expect(
                Set(found.keys) == [
                    "predict_bleu-4", "predict_rouge-1", "predict_rouge-2", "predict_rouge-l",
                    "predict_runtime", "predict_samples_per_second",
                    "predict_steps_per_second",
                ])
            #expect(found["predict_rouge-1"] == 50)
            #expect(found["predict_runtime"] == 0.5)
            #expect(found["predict_samples_per_second"] == 4)
            #expect(found["predict_steps_per_second"] == 2)

            let merged = try figures(all)
            #expect(merged["train_loss"] == 1.25)
            #expect(merged["train_steps"] == 7)
            #expect(merged["predict_runtime"] == 0.5)
            #expect(merged.count == 9)
            let text = try String(contentsOf: all, encoding: .utf8)
            #expect(text.contains("    \"train_steps\": 7"))
        }
    }
}
