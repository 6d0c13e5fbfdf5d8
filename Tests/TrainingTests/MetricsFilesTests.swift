import Foundation
import TestSupport
import Testing
import Training

/// Files of `do_predict`, and dictionaries that cannot be used.
@Suite struct MetricsFilesTests {
    private func lines(_ file: URL) throws -> [String] {
        try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
    }

    private func figures(_ file: URL) throws -> [String: Double] {
        try JSONDecoder().decode([String: Double].self, from: Data(contentsOf: file))
    }

    @Test func predictionsStandOneALineUnescaped() throws {
        try withTemporaryFolder { place throws in
            try PredictionFiles(folder: place.path).write([
                Prediction(prompt: "<|im_start|>user\n你是谁？", predict: "我是\"助手\"", label: "😀\té"),
                Prediction(prompt: "a", predict: "", label: "b\\n"),
            ])
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
                PredictionSummary(similarity: similarity, samples: 2, batches: 1, runtime: 0.5))

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

    @Test func unusableDictionariesAreExplained() throws {
        try withTemporaryFolder { place throws in
            func message(_ content: String?) throws -> String {
                let file = place.appendingPathComponent("words.txt")
                try? FileManager.default.removeItem(at: file)
                if let content { try Data(content.utf8).write(to: file) }
                do {
                    _ = try WordSegmenter(dictionary: file.path)
                    return "accepted"
                } catch {
                    return error.description
                }
            }
            #expect(try message(nil).contains("scripts/fetch_jieba.sh"))
            #expect(try message("").contains("no words"))
            #expect(try message("中国 5 ns\n北京\n").contains("words.txt, line 2"))
            #expect(try message("中国 5 ns\n\n北京 3 ns\n").contains("line 2"))
            #expect(try message("中国 many ns").contains("line 1"))
            #expect(try message("中国 5 ns\n北京 3") == "accepted")
            // Windows line ends, and a word that stands twice.
            #expect(try message("中国 5 ns\r\n中国 3\r\n") == "accepted")
            // A pipe is not waited for.
            let pipe = place.appendingPathComponent("pipe").path
            #expect(mkfifo(pipe, 0o600) == 0)
            #expect(throws: TrainingError.self) { _ = try WordSegmenter(dictionary: pipe) }
        }
    }

    @Test func brokenTableOfCharactersIsExplained() throws {
        try withTemporaryFolder { place throws in
            try Data("中国 5 ns\n".utf8).write(to: place.appendingPathComponent("dict.txt"))
            let folder = place.appendingPathComponent("finalseg")
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true)
            for content in ["P={}", "P={'B': {'\\u4e00': -3.6}}", "P={'B': {'\\u4e00': x}}"] {
                try Data(content.utf8).write(to: folder.appendingPathComponent("prob_emit.py"))
                #expect {
                    try WordSegmenter(dictionary: place.path)
                } throws: { error in
                    "\(error)".contains("prob_emit.py")
                }
            }
        }
    }
}
