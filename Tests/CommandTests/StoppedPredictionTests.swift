import Files
import Foundation
import Testing

/// Predictions and evaluations that are stopped, kept examples of two runs, and how chat draws.
@Suite struct StoppedPredictionTests {
    /// A folder whose `many` repeats the rows so often that predicting takes a while.
    private func many() throws -> (folder: TrialFolder, rows: Int) {
        let folder = try TrialFolder.finetuning()
        let rows = try #require(
            try JSONSerialization.jsonObject(with: folder.data("data/rows.json")) as? [Any])
        let all = Array(repeating: rows, count: 300).flatMap(\.self)
        try folder.write("data/many.json", JSONSerialization.data(withJSONObject: all))
        try folder.write(
            "data/dataset_info.json",
            "{\"rows\": {\"file_name\": \"rows.json\"}, \"many\": {\"file_name\": \"many.json\"}}")
        return (folder, rows.count)
    }

    private static let predicting = [
        "predict_with_generate=true", "do_predict=true", "do_sample=false", "max_new_tokens=12",
        "per_device_eval_batch_size=2", "do_train=false",
    ]

    private func lines(_ folder: TrialFolder, _ output: String) -> [Substring] {
        let data = try? folder.data(output + "/generated_predictions.jsonl")
        return String(decoding: data ?? Data(), as: UTF8.self).split(separator: "\n")
    }

    @Test(arguments: [SIGTERM, SIGUSR1])
    func whatWasPredictedIsWrittenAndCounted(_ signal: Int32) throws {
        let (folder, rows) = try many()
        try folder.tuneToEnd(output: "short", Self.predicting + ["eval_dataset=rows"])
        let expected = lines(folder, "short")
        #expect(expected.count == rows)
        let process = try folder.start(
            ["train", "run.yaml", "eval_dataset=many"] + Self.predicting)
        #expect(process.wait { process.errors.contains("trainable parameters") })
        usleep(700_000)
        process.send(signal)
        let run = try process.finish()
        #expect(run.status == 75, "\(run.errors)")
        let made = lines(folder, "out")
        #expect(
            run.messages.last == "stopped on request before the model was tried to the end"
                + (made.isEmpty ? "" : ", with \(made.count) predictions written")
                + "; run the same command again to try it anew, from the first row on")
        #expect(made.count < 300 * rows)
        for (number, line) in made.enumerated() { #expect(line == expected[number % rows]) }
        // Their figures would be those of too few.
        #expect(!folder.exists("out/predict_results.json"))
    }

    @Test func anEvaluationWithTextsIsMadeAnewAfterAStop() throws {
        let (folder, _) = try many()
        let settings = [
            "predict_with_generate=true", "do_sample=false", "max_new_tokens=12",
            "per_device_eval_batch_size=2", "eval_strategy=steps", "eval_steps=2", "max_steps=2",
            "save_steps=1",
        ]
        let process = try folder.start(["train", "run.yaml", "eval_dataset=many"] + settings)
        #expect(process.wait { folder.exists("out/checkpoint-1.h5") })
        usleep(300_000)
        process.send(SIGUSR1)
        #expect(try process.finish().status == 75)
        #expect(try folder.log().allSatisfy { $0.evaluationLoss == nil })
        // The rest of it on few rows.
        let run = try folder.tune(["eval_dataset=rows"] + settings)
        #expect(run.status == 0, "\(run.errors)")
        #expect(try folder.log().compactMap(\.evaluationLoss).count == 1)
    }

    @Test func oneRunAtATimeKeepsExamplesAndAnyNumberReadsThem() throws {
        let folder = try TrialFolder.finetuning()
        let settings = ["tokenized_path=kept", "max_steps=1"]
        let lock = try FolderLock(
            folder.full("kept"), name: "tokenized_path", command: "the other")
        for ranks in [1, 2] {
            let run = try folder.tune(output: "a", ranks: ranks, settings)
            #expect(run.status == 2 && run.messages.count == 1)
            #expect(
                run.messages.first?.hasPrefix(
                    "tokenized_path 'kept' is in use by process \(getpid()) on ") == true,
                "\(run.messages)")
            #expect(!folder.exists("kept/conversations.tokens") && !folder.exists("a"))
        }
        lock.release()
        try folder.tuneToEnd(output: "a", settings)
        #expect(folder.names("kept") == ["conversations.tokens"])
        let again = try FolderLock(
            folder.full("kept"), name: "tokenized_path", command: "the other")
        let reading = try folder.tune(output: "b", settings)
        #expect(reading.status == 0 && reading.says("examples read from kept"), "\(reading.errors)")
        let renewing = try folder.tune(output: "c", settings + ["overwrite_cache=true"])
        #expect(renewing.status == 2 && renewing.says("is in use by process"))
        again.release()
    }

    @Test func chatDrawsAsTheModelsFileSaysUnlessItIsTold() throws {
        let folder = try TrialFolder.finetuning()
        func chat(_ settings: [String]) throws -> LockstepRun {
            let run = try folder.run(
                ["chat", "--model", "model", "template=chatml", "max_new_tokens=12"] + settings,
                input: "Name the capital of France.\n")
            try #require(run.status == 0, "\(run.errors)")
            return run
        }
        let greedy = try chat(["temperature=0"])
        let punished = try chat(["temperature=0", "repetition_penalty=5"])
        let drawn = try chat([])
        #expect(greedy.errors.isEmpty && drawn.errors.isEmpty)
        try #require(greedy.output != punished.output && greedy.output != drawn.output)
        func file(_ text: String) throws {
            try folder.write("model/generation_config.json", "{\"eos_token_id\": 2, \(text)}")
        }
        try file("\"do_sample\": false")
        let told = try chat([])
        #expect(told.output == greedy.output)
        #expect(told.messages == ["generation_config.json gives do_sample false"])
        #expect(try chat(["temperature=0.95"]).output == drawn.output, "who draws wins")
        #expect(try chat(["do_sample=true"]).output == drawn.output)
        try file("\"repetition_penalty\": 5.0, \"do_sample\": true, \"top_k\": 1")
        let first = try chat([])
        #expect(first.output == punished.output, "only the likeliest is drawn")
        #expect(
            first.messages == ["generation_config.json gives top_k 1, repetition_penalty 5.0"])
        #expect(try chat(["repetition_penalty=1"]).output == greedy.output)
        try file("\"temperature\": 0.6")
        #expect(try chat(["do_sample=false"]).output == greedy.output)
        #expect(try chat(["temperature=0"]).errors.isEmpty)
    }
}
