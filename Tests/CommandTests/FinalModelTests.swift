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
