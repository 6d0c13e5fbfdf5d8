import Foundation
import Testing

/// What a finished run leaves where it keeps no checkpoints, and keys that ask for nothing more.
@Suite struct FinalModelTests {
    @Test func withoutCheckpointsTheModelIsWritten() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(output: "kept")
        for ranks in [1, 2] {
            let output = "none\(ranks)"
            try folder.trainToEnd(ranks: ranks, output: output, ["save_strategy=no"])
            #expect(!folder.names(output).contains { $0.hasPrefix("checkpoint") })
            #expect(folder.exists(output + "/config.json"))
        }
        #expect(
            try folder.data("none1/model.safetensors") == folder.data("kept/model.safetensors"))
    }

    @Test func withoutCheckpointsTheAdapterIsWritten() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(output: "kept", ["max_steps=3"])
        try folder.tuneToEnd(output: "none", ["max_steps=3", "save_strategy=no"])
        #expect(!folder.names("none").contains { $0.hasPrefix("checkpoint") })
        for name in ["adapter_model.safetensors", "adapter_config.json"] {
            #expect(try folder.data("none/" + name) == folder.data("kept/" + name))
        }
    }

    @Test func withoutCheckpointsTheModelIsTriedAsItIsKept() throws {
        let folder = try TrialFolder.finetuning()
        let settings = [
            "max_steps=4", "val_size=4", "do_train=true", "do_eval=true", "finetuning_type=full",
        ]
        for (output, strategy) in [("kept", "steps"), ("none", "no")] {
            try folder.tuneToEnd(output: output, settings + ["save_strategy=\(strategy)"])
            #expect(folder.exists(output + "/eval_results.json"))
        }
        #expect(
            try folder.data("none/model.safetensors") == folder.data("kept/model.safetensors"))
    }

    @Test(arguments: [1, 2])
    func finishedWeightsWithoutACheckpointAreNotOverwritten(_ ranks: Int) throws {
        let folder = try TrialFolder.finetuning()
        let settings = [
            "max_steps=1", "save_strategy=no", "per_device_train_batch_size=\(2 / ranks)",
        ]
        for (method, file) in [
            ("lora", "adapter_model.safetensors"), ("full", "model.safetensors"),
        ] {
            let settings = settings + ["finetuning_type=\(method)"]
            try folder.tuneToEnd(output: method, ranks: ranks, settings)
            let (names, weights) = try (folder.names(method), folder.data("\(method)/\(file)"))
            for more in [[], ["resume_from_checkpoint=false"]] {
                let run = try folder.tune(
                    output: method, ranks: ranks, settings + ["seed=7"] + more)
                #expect(run.status == 2, "\(run.errors)")
                expectMessage(
                    run,
                    "output_dir: \(method) holds a finished model or adapter (\(file)) and no "
                        + "checkpoint to go on from; choose another output_dir, or set "
                        + "overwrite_output_dir: true to replace it", ranks: ranks)
            }
            #expect(folder.names(method) == names)
            #expect(try folder.data("\(method)/\(file)") == weights)
            try folder.tuneToEnd(
                output: method, ranks: ranks, settings + ["overwrite_output_dir=true"])
        }
    }

    @Test func aFinishedRunWithItsCheckpointIsStartedAgain() throws {
        let folder = try TrialFolder.finetuning()
        try folder.tuneToEnd(["max_steps=2"])
        #expect(try folder.tuneToEnd(["max_steps=2"]).says("resuming from out/checkpoint-2.h5"))
    }

    @Test func aBatchSizeThatIsToBeFoundIsNotHalvedAndSaysSo() throws {
        let folder = try TrialFolder()
        try folder.trainToEnd(output: "plain", ["max_steps=2"])
        let run = try folder.train(output: "found", ["max_steps=2", "auto_find_batch_size=true"])
        #expect(run.status == 0)
        #expect(
            run.says(
                "auto_find_batch_size: no effect here; a batch is never halved: one that needs "
                    + "more memory than there is ends the run"), "\(run.errors)")
        #expect(try folder.losses("found") == folder.losses("plain"))
        let off = try folder.train(output: "off", ["max_steps=1", "auto_find_batch_size=false"])
        #expect(off.status == 0 && !off.errors.contains("auto_find_batch_size"))
    }
}
