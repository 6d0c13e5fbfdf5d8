import Checkpoints
import Foundation
import Testing

@Suite struct FinetuningResumeTests {
    @Test(arguments: [
        ["lora_dropout=0.1"], ["use_dora=true", "loraplus_lr_ratio=4"], ["use_rslora=true"],
        ["quantization_bit=4"], ["finetuning_type=adapter", "learning_rate=5e-3"],
        ["finetuning_type=freeze", "freeze_trainable_layers=1"], ["precision=bf16"],
        ["finetuning_type=full", "learning_rate=3e-3"],
        ["quantization_bit=8", "neat_packing=true"],
        ["pissa_init=true", "learning_rate=5e-3"],
        ["additional_target=embed_tokens,lm_head", "learning_rate=5e-3"],
    ])
    func aResumedRunEqualsTheUninterruptedOneBitForBit(_ overrides: [String]) throws {
        let folder = try TrialFolder.finetuning()
        let overrides = overrides + ["disable_shuffling=false", "max_steps=20"]
        try folder.tuneToEnd(output: "whole", overrides + ["save_steps=8"])
        try folder.rewind("whole", to: "out", step: 8)
        let run = try folder.tuneToEnd(overrides)
        #expect(run.says("resuming from out/checkpoint-8.h5"))
        try expectSameFinetuning(folder, "out", "whole", step: 20)
    }

    @Test(arguments: [["lora_dropout=0.1"], ["quantization_bit=4", "zero_stage=1"]])
    func twoRanksResumeBitForBitToo(_ overrides: [String]) throws {
        let folder = try TrialFolder.finetuning()
        let overrides =
            overrides
            + ["disable_shuffling=false", "max_steps=12", "per_device_train_batch_size=1"]
        try folder.tuneToEnd(output: "whole", ranks: 2, overrides + ["save_steps=5"])
        try folder.rewind("whole", to: "out", step: 5)
        let run = try folder.tuneToEnd(ranks: 2, overrides)
        #expect(run.says("resuming from out/checkpoint-5.h5"))
        try expectSameFinetuning(folder, "out", "whole", step: 12)
    }

    @Test func aRunGoesOnWithAnotherNumberOfRanks() throws {
        let folder = try TrialFolder.finetuning()
        let overrides = ["lora_dropout=0.1", "disable_shuffling=false", "max_steps=16"]
        try folder.tuneToEnd(output: "whole", overrides + ["save_steps=8"])
        try folder.rewind("whole", to: "out", step: 8)
        try folder.tuneToEnd(ranks: 2, overrides + ["per_device_train_batch_size=1"])
        let (whole, resumed) = try (folder.losses("whole"), folder.losses())
        #expect(whole.count == 16 && largestDifference(resumed, whole) < 1e-5)
    }

    @Test func otherWeightsThanTheCheckpointsAreNotTrainedOn() throws {
        let folder = try TrialFolder.finetuning()
        let frozen = ["finetuning_type=freeze", "freeze_trainable_layers=1", "learning_rate=1e-3"]
        try folder.tuneToEnd(frozen + ["max_steps=2"])
        let before = folder.names("out")
        let run = try folder.tune(["finetuning_type=full", "max_steps=4"])
        #expect(run.status == 2)
        expectMessage(
            run,
            "out/checkpoint-2.h5 was written while 9 weights were trained, but now they are 20; "
                + "restore the settings of finetuning, choose another output_dir or set "
                + "overwrite_output_dir: true to start anew", ranks: 1)
        #expect(folder.names("out") == before)
    }

    @Test func everyCheckpointHasItsAdapterUntilItIsRemoved() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["save_steps=5"])
        let steps = [5, 10, 15, 20, 25, 30].map { "checkpoint-\($0)" }
        #expect(
            folder.names("out").filter { $0.hasPrefix("checkpoint") }
                == (steps + steps.map { $0 + ".h5" }).sorted())
        for step in steps {
            for file in ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"] {
                #expect(folder.exists("out/\(step)/\(file)"))
            }
        }
        let last = try folder.data("out/checkpoint-30/adapter_model.safetensors")
        #expect(try folder.data("out/adapter_model.safetensors") == last)
        #expect(try folder.data("out/checkpoint-25/adapter_model.safetensors") != last)

        try folder.tuneToEnd(output: "few", ["save_steps=5", "save_total_limit=2"])
        #expect(
            folder.names("few").filter { $0.hasPrefix("checkpoint") } == [
                "checkpoint-25", "checkpoint-25.h5", "checkpoint-30", "checkpoint-30.h5",
            ])

        try folder.tuneToEnd(["overwrite_output_dir=true", "max_steps=4"])
        #expect(
            folder.names("out").filter { $0.hasPrefix("checkpoint") } == [
                "checkpoint-4", "checkpoint-4.h5",
            ])
    }

    @Test func adaptersOfNewerCheckpointsAreSetAsideWithThem() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["save_steps=2", "max_steps=6"])
        let newest = try folder.data("out/checkpoint-6/adapter_model.safetensors")
        try folder.tuneToEnd([
            "resume_from_checkpoint=out/checkpoint-2.h5", "save_steps=5", "max_steps=5",
        ])
        // The one of step 4 has been passed and is gone.
        let names = ["checkpoint-2", "checkpoint-5", "superseded-checkpoint-6"]
        #expect(
            folder.names("out").filter { $0.contains("checkpoint-") }
                == names.flatMap { [$0, $0 + ".h5"] })
        #expect(try folder.data("out/superseded-checkpoint-6/adapter_model.safetensors") == newest)
    }

    @Test func anAdapterOfACheckpointIsOneToGoOnWith() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["save_steps=10"])
        // The first step's rate is 0, and rows follow each other in order.
        try folder.tuneToEnd(
            output: "on", ["adapter_name_or_path=out/checkpoint-30", "max_steps=1"])
        let expected = try folder.losses()
        let first = try #require(try folder.losses("on").first)
        #expect(first < expected[24], "the step on the same rows, six updates later")
        #expect(first < 0.9 * expected[0])
    }

    @Test func anotherRankThanTheCheckpointsIsRefused() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["max_steps=2"])
        let before = folder.names("out")
        for ranks in [1, 2] {
            let run = try folder.tune(
                ranks: ranks, ["lora_rank=8", "per_device_train_batch_size=\(2 / ranks)"])
            #expect(run.status == 2)
            expectMessage(
                run,
                "model.layers.0.self_attn.q_proj.lora_A.weight in out/checkpoint-2.h5 has shape "
                    + "[4, 32], expected [8, 32]: this is a checkpoint of another adapter; restore "
                    + "the settings of finetuning, choose another output_dir or set "
                    + "overwrite_output_dir: true to start anew", ranks: ranks)
        }
        #expect(folder.names("out") == before)
    }

    private func change(
        _ key: String, to value: Double, _ folder: TrialFolder, _ file: String
    ) throws {
        var members = try JSONSerialization.jsonObject(with: folder.data(file)) as? [String: Any]
        members?[key] = value
        try folder.write(file, JSONSerialization.data(withJSONObject: #require(members)))
    }

    /// Shapes do not tell these apart from what was trained.
    @Test(arguments: [
        (["lora_alpha=64"], "lora_alpha is 64, not 8"),
        (["use_rslora=true"], "use_rslora is true, not false"),
        (["pissa_init=true"], "init_lora_weights is "),
        (["model_name_or_path=weights"], "the weights of the base are others"),
        (["model_name_or_path=settings"], "rms_norm_eps is 0.25, not "),
        (["quantization_bit=4"], "quantization_bit is 4, not none"),
    ])
    func anotherModelUnderTheSameShapesIsRefused(_ settings: [String], _ finding: String) throws {
        let folder = try TrialFolder.finetuning()
        try folder.copy("model", to: "weights")
        var weights = try folder.data("weights/model.safetensors")
        weights[weights.count - 1] ^= 0x40
        try folder.write("weights/model.safetensors", weights)
        try folder.copy("model", to: "settings")
        try change("rms_norm_eps", to: 0.25, folder, "settings/config.json")
        try folder.tuneToEnd(["max_steps=2"])
        let before = folder.names("out")
        for ranks in [1, 2] {
            let run = try folder.tune(
                ranks: ranks,
                settings + ["max_steps=4", "per_device_train_batch_size=\(2 / ranks)"])
            #expect(run.status == 2, "\(run.errors)")
            let message = run.messages.first ?? ""
            #expect(
                run.messages.count == 1
                    && message.contains("was written by a run of another model: ")
                    && message.contains(finding), "\(run.errors)")
        }
        #expect(folder.names("out") == before)
    }

    @Test(arguments: [("4", "8"), ("8", "null")])
    func aBaseThatIsRoundedOtherwiseIsRefused(_ then: String, _ now: String) throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["quantization_bit=\(then)", "max_steps=2"])
        let run = try folder.tune(["quantization_bit=\(now)", "max_steps=4"])
        #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
        let name = now == "null" ? "none" : now
        #expect(
            run.messages.first?.contains("quantization_bit is \(name), not \(then)") == true,
            "\(run.errors)")
    }

    @Test func anotherAdapterUnderTheNewOneIsRefused() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(output: "first", ["max_steps=2"])
        let chained = ["adapter_name_or_path=first", "create_new_adapter=true"]
        try folder.tuneToEnd(chained + ["max_steps=2"])
        var weights = try folder.data("first/adapter_model.safetensors")
        weights[weights.count - 1] ^= 0x40
        try folder.write("first/adapter_model.safetensors", weights)
        let run = try folder.tune(chained + ["max_steps=4"])
        #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
        #expect(
            run.messages.first?.contains("the weights of the base are others") == true,
            "\(run.errors)")
    }

    @Test func aBaseThatWasMovedAndAnotherDropoutGoOn() throws {
        let folder = try TrialFolder.finetuning()
        try folder.copy("model", to: "moved")
        try folder.tuneToEnd(["max_steps=2"])
        try folder.tuneToEnd(["model_name_or_path=moved", "lora_dropout=0.1", "max_steps=4"])
        #expect(try folder.log().last?.step == 4)
    }

    @Test func fullFinetuningGoesOnWithTheSameConfigurationOnly() throws {
        let folder = try TrialFolder.finetuning()
        let full = ["finetuning_type=full", "learning_rate=1e-3"]
        try folder.tuneToEnd(full + ["max_steps=2"])
        try change("rope_theta", to: 500_000, folder, "model/config.json")
        let run = try folder.tune(full + ["max_steps=4"])
        #expect(run.status == 2 && run.messages.count == 1, "\(run.errors)")
        #expect(run.messages.first?.contains("rope_theta is 500000, not ") == true, "\(run.errors)")
    }

    /// What a checkpoint says of the rows that were read may be anything: a place that no stream has is
    /// no place to go on from.
    @Test(arguments: [(0, -3), (-1, 2), (Int.max, 2), (0, Int.max)])
    func aPlaceThatNoStreamHasIsRefused(_ epoch: Int, _ rows: Int) throws {
        let folder = try TrialFolder.finetuning()
        let settings = ["streaming=true", "buffer_size=4"]
        try folder.tuneToEnd(settings + ["max_steps=2"])
        let state = try folder.state(step: 2)
        let history = try JSONSerialization.jsonObject(with: Data(state.metadata.history.utf8))
        var values = try #require(history as? [String: Any])
        #expect((values["rows"] as? [String: Int])?["rows"] ?? 0 > 0)
        values["rows"] = ["epoch": epoch, "rows": rows]
        let metadata = state.metadata
        let text = try JSONSerialization.data(withJSONObject: values)
        try HDF5CheckpointStore(folder: folder.full("out"), program: "test").write(
            TrainingState(
                metadata: CheckpointMetadata(
                    step: 2, configuration: metadata.configuration,
                    modelConfiguration: metadata.modelConfiguration,
                    tokenizer: metadata.tokenizer, data: metadata.data, scaler: metadata.scaler,
                    random: metadata.random, history: String(decoding: text, as: UTF8.self),
                    optimizer: metadata.optimizer, optimizerSteps: metadata.optimizerSteps),
                model: state.model, firstMoment: state.firstMoment,
                secondMoment: state.secondMoment))
        let run = try folder.tune(settings + ["max_steps=3"])
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.messages.count == 1 && run.messages[0].contains("/meta/history"))
    }

    @Test func theBestAdapterIsTakenAtTheEndAndTheRunStopsEarly() throws {
        let folder = try TrialFolder.finetuning()
        let run = try folder.tuneToEnd([
            "val_size=6", "eval_strategy=steps", "eval_steps=2", "save_steps=2",
            "load_best_model_at_end=true", "early_stopping_steps=3", "learning_rate=0.5",
            "save_total_limit=2", "max_steps=200",
        ])
        let evaluations = try folder.log().filter { $0.evaluationLoss != nil }
        let best = try #require(evaluations.min { $0.evaluationLoss! < $1.evaluationLoss! })
        let last = try #require(evaluations.last)
        #expect(last.step == best.step + 6, "three evaluations without a better one")
        #expect(run.says("took the best checkpoint's weights, of step \(best.step)"))
        #expect(
            folder.names("out").filter { $0.hasPrefix("checkpoint") }
                == ["checkpoint-\(best.step)", "checkpoint-\(last.step)"].sorted()
                .flatMap { [$0, $0 + ".h5"] })
        let adapter = try folder.data("out/adapter_model.safetensors")
        #expect(
            try adapter == folder.data("out/checkpoint-\(best.step)/adapter_model.safetensors"))
        #expect(
            try adapter != folder.data("out/checkpoint-\(last.step)/adapter_model.safetensors"))
    }
}
