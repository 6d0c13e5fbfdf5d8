import Foundation
import Testing

/// What a run leaves behind, what it begins with, and how it ends.
@Suite struct RunPromiseTests {
    /// Keys of a logged training step.
    private struct Step: Decodable {
        let loss: Double?
        let throughput: Double?
        let seconds: Double?
        let tokens: Int?

        enum CodingKeys: String, CodingKey {
            case loss, throughput
            case seconds = "step_seconds"
            case tokens = "total_tokens"
        }
    }

    @Test func aRunLeavesItsReportsItsCheckpointAndAModelsFolder() throws {
        let folder = try TokenizerSample.prepared()
        let run = try folder.run(
            [
                "train", "run.yaml", "per_device_train_batch_size=6", "max_steps=4", "val_size=6",
                "eval_strategy=steps", "eval_steps=2", "plot_loss=true",
            ], ranks: 2)
        #expect(run.status == 0, "\(run.errors)")
        #expect(
            folder.names("out") == [
                "all_results.json", "checkpoint-4.h5", "config.json", "eval_results.json",
                "generation_config.json", "model.safetensors", "tokenizer.json",
                "tokenizer_config.json",
                "train_results.json", "trainer_log.jsonl", "trainer_state.json",
                "training_loss.png", "training_loss.svg",
            ])
        let lines = try String(decoding: folder.data("out/trainer_log.jsonl"), as: UTF8.self)
            .split(separator: "\n")
            .map { try JSONDecoder().decode(Step.self, from: Data($0.utf8)) }
            .filter { $0.loss != nil }
        #expect(lines.map(\.tokens) == [192, 384, 576, 768])
        for line in lines {
            // Tokens of both ranks; both figures are written with few digits.
            let tokens = (line.throughput ?? 0) * (line.seconds ?? 0)
            #expect(abs(tokens - 192) < 10, "\(line)")
        }
        let svg = String(decoding: try folder.data("out/training_loss.svg"), as: UTF8.self)
        #expect(svg.hasPrefix("<svg") || svg.hasPrefix("<?xml"))
        #expect(try folder.data("out/training_loss.png").starts(with: [0x89, 0x50, 0x4E, 0x47]))
    }

    @Test func pretrainingGoesOnFromWeightsUnlessToldToBeginFromScratch() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(output: "first")
        let still = ["model_name_or_path=first", "learning_rate=0", "max_steps=1", "seed=7"]
        try folder.trainToEnd(
            output: "on", still + ["train_from_scratch=false", "finetuning_type=full"])
        try folder.trainToEnd(output: "anew", still)
        let weights = try folder.data("first/model.safetensors")
        #expect(try folder.data("on/model.safetensors") == weights)
        #expect(try folder.data("anew/model.safetensors") != weights)
        #expect(try folder.losses("on")[0] < folder.losses("anew")[0])
    }

    /// The stopped rank is an ordinary process that says nothing any more.
    @Test func aRankThatStandsStillEndsTheRunAtTheTimeOfItsKey() throws {
        let folder = try TrialFolder()
        let process = try folder.start(
            TrialFolder.trainArguments(
                ranks: 2, output: "out",
                ["max_steps=1000000", "ddp_timeout=4", "save_strategy=no"]), ranks: 2)
        #expect(process.wait { ((try? folder.log().last?.step) ?? 0) >= 3 }, "\(process.errors)")
        let ranks = process.ranks
        try #require(ranks.count == 2)
        let begun = ContinuousClock.now
        kill(ranks[1], SIGSTOP)
        defer { kill(ranks[1], SIGKILL) }
        let run = try process.finish()
        let seconds = (ContinuousClock.now - begun) / .seconds(1)
        #expect(run.status == 1, "\(run.errors)")
        #expect(seconds > 3 && seconds < 30, "\(seconds)")
        let last = run.messages.filter { $0.contains("ddp_timeout") }
        #expect(last.count == 1 && last[0].contains("rank 1 "), "\(run.errors)")
    }

    /// A rank that is bound to one processor makes one thread; told otherwise, as many as told.
    @Test func aRankUsesTheProcessorsItIsBoundToUnlessToldOtherwise() throws {
        let folder = try TrialFolder()
        let binding = "taskset -cp $(taskset -cp $$ | sed 's/.*: //; s/[,-].*//') $$ >/dev/null"
        for (setting, threads) in [("null", "1 thread a rank"), ("2", "2 threads a rank")] {
            let run = try folder.train(
                ["max_steps=1", "threads_per_rank=\(setting)", "overwrite_output_dir=true"],
                shell: binding)
            #expect(run.status == 0 && run.says(threads), "\(run.errors)")
        }
    }
}
