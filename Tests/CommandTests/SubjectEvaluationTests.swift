import Foundation
import TestSupport
import Testing

/// Tasks of LLaMA-Factory's `eval` and of CORE, and bits per byte.
@Suite struct SubjectEvaluationTests {
    /// Predictions and both files are those of LLaMA-Factory 0.9.3's Evaluator, byte for byte.
    @Test(
        arguments: [
            ("mmlu_test", "en"), ("mmlu_validation", "zh"), ("ceval_validation", "zh"),
            ("cmmlu_test", "en"),
        ], [0, 5])
    func filesAreLLaMAFactorys(_ task: (name: String, lang: String), _ shots: Int) throws {
        let folder = try TrialFolder.evaluation()
        var arguments = ["task=\(task.name)", "lang=\(task.lang)", "task_dir=evaluation"]
        // 5 is the default.
        if shots == 0 { arguments.append("n_shot=0") }
        let run = try folder.evaluate(arguments + ["template=fewshot"], ranks: shots == 0 ? 2 : 1)
        #expect(run.status == 0, "\(run.errors)")
        for name in ["results.json", "results.log"] {
            let reference = "subjects/results/\(task.name)-\(shots)/\(name)"
            #expect(
                try folder.text("out/\(name)")
                    == String(
                        contentsOf: References.folder.appendingPathComponent(reference),
                        encoding: .utf8), "\(name)")
        }
        #expect(try run.output == folder.text("out/results.log") + "\n")
    }

    @Test func severalTasksHaveAFolderEach() throws {
        let folder = try TrialFolder.evaluation()
        let run = try folder.evaluate(
            ["task=[mmlu_test, cmmlu_test]", "task_dir=evaluation", "n_shot=1", "max_samples=2"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(folder.names("out") == ["cmmlu_test", "mmlu_test"])
        let results = try folder.json("out/mmlu_test/results.json")
        #expect((results["law"] as? [String: String])?.count == 2)
        let again = try folder.evaluate()
        #expect(again.status == 2 && again.says("save_dir: 'out' exists already"))
    }

    /// Shuffles, shots, prompts and accuracies are those of nanochat's rules with Python's own random.
    @Test func coreIsThatOfTheReference() throws {
        let folder = try TrialFolder.evaluation()
        let run = try folder.evaluate(["task=core", "task_dir=evaluation"], ranks: 2)
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            try folder.json("out/core.json") as NSDictionary
                == JSONSerialization.jsonObject(
                    with: Data(
                        contentsOf: References.folder.appendingPathComponent("subjects/core.json")))
                as? NSDictionary)
        #expect(run.output.hasSuffix(", -0.062367 \n") || run.output.contains("CORE"))
    }

    /// The same sums as the harness's rolling ones, over the same bytes.
    @Test func bitsPerByteAreThoseOfRollingWindows() throws {
        let folder = try TrialFolder.evaluation()
        let pages = try folder.text("data/rolling/test.jsonl").replacing(
            "\"page\"", with: "\"text\"")
        try folder.write("pages.jsonl", pages)
        let run = try folder.evaluate(["task=[pages.jsonl, data/rolling.yaml]"])
        #expect(run.status == 0, "\(run.errors)")
        let found = try #require(
            try folder.json("out/bits_per_byte_pages.json")["bits_per_byte"] as? Double)
        let file = try #require(folder.names("out").first { $0.hasPrefix("results_") })
        let results = try folder.json("out/\(file)")["results"] as? [String: [String: Any]]
        let rolling = try #require(results?["rolling"]?["bits_per_byte,none"] as? Double)
        #expect(abs(found - rolling) < 1e-12 && found > 1)
    }

    /// Tasks stand beside the loss of each evaluation, the same on any number of ranks.
    @Test func aTrainingRunTriesTasks() throws {
        let folder = try TrialFolder.evaluation()
        try folder.write("train.txt", String(repeating: "sum root cell law king.\n", count: 200))
        var figures: [[Double]] = []
        for ranks in [1, 2] {
            let run = try folder.start(
                [
                    "train", "-", "stage=pt", "model_name_or_path=model", "dataset=train.txt",
                    "cutoff_len=32", "per_device_train_batch_size=\(4 / ranks)", "max_steps=2",
                    "eval_strategy=steps", "eval_steps=1", "val_size=4", "output_dir=t\(ranks)",
                    "eval_tasks=[core_small, mmlu_test]", "task_dir=evaluation",
                    "template=fewshot", "threads_per_rank=1", "peak_gflops=50",
                ], ranks: ranks
            ).finish()
            #expect(run.status == 0, "\(run.errors)")
            let lines = try folder.logLines("t\(ranks)").filter { $0["eval_loss"] != nil }
            #expect(lines.count == 2)
            figures.append(
                lines.flatMap { [$0["eval_core_small"], $0["eval_mmlu_test"]] }
                    .compactMap { $0 as? Double })
        }
        #expect(figures[0].count == 4 && figures[0] == figures[1])
    }
}
